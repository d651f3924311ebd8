"""Metrics of predicted probabilities: ranking, losses and calibration."""

from collections.abc import Sequence
from math import nan, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenhand.exceptions import shorten
from evenhand.fairness.statistics import auc_delong, clopper_pearson
from evenhand.modeling._count_metrics import macro_of
from evenhand.modeling._intervals import (
    Level,
    Metric,
    auc_influence,
    average_precision,
    bounded_mean,
    positive_mean,
    resampled_means,
    undefined,
)
from evenhand.modeling.curves import Ranking, rank, reliability_bins

__all__ = ["BINS", "area_of", "calibration_error", "calibration_limits", "calibration_line", "losses",
           "ranking_metrics", "ranking_of", "said_and_happened"]  # fmt: skip

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
BINS = 10
CLIP = float(np.finfo(np.float64).eps)
"""As in ``sklearn.metrics.log_loss``: a probability of 0 for what happened costs 36 and not infinity."""
LOGIT_CLIP = 1e-6


def ranking_of(
    truth: BoolArray, score: FloatArray, label: Any, confidence: float
) -> tuple[Ranking, dict[str, Metric], dict[str, FloatArray]]:
    """ROC-AUC and average precision of one class against the rest, and the rows' influence on both."""
    ranking = rank(truth, score)
    tp, fp = ranking.true_positives, ranking.false_positives
    if not ranking.positives:
        missing = undefined(f"no row of {shorten(label)}")
        return ranking, {"roc_auc": missing, "average_precision": missing}, {}
    precision, influence = average_precision(tp, fp, ranking.step, truth, confidence)
    metrics = {"roc_auc": area_of(truth, score, label, confidence), "average_precision": precision}
    if not ranking.negatives:
        return ranking, metrics, {"average_precision": influence}
    return ranking, metrics, {"roc_auc": auc_influence(tp, fp, ranking.step, truth), "average_precision": influence}


def area_of(truth: BoolArray, score: FloatArray, label: Any, confidence: float) -> Metric:
    """ROC-AUC of one class against the rest."""
    if not truth.any():
        return undefined(f"no row of {shorten(label)}")
    if truth.all():
        return undefined(f"every row is {shorten(label)}")
    area = auc_delong(truth, score, confidence=confidence)
    return Metric(area.value, area.low, area.high, "DeLong variance, score interval")


def ranking_metrics(
    parts: Sequence[dict[str, Metric]],
    influences: Sequence[dict[str, FloatArray]],
    labels: Sequence[Any],
    positive: int | None,
) -> dict[str, Metric]:
    """Those of the positive class, or macro over all classes against the rest, with the classes' covariances."""
    if positive is not None:
        return {name: parts[positive][name] for name in ("roc_auc", "average_precision")}
    result = {}
    for name, shown in (("roc_auc", "roc_auc_ovr"), ("average_precision", "average_precision_macro")):

        def correlation(kept: list[int], name: str = name) -> FloatArray:
            with np.errstate(invalid="ignore", divide="ignore"):
                # Without spread there is no correlation: NaN, which `macro` reads as 0.
                return np.asarray(np.corrcoef([influences[k][name] for k in kept]))

        result[shown] = macro_of(parts, labels, name, correlation, "MOVER with influence correlations")
    return result


def losses(
    codes: npt.NDArray[np.intp], probabilities: FloatArray, confidence: float, *, known: int
) -> dict[str, Metric]:
    """Log-loss and Brier score; the latter in [0, 1] for two classes and [0, 2] for more, as in scikit-learn.

    The log-loss of a class beyond the `known` first ones, that the model does not know, is infinite.
    Brier (1950), Monthly Weather Review 78, has the factor 2 also for two classes.
    """
    of_the_truth = probabilities[np.arange(len(codes)), codes]
    squares = (probabilities**2).sum(axis=1) - 2 * of_the_truth + 1
    binary = probabilities.shape[1] == 2
    brier = np.clip(squares / 2 if binary else squares, 0.0, None)
    log_loss = positive_mean(-np.log(np.clip(of_the_truth, CLIP, 1.0)), confidence)
    if (codes >= known).any():
        log_loss = undefined("the test part has a class that the model does not know: its loss is infinite")
    return {
        "log_loss": log_loss,
        "brier_score": bounded_mean(brier, confidence, bound=1.0 if binary else 2.0),
    }


