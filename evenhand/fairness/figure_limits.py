"""Intervals of the metrics of counts that are no share of rows: each is made of rates, and takes over theirs."""

from collections.abc import Callable, Sequence

import numpy as np

from evenhand.fairness.arrays import Floats
from evenhand.fairness.assess import Estimate
from evenhand.fairness.metrics import Metric, Tables
from evenhand.fairness.statistics.indices import Index, index_interval
from evenhand.fairness.statistics.means import f1_interval, macro_f1_interval, mean_rate_interval, odds_interval

__all__ = ["figure_estimates"]

Limits = tuple[Floats, Floats]


def figure_estimates(metrics: Sequence[Metric], tables: Tables, confidence: float) -> dict[str, Estimate]:
    """These metrics of every group of whole counts, with their intervals.

    Examples
    --------
    >>> from evenhand.fairness.metrics import binary_metrics
    >>> counts = Tables([[[45, 9], [1, 5]]])
    >>> found = figure_estimates([one for one in binary_metrics() if one.kind != "rate"], counts, 0.95)
    >>> {name: (one.low.round(2).item(), one.high.round(2).item()) for name, one in list(found.items())[:2]}
    {'balanced_accuracy': (0.61, 0.92), 'f1': (0.25, 0.75)}
    """
    found = {}
    for metric in metrics:
        values, n = metric.compute(tables), metric.support(tables)
        unknown = np.isnan(values)
        low, high = (np.where(unknown, np.nan, limit) for limit in _LIMITS[metric.name](metric, tables, confidence))
        reasons = tuple(metric.undefined if missing else "" for missing in unknown)
        found[metric.name] = Estimate(values, n, reasons, low, high)
    return found


def _mean(metric: Metric, tables: Tables, confidence: float) -> Limits:
    return mean_rate_interval(*metric.sums(tables), confidence)


def _f1(metric: Metric, tables: Tables, confidence: float) -> Limits:
    twice, both = metric.sums(tables)
    return f1_interval(twice / 2, both - twice / 2, confidence)


def _macro_f1(metric: Metric, tables: Tables, confidence: float) -> Limits:
    del metric
    return macro_f1_interval(tables.counts, confidence)


def _odds(metric: Metric, tables: Tables, confidence: float) -> Limits:
    over, under = metric.sums(tables)
    return odds_interval(over, over + under, confidence)


def _index(index: Index) -> Callable[[Metric, Tables, float], Limits]:
    def limits(metric: Metric, tables: Tables, confidence: float) -> Limits:
        del metric
        favorable = tables.counts[..., 0, 1]
        errors = favorable + tables.counts[..., 1, 0]
        return index_interval(errors, favorable, tables.counts.sum(axis=(-2, -1)), index, confidence)

    return limits


_LIMITS: dict[str, Callable[[Metric, Tables, float], Limits]] = {
    "balanced_accuracy": _mean,
    "f1": _f1,
    "f1_macro": _macro_f1,
    "treatment_equality": _odds,
    "generalized_entropy": _index("generalized_entropy"),
    "theil_index": _index("theil"),
}
