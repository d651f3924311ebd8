"""How well a model does on the test part: every metric with its interval, or the reason why it has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.modeling._coded import Coded, coded, probabilities_of
from evenhand.modeling._count_metrics import count_metrics, per_class_counts
from evenhand.modeling._intervals import Level, Metric, undefined
from evenhand.modeling._score_metrics import (
    BINS,
    calibration_error,
    calibration_line,
    losses,
    ranking_metrics,
    ranking_of,
    said_and_happened,
)
from evenhand.modeling._values import plain
from evenhand.modeling.curves import precision_recall_curve, roc_curve, score_histogram

__all__ = ["ClassEvaluation", "Evaluation", "Metric", "evaluate"]

FloatArray = npt.NDArray[np.float64]
SCORE_METRICS = {
    "binary": ("roc_auc", "average_precision"),
    "multiclass": ("roc_auc_ovr", "average_precision_macro"),
}
CALIBRATION_METRICS = ("log_loss", "brier_score", "expected_calibration_error")
LINE_METRICS = ("calibration_intercept", "calibration_slope")


@dataclass(frozen=True)
class ClassEvaluation:
    """One class against the rest.

    Attributes
    ----------
    label
        The class.
    n
        Its rows in the test part.
    metrics
        ``precision``, ``recall``, ``f1``, ``roc_auc``, ``average_precision``.
    """

    label: Any
    n: int
    metrics: Mapping[str, Metric]


@dataclass(frozen=True)
class Evaluation:
    """The figures of a model on rows that it has never seen.

    Attributes
    ----------
    n
        Rows.
    task
        ``binary`` or ``multiclass``.
    classes
        Labels in the order of `confusion`: those of the model, then any that only the test part has.
    positive_label
        What precision, recall, F1 and the curves are about; None for more than two classes.
    confidence
        Level of the intervals.
    metrics
        By scikit-learn's scorer names where these exist (``f1`` for two classes, ``f1_macro`` for more).
    per_class
        Every class against the rest.
    confusion
        Rows by truth and prediction, shape (k, k).
    calibration
        ``about`` (``positive`` or ``top_label``: Guo et al. 2017) and the reliability bins.
    curves
        ``roc``, ``precision_recall`` and ``scores``: one entry a class with its ``label`` and arrays.
    """

    n: int
    task: Literal["binary", "multiclass"]
    classes: tuple[Any, ...]
    positive_label: Any
    confidence: float
    metrics: Mapping[str, Metric]
    per_class: tuple[ClassEvaluation, ...]
    confusion: npt.NDArray[np.int64]
    calibration: Mapping[str, Any]
    curves: Mapping[str, Sequence[Mapping[str, Any]]]

    def __getitem__(self, name: str) -> Metric:
        return self.metrics[name]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON knows it; undefined figures are None and have a reason."""
        result: dict[str, Any] = plain(self)
        return result | {"confusion": {"labels": plain(list(self.classes)), "counts": plain(self.confusion)}}

    def to_frame(self) -> pd.DataFrame:
        """One row a metric: value, low, high, method, reason."""
        rows = [{"metric": name, **vars(metric)} for name, metric in self.metrics.items()]
        return pd.DataFrame(rows).set_index("metric")


