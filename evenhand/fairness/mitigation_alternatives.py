"""The search for less discriminatory alternatives: each one tried, measured, and told why it lost."""

import copy
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, f1_score, recall_score
from threadpoolctl import threadpool_limits

from evenhand.data.dataset import Dataset
from evenhand.exceptions import EvenhandError, ModelError, shorten
from evenhand.fairness.inputs import model_inputs, predict
from evenhand.fairness.methods import (
    ExponentiatedGradientReduction,
    MitigationMethod,
    RandomizedThresholds,
    Reweighing,
)
from evenhand.fairness.mitigation_limits import Limit, Reading, read_disparities
from evenhand.fairness.mitigation_plans import Plan
from evenhand.fairness.policies import Policy
from evenhand.fairness.served import decides_by_score, plain_model
from evenhand.modeling.fit import fit_errors

__all__ = ["PERFORMANCE", "Alternative", "Measure", "Performance", "choose", "predict_dataset", "try_plan"]

Performance = Literal["accuracy", "balanced_accuracy", "f1_macro"]
_ONE_SIDED = 1.645  # the normal quantile of .95
Status = Literal["selected", "lost", "failed", "skipped"]

PERFORMANCE: Mapping[str, Callable[[Any, Any], float]] = {
    "accuracy": lambda truth, calls: float(accuracy_score(truth, calls)),
    # By recall over the labels that occur, since scikit-learn's own warns about predictions of any other.
    "balanced_accuracy": lambda truth, calls: float(
        recall_score(truth, calls, labels=np.unique(truth), average="macro", zero_division=0)
    ),
    "f1_macro": lambda truth, calls: float(f1_score(truth, calls, average="macro", zero_division=0)),
}
"""What alternatives are compared by: figures of labels, which every method gives."""


@dataclass(frozen=True)
class Measure:
    """Performance and disparities on one part.

    Attributes
    ----------
    performance
        The figure that alternatives are compared by.
    readings
        The worst of each limited disparity over its attributes, by the limit's name.
    floor
        The performance of the best answer that is the same label for all, which closes every gap and is of no use.
    error
        The standard error of the performance.
    """

    performance: float
    readings: Mapping[str, Reading]
    floor: float = float("-inf")
    error: float = 0.0

    @property
    def useful(self) -> bool:
        """Whether these rows show it to be better than the same label for all, at a level of 5%."""
        return self.performance - _ONE_SIDED * self.error > self.floor

    def inside(self, limits: Sequence[Limit]) -> bool:
        """Whether every limit is kept."""
        return all(self.readings[limit.name].inside(limit) for limit in limits)

    def excess(self, limits: Sequence[Limit]) -> float:
        """How far the limits are exceeded, all together."""
        return sum(limit.excess(self.readings[limit.name].value) for limit in limits)

    def gap(self, limits: Sequence[Limit]) -> float:
        """The first limit's disparity as a gap that is 0 at equality."""
        return limits[0].gap(self.readings[limits[0].name].value)


