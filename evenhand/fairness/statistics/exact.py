"""Exact unconditional tests and intervals for two proportions with few expected counts.

The score statistic orders the tables. Its tail probability is maximised over the unknown rate of the
second group on a grid inside an exact interval for that rate, whose error is added to the p-value.
Chan and Zhang (1999), Biometrics 55:1202-1209, for the inversion; Berger and Boos (1994), JASA
89:1012-1016, for the restricted maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
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
# A further batch costs as much as so many cells.
_PADDING = 40_000
# Under this share of its level a maximum on the grid decides.
_CLEAR = 0.5
# A table of all tails of a binomial is made where it has at most this many times the tails that are asked.
_TABLE_PER_COUNT = 4


def exact_tail(
    k1: Array, n1: Array, k2: Array, n2: Array, limit: Array, kind: Kind, *, level: Array | None = None
) -> Array:
    """P-values against "the difference (ratio) of the rates is at most ``limit``".

    Parameters
    ----------
    k1, n1, k2, n2, limit
        Whole counts with n > 0 and limits, all of shape (pairs,). A ratio's limit is positive.
    kind
        Whether ``limit`` bounds ``p1 - p2`` or ``p1 / p2``.
    level
        Levels to decide at, shape (pairs,): p-values that are clearly above or below theirs stay rough. None for
        exact ones.

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
    levels = np.asarray(np.nan if level is None else level)
    rows = np.stack(np.broadcast_arrays(k1, n1, k2, n2, limit, levels), axis=-1).reshape(-1, 6)
    unique, back = np.unique(rows, axis=0, return_inverse=True)
    found = _tails(unique, kind)
    return np.asarray(found[back.ravel()].reshape(np.broadcast_shapes(k1.shape, limit.shape)))


def _tails(values: Array, kind: Kind) -> Array:
    low, high = _nuisance_range(values, kind)
    first, last = _relevant(low, high, values[:, 3])
    width = np.maximum(last - first, 1)
    out = np.empty(len(values))
    for at in _batches(width, values[:, 1]):
        out[at] = _maximal_tail(values[at], low[at], high[at], first[at], int(width[at].max()) + 1, kind)
    return out


def _batches(width: Array, n: Array) -> Iterator[npt.NDArray[np.intp]]:
    """Positions of tables that are worth padding to one size, at most so many cells at once."""
    order = np.argsort(width + n, kind="stable")
    sizes = np.stack([width, n], axis=1)[order] + 2
    start, widest, own = 0, np.zeros(2), 0.0
    for place, size in enumerate(sizes):
        grown, sum_ = np.maximum(widest, size), own + size.sum()
        padded = (place + 1 - start) * grown.sum()
        if place > start and ((padded - sum_) * _GRID > _PADDING or padded * _GRID > _CELLS):
            yield order[start:place]
            start, grown, sum_ = place, size, size.sum()
        widest, own = grown, sum_
    yield order[start:]


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
    k1, n1, k2, n2, limit = (column[:, None] for column in values.T[:5])
    statistic = difference_z if kind == "difference" else ratio_z
    observed = statistic(k1, n1, k2, n2, limit)
    j = np.minimum(first[:, None] + np.arange(width), n2)
    repeated = first[:, None] + np.arange(width) > n2
    needed = _first_extreme(j, n1, n2, limit, observed, kind)
    grid = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, _GRID)
    tail = _tail(grid, needed, j, repeated, n1, n2, limit, kind)
    worst = tail.max(axis=1)
    # Between the grid's points the maximum is hardly larger, so most decisions need no finer one.
    clear = (worst > values[:, 5]) | (worst < _CLEAR * values[:, 5])
    if not clear.all():
        at = np.flatnonzero(~clear)
        center = np.take_along_axis(grid[at], tail[at].argmax(axis=1)[:, None], axis=1)
        step = (high - low)[at] / (_GRID - 1)
        finer = np.clip(center + step[:, None] * np.linspace(-1.0, 1.0, 9), low[at, None], high[at, None])
        refined = _tail(finer, needed[at], j[at], repeated[at], n1[at], n2[at], limit[at], kind)
        worst[at] = np.maximum(worst[at], refined.max(axis=1))
    return np.asarray(np.minimum(1.0, worst + _GAMMA))


def _first_extreme(j: Array, n1: Array, n2: Array, limit: Array, observed: Array, kind: Kind) -> Array:
    """Smallest count of the first group that is at least as extreme, per count ``j`` of the second."""
    statistic = difference_z if kind == "difference" else ratio_z
    low, high = np.full(j.shape, -1.0), np.broadcast_to(n1 + 1, j.shape).copy()
    for _ in range(int(np.ceil(np.log2(n1.max() + 2)))):
        middle = np.floor(0.5 * (low + high))
        inside = np.clip(middle, 0, n1)
        extreme = statistic(inside, n1, j, n2, limit) >= observed - 1e-9
        extreme = np.where(middle < 0, False, np.where(middle > n1, True, extreme))  # noqa: FBT003 - values of an array
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
    p1 = np.clip(p2 + limit if kind == "difference" else p2 * limit, 0.0, 1.0)
    log_choose = special.gammaln(n2 + 1) - special.gammaln(j + 1) - special.gammaln(n2 - j + 1)
    log_choose[repeated] = -np.inf
    weight = _powers(p2, j, n2)
    weight += log_choose[:, None, :]
    np.exp(weight, out=weight)
    weight *= _upper_tail(p1, needed, n1)
    return np.asarray(weight.sum(axis=2))


def _powers(p: Array, j: Array, n: Array) -> Array:
    """Logarithm of p**j (1 - p)**(n - j), shape (pairs, grid, counts); rates of 0 and 1 are moved off by nothing."""
    inside = np.clip(p, 1e-300, 1 - 1e-16)
    return np.asarray(np.log(inside)[:, :, None] * j[:, None, :] + np.log1p(-inside)[:, :, None] * (n - j)[:, None, :])


def _upper_tail(p: Array, needed: Array, n: Array) -> Array:
    """P(X >= needed) for X ~ Bin(n, p), shape (pairs, grid, counts)."""
    most = int(n.max())
    if most > _TABLE_PER_COUNT * needed.shape[1]:
        return binomial_cdf(n[:, :, None] - needed[:, None, :], n[:, :, None], 1 - p[:, :, None])
    # All tails of one binomial cost less than an incomplete beta function for each that is asked.
    x = np.arange(most + 1.0)[None, :]
    with np.errstate(invalid="ignore"):
        log_choose = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(np.maximum(n - x, 0.0) + 1)
    log_choose = np.where(x <= n, log_choose, -np.inf)
    tails = np.zeros((*p.shape, most + 2))
    mass = _powers(p, np.minimum(x, n), n)
    mass += log_choose[:, None, :]
    np.exp(mass, out=mass)
    np.cumsum(mass[:, :, ::-1], axis=2, out=tails[:, :, most::-1])
    np.minimum(tails, 1.0, out=tails)
    at = needed.astype(np.intp)[:, None, :]
    return np.take_along_axis(tails, np.broadcast_to(at, (*p.shape, needed.shape[1])), axis=2)


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
