"""Figures that floors of the gate name, with limits that hold at the small levels which later looks are left with."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics import clopper_pearson
from evenhand.modeling._coded import Coded, coded, probabilities_of
from evenhand.modeling._count_metrics import count_metrics, per_class_counts
from evenhand.modeling._intervals import Level, Metric
from evenhand.modeling._score_metrics import (
    BINS,
    area_of,
    calibration_limits,
    losses,
    ranking_metrics,
    ranking_of,
    said_and_happened,
)
from evenhand.modeling._values import plain

__all__ = ["floor_figures"]

FloatArray = npt.NDArray[np.float64]
_RANKED = ("average_precision", "roc_auc_ovr", "average_precision_macro")
_LOSSES = ("log_loss", "brier_score")


def floor_figures(
    names: Collection[str],
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    y_proba: npt.ArrayLike,
    classes: Sequence[Any] | npt.NDArray[Any],
    favorable_label: Any = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """The named figures alone, as :func:`~evenhand.modeling.evaluation.evaluate` has them, with limits for verdicts.

    Scores are put in order only where a figure of them is asked for, so that a floor on accuracy costs a count.

    Parameters
    ----------
    names
        Of :data:`~evenhand.modeling.figure_names.FIGURES`; those that a model of so many labels has not are left out.
    y_true, y_pred, y_proba, classes, favorable_label
        As :func:`~evenhand.modeling.evaluation.evaluate` takes them.
    confidence
        Of the intervals.
    replicates, seed
        Of the correlations of the labels' F1; no limit is a quantile of replicates.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``method`` and ``reason`` by figure, None where it is undefined.

    Notes
    -----
    Rates have the exact limits of Clopper and Pearson: Wilson's, which the pages show, lie too near far out in the
    longer tail. By summing binomial probabilities over 52 looks with equal shares of .025 at each side, an accuracy of
    exactly .98 on 100 rows would be shown to be less at some look with probability .21, and .01 by the exact ones.
    Means of rates combine these limits, the calibration error has limits of its own
    (:func:`~evenhand.modeling._score_metrics.calibration_limits`), and areas and losses those of the evaluation: by
    simulation (200 to 1,000 rows, tails of .0125 to .0005) each is passed at most 3.3 times as often as it says.

    Examples
    --------
    >>> found = floor_figures(["accuracy"], [0, 0, 1, 1], [0, 1, 1, 1], y_proba=[0.1, 0.6, 0.7, 0.9], classes=[0, 1])
    >>> {name: (each["value"], round(each["low"], 3), round(each["high"], 3)) for name, each in found.items()}
    {'accuracy': (0.75, 0.194, 0.994)}
    """
    rows = coded(y_true, y_pred, classes, favorable_label)
    level = Level(confidence, replicates, np.random.default_rng(seed), clopper_pearson)
    confusion = rows.confusion().astype(float)
    parts = per_class_counts(confusion, rows.labels, level)
    found = count_metrics(confusion, parts, rows.labels, positive=rows.positive, level=level, only=names)
    if set(names) - set(found):
        found |= _of_scores(set(names) - set(found), rows, probabilities_of(rows, y_proba), confidence)
    return {name: plain(found[name]) for name in names if name in found}


def _of_scores(names: Collection[str], rows: Coded, probabilities: FloatArray, confidence: float) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    if "roc_auc" in names and rows.positive is not None:
        one = rows.positive
        found["roc_auc"] = area_of(rows.truth == one, probabilities[:, one], rows.labels[one], confidence)
    if any(name in _RANKED for name in names):
        found = _ranked(rows, probabilities, confidence) | found
    if any(name in _LOSSES for name in names):
        found |= losses(rows.truth, probabilities, confidence, known=rows.known)
    if "expected_calibration_error" in names:
        happened, said = said_and_happened(rows.truth, probabilities, rows.positive)
        found["expected_calibration_error"] = calibration_limits(happened, said, bins=BINS, confidence=confidence)
    return found


def _ranked(rows: Coded, probabilities: FloatArray, confidence: float) -> dict[str, Metric]:
    """Areas and average precisions, of each label against the rest where the mean over labels is asked for."""
    parts: list[dict[str, Metric]] = [{} for _ in rows.labels]
    influences: list[dict[str, FloatArray]] = [{} for _ in rows.labels]
    for k in range(len(rows.labels)) if rows.positive is None else (rows.positive,):
        _, parts[k], influences[k] = ranking_of(rows.truth == k, probabilities[:, k], rows.labels[k], confidence)
    return ranking_metrics(parts, influences, rows.labels, rows.positive)
