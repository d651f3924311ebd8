"""Mitigation after the fit, two labels: Fairlearn's threshold optimizer with answers that stay the same."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from evenhand.exceptions import ModelError, shorten
from evenhand.fairness.methods._problem import (
    Codes,
    Constraint,
    Floats,
    Problem,
    check_constraint,
    favorable_code,
)
from evenhand.fairness.methods._scores import PostprocessingMethod

__all__ = ["RandomizedThresholds"]

_FAIRLEARN_NAMES = {
    "demographic_parity": "demographic_parity",
    "equalized_odds": "equalized_odds",
    "equal_opportunity": "true_positive_rate_parity",
}


class _ScoreColumn(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A column of scores in the place of Fairlearn's model: the scores exist already, out of fold."""

    def fit(self, X: Any, y: Any = None) -> "_ScoreColumn":
        """Nothing to fit."""
        del X, y
        return self

    def predict(self, X: Any) -> Floats:
        """The scores."""
        return np.asarray(X, dtype=np.float64)[:, 0]

    def __sklearn_is_fitted__(self) -> bool:
        return True


class RandomizedThresholds(PostprocessingMethod):
    """Thresholds by group, and between two thresholds a draw that is fixed for each row.

    Fairlearn's ``ThresholdOptimizer`` (Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning").
    Its draw is made by a hash of the row's content, so that the same applicant always gets the same answer; a group
    that it was not fitted on is refused.

    Parameters
    ----------
    estimator
        A classifier with probabilities, or a pipeline that ends in one; wrapped in ``FrozenEstimator`` it is not fitted
        again.
    constraint
        ``demographic_parity``, ``equalized_odds`` or ``equal_opportunity``.
    objective
        ``accuracy_score`` or ``balanced_accuracy_score``.
    tolerance
        The gap to leave open; equalized odds are always closed.
    favorable_label
        The second label by default.
    cv
        Folds of the out-of-fold probabilities that the thresholds are learned on.
    minimum_group
        Groups of fewer rows take no part in what is equalised: they are cut where nobody's group is known.
    random_state
        Seed of the folds and of the draws.
    """

    multiclass = False

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: Constraint = "demographic_parity",
        objective: str = "accuracy_score",
        tolerance: float = 0.0,
        favorable_label: Any = None,
        cv: int = 5,
        minimum_group: int = 1,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.objective = objective
        self.tolerance = tolerance
        self.favorable_label = favorable_label
        self.cv = cv
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _learn(self, scores: Floats, problem: Problem) -> None:
        from fairlearn.postprocessing import ThresholdOptimizer

        check_constraint(self.constraint)
        self.favorable_code_ = favorable_code(self.favorable_label, problem.classes)
        relaxed = self.tolerance > 0 and self.constraint != "equalized_odds"
        optimizer = ThresholdOptimizer(
            estimator=_ScoreColumn(),
            constraints=_FAIRLEARN_NAMES[self.constraint],
            objective=self.objective,
            prefit=True,
            predict_method="predict",
            tol=self.tolerance if relaxed else None,
        )
        rows, known = problem.of_large_groups()
        column = scores[rows][:, [self.favorable_code_]]
        labels = (known.codes == self.favorable_code_).astype(int)
        self._check_labels(labels, known)
        try:
            optimizer.fit(column, labels, sensitive_features=known.cells)
        except ValueError as error:
            raise ModelError(f"no thresholds for these rows: {shorten(str(error), 120)}") from error
        found = optimizer.interpolated_thresholder_.interpolation_dict
        # Who is in no large group is cut where the objective of all rows is.
        cut = 0.5 if self.objective == "accuracy_score" else float(labels.mean())
        self.rules_ = np.tile([1.0, 1.0, cut, 0.0, 1.0, 0.0, 0.0, 0.0], (len(problem.groups), 1))
        self.rules_[problem.large] = [_rule(found[group]) for group in range(len(known.groups))]

    def _check_labels(self, labels: Codes, problem: Problem) -> None:
        """Refuse a group of one label by its name: no threshold of it has two error rates."""
        share = np.bincount(problem.cells, labels) / np.bincount(problem.cells)
        alone = [shorten(group) for group, mean in zip(problem.groups, share, strict=True) if mean in (0, 1)]
        if alone:
            raise ModelError(f"no thresholds: all rows of {', '.join(alone)} have one label")

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        positive = self._acceptance(X, groups)
        assert groups is not None
        draws = self._draws(X, self.groups_[groups])
        answers = np.where(positive > draws, self.favorable_code_, 1 - self.favorable_code_)
        return np.asarray(answers, dtype=np.intp)

    def acceptance(self, X: Any, *, sensitive_features: Any) -> npt.NDArray[np.float64]:
        """The probability of the favorable answer before the draw, shape (n,)."""
        return self._acceptance(X, self._groups(X, sensitive_features))

    def _acceptance(self, X: Any, groups: Codes | None) -> Floats:
        rules = self.rules_[groups]
        score = self._scores(X)[:, self.favorable_code_]
        first = rules[:, 0] * _beyond(score, rules[:, 1], rules[:, 2])
        second = rules[:, 3] * _beyond(score, rules[:, 4], rules[:, 5])
        return np.asarray(rules[:, 6] * rules[:, 7] + (1 - rules[:, 6]) * (first + second))


def _rule(found: Any) -> list[float]:
    """Fairlearn's interpolation between two thresholds as eight numbers."""
    row: list[float] = []
    for weight, operation in ((found.p0, found.operation0), (found.p1, found.operation1)):
        row += [float(weight), 1.0 if operation.operator == ">" else -1.0, float(operation.threshold)]
    return [*row, float(found.get("p_ignore", 0.0)), float(found.get("prediction_constant", 0.0))]


def _beyond(score: Floats, direction: Floats, threshold: Floats) -> Floats:
    return np.asarray(np.where(direction > 0, score > threshold, score < threshold), dtype=np.float64)
