"""Mitigation in the fit: logistic and softmax regression that pays for dependence between groups and scores."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from evenhand.exceptions import ModelError, shorten
from evenhand.fairness.methods._base import MitigationMethod, as_pipeline
from evenhand.fairness.methods._problem import (
    Codes,
    Constraint,
    Floats,
    Problem,
    as_dense,
    check_constraint,
    favorable_code,
)
from evenhand.modeling.preprocessing import make_preprocessor

__all__ = ["PenalizedRegression", "penalized_loss"]


class PenalizedRegression(MitigationMethod):
    r"""Softmax regression with a penalty on the dependence between sensitive groups and predicted probabilities.

    Minimises, by L-BFGS with the exact gradient,

    .. math:: \frac1n \sum_i -w_i \log p_{y_i}(x_i) + \frac{\lVert W\rVert^2}{2 C n}
              + \frac{s}{2J} \sum_{j,g} \frac1{G_j} \lVert \bar p_{jg} - \bar p_j \rVert^2

    where :math:`\bar p_{jg}` is the mean probability vector of group g within event j and :math:`\bar p_j` the mean of
    these over its G_j groups, so that small groups count as much as large ones. Of two labels W is the one vector by
    which their scores differ. Demographic parity has one event, all
    rows; equalized odds one for each label; equal opportunity the favorable label alone. It is the squared penalty of
    Bechavod and Ligett (2017), "Penalizing unfairness in binary classification", over all labels and groups.

    Parameters
    ----------
    constraint
        ``demographic_parity``, ``equalized_odds`` or ``equal_opportunity``.
    strength
        s: 0 is plain softmax regression. A mean of squared gaps is small beside the loss, so 1 hardly changes a model;
        10 takes a good part of a gap away and 100 most of it.
    C
        Inverse of the L2 regularisation, as in scikit-learn's ``LogisticRegression``.
    favorable_label
        For ``equal_opportunity``: the label; for two labels the second by default.
    max_iter, tol
        Iterations, and the gradient's largest entry at which to stop.
    minimum_group
        Groups of fewer rows take no part in what is equalised: they count for the loss alone.
    random_state
        Not used: the optimum is found from zero. It is here so that all methods are made alike.

    Notes
    -----
    Frames are encoded by our preprocessor and standardised; an array is taken as it is. The groups are not needed at
    prediction time.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.integers(0, 2, 400)
    >>> X = np.column_stack([sex + rng.normal(size=400), rng.normal(size=400)])
    >>> y = (X.sum(axis=1) > 0.5).astype(int)
    >>> def gap(strength):
    ...     model = PenalizedRegression(strength=strength).fit(X, y, sensitive_features=pd.Series(sex))
    ...     score = model.predict_proba(X)[:, 1]
    ...     return score[sex == 1].mean() - score[sex == 0].mean()
    >>> bool(gap(100.0) < 0.05 < 0.2 < gap(0.0))
    True
    """

    family: ClassVar[str] = "regularization"
    decides_by_score: ClassVar[bool] = True

    def __init__(
        self,
        *,
        constraint: Constraint = "demographic_parity",
        strength: float = 10.0,
        C: float = 1.0,
        favorable_label: Any = None,
        max_iter: int = 500,
        tol: float = 1e-6,
        minimum_group: int = 1,
        random_state: int = 0,
    ) -> None:
        self.constraint = constraint
        self.strength = strength
        self.C = C
        self.favorable_label = favorable_label
        self.max_iter = max_iter
        self.tol = tol
        self.minimum_group = minimum_group
        self.random_state = random_state

    def plain(self) -> Any:
        """The same coefficients in scikit-learn's logistic regression: the penalty was part of its training only."""
        if not isinstance(self.encoder_, ColumnTransformer):
            return self
        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        binary = len(self.classes_) == 2
        model.classes_ = self.classes_
        model.coef_ = self.coef_[1:] - self.coef_[:1] if binary else self.coef_
        model.intercept_ = self.intercept_[1:] - self.intercept_[:1] if binary else self.intercept_
        model.n_features_in_, model.n_iter_ = self.coef_.shape[1], np.array([self.n_iter_], dtype=np.int32)
        return as_pipeline(self.encoder_, model)

    def _encode(self, X: Any, *, fit: bool = False) -> Any:
        if fit:
            self.encoder_ = make_preprocessor(X, scale=True) if isinstance(X, pd.DataFrame) else None
            if self.encoder_ is not None:
                return self.encoder_.fit_transform(X)
        encoded = X if self.encoder_ is None else self.encoder_.transform(X)
        return as_dense(encoded).astype(np.float64)

    def _fit(self, X: Any, problem: Problem) -> None:
        del X
        check_constraint(self.constraint)
        if not (self.strength >= 0 and self.C > 0):
            raise ModelError(f"strength is {shorten(self.strength)} and C {shorten(self.C)}: at least 0, and above 0")
        n, features = problem.Z.shape
        shape = (features + 1, len(problem.classes))
        share = event_shares(problem, self.constraint, self.favorable_label)
        # Of two labels each has half of the coefficients, so that their squares add up to half of those of the whole.
        ridge = (2 if shape[1] == 2 else 1) / (self.C * n)
        found = minimize(
            penalized_loss,
            np.zeros(shape[0] * shape[1]),
            args=(problem.Z, problem.codes, problem.weight_or_one, share, self.strength, ridge),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.max_iter, "gtol": self.tol},
        )
        parameters = found.x.reshape(shape)
        self.coef_, self.intercept_ = parameters[:-1].T.copy(), parameters[-1].copy()
        self.n_iter_, self.loss_ = int(found.nit), float(found.fun)
        self.converged_ = bool(found.success)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        del groups
        return np.asarray(np.exp(log_softmax(self._encode(X) @ self.coef_.T + self.intercept_, axis=1)))


