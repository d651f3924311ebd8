"""A policy: dated rules with their source, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal

from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics.exact import Kind

Inclusion = Literal["report", "require"]
Table = Literal["impact_ratio", "scoring_rate"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit on one disparity.

    Attributes
    ----------
    metric
        Name of a disparity, ending in ``_difference`` or ``_ratio``.
    limit
        Largest tolerated difference, or smallest tolerated ratio, strictly between 0 and 1.
    attributes
        Sensitive attributes that it applies to; empty for every attribute audited.
    alpha
        Level of its own; None for the policy's.
    reversal
        Whether a pair in which one different selection reverses the order is no evidence against it.
    """

    metric: str
    limit: float
    attributes: tuple[str, ...] = ()
    alpha: float | None = None
    reversal: bool = False

    @property
    def kind(self) -> Kind:
        """Whether the limit bounds a difference or a ratio."""
        return "ratio" if self.metric.endswith("_ratio") else "difference"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, with where they come from and since when they apply.

    Attributes
    ----------
    name, title, description
        What it is.
    source, jurisdiction, effective
        Where it is written down, where it applies and since which day.
    rules
        Limits; empty for a policy that only asks for tables.
    alpha
        Level of the verdicts.
    unknown, small_groups
        ``report``: rows without a value, and groups under ``minimum_group`` rows, are shown and named and
        take no part in the verdict. ``require``: they do.
    minimum_group
        Rows under which a group is small.
    may_leave_out_under
        Share of all rows under which the source lets a category be left out; it is marked, and shown.
    tables
        Tables that the policy asks for.
    notes
        What a reader should know.
    """

    name: str
    title: str
    description: str
    source: str
    jurisdiction: str
    effective: date
    rules: tuple[Rule, ...]
    alpha: float = 0.05
    unknown: Inclusion = "report"
    small_groups: Inclusion = "report"
    minimum_group: int = 20
    may_leave_out_under: float | None = None
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()

    def spending(self, share: float) -> Policy:
        """The same policy at a share of its error, above 0 and at most 1, for one of many looks.

        Raises
        ------
        ConfigError
            When the share lies elsewhere.
        """
        if not 0 < share <= 1:
            raise ConfigError(f"a look spends a share of alpha above 0 and at most 1, not {share!r}")
        rules = tuple(rule if rule.alpha is None else replace(rule, alpha=rule.alpha * share) for rule in self.rules)
        return replace(self, alpha=self.alpha * share, rules=rules)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        rules = [asdict(rule) | {"attributes": list(rule.attributes)} for rule in self.rules]
        return asdict(self) | {
            "effective": self.effective.isoformat(),
            "rules": rules,
            "tables": list(self.tables),
            "notes": list(self.notes),
        }
