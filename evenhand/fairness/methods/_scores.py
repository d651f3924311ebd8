"""What postprocessing starts from: scores of rows that the scoring model was not fitted on."""

from typing import Any, ClassVar

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold

from evenhand.exceptions import ModelError, shorten
from evenhand.fairness.methods._base import MitigationMethod, aligned_probabilities
from evenhand.fairness.methods._problem import Codes, Floats, Problem, take_rows

__all__ = ["PostprocessingMethod"]


class PostprocessingMethod(MitigationMethod):
    """A method that leaves a model's probabilities as they are and moves its decisions by group.

    The model is fitted on all rows; the decisions are learned on out-of-fold probabilities of the same rows, since a
    model's probabilities of its own training rows are too good. A ``FrozenEstimator`` is not fitted again: give rows
    that it has not seen.
    """

    family: ClassVar[str] = "postprocessing"
    needs_sensitive_features: ClassVar[bool] = True

    cv: int
    model_: Any

    def _encode(self, X: Any, *, fit: bool = False) -> Any:
        if isinstance(self.estimator, FrozenEstimator):
            self.encoder_ = None
            return X
        return super()._encode(X, fit=fit)

    def _fit(self, X: Any, problem: Problem) -> None:
        if isinstance(self.estimator, FrozenEstimator):
            self.model_ = self.estimator
            scores = self._scores(X)
        else:
            self.model_ = self._fit_one(problem.Z, problem.labels, problem.weights, seed=None)
            self._require_probabilities()
            scores = self._out_of_fold(problem)
        self._learn(scores, problem)

    def _learn(self, scores: Floats, problem: Problem) -> None:
        raise NotImplementedError

    def _require_probabilities(self) -> None:
        if not hasattr(self.model_, "predict_proba"):
            raise ModelError(f"{type(self.model_).__name__} gives no probabilities, so there are no thresholds to move")

    def _out_of_fold(self, problem: Problem) -> Floats:
        smallest = int(np.bincount(problem.codes).min())
        if self.cv < 2 or smallest < 2:
            raise ModelError(f"cv is {shorten(self.cv)} and the smallest class has {smallest} rows: 2 are needed")
        folds = StratifiedKFold(min(self.cv, smallest), shuffle=True, random_state=problem.seed)
        scores = np.zeros((len(problem.codes), len(problem.classes)))
        for train, held in folds.split(np.zeros(len(problem.codes)), problem.codes):
            weights = None if problem.weights is None else problem.weights[train]
            model = self._fit_one(take_rows(problem.Z, train), problem.labels[train], weights)
            scores[held] = aligned_probabilities(model, take_rows(problem.Z, held), problem.classes)
        return scores

    def _scores(self, X: Any) -> Floats:
        self._require_probabilities()
        return aligned_probabilities(self.model_, self._encode(X), self.classes_)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        """The model's own probabilities: only decisions are moved."""
        del groups
        return self._scores(X)
