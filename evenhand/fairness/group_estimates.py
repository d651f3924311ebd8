"""Every metric of every group that counts give, with its interval.

Rates get Wilson's interval (Blaker's exact one on few rows), what is made of rates takes their limits over. Sampling
weights give effective counts of rates, and no interval of what is made of several rates.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.fairness.arrays import Floats
from evenhand.fairness.assess import Estimate, View
from evenhand.fairness.counts import Marginal
from evenhand.fairness.figure_limits import figure_estimates
from evenhand.fairness.metrics import Metric, Tables
from evenhand.fairness.options import Options
from evenhand.fairness.statistics import effective_rates, rate_interval, wilson
from evenhand.fairness.statistics.weighted import EffectiveRates

__all__ = ["estimates_with_intervals", "rate_sums", "weighted_rates"]

_WEIGHTED = "no interval of it under sampling weights"


def estimates_with_intervals(view: View, marginal: Marginal, options: Options) -> dict[str, Estimate]:
    """Every metric that counts give, of every group of a table, with its interval."""
    metrics, counts = view.metrics, Tables(marginal.counts)
    table = counts if marginal.weights is None else Tables(marginal.weights)
    if not options.intervals:
        return {metric.name: _plain(metric, table, counts) for metric in metrics}
    found = _rates([metric for metric in metrics if metric.kind == "rate"], marginal, counts, options)
    rest = [metric for metric in metrics if metric.kind != "rate"]
    if marginal.weights is None:
        found |= figure_estimates(rest, counts, options.confidence)
    else:
        for metric in rest:
            plain = _plain(metric, table, counts)
            found[metric.name] = replace(plain, reasons=tuple(reason or _WEIGHTED for reason in plain.reasons))
    return {metric.name: found[metric.name] for metric in metrics}


def _rates(metrics: Sequence[Metric], marginal: Marginal, counts: Tables, options: Options) -> dict[str, Estimate]:
    k, n = rate_sums(metrics, counts)
    effects, effective = None, weighted_rates(metrics, marginal, n)
    if effective is None:
        low, high = rate_interval(k, n, options.confidence)
        size = n
    else:
        low, high = wilson(effective.k, effective.n, options.confidence)
        k, size, effects = effective.value, np.ones_like(n), effective.design_effect
    found = {}
    for at, metric in enumerate(metrics):
        values = np.full(n.shape[1], np.nan)
        np.divide(k[at], size[at], out=values, where=n[at] > 0)
        reasons = tuple(metric.undefined if count == 0 else "" for count in n[at])
        effect = None if effects is None else effects[at]
        found[metric.name] = Estimate(values, n[at], reasons, low[at], high[at], effect)
    return found


def weighted_rates(metrics: Sequence[Metric], marginal: Marginal, n: Floats) -> EffectiveRates | None:
    """Rates under sampling weights, `n` their numbers of rows; None without weights."""
    if marginal.weights is None or marginal.squares is None:
        return None
    weights, squares = (rate_sums(metrics, Tables(part)) for part in (marginal.weights, marginal.squares))
    return effective_rates(n, weights[0], squares[0], weights[1], squares[1])


def rate_sums(metrics: Sequence[Metric], tables: Tables) -> tuple[Floats, Floats]:
    """Numerators and denominators of rates, each shape (metrics, groups)."""
    over, under = (np.stack(part) for part in zip(*(metric.sums(tables) for metric in metrics), strict=True))
    # Of weights, a difference of sums may pass another one by its rounding.
    return np.minimum(over, under), under


def _plain(metric: Metric, table: Tables, counts: Tables) -> Estimate:
    values, n = metric.compute(table), metric.support(counts)
    return Estimate(values, n, tuple(metric.undefined if np.isnan(value) else "" for value in values))
