"""Mitigation before the fit: other weights, other rows, or features without linear traces of the groups."""

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from evenhand.data.weights import compute_weights
from evenhand.exceptions import ModelError, nearest, shorten
from evenhand.fairness.methods._base import MitigationMethod, SingleModelMethod, aligned_probabilities
from evenhand.fairness.methods._problem import Codes, Floats, Problem, take_rows

__all__ = ["BalancedResampling", "CorrelationRemoval", "Reweighing", "balanced_rows"]

Target = Literal["balanced", "independent"]


class Reweighing(SingleModelMethod):
    """Weights that make group and label independent.

    A row of group s and label y weighs P(s) P(y) / P(s, y) (Kamiran and Calders 2012, "Data preprocessing techniques
    for classification without discrimination", section 5.2); weights given to `fit` are multiplied.

    Parameters
    ----------
    estimator
        A classifier or a pipeline that ends in one.
    random_state
        Seed of the classifier, where it has one that is None.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, sex = pd.DataFrame({"x": [0.0, 1, 2, 3]}), pd.Series(["f", "m", "f", "m"])
    >>> Reweighing(LogisticRegression()).fit(X, [0, 0, 1, 1], sensitive_features=sex).predict(X).tolist()
    [0, 0, 1, 1]
    """

    family: ClassVar[str] = "preprocessing"

    def __init__(self, estimator: Any, *, random_state: int = 0) -> None:
        self.estimator = estimator
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        del X
        groups = pd.DataFrame({"group": problem.groups[problem.cells].astype(str)})
        own = compute_weights(problem.codes, groups, method="reweighing")
        weights = np.asarray(own) * problem.weight_or_one
        self.model_ = self._fit_one(problem.Z, problem.labels, weights / weights.mean(), seed=inner_seed(self, problem))


class BalancedResampling(SingleModelMethod):
    """Rows drawn anew, so that groups and labels are balanced: for classifiers that take no weights.

    Parameters
    ----------
    estimator
        A classifier or a pipeline that ends in one.
    target
        ``balanced``: every group has as many rows of every label. ``independent``: each cell gets the size that it
        would have were group and label independent (uniform sampling of Kamiran and Calders 2012, section 5.3.1).
    minimum_group
        Groups of fewer rows take no part in what is equalised: their rows stay as they are.
    random_state
        Seed of the draw.
    """

    family: ClassVar[str] = "preprocessing"

    def __init__(
        self, estimator: Any, *, target: Target = "balanced", minimum_group: int = 1, random_state: int = 0
    ) -> None:
        self.estimator = estimator
        self.target = target
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        del X
        rows = balanced_rows(problem, self.target, np.random.default_rng(problem.seed))
        weights = None if problem.weights is None else problem.weights[rows]
        self.model_ = self._fit_one(
            take_rows(problem.Z, rows), problem.labels[rows], weights, seed=inner_seed(self, problem)
        )


class CorrelationRemoval(MitigationMethod):
    """Features from which a linear model can no longer tell the groups, then the classifier.

    Fairlearn's ``CorrelationRemover`` takes numbers only, so it stands behind the preprocessing and gets the groups as
    indicators. It needs them at prediction time, too.

    Parameters
    ----------
    estimator
        A classifier or a pipeline that ends in one.
    alpha
        1 removes all correlation, 0 none.
    minimum_group
        Groups of fewer rows take no part in what is equalised: nothing is taken from their features.
    random_state
        Seed of the classifier, where it has one that is None.
    """

    family: ClassVar[str] = "preprocessing"
    needs_sensitive_features: ClassVar[bool] = True
    dense: ClassVar[bool] = True

    def __init__(self, estimator: Any, *, alpha: float = 1.0, minimum_group: int = 1, random_state: int = 0) -> None:
        self.estimator = estimator
        self.alpha = alpha
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        from fairlearn.preprocessing import CorrelationRemover

        del X
        rows, known = problem.of_large_groups()
        # The last group's indicator follows from the others'; who is in no large group has those of the average.
        own = np.eye(len(known.groups))[:, :-1]
        self.indicators_ = np.tile(own[known.cells].mean(axis=0), (len(problem.groups), 1))
        self.indicators_[problem.large] = own
        self.n_encoded_ = np.shape(problem.Z)[1]
        added = list(range(self.n_encoded_, self.n_encoded_ + own.shape[1]))
        remover = CorrelationRemover(sensitive_feature_ids=added, alpha=self.alpha)
        self.remover_ = remover.fit(self._join(known.Z, problem.cells[rows]))
        features = self.remover_.transform(self._join(problem.Z, problem.cells))
        self.model_ = self._fit_one(features, problem.labels, problem.weights, seed=inner_seed(self, problem))

    def _join(self, Z: Any, cells: Codes) -> Floats:
        return np.column_stack([np.asarray(Z, dtype=np.float64), self.indicators_[cells]])

    def _features(self, X: Any, groups: Codes | None) -> Floats:
        assert groups is not None
        return np.asarray(self.remover_.transform(self._join(self._encode(X), groups)))

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        predicted = self.model_.predict(self._features(X, groups))
        return np.asarray(pd.Index(self.classes_).get_indexer(pd.Index(predicted)), dtype=np.intp)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        if not hasattr(self.model_, "predict_proba"):
            raise ModelError(f"{type(self.model_).__name__} gives no probabilities")
        return aligned_probabilities(self.model_, self._features(X, groups), self.classes_)


def inner_seed(method: MitigationMethod, problem: Problem) -> int | None:
    """The seed for a classifier that was left without one; a seed of its own is kept."""
    own = method.classifier_.get_params().get("random_state")
    return problem.seed if own is None else None


def balanced_rows(problem: Problem, target: Target, rng: np.random.Generator) -> Codes:
    """Positions drawn within each cell of group and label: as many as `target` asks for, sorted.

    A cell keeps all its rows once before any is repeated; one that must shrink is drawn without repetition. An empty
    cell stays empty, and a group of too few rows as it is.

    Parameters
    ----------
    target
        ``balanced`` or ``independent``.
    """
    if target not in ("balanced", "independent"):
        raise ModelError(f"target {shorten(target)} is not known: {nearest(target, ('balanced', 'independent'))}")
    n_classes = len(problem.classes)
    cells = problem.cells * n_classes + problem.codes
    counts = np.bincount(cells, minlength=len(problem.groups) * n_classes)
    table = counts.reshape(-1, n_classes)
    moved = (counts > 0) & np.repeat(problem.large, n_classes)
    expected = np.ones(len(counts)) if target == "balanced" else np.outer(table.sum(axis=1), table.sum(axis=0)).ravel()
    share = expected * moved / (expected * moved).sum()
    wanted = np.where(moved, np.maximum(np.rint(share * counts[moved].sum()), 1), counts).astype(int)
    drawn = [_draw(np.flatnonzero(cells == at), int(wanted[at]), rng) for at in np.flatnonzero(counts)]
    return np.asarray(np.sort(np.concatenate(drawn)), dtype=np.intp)


def _draw(rows: Codes, wanted: int, rng: np.random.Generator) -> Codes:
    repeats, rest = divmod(wanted, len(rows))
    return np.concatenate([np.tile(rows, repeats), rng.permutation(rows)[:rest]])
