"""Tests that groups share one distribution, permuting only within what a metric conditions on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.exceptions import DataError
from evenhand.fairness.statistics._numeric import Array, pairs_among

Integers = npt.NDArray[np.int64]

# A count this many standard deviations from its mean has a probability under 1e-22.
_REACH = 10.0
# Of a count that spreads so far, log-factorials cancel more digits than a normal probability is off.
_WIDE = 1e5
# numpy draws permutations of fewer rows than this.
MOST_DRAWN = 10**9
# Work of draws beyond which a test is left to moments, some ten seconds of it, and comparisons made at once.
_MOST_WORK = 2e9
_AT_ONCE = 4_000_000
# Rows for every cell of a table from which its cells are drawn, not its rows.
_ROWS_A_CELL = 4


@dataclass(frozen=True, slots=True)
class PValue:
    """A p-value and how it came about.

    Attributes
    ----------
    value
        The p-value, None when there is no null hypothesis to test.
    method
        ``exact`` (all permutations), ``permutation`` (draws), ``analytic`` (chi-square) or ``none``.
    replicates
        Number of draws, 0 unless ``method`` is ``permutation``.
    reason
        Why there is no value, or why the method is not the one asked for.
    """

    value: float | None
    method: Literal["exact", "permutation", "analytic", "none"]
    replicates: int = 0
    reason: str = ""


def equality_p_value(
    table: npt.ArrayLike,
    *,
    alpha: float = 0.05,
    replicates: int = 1000,
    seed: int = 0,
) -> PValue:
    """Permutation test of equality over all groups, drawn on the counts.

    The statistic is the largest total variation between two groups in any stratum.

    Parameters
    ----------
    table
        Whole counts, shape (groups, outcomes) or (strata, groups, outcomes). The strata are what the
        metric conditions on: the true class for true and false positive rates, the predicted class for
        precision. Labels of groups are permuted inside each stratum only.
    alpha
        The level at which the p-value will be used, after correction for multiplicity.
    replicates
        Draws wished for.
    seed
        Seed of the draws.

    Returns
    -------
    PValue
        ``analytic`` when ``replicates`` is under 20 / ``alpha``, as fewer draws could not reach the level, for a
        billion rows and more, of which numpy draws no permutations, and where many labels, groups and rows would take
        minutes to permute: there Pearson's statistic with the mean and variance that permutations give it.

    Notes
    -----
    Given both margins of a stratum, permuted labels give a multivariate hypergeometric table. The
    p-value counts the observed table as one draw: Phipson and Smyth (2010), Statistical Applications in
    Genetics and Molecular Biology 9:39.

    Examples
    --------
    Fisher's tea tasting (The Design of Experiments, 1935, chapter II), two-sided:

    >>> result = equality_p_value([[3, 1], [1, 3]])
    >>> result.method, round(result.value, 4)
    ('exact', 0.4857)
    """
    counts = _strata(table)
    counts = counts[:, counts.sum(axis=(0, 2)) > 0]
    counts = counts[:, :, counts.sum(axis=(0, 1)) > 0]
    if counts.shape[1] < 2:
        return PValue(None, "none", reason="fewer than two groups have rows that this rate is taken over")
    if counts.shape[2] < 2:
        return PValue(1.0, "exact", reason="every row has the same outcome")
    if counts.shape == (1, 2, 2):
        k, n = counts[0, :, 1].astype(float), counts[0].sum(axis=1).astype(float)
        return PValue(float(exact_pair_p_values(k[:1], n[:1], k[1:], n[1:])[0]), "exact")
    analytic = _analytic(counts, replicates, alpha)
    if analytic is not None:
        return analytic
    return PValue(_permutation(counts, replicates, seed), "permutation", replicates)


def pairwise_p_values(table: npt.ArrayLike, *, alpha: float = 0.05, replicates: int = 1000, seed: int = 0) -> Array:
    """P-values of equality of each pair of groups, permuting the rows of that pair only.

    Returns
    -------
    ndarray of shape (groups, groups)
        Symmetric, NaN on the diagonal and for pairs with an empty group.

    Examples
    --------
    >>> pairwise_p_values([[3, 1], [1, 3], [0, 0]]).round(4)[0].tolist()
    [nan, 0.4857, nan]
    """
    counts = _strata(table)
    groups = counts.shape[1]
    result = np.full((groups, groups), np.nan)
    first, second = np.triu_indices(groups, 1)
    if counts.shape[0] == 1 and counts.shape[2] == 2:
        k, n = counts[0, :, 1].astype(float), counts[0].sum(axis=1).astype(float)
        result[first, second] = exact_pair_p_values(k[first], n[first], k[second], n[second])
    else:
        for a, b in zip(first, second, strict=True):
            found = equality_p_value(counts[:, [a, b]], alpha=alpha, replicates=replicates, seed=seed)
            result[a, b] = np.nan if found.value is None else found.value
    result[second, first] = result[first, second]
    return result


def exact_pair_p_values(k1: Array, n1: Array, k2: Array, n2: Array) -> Array:
    """Probability, over all permutations of a pair's labels, of a gap at least as large as seen.

    Whole counts of shape (pairs,). NaN where a group is empty.
    """
    result = np.full(k1.shape, np.nan)
    for at in np.flatnonzero((n1 > 0) & (n2 > 0)):
        result[at] = _exact_pair(float(k1[at]), float(n1[at]), float(k2[at]), float(n2[at]))
    return result


def _exact_pair(k1: float, n1: float, k2: float, n2: float) -> float:
    total, successes = n1 + n2, k1 + k2
    gap = abs(k1 / n1 - k2 / n2)
    mean = n1 * successes / total
    deviation = float(np.sqrt(mean * (1 - successes / total) * n2 / max(total - 1, 1)))
    if gap * n1 * n2 / total > _REACH * deviation + 1 or deviation > _WIDE:
        return float(2 * special.ndtr(-gap * n1 * n2 / total / deviation)) if deviation else 1.0
    first = max(0.0, successes - n2, float(np.floor(mean - 2 * _REACH * deviation - 2)))
    last = min(n1, successes, float(np.ceil(mean + 2 * _REACH * deviation + 2)))
    x = np.arange(first, last + 1)
    log_pmf = _log_choose(n1, x) + _log_choose(n2, successes - x) - _log_choose(total, np.array(successes))
    gaps = np.abs(x / n1 - (successes - x) / n2)
    return float(min(1.0, np.exp(log_pmf[gaps >= gap - 1e-12]).sum()))


def _log_choose(n: float, k: Array) -> Array:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def _strata(table: npt.ArrayLike) -> Integers:
    counts = np.asarray(table)
    if counts.ndim == 2:
        counts = counts[None]
    if counts.ndim != 3:
        raise DataError(
            f"a table has the axes (groups, outcomes) or (strata, groups, outcomes); got {counts.ndim} axes"
        )
    whole = np.rint(counts)
    if not np.all((counts >= 0) & (counts == whole)):
        raise DataError("a permutation test needs whole counts >= 0; weighted tables have no permutation test")
    result: Integers = whole.astype(np.int64)
    return result


def _too_few(replicates: int, alpha: float) -> str:
    return f"{replicates} replicates are fewer than 20/alpha = {20 / alpha:.0f}"


def _analytic(counts: Integers, replicates: int, alpha: float) -> PValue | None:
    """The test without draws where these cannot be made or would not serve, else None."""
    if counts.sum(axis=(1, 2)).max() >= MOST_DRAWN:
        return PValue(_chi_square(counts), "analytic", reason=f"{MOST_DRAWN:g} rows and more are not permuted")
    if replicates * alpha < 20:
        return PValue(_chi_square(counts), "analytic", reason=_too_few(replicates, alpha))
    if _work(counts, replicates) > _MOST_WORK:
        return PValue(_permuted_chi_square(counts), "analytic", reason="too many labels and groups to permute")
    return None


def _permutation(counts: Integers, replicates: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    observed = _statistic(counts[:, None])[0]
    drawn = np.full(replicates, -np.inf)
    # Stratum by stratum, without its empty groups and outcomes: with many labels nearly all are.
    for stratum in map(_occupied, counts):
        if min(stratum.shape) >= 2:
            np.maximum(drawn, _by_parts(_draw(stratum, replicates, rng)), out=drawn)
        elif len(stratum) >= 2:  # one outcome: no gap, however the groups are drawn
            np.maximum(drawn, 0.0, out=drawn)
    reached = int((drawn >= observed - 1e-12).sum())
    return (1 + reached) / (1 + replicates)


def _occupied(stratum: Integers) -> Integers:
    """A stratum without its empty groups and outcomes."""
    kept: Integers = stratum[stratum.sum(axis=1) > 0][:, stratum.sum(axis=0) > 0]
    return kept


def _by_parts(tables: Integers) -> Array:
    """The statistic of many tables of one stratum, as many at a time as fit in memory."""
    groups, outcomes = tables.shape[1:]
    if outcomes == 2:
        rate: Array = tables[..., 1] / tables[0].sum(axis=1)
        return np.asarray(rate.max(axis=1) - rate.min(axis=1), dtype=np.float64)
    size = max(1, _AT_ONCE // (groups * groups * outcomes))
    parts = [tables[None, at : at + size] for at in range(0, len(tables), size)]
    return np.concatenate([_statistic(part) for part in parts])


def _work(counts: Integers, replicates: int) -> float:
    """How much a permutation test of these strata would take: a draw is worth some twenty comparisons."""
    if counts.shape[2] == 2:
        return 0.0  # two outcomes are one draw a group
    groups, outcomes = (counts.sum(axis=axis) > 0 for axis in (2, 1))
    groups, outcomes = groups.sum(axis=1).astype(float), outcomes.sum(axis=1).astype(float)
    return float(replicates * (outcomes * groups * (20 + groups / 2)).sum())


def _draw(stratum: Integers, replicates: int, rng: np.random.Generator) -> Integers:
    """Tables with the margins of ``stratum``, shape (replicates, groups, outcomes)."""
    sizes, totals = stratum.sum(axis=1), stratum.sum(axis=0)
    drawn: Integers = np.zeros((replicates, *stratum.shape), dtype=np.int64)
    if stratum.shape[1] == 2:
        drawn[:, :, 1] = rng.multivariate_hypergeometric(sizes, totals[1], size=replicates, method="marginals")
        drawn[:, :, 0] = sizes - drawn[:, :, 1]
        return drawn
    if sizes.sum() < _ROWS_A_CELL * stratum.size:
        return _shuffled(stratum, replicates, rng)
    remaining = np.broadcast_to(sizes, (replicates, sizes.size)).copy()
    for outcome, total in enumerate(totals[:-1]):
        drawn[:, :, outcome] = _spread(remaining, int(total), rng)
        remaining -= drawn[:, :, outcome]
    drawn[:, :, -1] = remaining
    return drawn


def _shuffled(stratum: Integers, replicates: int, rng: np.random.Generator) -> Integers:
    """The same of a table of few rows, row by row: a draw for every cell would take longer."""
    rows = np.repeat(np.arange(stratum.size), stratum.ravel())
    groups, outcomes = np.divmod(rows, stratum.shape[1])
    shuffled = rng.permuted(np.broadcast_to(groups, (replicates, rows.size)), axis=1)
    places = (np.arange(replicates)[:, None] * len(stratum) + shuffled) * stratum.shape[1] + outcomes
    drawn = np.bincount(places.ravel(), minlength=replicates * stratum.size)
    return np.asarray(drawn.reshape(replicates, *stratum.shape), dtype=np.int64)


def _spread(remaining: Integers, total: int, rng: np.random.Generator) -> Integers:
    """Share ``total`` rows of one outcome among the groups' remaining rows, replicate by replicate."""
    left = np.full(remaining.shape[0], total)
    pool = remaining.sum(axis=1)
    taken: Integers = np.zeros_like(remaining)
    for group in range(remaining.shape[1] - 1):
        pool = pool - remaining[:, group]
        taken[:, group] = rng.hypergeometric(remaining[:, group], pool, left)
        left = left - taken[:, group]
    taken[:, -1] = left
    return taken


