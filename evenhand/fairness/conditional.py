"""Conditional demographic disparity: a group's share of the refused against its share of the accepted, given factors.

Demographic disparity of a group in a stratum is its share among those refused less its share among those accepted;
conditional, it is the mean over strata weighted by their rows (Wachter, Mittelstadt and Russell 2021, "Why fairness
cannot be automated", section 5; Amazon SageMaker Clarify's CDDL and CDDPL). A stratum in which nobody or everybody
was accepted has no such shares: it is left out, by name.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from evenhand.fairness.arrays import Array, Floats, divide
from evenhand.fairness.assess import Estimate, View
from evenhand.fairness.counts import CountTable
from evenhand.fairness.groups import joined
from evenhand.fairness.options import Options
from evenhand.fairness.report import AttributeAudit, Disparity, GroupResult, MetricValue
from evenhand.fairness.statistics import bootstrap_interval
from evenhand.fairness.statistics.equality import MOST_DRAWN

__all__ = ["NAME", "conditional_disparity", "stratified", "with_conditional"]

NAME = "conditional_demographic_disparity"
_MOST_DRAWN = 20_000_000


def conditional_disparity(strata: Array) -> Floats:
    """Conditional demographic disparity of each group.

    Parameters
    ----------
    strata
        Rows (or weights) by stratum, group and outcome (refused, accepted), shape (..., s, g, 2).

    Returns
    -------
    ndarray
        Shape (..., g): positive where a group has a larger share of the refused than of the accepted; NaN where
        no stratum has both.

    Examples
    --------
    >>> conditional_disparity(np.array([[[4, 1], [1, 4]]])).round(6).tolist()
    [0.6, -0.6]
    """
    table = np.asarray(strata, dtype=float)
    totals = table.sum(axis=-2)
    shares = divide(table, totals[..., None, :])
    gaps = shares[..., 0] - shares[..., 1]
    rows = np.where((totals > 0).all(axis=-1), totals.sum(axis=-1), 0.0)
    weighted = np.where(rows[..., None] > 0, gaps * rows[..., None], 0.0).sum(axis=-2)
    return divide(weighted, rows.sum(axis=-1)[..., None])


def stratified(table: CountTable, view: View, factors: Sequence[str]) -> tuple[Array, Array, tuple[str, ...]]:
    """Tables (s, g, 2) of predicted outcomes, of estimates and of rows, and the strata's names."""
    marginal = table.marginal([*factors, *view.marginal.attributes])
    depth = len(factors)
    strata = list(dict.fromkeys(group[:depth] for group in marginal.groups))
    groups = list(view.marginal.groups)
    favorable = list(view.favorable)
    found = []
    for part in (marginal.table, marginal.counts):
        out = np.zeros((len(strata), len(groups), 2), dtype=part.dtype)
        accepted = part[:, :, favorable].sum(axis=(1, 2))
        everybody = part.sum(axis=(1, 2))
        for at, group in enumerate(marginal.groups):
            place = strata.index(group[:depth]), groups.index(group[depth:])
            out[place] = everybody[at] - accepted[at], accepted[at]
        found.append(out)
    return found[0], found[1], tuple(joined(stratum) for stratum in strata)


def with_conditional(
    audit: AttributeAudit, table: CountTable, view: View, factors: Sequence[str], options: Options
) -> AttributeAudit:
    """The audit with the disparity of each group, and the largest of them, given the factors."""
    if not factors or not view.favorable:
        return audit
    weighed, counts, strata = stratified(table, view, factors)
    totals = weighed.sum(axis=1)
    left_out = [name for name, both in zip(strata, (totals > 0).all(axis=1).tolist(), strict=True) if not both]
    note = f"left out, for want of refused or of accepted: {', '.join(left_out)}" if left_out else ""
    weighted = view.marginal.weights is not None
    found = _estimate(weighed, counts, note, options, weighted=weighted)
    groups = {label: _with_metric(group, found, at) for at, (label, group) in enumerate(audit.groups.items())}
    largest = _largest(audit, counts, found, note, replace(options, intervals=options.intervals and not weighted))
    return replace(audit, groups=groups, disparities={**audit.disparities, NAME: largest})