def said_and_happened(
    truth: npt.NDArray[np.intp], probabilities: FloatArray, positive: int | None
) -> tuple[BoolArray, FloatArray]:
    """What calibration is about: the positive label, or for more than two classes the one that is thought likeliest."""
    if positive is None:
        return probabilities.argmax(axis=1) == truth, probabilities.max(axis=1)
    return truth == positive, probabilities[:, positive]


def calibration_error(
    truth: BoolArray, probability: FloatArray, *, bins: int, level: Level
) -> tuple[Metric, dict[str, FloatArray]]:
    """Expected calibration error over bins of equal width, and the bins.

    Naeini, Cooper and Hauskrecht (2015), AAAI; Guo et al. (2017), ICML. Being a sum of absolute values it is biased
    upwards, and a bootstrap of it twice so: for a calibrated model its percentiles never reach 0. The interval
    therefore inverts a test: the error is scaled up and down along the gaps that were seen, the noise is that of the
    bootstrap, and the limits are the errors under which the one at hand would be just too large or too small. They are
    stretched to the estimate where its bias carries it out.
    """
    table = reliability_bins(truth, probability, bins=bins, confidence=level.confidence)
    where = np.minimum((probability * bins).astype(np.intp), bins - 1)
    used, column = np.unique(where, return_inverse=True)
    gaps = np.zeros((len(truth), len(used)))
    gaps[np.arange(len(truth)), column] = truth - probability
    center = gaps.mean(axis=0)
    noise = resampled_means(gaps, level.replicates, level.rng) - center
    value = float(np.abs(center).sum())
    if np.abs(noise).sum(axis=1).std() <= 1e-12:
        return _error_of_bins(value, table), table
    low, high = _inverted(center, noise, (1 - level.confidence) / 2)
    return Metric(value, min(low * value, value), min(max(high * value, value), 1.0), "inverted bootstrap test"), table


def calibration_limits(truth: BoolArray, probability: FloatArray, *, bins: int, confidence: float) -> Metric:
    """Expected calibration error with limits that hold at any level, as a verdict needs them.

    Far out in the tails replicates say nothing: of a thousand none lies beyond a ten-thousandth. Given the scores, the
    error is E = sum of w_b abs(g_b), with w_b the bins' shares of the rows and g_b their gaps, which are independent.
    Each bin's standard error s_b comes from the distance d_b of the exact limits of its observed rate, s_b = d_b / z
    (MOVER, as in :func:`~evenhand.modeling._intervals.macro`), and does not collapse where a bin has few rows.

    Upper limit: sum of w_b sign(g_b) (seen g_b) never exceeds the E seen, has the mean E and the variance
    S^2 = sum of (w_b s_b)^2, so that the E seen lies z S below the true one no more often than the level says.
    Lower limit: the E seen is a Lipschitz function of the gaps with the constant S, whose median a normal variable
    exceeds by z S no more often than the level says (Borell 1975, Inventiones mathematicae 30), and the median of a
    convex function is at most its mean (Kwapien 1994, Progress in Probability 35:271-272), here E plus at most
    sqrt(2 / pi) sum of w_b s_b. Both err on the safe side: the interval is wider than the one that is shown.
    """
    table = reliability_bins(truth, probability, bins=bins, confidence=confidence)
    used = table["n"] > 0
    n, observed, predicted = (table[name][used] for name in ("n", "observed", "predicted"))
    weight = n / n.sum()
    low, high = clopper_pearson(np.rint(observed * n), n, confidence)
    distance = weight * np.maximum(observed - low, high - observed)
    value, reach = float(weight @ np.abs(observed - predicted)), float(np.sqrt(distance @ distance))
    bias = sqrt(2 / pi) * float(distance.sum()) / float(stats.norm.isf((1 - confidence) / 2))
    return Metric(value, max(value - bias - reach, 0.0), min(value + reach, 1.0), "MOVER of the bins' exact limits")


