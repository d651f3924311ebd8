"""Intervals from multinomial replicates of the counts, for what has no closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness.statistics._numeric import Array, critical_value

Statistic = Callable[[Array], Array]

_ROUNDING = 1e-9
_AT_ONCE = 20_000_000  # numbers in the tables that are drawn together


@dataclass(frozen=True, slots=True, eq=False)
class ReplicateInterval:
    """Intervals of a statistic, one an entry of the leading axes.

    Attributes
    ----------
    value, low, high
        Estimates and limits; limits are NaN where ``reason`` says why.
    undefined
        Share of replicates in which the statistic was undefined; the limits leave these out.
    reason
        Object array of strings, empty where there is an interval.
    """

    value: Array
    low: Array
    high: Array
    undefined: Array
    reason: npt.NDArray[np.str_]


def bootstrap_interval(
    counts: npt.ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    method: Literal["bca", "percentile"] = "bca",
    seed: int = 0,
) -> ReplicateInterval:
    """Bootstrap interval of a function of counts, for example F1 or generalized entropy.

    Parameters
    ----------
    counts
        Whole counts, shape (..., cells); each entry of the leading axes (a group) is resampled by itself.
    statistic
        Maps counts of shape (..., cells) to values of shape (...), NaN where undefined. Vectorised.
    confidence, replicates, seed
        Level, number of multinomial draws and their seed.
    method
        ``bca`` corrects bias and skewness; ``percentile`` takes plain quantiles.

    Returns
    -------
    ReplicateInterval

    Notes
    -----
    Resampling rows is a multinomial draw on the counts of cells. BCa: Efron (1987), JASA 82:171-185, with
    the jackknife taken once a cell. The stated limits: not for maxima over groups or for distances that
    are 0 at equality, whose bootstrap never covers 0 there (use :func:`largest_gap`); and where all
    replicates agree, or more than half are undefined, there is no interval rather than one of width 0.

    Examples
    --------
    >>> def f1(c):  # cells: true negative, false positive, false negative, true positive
    ...     return 2 * c[..., 3] / (2 * c[..., 3] + c[..., 1] + c[..., 2])
    >>> found = bootstrap_interval([[50, 10, 8, 32]], f1)
    >>> bool(found.low[0] < found.value[0] < found.high[0])
    True
    """
    table = np.asarray(counts, dtype=np.float64)
    if (table < 0).any() or (table != np.rint(table)).any():
        raise DataError("replicates need whole counts >= 0; use linearised intervals for weighted tables")
    if method not in {"bca", "percentile"}:
        raise ConfigError(f"method must be 'bca' or 'percentile', got {method!r}")
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.asarray(statistic(table), dtype=np.float64)
        values = _replicated(table, statistic, replicates, seed)
        z = np.array([-1.0, 1.0]) * critical_value(confidence)
        flat = values.reshape(replicates, -1)
        acceleration = _acceleration(table, statistic).ravel() if method == "bca" else np.zeros(flat.shape[1])
    limits = [_limits(flat[:, at], v, acceleration[at], z, method) for at, v in enumerate(value.ravel())]
    low, high = (np.array([pair[side] for pair in limits]).reshape(value.shape) for side in (0, 1))
    missing = np.isnan(values).mean(axis=0)
    reason = _reasons(table, value, values, missing)
    blank = reason != ""
    return ReplicateInterval(value, np.where(blank, np.nan, low), np.where(blank, np.nan, high), missing, reason)


def _replicated(counts: Array, statistic: Statistic, replicates: int, seed: int) -> Array:
    """The statistic of resampled tables, shape (replicates, ...), as many at a time as fit in memory."""
    size = max(1, _AT_ONCE // max(counts.size, 1))
    drawn = multinomial_replicates(counts, replicates, seed=seed, size=size)
    return np.concatenate([np.asarray(statistic(part), dtype=np.float64) for part in drawn])


def multinomial_replicates(counts: Array, replicates: int, *, seed: int, size: int) -> Iterator[Array]:
    """Resampled tables, ``size`` at a time, shape (size, ..., cells); entries without rows stay empty."""
    total = counts.sum(axis=-1)
    shares = counts / np.where(total > 0, total, 1.0)[..., None]
    # An entry without rows still needs probabilities that add up to 1; it draws no rows from them.
    shares[..., 0] = np.where(total > 0, shares[..., 0], 1.0)
    rng = np.random.default_rng(seed)
    for start in range(0, replicates, size):
        part = min(size, replicates - start)
        yield np.asarray(rng.multinomial(total.astype(np.int64), shares, size=(part, *total.shape)), dtype=float)


def agree(lowest: Array, highest: Array) -> npt.NDArray[np.bool_]:
    """Whether replicates from the lowest to the highest differ by no more than rounding does.

    Examples
    --------
    >>> agree(np.array([0.09999999999999995, 0.1]), np.array([0.10000000000000005, 0.11])).tolist()
    [True, False]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(highest - lowest <= _ROUNDING * np.maximum(np.abs(lowest), np.abs(highest)))


def _acceleration(counts: Array, statistic: Statistic) -> Array:
    """Skewness of the jackknife: leaving out any row of one cell gives the same value."""
    values = np.zeros_like(counts)
    # An empty cell has no row to leave out.
    for cell in np.flatnonzero(counts.reshape(-1, counts.shape[-1]).any(axis=0)):
        left_out = counts.copy()
        left_out[..., cell] = np.maximum(left_out[..., cell] - 1, 0.0)
        values[..., cell] = statistic(left_out)
    weights = np.where(np.isfinite(values), counts, 0.0)
    values = np.where(np.isfinite(values), values, 0.0)
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1.0)
    distance = (weights * values).sum(axis=-1, keepdims=True) / total - values
    squares = (weights * distance**2).sum(axis=-1)
    cubes = (weights * distance**3).sum(axis=-1)
    return np.asarray(np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 1e-300))


def _limits(values: Array, value: float, acceleration: float, z: Array, method: str) -> tuple[float, float]:
    found = values[np.isfinite(values)]
    if not found.size or not np.isfinite(value):
        return float("nan"), float("nan")
    shares = special.ndtr(z)
    if method == "bca":
        # Half of the ties count as below, so that a lattice does not look like bias.
        below = ((found < value).mean() + (found <= value).mean()) / 2
        bias = float(special.ndtri(np.clip(below, 0.5 / found.size, 1 - 0.5 / found.size)))
        shares = special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    low, high = np.quantile(found, shares)
    return float(low), float(high)


def _reasons(counts: Array, value: Array, values: Array, missing: Array) -> npt.NDArray[np.str_]:
    with np.errstate(invalid="ignore"):
        highest = np.max(values, axis=0, initial=-np.inf, where=~np.isnan(values))
        lowest = np.min(values, axis=0, initial=np.inf, where=~np.isnan(values))
    reason = np.full(value.shape, "", dtype="<U64")
    reason[agree(lowest, highest)] = "all replicates agree, so they tell no interval"
    reason[missing > 0.5] = "undefined in more than half of the replicates"
    reason[np.isnan(value)] = "undefined"
    reason[counts.sum(axis=-1) == 0] = "no rows"
    return reason
