"""Figures that are no share of rows, told as the effective counts of a share with the same variance.

Areas, balanced accuracies and F1 lie between 0 and 1 and have a variance of the form a (1 - a) / size, with a size that
the rows give. Told as ``size`` trials with the share ``a``, they are compared at a margin by the score test of two
shares, with its correction for skewness (see :class:`evenhand.fairness.statistics.rates_by_group.Figure`). Korn and
Graubard (1998), Survey Methodology 24:193-201, treat shares of a survey so.

A variance that few rows give is small by accident when nearly everything is ordered or decided right, and 0 when
everything is. So each one is drawn towards the largest that any scores can have, the more the fewer rows tell about it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.fairness.statistics._numeric import Array, Bounds, divide
from evenhand.fairness.statistics._score import corrected_difference_z
from evenhand.fairness.statistics.rates import wilson
from evenhand.fairness.statistics.rates_by_group import Figure, Rates

__all__ = [
    "LEAST_ROWS",
    "area_rates",
    "balanced_rates",
    "f1_rates",
    "fall_p_value",
    "mean_error_interval",
    "mean_error_rates",
    "no_figure",
]

# Rows of each label that a group needs: with fewer, no variance that they give is to be relied on.
LEAST_ROWS = 10
# Rows with a favorable label or prediction that F1 needs: it bends, and so is skewed, more than a share.
_LEAST_EITHER = 30
PRIOR_ROWS = 4.0
"""Rows for which the largest possible variance counts beside the one seen."""


def area_rates(
    names: Sequence[str],
    values: npt.ArrayLike,
    variances: npt.ArrayLike,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    *,
    errors: npt.ArrayLike = 0.0,
) -> Rates:
    """Areas under the ROC curve by group as effective counts.

    Parameters
    ----------
    names
        Names of the groups.
    values, variances
        Areas and DeLong's variances, shape (groups,); NaN where undefined.
    positives, negatives
        Rows of each label, shape (groups,).
    errors
        How far each area can be from the exact one, as with a histogram of scores.

    Returns
    -------
    Rates
        Undefined for a group without rows of one of the labels.

    Notes
    -----
    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845, drawn towards the largest
    possible one, a (1 - a) / min(m, n): an area is a mean over pairs of rows, and that of min(m, n) disjoint
    pairs has this variance (Birnbaum and Klose 1957, Annals of Mathematical Statistics 28:933-945).

    Examples
    --------
    >>> rates = area_rates(["a", "b"], [0.8, 1.0], [0.001, 0.0], [100, 20], [100, 40])
    >>> rates.values.ravel().round(3).tolist(), rates.n.round(1).tolist()
    ([0.8, 1.0], [151.7, 20.0])
    """
    value, variance, m, n = (np.asarray(part, dtype=np.float64) for part in (values, variances, positives, negatives))
    least = np.minimum(m, n)
    size = _size(value, variance, least, _rarer(value) * 2 * least)
    slack = np.broadcast_to(np.asarray(errors, dtype=np.float64), value.shape)
    return _rates(names, value, size, m + n, _growth(least), "roc_auc", "no rows of one of the labels", slack=slack)


def fall_p_value(rates: Rates) -> float:
    """P-value that the second of two figures, of other rows than the first, is not below it: one-sided, at one value.

    The score test of two shares on the effective counts, with its correction for skewness. In simulations of areas of
    0.53 to 0.995 with 10 to 200 rows of the rarer label its false rejections stayed at the level or below it, at 0.01
    and at 0.0002, where DeLong's variances alone gave up to 350 times as many.

    Examples
    --------
    >>> few = area_rates(["before", "now"], [0.9, 0.6], [0.0008, 0.01], [60, 12], [900, 200])
    >>> round(fall_p_value(few), 4)
    0.0022
    """
    k, n = rates.k[:, 0], rates.n
    return float(special.ndtr(-corrected_difference_z(k[:1], n[:1], k[1:], n[1:], np.zeros(1))[0]))


def balanced_rates(true_positive: Rates, true_negative: Rates) -> Rates:
    """Balanced accuracies by group, means of two rates of different rows, as effective counts.

    The variance is a quarter of the sum of both rates' own, drawn towards the largest that the mean b of two rates
    can have, b (1 - b) / (2 min(m, n)).

    Examples
    --------
    >>> tpr, tnr = Rates([90, 30], [100, 50], ["a", "b"]), Rates([70, 50], [100, 50], ["a", "b"])
    >>> rates = balanced_rates(tpr, tnr)
    >>> rates.values.ravel().round(3).tolist(), rates.n.round(1).tolist()
    ([0.8, 0.8], [212.0, 126.3])
    """
    p, q, m, n = true_positive.values[:, 0], true_negative.values[:, 0], true_positive.n, true_negative.n
    value = (p + q) / 2
    least = np.minimum(m, n)
    variance = (divide(p * (1 - p), m) + divide(q * (1 - q), n)) / 4
    size = _size(value, variance, 2 * least, _rarer(value) * 2 * least)
    names = true_positive.names
    return _rates(names, value, size, m + n, _growth(least), "balanced_accuracy", "no rows of one of the labels")


def f1_rates(shares: Rates, rows: Array) -> Rates:
    """F1 by group as effective counts.

    Parameters
    ----------
    shares
        Rows with both a favorable label and a favorable prediction, among those with either.
    rows
        All rows of each group, shape (groups,).

    Notes
    -----
    With J that share, F1 is 2 J / (1 + J), so that the variance of F1 is that of a share times (dF1/dJ)^2: effective
    trials are (1 + J)^2 / 2 for every row with either.

    Examples
    --------
    >>> f1_rates(Rates([60, 30], [100, 60], ["a", "b"]), np.array([200.0, 100.0])).values.ravel().round(3).tolist()
    [0.75, 0.667]
    """
    share = shares.values[:, 0]
    with np.errstate(invalid="ignore"):
        steadier = (shares.k[:, 0] + 2) / (shares.n + 4)
        size = shares.n * (1 + steadier) ** 2 / 2
    growth = np.maximum(_LEAST_EITHER / np.maximum(shares.n, 1e-12), 1.0)
    why = "no rows with a favorable label or prediction"
    few = f"fewer than {_LEAST_EITHER} rows with a favorable label or prediction"
    return _rates(shares.names, 2 * share / (1 + share), size, rows, growth, "f1", why, too_few=few)


def mean_error_rates(
    names: Sequence[str], values: npt.ArrayLike, variances: npt.ArrayLike, hits: npt.ArrayLike, rows: npt.ArrayLike
) -> Rates:
    """Mean errors of probabilities (calibration in the large) by group as effective counts.

    Parameters
    ----------
    names
        Names of the groups.
    values, variances
        Means of score less label, from -1 to 1, and the variances of these means, shape (groups,).
    hits, rows
        Rows with the favorable label, and all rows, shape (groups,).

    Notes
    -----
    An error lies between -1 and 1, so that (1 + error) / 2 has at most the variance of a share with its mean (Bhatia
    and Davis 2000, American Mathematical Monthly 107:353-357). The rows of the rarer label tell the variance.

    Examples
    --------
    >>> rates = mean_error_rates(["a", "b"], [0.1, -0.1], [0.002, 0.002], [50, 40], [100, 100])
    >>> (2 * rates.values.ravel() - 1).round(3).tolist(), rates.n.round(1).tolist()
    ([0.1, -0.1], [429.7, 416.6])
    """
    value, variance, hit, n = (np.asarray(part, dtype=np.float64) for part in (values, variances, hits, rows))
    least = np.minimum(hit, n - hit)
    size = _size((1 + value) / 2, variance / 4, n, 2 * least)
    name, why = "calibration_in_the_large", "no rows"
    return _rates(names, (1 + value) / 2, size, n, _growth(least), name, why, span=2.0)


def mean_error_interval(
    values: npt.ArrayLike,
    variances: npt.ArrayLike,
    hits: npt.ArrayLike,
    rows: npt.ArrayLike,
    confidence: float = 0.95,
) -> Bounds:
    """Interval of mean errors, Wilson's of the effective counts that :func:`mean_error_rates` gives.

    A group without any row of a label keeps a width, although the rows that it has may show none.

    Examples
    --------
    Twelve people with the score .05, none with the favorable label:

    >>> low, high = mean_error_interval([0.05], [0.0], [0], [12])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([-0.45], [0.53])
    """
    names = [""] * np.size(values)
    rates = mean_error_rates(names, values, variances, hits, rows)
    low, high = wilson(rates.k[:, 0], rates.n, confidence)
    return 2 * low - 1, 2 * high - 1


def no_figure(names: Sequence[str], name: str, reason: str) -> Rates:
    """A figure that no group has, and why.

    Examples
    --------
    >>> no_figure(["a", "b"], "roc_auc", "the rows have no scores").reasons()
    {'a': 'the rows have no scores', 'b': 'the rows have no scores'}
    """
    nothing = np.zeros(len(names))
    return _rates(names, nothing * np.nan, nothing, nothing, nothing + 1, name, reason)


def _size(value: Array, variance: Array, base: Array, told: Array) -> Array:
    """Effective trials, at least those at the largest possible variance; ``told`` rows speak for the variance seen."""
    most = divide(value * (1 - value), base)
    known = (most > 0) & ~np.isnan(variance)
    seen = np.where(known, variance / np.where(known, most, 1.0), 1.0)
    return np.asarray(base / np.minimum((told * seen + PRIOR_ROWS) / (told + PRIOR_ROWS), 1.0))


def _rarer(value: Array) -> Array:
    return np.asarray(np.nan_to_num(np.minimum(value, 1 - value)))


def _growth(least: Array) -> Array:
    return np.asarray(np.maximum(LEAST_ROWS / np.maximum(least, 1e-12), 1.0))


def _rates(
    names: Sequence[str],
    value: Array,
    size: Array,
    rows: Array,
    growth: Array,
    name: str,
    undefined: str,
    *,
    slack: Array | None = None,
    span: float = 1.0,
    too_few: str = f"fewer than {LEAST_ROWS} rows of a label",
) -> Rates:
    size = np.where(np.isnan(value), 0.0, size)
    none = np.zeros(size.size)
    figure = Figure(rows, np.where(size > 0, growth, 1.0), none if slack is None else slack, span, too_few)
    k = np.clip(np.nan_to_num(value), 0.0, 1.0) * size
    return Rates(k, size, tuple(names), name, undefined, effective=True, figure=figure)
