"""Exact unconditional tests and intervals for two proportions with few expected counts.

The score statistic orders the tables. Its tail probability is maximised over the unknown rate of the
second group on a grid inside an exact interval for that rate, whose error is added to the p-value.
Chan and Zhang (1999), Biometrics 55:1202-1209, for the inversion; Berger and Boos (1994), JASA
89:1012-1016, for the restricted maximum.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.fairness.statistics._numeric import Array, Bounds, as_counts
from evenhand.fairness.statistics._score import difference_z, ratio_z
from evenhand.fairness.statistics.rates import binomial_cdf, clopper_pearson

Kind = Literal["difference", "ratio"]

# Probability given away to the restriction of the nuisance rate.
_GAMMA = 1e-6
_GRID = 33
_CELLS = 2_000_000


def exact_tail(k1: Array, n1: Array, k2: Array, n2: Array, limit: Array, kind: Kind) -> Array:
    """P-values against "the difference (ratio) of the rates is at most ``limit``".

    Parameters
    ----------
    k1, n1, k2, n2, limit
        Whole counts with n > 0 and limits, all of shape (pairs,). A ratio's limit is positive.
    kind
        Whether ``limit`` bounds ``p1 - p2`` or ``p1 / p2``.

    Returns
    -------
    ndarray of shape (pairs,)
        Valid for every value of the nuisance rate.

    Examples
    --------
    Seven of 12 against 1 of 12 (tests of equality, one-sided):

    >>> twelve = np.array([12.0])
    >>> float(exact_tail(np.array([7.0]), twelve, np.array([1.0]), twelve, np.zeros(1), "difference")[0]) < 0.01
    True
    """
    rows = np.stack(np.broadcast_arrays(k1, n1, k2, n2, limit), axis=-1).reshape(-1, 5)
    unique, back = np.unique(rows, axis=0, return_inverse=True)
    found = _cached_tail(unique.tobytes(), kind)
    return np.asarray(found[back.ravel()].reshape(np.broadcast_shapes(k1.shape, limit.shape)))


@lru_cache(maxsize=512)
def _cached_tail(rows: bytes, kind: Kind) -> Array:
    values = np.frombuffer(rows).reshape(-1, 5)
    low, high = _nuisance_range(values, kind)
    first, last = _relevant(low, high, values[:, 3])
    width = np.maximum(last - first, 1)
    out = np.empty(len(values))
    # Wide and narrow tables apart, so that padding stays small.
    order = np.argsort(width)
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop - start + 1) * width[order[stop]] * _GRID <= _CELLS:
            stop += 1
        at = order[start:stop]
        out[at] = _maximal_tail(values[at], low[at], high[at], first[at], int(width[at].max()) + 1, kind)
        start = stop
    out.flags.writeable = False
    return out


def _nuisance_range(values: Array, kind: Kind) -> Bounds:
    """Range of the second rate: its exact interval, cut to what the limit allows."""
    k2, n2, limit = values[:, 2], values[:, 3], values[:, 4]
    low, high = clopper_pearson(k2, n2, 1 - _GAMMA)
    if kind == "difference":
        floor, ceiling = np.maximum(0.0, -limit), np.minimum(1.0, 1 - limit)
    else:
        floor, ceiling = np.zeros_like(limit), np.minimum(1.0, 1 / limit)
    return np.clip(low, floor, ceiling), np.clip(high, floor, ceiling)


def _relevant(low: Array, high: Array, n: Array) -> Bounds:
    """Counts of the second group that carry all but 1e-8 or so of the probability."""
    reach = 6.0
    first = np.floor(n * low - reach * np.sqrt(n * low * (1 - low)) - 1)
    last = np.ceil(n * high + reach * np.sqrt(n * high * (1 - high)) + reach**2 / 3)
    return np.maximum(first, 0.0), np.minimum(last, n)


def _maximal_tail(values: Array, low: Array, high: Array, first: Array, width: int, kind: Kind) -> Array:
    k1, n1, k2, n2, limit = (column[:, None] for column in values.T)
    statistic = difference_z if kind == "difference" else ratio_z
    observed = statistic(k1, n1, k2, n2, limit)
    j = np.minimum(first[:, None] + np.arange(width), n2)
    repeated = first[:, None] + np.arange(width) > n2
    needed = _first_extreme(j, n1, n2, limit, observed, kind)
    grid = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, _GRID)
    tail = _tail(grid, needed, j, repeated, n1, n2, limit, kind)
    best = tail.argmax(axis=1)
    step = (high - low) / (_GRID - 1)
    center = np.take_along_axis(grid, best[:, None], axis=1)
    finer = np.clip(center + step[:, None] * np.linspace(-1.0, 1.0, 9), low[:, None], high[:, None])
    refined = _tail(finer, needed, j, repeated, n1, n2, limit, kind)
    worst = np.maximum(tail.max(axis=1), refined.max(axis=1))
    return np.asarray(np.minimum(1.0, worst + _GAMMA))


def _first_extreme(j: Array, n1: Array, n2: Array, limit: Array, observed: Array, kind: Kind) -> Array:
    """Smallest count of the first group that is at least as extreme, per count ``j`` of the second."""
    statistic = difference_z if kind == "difference" else ratio_z
    low, high = np.full(j.shape, -1.0), np.broadcast_to(n1 + 1, j.shape).copy()
    for _ in range(int(np.ceil(np.log2(n1.max() + 2)))):
        middle = np.floor(0.5 * (low + high))
        inside = np.clip(middle, 0, n1)
        extreme = statistic(inside, n1, j, n2, limit) >= observed - 1e-9
        extreme = np.where(middle < 0, False, np.where(middle > n1, True, extreme))  # noqa: FBT003
        low, high = np.where(extreme, low, middle), np.where(extreme, middle, high)
    return high


def _tail(
    p2: Array,
    needed: Array,
    j: Array,
    repeated: npt.NDArray[np.bool_],
    n1: Array,
    n2: Array,
    limit: Array,
    kind: Kind,
) -> Array:
    """Probability of the extreme tables, shape (pairs, grid)."""
    p1 = np.clip(p2 + limit if kind == "difference" else p2 * limit, 0.0, 1.0)[:, :, None]
    log_choose = special.gammaln(n2 + 1) - special.gammaln(j + 1) - special.gammaln(n2 - j + 1)
    j3, n3 = j[:, None, :], n2[:, :, None]
    log_pmf = log_choose[:, None, :] + special.xlogy(j3, p2[:, :, None]) + special.xlog1py(n3 - j3, -p2[:, :, None])
    weight = np.where(repeated[:, None, :], 0.0, np.exp(log_pmf))
    beyond = binomial_cdf(n1[:, :, None] - needed[:, None, :], n1[:, :, None], 1 - p1)
    return np.asarray((weight * beyond).sum(axis=2))


def exact_difference(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, confidence: float = 0.95
) -> Bounds:
    """Exact unconditional interval of ``k1/n1 - k2/n2``; NaN where a group is empty.

    Examples
    --------
    >>> low, high = exact_difference(0, 15, 0, 15)
    >>> bool(low < 0 < high)
    True
    """
    return _invert(as_counts(k1, n1, k2, n2), confidence, "difference")


def exact_ratio(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, confidence: float = 0.95
) -> Bounds:
    """Exact unconditional interval of the ratio ``(k1/n1) / (k2/n2)``; NaN where a group is empty.

    Examples
    --------
    >>> low, high = exact_ratio(1, 15, 0, 15)
    >>> bool(low > 0), float(high)
    (True, inf)
    """
    return _invert(as_counts(k1, n1, k2, n2), confidence, "ratio")


def _invert(counts: tuple[Array, ...], confidence: float, kind: Kind) -> Bounds:
    tail = (1 - confidence) / 2
    shape = counts[0].shape
    k1, n1, k2, n2 = (np.atleast_1d(value).ravel() for value in counts)
    ok = (n1 > 0) & (n2 > 0)
    low, high = np.full(k1.shape, np.nan), np.full(k1.shape, np.nan)
    if ok.any():
        low[ok] = _lower(k1[ok], n1[ok], k2[ok], n2[ok], tail, kind)
        mirrored = _lower(k2[ok], n2[ok], k1[ok], n1[ok], tail, kind)
        high[ok] = -mirrored if kind == "difference" else _reciprocal(mirrored)
    return low.reshape(shape), high.reshape(shape)


def _reciprocal(values: Array) -> Array:
    return np.divide(1.0, values, out=np.full_like(values, np.inf), where=values > 0)


def _lower(k1: Array, n1: Array, k2: Array, n2: Array, tail: float, kind: Kind) -> Array:
    """Largest value known to lie below the interval, by bisection on the p-value."""
    p1, p2 = k1 / n1, k2 / n2
    if kind == "difference":
        lowest, highest = np.full(p1.shape, -1.0), p1 - p2
    else:
        # On the bounded scale t = ratio / (1 + ratio).
        lowest = np.zeros(p1.shape)
        highest = np.divide(p1, p1 + p2, out=np.zeros_like(p1), where=p1 + p2 > 0)
    outer, inner = lowest.copy(), highest.copy()
    for _ in range(22):
        middle = 0.5 * (outer + inner)
        limit = middle if kind == "difference" else np.maximum(middle, 1e-12) / (1 - middle)
        rejected = exact_tail(k1, n1, k2, n2, limit, kind) <= tail
        outer, inner = np.where(rejected, middle, outer), np.where(rejected, inner, middle)
    return outer if kind == "difference" else outer / (1 - outer)
