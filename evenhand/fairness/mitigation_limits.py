"""Limits that a mitigated model has to keep, and how far a model is from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.groups import joined, views
from evenhand.fairness.methods import Constraint
from evenhand.fairness.policies import Policy
from evenhand.fairness.policies.families import metric_names
from evenhand.fairness.policies.model import Rule
from evenhand.order import JOINT

__all__ = [
    "Limit",
    "Reading",
    "as_limits",
    "as_policy",
    "attributes_of",
    "counted_rows",
    "read_disparities",
    "steering",
]

Flags = npt.NDArray[np.bool_]

_MINIMUM_GROUP = 20
_GROUP, _NO_VALUE = "group", "(no value)"


@dataclass(frozen=True)
class Limit:
    """A disparity and how far it may go: a difference at most, a ratio at least `bound`.

    Attributes
    ----------
    metric, bound
        The disparity and its limit.
    attributes
        The sensitive attributes, and intersections such as ``race & sex``, that it is about; empty for each attribute.

    Examples
    --------
    >>> limit = Limit("demographic_parity_ratio", 0.8)
    >>> limit.excess(0.75) > 0, limit.excess(0.9), str(limit)
    (True, 0.0, 'demographic_parity_ratio >= 0.8')
    >>> str(Limit("demographic_parity_difference", 0.1, ("race & sex",)))
    'demographic_parity_difference by race & sex <= 0.1'
    """

    metric: str
    bound: float
    attributes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What its readings are called: the metric, with the attributes where it is not about each."""
        return f"{self.metric} by {', '.join(self.attributes)}" if self.attributes else self.metric

    @property
    def kind(self) -> Literal["difference", "ratio"]:
        """What it bounds."""
        return "ratio" if self.metric.endswith("_ratio") else "difference"

    def excess(self, value: float) -> float:
        """How far a value lies beyond the limit: 0 inside it, infinite where the value is undefined."""
        if np.isnan(value):
            return float("inf")
        beyond = self.bound - value if self.kind == "ratio" else value - self.bound
        return max(0.0, float(beyond))

    def gap(self, value: float) -> float:
        """The value as a gap that is 0 at equality."""
        return 1 - value if self.kind == "ratio" else value

    def __str__(self) -> str:
        return f"{self.name} {'>=' if self.kind == 'ratio' else '<='} {self.bound:g}"


@dataclass(frozen=True)
class Reading:
    """The worst value of a disparity over the attributes.

    Attributes
    ----------
    metric, value, attribute
        The disparity, its value (NaN where undefined) and the attribute that it is worst for.
    complete
        Whether every group that counts took part; otherwise it never lies inside a limit.
    reason
        Why it is undefined or incomplete, else "".
    """

    metric: str
    value: float
    attribute: str
    complete: bool = True
    reason: str = ""

    def inside(self, limit: Limit) -> bool:
        """Whether it is known to keep the limit."""
        return self.complete and limit.excess(self.value) == 0


# Of more than two labels these compare each label, and none in particular.
_OF_EVERY_LABEL = ("equalized_odds", "accuracy", "accuracy_equality")


def as_limits(limits: Mapping[str, float] | Policy | None, task: str, *, favorable: bool = False) -> tuple[Limit, ...]:
    """The limits to keep.

    By default those of the plain statistical policy for the groups' rates: a demographic parity ratio of at least .8;
    for more than two labels a difference of at most .1. These have a ratio where some of them are declared favorable
    (`favorable`): that of the rates of the favorable ones together against the rest, as in the audit.

    Raises
    ------
    DataError
        A metric that no limit can be set for, or a bound that is not between 0 and 1.

    Examples
    --------
    >>> [str(limit) for limit in as_limits({"demographic_parity_ratio": 0.8}, "multiclass", favorable=True)]
    ['demographic_parity_ratio >= 0.8']
    """
    if limits is None:
        limits = {"demographic_parity_ratio": 0.8} if task == "binary" else {"demographic_parity_difference": 0.1}
    if isinstance(limits, Policy):
        asked = [Limit(rule.metric, rule.limit, rule.attributes) for rule in limits.rules]
    else:
        asked = [Limit(metric, bound) for metric, bound in limits.items()]
    if not asked:
        raise DataError("no limit is given: name one, such as {'demographic_parity_difference': 0.1}")
    for metric, bound in ((limit.metric, limit.bound) for limit in asked):
        if metric not in metric_names():
            raise DataError(f"there is no limit for {shorten(metric)}: {nearest(metric, metric_names())}")
        if task != "binary" and metric.endswith("_ratio"):
            _check_ratio(metric, favorable=favorable)
        if isinstance(bound, bool) or not isinstance(bound, Real) or not 0 < float(bound) < 1:
            raise DataError(f"the limit of {metric} is {shorten(bound)}: give a number between 0 and 1")
    return tuple(dict.fromkeys(replace(limit, bound=float(limit.bound)) for limit in asked))


def _check_ratio(metric: str, *, favorable: bool) -> None:
    """Refuse a ratio that more than two labels do not have."""
    each = metric.removesuffix("_ratio") in _OF_EVERY_LABEL
    if each or not favorable:
        other = "" if each else ", or declare the favorable labels that it is to be about"
        raise DataError(f"{metric} is for two labels: limit a difference, such as demographic_parity_difference{other}")


