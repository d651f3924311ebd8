"""Estimates that need scores: area, log-loss and calibration of every group of a view."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.fairness.areas import Area, area_of_histogram, exact_areas
from evenhand.fairness.arrays import Array, Bools, Floats, Ints
from evenhand.fairness.assess import Estimate
from evenhand.fairness.counts import Marginal
from evenhand.fairness.groups import Coded
from evenhand.fairness.replicated import Options
from evenhand.fairness.scores import calibration_error, coarse, score_metrics
from evenhand.fairness.statistics import bootstrap_interval
from evenhand.fairness.statistics._numeric import critical_value
from evenhand.fairness.statistics.auc import _score_limits

__all__ = ["ScoredRows", "score_estimates"]

_NOT_PROBABILITIES = "the scores are not probabilities from 0 to 1"
_WEIGHTED = "no interval of score metrics under sampling weights"


@dataclass(frozen=True)
class ScoredRows:
    """The rows' scores, kept by reference for the exact areas; nothing of them reaches a report.

    Attributes
    ----------
    score
        Shape (n,).
    favorable
        Whether the label is the favorable one, shape (n,).
    groups
        Codes of each attribute.
    """

    score: Array
    favorable: Bools
    groups: dict[str, Coded]

    def areas(self, marginal: Marginal) -> list[Area]:
        """The exact area of each group of a view, in its order."""
        if not marginal.attributes:
            one = np.zeros(1, dtype=np.uint8)
            everybody = np.broadcast_to(one, self.score.shape)
            return list(exact_areas(self.score, self.favorable, everybody, np.array([len(self.score)])))
        return list(exact_areas(self.score, self.favorable, self.codes(marginal), marginal.n))

    def codes(self, marginal: Marginal) -> Array:
        """The position of each row's group among the groups of the view."""
        chosen = [self.groups[name] for name in marginal.attributes]
        sizes = [len(coded.labels) for coded in chosen]
        place = np.zeros(sizes, dtype=np.uint8 if len(marginal.groups) <= 256 else np.uint16)
        for at, group in enumerate(marginal.groups):
            place[tuple(coded.labels.index(label) for coded, label in zip(chosen, group, strict=True))] = at
        if len(chosen) == 1:
            codes: Array = place[chosen[0].codes]
            return codes
        wide: Any = np.uint16 if place.size < 1 << 16 else np.int64
        combined: Array = np.zeros(len(chosen[0].codes), dtype=wide)
        for coded, size in zip(chosen, sizes, strict=True):
            np.multiply(combined, wide(size), out=combined)
            np.add(combined, coded.codes, out=combined, casting="unsafe")
        crossed: Array = place.reshape(-1)[combined]
        return crossed


def score_estimates(marginal: Marginal, rows: ScoredRows | None, options: Options) -> dict[str, Estimate]:
    """Estimates by metric; empty without scores."""
    found = {}
    if rows is not None and marginal.weights is None:
        found["roc_auc"] = _areas(rows.areas(marginal), marginal.n, options)
    elif marginal.scores is not None:
        tables = marginal.scores.rows
        weighted = marginal.weights is not None
        found["roc_auc"] = _areas(
            [area_of_histogram(table) for table in tables], marginal.n, options, weighted=weighted
        )
    if marginal.scores is not None:
        found |= _means(marginal, options)
        found["expected_calibration_error"] = _calibration(marginal, options)
    elif rows is not None:
        nothing = np.full(len(marginal.groups), np.nan)
        for name in ("calibration_in_the_large", "expected_calibration_error", "log_loss"):
            reasons = (_NOT_PROBABILITIES,) * len(marginal.groups)
            found[name] = Estimate(nothing, marginal.n.astype(float), reasons)
    return found


def _areas(areas: Sequence[Area], n: Ints, options: Options, *, weighted: bool = False) -> Estimate:
    z = critical_value(options.confidence)
    values = np.array([area.value for area in areas])
    limits = np.full((len(areas), 2), np.nan)
    reasons = []
    for at, area in enumerate(areas):
        side = "favorable" if not area.positives else "unfavorable"
        reason = f"no rows with the {side} label" if np.isnan(area.value) else ""
        if not reason and not weighted and options.intervals:
            low, high = _score_limits(area.value, area.variance, area.positives, area.negatives, z)
            limits[at] = max(low - area.error, 0.0), min(high + area.error, 1.0)
        notes = [f"within {area.error:.2g} of the exact area"] * bool(area.error) + [_WEIGHTED] * weighted
        reasons.append(reason or "; ".join(notes))
    return Estimate(values, n.astype(float), tuple(reasons), limits[:, 0], limits[:, 1])


def _means(marginal: Marginal, options: Options) -> dict[str, Estimate]:
    assert marginal.scores is not None
    z = critical_value(options.confidence)
    n = marginal.n.astype(float)
    found = {}
    for name, (values, variance) in score_metrics(marginal.scores).items():
        if name == "expected_calibration_error":
            continue
        half = np.full(len(n), np.nan) if marginal.weights is not None else z * np.sqrt(variance)
        low = values - half if name != "log_loss" else np.maximum(values - half, 0.0)
        why = _WEIGHTED if marginal.weights is not None else "one row tells no variance"
        reasons = tuple(why if np.isnan(width) else "" for width in half)
        found[name] = Estimate(values, n, reasons, low, values + half, signed=name == "calibration_in_the_large")
    return found


def _calibration(marginal: Marginal, options: Options) -> Estimate:
    """Replicates of rows by (label, bin), each row with its bin's mean score.

    An error is a sum of distances, so the sample's and even more the replicates' lie above the true one. The upper
    limit is the replicates' own, the lower one theirs reflected about the estimate: on the safe side at both ends.
    """
    assert marginal.scores is not None
    sums = marginal.scores
    values = calibration_error(sums.rows, sums.scores)
    n = marginal.n.astype(float)
    if marginal.weights is not None or not options.intervals:
        return Estimate(values, n, (_WEIGHTED if options.intervals else "",) * len(n))
    counts, totals = coarse(sums.rows), coarse(sums.scores)
    means = np.divide(totals, counts, out=np.zeros_like(totals), where=counts > 0)
    shape = counts.shape

    def statistic(cells: Floats) -> Floats:
        drawn = cells.reshape(*cells.shape[:-1], *shape[1:])
        return calibration_error(drawn, drawn * means)

    flat = counts.reshape(len(counts), -1)
    found = bootstrap_interval(
        flat,
        statistic,
        confidence=options.confidence,
        replicates=options.replicates,
        method="percentile",
        seed=options.seed,
    )
    high = np.maximum(found.high, values)
    low = np.where(np.isnan(high), np.nan, np.clip(2 * values - found.high, 0.0, found.low))
    return Estimate(values, n, tuple(str(reason) for reason in found.reason), np.minimum(low, values), high)
