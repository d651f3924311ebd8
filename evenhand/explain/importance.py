"""Permutation importance on the raw features, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

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
    from sklearn.inspection import permutation_importance
    from sklearn.utils import resample

    chosen: Scorer = scorer or ("roc_auc" if len(model.classes_) == 2 else "roc_auc_ovr_weighted")
    name = chosen if isinstance(chosen, str) else getattr(chosen, "__name__", type(chosen).__name__)
    absent = sorted({str(label) for label in model.classes_} - {str(label) for label in pd.unique(y)})
    if absent:
        nothing = tuple(FeatureImportance(str(column), None, None, None) for column in X.columns)
        reason = f"the test rows have no row of class {', '.join(absent)}"
        return Importance(name, len(X), repeats, confidence, nothing, reason)
    falls = np.empty((repeats, X.shape[1]))
    for repeat, state in enumerate(np.random.SeedSequence(seed).generate_state(repeats)):
        rows, labels = resample(X, y, stratify=y, random_state=int(state))
        measured = permutation_importance(model, rows, labels, scoring=chosen, n_repeats=1, random_state=int(state))
        falls[repeat] = measured.importances[:, 0]
    mean, half = falls.mean(axis=0), t.ppf(0.5 + confidence / 2, repeats - 1) * falls.std(axis=0, ddof=1)
    made = [
        FeatureImportance(str(column), float(mean[j]), float(mean[j] - half[j]), float(mean[j] + half[j]))
        for j, column in enumerate(X.columns)
    ]
    return Importance(name, len(X), repeats, confidence, tuple(sorted(made, key=lambda item: -(item.value or 0.0))))
