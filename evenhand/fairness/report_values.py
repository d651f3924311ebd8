"""What a report is made of: a metric's value, a group, a disparity, and all of them for one attribute."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.metrics import ALIASES

__all__ = [
    "AttributeAudit",
    "Disparity",
    "FourFifths",
    "GroupResult",
    "MetricValue",
    "disparity_name",
    "headline",
    "json_label",
    "json_number",
    "resolve",
]


def json_number(value: Any) -> Any:
    """A value as JSON has it: no infinity and no NaN."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return float(value) if isfinite(value) else None


def json_label(label: Any) -> Any:
    """A label as JSON has it: a date, or any other that is neither text nor number, by its text.

    Examples
    --------
    >>> from datetime import date
    >>> json_label("yes"), json_label(1), json_label(date(2025, 1, 31))
    ('yes', 1, '2025-01-31')
    """
    return label if label is None or isinstance(label, bool | int | float | str) else str(label)


@dataclass(frozen=True)
class MetricValue:
    """One metric of one group.

    Attributes
    ----------
    name, value
        The metric and its estimate; NaN where it is undefined.
    low, high
        The interval's ends, or None where there is none.
    n
        Rows that the metric rests on: its denominator.
    reason
        Why the value is undefined or has no interval; else "".
    design_effect
        With sampling weights, how much the weights widen the variance; else None.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""
    design_effect: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types; an undefined value is None."""
        found = {key: json_number(getattr(self, key)) for key in ("value", "low", "high", "n")}
        found["reason"] = self.reason
        return found if self.design_effect is None else {**found, "design_effect": json_number(self.design_effect)}


@dataclass(frozen=True)
class GroupResult(Mapping[str, MetricValue]):
    """One group: a mapping from the names of its metrics to their values; names work as attributes, too.

    Attributes
    ----------
    attribute, group
        The attribute (or intersection) and the group in it.
    n
        Rows of the group.
    small
        Fewer rows than the report's minimum: shown, and named wherever it counts.
    unknown
        The group of rows without a value.
    counts
        ``tp``, ``fp``, ``fn``, ``tn`` for binary; for multi-class ``label -> predicted label -> rows``.
    metrics
        The values by name.
    """

    attribute: str
    group: str
    n: int
    small: bool
    unknown: bool
    counts: Mapping[str, Any]
    metrics: Mapping[str, MetricValue]

    def __getitem__(self, name: str) -> MetricValue:
        found = self.metrics.get(ALIASES.get(name, name))
        if found is None:
            raise DataError(f"there is no metric {shorten(name)}: {nearest(name, self.metrics)}")
        return found

    def __contains__(self, name: object) -> bool:
        return ALIASES.get(str(name), str(name)) in self.metrics

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def __getattr__(self, name: str) -> MetricValue:
        if name.startswith("_") or name not in self:
            raise AttributeError(f"a group has no metric {name!r}")
        return self[name]

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {
            "group": self.group,
            "n": self.n,
            "small": self.small,
            "unknown": self.unknown,
            "metrics": {name: value.to_dict() for name, value in self.metrics.items()},
            "counts": dict(self.counts),
        }


