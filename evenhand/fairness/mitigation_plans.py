"""Which methods are tried on a model, with which settings, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness import methods
from evenhand.fairness.methods import Constraint, MitigationMethod
from evenhand.fairness.methods._problem import weight_argument
from evenhand.modeling.preprocessing import categorical_columns, make_preprocessor

__all__ = ["METHODS", "Plan", "Setting", "is_fitted", "make_plans", "template_of"]


@dataclass(frozen=True)
class Plan:
    """One alternative to try.

    Attributes
    ----------
    name, family
        The method and its family.
    model
        The unfitted method.
    params
        What sets it apart from the method's other settings.
    fits
        About how many fits of the classifier it takes, for the budget.
    """

    name: str
    family: str
    model: Any
    params: Mapping[str, Any] = field(default_factory=dict)
    fits: int = 1


@dataclass(frozen=True)
class Setting:
    """What the methods are steered by.

    Attributes
    ----------
    constraint, tolerance
        What to equalise, and the largest difference that the limits allow.
    favorable_label
        Or None.
    objective
        ``accuracy_score`` or ``balanced_accuracy_score``, for methods that move thresholds.
    multiclass, seed
        More than two labels, and the seed of everything random.
    minimum_group
        Groups of fewer training rows are not equalised.
    """

    constraint: Constraint
    tolerance: float
    favorable_label: Any
    objective: str
    multiclass: bool
    seed: int
    minimum_group: int = 1


METHODS: Mapping[str, tuple[type[MitigationMethod], tuple[Mapping[str, Any], ...]]] = {
    "reweighing": (methods.Reweighing, ({},)),
    "group_thresholds": (methods.GroupThresholds, ({"tolerance": 1.0}, {"tolerance": 0.5}, {"tolerance": 0.0})),
    "penalized_regression": (
        methods.PenalizedRegression,
        ({"strength": 10.0}, {"strength": 100.0}, {"strength": 1.0}, {"strength": 1000.0}),
    ),
    "balanced_resampling": (methods.BalancedResampling, ({"target": "balanced"}, {"target": "independent"})),
    "correlation_removal": (methods.CorrelationRemoval, ({"alpha": 1.0}, {"alpha": 0.5})),
    "randomized_thresholds": (methods.RandomizedThresholds, ({"tolerance": 0.5}, {"tolerance": 0.0})),
    "balanced_bagging": (methods.BalancedBagging, ({"target": "balanced"}, {"target": "independent"})),
    "grid_search": (methods.GridSearchReduction, ({"tolerance": 1.0},)),
    "exponentiated_gradient": (
        methods.ExponentiatedGradientReduction,
        ({"tolerance": 0.5, "combine": "draw"}, {"tolerance": 0.5, "combine": "majority"}),
    ),
}
"""The methods by name, cheap ones first, each with its settings; a tolerance is a share of what the limits allow."""


_FITS = {
    "group_thresholds": 6,
    "randomized_thresholds": 6,
    "balanced_bagging": 10,
    "grid_search": 16,
    "exponentiated_gradient": 60,
}
_MANY_FITS = 16


def make_plans(template: Any, given: Any, setting: Setting, chosen: tuple[str, ...] | None = None) -> list[Plan]:
    """Every method's first setting, then every method's second, and so on; those of many fits after all others.

    Parameters
    ----------
    template
        The unfitted classifier or pipeline that methods fit anew; None when the model cannot be fitted again.
    given
        The fitted model, for postprocessing when there is no template.
    chosen
        Names out of :data:`METHODS`; all by default.
    """
    names = METHODS if chosen is None else chosen
    for name in names:
        if name not in METHODS:
            raise DataError(f"no mitigation method is called {shorten(name)}: {nearest(name, METHODS)}")
    rounds = max((len(METHODS[name][1]) for name in names), default=0)
    plans: list[Plan] = []
    for at in range(rounds):
        for name in names:
            kind, settings = METHODS[name]
            if at < len(settings) and (kind.multiclass or not setting.multiclass):
                plan = _plan(name, kind, settings[at], template, given, setting)
                plans += [] if plan is None or (at and plan.params == _first(plans, name)) else [plan]
    return sorted(plans, key=lambda plan: plan.fits >= _MANY_FITS)


def _first(plans: list[Plan], name: str) -> Mapping[str, Any] | None:
    return next((plan.params for plan in plans if plan.name == name), None)


def _plan(
    name: str, kind: type[MitigationMethod], chosen: Mapping[str, Any], template: Any, given: Any, setting: Setting
) -> Plan | None:
    known = kind._get_param_names()  # noqa: SLF001 - scikit-learn's way to ask a class for its parameters
    params = dict(chosen)
    if "tolerance" in params:
        params["tolerance"] = round(params["tolerance"] * setting.tolerance, 6)
        if kind is methods.RandomizedThresholds and setting.constraint == "equalized_odds":
            params.pop("tolerance")  # Fairlearn always closes these
    fixed: dict[str, Any] = {"random_state": setting.seed}
    for key in ("constraint", "objective", "favorable_label", "minimum_group"):
        if key in known:
            fixed[key] = getattr(setting, key)
    if "estimator" in known:
        if template is not None:
            fixed["estimator"] = template
        elif kind.family == "postprocessing" and hasattr(given, "predict_proba"):
            fixed["estimator"] = FrozenEstimator(given)
        else:
            return None
    return Plan(name, kind.family, kind(**fixed, **params), params, _FITS.get(name, 1))


def is_fitted(model: Any) -> bool:
    """Whether an estimator is fitted; what is no scikit-learn estimator counts as fitted."""
    if not isinstance(model, BaseEstimator):
        return True
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def template_of(model: Any, X: Any) -> Any:
    """The unfitted classifier or pipeline inside a model, or None when it cannot be fitted again.

    Calibration and thresholds around it are taken off: a mitigated model decides anew. A bare, unfitted classifier gets
    our preprocessing when the frame holds strings or missing values.
    """
    inner, bare = model, not is_fitted(model)
    while isinstance(
        inner, CalibratedClassifierCV | FixedThresholdClassifier | TunedThresholdClassifierCV | FrozenEstimator
    ):
        inner = inner.estimator
    if not isinstance(inner, BaseEstimator) or not hasattr(inner, "fit") or not hasattr(inner, "predict"):
        return None
    template = clone(inner)
    mixed = bool(categorical_columns(X)) or bool(X.isna().any(axis=None))
    if bare and mixed and not isinstance(template, Pipeline | MitigationMethod):
        template = Pipeline([("preprocess", make_preprocessor(X, scale=True)), ("classifier", template)])
    return template


def fit_plainly(template: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, bool]:
    """A fitted clone, and whether the training weights reached its fit."""
    name = weight_argument(template)
    model = clone(template)
    if sample_weight is None:
        return model.fit(X, y), True
    return model.fit(X, y, **({name: sample_weight} if name else {})), name is not None
