"""Uncertainty of an audit: intervals of every group's metrics, intervals and tests of the disparities.

Which method serves what: rates get Wilson's interval (Blaker's exact one on few rows), the area its corrected
DeLong interval, calibration in the large Wilson's of effective counts, log-loss a normal one, calibration error
multinomial replicates. What is made of rates (F1, balanced accuracy, the indices) takes their limits over. Disparities
of rates, by whatever name, get the simultaneous interval of the largest gap, and a permutation test within what the
metric conditions on. Every other disparity, and those of single labels among many, get Bonferroni limits over pairs
of groups from the groups' own limits (MOVER; Zou and Donner 2008, Statistics in Medicine 27:1693-1702). Sampling
weights give effective counts of rates, and neither intervals of what is made of several rates nor draws.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.fairness.against import Against, with_limits_against
from evenhand.fairness.arrays import Array, Floats
from evenhand.fairness.assess import Estimate, View
from evenhand.fairness.counts import Marginal
from evenhand.fairness.figure_limits import figure_estimates
from evenhand.fairness.metrics import Metric, Tables
from evenhand.fairness.options import Options
from evenhand.fairness.policies.families import ConfusionCounts, families
from evenhand.fairness.report import AttributeAudit, Disparity, disparity_name, headline
from evenhand.fairness.statistics import (
    Rates,
    effective_rates,
    equality_p_value,
    largest_gaps,
    rate_interval,
    wilson,
)
from evenhand.fairness.statistics._numeric import pairs_among
from evenhand.fairness.statistics.exact import Kind

__all__ = ["MOST_LABELS", "Audited", "confusion", "estimates_with_intervals", "infer"]

NAMED = (
    "demographic_parity",
    "equal_opportunity",
    "predictive_equality",
    "equalized_odds",
    "predictive_parity",
    "accuracy_equality",
    # Disparities of their own with more than two labels, where the names above are of distributions and single labels.
    "selection_rate",
    "true_positive_rate",
)
MOST_LABELS = 10  # total variation compares all sets of labels
_MANY = f"total variation is compared over all sets of up to {MOST_LABELS} labels"
_NO_INTERVAL = {
    "demographic_parity": _MANY,
    "equalized_odds": _MANY,
    "average_odds": "a mean of largest gaps has no closed form",
}
_FORMS = ("difference", "ratio")
_WEIGHTED = "no interval of it under sampling weights"


def confusion(view: View, marginal: Marginal | None = None) -> ConfusionCounts:
    """The counts of a view as the policies and the intervals take them."""
    chosen = view.marginal if marginal is None else marginal
    unknown = tuple(label for label, group in zip(chosen.labels, chosen.groups, strict=True) if "unknown" in group)
    return ConfusionCounts(
        chosen.labels, chosen.counts, view.favorable, chosen.weights, chosen.squares, unknown=unknown
    )


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
    k, n = _sums(metrics, counts)
    effects = None
    if marginal.weights is None or marginal.squares is None:
        low, high = rate_interval(k, n, options.confidence)
        size = n
    else:
        (hits, total), (hits2, total2) = (_sums(metrics, Tables(part)) for part in (marginal.weights, marginal.squares))
        effective = effective_rates(n, hits, hits2, total, total2)
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


def _sums(metrics: Sequence[Metric], tables: Tables) -> tuple[Floats, Floats]:
    """Numerators and denominators of rates, each shape (metrics, groups)."""
    over, under = (np.stack(part) for part in zip(*(metric.sums(tables) for metric in metrics), strict=True))
    # Of weights, a difference of sums may pass another one by its rounding.
    return np.minimum(over, under), under


def _plain(metric: Metric, table: Tables, counts: Tables) -> Estimate:
    values, n = metric.compute(table), metric.support(counts)
    return Estimate(values, n, tuple(metric.undefined if np.isnan(value) else "" for value in values))


@dataclass(frozen=True)
class Audited:
    """A view, its audit and the estimates that it rests on."""

    view: View
    audit: AttributeAudit
    estimates: Mapping[str, Estimate]


def infer(audited: Sequence[Audited], options: Options) -> list[AttributeAudit]:
    """The same audits, their disparities between groups with intervals and p-values."""
    limits = _limits(audited, options.confidence)
    done = []
    for place, one in enumerate(audited):
        own = {name: limits[place, name] for name in one.audit.disparities if (place, name) in limits}
        done.append(replace(one.audit, disparities=_inferred(one, own, options)))
    if all(one.view.task == "binary" for one in audited):
        counts = [confusion(one.view) for one in audited]
        done = with_limits_against([Against(*both) for both in zip(done, counts, strict=True)], options.confidence)
    return done


def _limits(audited: Sequence[Audited], confidence: float) -> dict[tuple[int, str], tuple[float, float]]:
    """Limits of the disparities that are largest gaps of rates, by place and name, each comparison made once."""
    asked: dict[Hashable, tuple[tuple[Rates, ...], Kind]] = {}
    keys: dict[tuple[int, str], Hashable] = {}
    for place, one in enumerate(audited):
        rates = _rates_compared(one)
        for name, found in one.audit.disparities.items():
            if name in rates and not np.isnan(found.value):
                keys[place, name] = key = _same(rates[name], _kind(name))
                asked.setdefault(key, (rates[name], _kind(name)))
    # All of them in one search: alone each costs nearly as much.
    gaps = dict(zip(asked, largest_gaps(list(asked.values()), confidence=confidence), strict=True))
    return {at: (gaps[key].low, gaps[key].high) for at, key in keys.items()}


def _rates_compared(one: Audited) -> dict[str, tuple[Rates, ...]]:
    """The rates that each disparity of a view compares, for those that are largest gaps of rates."""
    view, counts = one.view, confusion(one.view)
    names = [name for name in one.audit.disparities if _comparable(view, name)]
    found = {name: families(name, counts) for name in names}
    for rate in _rates_of_metrics(view):
        found |= {name: (rate,) for name in (f"{rate.name}_{form}" for form in _FORMS) if name not in found}
    return found


def _rates_of_metrics(view: View) -> Iterator[Rates]:
    """The metrics of a view that are shares of rows, under their disparities' names; of single labels where few."""
    marginal, few = view.marginal, len(view.classes) <= MOST_LABELS
    metrics = [metric for metric in view.metrics if metric.kind == "rate" and (few or "/" not in metric.name)]
    k, n = _sums(metrics, Tables(marginal.counts))
    weighted = None
    if marginal.weights is not None and marginal.squares is not None:
        (hits, total), (hits2, total2) = (_sums(metrics, Tables(part)) for part in (marginal.weights, marginal.squares))
        weighted = effective_rates(n, hits, hits2, total, total2)
        k, n = weighted.k, weighted.n
    for at, metric in enumerate(metrics):
        name = headline(metric.name)
        yield Rates(k[at], n[at], marginal.labels, name, metric.undefined, effective=weighted is not None)


