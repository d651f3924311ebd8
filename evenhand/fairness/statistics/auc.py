"""The area under the ROC curve with an interval that does not collapse at 0 or 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError
from evenhand.fairness.statistics._numeric import Array, bisect, critical_value


@dataclass(frozen=True, slots=True)
class AUCInterval:
    """An AUC with its interval.

    Attributes
    ----------
    value, low, high
        Estimate and limits; NaN when undefined.
    variance
        DeLong's variance of the estimate; NaN with fewer than two rows of a class.
    n_positive, n_negative
        Rows of each class.
    reason
        Why the value is undefined, otherwise an empty string.
    """

    value: float
    low: float
    high: float
    variance: float
    n_positive: int
    n_negative: int
    reason: str = ""


def auc_delong(y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, confidence: float = 0.95) -> AUCInterval:
    """AUC of scores with a score-type DeLong interval.

    Parameters
    ----------
    y_true
        True for rows of the positive class, shape (n,).
    y_score
        Finite scores, larger means more likely positive, shape (n,).
    confidence
        Two-sided confidence level.

    Returns
    -------
    AUCInterval
        NaN with a reason when a class has no rows.

    Raises
    ------
    DataError
        If the shapes differ or a score is not finite.

    Examples
    --------
    >>> auc_delong([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
    0.75
    """
    positive = np.asarray(y_true).astype(bool).ravel()
    score = np.asarray(y_score, dtype=np.float64).ravel()
    if positive.shape != score.shape:
        raise DataError(f"y_true has {positive.size} rows and y_score has {score.size}; they must agree")
    if not np.isfinite(score).all():
        raise DataError(f"y_score has {int((~np.isfinite(score)).sum())} values that are not finite")
    order = np.argsort(score)
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0) if score.size else np.zeros(0, np.intp)
    hits = positive[order].astype(np.int64)
    positives = np.add.reduceat(hits, starts) if score.size else hits
    negatives = np.add.reduceat(1 - hits, starts) if score.size else hits
    return auc_from_counts(positives, negatives, confidence=confidence)


def auc_from_counts(positives: npt.ArrayLike, negatives: npt.ArrayLike, *, confidence: float = 0.95) -> AUCInterval:
    """AUC from the counts of both classes at each distinct score, scores ascending.

    Rows that share a position are ties and count one half. A histogram of scores is such a table, so
    this also serves data that do not fit in memory.

    Notes
    -----
    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845. It is 0
    for separated classes and unstable close to that, so the interval is a score interval: it solves
    (A - a)^2 = z^2 r V(a) for a, with V the variance function of method 5 in Newcombe (2006),
    Statistics in Medicine 25:559-573, and r the ratio of DeLong's variance to V at A, drawn towards 1
    the fewer rows there are.

    Examples
    --------
    >>> result = auc_from_counts([0, 0, 30], [20, 10, 0])
    >>> result.value, round(result.low, 3), result.high
    (1.0, 0.933, 1.0)
    """
    pos, neg = np.asarray(positives, dtype=np.float64), np.asarray(negatives, dtype=np.float64)
    m, n = float(pos.sum()), float(neg.sum())
    if m == 0 or n == 0:
        missing = "positive" if m == 0 else "negative"
        nan = float("nan")
        return AUCInterval(nan, nan, nan, nan, round(m), round(n), f"no {missing} rows")
    beaten = (np.cumsum(neg) - 0.5 * neg) / n
    beating = 1 - (np.cumsum(pos) - 0.5 * pos) / m
    area = min(max(float(pos @ beaten) / m, 0.0), 1.0)
    variance = float("nan")
    if m > 1 and n > 1:
        spread_pos = float(pos @ (beaten - area) ** 2) / (m - 1)
        spread_neg = float(neg @ (beating - area) ** 2) / (n - 1)
        variance = spread_pos / m + spread_neg / n
    low, high = _score_limits(area, variance, m, n, critical_value(confidence))
    return AUCInterval(area, low, high, variance, round(m), round(n))


def _score_limits(area: float, variance: float, m: float, n: float, z: float) -> tuple[float, float]:
    """Limits where the distance from ``area`` is z standard errors of the limit itself."""
    model = float(_variance_function(np.array(area), m, n))
    ratio = 1.0
    if model > 0 and variance >= 0:
        # The rarer side of the curve carries the information on the variance.
        rows = min(m, n) * min(area, 1 - area) * 2
        ratio = (rows * variance / model + 4.0) / (rows + 4.0)
    limits = np.array([area, area])
    ends = np.array([0.0, 1.0])
    found = bisect(
        lambda a: (area - a) ** 2 <= z**2 * ratio * _variance_function(a, m, n),
        limits,
        ends,
    )
    low, high = float(found[0]), float(found[1])
    return (0.0 if area == 0 else low), (1.0 if area == 1 else high)


def _variance_function(a: Array, m: float, n: float) -> Array:
    """Variance of an AUC whose true value is ``a``, for scores of two exponential-like classes."""
    half = 0.5 * (m + n) - 1
    return np.asarray(a * (1 - a) * (1 + half * (1 - a) / (2 - a) + half * a / (1 + a)) / (m * n))
