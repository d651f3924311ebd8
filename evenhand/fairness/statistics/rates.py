"""Intervals for one proportion that keep a width at 0 and at 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.fairness.statistics._numeric import Array, Bounds, as_counts, bisect, critical_value, divide

Limits: TypeAlias = Callable[[npt.ArrayLike, npt.ArrayLike, float], Bounds]
"""An interval of proportions: successes, trials and confidence to lower and upper limits."""

# Successes or failures from which Wilson's interval serves; see rate_interval.
_FEW_SEEN = 13


def wilson(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Wilson score interval of a proportion.

    Parameters
    ----------
    k, n
        Successes and trials, arrays that broadcast. Fractional (effective) counts are accepted.
    confidence
        Two-sided confidence level.

    Returns
    -------
    tuple of ndarray
        Lower and upper limits; NaN where ``n`` is 0.

    Raises
    ------
    DataError
        If a count is negative or ``k`` exceeds ``n``.

    Notes
    -----
    Wilson (1927), JASA 22:209-212. The example is case (a) of Table I in Newcombe (1998),
    Statistics in Medicine 17:857-872.

    Examples
    --------
    >>> low, high = wilson(81, 263)
    >>> print(f"{low:.4f} {high:.4f}")
    0.2553 0.3662
    """
    k, n = as_counts(k, n)
    z2 = critical_value(confidence) ** 2
    p = divide(k, n)
    center = p + 0.5 * divide(np.full_like(n, z2), n)
    spread = np.sqrt(z2 * divide(p * (1 - p) + 0.25 * divide(np.full_like(n, z2), n), n))
    scale = 1 + divide(np.full_like(n, z2), n)
    # Rounding must not leave 1e-17 where the limit is exactly 0 or 1.
    low = np.where(k == 0, np.where(n > 0, 0.0, np.nan), (center - spread) / scale)
    high = np.where(k == n, np.where(n > 0, 1.0, np.nan), (center + spread) / scale)
    return low, high


def clopper_pearson(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Exact interval of a proportion by inverting two one-sided binomial tests.

    Covers at least as often as it says for every n and p, at the price of length.
    Clopper and Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> low, high = clopper_pearson(81, 263)
    >>> print(f"{low:.4f} {high:.4f}")
    0.2527 0.3676
    """
    k, n = as_counts(k, n)
    tail = (1 - confidence) / 2
    critical_value(confidence)
    inner_low = special.betaincinv(np.maximum(k, 1e-300), n - k + 1, tail)
    inner_high = special.betaincinv(k + 1, np.maximum(n - k, 1e-300), 1 - tail)
    undefined = n == 0
    low = np.where(undefined, np.nan, np.where(k == 0, 0.0, inner_low))
    high = np.where(undefined, np.nan, np.where(k == n, 1.0, inner_high))
    return low, high


def blaker(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Exact interval of a proportion, never longer than Clopper-Pearson's.

    Inverts the test whose p-value adds to the smaller tail the largest tail of the other side
    that does not exceed it. Blaker (2000), Canadian Journal of Statistics 28:783-798.

    Examples
    --------
    >>> low, high = blaker(81, 263)
    >>> print(f"{low:.4f} {high:.4f}")
    0.2539 0.3665
    """
    k, n = as_counts(k, n)
    # The upper limit is the lower one of the failures: both in one search.
    both, trials = np.stack([k, n - k]), np.stack([n, n])
    outer = np.nan_to_num(clopper_pearson(both, trials, confidence)[0])
    start = np.where(trials > 0, np.nan_to_num(divide(both, trials)), 0.0)
    found = bisect(_rejected(both, trials, outer, 1 - confidence), outer, start)
    found = np.where(trials == 0, np.nan, np.where(both == 0, 0.0, found))
    return found[0], 1 - found[1]


def rate_interval(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Wilson's interval, and Blaker's exact one where fewer than 13 successes or failures were seen.

    What is seen is not what is expected: of 5 expected successes up to 12 are seen now and then. 13 is the least bound
    with which the coverage at 95% is at least .95 wherever fewer than 5 successes or failures are expected (n up to
    2,000, by summing binomial probabilities at both sides of every limit), and at least .925 elsewhere.

    Examples
    --------
    >>> low, high = rate_interval([0, 50], [20, 100])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.4038], [0.1601, 0.5962])
    """
    k, n = as_counts(k, n)
    low, high = wilson(k, n, confidence)
    small = (np.minimum(k, n - k) < _FEW_SEEN) & (n > 0) & (k == np.rint(k)) & (n == np.rint(n))
    if small.any():
        low, high = np.atleast_1d(low).copy(), np.atleast_1d(high).copy()
        at = np.atleast_1d(small)
        # Each pair of counts once: of many labels most have the same few.
        found, place = np.unique(np.atleast_1d(k)[at] + 1j * np.atleast_1d(n)[at], return_inverse=True)
        own_low, own_high = blaker(found.real, found.imag, confidence)
        low[at], high[at] = own_low[place], own_high[place]
        low, high = low.reshape(k.shape), high.reshape(k.shape)
    return low, high


def binomial_cdf(j: Array, n: Array, p: Array) -> Array:
    """P(X <= j) for X ~ Bin(n, p), also for j = -1 and j = n."""
    inside = special.betainc(np.maximum(n - j, 1e-300), np.maximum(j, 0) + 1, 1 - p)
    return np.asarray(np.where(j < 0, 0.0, np.where(j >= n, 1.0, inside)))


def _rejected(k: Array, n: Array, outer: Array, alpha: float) -> Callable[[Array], npt.NDArray[np.bool_]]:
    """Whether Blaker's test rejects a proportion between Clopper-Pearson's lower limit and k / n.

    Let P(X <= j) be the largest opposite tail at Clopper-Pearson's limit, where the own one is alpha / 2. Where
    P(X <= j + 1) falls to the own tail, it takes its place, and both together are above alpha: the limit lies no
    higher. Up to there P(X <= j) + P(X >= k) starts at or below alpha and either rises or falls first and then rises,
    so that it crosses alpha once: no search among several crossings is needed.
    """
    j = _opposite(n, outer, binomial_cdf(n - k, n, 1 - outer))

    def rejected(p: Array) -> npt.NDArray[np.bool_]:
        own = binomial_cdf(n - k, n, 1 - p)
        return (binomial_cdf(j + 1, n, p) > own * (1 + 1e-10)) & (binomial_cdf(j, n, p) + own < alpha)

    return rejected


def _opposite(n: Array, p: Array, bound: Array) -> Array:
    """Largest j with P(X <= j) for X ~ Bin(n, p) no larger than ``bound``, -1 when there is none."""
    low, high = np.full_like(n, -1.0), n.copy()
    tolerant = bound * (1 + 1e-10)
    for _ in range(int(np.ceil(np.log2(np.max(n, initial=1) + 2))) + 1):
        middle = np.floor(0.5 * (low + high))
        fits = binomial_cdf(middle, n, p) <= tolerant
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low
