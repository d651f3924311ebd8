"""Intervals of metrics that are no plain rate; none of them collapses to a point at 0 or 1."""

from dataclasses import dataclass
from math import exp, isnan, nan, sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenhand.fairness.statistics import Limits, wilson

__all__ = [
    "Level",
    "Metric",
    "auc_influence",
    "average_precision",
    "bounded_mean",
    "macro",
    "positive_mean",
    "rate",
    "resampled_means",
    "undefined",
]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure with its interval, or the reason why there is none.

    Attributes
    ----------
    value, low, high
        The estimate and its interval; NaN where undefined.
    method
        How the interval was computed.
    reason
        Why it is undefined, or what a reader must know about it; else "".
    """

    value: float
    low: float
    high: float
    method: str = ""
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not isnan(self.value)


@dataclass(frozen=True)
class Level:
    """How the intervals are made: their confidence, replicates where one has no closed form, and limits of rates."""

    confidence: float
    replicates: int
    rng: np.random.Generator
    limits: Limits = wilson


def undefined(reason: str) -> Metric:
    """A metric without a value, and why."""
    return Metric(nan, nan, nan, "", reason)


def rate(k: float, n: float, level: Level, reason: str) -> Metric:
    """A proportion with its interval, undefined for the given reason when n is 0."""
    if n == 0:
        return undefined(reason)
    low, high = level.limits(k, n, level.confidence)
    return Metric(float(k / n), float(low), float(high), level.limits.__name__)


def macro(parts: list[Metric], correlation: FloatArray | None, method: str, reason: str = "") -> Metric:
    """The mean of several metrics by MOVER, the method of variance estimates recovery, shape (k,) -> one.

    The distances of the parts' own limits stand in for their standard errors, so the interval keeps the parts'
    asymmetry and does not collapse where theirs do not. Zou, Huang and Zhang (2009), "A note on confidence interval
    estimation for a linear function of binomial proportions", Computational Statistics & Data Analysis 53; with
    correlations: Zou (2007), "Toward using confidence intervals to compare correlations", Psychological Methods 12.

    Parameters
    ----------
    parts
        Metrics that are all defined.
    correlation
        Of their estimates, shape (k, k); None when they are independent.
    """
    values, lows, highs = (np.array([getattr(part, name) for part in parts]) for name in ("value", "low", "high"))
    shared = np.eye(len(parts)) if correlation is None else np.nan_to_num(correlation)
    np.fill_diagonal(shared, 1.0)
    down, up = values - lows, highs - values
    center = float(values.mean())
    low = center - sqrt(max(float(down @ shared @ down), 0.0)) / len(parts)
    high = center + sqrt(max(float(up @ shared @ up), 0.0)) / len(parts)
    return Metric(center, max(low, 0.0), min(high, 1.0), method, reason)


def positive_mean(losses: FloatArray, confidence: float) -> Metric:
    """The mean of non-negative losses, with a t interval on the logarithm's scale (delta method)."""
    n, mean = len(losses), float(losses.mean())
    error = float(losses.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    if error <= 1e-12 * mean or mean == 0:
        reason = "one row has no spread" if n == 1 else "every row has the same loss: no spread to judge by"
        return Metric(mean, nan, nan, "", reason)
    factor = exp(min(float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * error / mean, 700.0))
    return Metric(mean, mean / factor, mean * factor, "log-transformed t")


def bounded_mean(losses: FloatArray, confidence: float, *, bound: float = 1.0) -> Metric:
    """The mean of losses in [0, bound]: as :func:`positive_mean`, and Wilson's where the rows have no spread.

    A variable in [0, 1] has at most the variance of a proportion with the same mean, so Wilson's interval is on the
    safe side.
    """
    result = positive_mean(losses, confidence)
    if not isnan(result.low):
        return Metric(result.value, result.low, min(result.high, bound), result.method)
    low, high = wilson(losses.sum() / bound, len(losses), confidence)
    return Metric(result.value, float(low) * bound, float(high) * bound, "wilson")


def auc_influence(
    tp: FloatArray, fp: FloatArray, step: npt.NDArray[np.intp], truth: npt.NDArray[np.bool_]
) -> FloatArray:
    """Influence of every row on the AUC, shape (n,), up to a constant: what its variance and covariances come from.

    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44: the placements of a row among the other class.
    """
    hits, misses = np.diff(tp, prepend=0.0), np.diff(fp, prepend=0.0)
    beaten = 1 - (fp - 0.5 * misses) / fp[-1]
    beating = (tp - 0.5 * hits) / tp[-1]
    area = float(beaten @ hits) / tp[-1]
    return np.asarray(np.where(truth, (beaten[step] - area) / tp[-1], (beating[step] - area) / fp[-1]))


def average_precision(
    tp: FloatArray, fp: FloatArray, step: npt.NDArray[np.intp], truth: npt.NDArray[np.bool_], confidence: float
) -> tuple[Metric, FloatArray]:
    """Average precision with a logit interval, and the influence of every row on it, shape (n,).

    Parameters
    ----------
    tp, fp
        Cumulative counts at the distinct scores, highest first.
    step
        The position of every row among the distinct scores.

    Notes
    -----
    The standard error is that of the infinitesimal jackknife: the average precision is A = E[T/(T+F) | positive] with
    T(s), F(s) the shares of all rows that are positive/negative and score at least s, and its influence function
    follows by differentiating in the direction of one row. The logit scale is that of Boyd, Eng and Page (2013), "Area
    under the precision-recall curve: point estimates and confidence intervals", ECML PKDD; the quantile is Student's
    with the rows of the rarer class less one as degrees of freedom, since so few rows carry the variance. With one row
    of a class, or no spread, their binomial model serves with Wilson's interval, which has a width at 1.
    """
    n, positives = tp[-1] + fp[-1], tp[-1]
    share, hits = positives / n, np.diff(tp, prepend=0.0)
    above = tp + fp
    value = float((hits * tp / above).sum() / positives)
    # Sums over the positives that score at most as high as the row: from its step to the last.
    gain = np.cumsum((hits * fp / above**2)[::-1])[::-1]
    loss = np.cumsum((hits * tp / above**2)[::-1])[::-1]
    own = (tp / above - value)[step]
    influence = np.where(truth, own + gain[step], -loss[step]) / (share * n)
    error = sqrt(float(influence @ influence))
    scale = value * (1 - value)
    rarer = min(positives, n - positives)
    if scale <= 1e-12 or error <= 1e-12 or rarer < 2:
        low, high = wilson(min(value, 1.0) * positives, positives, confidence)
        return Metric(value, float(low), float(high), "binomial (Boyd et al. 2013), wilson"), influence
    width = float(stats.t.ppf(0.5 + confidence / 2, rarer - 1)) * error / scale
    odds = value / (1 - value)
    factor = exp(min(width, 700.0))
    return Metric(
        value, odds / (odds + factor), odds / (odds + 1 / factor), "logit, infinitesimal jackknife"
    ), influence


def resampled_means(values: FloatArray, replicates: int, rng: np.random.Generator) -> FloatArray:
    """Bootstrap replicates of column means, (n, m) -> (replicates, m).

    Small samples are drawn as they are, by multinomial weights; large ones from the normal distribution that the
    replicates have in the limit, which takes no time however many rows there are.
    """
    n = len(values)
    if n <= 2000:
        # Rows in a fixed order: the same rows give the same replicates however they were handed over.
        ordered = values[np.lexsort(values.T)]
        weights = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
        return np.asarray(weights @ ordered / n)
    covariance = np.atleast_2d(np.cov(values, rowvar=False, ddof=0)) / n
    return rng.multivariate_normal(values.mean(axis=0), covariance, size=replicates, method="eigh")
