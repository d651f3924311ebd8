"""The decision threshold of a binary model, chosen on the validation part by a stated rule."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import FixedThresholdClassifier

from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.modeling._values import check_positive_label, plain
from evenhand.modeling.decisions import Decided, reads_decisions

__all__ = ["Rule", "ThresholdReport", "choose_threshold"]

Rule = Literal["scorer", "cost", "fixed"]
FloatArray = npt.NDArray[np.float64]
Score = Callable[..., float]
COSTS = ("false_positive", "false_negative", "true_positive", "true_negative")
REFUSED = "The threshold cannot be chosen:"
TRUTHS, DECISIONS = np.array([1, 1, 0, 0]), np.array([[1], [0], [1], [0]])
TIE = 1e-12
"""Scores closer than this are ties: they differ by rounding only."""


@dataclass(frozen=True)
class ThresholdReport:
    """The threshold, the rule that chose it, and how the score goes with the threshold.

    Attributes
    ----------
    threshold
        A row is given the positive label when its probability is at least this; NaN when the model has none.
    rule, scorer
        What chose it; `scorer` is the scorer's name, ``expected_cost`` or "".
    score, score_at_half
        The rule's score (for costs: minus the expected cost of a row) at the threshold and at .5, on validation.
    plateau
        Every threshold in (low, high] gives the same predictions on validation.
    positive_label
        The label that the threshold is about.
    n
        Rows of the validation part.
    curve
        ``{"threshold": ..., "score": ...}``, at most 200 points.
    applied
        Whether the model was wrapped.
    reason
        Why this threshold, or why none.
    """

    threshold: float
    rule: str
    scorer: str
    score: float
    score_at_half: float
    plateau: tuple[float, float]
    positive_label: Any
    n: int
    curve: Mapping[str, FloatArray]
    applied: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON knows it; undefined figures are None."""
        result: dict[str, Any] = plain(self)
        return result

    def to_frame(self) -> pd.DataFrame:
        """The curve: one row a threshold."""
        return pd.DataFrame(dict(self.curve))


def choose_threshold(
    model: Any,
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    favorable_label: Any,
    rule: Rule = "scorer",
    scorer: Any = "balanced_accuracy",
    costs: Mapping[str, float] | None = None,
    threshold: float = 0.5,
    limit: int = 200,
) -> tuple[Any, ThresholdReport]:
    """Choose the decision threshold of a fitted binary model; its probabilities stay as they are.

    Between two neighbouring scores every threshold gives the same predictions: a plateau. Among the plateaus with the
    best score the one nearest to .5 is taken, and of it .5 itself where it holds that, else its middle.

    Parameters
    ----------
    model
        A fitted classifier with ``predict_proba`` and ``classes_``.
    X, y
        The validation part, n rows.
    favorable_label
        The positive label; None means the model's last class.
    rule
        ``scorer`` maximizes a scikit-learn scorer; ``cost`` minimizes the expected cost of a row; ``fixed`` takes
        `threshold` as it is.
    scorer
        The name of any scikit-learn scorer of predictions, or a scorer ``(estimator, X, y)``; it sees the labels as 1
        (positive) and 0.
    costs
        The cost of a ``false_positive`` (favorable decision, unfavorable truth), ``false_negative``, ``true_positive``
        and ``true_negative``; those not given are 0.
    threshold
        For ``fixed``, in [0, 1].
    limit
        At most this many thresholds are tried, at equal steps of the scores' ranks.

    Returns
    -------
    model, report
        ``FixedThresholdClassifier(FrozenEstimator(model))``, or the model itself when it is multi-class or the rows do
        not tell; and the :class:`ThresholdReport`.

    Raises
    ------
    ConfigError
        For an unknown rule, a scorer that needs no threshold, negative or missing costs, a threshold outside [0, 1].
    ModelError
        When the favorable label is not a class of the model.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=1000)})
    >>> y = np.where(X["a"] + rng.normal(size=1000) > 1.5, "yes", "no")
    >>> costs = {"false_positive": 1, "false_negative": 4}
    >>> model, report = choose_threshold(
    ...     LogisticRegression().fit(X, y), X, y, favorable_label="yes", rule="cost", costs=costs
    ... )
    >>> bool(0.1 < report.threshold < 0.35)  # 1 / (1 + 4) for calibrated probabilities: Elkan 2001
    True
    """
    _check(rule, costs, threshold)
    labels, classes = np.asarray(y), np.asarray(model.classes_).tolist()
    if len(classes) != 2:
        return model, _unchanged(rule, len(labels), f"a threshold is defined for two classes; there are {len(classes)}")
    positive = check_positive_label(favorable_label, classes)
    if rule == "fixed":
        report = _fixed(threshold, positive, len(labels))
        return _wrap(model, threshold, positive, X, labels), report
    truth = labels == positive
    if truth.all() or not truth.any():
        reason = f"validation has {int(truth.sum())} favorable and {int((~truth).sum())} other rows: .5 stays"
        return model, _unchanged(rule, len(labels), reason)
    score_counts = _cost_of(costs or {}) if rule == "cost" else _scorer_of(scorer)
    name = "expected_cost" if rule == "cost" else str(scorer)
    scores = np.asarray(model.predict_proba(X), dtype=float)[:, classes.index(positive)]
    report = _best(scores, truth, score_counts, rule=rule, name=name, positive=positive, limit=limit)
    return (_wrap(model, report.threshold, positive, X, labels) if report.applied else model), report


