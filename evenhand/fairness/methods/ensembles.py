"""Mitigation by many models, each of which has seen a balanced part of the rows."""

from typing import Any, ClassVar

import numpy as np

from evenhand.exceptions import ModelError, shorten
from evenhand.fairness.methods._base import MitigationMethod, aligned_probabilities
from evenhand.fairness.methods._problem import Codes, Floats, Problem, take_rows
from evenhand.fairness.methods.preprocessing import Target, balanced_rows

__all__ = ["BalancedBagging"]


class BalancedBagging(MitigationMethod):
    """Classifiers fitted on draws that are balanced over group and label; their probabilities are averaged.

    Each member draws with replacement from every cell of group and label, so that unlike after one balanced draw few
    rows of a large cell go unused altogether.

    Parameters
    ----------
    estimator
        A classifier or a pipeline that ends in one.
    n_estimators
        Members.
    target
        As in :class:`~evenhand.fairness.methods.BalancedResampling`.
    minimum_group
        Groups of fewer rows take no part in what is equalised: their rows are drawn as often as they are there.
    random_state
        Seed of the draws and of the members.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, sex = pd.DataFrame({"x": [0.0, 1, 2, 3]}), pd.Series(["f", "m", "f", "m"])
    >>> model = BalancedBagging(DecisionTreeClassifier(), n_estimators=3)
    >>> model.fit(X, [0, 0, 1, 1], sensitive_features=sex).predict(X).tolist()
    [0, 0, 1, 1]
    """

    family: ClassVar[str] = "ensemble"
    decides_by_score: ClassVar[bool] = True

    def __init__(
        self,
        estimator: Any,
        *,
        n_estimators: int = 10,
        target: Target = "balanced",
        minimum_group: int = 1,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.target = target
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        del X
        if self.n_estimators < 1:
            raise ModelError(f"n_estimators is {shorten(self.n_estimators)}: at least 1 is needed")
        self.estimators_ = []
        for number, seed in enumerate(np.random.SeedSequence(problem.seed).generate_state(self.n_estimators)):
            rng = np.random.default_rng(seed)
            # The balanced draw says how many rows of each cell; the bootstrap within the cell says which.
            rows = _bootstrap(problem, balanced_rows(problem, self.target, rng), rng)
            weights = None if problem.weights is None else problem.weights[rows]
            Z = take_rows(problem.Z, rows)
            self.estimators_.append(self._fit_one(Z, problem.labels[rows], weights, seed=problem.seed + number))

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        del groups
        Z = self._encode(X)
        total = np.zeros((np.shape(Z)[0], len(self.classes_)))
        for model in self.estimators_:
            if hasattr(model, "predict_proba"):
                total += aligned_probabilities(model, Z, self.classes_)
            else:
                total += np.asarray(model.predict(Z))[:, None] == self.classes_[None, :]
        return total / len(self.estimators_)


def _bootstrap(problem: Problem, rows: Codes, rng: np.random.Generator) -> Codes:
    cells = problem.cells * len(problem.classes) + problem.codes
    drawn = []
    for cell, size in zip(*np.unique(cells[rows], return_counts=True), strict=True):
        drawn.append(rng.choice(np.flatnonzero(cells == cell), size=int(size)))
    return np.asarray(np.concatenate(drawn), dtype=np.intp)
