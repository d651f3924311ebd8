"""What scores give by group: AUC, log-loss and calibration, exact in memory or from a histogram that adds up.

Calibration in the large is mean score less base rate. The expected calibration error is, over ten bins of equal
width, the mean distance between score and base rate of a bin, weighted by its rows (Naeini, Cooper and Hauskrecht
2015; Guo et al. 2017, "On calibration of modern neural networks", equation 3, with the favorable label's
probability). Log-loss clips probabilities at the precision of a float64, as scikit-learn does.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError
from evenhand.fairness.arrays import Array, Floats, divide

__all__ = ["CALIBRATION_BINS", "SCORE_BINS", "ScoreSums", "score_metrics"]

CALIBRATION_BINS = 10
SCORE_BINS = 1000
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ScoreSums:
    """What the scores of rows add up to, by cell and label; two of them add like counts.

    Attributes
    ----------
    rows
        Rows (or their weights) by cell, label and bin of the score, shape (c, k, b); b is a multiple of ten.
    scores
        Sum of the scores, shape (c, k, b).
    moments
        Sums of loss and of loss squared, shape (c, k, 2).
    """

    rows: npt.NDArray[Any]
    scores: Floats
    moments: Floats

    def parts(self) -> tuple[npt.NDArray[Any], Floats, Floats]:
        """Its arrays, cells on the first axis and labels on the second."""
        return self.rows, self.scores, self.moments


class ScoreCounter:
    """Adds up scores a block at a time.

    Parameters
    ----------
    slots
        How many (cell, label) there are.
    bins
        Bins of the histogram: a multiple of ten.
    weighted
        Whether rows carry sampling weights.
    """

    def __init__(self, slots: int, bins: int, *, weighted: bool) -> None:
        if bins < CALIBRATION_BINS or bins % CALIBRATION_BINS:
            raise DataError(f"score_bins is {bins}: give a multiple of {CALIBRATION_BINS}")
        self.slots, self.bins = slots, bins
        self.rows = np.zeros(slots * bins, dtype=np.float64 if weighted else np.int64)
        self.scores = np.zeros(slots * bins)
        self.moments = np.zeros((2, slots))

    def add(
        self, slot: npt.NDArray[np.intp], score: Floats, favorable: npt.NDArray[np.bool_], weight: Floats | None
    ) -> None:
        """Add rows: their (cell, label), score in [0, 1], whether the label is favorable, and weight."""
        at = slot * self.bins
        at += np.minimum(score * self.bins, self.bins - 1).astype(np.intp)
        right = np.abs(score - ~favorable)  # the probability given to the label that was true
        loss = np.log(np.maximum(right, _EPS, out=right), out=right)
        size = self.slots * self.bins
        counted = np.bincount(at, weights=weight, minlength=size)
        self.rows += counted if self.rows.dtype == np.float64 else np.rint(counted).astype(np.int64, copy=False)
        self.scores += np.bincount(at, weights=score if weight is None else score * weight, minlength=size)
        first = loss if weight is None else loss * weight
        self.moments[0] -= np.bincount(slot, weights=first, minlength=self.slots)
        self.moments[1] += np.bincount(slot, weights=first * loss, minlength=self.slots)

    def sums(self, cells: npt.NDArray[np.intp], labels: int) -> ScoreSums:
        """The sums of the cells at these positions."""
        return ScoreSums(
            self.rows.reshape(-1, labels, self.bins)[cells],
            self.scores.reshape(-1, labels, self.bins)[cells],
            np.ascontiguousarray(self.moments.T).reshape(-1, labels, 2)[cells],
        )


def score_metrics(sums: ScoreSums) -> dict[str, tuple[Floats, Floats]]:
    """Log-loss and calibration of tables (g, 2, b) whose second label is the favorable one: values and variances.

    Returns
    -------
    dict
        By metric: values, shape (g,), and the variance of a mean's estimate, NaN where it is no mean.
    """
    n = sums.rows.sum(axis=(1, 2)).astype(float)
    hits = sums.rows[:, 1].sum(axis=-1).astype(float)
    left = np.maximum(n - 1, 0)  # weights may add up to less than one row
    loss, loss2 = np.moveaxis(sums.moments.sum(axis=1), -1, 0)
    # Within a bin scores differ too little to show in a variance: rows stand at their bin's mean.
    squares = divide(sums.scores**2, sums.rows)
    squares = np.where(np.isnan(squares), 0.0, squares).sum(axis=(1, 2))
    mean_loss = divide(loss, n)
    large = divide(sums.scores.sum(axis=(1, 2)) - hits, n)
    # (s - y)^2 summed: y is 1 exactly where the label is the favorable one.
    residual2 = squares - 2 * sums.scores[:, 1].sum(axis=-1) + hits
    return {
        "calibration_in_the_large": (large, divide(np.maximum(divide(residual2, n) - large**2, 0), left)),
        "expected_calibration_error": (calibration_error(sums.rows, sums.scores), np.full(len(n), np.nan)),
        "log_loss": (mean_loss, divide(np.maximum(divide(loss2, n) - mean_loss**2, 0), left)),
    }


def calibration_error(rows: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """Expected calibration error of tables (..., 2, b), shape (...)."""
    counts, sums = (coarse(np.asarray(part, dtype=float)) for part in (rows, scores))
    gaps = np.abs(sums.sum(axis=-2) - counts[..., 1, :]).sum(axis=-1)
    return divide(gaps, counts.sum(axis=(-2, -1)))


def coarse(table: Array) -> Floats:
    """The table with its bins summed to the ten of the calibration error, as floats."""
    folded: Floats = table.reshape(*table.shape[:-1], CALIBRATION_BINS, -1).sum(axis=-1).astype(float)
    return folded