def as_policy(
    limits: Mapping[str, float] | Policy | None,
    found: Sequence[Limit],
    attributes: Sequence[str],
    *,
    minimum_group: int | None,
    depth: int,
) -> Policy:
    """What the limits are judged by: the policy that was given, or one made of them.

    Parameters
    ----------
    limits, found
        What was given, and what :func:`as_limits` read in it.
    attributes
        The sensitive attributes that a rule without any is about.
    minimum_group
        Rows under which a group is small; None for the policy's own, or 20.
    depth
        Attributes of the deepest intersection that is audited.

    Raises
    ------
    DataError
        A rule about an attribute or an intersection that is not among those looked at.
    """
    known = [joined(view) for view in views(attributes, depth)]
    for name in (name for limit in found for name in limit.attributes):
        if name not in known:
            raise DataError(f"the policy limits {shorten(name)}, which is not looked at: {nearest(name, known)}")
    if isinstance(limits, Policy):
        rules = tuple(replace(rule, attributes=rule.attributes or tuple(attributes)) for rule in limits.rules)
        return replace(limits, rules=rules, minimum_group=minimum_group or limits.minimum_group)
    return Policy(
        name="mitigation-limits",
        title="The limits that the mitigation was given",
        description="Limits of this mitigation, judged on rows that took no part in it.",
        source="the caller",
        jurisdiction="none",
        effective=date(1970, 1, 1),
        rules=tuple(Rule(limit.metric, limit.bound, attributes=tuple(attributes)) for limit in found),
        minimum_group=minimum_group or _MINIMUM_GROUP,
    )


def steering(limits: Sequence[Limit]) -> Constraint:
    """What methods equalise for these limits: the narrowest constraint that serves the first of them.

    Examples
    --------
    >>> steering([Limit("predictive_equality_difference", 0.1)])
    'equalized_odds'
    """
    name = limits[0].metric
    if name.startswith(("equal_opportunity", "true_positive_rate", "false_negative_rate")):
        return "equal_opportunity"
    odds = ("equalized_odds", "predictive_equality", "false_positive_rate", "true_negative_rate")
    return "equalized_odds" if name.startswith(odds) else "demographic_parity"


def counted_rows(groups: pd.Series, unknown: Flags, policy: Policy) -> Flags:
    """The rows whose group counts for a limit: of a known group and of enough rows, unless the policy requires more."""
    sizes = groups.map(groups.value_counts()).to_numpy()
    known = ~unknown if policy.unknown == "report" else np.ones(len(groups), dtype=bool)
    large = sizes >= policy.minimum_group if policy.small_groups == "report" else np.ones(len(groups), dtype=bool)
    return np.asarray(known & large, dtype=bool)


def read_disparities(
    y_true: Any,
    y_pred: Any,
    sensitive_features: pd.DataFrame,
    *,
    limits: Sequence[Limit],
    policy: Policy,
    favorable_label: Any,
    classes: Sequence[Any] | None = None,
) -> dict[str, Reading]:
    """The worst of each limited disparity over its attributes, estimates alone, by the names of the limits.

    Parameters
    ----------
    y_true, y_pred, sensitive_features
        Labels, decisions and groups, shape (n,) and (n, attributes).
    limits, policy
        What is read, and which groups count for it.
    favorable_label, classes
        Of the target.
    """
    from evenhand.fairness.detector import BiasDetector

    truth, calls = np.asarray(y_true, dtype=object), np.asarray(y_pred, dtype=object)
    columns = tuple(map(str, sensitive_features.columns))
    found: dict[str, list[Reading]] = {limit.name: [] for limit in limits}
    for view in dict.fromkeys(name for limit in limits for name in limit.attributes or columns):
        asked = [limit for limit in limits if view in (limit.attributes or columns)]
        groups, unknown = _groups_of(sensitive_features.reset_index(drop=True), view)
        rows = counted_rows(groups, unknown, policy)
        if groups[rows].nunique() < 2:
            reason = f"fewer than two groups of {view} have {policy.minimum_group} rows"
            for limit in asked:
                found[limit.name].append(Reading(limit.metric, float("nan"), view, complete=False, reason=reason))
            continue
        detector = BiasDetector.from_predictions(
            truth[rows].tolist(),
            calls[rows].tolist(),
            sensitive_features=groups[rows].to_frame(_GROUP),
            favorable_label=favorable_label,
            classes=classes,
        )
        report = detector.detect_bias(depth=1, intervals=False)
        for limit in asked:
            found[limit.name].append(_reading(report.disparity(limit.metric, _GROUP), view))
    return {name: max(readings, key=_badness) for name, readings in found.items()}


def attributes_of(view: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The attributes of which an audit's view has this name.

    Examples
    --------
    >>> attributes_of("race & sex", ["race", "sex", "age"])
    ('race', 'sex')
    """
    known = list(columns)
    return next(names for names in views(known, len(known)) if joined(names) == view)


def _groups_of(sensitive_features: pd.DataFrame, view: str) -> tuple[pd.Series, Flags]:
    """The group of each row for an attribute or an intersection, and which rows lack a value of it."""
    parts = [sensitive_features[name].astype(object) for name in attributes_of(view, sensitive_features.columns)]
    unknown = np.logical_or.reduce([np.asarray(part == UNKNOWN, dtype=bool) for part in parts])
    texts = [part.where(part != UNKNOWN, _NO_VALUE).map(str) for part in parts]  # a group like others, where it counts
    return pd.concat(texts, axis=1).agg(JOINT.join, axis=1), unknown


def _reading(disparity: Any, view: str) -> Reading:
    missing = [f"{group}: {reason}" for group, reason in disparity.undefined.items()]
    reason = disparity.reason or "; ".join(missing)
    complete = not missing and not np.isnan(disparity.value)
    return Reading(disparity.name, float(disparity.value), view, complete=complete, reason=reason)


def _badness(reading: Reading) -> tuple[bool, float]:
    if np.isnan(reading.value):
        return True, 0.0
    return False, -reading.value if reading.metric.endswith("_ratio") else reading.value
