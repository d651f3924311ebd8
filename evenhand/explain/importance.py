"""Permutation importance on the raw features, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.explain._games import Game
from evenhand.explain._model import FloatArray, unwrap

__all__ = ["FeatureImportance", "Importance", "permutation_importances"]

Scorer = str | Callable[..., float]


@dataclass(frozen=True)
class FeatureImportance:
    """How much the score falls when the feature is shuffled, in the scorer's unit; None when it is undefined."""

    feature: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Importance:
    """The importances of all features, the largest first, and how they were measured."""

    scorer: str
    rows: int
    repeats: int
    confidence: float
    features: tuple[FeatureImportance, ...]
    reason: str | None = None


class _OnIndex(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model of rows that are named by where each feature comes from: shuffling such a column shuffles the feature.

    So scikit-learn's function works on raw features while the encoder runs once.
    """

    def __init__(self, tail: Any, game: Game) -> None:
        self.tail = tail
        self.game = game
        self.classes_ = tail.classes_

    def fit(self, X: Any, y: Any) -> "_OnIndex":
        """Nothing is fitted: the method marks a model."""
        del X, y
        return self

    def predict(self, X: Any) -> Any:
        return self.tail.predict(self.game.rows(X))

    def predict_proba(self, X: Any) -> Any:
        return self.tail.predict_proba(self.game.rows(X))


def _falls(model: Any, X: pd.DataFrame, y: pd.Series, scorer: Scorer, repeats: int, seed: int) -> FloatArray:
    """The fall of the score in each repeat, shape (repeats, f)."""
    from sklearn.inspection import permutation_importance
    from sklearn.utils import resample
    from threadpoolctl import threadpool_limits

    inner = unwrap(model, [str(column) for column in X.columns])
    estimator = _OnIndex(inner.tail, Game(inner, X))
    labels = np.asarray(y, dtype=np.asarray(model.classes_).dtype)
    falls = np.empty((repeats, X.shape[1]))
    states = np.random.SeedSequence(seed).generate_state(repeats).tolist()
    # Thousands of predictions of few rows: threads would wait for one another more than they work.
    with threadpool_limits(1):
        for repeat, state in enumerate(states):
            rows = resample(np.arange(len(X)), stratify=labels, random_state=state)
            index = np.repeat(rows[:, None], X.shape[1], axis=1)
            measured = permutation_importance(
                estimator, index, labels[rows], scoring=scorer, n_repeats=1, random_state=state
            )
            falls[repeat] = measured.importances[:, 0]
    return falls


def permutation_importances(
    model: Any,
    X: pd.DataFrame,
    y: pd.Series,
    *,
    scorer: Scorer | None = None,
    repeats: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Importance:
    """The fall of the score when a raw feature is shuffled over test rows (Breiman 2001, section 10).

    Each repeat shuffles within a fresh bootstrap resample of the rows, stratified by class, so the spread of the
    repeats holds both the sampling of the rows and the shuffling. The interval is ``mean +- t * sd`` with
    ``repeats - 1`` degrees of freedom: that of one resample, and not that of the mean of the repeats, which more
    repeats would narrow to nothing.

    Parameters
    ----------
    model
        A fitted classifier of raw rows, wrappers and all.
    X, y
        Test rows, shape (n, f), and their labels.
    scorer
        Any scikit-learn scorer; by default ROC-AUC (one against the rest, weighted, for more than two classes).
    repeats
        At least 2.
    """
    from scipy.stats import t

    chosen: Scorer = scorer or ("roc_auc" if len(model.classes_) == 2 else "roc_auc_ovr_weighted")
    name = chosen if isinstance(chosen, str) else getattr(chosen, "__name__", type(chosen).__name__)
    absent = sorted({str(label) for label in model.classes_} - {str(label) for label in pd.unique(y)})
    if absent:
        nothing = tuple(FeatureImportance(str(column), None, None, None) for column in X.columns)
        reason = f"the test rows have no row of class {', '.join(absent)}"
        return Importance(name, len(X), repeats, confidence, nothing, reason)
    falls = _falls(model, X, y, chosen, repeats, seed)
    mean, half = falls.mean(axis=0), t.ppf(0.5 + confidence / 2, repeats - 1) * falls.std(axis=0, ddof=1)
    made = [
        FeatureImportance(str(column), float(mean[j]), float(mean[j] - half[j]), float(mean[j] + half[j]))
        for j, column in enumerate(X.columns)
    ]
    return Importance(name, len(X), repeats, confidence, tuple(sorted(made, key=lambda item: -(item.value or 0.0))))