def _check(rule: str, costs: Mapping[str, float] | None, threshold: float) -> None:
    problems = []
    options = ("scorer", "cost", "fixed")
    if rule not in options:
        problems.append(Problem("threshold.rule", f"{shorten(rule)} is no rule", nearest(rule, options)))
    if rule == "fixed" and not 0 <= threshold <= 1:
        problems.append(Problem("threshold.value", f"{threshold!r} is no probability", "give a number from 0 to 1"))
    if rule == "cost" and not {"false_positive", "false_negative"} <= set(costs or {}):
        remedy = "give false_positive and false_negative"
        problems.append(Problem("threshold.costs", "the cost of an error is missing", remedy))
    for name, cost in (costs or {}).items():
        if name not in COSTS:
            problems.append(Problem(f"threshold.costs.{name}", "no such cost", nearest(name, COSTS)))
        elif not isfinite(cost) or cost < 0:
            problems.append(Problem(f"threshold.costs.{name}", f"{cost!r} is no cost", "give a number of 0 or more"))
    if problems:
        raise ConfigError(REFUSED, problems)


def _unchanged(rule: str, n: int, reason: str) -> ThresholdReport:
    empty: FloatArray = np.zeros(0)
    curve = {"threshold": empty, "score": empty}
    return ThresholdReport(nan, rule, "", nan, nan, (nan, nan), None, n, curve, applied=False, reason=reason)


def _fixed(threshold: float, positive: Any, n: int) -> ThresholdReport:
    empty: FloatArray = np.zeros(0)
    curve = {"threshold": empty, "score": empty}
    return ThresholdReport(
        float(threshold), "fixed", "", nan, nan, (nan, nan), positive, n, curve, applied=True, reason="fixed"
    )


def _wrap(model: Any, threshold: float, positive: Any, X: pd.DataFrame, labels: npt.NDArray[Any]) -> Any:
    wrapped = FixedThresholdClassifier(
        FrozenEstimator(model), threshold=float(threshold), pos_label=positive, response_method="predict_proba"
    )
    return wrapped.fit(X, labels)  # fits nothing: the model is frozen


def _cost_of(costs: Mapping[str, float]) -> Score:
    """Minus the expected cost of a row, as a function of the four counts."""
    prices = [float(costs.get(name, 0.0)) for name in ("true_positive", "false_negative", "false_positive")]
    prices.append(float(costs.get("true_negative", 0.0)))

    def score(counts: FloatArray) -> float:
        return -float(np.dot(counts, prices) / counts.sum())

    return score


def _scorer_of(scorer: Any) -> Score:
    """A scorer as a function of the four counts (TP, FN, FP, TN).

    A metric of hard labels depends on the rows only through these, so it is asked about four weighted rows and not
    about all of them at every threshold. The positive label is 1 there, which is the metrics' own default.
    """
    asked = _resolve(scorer)
    weighted = _takes_weights(asked)

    def score(counts: FloatArray) -> float:
        seen = np.flatnonzero(counts)  # a class of weight 0 would still count as a class
        cells = seen if weighted else np.repeat(np.arange(4), counts.astype(int))
        weights = {"sample_weight": counts[seen]} if weighted else {}
        with warnings.catch_warnings():
            # Without a predicted positive precision is undefined and scored 0: never the best, and no news here.
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            return float(asked(Decided(), DECISIONS[cells], TRUTHS[cells], **weights))

    return score