def _same(rates: Sequence[Rates], kind: Kind) -> Hashable:
    """What gaps with the same limits have in common: their counts, and of differences the complements' as well."""
    return kind, tuple(_key(rate, kind) for rate in rates)


def _key(rate: Rates, kind: Kind) -> bytes:
    rest = rate.n[:, None] - rate.k
    own, other = (np.concatenate(both, axis=1).tobytes() for both in ((rate.k, rest), (rest, rate.k)))
    return own if kind == "ratio" else min(own, other)


def _inferred(audited: Audited, limits: Mapping[str, tuple[float, float]], options: Options) -> dict[str, Disparity]:
    tests = _p_values(audited.view, options)
    known = {headline(metric): part for metric, part in audited.estimates.items()} | dict(audited.estimates)
    done = {}
    for name, found in audited.audit.disparities.items():
        base = name.rpartition("_")[0]
        if np.isnan(found.value):
            low, high, why = np.nan, np.nan, ""
        elif name in limits:
            low, high, why = *limits[name], ""
        else:
            low, high, why = _pairwise(base, _kind(name), known.get(base), options.confidence)
        done[name] = _finish(found, low, high, tests.get(name), why)
    return done


def _kind(name: str) -> Kind:
    return "ratio" if name.endswith("_ratio") else "difference"


def _comparable(view: View, name: str) -> bool:
    """Whether the disparity is the largest gap of rates, and of no more of them than can be compared."""
    base = name.rpartition("_")[0]
    if base not in NAMED:
        return False
    of_labels = base == "equalized_odds" or (base == "demographic_parity" and not _of_favorable(view, name))
    return view.task == "binary" or not of_labels or len(view.classes) <= MOST_LABELS


def _of_favorable(view: View, name: str) -> bool:
    """Whether it compares the rate at which favorable labels are predicted, and no distribution."""
    return bool(view.favorable) and _kind(name) == "ratio"


