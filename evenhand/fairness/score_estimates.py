"""Estimates that need scores: area, log-loss and calibration of every group of a view."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.fairness.areas import Area, Axes, RisingRows, area_of_histogram, weighted_areas
from evenhand.fairness.arrays import Array, Bools, Floats, Ints
from evenhand.fairness.assess import Estimate
from evenhand.fairness.counts import Marginal
from evenhand.fairness.groups import Coded
from evenhand.fairness.options import Options
from evenhand.fairness.scores import ScoreSums, calibration_error, coarse, score_metrics
from evenhand.fairness.statistics import bootstrap_interval
from evenhand.fairness.statistics._numeric import critical_value
from evenhand.fairness.statistics.auc import _score_limits
from evenhand.fairness.statistics.figures import mean_error_interval

__all__ = ["SUMS_ONLY", "Ranked", "ScoredRows", "score_estimates"]

SUMS_ONLY = "only a histogram of the scores is kept, which has no exact median"

_NOT_PROBABILITIES = "the scores are not probabilities from 0 to 1"
_WEIGHTED = "no interval of score metrics under sampling weights"
_ONE_LABEL = "rows of one label alone tell no interval"
_FLAT = "all rows have the same loss, so they tell no interval"
_ROUNDING = 1e-6  # of a loss: its variance is a difference of squares, which loses half of the digits


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
    frequency
        How often each row was observed, or None for once.
    sampling
        How many people of the population each row stands for, or None.
    """

    score: Array
    favorable: Bools
    groups: dict[str, Coded]
    frequency: Array | None = None
    sampling: Array | None = None

    @cached_property
    def _rising(self) -> RisingRows:
        """The rows in the order of their scores, which every view shares."""
        return RisingRows(self.score, self.favorable, self._axes)

    @cached_property
    def _order(self) -> Ints:
        """The same of weighted rows, whose weights and labels are gathered for a view."""
        return np.argsort(self.score, kind="stable")

    @property
    def _axes(self) -> dict[str, Array]:
        return {name: coded.codes for name, coded in self.groups.items()}

    def areas(self, marginal: Marginal) -> list[Area]:
        """The exact area of each group of a view, in its order."""
        weight = self.frequency if self.sampling is None else self.sampling
        if weight is None:
            return list(self._rising.areas(marginal.n, self._coder(marginal) if marginal.attributes else None))
        at = self._order
        codes = self.codes(marginal)[at] if marginal.attributes else np.zeros(len(at), dtype=np.uint8)
        return list(weighted_areas(self.score[at], self.favorable[at], codes, weight[at], len(marginal.groups)))

    def codes(self, marginal: Marginal) -> Array:
        """The position of each row's group among the groups of the view."""
        return self._coder(marginal)(self._axes)

    def _coder(self, marginal: Marginal) -> Callable[[Axes], Array]:
        """From the codes of rows to the positions of their groups among those of the view."""
        chosen = [self.groups[name] for name in marginal.attributes]
        sizes = [len(coded.labels) for coded in chosen]
        place = np.zeros(sizes, dtype=np.uint8 if len(marginal.groups) <= 256 else np.uint16)
        for at, group in enumerate(marginal.groups):
            place[tuple(coded.labels.index(label) for coded, label in zip(chosen, group, strict=True))] = at
        wide: Any = np.uint16 if place.size < 1 << 16 else np.int64
        flat: Array = place.reshape(-1)

        def positions(axes: Axes) -> Array:
            first, *others = (axes[name] for name in marginal.attributes)
            combined: Array = first.astype(wide) if others else first
            for codes, size in zip(others, sizes[1:], strict=True):
                np.multiply(combined, wide(size), out=combined)
                np.add(combined, codes, out=combined, casting="unsafe")
            found: Array = flat[combined]
            return found

        return positions


