"""Mitigation after the fit for any number of labels: one shift of the decision for each group and label."""

from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from evenhand.exceptions import ModelError, nearest, shorten
from evenhand.fairness.methods._problem import Codes, Constraint, Floats, Problem, check_constraint, favorable_code
from evenhand.fairness.methods._scores import PostprocessingMethod

__all__ = ["GroupThresholds", "shift_objective"]

Objective = Literal["accuracy_score", "balanced_accuracy_score"]
_OBJECTIVES = ("accuracy_score", "balanced_accuracy_score")
_TEMPERATURE = 0.01
_SMOOTH = 1e-3


class GroupThresholds(PostprocessingMethod):
    r"""Decisions ``argmax`` of probability plus a shift for group and label, learned by a convex dual.

    Among all decisions it maximises expected accuracy, :math:`\sum_i p_{i,\hat y_i}`, so that the groups' rates of each
    label differ by at most `tolerance` within each event. Events are weighted by e_ij: 1 for demographic parity, the
    probability of label j for equalized odds, that of the favorable label for equal opportunity. The dual is, per row,

    .. math:: \max_k \; p_{ik} + \sum_j \lambda_{g_i j k} \, e_{ij} n / E_{g_i j}

    plus the tolerance times the size of the shifts, which sum to 0 over groups; it is smoothed a little (a softmax in
    place of the maximum) and minimised by L-BFGS. Nothing is drawn, and with two labels the shifts are thresholds by
    group. Denis, Elie, Hebiri and Hu (2024), "Fairness guarantees in multi-class classification with demographic
    parity", give the case of demographic parity; the events extend it.

    Parameters
    ----------
    estimator
        A classifier with probabilities, or a pipeline that ends in one; wrapped in ``FrozenEstimator`` it is not fitted
        again.
    constraint
        ``demographic_parity``, ``equalized_odds`` or ``equal_opportunity``.
    objective
        ``accuracy_score``, or ``balanced_accuracy_score``, which divides each label's probability by its share.
    tolerance
        The gap to leave open.
    favorable_label
        For ``equal_opportunity``; the second of two labels by default.
    cv
        Folds of the out-of-fold probabilities that the shifts are learned on.
    random_state
        Seed of the folds.

    Notes
    -----
    Shifts move whole sets of rows with equal probabilities, so a model with few distinct probabilities can stay away
    from the tolerance. Equalized odds rest on the probabilities being calibrated.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: Constraint = "demographic_parity",
        objective: Objective = "accuracy_score",
        tolerance: float = 0.0,
        favorable_label: Any = None,
        cv: int = 5,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.objective = objective
        self.tolerance = tolerance
        self.favorable_label = favorable_label
        self.cv = cv
        self.random_state = random_state

    def _learn(self, scores: Floats, problem: Problem) -> None:
        check_constraint(self.constraint)
        if self.objective not in _OBJECTIVES:
            remedy = nearest(self.objective, _OBJECTIVES)
            raise ModelError(f"objective {shorten(self.objective)} is not known: {remedy}")
        if not 0 <= self.tolerance < 1:
            raise ModelError(f"tolerance is {shorten(self.tolerance)}: give a gap from 0 to 1")
        self.favorable_code_ = -1
        if self.constraint == "equal_opportunity":
            self.favorable_code_ = favorable_code(self.favorable_label, problem.classes)
        weights = problem.weight_or_one
        shares = np.bincount(problem.codes, weights, len(problem.classes)) / weights.sum()
        balanced = self.objective == "balanced_accuracy_score"
        self.gains_ = 1 / (len(shares) * shares) if balanced else np.ones(len(shares))
        events = self._events(scores)
        shape = (len(problem.groups), events.shape[1], len(problem.classes))
        totals = np.stack([np.bincount(problem.cells, weights * event, shape[0]) for event in events.T], axis=1)
        rates = events * (len(scores) / np.maximum(totals[problem.cells], 1e-12))
        found = minimize(
            shift_objective,
            np.zeros(int(np.prod(shape))),
            args=(shape, scores * self.gains_, rates, problem.cells, weights / weights.sum(), self.tolerance),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500},
        )
        shifts = _centred(found.x.reshape(shape))
        self.shifts_ = shifts * (len(scores) / np.maximum(totals, 1e-12))[:, :, None]

    def _events(self, scores: Floats) -> Floats:
        """How much each row belongs to each event, shape (n, j)."""
        if self.constraint == "demographic_parity":
            return np.ones((len(scores), 1))
        return scores if self.constraint == "equalized_odds" else scores[:, [self.favorable_code_]]

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        scores = self._scores(X)
        moved = scores * self.gains_ + np.einsum("ij,ijk->ik", self._events(scores), self.shifts_[groups])
        return np.asarray(np.argmax(moved, axis=1), dtype=np.intp)


def _centred(shifts: Floats) -> Floats:
    return np.asarray(shifts - shifts.mean(axis=0))


def shift_objective(
    flat: Floats,
    shape: tuple[int, int, int],
    scores: Floats,
    rates: Floats,
    cells: Codes,
    weights: Floats,
    tolerance: float,
) -> tuple[float, Floats]:
    """The smoothed dual at shifts of shape (groups, events, labels) and its gradient.

    Parameters
    ----------
    scores, rates
        What each decision gains (n, k), and each row's share of its group's events times n, (n, j).
    weights
        Of the rows, summing to 1.
    """
    shifts = _centred(flat.reshape(shape))
    logits = (scores + np.einsum("ij,ijk->ik", rates, shifts[cells])) / _TEMPERATURE
    total = logsumexp(logits, axis=1)
    chosen = np.exp(logits - total[:, None]) * weights[:, None]
    size = np.sqrt(shifts**2 + _SMOOTH**2)
    value = _TEMPERATURE * float(weights @ total) + 0.5 * tolerance * float(size.sum())
    slope = np.zeros(shape)
    for event in range(shape[1]):
        for label in range(shape[2]):
            slope[:, event, label] = np.bincount(cells, rates[:, event] * chosen[:, label], shape[0])
    slope += 0.5 * tolerance * shifts / size
    return value, (slope - slope.mean(axis=0)).ravel()