def _finish(found: Disparity, low: float, high: float, p_value: float | None, why: str) -> Disparity:
    known = not (np.isnan(low) or np.isnan(high))
    reason = found.reason or ("" if known else why)
    return replace(
        found, low=float(low) if known else None, high=float(high) if known else None, p_value=p_value, reason=reason
    )


def _pairwise(base: str, kind: Kind, found: Estimate | None, confidence: float) -> tuple[float, float, str]:
    """Limits of the largest gap of any metric whose groups have limits of their own; else why there are none."""
    why = _NO_INTERVAL.get(base) or _silent(found, kind)
    if why or found is None or found.low is None or found.high is None:
        return float("nan"), float("nan"), f"no interval: {why}"
    known = ~np.isnan(found.values)
    values, lows, highs = found.values[known], found.low[known], found.high[known]
    if kind == "ratio":
        low, high = _mover(np.log(values), np.log(lows), np.log(highs), confidence)
        return float(np.exp(-high)), float(np.exp(-low)), ""
    low, high = _mover(values, lows, highs, confidence)
    return float(low), float(high), ""


def _silent(found: Estimate | None, kind: str) -> str:
    """Why the groups' own limits give none of their gaps, or ""."""
    if found is None or found.low is None or found.high is None:
        return "the groups' values have none"
    known = ~np.isnan(found.values)
    if np.isnan(found.low[known]).any() or np.isnan(found.high[known]).any():
        return "a group's value has none"
    return "a group's interval reaches 0" if kind == "ratio" and (found.low[known] <= 0).any() else ""


def _mover(value: Floats, low: Floats, high: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Bonferroni limits of the largest absolute difference, from the groups' own limits at this confidence."""
    from scipy.special import ndtri

    tail = (1 - confidence) / 2
    a, b = pairs_among(len(value))
    # The groups' limits are one comparison's; for the limit "at least" they are widened to all pairs'.
    widen = float(ndtri(1 - tail / max(len(a), 1)) / ndtri(1 - tail))
    gap = np.abs(value[a] - value[b])
    top, bottom = np.where(value[a] >= value[b], a, b), np.where(value[a] >= value[b], b, a)
    inner = np.hypot(value[top] - low[top], high[bottom] - value[bottom])
    outer = np.hypot(high[top] - value[top], value[bottom] - low[bottom])
    return np.maximum(gap - widen * inner, 0.0).max(), (gap + outer).max()


def _p_values(view: View, options: Options) -> dict[str, float | None]:
    """P-values of equality by disparity; a difference and a ratio share their null, and so do complements."""
    if view.marginal.weights is not None:
        return {}
    found: dict[str, float | None] = {}
    done: dict[bytes, float | None] = {}
    counts = view.marginal.counts
    tables = Tables(counts)
    for metric in view.metrics:
        if metric.kind == "rate" and metric.condition is not None:
            hits, rows = metric.sums(tables)
            table = np.stack([rows - hits, hits], axis=1)
            key = min(table.tobytes(), table[:, ::-1].tobytes())
            if key not in done:
                done[key] = _test(table, options)
            found |= {disparity_name(metric.name, form, view.task): done[key] for form in _FORMS}
    return found | _p_values_of_labels(view, options, found)


def _p_values_of_labels(view: View, options: Options, of_rates: Mapping[str, float | None]) -> dict[str, float | None]:
    """P-values of what rests on several rates at once, within each label where it conditions on labels."""
    counts = view.marginal.counts
    by_label = counts.swapaxes(0, 1)
    tests = {"equalized_odds": by_label}
    if view.task == "multiclass":
        tests["demographic_parity"] = counts.sum(axis=1)
        if view.favorable:
            right = np.stack([by_label[at, :, at] for at in view.favorable])
            rows = by_label[list(view.favorable)].sum(axis=2)
            tests["equal_opportunity"] = np.stack([rows - right, right], axis=2)
    found: dict[str, float | None] = {}
    for base, table in tests.items():
        found |= dict.fromkeys((f"{base}_{form}" for form in _FORMS), _test(table, options))
    # With favorable labels the ratio of decisions is that of one rate, which has its own test.
    return found | {name: p for name, p in of_rates.items() if name == "demographic_parity_ratio"}


def _test(table: Array, options: Options) -> float | None:
    return equality_p_value(table, alpha=options.alpha, replicates=options.replicates, seed=options.seed).value
