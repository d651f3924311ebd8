"""Mitigate disparities: try the methods that fit a model, choose on validation data, report on test data."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.data.splits import SplitMethod
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.inputs import check_whole
from evenhand.fairness.methods import Constraint
from evenhand.fairness.methods._problem import check_constraint
from evenhand.fairness.mitigation_alternatives import (
    PERFORMANCE,
    Alternative,
    Parts,
    Performance,
    choose,
    predict_dataset,
    try_plan,
)
from evenhand.fairness.mitigation_changes import is_favorable
from evenhand.fairness.mitigation_limits import Limit, as_limits, as_policy, steering
from evenhand.fairness.mitigation_plans import Plan, Setting, make_plans
from evenhand.fairness.mitigation_report import assess_model, build_result
from evenhand.fairness.mitigation_result import MitigationResult
from evenhand.fairness.mitigation_start import as_alternative, baseline_of, divide, template_for
from evenhand.fairness.options import Options
from evenhand.fairness.policies import Policy

__all__ = ["BiasMitigator"]


class BiasMitigator:
    """Search a model's less discriminatory alternatives and report what the chosen one changes.

    Parameters
    ----------
    model
        A scikit-learn classifier or pipeline, fitted or not, calibrated or not. What cannot be fitted again (a
        function, an MLflow pyfunc) is left as it is and only methods that need no fit of it are tried.
    dataset
        All rows; they are divided into training, validation and test parts, and the model is fitted anew on the
        training part, since it may have seen the others.
    train, validation, test
        The parts, in place of `dataset`; then a fitted model is taken as it is.
    attributes
        The sensitive attributes to mitigate for; all by default. Methods balance their intersections, limits hold for
        each attribute.
    sample_weight
        Training weights of the rows of `dataset` (or of `train`), shape (n,).
    bins
        For a continuous attribute the edges of its bands, as in :class:`~evenhand.fairness.BiasDetector`. A model that
        needs the groups takes the bands (:func:`evenhand.fairness.as_groups`); the result's `predict` makes them.
    split
        How `dataset` is divided: ``stratified`` by default, ``group`` where rows have one.
    seed
        Seed of the division and of every method.

    Raises
    ------
    DataError
        Neither `dataset` nor all three parts, attributes that do not exist, or numbers without bands.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> sex = pd.DataFrame({"sex": rng.choice(["f", "m"], 600)})
    >>> X = pd.DataFrame({"x": rng.normal(size=600) + 1.5 * (sex["sex"] == "m"), "z": rng.normal(size=600)})
    >>> y = (X["x"] + X["z"] + rng.normal(size=600) > 1).astype(int)
    >>> data = Dataset(X, y, sex, favorable_label=1)
    >>> result = BiasMitigator(LogisticRegression(), data).mitigate_bias(methods=["group_thresholds"])
    >>> result.met, result.selected.name, result.needs_sensitive_features
    (True, 'group_thresholds', True)
    """

    def __init__(
        self,
        model: Any,
        dataset: Dataset | None = None,
        *,
        train: Dataset | None = None,
        validation: Dataset | None = None,
        test: Dataset | None = None,
        attributes: Sequence[str] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        split: SplitMethod | None = None,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        self._bins = {} if bins is None else dict(bins)
        self._attributes = _chosen(train if dataset is None else dataset, attributes)
        how: dict[str, Any] = {
            "sample_weight": sample_weight,
            "split": split,
            "attributes": self._attributes,
            "bins": self._bins,
        }
        self._train, self._validation, self._test, self._weights = divide(
            dataset, train, validation, test, **how, seed=seed
        )
        self._model, self._as_given = model, dataset is None

    def mitigate_bias(
        self,
        *,
        limits: Mapping[str, float] | Policy | None = None,
        constraint: Constraint | None = None,
        performance: Performance = "balanced_accuracy",
        methods: Sequence[str] | None = None,
        candidates: Mapping[str, Any] | None = None,
        seconds: float | None = 300.0,
        allow_sensitive_features: bool = True,
        minimum_group: int | None = None,
        depth: int = 2,
        confidence: float = 0.95,
        replicates: int = 1000,
        finish: Callable[[Any, Dataset], Any] | None = None,
        on_alternative: Callable[[Alternative, int, int], None] | None = None,
    ) -> MitigationResult:
        """Try the alternatives, choose the best performer inside the limits, report before and after.

        Parameters
        ----------
        limits
            ``{"demographic_parity_difference": 0.1}``, a policy, or None: the plain statistical limit of the groups'
            rates (see :func:`~evenhand.fairness.mitigation_limits.as_limits`). A limit is a constraint: what lies
            inside it is chosen by performance alone. Of a policy all holds: the attributes and intersections that a
            rule names, its level, and what it says of ``unknown`` and of small groups.
        constraint
            What methods equalise; by default what serves the first limit.
        performance
            The figure that alternatives are compared by.
        methods
            Names out of :data:`~evenhand.fairness.mitigation_plans.METHODS`; all by default.
        candidates
            Further models to consider, by name, such as a search's near-optimal trials.
        seconds
            Budget of wall time: no alternative is started after it, nor one whose many fits would not end in it by
            what a fit has taken so far. Those left out are logged.
        allow_sensitive_features
            False leaves out methods that need the sensitive attribute at prediction time.
        minimum_group
            Groups of fewer rows in a part are reported and take no part in the limits, like ``unknown``, unless a
            policy requires them. By default the policy's own, or 20.
        depth, confidence, replicates
            Of the audits before and after.
        finish
            What an alternative whose decisions follow from its scores gets before it is measured: a function of the
            fitted model and the validation part that gives the finished one. Give here what the given model got, such
            as calibration and a threshold; otherwise models are compared that were not finished alike.
        on_alternative
            Called with each alternative, how many are done and how many there are.

        Raises
        ------
        DataError, ModelError
            Limits, methods or a model that cannot be used.
        """
        if performance not in PERFORMANCE:
            raise ModelError(f"performance is {shorten(performance)}: {nearest(performance, PERFORMANCE)}")
        favorable = self._train.favorable_label is not None
        found_limits = as_limits(limits, self._train.task, favorable=favorable)
        aim = self._aim(constraint, found_limits)
        if minimum_group is not None:
            check_whole("minimum_group", minimum_group)
        policy = as_policy(limits, found_limits, self._attributes, minimum_group=minimum_group, depth=depth)
        Options(confidence=confidence, replicates=replicates, seed=self._seed)
        _check_seconds(seconds)
        data = (self._train, self._validation, self._test)
        parts = Parts(*data, self._attributes, found_limits, policy, performance, self._weights, finish)
        first = baseline_of(self._model, parts, as_given=self._as_given)
        setting = self._setting(aim, found_limits, first.model, performance, policy)
        chosen = None if methods is None else tuple(methods)
        plans = make_plans(template_for(self._model, self._train), first.model, setting, chosen)
        log = [first, *(as_alternative(name, one, parts) for name, one in (candidates or {}).items())]
        log += _run(plans, parts, seconds, on_alternative, allow_sensitive_features=allow_sensitive_features)
        final, best, met = choose(log, found_limits, performance)
        settings = {
            "constraint": aim,
            "tolerance": setting.tolerance,
            "seconds": seconds,
            "allow_sensitive_features": allow_sensitive_features,
            "minimum_group": policy.minimum_group,
            "depth": depth,
            "confidence": confidence,
            "replicates": replicates,
            "seed": self._seed,
            **({"bins": self._bins} if self._bins else {}),
        }
        before = assess_model(final[0].model, parts, settings)
        after = before if best == 0 else assess_model(final[best].model, parts, settings)
        return build_result(final, best, parts, before=before, after=after, met=met, settings=settings)

    def _aim(self, constraint: Constraint | None, limits: Sequence[Limit]) -> Constraint:
        aim = steering(limits) if constraint is None else constraint
        check_constraint(aim)
        good = favorable_labels(self._train.favorable_label)
        if aim != "equal_opportunity" or len(good) == 1:
            return aim
        if not good:
            raise DataError("equal opportunity is about one label: the data declare no favorable_label")
        if constraint is not None:
            raise DataError("equal opportunity is about one label and the data declare several: give 'equalized_odds'")
        # It equalises what is predicted given each label, the favorable ones among them.
        return "equalized_odds"

    def _setting(
        self, aim: Constraint, limits: Sequence[Limit], model: Any, performance: Performance, policy: Policy
    ) -> Setting:
        train, multiclass = self._train, self._train.task == "multiclass"
        return Setting(
            constraint=aim,
            tolerance=self._tolerance(limits[0], model),
            favorable_label=train.favorable_label,
            objective="accuracy_score" if performance == "accuracy" else "balanced_accuracy_score",
            multiclass=multiclass,
            seed=self._seed,
            minimum_group=policy.minimum_group if policy.small_groups == "report" else 1,
        )

    def _tolerance(self, limit: Limit, model: Any) -> float:
        """The largest difference that the limit allows; for a ratio, at the highest rate that a group has now."""
        if limit.kind == "difference":
            return limit.bound
        calls = is_favorable(predict_dataset(model, self._train, self._attributes), self._train)
        rates = [
            float(calls[rows].mean())
            for name in self._attributes
            for rows in self._train.sensitive_features.reset_index(drop=True).groupby(name).indices.values()
        ]
        return float(np.clip((1 - limit.bound) * max(rates), 0.01, 0.99))


def _chosen(rows: Dataset | None, attributes: Sequence[str] | None) -> tuple[str, ...]:
    if rows is None:
        return ()
    known = list(rows.sensitive_features.columns)
    chosen = known if attributes is None else list(attributes)
    for name in chosen:
        if name not in known:
            raise DataError(f"attributes names {shorten(name)}: {nearest(name, known)}")
    if not chosen:
        raise DataError("the data have no sensitive attribute: name one under data.sensitive")
    return tuple(chosen)


def _check_seconds(seconds: Any) -> None:
    number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if seconds is not None and not (number and float(seconds) >= 0):
        raise DataError(f"seconds is {shorten(seconds)}: give a number from 0 on, or None for no budget")


def _run(
    plans: Sequence[Plan],
    parts: Parts,
    seconds: float | None,
    on_alternative: Callable[[Alternative, int, int], None] | None,
    *,
    allow_sensitive_features: bool,
) -> list[Alternative]:
    start = time.perf_counter()
    log: list[Alternative] = []
    a_fit = float("inf")
    for plan in plans:
        needs = bool(plan.model.needs_sensitive_features)
        skipped = Alternative(plan.name, plan.family, plan.params, status="skipped", needs_sensitive_features=needs)
        if needs and not allow_sensitive_features:
            one = replace(skipped, reason="needs the sensitive attribute at prediction time, which was not allowed")
        elif why := _too_long(plan, seconds, time.perf_counter() - start, a_fit):
            one = replace(skipped, reason=why)
        else:
            one = try_plan(plan, parts, log)
            # A failure may end before its first fit and says nothing about the time of one.
            a_fit = a_fit if one.status == "failed" else min(a_fit, one.seconds / plan.fits)
        log.append(one)
        if on_alternative is not None:
            on_alternative(one, len(log), len(plans))
    return log


def _too_long(plan: Plan, seconds: float | None, spent: float, a_fit: float) -> str:
    """Why a plan does not fit into the budget, or ""; one fit is taken to last as long as the shortest so far."""
    if seconds is None:
        return ""
    if spent > seconds:
        return f"the budget of {seconds:g} s was spent"
    if a_fit < float("inf") and plan.fits * a_fit > seconds - spent > 0 and plan.fits > 1:
        return f"about {plan.fits} fits of {a_fit:.2g} s each do not fit into what is left of {seconds:g} s"
    return ""
