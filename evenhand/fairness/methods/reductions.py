"""Mitigation around the fit: Fairlearn's reductions, behind our preprocessing and with answers that stay the same.

Agarwal, Beygelzimer, Dudik, Langford and Wallach (2018), "A reductions approach to fair classification".
"""

import warnings
from typing import Any, ClassVar, Literal

import numpy as np

from evenhand.exceptions import ModelError, nearest, shorten
from evenhand.fairness.methods._base import MitigationMethod, aligned_probabilities
from evenhand.fairness.methods._problem import (
    Codes,
    Constraint,
    Floats,
    Problem,
    check_constraint,
    favorable_code,
    weight_argument,
)

__all__ = ["ExponentiatedGradientReduction", "GridSearchReduction"]

Combine = Literal["draw", "majority"]
MOST_DIMENSIONS = 4
"""Of a grid: Fairlearn advises against more."""
_COMBINE = ("draw", "majority")


class _Reduction(MitigationMethod):
    """What both reductions share: two labels, a classifier that takes weights, a constraint of Fairlearn's."""

    family: ClassVar[str] = "regularization"
    multiclass: ClassVar[bool] = False
    dense: ClassVar[bool] = True

    constraint: Constraint
    tolerance: float
    favorable_label: Any

    def _moment(self) -> Any:
        from fairlearn import reductions

        check_constraint(self.constraint)
        if not 0 < self.tolerance < 1:
            raise ModelError(f"tolerance is {shorten(self.tolerance)}: give a gap between 0 and 1")
        kinds = {
            "demographic_parity": reductions.DemographicParity,
            "equalized_odds": reductions.EqualizedOdds,
            "equal_opportunity": reductions.TruePositiveRateParity,
        }
        # Fairlearn bounds each group's distance to everybody; two groups can be twice as far apart.
        return kinds[self.constraint](difference_bound=self.tolerance / 2)

    def _reduce(self, reduction: Any, problem: Problem) -> Any:
        """Fit Fairlearn's reduction on codes in which the favorable label is 1."""
        self.favorable_code_ = favorable_code(self.favorable_label, problem.classes)
        if problem.weights is not None:
            self.weights_reached_fit_ = False  # the reduction's own weights take the only place
        if weight_argument(self.classifier_) is None:
            raise ModelError(f"{type(self.classifier_).__name__} takes no sample_weight, which a reduction works by")
        labels = (problem.codes == self.favorable_code_).astype(int)
        with warnings.catch_warnings():
            # Its linear programs use pandas in ways that pandas announces to change; the bounds are pinned.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="fairlearn")
            warnings.filterwarnings("ignore", category=FutureWarning, module="fairlearn")
            return reduction.fit(np.asarray(problem.Z), labels, sensitive_features=problem.cells)

    def _check_bound(self, rates: Floats, problem: Problem) -> None:
        """Measure what the bound came to on the training rows, since a reduction can miss it."""
        self.training_gap_ = expected_gap(rates, problem, self.constraint, self.favorable_code_)
        self.bound_met_ = bool(self.training_gap_ <= self.tolerance)

    def _both(self, positive: Floats) -> Floats:
        both = np.column_stack([1 - positive, positive])
        return both if self.favorable_code_ == 1 else both[:, ::-1]


def expected_gap(rates: Floats, problem: Problem, constraint: Constraint, favorable: int) -> float:
    """The largest difference between groups of the mean of `rates`, over the events of the constraint."""
    events = {
        "demographic_parity": [np.ones(len(rates), dtype=bool)],
        "equalized_odds": [problem.codes == code for code in range(len(problem.classes))],
        "equal_opportunity": [problem.codes == favorable],
    }[constraint]
    gaps = []
    for event in events:
        n = np.bincount(problem.cells[event], minlength=len(problem.groups))
        means = np.bincount(problem.cells[event], rates[event], minlength=len(problem.groups))[n > 0] / n[n > 0]
        gaps.append(float(np.ptp(means)) if len(means) > 1 else 0.0)
    return max(gaps)


