"""Score tests in which the limit itself is the null hypothesis.

A limit tolerates an interval of gaps: |p1 - p2| <= limit, or limit <= p1 / p2 <= 1 / limit. One p-value
speaks for the gap being inside, one for it being beyond. Verdicts compare them with a level, and
intervals are the limits at which neither would be reached: one inversion serves both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.fairness.statistics._numeric import Array
from evenhand.fairness.statistics._score import corrected_difference_z, difference_z, ratio_z
from evenhand.fairness.statistics.exact import Kind, exact_tail
from evenhand.fairness.statistics.rates_by_group import Pairs

# Under this many expected successes or failures in the smaller group the normal limit is not relied on.
FEW_EXPECTED = 5.0
# Under this many, the binomial lattice can push a test's size from 5 to 6 %: verdicts confirm close p-values.
SOME_EXPECTED = 500.0
# How far under its level a p-value of the normal limit is out of reach of that error.
_CLOSE = 0.25


def within_p_values(
    pairs: Pairs, limit: float, kind: Kind, *, level: float = 0.05, exact_below: float = FEW_EXPECTED
) -> Array:
    """P-values for "this pair's gap lies inside the limit", shape (pairs,).

    The larger of the two one-sided p-values (two one-sided tests). Where few successes or failures are
    expected, a p-value under ``level`` must hold in the exact unconditional test as well; under
    ``exact_below`` expected ones, a p-value close to ``level`` must.

    Examples
    --------
    >>> from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of
    >>> pairs = pairs_of([Rates([500, 490], [1000, 1000], ["a", "b"])])
    >>> bool(within_p_values(pairs, 0.1, "difference")[0] < 0.001)
    True
    """
    p = _score_p_values(pairs, limit, kind)[0]
    at = _doubtful(pairs, p, level, exact_below)
    if at.any():
        p[at] = np.maximum(p[at], _exact_within(pairs, at, limit, kind))
    return np.asarray(p)


def beyond_p_values(
    pairs: Pairs,
    limit: float,
    kind: Kind,
    *,
    level: float = 0.05,
    exact_below: float = FEW_EXPECTED,
    strictest: float | None = None,
) -> Array:
    """P-values for "this pair's gap lies beyond the limit", shape (pairs,).

    The null is the tolerated interval. Its p-value is the sum of the tails seen from both ends, which is
    the size of the two-sided test at the nearer end: Schuirmann-type halves would reject up to twice too
    often when the interval is narrow against the standard error. ``strictest`` is the lowest level that a
    stepwise correction may compare with, ``level`` the highest.

    Examples
    --------
    >>> from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of
    >>> pairs = pairs_of([Rates([500, 250], [1000, 1000], ["a", "b"])])
    >>> bool(beyond_p_values(pairs, 0.8, "ratio")[0] < 0.001)
    True
    """
    p = _score_p_values(pairs, limit, kind)[1]
    at = _doubtful(pairs, p, level, exact_below, strictest)
    if at.any():
        p[at] = np.maximum(p[at], _exact_beyond(pairs, at, limit, kind))
    return np.asarray(p)


def _score_p_values(pairs: Pairs, limit: float, kind: Kind) -> tuple[Array, Array]:
    """Those of the score tests; 1 where effective counts rest on too few rows to be tested."""
    within, beyond = plain_p_values(pairs, limit, kind)
    few = too_few(pairs, limit, kind)
    return np.where(few, 1.0, within), np.where(few, 1.0, beyond)


def plain_p_values(pairs: Pairs, limit: float, kind: Kind) -> tuple[Array, Array]:
    """P-values of the score tests, whatever they rest on; shape (pairs,) each."""
    counts = (pairs.k1, pairs.n1, pairs.k2, pairs.n2)
    if pairs.slack is None:
        return score_p_values(*counts, np.full(len(pairs), limit), kind)
    return figure_p_values(*counts, np.full(len(pairs), limit), pairs.slack)


def too_few(pairs: Pairs, limit: float, kind: Kind) -> npt.NDArray[np.bool_]:
    """Comparisons of effective counts that rest on too few rows for a test, shape (pairs,); none that are exactable.

    Fewer than ``FEW_EXPECTED`` effective successes or failures are expected in the smaller group, at the pooled value
    or, of a difference, at one that is ``limit`` away from its end; or a group is short of rows for a figure.
    """
    pooled = (pairs.k1 + pairs.k2) / (pairs.n1 + pairs.n2)
    rarer = np.minimum(pooled, 1 - pooled)
    if kind == "difference":
        rarer = np.clip(rarer, min(limit, 0.5), 0.5)
    few = np.minimum(pairs.n1, pairs.n2) * rarer < FEW_EXPECTED
    short = np.zeros(len(pairs), dtype=bool) if pairs.growth is None else pairs.growth > 1
    return np.asarray(~pairs.exactable & (few | short))


def figure_p_values(k1: Array, n1: Array, k2: Array, n2: Array, limit: Array, slack: Array) -> tuple[Array, Array]:
    """:func:`score_p_values` of differences of effective counts, each gap ``slack`` away where it tells the least."""
    z = corrected_difference_z
    near, far = np.clip(limit - slack, -1.0, 1.0), np.clip(limit + slack, -1.0, 1.0)
    within = np.maximum(special.ndtr(z(k1, n1, k2, n2, near)), special.ndtr(-z(k1, n1, k2, n2, -near)))
    tails = special.ndtr(-z(k1, n1, k2, n2, far)) + special.ndtr(-z(k1, n1, k2, n2, -far))
    return np.asarray(within), np.asarray(np.minimum(tails, 2 - tails))


def score_p_values(k1: Array, n1: Array, k2: Array, n2: Array, limit: Array, kind: Kind) -> tuple[Array, Array]:
    """P-values of the score tests alone, for "within" and for "beyond" the limits; shape (pairs,) each."""
    low, high = (-limit, limit) if kind == "difference" else (limit, 1 / limit)
    z = difference_z if kind == "difference" else ratio_z
    # How many standard errors the gap lies under the upper and over the lower end of the tolerated interval.
    above, below = -z(k1, n1, k2, n2, high), z(k1, n1, k2, n2, low)
    tails = special.ndtr(above) + special.ndtr(-below)
    within = np.maximum(special.ndtr(-above), special.ndtr(-below))
    return np.asarray(within), np.asarray(np.minimum(tails, 2 - tails))


def _ends(pairs: Pairs, limit: float, kind: Kind) -> tuple[Array, Array]:
    low, high = (-limit, limit) if kind == "difference" else (limit, 1 / limit)
    return np.full(len(pairs), low), np.full(len(pairs), high)


def _doubtful(
    pairs: Pairs, p: Array, level: float, exact_below: float, strictest: float | None = None
) -> npt.NDArray[np.bool_]:
    """Comparisons whose p-value has to be confirmed by the exact test before it counts."""
    expected = expected_counts(pairs)
    close = (expected < exact_below) & (p > _CLOSE * (level if strictest is None else strictest))
    return np.asarray(pairs.exactable & (p <= level) & (close | (expected < FEW_EXPECTED)))


def expected_counts(pairs: Pairs) -> Array:
    """Successes or failures, whichever are fewer, expected in a pair's smaller group at the pooled rate."""
    pooled = (pairs.k1 + pairs.k2) / (pairs.n1 + pairs.n2)
    return np.asarray(np.minimum(pairs.n1, pairs.n2) * np.minimum(pooled, 1 - pooled))


