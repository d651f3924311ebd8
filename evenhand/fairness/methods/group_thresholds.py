"""Mitigation after the fit for any number of labels: one shift of the decision for each group and label."""

from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from evenhand.exceptions import ModelError, nearest, shorten
from evenhand.fairness.methods._problem import (
    Codes,
    Constraint,
    Floats,
    Problem,
    check_constraint,
    favorable_code,
    of_all_groups,
)
from evenhand.fairness.methods._scores import PostprocessingMethod
from evenhand.fairness.multiclass import confusion_distributions, prediction_distributions, total_variation

__all__ = ["GroupThresholds", "shift_objective"]

Objective = Literal["accuracy_score", "balanced_accuracy_score"]
_OBJECTIVES = ("accuracy_score", "balanced_accuracy_score")
_TEMPERATURE = 0.01
_SMOOTH = 1e-3
_STEPS = 60
_STRIDE = 0.3
_LEAST = 1e-6  # of a probability, so that it has a logarithm


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
    minimum_group
        Groups of fewer rows take no part in what is equalised: their decisions stay the model's.
    random_state
        Seed of the folds.

    Notes
    -----
    Shifts move whole sets of rows with equal probabilities, so a model with few distinct probabilities can stay away
    from the tolerance. Equalized odds and equal opportunity are about labels: for them the probabilities are first
    calibrated within each group, and the shifts then stepped on by the rates of the decisions on the labels themselves.
    Where decisions are further apart on the training rows (out of fold) when moved than when not, they stay the model's
    own: `moved_` is False then, and `gap_before_` and `gap_` tell both.
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
        check_constraint(self.constraint)
        if self.objective not in _OBJECTIVES:
            remedy = nearest(self.objective, _OBJECTIVES)
            raise ModelError(f"objective {shorten(self.objective)} is not known: {remedy}")
        if not 0 <= self.tolerance < 1:
            raise ModelError(f"tolerance is {shorten(self.tolerance)}: give a gap from 0 to 1")
        rows, problem, large = *problem.of_large_groups(), problem.large
        scores = scores[rows]
        self.favorable_code_ = -1
        if self.constraint == "equal_opportunity":
            self.favorable_code_ = favorable_code(self.favorable_label, problem.classes)
        weights = problem.weight_or_one
        shares = np.bincount(problem.codes, weights, len(problem.classes)) / weights.sum()
        balanced = self.objective == "balanced_accuracy_score"
        self.gains_ = 1 / (len(shares) * shares) if balanced else np.ones(len(shares))
        self.recalibration_ = np.zeros((len(problem.groups), 0))
        if self.constraint != "demographic_parity":
            self.recalibration_ = recalibration(scores, problem)
        own, scores = scores, recalibrated(scores, self.recalibration_[problem.cells])
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
        if self.constraint != "demographic_parity":
            self._settle(own, problem)
        self._guard(own, problem)
        # Who is in no large group keeps the model's own decisions.
        self.shifts_ = of_all_groups(self.shifts_, large)
        self.recalibration_ = of_all_groups(self.recalibration_, large)

    def _settle(self, scores: Floats, problem: Problem) -> None:
        """Step on with the shifts by the decisions' rates on the labels, and keep those of the smallest gap."""
        weights, cells = problem.weight_or_one, problem.cells
        labels = np.eye(len(problem.classes))[problem.codes]
        events = labels if self.constraint == "equalized_odds" else labels[:, [self.favorable_code_]]
        shape = self.shifts_.shape
        totals = np.stack([np.bincount(cells, weights * event, shape[0]) for event in events.T], axis=1)
        best, least = self.shifts_, self._gap(self._moved(scores, cells), problem)
        for step in range(_STEPS):
            if least <= self.tolerance:
                break
            chosen = np.eye(shape[2])[self._moved(scores, cells)] * weights[:, None]
            rates = np.stack([events.T @ (chosen * (cells == group)[:, None]) for group in range(shape[0])])
            apart = _centred(rates / np.maximum(totals, 1e-12)[:, :, None])
            self.shifts_ = self.shifts_ - _STRIDE / (1 + step / 10) * apart * (totals > 0)[:, :, None]
            gap = self._gap(self._moved(scores, cells), problem)
            if gap < least:
                best, least = self.shifts_, gap
        self.shifts_ = best

    def _guard(self, scores: Floats, problem: Problem) -> None:
        """Leave the model's decisions as they are where moved ones are further apart on the labels of these rows."""
        before = np.argmax(scores * self.gains_, axis=1)
        after = self._moved(scores, problem.cells)
        self.gap_before_, self.gap_ = (self._gap(chosen, problem) for chosen in (before, after))
        self.moved_ = self.gap_ <= max(self.gap_before_, self.tolerance)
        if not self.moved_:
            self.gap_ = self.gap_before_
            self.shifts_ = np.zeros_like(self.shifts_)
            self.recalibration_ = self.recalibration_[:, :0]

    def _gap(self, chosen: Codes, problem: Problem) -> float:
        """The largest difference between groups that the constraint is about, of these decisions."""
        shape = (len(problem.groups), len(problem.classes), len(problem.classes))
        place = np.ravel_multi_index((problem.cells, problem.codes, chosen), shape)
        table = np.bincount(place, problem.weight_or_one, int(np.prod(shape))).reshape(shape)
        if self.constraint == "demographic_parity":
            return _widest(prediction_distributions(table))
        by_label = np.swapaxes(confusion_distributions(table), 0, 1)
        if self.constraint == "equalized_odds":
            return max(_widest(part) for part in by_label)
        recall = by_label[self.favorable_code_][:, self.favorable_code_]
        known = recall[~np.isnan(recall)]
        return float(np.ptp(known)) if known.size else 0.0

    def _events(self, scores: Floats) -> Floats:
        """How much each row belongs to each event, shape (n, j)."""
        if self.constraint == "demographic_parity":
            return np.ones((len(scores), 1))
        return scores if self.constraint == "equalized_odds" else scores[:, [self.favorable_code_]]

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        assert groups is not None
        return self._moved(self._scores(X), groups)

    def _moved(self, scores: Floats, groups: Codes) -> Codes:
        scores = recalibrated(scores, self.recalibration_[groups])
        moved = scores * self.gains_ + np.einsum("ij,ijk->ik", self._events(scores), self.shifts_[groups])
        return np.asarray(np.argmax(moved, axis=1), dtype=np.intp)


