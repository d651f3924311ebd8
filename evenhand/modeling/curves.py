"""Curves of a classifier's scores as arrays of at most 200 points: ROC, precision-recall, reliability, histogram."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics import wilson

__all__ = [
    "POINTS",
    "Ranking",
    "precision_recall_curve",
    "rank",
    "reliability_bins",
    "roc_curve",
    "score_histogram",
    "thin",
]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
POINTS = 200
"""A plot shows no more: a curve keeps its ends and the points that divide its length evenly."""


@dataclass(frozen=True)
class Ranking:
    """Cumulative counts at the distinct scores, highest first; ties are one step.

    Attributes
    ----------
    threshold
        Distinct scores, descending, shape (m,).
    true_positives, false_positives
        Rows of each class with a score of at least the threshold, shape (m,).
    step
        The position in `threshold` of every row, shape (n,).
    """

    threshold: FloatArray
    true_positives: FloatArray
    false_positives: FloatArray
    step: npt.NDArray[np.intp]

    @property
    def positives(self) -> float:
        """Rows of the positive class."""
        return float(self.true_positives[-1])

    @property
    def negatives(self) -> float:
        """Rows of the other classes."""
        return float(self.false_positives[-1])


def rank(truth: BoolArray, score: FloatArray) -> Ranking:
    """Sort the scores once; every curve and area of them reads from this.

    Examples
    --------
    >>> rank(np.array([True, False, True]), np.array([0.9, 0.5, 0.5])).true_positives.tolist()
    [1.0, 2.0]
    """
    distinct, inverse = np.unique(-score, return_inverse=True)
    hits = np.bincount(inverse, weights=truth, minlength=len(distinct))
    rows = np.bincount(inverse, minlength=len(distinct))
    return Ranking(-distinct, np.cumsum(hits), np.cumsum(rows - hits), inverse)


def thin(x: FloatArray, y: FloatArray, limit: int = POINTS) -> npt.NDArray[np.intp]:
    """Positions of at most `limit` points of a curve: both ends, and what divides its length evenly."""
    if len(x) <= limit:
        return np.arange(len(x))
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0, length[-1], limit)
    kept = np.searchsorted(length, wanted, side="left").clip(0, len(x) - 1)
    kept[0], kept[-1] = 0, len(x) - 1
    return np.unique(kept)


def roc_curve(ranking: Ranking) -> dict[str, FloatArray]:
    """``fpr``, ``tpr`` and ``threshold`` from (0, 0) to (1, 1); empty arrays when a class has no rows."""
    if not ranking.positives or not ranking.negatives:
        return {name: np.zeros(0) for name in ("fpr", "tpr", "threshold")}
    fpr = np.concatenate([[0.0], ranking.false_positives / ranking.negatives])
    tpr = np.concatenate([[0.0], ranking.true_positives / ranking.positives])
    kept = thin(fpr, tpr)
    return {"fpr": fpr[kept], "tpr": tpr[kept], "threshold": np.concatenate([[np.inf], ranking.threshold])[kept]}


def precision_recall_curve(ranking: Ranking) -> dict[str, FloatArray]:
    """``recall``, ``precision`` and ``threshold``, recall ascending; empty arrays without a positive row."""
    if not ranking.positives:
        return {name: np.zeros(0) for name in ("recall", "precision", "threshold")}
    recall = ranking.true_positives / ranking.positives
    precision = ranking.true_positives / (ranking.true_positives + ranking.false_positives)
    kept = thin(recall, precision)
    return {"recall": recall[kept], "precision": precision[kept], "threshold": ranking.threshold[kept]}


def reliability_bins(
    truth: BoolArray, probability: FloatArray, *, bins: int = 10, confidence: float = 0.95
) -> dict[str, FloatArray]:
    """Predicted against observed rate in bins of equal width, with Wilson intervals of the observed rate.

    Parameters
    ----------
    truth, probability
        Shape (n,): what happened, and the predicted probability of it.
    bins
        Bins of equal width over [0, 1], as in Guo et al. 2017, "On calibration of modern neural networks".

    Returns
    -------
    dict
        ``low``, ``high`` (the bin), ``n``, ``predicted`` (mean), ``observed``, ``observed_low``, ``observed_high``,
        all of shape (bins,); NaN where a bin is empty.

    Examples
    --------
    >>> result = reliability_bins(np.array([True, False]), np.array([0.81, 0.89]))
    >>> float(result["n"][8]), float(result["observed"][8]), round(float(result["predicted"][8]), 2)
    (2.0, 0.5, 0.85)
    """
    where = np.minimum((probability * bins).astype(np.intp), bins - 1)
    n = np.bincount(where, minlength=bins).astype(float)
    hits = np.bincount(where, weights=truth, minlength=bins)
    total = np.bincount(where, weights=probability, minlength=bins)
    low, high = wilson(hits, n, confidence)
    edges = np.linspace(0, 1, bins + 1)
    with np.errstate(invalid="ignore"):
        predicted, observed = total / n, hits / n
    return {
        "low": edges[:-1],
        "high": edges[1:],
        "n": n,
        "predicted": predicted,
        "observed": observed,
        "observed_low": low,
        "observed_high": high,
    }


def score_histogram(truth: BoolArray, probability: FloatArray, *, bins: int = 20) -> dict[str, FloatArray]:
    """Rows of the positive class and of the rest in bins of equal width over [0, 1]."""
    edges = np.linspace(0, 1, bins + 1)
    positive, _ = np.histogram(probability[truth], bins=edges)
    rest, _ = np.histogram(probability[~truth], bins=edges)
    return {"low": edges[:-1], "high": edges[1:], "positive": positive.astype(float), "rest": rest.astype(float)}
