"""From the table of counts to a report: estimates of every group and every disparity of every view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from evenhand.data.dataset import UNKNOWN
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import Floats
from evenhand.fairness.combined import combine, multiclass_gaps
from evenhand.fairness.counts import CountTable, Marginal
from evenhand.fairness.disparities import Gap, difference, ratio
from evenhand.fairness.groups import joined, views
from evenhand.fairness.metrics import Metric, binary_metrics, multiclass_metrics
from evenhand.fairness.report import AttributeAudit, Disparity, FourFifths, GroupResult, MetricValue, disparity_name

__all__ = ["NO_INTERVAL", "Estimate", "View", "audit_view", "build_views", "group_results"]

Task = Literal["binary", "multiclass"]

FOUR_FIFTHS = 0.8
NO_INTERVAL = "no interval: intervals and tests are of gaps between groups"


@dataclass(frozen=True)
class Estimate:
    """One metric of all groups of a view.

    Attributes
    ----------
    values, n
        Shape (g,): estimates (NaN where undefined) and the rows that they rest on.
    reasons
        Why a value is undefined or has no interval, "" elsewhere.
    low, high
        Interval ends, shape (g,), NaN where there is none.
    effects
        Design effects under sampling weights, or None.
    signed
        Whether 0 is the ideal and the sign matters, so that ratios mean nothing.
    """

    values: Floats
    n: Floats
    reasons: tuple[str, ...]
    low: Floats | None = None
    high: Floats | None = None
    effects: Floats | None = None
    signed: bool = False


@dataclass(frozen=True)
class View:
    """One attribute or intersection, with everybody's table beside it.

    Attributes
    ----------
    marginal
        Counts by group.
    overall
        Counts of everybody as one group.
    task, classes, favorable
        What kind of target it is, its labels in the table's order, and the indices of the favorable ones.
    """

    marginal: Marginal
    overall: Marginal
    task: Task
    classes: tuple[Any, ...]
    favorable: tuple[int, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that its counts give."""
        if self.task == "binary":
            return binary_metrics()
        return multiclass_metrics(self.classes, [self.classes[i] for i in self.favorable])


def build_views(
    table: CountTable, attributes: Sequence[str], *, depth: int, task: Task, favorable: tuple[int, ...]
) -> list[View]:
    """The view of each attribute and intersection."""
    overall = table.marginal(())
    return [View(table.marginal(view), overall, task, table.classes, favorable) for view in views(attributes, depth)]


def is_unknown(group: Sequence[str]) -> bool:
    """Whether a group is made of rows without a value on one of its attributes."""
    return UNKNOWN in group


def group_results(
    view: View, estimates: Mapping[str, Estimate], marginal: Marginal, small: int
) -> dict[str, GroupResult]:
    """The groups of a view by name, each with all of its metrics."""
    sizes = marginal.n
    results = {}
    for at, (group, label) in enumerate(zip(marginal.groups, marginal.labels, strict=True)):
        metrics = {name: _value(name, found, at) for name, found in estimates.items()}
        results[label] = GroupResult(
            attribute=marginal.name,
            group=label,
            n=int(sizes[at]),
            small=bool(sizes[at] < small),
            unknown=is_unknown(group),
            counts=_confusion(view, marginal.counts[at]),
            metrics=metrics,
        )
    return results


def _value(name: str, found: Estimate, at: int) -> MetricValue:
    low = None if found.low is None or np.isnan(found.low[at]) else float(found.low[at])
    high = None if found.high is None or np.isnan(found.high[at]) else float(found.high[at])
    effect = None if found.effects is None or np.isnan(found.effects[at]) else float(found.effects[at])
    return MetricValue(name, float(found.values[at]), low, high, int(found.n[at]), found.reasons[at], effect)


def _confusion(view: View, counts: Any) -> dict[str, Any]:
    if view.task == "binary":
        (tn, fp), (fn, tp) = counts.tolist()
        return {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    labels = [str(label) for label in view.classes]
    return {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, counts.tolist(), strict=True)}


def audit_view(
    view: View,
    estimates: Mapping[str, Estimate],
    everybody: Mapping[str, Estimate],
    *,
    small: int,
    reference: str | None = None,
) -> AttributeAudit:
    """Groups and disparities of one view, as point estimates."""
    marginal = view.marginal
    labels = marginal.labels
    if reference is not None and reference not in labels:
        raise DataError(f"{marginal.name} has no group {shorten(reference)} to refer to: {nearest(reference, labels)}")
    between = _disparities(view, estimates, None, "")
    overall = _disparities(view, estimates, _bases(everybody, 0), "overall", distributions=view.overall)
    to_reference = {}
    if reference is not None:
        at = labels.index(reference)
        only = _only(marginal, at)
        to_reference = _disparities(view, estimates, _bases(estimates, at), reference, distributions=only)
    return AttributeAudit(
        name=marginal.name,
        attributes=marginal.attributes,
        groups=group_results(view, estimates, marginal, small),
        disparities=between,
        to_overall=overall,
        to_reference=to_reference,
        four_fifths=_four_fifths(estimates, marginal, small),
        reference=reference,
    )