def _takes_weights(scorer: Score) -> bool:
    try:
        scorer(Decided(), DECISIONS, TRUTHS, sample_weight=np.ones(4))
    except TypeError:  # adjusted_rand_score and its kind
        return False
    return True


def _resolve(scorer: Any) -> Any:
    if isinstance(scorer, str) and scorer not in get_scorer_names():
        remedy = nearest(scorer, get_scorer_names())
        raise ConfigError(REFUSED, [Problem("threshold.scorer", f"{shorten(scorer)} is no scorer", remedy)])
    if not reads_decisions(scorer):  # it asks for probabilities, which no threshold changes
        remedy = "choose a scorer of predictions, such as balanced_accuracy, accuracy or f1"
        problem = Problem("threshold.scorer", f"{shorten(scorer)} does not depend on a threshold", remedy)
        raise ConfigError(REFUSED, [problem])
    return get_scorer(scorer)


def _best(
    scores: FloatArray, truth: npt.NDArray[np.bool_], score: Score, *, rule: str, name: str, positive: Any, limit: int
) -> ThresholdReport:
    edges = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    tried = _tried(scores, edges, limit)
    values = np.array([score(row) for row in _counts(scores, truth, edges[tried + 1])])
    if np.isnan(values).all():
        return _unchanged(rule, len(truth), f"{name} is undefined at every threshold: .5 stays")
    low, high = _nearest_plateau(edges, tried[values >= np.nanmax(values) - TIE])
    threshold = 0.5 if low < 0.5 <= high else (low + high) / 2
    shown = np.unique(np.linspace(0, len(tried) - 1, min(len(tried), 200)).round().astype(int))
    curve = {"threshold": ((edges[:-1] + edges[1:]) / 2)[tried[shown]], "score": values[shown]}
    return ThresholdReport(
        threshold=threshold,
        rule=rule,
        scorer=name,
        score=float(np.nanmax(values)),
        score_at_half=score(_counts(scores, truth, np.array([0.5]))[0]),
        plateau=(low, high),
        positive_label=positive,
        n=len(truth),
        curve=curve,
        applied=True,
        reason=f"{name} is best there on the {len(truth)} rows of validation",
    )


def _tried(scores: FloatArray, edges: FloatArray, limit: int) -> npt.NDArray[np.intp]:
    """Which plateaus (edges[i], edges[i + 1]] to score: all, or about `limit` at equal steps of the scores' ranks."""
    if len(edges) - 1 <= limit:
        return np.arange(len(edges) - 1)
    ranks = np.sort(scores)[np.linspace(0, len(scores) - 1, limit).round().astype(int)]
    tops = np.searchsorted(edges, np.unique(np.concatenate([ranks, [1.0]])))
    return np.unique(np.maximum(tops - 1, 0))


def _counts(scores: FloatArray, truth: npt.NDArray[np.bool_], thresholds: FloatArray) -> FloatArray:
    """True positives, false negatives, false positives and true negatives at each threshold, shape (t, 4)."""
    ordered_all, ordered_true = np.sort(scores), np.sort(scores[truth])
    above = len(scores) - np.searchsorted(ordered_all, thresholds, side="left")
    hits = len(ordered_true) - np.searchsorted(ordered_true, thresholds, side="left")
    misses, false_alarms = len(ordered_true) - hits, above - hits
    rejected = len(scores) - above - misses
    return np.stack([hits, misses, false_alarms, rejected], axis=1).astype(float)


def _nearest_plateau(edges: FloatArray, best: npt.NDArray[np.intp]) -> tuple[float, float]:
    """The run of neighbouring best intervals that lies nearest to .5."""
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    bounds = [(float(edges[run[0]]), float(edges[run[-1] + 1])) for run in runs]
    return min(bounds, key=lambda bound: max(bound[0] - 0.5, 0.5 - bound[1], 0.0))