def _widest(distributions: Floats) -> float:
    between = total_variation(distributions)
    return 0.0 if np.isnan(between).all() else float(np.nanmax(between))


def recalibration(scores: Floats, problem: Problem) -> Floats:
    """A slope and one offset a label for each group, shape (groups, 1 + k), that make probabilities fit its labels.

    A model that does not know the groups is calibrated over all of them and too high or too low in each; what a moved
    decision does on the labels then is not what its probabilities say. The log-probabilities of a group are scaled and
    moved by the maximum of the labels' likelihood, drawn a little towards no change, which few rows need.
    """
    logs = np.log(np.maximum(scores, _LEAST))
    weights, k = problem.weight_or_one, scores.shape[1]
    found = np.zeros((len(problem.groups), 1 + k))
    for group in range(len(problem.groups)):
        own = problem.cells == group
        arguments = (logs[own], problem.codes[own], weights[own])
        found[group] = minimize(_misfit, np.zeros(1 + k), args=arguments, jac=True, method="L-BFGS-B").x
    return found


def _misfit(change: Floats, logs: Floats, codes: Codes, weights: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood of one group's labels, and its gradient."""
    logits = logs * np.exp(change[0]) + change[1:]
    log_p = logits - logsumexp(logits, axis=1, keepdims=True)
    at = np.arange(len(codes))
    slope = np.exp(log_p) * weights[:, None]
    value = -float(weights @ log_p[at, codes]) + 0.5 * float(change @ change)
    slope[at, codes] -= weights
    by_scale = float((slope * logs).sum()) * np.exp(change[0])
    return value, np.concatenate([[by_scale], slope.sum(axis=0)]) + change


def recalibrated(scores: Floats, changes: Floats) -> Floats:
    """Probabilities, shape (n, k), after each row's change, shape (n, 1 + k); (n, 0) is none.

    Examples
    --------
    >>> recalibrated(np.array([[0.5, 0.5]]), np.array([[0.0, 0.0, np.log(3)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    if not changes.shape[1]:
        return scores
    logits = np.log(np.maximum(scores, _LEAST)) * np.exp(changes[:, :1]) + changes[:, 1:]
    return np.asarray(np.exp(logits - logsumexp(logits, axis=1, keepdims=True)))


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