@dataclass(frozen=True)
class Alternative:
    """One model that was considered in place of the given one.

    Attributes
    ----------
    name, family, params
        The method, its family and its setting; the given model is ``unmitigated`` of the family ``none``.
    status
        ``selected``, ``lost``, ``failed`` or ``skipped``.
    reason
        Why it was selected, lost, failed or was skipped.
    validation, test
        What it came to on both parts; the choice was made by the figures of the validation part alone. A method that
        cannot decide every row of the test part, since a group there is new to it, has failed.
    needs_sensitive_features
        Whether it needs the sensitive attribute at prediction time.
    weights_reached_fit
        Whether the training weights that it was given reached the classifier's fit; None without weights.
    pareto
        Whether no other alternative was better in both performance and the first limit on the validation part.
    seconds
        Wall time of fitting and predicting.
    notes
        What else is to be known about it.
    model
        The fitted model, or None.
    """

    name: str
    family: str
    params: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "lost"
    reason: str = ""
    validation: Measure | None = None
    test: Measure | None = None
    needs_sensitive_features: bool = False
    weights_reached_fit: bool | None = None
    pareto: bool = False
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    model: Any = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name and setting on one line."""
        shown = ", ".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.name} ({shown})" if shown else self.name


@dataclass(frozen=True)
class Parts:
    """The three parts, the limits and their policy, and the figure that alternatives are compared by."""

    train: Dataset
    validation: Dataset
    test: Dataset
    attributes: tuple[str, ...]
    limits: tuple[Limit, ...]
    policy: Policy
    performance: Performance
    sample_weight: npt.NDArray[np.float64] | None
    finish: Callable[[Any, Dataset], Any] | None = None

    def measure(self, model: Any, part: Dataset) -> Measure:
        """A model on one part."""
        calls = predict_dataset(model, part, self.attributes)
        readings = read_disparities(
            part.y,
            calls,
            part.sensitive_features[list(self.attributes)],
            limits=self.limits,
            policy=self.policy,
            favorable_label=self.train.favorable_label,
            classes=self.train.classes,
        )
        # By codes, since a label may be 1, 1.0 or True in one place or another.
        codes = pd.factorize(np.concatenate([np.asarray(part.y, dtype=object), calls]))[0]
        truth, called = codes[: len(calls)], codes[len(calls) :]
        score = PERFORMANCE[self.performance]
        floor = max(score(truth, np.full(len(truth), label)) for label in np.unique(truth))
        return Measure(score(truth, called), readings, floor, _standard_error(truth, called, self.performance))


def predict_dataset(model: Any, dataset: Dataset, attributes: Sequence[str] | None = None) -> npt.NDArray[Any]:
    """Labels of a data set's rows from any model, one that needs the sensitive attributes among them.

    Parameters
    ----------
    attributes
        The sensitive columns that a mitigated model was fitted with; by default those whose names it remembers.
    """
    if isinstance(model, MitigationMethod):
        X, groups = model_inputs(model, dataset, attributes)
        return np.asarray(model.predict(X, **groups), dtype=object)
    return np.asarray(predict(model, dataset), dtype=object)


def _needs(model: Any) -> bool:
    return bool(getattr(model, "needs_sensitive_features", False))


def try_plan(plan: Plan, parts: Parts, earlier: Sequence[Alternative] = ()) -> Alternative:
    """Fit a plan's method on the training part and measure it on the others; a failure is a result, too."""
    start = time.perf_counter()
    found = Alternative(plan.name, plan.family, plan.params, needs_sensitive_features=_needs(plan.model))
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            # The number of iterations is the given model's parameter, so its end is not news.
            warnings.simplefilter("ignore", ConvergenceWarning)
            train = parts.train
            sensitive = train.sensitive_features[list(parts.attributes)]
            model = _fitted_already(plan, earlier) or plan.model.fit(
                train.X, train.y, sensitive_features=sensitive, sample_weight=parts.sample_weight
            )
            if isinstance(model, Reweighing) and not model.weights_reached_fit_:
                raise ModelError("its weights did not reach fit: the classifier takes no sample_weight")
            served = _finished(model, parts)
            validation, test = parts.measure(served, parts.validation), parts.measure(served, parts.test)
    except (EvenhandError, *fit_errors) as error:
        reason = shorten(str(error), 200).strip("'\"")
        return replace(found, status="failed", reason=reason, seconds=time.perf_counter() - start)
    return replace(
        found,
        validation=validation,
        test=test,
        model=served,
        weights_reached_fit=None if parts.sample_weight is None else model.weights_reached_fit_,
        notes=_notes(model, weighted=parts.sample_weight is not None),
        seconds=time.perf_counter() - start,
    )


def _finished(model: Any, parts: Parts) -> Any:
    """A model whose decisions follow from its scores gets what the given one got: calibration and a threshold."""
    if parts.finish is None or not decides_by_score(model):
        return model
    return parts.finish(plain_model(model), parts.validation)


def _fitted_already(plan: Plan, earlier: Sequence[Alternative]) -> Any:
    """A mixture is fitted once and can be read in two ways: by a draw and by majority."""
    for one in earlier:
        same = {**one.params, "combine": ""} == {**plan.params, "combine": ""}
        if isinstance(one.model, ExponentiatedGradientReduction) and one.name == plan.name and same:
            return copy.copy(one.model).set_params(combine=plan.params["combine"])
    return None


