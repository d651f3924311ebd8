"""Champion against challenger on the same rows: paired differences with one-sided limits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["PAIRED_METRICS", "Decisions", "Paired", "paired_difference", "paired_rate"]

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
        One-sided limits, each of which the true difference passes with probability at most alpha.
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
    Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17:891-908.

    Examples
    --------
    >>> found = paired_rate(0, 1, 44, alpha=0.025)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (-0.0227, -0.1181, 0.0594)
    """
    if n == 0:
        return Paired(nan, nan, nan, 0, "there are no such rows")
    z, value = float(norm.isf(alpha)), (gained - lost) / n
    if z <= 0:
        return Paired(value, value, value, n)
    low = -1.0 if lost == n else brentq(lambda d: _tango(gained, lost, n, d) - z, -1 + 1e-12, value, xtol=1e-10)
    high = 1.0 if gained == n else brentq(lambda d: _tango(gained, lost, n, d) + z, value, 1 - 1e-12, xtol=1e-10)
    return Paired(value, float(low), float(high), n)


def _tango(gained: int, lost: int, n: int, difference: float) -> float:
    """The score statistic of a difference."""
    a, b = 2 * n, -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    q = (sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * q + difference * (1 - difference))
    top = gained - lost - n * difference
    if variance <= 0:
        return 0.0 if top == 0 else float(np.copysign(np.inf, top))
    return float(top / sqrt(variance))


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
    Medicine 27:1693-1702). Area under the curve: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845.
    Losses: Student's t.

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
    loss = _log_loss if metric == "log_loss" else _brier
    return _mean(loss(y, champion) - loss(y, challenger), alpha)


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
    judged = classes[1:] if len(classes) == 2 else classes
    areas, parts = [], []
    for label in judged:
        positive = y == label
        if positive.all() or not positive.any():
            return Paired(nan, nan, nan, y.size, f"label {label!r} has all or none of the rows")
        old, old_parts = _placements(positive, champion.proba[:, classes.index(label)])
        new, new_parts = _placements(positive, challenger.proba[:, classes.index(label)])
        areas.append(new - old)
        parts.append(new_parts - old_parts)
    return _around(float(np.mean(areas)), np.mean(parts, axis=0), alpha)


def _placements(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[float, Floats]:
    """The area, and what each row adds to it, scaled so that the variance of their mean is the area's."""
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
    return area, np.where(positive, whole / m, whole / n) * (placed - area)


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


def _mean(gain: Floats, alpha: float) -> Paired:
    return _around(float(gain.mean()), gain - gain.mean(), alpha)


def _around(value: float, parts: Floats, alpha: float) -> Paired:
    """Limits from what each row adds; rows that all add the same give none, unless the models are the same."""
    n = parts.size
    if n < 2:
        return Paired(nan, nan, nan, n, "one row shows no spread")
    error = sqrt(float((parts**2).sum()) / (n - 1) / n)
    if error == 0 and value != 0:
        return Paired(nan, nan, nan, n, "the rows show no spread")
    reach = float(student.isf(alpha, n - 1)) * error
    return Paired(value, value - reach, value + reach, n)