def _bases(estimates: Mapping[str, Estimate], at: int) -> dict[str, float]:
    return {name: float(found.values[at]) for name, found in estimates.items()}


def _only(marginal: Marginal, at: int) -> Marginal:
    def cut(part: Any) -> Any:
        return None if part is None else part[at : at + 1]

    parts = map(cut, (marginal.counts, marginal.weights, marginal.squares))
    return Marginal(marginal.attributes, marginal.groups[at : at + 1], *parts)


def _disparities(
    view: View,
    estimates: Mapping[str, Estimate],
    bases: Mapping[str, float] | None,
    against: str,
    *,
    distributions: Marginal | None = None,
) -> dict[str, Disparity]:
    labels = view.marginal.labels
    method = "between_groups" if bases is None else "to_overall" if distributions is view.overall else "to_reference"
    own = labels.index(against) if method == "to_reference" else None
    gaps: dict[str, Gap] = {}
    for name, found in estimates.items():
        base = None if bases is None else bases[name]
        form = disparity_name(name, "difference", view.task)
        gaps[form] = _gap(partial(difference, own=own), found, labels, base, against)
        if not found.signed:
            form = disparity_name(name, "ratio", view.task)
            gaps[form] = _gap(partial(ratio, own=own), found, labels, base, against)
    if view.task == "binary":
        gaps |= _equalized_odds(gaps)
    else:
        gaps |= multiclass_gaps(view, gaps, distributions, against, own)
    attribute = view.marginal.name
    return {name: _disparity(name, attribute, gap, method) for name, gap in sorted(gaps.items(), key=_rank)}


def _gap(form: Any, found: Estimate, labels: Sequence[str], base: float | None, against: str) -> Gap:
    gap: Gap = form(found.values, labels, base=base, against=against)
    undefined = {
        label: reason or "undefined"
        for label, value, reason in zip(labels, found.values, found.reasons, strict=True)
        if np.isnan(value)
    }
    return Gap(gap.value, gap.between, gap.reason, undefined)


def _equalized_odds(gaps: Mapping[str, Gap]) -> dict[str, Gap]:
    """The worse of the two rates' disparities, and their mean."""
    found: dict[str, Gap] = {}
    for form, worse in (("difference", max), ("ratio", min)):
        parts = {
            "true_positive_rate": gaps[f"equal_opportunity_{form}"],
            "false_positive_rate": gaps[f"predictive_equality_{form}"],
        }
        found |= {f"{name}_{form}": gap for name, gap in combine(parts, worse).items()}
    return found


_ORDER = (
    "demographic_parity",
    "equal_opportunity",
    "predictive_equality",
    "equalized_odds",
    "average_odds",
    "predictive_parity",
    "accuracy_equality",
    "treatment_equality",
)


def _rank(item: tuple[str, Gap]) -> tuple[int, int]:
    base, _, form = item[0].rpartition("_")
    return (_ORDER.index(base) if base in _ORDER else len(_ORDER), 0 if form == "difference" else 1)


def _disparity(name: str, attribute: str, gap: Gap, method: str) -> Disparity:
    reasons = [gap.reason] if gap.reason else []
    if gap.undefined and not np.isnan(gap.value):
        reasons.append(f"taken over the other groups: undefined for {', '.join(gap.undefined)}")
    if not reasons and method != "between_groups":
        reasons.append(NO_INTERVAL)
    return Disparity(
        name,
        attribute,
        gap.value,
        reason="; ".join(reasons),
        between=gap.between,
        undefined=gap.undefined,
        method=method,
    )


def _four_fifths(estimates: Mapping[str, Estimate], marginal: Marginal, small: int) -> FourFifths | None:
    """The flag over the groups of known value; groups of few rows count, and are named."""
    found = estimates.get("selection_rate")
    if found is None:
        return None
    known = [at for at, group in enumerate(marginal.groups) if not is_unknown(group)]
    gap = ratio(found.values[known], [marginal.labels[at] for at in known])
    low, high = gap.between or (None, None)
    sizes = dict(zip(marginal.labels, marginal.n.tolist(), strict=True))
    few = [f"{label} has {sizes[label]} rows" for label in gap.between or () if sizes[label] < small]
    flag = None if np.isnan(gap.value) else gap.value < FOUR_FIFTHS
    return FourFifths(gap.value, flag, low, high, gap.reason or ", ".join(few))


def join_reference(attributes: Sequence[str], reference: Mapping[str, Any]) -> str | None:
    """The reference group of a view: the one named for it, or the crossing of its attributes' own ones.

    Examples
    --------
    >>> join_reference(("race", "sex"), {"race": "white", "sex": "male"})
    'white & male'
    """
    name = joined(attributes)
    if name in reference:
        return str(reference[name])
    if all(attribute in reference for attribute in attributes):
        return joined([str(reference[attribute]) for attribute in attributes])
    return None
