"""Where a mitigation starts: the parts, the model to beat, and further models to consider."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.data.splits import SplitMethod, split_dataset
from evenhand.exceptions import DataError, EvenhandError, ModelError, shorten
from evenhand.fairness.groups import as_groups, group_texts
from evenhand.fairness.methods import MitigationMethod
from evenhand.fairness.mitigation_alternatives import Alternative, Parts
from evenhand.fairness.mitigation_plans import fit_plainly, is_fitted, template_of
from evenhand.modeling.fit import check_weights, fit_errors

__all__ = ["as_alternative", "baseline_of", "divide", "template_for"]

Divided = tuple[Dataset, Dataset, Dataset, npt.NDArray[np.float64] | None]


def divide(
    dataset: Dataset | None,
    train: Dataset | None,
    validation: Dataset | None,
    test: Dataset | None,
    *,
    sample_weight: Any,
    split: SplitMethod | None,
    attributes: Sequence[Any],
    bins: Mapping[str, Sequence[float]] | None,
    seed: int,
) -> Divided:
    """Training, validation and test part with their groups as an audit names them, and the training weights.

    Raises
    ------
    DataError
        Neither a dataset nor all three parts, or attributes that an audit would refuse, such as ages without bands.
    """
    given = [part for part in (train, validation, test) if part is not None]
    if (dataset is None) == (not given) or (given and len(given) < 3):
        raise DataError("give either one dataset or all of train=, validation= and test=")
    if train is not None and validation is not None and test is not None:
        _check_alike(train, {"validation": validation, "test": test})
        first, second, third = _banded([train, validation, test], attributes, bins)
        return _named(first), _named(second), _named(third), check_weights(sample_weight, len(train))
    assert dataset is not None
    _check_labels(dataset)
    [dataset] = _banded([dataset], attributes, bins)
    method: SplitMethod = split or ("group" if dataset.group is not None else "stratified")
    divided = split_dataset(dataset, method=method, seed=seed)
    weights = check_weights(sample_weight, len(dataset))
    rows = divided.rows("train")
    parts = [_named(dataset.take(divided.rows(part))) for part in ("train", "validation", "test")]
    return parts[0], parts[1], parts[2], None if weights is None else weights[rows]


def _banded(
    parts: Sequence[Dataset], attributes: Sequence[Any], bins: Mapping[str, Sequence[float]] | None
) -> list[Dataset]:
    """The parts with bands in place of numbers, after what an audit refuses of all rows together."""
    every = pd.concat([part.sensitive_features[list(attributes)] for part in parts], ignore_index=True)
    groups = as_groups(every, bins=bins)
    done, start = [], 0
    for part in parts:
        people, rows = part.sensitive_features.copy(), slice(start, start + len(part))
        start = rows.stop
        for name in attributes:
            if str(name) in (bins or {}):
                people[name] = groups[name].to_numpy()[rows]
        done.append(replace(part, sensitive_features=people))
    return done


def _named(part: Dataset) -> Dataset:
    """The part with its groups as an audit names them: numbers, categories, blanks and missing values are texts."""
    people = part.sensitive_features
    named = pd.DataFrame(
        {at: group_texts(people.iloc[:, at]) for at in range(people.shape[1])}, index=people.index
    ).set_axis(people.columns, axis=1)
    return replace(part, sensitive_features=named)


def _check_labels(part: Dataset) -> None:
    if part.task == "binary" and len(favorable_labels(part.favorable_label)) != 1:
        raise DataError(f"say which of the labels {shorten(part.classes)} is good for the person: favorable_label")


def _check_alike(train: Dataset, others: dict[str, Dataset]) -> None:
    _check_labels(train)
    for name, part in others.items():
        if list(part.X.columns) != list(train.X.columns):
            raise DataError(f"the {name} part has other features than the training part: build both the same way")
        if list(part.sensitive_features.columns) != list(train.sensitive_features.columns):
            raise DataError(f"the {name} part has other sensitive attributes than the training part")
        if part.favorable_label != train.favorable_label:
            raise DataError(f"the {name} part declares another favorable_label than the training part")


def template_for(model: Any, train: Dataset) -> Any:
    """What methods fit anew, or None; a mitigated model is mitigated from its inner classifier."""
    inner = getattr(model, "estimator", None) if isinstance(model, MitigationMethod) else model
    return None if inner is None else template_of(inner, train.X)


def baseline_of(model: Any, parts: Parts, *, as_given: bool) -> Alternative:
    """The unmitigated model: as it is when it is fitted and the parts are the caller's, else fitted anew.

    Raises
    ------
    ModelError
        When it is not fitted and cannot be.
    """
    found = _fitted("unmitigated", "none", model, parts, as_given=as_given)
    if found.status == "failed":
        raise ModelError(f"the model cannot be assessed: {found.reason}")
    return found


def as_alternative(name: str, model: Any, parts: Parts) -> Alternative:
    """A further model: as it is when it is fitted, else fitted on the training part; a failure is logged."""
    return _fitted(name, "candidate", model, parts, as_given=True)


def _fitted(name: str, family: str, model: Any, parts: Parts, *, as_given: bool) -> Alternative:
    start = time.perf_counter()
    needs = bool(getattr(model, "needs_sensitive_features", False))
    notes: tuple[str, ...] = ()
    reached: bool | None = None
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            # The number of iterations is the given model's parameter, so its end is not news.
            warnings.simplefilter("ignore", ConvergenceWarning)
            if not (as_given and is_fitted(model)):
                model, reached, notes = _fit_again(model, parts)
            validation, test = parts.measure(model, parts.validation), parts.measure(model, parts.test)
    except (EvenhandError, *fit_errors) as error:
        reason = shorten(str(error), 200).strip("'\"")
        return Alternative(name, family, status="failed", reason=reason, seconds=time.perf_counter() - start)
    return Alternative(
        name,
        family,
        validation=validation,
        test=test,
        model=model,
        needs_sensitive_features=needs,
        weights_reached_fit=reached,
        notes=notes,
        seconds=time.perf_counter() - start,
    )


def _fit_again(model: Any, parts: Parts) -> tuple[Any, bool | None, tuple[str, ...]]:
    train = parts.train
    if isinstance(model, MitigationMethod):
        from sklearn.base import clone

        sensitive = train.sensitive_features[list(parts.attributes)]
        fitted = clone(model).fit(train.X, train.y, sensitive_features=sensitive, sample_weight=parts.sample_weight)
        return fitted, fitted.weights_reached_fit_, ()
    template = template_of(model, train.X)
    if template is None:
        return model, None, ("it cannot be fitted again, so it may have seen the rows that it is assessed on",)
    fitted, reached = fit_plainly(template, train.X, train.y, parts.sample_weight)
    notes = () if reached else ("the training weights did not reach fit",)
    if is_fitted(model):
        notes = (*notes, "fitted anew on the training part, since it may have seen the other rows")
    return fitted, None if parts.sample_weight is None else reached, notes