def _estimate(weighed: Array, counts: Array, note: str, options: Options, *, weighted: bool) -> Estimate:
    values = conditional_disparity(weighed)
    n = counts.sum(axis=(0, 2)).astype(float)
    size = counts.size
    if np.isnan(values).all():
        return Estimate(values, n, ("no stratum has both refused and accepted",) * len(n))
    if not options.intervals:
        return Estimate(values, n, (note,) * len(n))
    if weighted or len(n) * size * options.replicates > _MOST_DRAWN:
        why = "no replicates under sampling weights" if weighted else "too many strata for replicates"
        return Estimate(values, n, ("; ".join(filter(None, (note, why))),) * len(n))
    own = np.arange(len(n))

    def statistic(cells: Floats) -> Floats:
        # The last axis but one names the group that an entry is about; each has draws of its own.
        every = conditional_disparity(cells.reshape(*cells.shape[:-1], *counts.shape))
        chosen: Floats = every[..., own, own]
        return chosen

    flat = np.broadcast_to(counts.reshape(-1), (len(n), size))
    drawn = bootstrap_interval(
        flat,
        statistic,
        confidence=options.confidence,
        replicates=options.replicates,
        method="percentile",
        seed=options.seed,
    )
    return Estimate(values, n, tuple(note or str(reason) for reason in drawn.reason), drawn.low, drawn.high)


def _with_metric(group: GroupResult, found: Estimate, at: int) -> GroupResult:
    low, high = (None, None)
    if found.low is not None and found.high is not None and not np.isnan(found.low[at]):
        low, high = float(found.low[at]), float(found.high[at])
    value = MetricValue(NAME, float(found.values[at]), low, high, int(found.n[at]), found.reasons[at])
    return replace(group, metrics={**group.metrics, NAME: value})


def _largest(audit: AttributeAudit, counts: Array, found: Estimate, note: str, options: Options) -> Disparity:
    labels = list(audit.groups)
    if np.isnan(found.values).all():
        return Disparity(NAME, audit.name, float("nan"), reason=found.reasons[0])
    at = int(np.nanargmax(found.values))
    p_value = None
    if options.intervals:
        p_value = _p_value(counts.astype(float), float(found.values[at]), options)
    reason = note or "no interval of the largest group's disparity: see the groups' own"
    return Disparity(
        NAME,
        audit.name,
        float(found.values[at]),
        p_value=p_value,
        reason=reason,
        between=(labels[at], "everybody else"),
    )


def _p_value(strata: Floats, largest: float, options: Options) -> float | None:
    """Of a largest disparity like this one, where within each stratum acceptance has nothing to do with the group.

    Labels of groups are permuted within strata. Where there are too few draws for the level, or too many rows to draw,
    each group's disparity is normal with the variance that these permutations give it, and the groups' probabilities
    add up: exactly so with two groups, at most so with more.
    """
    totals = strata.sum(axis=1)
    kept = (totals > 0).all(axis=1)
    table, totals = strata[kept], totals[kept]
    if (table.sum(axis=(0, 2)) > 0).sum() < 2:
        return None
    share = totals.sum(axis=1) / totals.sum()
    if options.replicates * options.alpha < 20 or totals.sum(axis=1).max() >= MOST_DRAWN:
        return _normal_p_value(table, share, largest)
    rng = np.random.default_rng(options.seed)
    drawn = np.zeros((options.replicates, table.shape[1]))
    for stratum, (refused, accepted), weight in zip(table, totals, share, strict=True):
        sizes = stratum.sum(axis=1).astype(np.int64)
        ours = rng.multivariate_hypergeometric(sizes, int(accepted), size=options.replicates, method="marginals")
        drawn += weight * ((sizes - ours) / refused - ours / accepted)
    return float((1 + (drawn.max(axis=1) >= largest - 1e-12).sum()) / (1 + options.replicates))


def _normal_p_value(table: Floats, share: Floats, largest: float) -> float:
    n = table.sum(axis=2)
    refused, accepted = np.moveaxis(table.sum(axis=1), -1, 0)
    rows = (refused + accepted)[:, None]
    # A group's accepted are hypergeometric, and its disparity in a stratum falls by 1/refused + 1/accepted with each.
    spread = n * (rows - n) / rows * (refused * accepted)[:, None] / rows / np.maximum(rows - 1, 1)
    slope = (share * (1 / refused + 1 / accepted))[:, None]
    deviation = np.sqrt((slope**2 * spread).sum(axis=0))
    beyond = np.divide(largest, deviation, out=np.full(len(deviation), np.inf), where=deviation > 0)
    return float(min(1.0, special.ndtr(-beyond).sum()))