@dataclass(frozen=True)
class Ranked:
    """Scores whose median is known, for the tables of policies.

    Attributes
    ----------
    rows
        The scores, or None.
    reason
        Why there are none.
    """

    rows: ScoredRows | None = None
    reason: str = "the rows have no scores"

    @classmethod
    def of_counts(cls, scores: ScoreSums | None) -> "Ranked":
        """What a table of counts has: no scores, or sums of them."""
        return cls() if scores is None else cls(reason=SUMS_ONLY)


def score_estimates(marginal: Marginal, rows: ScoredRows | None, options: Options) -> dict[str, Estimate]:
    """Estimates by metric; empty without scores."""
    found = {}
    weighted = marginal.weights is not None
    if rows is not None:
        found["roc_auc"] = _areas(rows.areas(marginal), marginal.n, options, weighted=weighted)
    elif marginal.scores is not None:
        areas = [area_of_histogram(table) for table in marginal.scores.rows]
        found["roc_auc"] = _areas(areas, marginal.n, options, weighted=weighted)
    if marginal.scores is not None:
        found["calibration_in_the_large"] = _large(marginal.scores, marginal, options)
        found["log_loss"] = _log_loss(marginal.scores, marginal, options)
        found["expected_calibration_error"] = _calibration(marginal.scores, marginal, options)
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


def _large(sums: ScoreSums, marginal: Marginal, options: Options) -> Estimate:
    """Calibration in the large, with the interval of the effective counts that its verdicts rest on."""
    values, variance = score_metrics(sums)["calibration_in_the_large"]
    by_label = sums.rows.sum(axis=-1)
    limits = mean_error_interval(values, variance, by_label[:, 1], by_label.sum(axis=1), options.confidence)
    return _estimate(values, limits, np.full(len(values), ""), marginal, options, signed=True)


def _log_loss(sums: ScoreSums, marginal: Marginal, options: Options) -> Estimate:
    """Log-loss with a normal interval, none where the rows tell no variance."""
    values, variance = score_metrics(sums)["log_loss"]
    half = critical_value(options.confidence) * np.sqrt(variance)
    flat = variance * marginal.n <= (_ROUNDING * values) ** 2
    reasons = np.where(_one_label(sums), _ONE_LABEL, np.where(flat, _FLAT, ""))
    return _estimate(values, (np.maximum(values - half, 0.0), values + half), reasons, marginal, options)


def _one_label(sums: ScoreSums) -> Bools:
    """Groups whose rows all have one label: what the other's would add to a variance, they do not show."""
    alone: Bools = (sums.rows.sum(axis=-1) == 0).any(axis=1)
    return alone


def _estimate(
    values: Floats,
    limits: tuple[Floats, Floats],
    reasons: npt.NDArray[np.str_],
    marginal: Marginal,
    options: Options,
    *,
    signed: bool = False,
) -> Estimate:
    """Values with their limits where no reason stands against them, for one group or for all."""
    none = marginal.weights is not None or not options.intervals
    if none:
        reasons = np.full(len(values), _WEIGHTED if options.intervals else "")
    low, high = (np.where(none | (reasons != ""), np.nan, limit) for limit in limits)
    return Estimate(values, marginal.n.astype(float), tuple(reasons.tolist()), low, high, signed=signed)


def _calibration(sums: ScoreSums, marginal: Marginal, options: Options) -> Estimate:
    """Replicates of rows by (label, bin), each row with its bin's mean score.

    An error is a sum of distances, so the sample's and even more the replicates' lie above the true one. The upper
    limit is the replicates' own, the lower one theirs reflected about the estimate: on the safe side at both ends.
    """
    values = calibration_error(sums.rows, sums.scores)
    if marginal.weights is not None or not options.intervals:
        return _estimate(values, (values, values), np.full(len(values), ""), marginal, options)
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
    reasons = np.where(_one_label(sums), _ONE_LABEL, found.reason)
    return _estimate(values, (np.minimum(low, values), high), reasons, marginal, options)