class ExponentiatedGradientReduction(_Reduction):
    """Fairlearn's exponentiated gradient: a mixture of classifiers that meets the constraint in expectation.

    Parameters
    ----------
    estimator
        A classifier that takes ``sample_weight``, or a pipeline that ends in one; two labels.
    constraint
        ``demographic_parity``, ``equalized_odds`` or ``equal_opportunity``.
    tolerance
        The largest difference between groups that is asked for. It can be missed: see ``bound_met_`` and
        ``training_gap_`` after the fit.
    combine
        ``draw``: each row is decided by one member of the mixture, drawn by a hash of the row's content, so that the
        same applicant always gets the same answer. ``majority``: the members vote by their weights; nothing is drawn,
        and the constraint may be missed by more.
    favorable_label
        For ``equal_opportunity``; the second label by default.
    max_iter
        Rounds, each of which fits a classifier.
    minimum_group
        Groups of fewer rows take no part in what is equalised: their rows are left out of the fit.
    random_state
        Seed of the draws.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: Constraint = "demographic_parity",
        tolerance: float = 0.05,
        combine: Combine = "draw",
        favorable_label: Any = None,
        max_iter: int = 25,
        minimum_group: int = 1,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.combine = combine
        self.favorable_label = favorable_label
        self.max_iter = max_iter
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        from fairlearn.reductions import ExponentiatedGradient

        del X
        problem = problem.of_large_groups()[1]
        if self.combine not in _COMBINE:
            raise ModelError(f"combine {shorten(self.combine)} is not known: {nearest(self.combine, _COMBINE)}")
        reduction = self._reduce(
            ExponentiatedGradient(
                self._seeded(problem),
                self._moment(),
                max_iter=self.max_iter,
                sample_weight_name=str(weight_argument(self.classifier_)),
            ),
            problem,
        )
        kept = [at for at, weight in reduction.weights_.items() if weight > 0]
        self.estimators_ = [reduction.predictors_[at] for at in kept]
        weights = np.array([reduction.weights_[at] for at in kept], dtype=np.float64)
        self.mixture_weights_ = weights / weights.sum()
        self._check_bound(self._positive(problem.Z), problem)

    def _seeded(self, problem: Problem) -> Any:
        from sklearn.base import clone

        model = clone(self.classifier_)
        if model.get_params().get("random_state", 0) is None:
            model.set_params(random_state=problem.seed)
        return model

    def _positive(self, Z: Any) -> Floats:
        """The mixture's probability of the favorable answer, shape (n,)."""
        Z = np.asarray(Z)
        votes = np.column_stack([np.asarray(model.predict(Z), dtype=np.float64) for model in self.estimators_])
        return np.asarray(np.clip(votes @ self.mixture_weights_, 0.0, 1.0))

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        del groups  # not part of the row's content, so that who tells the group gets the same answer
        positive = self._positive(self._encode(X))
        cut = self._draws(X, None) if self.combine == "draw" else 0.5
        answers = np.where(positive > cut, self.favorable_code_, 1 - self.favorable_code_)
        return np.asarray(answers, dtype=np.intp)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        """The mixture's probabilities: the shares of the members' votes."""
        del groups
        return self._both(self._positive(self._encode(X)))


class GridSearchReduction(_Reduction):
    """Fairlearn's grid search over the constraint's multipliers: one classifier, nothing drawn.

    Of the grid's classifiers it takes the most accurate that keeps the tolerance on the training rows, and Fairlearn's
    own choice when none does (see ``bound_met_``).

    Parameters
    ----------
    estimator, constraint, tolerance, favorable_label
        As in :class:`ExponentiatedGradientReduction`.
    grid_size
        Classifiers to fit. The grid has a dimension for each group but one (two of each for equalized odds), at most
        :data:`MOST_DIMENSIONS`, and needs two points in each.
    minimum_group
        Groups of fewer rows take no part in what is equalised: their rows are left out of the fit.
    random_state
        Seed of the classifier, where it has one that is None.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: Constraint = "demographic_parity",
        tolerance: float = 0.05,
        favorable_label: Any = None,
        grid_size: int = 16,
        minimum_group: int = 1,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.favorable_label = favorable_label
        self.grid_size = grid_size
        self.minimum_group = minimum_group
        self.random_state = random_state

    def _fit(self, X: Any, problem: Problem) -> None:
        from fairlearn.reductions import GridSearch

        del X
        problem = problem.of_large_groups()[1]
        self._check_grid(problem)
        if self.classifier_.get_params().get("random_state", 0) is None:
            self.classifier_.set_params(random_state=problem.seed)
        moment = self._moment()
        name = str(weight_argument(self.classifier_))
        reduction = self._reduce(
            GridSearch(self.classifier_, moment, grid_size=self.grid_size, sample_weight_name=name), problem
        )
        Z = np.asarray(problem.Z)
        answers = [np.asarray(model.predict(Z), dtype=np.float64) for model in reduction.predictors_]
        gaps = [expected_gap(answer, problem, self.constraint, self.favorable_code_) for answer in answers]
        inside = [at for at, gap in enumerate(gaps) if gap <= self.tolerance]
        best = min(inside, key=lambda at: reduction.objectives_[at]) if inside else int(reduction.best_idx_)
        self.model_ = reduction.predictors_[best]
        self._check_bound(answers[best], problem)

    def _check_grid(self, problem: Problem) -> None:
        """Refuse a grid that cannot even go both ways in each of its dimensions."""
        events = 2 if self.constraint == "equalized_odds" else 1
        dimensions = events * (len(problem.groups) - 1)
        if dimensions > MOST_DIMENSIONS or 2**dimensions > self.grid_size:
            raise ModelError(
                f"a grid of {self.grid_size} points is too coarse for {dimensions} dimensions ({len(problem.groups)} "
                f"groups): use ExponentiatedGradientReduction, or up to {MOST_DIMENSIONS} dimensions with more points"
            )

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        del groups
        positive = np.asarray(self.model_.predict(np.asarray(self._encode(X)))) == 1
        return np.asarray(np.where(positive, self.favorable_code_, 1 - self.favorable_code_), dtype=np.intp)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        del groups
        if not hasattr(self.model_, "predict_proba"):
            raise ModelError(f"{type(self.model_).__name__} gives no probabilities")
        given = aligned_probabilities(self.model_, np.asarray(self._encode(X)), np.array([0, 1]))
        return self._both(given[:, 1])
