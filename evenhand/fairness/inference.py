"""Uncertainty of an audit: intervals of every group's metrics, intervals and tests of the disparities.

Which method serves what: rates get Wilson's interval (Blaker's exact one on few rows), the area its corrected
DeLong interval, calibration in the large Wilson's of effective counts, log-loss a normal one, calibration error
multinomial replicates. What is made of rates (F1, balanced accuracy, the indices) takes their limits over. Disparities
of rates, by whatever name, get the simultaneous interval of the largest gap, and a permutation test within what the
metric conditions on. Every other disparity, and those of single labels among many, get Bonferroni limits over pairs
of groups from the groups' own limits (MOVER; Zou and Donner 2008, Statistics in Medicine 27:1693-1702). Sampling
weights give effective counts of rates, and neither intervals of what is made of several rates nor draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenhand.fairness.against import Against, with_limits_against
from evenhand.fairness.arrays import Array, Floats
from evenhand.fairness.assess import Estimate, View
from evenhand.fairness.compared import FORMS, MOST_LABELS, Audited, confusion, gap_limits, kind_of
from evenhand.fairness.metrics import Tables
from evenhand.fairness.options import Options
from evenhand.fairness.report import AttributeAudit, Disparity, disparity_name, headline
from evenhand.fairness.statistics import equality_p_value
from evenhand.fairness.statistics._numeric import pairs_among
from evenhand.fairness.statistics.exact import Kind

__all__ = ["infer"]

_MANY = f"total variation is compared over all sets of up to {MOST_LABELS} labels"
_NO_INTERVAL = {
    "demographic_parity": _MANY,
    "equalized_odds": _MANY,
    "average_odds": "a mean of largest gaps has no closed form",
}


def infer(audited: Sequence[Audited], options: Options) -> list[AttributeAudit]:
    """The same audits, their disparities between groups with intervals and p-values."""
    limits = gap_limits(audited, options.confidence)
    done = []
    for place, one in enumerate(audited):
        own = {name: limits[place, name] for name in one.audit.disparities if (place, name) in limits}
        done.append(replace(one.audit, disparities=_inferred(one, own, options)))
    if all(one.view.task == "binary" for one in audited):
        counts = [confusion(one.view) for one in audited]
        done = with_limits_against([Against(*both) for both in zip(done, counts, strict=True)], options.confidence)
    return done


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
            low, high, why = _pairwise(base, kind_of(name), known.get(base), options.confidence)
        done[name] = _finish(found, low, high, tests.get(name), why)
    return done


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
            found |= {disparity_name(metric.name, form, view.task): done[key] for form in FORMS}
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
        found |= dict.fromkeys((f"{base}_{form}" for form in FORMS), _test(table, options))
    # With favorable labels the ratio of decisions is that of one rate, which has its own test.
    return found | {name: p for name, p in of_rates.items() if name == "demographic_parity_ratio"}


def _test(table: Array, options: Options) -> float | None:
    return equality_p_value(table, alpha=options.alpha, replicates=options.replicates, seed=options.seed).value