def _notes(model: Any, *, weighted: bool) -> tuple[str, ...]:
    notes = []
    if _needs(model):
        notes.append("needs the sensitive attribute at prediction time")
    if isinstance(model, RandomizedThresholds) or getattr(model, "combine", None) == "draw":
        notes.append("some rows are decided by a draw, which is fixed for each row's content")
    if weighted and not model.weights_reached_fit_:
        notes.append("the training weights did not reach fit")
    if getattr(model, "bound_met_", None) is False:
        notes.append(f"missed its bound on the training part: {model.training_gap_:.4g} > {model.tolerance:g}")
    if getattr(model, "converged_", None) is False:
        notes.append("stopped before it converged")
    return tuple(notes)


def choose(found: Sequence[Alternative], limits: Sequence[Limit], name: str) -> tuple[list[Alternative], int, bool]:
    """Every alternative with its status and reason, where the selected one stands, and whether it keeps the limits.

    The best performer inside the limits is selected; among equals the one with the smallest gap, then one that does not
    need the sensitive attribute, then the first. When none lies inside, the one that exceeds them least.
    """
    rated = [at for at, one in enumerate(found) if one.validation is not None]
    inside = [at for at in rated if _measured(found[at]).inside(limits)]

    def order(at: int) -> tuple[float, ...]:
        one = _measured(found[at])
        gap = one.gap(limits)
        tail = (float("inf") if np.isnan(gap) else gap, float(found[at].needs_sensitive_features), float(at))
        return (-one.performance, *tail) if inside else (one.excess(limits), -one.performance, *tail)

    best = min(inside or rated, key=order)
    front = _front([(found[at], at) for at in rated], limits)
    final = []
    for at, one in enumerate(found):
        if at in rated:
            status: Status = "selected" if at == best else "lost"
            reason = _why(one, found[best], limits, name, selected=at == best, met=bool(inside))
            notes = (*one.notes, *([] if _measured(one).useful else [_of_no_use(_measured(one), name)]))
            final.append(replace(one, status=status, reason=reason, pareto=at in front, notes=notes))
        else:
            final.append(one)
    return final, best, bool(inside)


def _standard_error(truth: npt.NDArray[Any], called: npt.NDArray[Any], performance: Performance) -> float:
    """Of accuracy the binomial one; of the others that of the mean recall."""
    right = truth == called
    if performance == "accuracy":
        return float(np.sqrt(right.mean() * (1 - right.mean()) / len(right)))
    labels = [right[truth == label] for label in np.unique(truth)]
    return float(np.sqrt(sum(own.mean() * (1 - own.mean()) / len(own) for own in labels)) / len(labels))


def _of_no_use(measure: Measure, name: str) -> str:
    return (
        f"not shown to be better than the same label for all: {name} {measure.performance:.3f} beside "
        f"{measure.floor:.3f} on the validation part"
    )


def _measured(one: Alternative) -> Measure:
    assert one.validation is not None
    return one.validation


def _front(rated: Sequence[tuple[Alternative, int]], limits: Sequence[Limit]) -> set[int]:
    points = {at: (_measured(one).performance, _measured(one).gap(limits)) for one, at in rated}
    known = {at: point for at, point in points.items() if not np.isnan(point[1])}
    return {
        at
        for at, (performance, gap) in known.items()
        if not any((p >= performance and g <= gap) and (p > performance or g < gap) for p, g in known.values())
    }


def _why(one: Alternative, best: Alternative, limits: Sequence[Limit], name: str, *, selected: bool, met: bool) -> str:
    own, other = _measured(one), _measured(best)
    beyond = [_beyond(own.readings[limit.name], limit) for limit in limits]
    broken = "; ".join(text for text in beyond if text)
    if selected:
        return (
            f"the best {name} inside the limit"
            if met
            else f"no alternative keeps the limit, this one comes nearest: {broken}"
        )
    if broken:
        return broken
    if own.performance < other.performance:
        return f"{name} {own.performance:.3f}, under the selected one's {other.performance:.3f}"
    return f"as good in {name} as the selected one, with a gap of {own.gap(limits):.3f} beside {other.gap(limits):.3f}"


def _beyond(reading: Reading, limit: Limit) -> str:
    if np.isnan(reading.value):
        return f"{limit.metric} by {reading.attribute} is undefined: {reading.reason}"
    if limit.excess(reading.value) > 0:
        return f"{limit.metric} by {reading.attribute} is {reading.value:.3f}, outside the limit of {limit.bound:g}"
    return "" if reading.complete else f"{limit.metric} by {reading.attribute} leaves groups out: {reading.reason}"