def event_shares(problem: Problem, constraint: Constraint, favorable_label: Any) -> list[Any]:
    """For each event a sparse matrix (G_j, n) that turns rows' values into the groups' means within the event.

    A group without rows in an event, or of too few rows in all, has no mean there and takes no part in it.
    """
    counted = problem.large[problem.cells]
    if constraint == "demographic_parity":
        events = [counted]
    elif constraint == "equalized_odds":
        events = [counted & (problem.codes == code) for code in range(len(problem.classes))]
    else:
        events = [counted & (problem.codes == favorable_code(favorable_label, problem.classes))]
    weights = problem.weight_or_one
    shares = []
    for event in events:
        totals = np.bincount(problem.cells, weights * event, minlength=len(problem.groups))
        present = np.flatnonzero(totals)
        rows = np.flatnonzero(event & (totals[problem.cells] > 0))
        place = np.searchsorted(present, problem.cells[rows])
        values = weights[rows] / totals[problem.cells[rows]]
        shares.append(csr_matrix((values, (place, rows)), shape=(len(present), len(event))))
    return shares


def penalized_loss(
    parameters: Floats,
    Z: Floats,
    codes: Codes,
    weights: Floats,
    shares: list[Any],
    strength: float,
    ridge: float,
) -> tuple[float, npt.NDArray[np.float64]]:
    """The objective of :class:`PenalizedRegression` and its gradient, at parameters of shape ((f + 1) k,)."""
    n = len(Z)
    matrix = parameters.reshape(Z.shape[1] + 1, -1)
    log_p = log_softmax(Z @ matrix[:-1] + matrix[-1], axis=1)
    p = np.exp(log_p)
    loss = -float(weights @ log_p[np.arange(n), codes]) / n + 0.5 * ridge * float((matrix[:-1] ** 2).sum())
    slope = weights[:, None] * p / n
    slope[np.arange(n), codes] -= weights / n
    if strength > 0:
        by_p = np.zeros_like(p)
        for share in shares:
            means = share @ p
            apart = means - means.mean(axis=0)
            scale = strength / (len(shares) * share.shape[0])
            loss += 0.5 * scale * float((apart**2).sum())
            by_p += scale * (share.T @ apart)
        slope += p * (by_p - (by_p * p).sum(axis=1, keepdims=True))
    gradient = np.vstack([Z.T @ slope + ridge * matrix[:-1], slope.sum(axis=0)])
    return loss, gradient.ravel()