def evaluate(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    y_proba: npt.ArrayLike | None,
    classes: Sequence[Any] | npt.NDArray[Any],
    favorable_label: Any = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Assess predictions on the test part.

    Rates have Wilson's interval, areas DeLong's variance or the infinitesimal jackknife on a scale that keeps them in
    [0, 1], macro averages combine their parts' intervals (MOVER), and only the expected calibration error and the
    correlations of macro F1 are resampled, so 100,000 rows take well under a second. Each metric names its method.

    Parameters
    ----------
    y_true, y_pred
        Labels, shape (n,).
    y_proba
        Probabilities, shape (n, k), columns in the order of `classes`; for two classes also (n,): that of the positive
        label. None leaves the metrics of probabilities undefined.
    classes
        The labels that the model knows, as in ``classes_``.
    favorable_label
        The positive label of a binary model; None means the last class.
    confidence, replicates, seed
        Of the intervals.

    Raises
    ------
    DataError
        Without rows, or when the parts differ in length.
    ModelError
        When a prediction is no class of the model, or probabilities are not finite, not in [0, 1] or do not sum to 1.

    Examples
    --------
    >>> result = evaluate([0, 0, 1, 1], [0, 1, 1, 1], y_proba=[0.1, 0.6, 0.7, 0.9], classes=[0, 1])
    >>> result["accuracy"].value, round(result["accuracy"].low, 2), result["accuracy"].method
    (0.75, 0.3, 'wilson')
    >>> result["roc_auc"].value
    1.0
    """
    rows = coded(y_true, y_pred, classes, favorable_label)
    labels, positive = rows.labels, rows.positive
    level = Level(confidence, replicates, np.random.default_rng(seed))
    confusion = rows.confusion()
    parts = per_class_counts(confusion.astype(float), labels, level)
    metrics = count_metrics(confusion.astype(float), parts, labels, positive=positive, level=level)
    if y_proba is None:
        scores = _without_scores(parts, positive)
    else:
        scores = _with_scores(rows, probabilities_of(rows, y_proba), parts, level)
    return Evaluation(
        n=len(rows.truth),
        task="multiclass" if positive is None else "binary",
        classes=tuple(labels),
        positive_label=None if positive is None else labels[positive],
        confidence=confidence,
        metrics=metrics | scores.metrics,
        per_class=tuple(
            ClassEvaluation(label, int(n), part)
            for label, n, part in zip(labels, confusion.sum(axis=1), parts, strict=True)
        ),
        confusion=confusion,
        calibration=scores.calibration,
        curves=scores.curves,
    )


@dataclass(frozen=True)
class _Scores:
    """What the probabilities tell."""

    metrics: dict[str, Metric]
    calibration: dict[str, Any]
    curves: dict[str, list[dict[str, Any]]]


def _without_scores(parts: list[dict[str, Metric]], positive: int | None) -> _Scores:
    missing = undefined("no probabilities were given")
    for part in parts:
        part.update(roc_auc=missing, average_precision=missing)
    ranking = SCORE_METRICS["multiclass" if positive is None else "binary"]
    names = [*ranking, *CALIBRATION_METRICS, *(LINE_METRICS if positive is not None else ())]
    return _Scores(dict.fromkeys(names, missing), {}, {"roc": [], "precision_recall": [], "scores": []})


def _with_scores(rows: Coded, probabilities: FloatArray, parts: list[dict[str, Metric]], level: Level) -> _Scores:
    truth, labels, positive = rows.truth, rows.labels, rows.positive
    influences: list[dict[str, FloatArray]] = []
    curves: dict[str, list[dict[str, Any]]] = {"roc": [], "precision_recall": [], "scores": []}
    for k, label in enumerate(labels):
        is_label = truth == k
        ranking, metrics, influence = ranking_of(is_label, probabilities[:, k], label, level.confidence)
        parts[k].update(metrics)
        influences.append(influence)
        if positive in (None, k):
            curves["roc"].append({"label": label, **roc_curve(ranking)})
            curves["precision_recall"].append({"label": label, **precision_recall_curve(ranking)})
            curves["scores"].append({"label": label, **score_histogram(is_label, probabilities[:, k])})
    result = ranking_metrics(parts, influences, labels, positive)
    result |= losses(truth, probabilities, level.confidence, known=rows.known)
    calibrated, about = _calibration(truth, probabilities, positive, level)
    return _Scores(result | calibrated, about, curves)


def _calibration(
    truth: npt.NDArray[np.intp], probabilities: FloatArray, positive: int | None, level: Level
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Of the positive label, or for more than two classes of the label that the model thinks likeliest."""
    happened, said = said_and_happened(truth, probabilities, positive)
    error, bins = calibration_error(happened, said, bins=BINS, level=level)
    metrics = {"expected_calibration_error": error}
    if positive is not None:
        metrics |= calibration_line(happened, said, level.confidence)
    return metrics, {"about": "top_label" if positive is None else "positive", "bins": bins}