def _statistic(tables: Integers) -> Array:
    """Largest total variation between two groups, shape (replicates,), from (strata, replicates, groups, outcomes)."""
    sizes = tables.sum(axis=3, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = tables / sizes
    first, second = pairs_among(tables.shape[2])
    if tables.shape[3] == 2:
        rate = shares[..., 1]
        spread = _nan_max(rate, axis=2) - _nan_min(rate, axis=2)
    else:
        apart = shares[:, :, first] - shares[:, :, second]
        distance = 0.5 * np.abs(apart, out=apart).sum(axis=3)
        spread = _nan_max(distance, axis=2)
    return np.asarray(_nan_max(spread, axis=0))


def _nan_max(values: Array, axis: int) -> Array:
    return np.asarray(np.max(values, axis=axis, initial=-np.inf, where=~np.isnan(values)))


def _nan_min(values: Array, axis: int) -> Array:
    return np.asarray(np.min(values, axis=axis, initial=np.inf, where=~np.isnan(values)))


def _chi_square(counts: Integers) -> float:
    """Pearson's test of homogeneity, statistics and degrees of freedom summed over strata."""
    statistic, freedom = 0.0, 0
    for stratum in counts:
        kept = stratum[stratum.sum(axis=1) > 0][:, stratum.sum(axis=0) > 0]
        if min(kept.shape) < 2:
            continue
        expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / kept.sum()
        statistic += float(((kept - expected) ** 2 / expected).sum())
        freedom += (kept.shape[0] - 1) * (kept.shape[1] - 1)
    return float(special.chdtrc(freedom, statistic)) if freedom else 1.0


def _permuted_chi_square(counts: Integers) -> float:
    """Pearson's test over strata, by a gamma distribution with the mean and variance of all permutations.

    Dawson (1954), Biometrika 41:535-536, gives both, so that cells of few rows do no harm. Strata of under four rows
    have no such variance and are left out.
    """
    statistic, mean, variance = 0.0, 0.0, 0.0
    for stratum in map(_occupied, counts):
        n = float(stratum.sum())
        if n < 4 or min(stratum.shape) < 2:
            continue
        margins = [stratum.sum(axis=1).astype(float), stratum.sum(axis=0).astype(float)]
        expected = np.outer(*margins) / n
        statistic += float(((stratum - expected) ** 2 / expected).sum())
        (v1, w1), (v2, w2) = (
            ((m.size - 1) * (n - m.size) / (n - 1), float((n / m).sum() - m.size**2) / (n - 2)) for m in margins
        )
        mean += n * (margins[0].size - 1) * (margins[1].size - 1) / (n - 1)
        variance += 2 * n / (n - 3) * (v1 - w1) * (v2 - w2) + n**2 / (n - 1) * w1 * w2
    if variance <= 0:
        return 1.0
    return float(special.chdtrc(2 * mean**2 / variance, statistic * 2 * mean / variance))
