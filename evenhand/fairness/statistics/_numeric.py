"""Small vectorised helpers that every interval and test of this package shares."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.exceptions import ConfigError, DataError

Array: TypeAlias = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[Array, Array]


def critical_value(confidence: float, *, sided: int = 2) -> float:
    """Normal quantile of an interval that covers with probability ``confidence``.

    >>> round(critical_value(0.95), 3), round(critical_value(0.95, sided=1), 3)
    (1.96, 1.645)
    """
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"confidence must lie strictly between 0 and 1, for example 0.95; got {confidence!r}")
    return float(special.ndtri(1.0 - (1.0 - confidence) / sided))


def as_counts(*pairs: npt.ArrayLike) -> tuple[Array, ...]:
    """Broadcast ``k1, n1, k2, n2, ...`` to float arrays of one shape and check 0 <= k <= n.

    Counts may be fractional: weighted audits bring effective counts.
    """
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in pairs))
    for successes, trials in zip(arrays[::2], arrays[1::2], strict=True):
        with np.errstate(invalid="ignore"):
            bad = ~((successes >= 0) & (successes <= trials * (1 + 1e-12)) & np.isfinite(trials))
        if bad.any():
            where = np.argwhere(bad)[0].tolist()
            at = tuple(where)
            raise DataError(
                f"counts must satisfy 0 <= k <= n; got k={successes[at]:g}, n={trials[at]:g} at position {where}"
            )
    return arrays


def bisect(above: Callable[[Array], npt.NDArray[np.bool_]], low: Array, high: Array, *, steps: int = 50) -> Array:
    """Root of a monotone criterion by bisection of whole arrays.

    ``above(x)`` says element by element whether the root lies above ``x``. Only the sign of the
    criterion is used, so poles and zero variances at the ends of the parameter space do no harm.
    """
    low, high = low.copy(), high.copy()
    for _ in range(steps):
        middle = 0.5 * (low + high)
        up = above(middle)
        low = np.where(up, middle, low)
        high = np.where(up, high, middle)
    return 0.5 * (low + high)


@lru_cache(maxsize=64)
def pairs_among(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places of the first and the second of every pair of ``count`` things.

    >>> [places.tolist() for places in pairs_among(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    first, second = np.triu_indices(count, 1)
    for places in (first, second):
        places.setflags(write=False)  # handed to everybody
    return first, second


def divide(numerator: Array, denominator: Array) -> Array:
    """Quotient that is NaN where the denominator is 0, without a warning."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out
