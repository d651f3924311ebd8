"""Champion against challenger on the same rows: paired differences with one-sided limits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr
from scipy.stats import norm
from scipy.stats import t as student

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.statistics.figures import PRIOR_ROWS

__all__ = ["PAIRED_METRICS", "Decisions", "Paired", "paired_difference", "paired_limits", "paired_rate"]

Floats = npt.NDArray[np.float64]

PAIRED_METRICS = ("accuracy", "balanced_accuracy", "recall", "roc_auc", "log_loss", "brier_score")
"""Figures of which less is better; their differences are taken the other way round, so that more is always better."""


@dataclass(frozen=True)
class Paired:
    """How much better the challenger is than the champion on the same rows; negative where it is worse.

    Attributes
    ----------
    value
        The estimate; NaN where it is undefined.
    low, high
        One-sided limits, each of which the true difference passes with probability about alpha; how near, each method's
        notes say.
    n
        Rows compared.
    reason
        Why it is undefined, otherwise an empty string.
    """

    value: float
    low: float
    high: float
    n: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; None for what is undefined."""
        return {name: None if isinstance(v, float) and isnan(v) else v for name, v in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a model made of the rows.

    Attributes
    ----------
    predicted
        Labels, shape (n,).
    proba
        Probabilities, shape (n, classes), columns in the order of `classes`.
    classes
        The labels, in order.
    """

    predicted: npt.NDArray[Any]
    proba: Floats
    classes: Sequence[Any]

    def take(self, rows: npt.NDArray[Any]) -> "Decisions":
        """Those of some rows, by position or mask."""
        return Decisions(self.predicted[rows], self.proba[rows], self.classes)


def paired_rate(gained: int, lost: int, n: int, *, alpha: float = 0.05) -> Paired:
    """The difference of two rates on the same rows, with score limits that do not collapse without discordant rows.

    Parameters
    ----------
    gained, lost
        Rows that only the challenger has, and rows that only the champion has.
    n
        All rows.
    alpha
        Level of each limit.

    Notes
    -----
    The more careful of two limits: Tango's, by the score statistic (1998, "Equivalence test and confidence interval for
    the difference in proportions for the paired-sample design", Statistics in Medicine 17:891-908), and the one by the
    signed root of the likelihood ratio. Where few rows change the normal approximation of either is short on one side:
    by exact enumeration (20 to 1,000 rows, true losses of 0 to .2, up to 15 % of rows gained, alpha of .05 to .00001)
    Tango's upper limit lies below the truth with up to 9 times alpha, a false FAIL, and the ratio's lower one above it
    with up to 6 times alpha, a false PASS. Of both together, the lower limit errs with at most 1.4 times alpha, and the
    upper one with at most 1.6 times.

    Examples
    --------
    >>> found = paired_rate(0, 1, 44, alpha=0.025)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (-0.0227, -0.1181, 0.0594)
    """
    if n == 0:
        return Paired(nan, nan, nan, 0, "there are no such rows")
    low, high = paired_limits([gained], [lost], [n], alpha=alpha)
    return Paired((gained - lost) / n, float(low[0]), float(high[0]), n)


def paired_limits(
    gained: npt.ArrayLike, lost: npt.ArrayLike, n: npt.ArrayLike, *, alpha: float
) -> tuple[Floats, Floats]:
    """The limits of many differences at once, as :func:`paired_rate` has them; shape (k,) each, NaN without rows.

    Examples
    --------
    >>> low, high = paired_limits([0, 3], [1, 0], [44, 0], alpha=0.025)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([-0.1181, nan], [0.0594, nan])
    """
    counts = [np.asarray(each, dtype=np.float64) for each in (gained, lost, n)]
    more, less, rows = (each[counts[2] > 0] for each in counts)
    z, value = max(float(norm.isf(alpha)), 0.0), (more - less) / rows
    limits = np.full((2, counts[2].size), nan)
    low = _crossing(more, less, rows, np.full(rows.size, -1.0), value, z)
    limits[:, counts[2] > 0] = low, -_crossing(less, more, rows, np.full(rows.size, -1.0), -value, z)
    return limits[0], limits[1]


def _crossing(gained: Floats, lost: Floats, n: Floats, low: Floats, high: Floats, z: float) -> Floats:
    """Where the statistic, which falls with the difference, is z: by halving what lies between."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _statistic(gained, lost, n, middle) > z
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


_HALVINGS = 40
"""Of a length of at most 2: what is left is under 2e-12."""


def _statistic(gained: Floats, lost: Floats, n: Floats, difference: Floats) -> Floats:
    """The score or the signed root of the likelihood ratio, whichever is nearer to 0, against a difference."""
    a, b = 2 * n, -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    only_old = (np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)) - b) / (2 * a)  # likeliest share, given the difference
    only_old = np.clip(only_old, np.maximum(0.0, -difference), (1 - difference) / 2)
    variance, top = n * (2 * only_old + difference * (1 - difference)), gained - lost - n * difference
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(variance > 0, np.abs(top) / np.sqrt(variance), np.where(top == 0, 0.0, np.inf))
    root = np.sqrt(_deviance(gained, lost, n, only_old + difference, only_old))
    return np.asarray(np.sign(top) * np.minimum(score, root))