@dataclass(frozen=True)
class Disparity:
    """One disparity of one attribute or intersection.

    Attributes
    ----------
    name, attribute
        The disparity (``demographic_parity_difference``) and what it is taken over.
    value
        The estimate; NaN where it is undefined. With a verdict it is taken over the groups that the verdict is about;
        a policy may leave out ``unknown`` and small groups, which `reason` then names with the value over all.
    low, high
        Ends of its interval, or None. With a verdict they are the limits that it rests on, each missing with the
        rule's level; else those of the report's confidence.
    p_value
        Of the test that the groups are equal, or None.
    verdict
        ``PASS``, ``FAIL`` or ``INCONCLUSIVE`` where a policy declares a limit for it, else None.
    reason
        Why it is undefined, or what the verdict rests on.
    between
        The groups that it stands between.
    undefined
        Groups that it could not take in, with their reasons; while there are any it never passes.
    method
        Between groups, to everybody (``to_overall``), or to a reference group (``to_reference``).
    """

    name: str
    attribute: str
    value: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    verdict: str | None = None
    reason: str = ""
    between: tuple[str, str] | None = None
    undefined: Mapping[str, str] = field(default_factory=dict)
    method: str = "between_groups"

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types; an undefined value is None."""
        found = {
            key: json_number(getattr(self, key)) for key in ("value", "low", "high", "p_value", "verdict", "reason")
        }
        return {**found, "between": list(self.between or ()), "undefined": dict(self.undefined), "method": self.method}


@dataclass(frozen=True)
class FourFifths:
    """The four-fifths flag: a selection rate under 4/5 of the highest group's (29 CFR 1607.4D). Not a verdict.

    It is about groups of known value: ``unknown`` is none.

    Attributes
    ----------
    ratio
        The lowest selection rate over the highest, NaN where undefined.
    flag
        Whether it is under .8; None where undefined.
    group, reference
        The group of the lowest rate and that of the highest.
    reason
        Why it is undefined, or which of the two has few rows, or "".
    """

    ratio: float
    flag: bool | None
    group: str | None
    reference: str | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {key: json_number(getattr(self, key)) for key in ("ratio", "flag", "group", "reference", "reason")}


@dataclass(frozen=True)
class AttributeAudit:
    """The groups and disparities of one attribute or intersection.

    Attributes
    ----------
    name, attributes
        Its name (``race & sex``) and the attributes that it crosses.
    groups
        By name.
    disparities
        By name, between groups.
    to_overall, to_reference
        The same against everybody, and against the named reference group (empty without one).
    four_fifths
        None where nobody's selection is defined (multi-class without favorable labels).
    reference
        The reference group, or None.
    """

    name: str
    attributes: tuple[str, ...]
    groups: Mapping[str, GroupResult]
    disparities: Mapping[str, Disparity]
    to_overall: Mapping[str, Disparity] = field(default_factory=dict)
    to_reference: Mapping[str, Disparity] = field(default_factory=dict)
    four_fifths: FourFifths | None = None
    reference: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        disparities: dict[str, Any] = {name: value.to_dict() for name, value in self.disparities.items()}
        if self.four_fifths is not None:
            disparities["four_fifths"] = self.four_fifths.to_dict()
        return {
            "groups": [group.to_dict() for group in self.groups.values()],
            "disparities": disparities,
            "to_overall": {name: value.to_dict() for name, value in self.to_overall.items()},
            "to_reference": {name: value.to_dict() for name, value in self.to_reference.items()},
            "reference": self.reference,
        }


_HEADLINES = {
    "selection_rate": "demographic_parity",
    "true_positive_rate": "equal_opportunity",
    "false_positive_rate": "predictive_equality",
    "precision": "predictive_parity",
    "accuracy": "accuracy_equality",
}


def headline(metric: str) -> str:
    """The name that the literature gives to a disparity of this metric.

    Examples
    --------
    >>> headline("selection_rate"), headline("f1")
    ('demographic_parity', 'f1')
    """
    return _HEADLINES.get(metric, metric)


# With more than two labels these compare distributions, or each favorable label alone, and not the metric's own rate.
_OF_LABELS = frozenset({"demographic_parity_difference", "equal_opportunity_difference", "equal_opportunity_ratio"})


def disparity_name(metric: str, form: str, task: str = "binary") -> str:
    """The name that a report has for a metric's ``difference`` or ``ratio``.

    Examples
    --------
    >>> disparity_name("selection_rate", "difference"), disparity_name("selection_rate", "difference", "multiclass")
    ('demographic_parity_difference', 'selection_rate_difference')
    """
    named = f"{headline(metric)}_{form}"
    return f"{metric}_{form}" if task == "multiclass" and named in _OF_LABELS else named


def resolve(name: str, task: str = "binary") -> str:
    """A disparity's name as the report has it, from any of its spellings.

    Examples
    --------
    >>> resolve("selection_rate_ratio"), resolve("recall_score_difference")
    ('demographic_parity_ratio', 'equal_opportunity_difference')
    """
    for form in ("difference", "ratio"):
        if name.endswith(f"_{form}"):
            base = name.removesuffix(f"_{form}")
            return disparity_name(ALIASES.get(base, base), form, task)
    return name
