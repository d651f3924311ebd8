"""Intervals of the inequality indices of benefits (generalized entropy, Theil), where a benefit is y_hat - y + 1."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics._numeric import Array, Bounds, as_counts, divide
from evenhand.fairness.statistics.rates import rate_interval

__all__ = ["Index", "index_interval"]

Index = Literal["generalized_entropy", "theil"]

_ANGLES = 64


def index_interval(
    errors: npt.ArrayLike, favorable: npt.ArrayLike, n: npt.ArrayLike, index: Index, confidence: float = 0.95
) -> Bounds:
    """Interval of an inequality index of decisions on two labels.

    Parameters
    ----------
    errors
        Rows whose prediction is wrong.
    favorable
        Those of them with the favorable prediction (false positives).
    n
        All rows; the three are arrays that broadcast.
    index
        ``generalized_entropy`` (with exponent 2) or ``theil``.
    confidence
        Confidence level.

    Returns
    -------
    tuple of ndarray
        Limits, NaN where there are no rows.

    Notes
    -----
    Either index is a function of two independent rates: the share of errors, and among them the share that favors. The
    limits are its extremes on the ellipse through both rates' own limits (:func:`rate_interval`), which for a sum of
    the two is MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693-1702). Without any error the second rate is
    unknown, and all of its values count.

    Examples
    --------
    Three errors of 60, one of which favors:

    >>> low, high = index_interval(3, 1, 60, "theil")
    >>> low.round(3).item(), high.round(3).item()
    (0.011, 0.119)
    """
    wrong, kind, rows = np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in (errors, favorable, n)))
    as_counts(kind, wrong)
    first = divide(wrong, rows)
    second = np.where(wrong > 0, divide(kind, wrong), 0.5)
    sides = [rate_interval(wrong, rows, confidence), rate_interval(kind, wrong, confidence)]
    sides[1] = np.nan_to_num(sides[1][0]), np.where(wrong > 0, sides[1][1], 1.0)
    angle = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False).reshape(-1, *[1] * first.ndim)
    across, along = (
        rate + np.where(step > 0, (high - rate) * step, (rate - low) * step)
        for rate, (low, high), step in zip((first, second), sides, (np.cos(angle), np.sin(angle)), strict=True)
    )
    along = np.where(wrong > 0, along, np.sin(angle) / 2 + 0.5)
    across = np.where(wrong > 0, across, sides[0][1])
    values = _index(across, along, index)
    own = _index(first, second, index)
    return np.minimum(values.min(axis=0), own), np.maximum(values.max(axis=0), own)


def _index(errors: Array, favorable: Array, index: Index) -> Array:
    """The index at these shares: of errors among all rows, and of favorable ones among the errors."""
    mean = 1 + errors * (2 * favorable - 1)
    if index == "theil":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(2 * np.log(2) * errors * favorable / mean - np.log(mean))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((1 + errors * (4 * favorable - 1)) / mean**2 - 1) / 2)