def _deviance(gained: Floats, lost: Floats, n: Floats, only_new: Floats, only_old: Floats) -> Floats:
    """Twice the logarithm of how much likelier the counts are by their own shares than by these."""
    parts = ((gained, only_new), (lost, only_old), (n - gained - lost, 1 - only_new - only_old))
    terms = [rel_entr(count, n * np.maximum(share, 0.0)) for count, share in parts]
    return np.asarray(np.maximum(2 * np.sum(terms, axis=0), 0.0))


def paired_difference(
    metric: str, y_true: npt.ArrayLike, champion: Decisions, challenger: Decisions, *, favorable: Any = None,
    alpha: float = 0.05,
) -> Paired:  # fmt: skip
    """How much better the challenger is on these rows by one figure.

    Parameters
    ----------
    metric
        One of :data:`PAIRED_METRICS`. `recall` is that of the favorable label, without one the mean over labels;
        `roc_auc` of more than two labels the mean of one against the rest.
    y_true
        Labels, shape (n,).
    champion, challenger
        What the models made of them.
    favorable
        The favorable label.
    alpha
        Level of each limit.

    Raises
    ------
    DataError
        When there is no such metric.

    Notes
    -----
    Rates: Tango's score limits; the mean over labels joins those of each label (Zou and Donner 2008, Statistics in
    Medicine 27:1693-1702). Area under the curve: the variance of DeLong, DeLong and Clarke-Pearson (1988), Biometrics
    44:837-845, by label, with the degrees of freedom of Satterthwaite (1946), Biometrics Bulletin 2:110-114. Areas and
    Brier scores have a bound: their variance is drawn towards the largest possible one, as of groups' figures (see
    :mod:`evenhand.fairness.statistics.figures`), and the limits are Wilson's. Log loss has none: Student's t, whose
    level holds as far as the mean is normal, and not where few rows carry the difference.

    Examples
    --------
    >>> y = np.array([0, 1] * 50)
    >>> half = np.full((100, 2), 0.5)
    >>> right, wrong = Decisions(y, half, (0, 1)), Decisions(np.zeros(100, int), half, (0, 1))
    >>> paired_difference("accuracy", y, wrong, right).value
    0.5
    """
    if metric not in PAIRED_METRICS:
        raise DataError(f"two models are not compared by {shorten(metric)}: {nearest(metric, PAIRED_METRICS)}")
    y = np.asarray(y_true)
    if y.size == 0:
        return Paired(nan, nan, nan, 0, "there are no such rows")
    if metric == "accuracy":
        return _rate_within(np.ones(y.size, dtype=bool), y, champion, challenger, alpha)
    if metric == "balanced_accuracy" or (metric == "recall" and (favorable is None or len(challenger.classes) > 2)):
        return _mean_of([_rate_within(y == label, y, champion, challenger, alpha) for label in challenger.classes], y)
    if metric == "recall":
        return _rate_within(y == favorable, y, champion, challenger, alpha)
    if metric == "roc_auc":
        return _area(y, champion, challenger, alpha)
    return (_mean_log_loss if metric == "log_loss" else _mean_brier)(y, champion, challenger, alpha)


def _rate_within(
    rows: npt.NDArray[np.bool_], y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, alpha: float
) -> Paired:
    old, new = (champion.predicted == y)[rows], (challenger.predicted == y)[rows]
    return paired_rate(int((new & ~old).sum()), int((old & ~new).sum()), int(rows.sum()), alpha=alpha)


def _mean_of(parts: Sequence[Paired], y: npt.NDArray[Any]) -> Paired:
    empty = next((part for part in parts if part.reason), None)
    if empty is not None:
        return Paired(nan, nan, nan, y.size, "a label has no rows")
    k = len(parts)
    value = sum(part.value for part in parts) / k
    low = value - sqrt(sum((part.value - part.low) ** 2 for part in parts)) / k
    high = value + sqrt(sum((part.high - part.value) ** 2 for part in parts)) / k
    return Paired(value, low, high, y.size)


def _area(y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, alpha: float) -> Paired:
    classes = list(challenger.classes)
    of_label = [y == label for label in classes]
    sizes = np.array([int(rows.sum()) for rows in of_label])
    if sizes.min() < 2:
        rarest = int(sizes.argmin())
        said = f"label {classes[rarest]!r} has {sizes[rarest]} of {y.size} rows, and fewer than two show no spread"
        return Paired(nan, nan, nan, y.size, said)
    judged = range(1, 2) if len(classes) == 2 else range(len(classes))
    areas, parts = [], []
    for at in judged:
        old, old_parts = _placements(of_label[at], champion.proba[:, at])
        new, new_parts = _placements(of_label[at], challenger.proba[:, at])
        areas.append(new - old)
        parts.append(new_parts - old_parts)
    least = np.minimum(sizes, y.size - sizes)[list(judged)]
    base = float(np.mean(least**-0.5)) ** -2  # standard deviations of a mean's parts add up at most
    variance, degrees = _by_label(np.mean(parts, axis=0), of_label)
    return _bounded(float(np.mean(areas)), variance, min(degrees, y.size - 1), base, y.size, alpha)


