"""Intervals of what has no closed form: one set of multinomial draws of the counts serves every metric.

The limits are Efron's BCa (1987, JASA 82:171-185), as in :func:`evenhand.fairness.statistics.bootstrap_interval`, here
for all groups and metrics of a table at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.special import ndtr, ndtri

from evenhand.exceptions import DataError, shorten
from evenhand.fairness.arrays import Floats
from evenhand.fairness.assess import Estimate
from evenhand.fairness.counts import Marginal
from evenhand.fairness.metrics import Metric
from evenhand.fairness.statistics.replicates import agree, multinomial_replicates

__all__ = ["Options", "replicated"]

_SAME = "all replicates agree, so they tell no interval"
_RARE = "undefined in more than half of the replicates"


@dataclass(frozen=True)
class Options:
    """Level of tests, confidence of intervals, draws and their seed, and whether there are intervals at all.

    Raises
    ------
    DataError
        A level or confidence outside 0 to 1, or draws or a seed that are no whole number.
    """

    alpha: float = 0.05
    confidence: float = 0.95
    replicates: int = 1000
    seed: int = 0
    intervals: bool = True

    def __post_init__(self) -> None:
        for name in ("alpha", "confidence"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
                raise DataError(f"{name} is {shorten(value)}: give a number between 0 and 1, both excluded")
        for name, least in (("replicates", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise DataError(f"{name} is {shorten(value)}: give a whole number from {least} on")


def replicated(metrics: Sequence[Metric], marginal: Marginal, options: Options) -> dict[str, Estimate]:
    """These metrics of every group of a table of whole counts, with intervals from replicates."""
    counts = marginal.counts.astype(float)
    shape = counts.shape
    drawn = multinomial_replicates(counts.reshape(shape[0], -1), options.replicates, seed=options.seed)
    drawn = drawn.reshape(-1, *shape)
    found = {}
    for metric in metrics:
        values, n = metric.compute(counts), metric.support(counts)
        low, high, told = _limits(metric, counts, values, metric.compute(drawn), options.confidence)
        reasons = tuple(metric.undefined if np.isnan(v) else why for v, why in zip(values, told, strict=True))
        found[metric.name] = Estimate(values, n, reasons, low, high)
    return found


def _limits(
    metric: Metric, counts: Floats, values: Floats, drawn: Floats, confidence: float
) -> tuple[Floats, Floats, list[str]]:
    """BCa limits of every group, NaN where the replicates tell none, and why."""
    ordered = np.sort(drawn, axis=0)  # undefined ones last
    known = (~np.isnan(ordered)).sum(axis=0)
    some = np.maximum(known, 1)
    # Half of the ties count as below, so that a lattice does not look like bias.
    below = ((drawn < values).sum(axis=0) + (drawn <= values).sum(axis=0)) / 2 / some
    bias = ndtri(np.clip(below, 0.5 / some, 1 - 0.5 / some))
    z = bias + np.array([-1.0, 1.0])[:, None] * ndtri(1 - (1 - confidence) / 2)
    shares = ndtr(bias + z / (1 - _acceleration(metric, counts) * z))
    low, high = _quantiles(ordered, known, shares)
    last = np.take_along_axis(ordered, (some - 1)[None], axis=0)[0]
    told = np.where(known * 2 < len(drawn), _RARE, np.where(agree(ordered[0], last), _SAME, ""))
    silent = (told != "") | np.isnan(values)
    return np.where(silent, np.nan, low), np.where(silent, np.nan, high), told.tolist()


def _quantiles(ordered: Floats, known: Floats, shares: Floats) -> Floats:
    """Quantiles of the first `known` of each column, between neighbours in proportion."""
    at = shares * np.maximum(known - 1, 0)
    lower = np.floor(at).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(known - 1, 0).astype(np.int64))
    low, high = (np.take_along_axis(ordered, index, axis=0) for index in (lower, upper))
    between: Floats = low + (high - low) * (at - lower)
    return between


def _acceleration(metric: Metric, counts: Floats) -> Floats:
    """Skewness of the jackknife: leaving out any row of one cell gives the same value."""
    size = counts.shape[-1] ** 2
    one = np.eye(size).reshape(size, 1, *counts.shape[1:])
    left_out = metric.compute(np.maximum(counts - one, 0.0))
    rows = np.where(np.isfinite(left_out), counts.reshape(len(counts), -1).T, 0.0)
    left_out = np.where(np.isfinite(left_out), left_out, 0.0)
    distance = (rows * left_out).sum(axis=0) / np.maximum(rows.sum(axis=0), 1.0) - left_out
    squares, cubes = ((rows * distance**power).sum(axis=0) for power in (2, 3))
    skewness: Floats = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 1e-300)
    return skewness