def _exact_within(pairs: Pairs, at: npt.NDArray[np.bool_], limit: float, kind: Kind) -> Array:
    """Larger exact p-value against the gap being at or past either end; both ends look alike with groups swapped."""
    k1, n1, k2, n2 = pairs.k1[at], pairs.n1[at], pairs.k2[at], pairs.n2[at]
    low = _ends(pairs, limit, kind)[0][at]
    return np.maximum(exact_tail(k1, n1, k2, n2, low, kind), exact_tail(k2, n2, k1, n1, low, kind))


def _exact_beyond(pairs: Pairs, at: npt.NDArray[np.bool_], limit: float, kind: Kind) -> Array:
    """Sum of the exact tails seen from both ends, the group with the larger rate first."""
    k1, n1, k2, n2 = pairs.k1[at], pairs.n1[at], pairs.k2[at], pairs.n2[at]
    swap = k1 * n2 < k2 * n1
    k1, k2 = np.where(swap, k2, k1), np.where(swap, k1, k2)
    n1, n2 = np.where(swap, n2, n1), np.where(swap, n1, n2)
    low, high = (end[at] for end in _ends(pairs, limit, kind))
    tails = exact_tail(k1, n1, k2, n2, high, kind) + exact_tail(k1, n1, k2, n2, low, kind)
    return np.minimum(1.0, tails)