def _placements(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[float, Floats]:
    """The area, and what each row adds to its error."""
    m, n, whole = int(positive.sum()), int((~positive).sum()), positive.size
    order = np.argsort(score)
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)  # of each value that occurs
    of_value = np.repeat(np.arange(starts.size), np.diff(starts, append=whole))
    positives = np.add.reduceat(positive[order].astype(np.int64), starts)
    negatives = np.diff(starts, append=whole) - positives
    below = np.cumsum(negatives) - negatives / 2  # negatives under each value, half of those at it
    above = m - np.cumsum(positives) + positives / 2
    placed = np.empty(whole)
    placed[order] = np.where(positive[order], below[of_value] / n, above[of_value] / m)
    area = float(placed[positive].mean())
    return area, (placed - area) / np.where(positive, m, n)


def _by_label(parts: Floats, of_label: Sequence[npt.NDArray[np.bool_]]) -> tuple[float, float]:
    """Variance of a sum of what each row adds, and its degrees of freedom (Satterthwaite 1946).

    Rows vary within their label. Of more than two labels the negatives of one are a mixture of the others, and so vary
    between these, too: of two labels that part is 0, and what is left is DeLong's.
    """
    within, between, doubt = 0.0, 0.0, 0.0
    for rows in of_label:
        m, of_these = int(rows.sum()), parts[rows]
        spread = m * float(of_these.var(ddof=1))
        within, doubt = within + spread, doubt + spread**2 / (m - 1)
        between += m * float(of_these.mean()) ** 2
    rarest = min(int(rows.sum()) for rows in of_label)
    return within + between, (within + between) ** 2 / doubt if doubt > 0 else rarest - 1.0


def _log_loss(y: npt.NDArray[Any], made: Decisions) -> Floats:
    given = np.clip(_given(y, made), np.finfo(np.float64).eps, 1)
    return np.asarray(-np.log(given))


def _brier(y: npt.NDArray[Any], made: Decisions) -> Floats:
    """Of two labels the squared error of one probability, of more the sum over labels (Brier 1950)."""
    hit = y[:, None] == np.asarray(made.classes)[None, :]
    squares = ((made.proba - hit) ** 2).sum(axis=1)
    return np.asarray(squares / 2 if len(made.classes) == 2 else squares)


def _given(y: npt.NDArray[Any], made: Decisions) -> Floats:
    places = {label: place for place, label in enumerate(made.classes)}
    return made.proba[np.arange(y.size), [places[label] for label in y.tolist()]]


def _mean_log_loss(y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, alpha: float) -> Paired:
    """Student's limits; rows that all add the same give none, unless the models are the same."""
    gain = _log_loss(y, champion) - _log_loss(y, challenger)
    n, value = gain.size, float(gain.mean())
    if n < 2:
        return Paired(nan, nan, nan, n, "one row shows no spread")
    error = float(gain.std(ddof=1)) / sqrt(n)
    if error == 0 and value != 0:
        return Paired(nan, nan, nan, n, "the rows show no spread")
    reach = float(student.isf(alpha, n - 1)) * error
    return Paired(value, value - reach, value + reach, n)


def _mean_brier(y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, alpha: float) -> Paired:
    """A row's score lies between 0 and 1, of more than two labels 2."""
    if y.size < 2:
        return Paired(nan, nan, nan, y.size, "one row shows no spread")
    span, n = 1.0 if len(challenger.classes) == 2 else 2.0, y.size
    gain = (_brier(y, champion) - _brier(y, challenger)) / span
    found = _bounded(float(gain.mean()), float(gain.var(ddof=1)) / n, n - 1, n, n, alpha)
    return Paired(span * found.value, span * found.low, span * found.high, n)


def _bounded(value: float, variance: float, degrees: float, base: float, n: int, alpha: float) -> Paired:
    """Limits of a difference from -1 to 1: score limits of a share with the same variance.

    Few rows show little spread by accident, above all where nearly every row is right under both models. So the
    variance is drawn towards the largest possible, (1 - value^2) / base, which counts for `PRIOR_ROWS` rows.
    """
    most = (1 - value**2) / base
    seen = min(variance / most, 1.0) if most > 0 else 1.0
    size = base * (base + PRIOR_ROWS) / (base * seen + PRIOR_ROWS)
    z = max(float(student.isf(alpha, degrees)), 0.0)
    reach = z * sqrt((1 - value**2) / size + (z / size) ** 2)
    low, high = ((value + side * reach) / (1 + z**2 / size) for side in (-1, 1))
    return Paired(value, max(low, -1.0), min(high, 1.0), n)