def _inverted(center: FloatArray, noise: FloatArray, tail: float) -> tuple[float, float]:
    """Factors of `center` under which the error seen lies at the upper and at the lower `tail` of its distribution."""
    value = np.abs(center).sum()

    def above(factor: float) -> float:
        return float((np.abs(factor * center + noise).sum(axis=1) >= value).mean())

    def crossing(limit: float) -> float:
        low, high = 0.0, 1.0
        while above(high) < limit:
            low, high = high, 2 * high
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if above(middle) < limit else (low, middle)
        return high

    if value <= 1e-12:
        return 0.0, 0.0
    return (0.0 if above(0.0) >= tail else crossing(tail)), crossing(1 - tail)


def _error_of_bins(value: float, table: dict[str, FloatArray]) -> Metric:
    """Limits from the bins' Wilson intervals, where replicates do not move: one row, or every prediction certain."""
    used = table["n"] > 0
    weight = table["n"][used] / table["n"].sum()
    predicted, low, high = (table[name][used] for name in ("predicted", "observed_low", "observed_high"))
    nearest = np.maximum(np.maximum(low - predicted, predicted - high), 0.0)
    farthest = np.maximum(np.abs(low - predicted), np.abs(high - predicted))
    return Metric(value, min(float(weight @ nearest), value), float(weight @ farthest), "wilson of the bins")


def calibration_line(truth: BoolArray, probability: FloatArray, confidence: float) -> dict[str, Metric]:
    """Intercept and slope of the logistic recalibration logit P(y) = a + b logit(p): 0 and 1 when calibrated.

    Cox (1958), "Two further applications of a model for binary regression", Biometrika 45. A slope under 1 means
    probabilities that are too extreme. Wald intervals; the probabilities are kept 1e-6 off 0 and 1.
    """
    clipped = np.clip(probability, LOGIT_CLIP, 1 - LOGIT_CLIP)
    logit = np.log(clipped / (1 - clipped))
    obstacle = _no_line(truth, logit)
    if obstacle:
        return {name: undefined(obstacle) for name in ("calibration_intercept", "calibration_slope")}
    design = np.column_stack([np.ones_like(logit), logit])
    coefficients, covariance = _logistic(design, truth.astype(float))
    if covariance is None:
        reason = "the recalibration does not converge: the scores separate the classes"
        return {name: undefined(reason) for name in ("calibration_intercept", "calibration_slope")}
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    result = {}
    for position, name in enumerate(("calibration_intercept", "calibration_slope")):
        value, error = float(coefficients[position]), sqrt(float(covariance[position, position]))
        result[name] = Metric(value, value - z * error, value + z * error, "logistic recalibration, Wald")
    return result


def _no_line(truth: BoolArray, logit: FloatArray) -> str:
    if truth.all() or not truth.any():
        return "the test rows have one class only"
    if np.ptp(logit) < 1e-9:
        return "every row has the same probability"
    apart = logit[truth].min() > logit[~truth].max() or logit[truth].max() < logit[~truth].min()
    return "the scores separate the classes: the slope has no finite estimate" if apart else ""


def _logistic(design: FloatArray, y: FloatArray, *, steps: int = 50) -> tuple[FloatArray, FloatArray | None]:
    """Maximum likelihood by Newton's steps, halved while they do not improve; no covariance when it diverges."""
    coefficients = np.array([0.0, 1.0])
    best = _log_likelihood(design, y, coefficients)
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-np.clip(design @ coefficients, -700, 700)))
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e14:
            return coefficients, None
        step = np.linalg.solve(information, design.T @ (y - fitted))
        reached, size = _log_likelihood(design, y, coefficients + step), 1.0
        while reached < best - 1e-9 and size > 1e-6:
            size /= 2
            reached = _log_likelihood(design, y, coefficients + size * step)
        coefficients, best = coefficients + size * step, reached
        if np.abs(size * step).max() < 1e-8:
            return coefficients, np.linalg.inv(information)
    return np.full(2, nan), None


def _log_likelihood(design: FloatArray, y: FloatArray, coefficients: FloatArray) -> float:
    margin = design @ coefficients
    return float(y @ margin - np.logaddexp(0.0, margin).sum())
