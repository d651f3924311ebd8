"""Intervals of figures that are made of a few rates: their means, and F1.

Each rate has an interval that holds its coverage on few rows (:func:`rate_interval`). A figure that one rate alone
decides takes that rate's limits over; a mean takes their distances together, each in the place of a standard error
(MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693-1702). Replicates of the counts do worse where a rate rests
on few rows: where no miss was seen, no replicate shows one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics._numeric import Array, Bounds, divide
from evenhand.fairness.statistics.rates import rate_interval

__all__ = ["f1_interval", "macro_f1_interval", "mean_rate_interval", "odds_interval"]


def mean_rate_interval(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Interval of the mean of independent rates, such as balanced accuracy.

    Parameters
    ----------
    k, n
        Successes and trials of each rate, shape (..., m).
    confidence
        Confidence level.

    Returns
    -------
    tuple of ndarray
        Limits, shape (...); NaN where a rate has no trials.

    Examples
    --------
    Five of six and 45 of 54:

    >>> low, high = mean_rate_interval([5, 45], [6, 54])
    >>> low.round(3).item(), high.round(3).item()
    (0.611, 0.922)
    """
    hits, rows = (np.asarray(part, dtype=np.float64) for part in (k, n))
    low, high = rate_interval(hits, rows, confidence)
    return _mean(divide(hits, rows), low, high, rows)


def f1_interval(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Interval of F1, which one share alone decides.

    Parameters
    ----------
    k, n
        Rows with both the label and its prediction, and rows with either. With J their share, F1 is 2 J / (1 + J).
    confidence
        Confidence level.

    Examples
    --------
    >>> low, high = f1_interval(60, 100)
    >>> low.round(3).item(), high.round(3).item()
    (0.668, 0.817)
    """
    low, high = rate_interval(k, n, confidence)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def odds_interval(k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Interval of the odds k / (n - k), which one share alone decides; the upper limit is infinite where k is n.

    Examples
    --------
    >>> low, high = odds_interval(20, 30)
    >>> low.round(2).item(), high.round(2).item()
    (0.93, 4.71)
    """
    low, high = rate_interval(k, n, confidence)
    with np.errstate(divide="ignore"):
        return low / (1 - low), high / (1 - high)


def macro_f1_interval(tables: npt.ArrayLike, confidence: float = 0.95) -> Bounds:
    """Interval of the mean of the labels' F1, of tables of counts of shape (..., k, k) indexed [y, y_hat].

    Notes
    -----
    Labels share rows, so their F1 are correlated: by (n_ab + n_ba) F_a F_b / (s_a s_b) over both standard deviations,
    with s the rows with a label plus those predicted so (the infinitesimal jackknife of multinomial counts). An F1 lies
    too low by F (1 - F) / s on the average, which is added to the upper limit.

    Examples
    --------
    >>> low, high = macro_f1_interval([[40, 5, 5], [4, 20, 6], [2, 3, 15]])
    >>> low.round(3).item(), high.round(3).item()
    (0.626, 0.818)
    """
    counts = np.asarray(tables, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    value = divide(2 * hits, both)
    spread = np.sqrt(divide(hits * (2 - 2 * value) ** 2 + (both - 2 * hits) * value**2, both**2))
    scaled = divide(value, both * spread)
    # An F1 that shows no spread is seen to move with none.
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    shared = (counts + np.swapaxes(counts, -1, -2)) * scaled[..., :, None] * scaled[..., None, :]
    own = np.arange(counts.shape[-1])
    shared[..., own, own] = 1.0
    low, high = _mean(value, *f1_interval(hits, both - hits, confidence), both - hits, shared)
    return low, np.minimum(high + divide(value * (1 - value), both).mean(axis=-1), 1.0)


def _mean(value: Array, low: Array, high: Array, rows: Array, shared: Array | None = None) -> Bounds:
    """MOVER limits of the mean over the last axis, within 0 and 1.

    The sides' own distances add up for two figures. Of more, those near an end would lend the mean their skewness,
    which it has no longer: each side gets at least the mean square of both, and more where a figure rests on a row or
    two.
    """
    count = value.shape[-1]
    down, up = value - low, high - value
    even = np.sqrt((down**2 + up**2) * divide(rows, 2 * rows - 1)) if count > 2 else np.zeros_like(value)
    below, above = (np.sqrt(np.maximum(_square(side, shared), _square(even, shared))) / count for side in (down, up))
    center = value.mean(axis=-1)
    return np.maximum(center - below, 0.0), np.minimum(center + above, 1.0)


def _square(distances: Array, shared: Array | None) -> Array:
    if shared is None:
        return np.asarray((distances**2).sum(axis=-1))
    return np.asarray((distances * (shared @ distances[..., None])[..., 0]).sum(axis=-1))
