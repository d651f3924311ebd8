"""Intervals for the difference and the ratio of two proportions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics._numeric import Array, Bounds, as_counts, bisect, critical_value
from evenhand.fairness.statistics._score import difference_moments, ratio_moments
from evenhand.fairness.statistics.rates import wilson


def newcombe(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, confidence: float = 0.95
) -> Bounds:
    """Hybrid score interval of the difference ``k1/n1 - k2/n2``.

    Squares and adds the distances of Wilson's limits. Method 10 of Newcombe (1998), Statistics in
    Medicine 17:873-890; the example is case (a) of its Table II.

    Examples
    --------
    >>> low, high = newcombe(56, 70, 48, 80)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0524 0.3339
    """
    k1, n1, k2, n2 = as_counts(k1, n1, k2, n2)
    low1, high1 = wilson(k1, n1, confidence)
    low2, high2 = wilson(k2, n2, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = k1 / n1, k2 / n2
    return p1 - p2 - np.hypot(p1 - low1, high2 - p2), p1 - p2 + np.hypot(high1 - p1, p2 - low2)


def miettinen_nurminen(
    k1: npt.ArrayLike,
    n1: npt.ArrayLike,
    k2: npt.ArrayLike,
    n2: npt.ArrayLike,
    confidence: float = 0.95,
    *,
    sided: int = 2,
) -> Bounds:
    """Score interval of the difference ``k1/n1 - k2/n2`` by inverting the test with margin.

    Parameters
    ----------
    k1, n1, k2, n2
        Successes and trials of both groups, arrays that broadcast.
    confidence
        Confidence level; of each bound by itself when ``sided`` is 1.
    sided
        2 for a two-sided interval, 1 when each bound is to be read alone.

    Returns
    -------
    tuple of ndarray
        Limits in [-1, 1]; NaN where a group has no trials.

    Notes
    -----
    Miettinen and Nurminen (1985), Statistics in Medicine 4:213-226.

    Examples
    --------
    >>> low, high = miettinen_nurminen(56, 70, 48, 80)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0528 0.3382
    """
    z = critical_value(confidence, sided=sided)
    counts = as_counts(k1, n1, k2, n2)
    k1, n1, k2, n2, undefined = _defined(counts)
    d = k1 / n1 - k2 / n2
    low = bisect(lambda x: _beyond(difference_moments(k1, n1, k2, n2, x), z), np.full_like(d, -1.0), d)
    high = bisect(lambda x: ~_short(difference_moments(k1, n1, k2, n2, x), z), d, np.ones_like(d))
    return _mask(low, undefined), _mask(high, undefined)


def koopman(
    k1: npt.ArrayLike,
    n1: npt.ArrayLike,
    k2: npt.ArrayLike,
    n2: npt.ArrayLike,
    confidence: float = 0.95,
    *,
    sided: int = 2,
) -> Bounds:
    """Score interval of the ratio ``(k1/n1) / (k2/n2)``.

    Parameters are those of :func:`miettinen_nurminen`. The upper limit is infinite when ``k2`` is 0
    and the interval is the whole half line [0, inf] when both counts are 0: such data say nothing
    about the ratio. NaN where a group has no trials.

    Notes
    -----
    Koopman (1984), Biometrics 40:513-517, whose example this is.

    Examples
    --------
    >>> low, high = koopman(36, 40, 16, 80)
    >>> print(f"{low:.2f} {high:.2f}")
    2.94 7.15
    """
    z = critical_value(confidence, sided=sided)
    counts = as_counts(k1, n1, k2, n2)
    k1, n1, k2, n2, undefined = _defined(counts)
    p1, p2 = k1 / n1, k2 / n2
    t = np.divide(p1, p1 + p2, out=np.full_like(p1, 0.5), where=p1 + p2 > 0)
    low = bisect(lambda x: _beyond(ratio_moments(k1, n1, k2, n2, x), z), np.zeros_like(t), t)
    high = bisect(lambda x: ~_short(ratio_moments(k1, n1, k2, n2, x), z), t, np.ones_like(t))
    low = np.where(k1 == 0, 0.0, low / (1 - low))
    high = np.where(k2 == 0, np.inf, high / np.where(k2 == 0, 1.0, 1 - high))
    return _mask(low, undefined), _mask(high, undefined)


def _beyond(moments: tuple[Array, Array], z: float) -> npt.NDArray[np.bool_]:
    distance, error = moments
    return distance > z * error


def _short(moments: tuple[Array, Array], z: float) -> npt.NDArray[np.bool_]:
    distance, error = moments
    return -distance > z * error


def _defined(counts: tuple[Array, ...]) -> tuple[Array, Array, Array, Array, npt.NDArray[np.bool_]]:
    """Counts with one dummy trial where a group is empty, and where that is."""
    k1, n1, k2, n2 = counts
    undefined = (n1 == 0) | (n2 == 0)
    return k1, np.where(n1 == 0, 1.0, n1), k2, np.where(n2 == 0, 1.0, n2), undefined


def _mask(values: Array, undefined: npt.NDArray[np.bool_]) -> Array:
    return np.where(undefined, np.nan, values)
