"""What an audit found: every group's metrics, every disparity, and how they read as a table, a dict or a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.groups import joined
from evenhand.fairness.report_values import (
    AttributeAudit,
    Disparity,
    FourFifths,
    GroupResult,
    MetricValue,
    disparity_name,
    headline,
    json_label,
    json_number,
    resolve,
)
from evenhand.order import JOINT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "AttributeAudit",
    "AuditReport",
    "Disparity",
    "FourFifths",
    "GroupResult",
    "MetricValue",
    "disparity_name",
    "headline",
    "resolve",
]


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes
    ----------
    task
        ``binary`` or ``multiclass``.
    n
        Rows audited.
    classes, favorable_label
        The labels, and the favorable one (a tuple of labels for multi-class; empty where none was declared).
    overall
        Everybody as one group.
    audits
        By name: each attribute, then each intersection.
    policies
        What each policy's rules came to.
    settings
        Level, confidence, replicates, seed, minimum group size and the like.

    Examples
    --------
    >>> import pandas as pd
    >>> from evenhand.fairness import BiasDetector
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> report = BiasDetector.from_predictions(
    ...     [1, 0, 1, 0], [1, 0, 1, 1], sensitive_features=people, favorable_label=1).detect_bias()
    >>> report.group("sex", "m")["selection_rate"].value
    1.0
    >>> report.disparity("demographic_parity_difference", "sex").value
    0.5
    """

    task: Literal["binary", "multiclass"]
    n: int
    classes: tuple[Any, ...]
    favorable_label: Any
    overall: GroupResult
    audits: Mapping[str, AttributeAudit]
    policies: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def audit(self, attribute: str) -> AttributeAudit:
        """The groups and disparities of an attribute (``race``) or an intersection (``race & sex``, in any order)."""
        found = self.audits.get(attribute)
        if found is None:
            parts = set(attribute.split(JOINT))
            found = next((a for a in self.audits.values() if set(a.attributes) == parts), None)
        if found is None:
            raise DataError(f"{shorten(attribute)} was not audited: {nearest(attribute, self.audits)}")
        return found

    def group(self, attribute: str, group: Any) -> GroupResult:
        """Every metric of a group, by name: ``report.group("race", "black")["selection_rate"].value``.

        Parameters
        ----------
        attribute
            An attribute, or an intersection with its attributes in any order.
        group
            The group as it is named in the report, or the values of the attributes in the order asked for.
        """
        audit = self.audit(attribute)
        labels = _group_labels(audit, attribute, group)
        found = next((label for label in labels if label in audit.groups), None)
        if found is None:
            raise DataError(f"{attribute} has no group {shorten(labels[0])}: {nearest(labels[0], audit.groups)}")
        return audit.groups[found]

    def disparity(
        self,
        name: str,
        attribute: str,
        *,
        method: Literal["between_groups", "to_overall", "to_reference"] = "between_groups",
        agg: Literal["worst_case", "mean"] = "worst_case",
    ) -> Disparity:
        """A disparity: value, interval, p-value, verdict and reason.

        Parameters
        ----------
        name
            As Fairlearn spells it: ``demographic_parity_difference``, ``equalized_odds_ratio``, or any metric's name
            followed by ``_difference`` or ``_ratio``.
        attribute
            An attribute or an intersection.
        method
            Between groups, to everybody, or to the reference group that the audit was given.
        agg
            For equalized odds, the worst case or the mean (average odds). No other disparity is of several rates.
        """
        audit = self.audit(attribute)
        tables: dict[str, Mapping[str, Disparity]] = {
            "between_groups": audit.disparities,
            "to_overall": audit.to_overall,
            "to_reference": audit.to_reference,
        }
        if method not in tables:
            raise DataError(f"method is {shorten(method)}: {nearest(method, tables)}")
        table = tables[method]
        wanted = resolve(name, self.task)
        if agg not in ("worst_case", "mean"):
            raise DataError(f"agg is {shorten(agg)}: {nearest(agg, ('worst_case', 'mean'))}")
        if agg == "mean" and not wanted.startswith(("equalized_odds", "average_odds")):
            raise DataError(
                f"agg='mean' is the mean of equalized odds' rates, and {shorten(name)} has one: leave agg out"
            )
        if agg == "mean":
            wanted = wanted.replace("equalized_odds", "average_odds")
        if wanted not in table:
            if method == "to_reference" and not table:
                remedy = f"give detect_bias(reference={{{attribute!r}: ...}})"
                raise DataError(f"{attribute} has no reference group: {remedy}")
            raise DataError(f"there is no disparity {shorten(name)}: {nearest(name, table)}")
        return table[wanted]

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types that holds all of the report."""
        single = {name: audit.to_dict() for name, audit in self.audits.items() if len(audit.attributes) == 1}
        crossed = {name: audit.to_dict() for name, audit in self.audits.items() if len(audit.attributes) > 1}
        rate = self.overall.metrics.get("base_rate")
        good = self.favorable_label
        favorable = [json_label(label) for label in good] if isinstance(good, tuple) else json_label(good)
        return {
            "task": self.task,
            "n": self.n,
            "classes": [json_label(label) for label in self.classes],
            "favorable_label": favorable,
            "positive_rate": None if rate is None else json_number(rate.value),
            "overall": self.overall.to_dict(),
            "attributes": single,
            "intersections": crossed,
            "policies": [policy if isinstance(policy, dict) else policy.to_dict() for policy in self.policies],
            "settings": dict(self.settings),
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row for each group: attribute, group, n, marks, and each metric's value, low and high end."""
        from evenhand.fairness.render import groups_frame

        return groups_frame(self)

    def disparities_frame(self) -> "pd.DataFrame":
        """One row for each disparity of each attribute."""
        from evenhand.fairness.render import disparities_frame

        return disparities_frame(self)

    def plot(self, metric: str | None = None, attribute: str | None = None, *, limit: float | None = None) -> "Figure":
        """A figure of a rate by group, with intervals, everybody's rate and, with `limit`, where a ratio would fail.

        Parameters
        ----------
        metric
            The metric to show; the selection rate (or accuracy, where there is none) by default.
        attribute
            One attribute or intersection; each single attribute by default.
        limit
            The limit of the ratio to the highest group, shown as a line at `limit` times the highest rate.
        """
        from evenhand.fairness.render import plot_rates

        return plot_rates(self, metric, attribute, limit)

    def _repr_html_(self) -> str:
        from evenhand.fairness.render import render_html

        return render_html(self)


def _group_labels(audit: AttributeAudit, attribute: str, group: Any) -> list[str]:
    """What a group may be called in the audit: its values in the order that was asked for, then as they are given."""
    parts = tuple(str(part) for part in group) if isinstance(group, tuple | list) else (str(group),)
    labels = [joined(parts)]
    asked = tuple(attribute.split(JOINT))
    values = tuple(parts[0].split(JOINT)) if len(parts) == 1 else parts
    if attribute != audit.name and len(values) == len(asked):
        value = dict(zip(asked, values, strict=True))
        labels.insert(0, joined([value[name] for name in audit.attributes]))
    return labels
