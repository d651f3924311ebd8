"""What an audit accepts: models of any kind, frames in several shapes, labels with a favorable one."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.alignment import refuse_reordered
from evenhand.data.dataset import Dataset, are_favorable, favorable_labels
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.answers import asked, check_proba
from evenhand.fairness.arrays import exact_frame, unmasked
from evenhand.fairness.assess import Task
from evenhand.fairness.counts import CountTable, merge_labels, single_label
from evenhand.fairness.labels import refuse_other_terms, refuse_strangers

__all__ = [
    "SENSITIVE_PREFIX",
    "Predictor",
    "as_frame",
    "check_whole",
    "model_inputs",
    "order_labels",
    "predict",
    "predict_score",
    "present_labels",
    "refuse_design",
    "refuse_empty",
    "refuse_other_scores",
    "sensitive_columns_of",
]

OTHER = "(no other label)"
"""Stands for the second label of a binary target of which only one occurs."""
_LEAST_WEIGHT = 1e-100


@runtime_checkable
class Predictor(Protocol):
    """Whatever predicts a label for each row of a frame."""

    def predict(self, X: Any) -> Any:
        """Labels, shape (n,)."""


def refuse_design(**given: object) -> None:
    """Refuse what a survey's design would need: the variance between clusters within strata."""
    for name, value in given.items():
        if value is not None:
            raise DataError(
                f"{name} of a survey are not supported: intervals would be too short; use survey software, or leave "
                f"{name} out only where rows were sampled independently"
            )


def check_whole(name: str, value: Any) -> None:
    """Refuse what is no whole number from 0 on.

    Examples
    --------
    >>> check_whole("min_group_size", -4)
    Traceback (most recent call last):
    ...
    evenhand.exceptions.DataError: min_group_size is -4: give a whole number from 0 on
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise DataError(f"{name} is {shorten(value)}: give a whole number from 0 on")


SENSITIVE_PREFIX = "sensitive:"
"""Stands before the name of a sensitive attribute where a stored model takes it as a column of its frame."""


def sensitive_columns_of(model: Any) -> tuple[str, ...]:
    """The sensitive attributes that a model, or the one inside its wrappers, takes as columns of its frame.

    Examples
    --------
    >>> sensitive_columns_of(lambda X: X["a"])
    ()
    """
    while model is not None:
        if getattr(model, "needs_sensitive_features", False) and hasattr(model, "attributes"):
            return tuple(model.attributes)
        model = getattr(model, "estimator", None)
    return ()


def model_inputs(
    model: Any, dataset: Dataset, attributes: Sequence[str] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The features as a model takes them, and the sensitive columns as a keyword where it wants them so.

    Parameters
    ----------
    attributes
        The sensitive columns that a mitigated model was fitted with; by default those whose names it remembers.
    """
    named = sensitive_columns_of(model)
    if named:
        wanted = [name for name in named if SENSITIVE_PREFIX + name not in dataset.X]
        _check_attributes(wanted, dataset)
        added = {SENSITIVE_PREFIX + name: dataset.sensitive_features[name].set_axis(dataset.X.index) for name in wanted}
        return (dataset.X.assign(**added) if added else dataset.X), {}
    if getattr(model, "needs_sensitive_features", False):
        chosen = list(getattr(model, "attributes_", ()) if attributes is None else attributes)
        _check_attributes(chosen, dataset)
        return dataset.X, {"sensitive_features": dataset.sensitive_features[chosen]}
    return dataset.X, {}


def _check_attributes(names: Sequence[str], dataset: Dataset) -> None:
    known = list(dataset.sensitive_features.columns)
    for name in names:
        if name not in known:
            raise ModelError(f"the model needs the sensitive attribute {shorten(name)}: {nearest(name, known)}")


def predict(model: Any, dataset: Dataset) -> Any:
    """Labels of the rows, shape (n,), from a model that predicts or a function; what needs the groups gets them."""
    if isinstance(model, type):
        raise ModelError(f"{model.__name__} is a class and no model: make one and fit it, {model.__name__}().fit(X, y)")
    X, groups = model_inputs(model, dataset)
    if isinstance(model, Predictor):
        predicted = asked(model, model.predict, X, groups)
    elif callable(model):
        predicted = model(X)
        refuse_reordered({"X": X, "what the model gives": predicted})
    else:
        raise ModelError(f"{shorten(model)} neither has predict(X) nor can be called: give a fitted model")
    if isinstance(predicted, pd.DataFrame):
        if predicted.shape[1] != 1:
            raise ModelError(f"the model predicts a frame of {predicted.shape[1]} columns: give one label a row")
        predicted = predicted.iloc[:, 0]
    if isinstance(predicted, pd.Series):
        return predicted
    labels = np.asarray(unmasked(predicted))
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # networks give one column


def predict_score(model: Any, dataset: Dataset) -> Any:
    """The probability of the favorable label of two, or a frame of every label's; None from a model without any."""
    known = getattr(model, "classes_", None)
    if known is None or not hasattr(model, "predict_proba"):
        return None
    if len(known) > 2:
        return pd.DataFrame(_proba(model, dataset), columns=np.asarray(known).tolist())
    column = np.flatnonzero(are_favorable(np.asarray(known), dataset.favorable_label))
    if len(known) != 2 or column.size != 1:
        return None
    score: npt.NDArray[Any] = _proba(model, dataset)[:, column[0]]
    return score


def _proba(model: Any, dataset: Dataset) -> npt.NDArray[Any]:
    X, groups = model_inputs(model, dataset)
    return check_proba(asked(model, model.predict_proba, X, groups), len(dataset), model.classes_)


def as_frame(sensitive: Any) -> pd.DataFrame:
    """A frame of named columns from a frame, a Series, a dict of columns, a table of Arrow or one plain column."""
    if isinstance(sensitive, pd.Series):
        return sensitive.to_frame(name=sensitive.name if sensitive.name is not None else "sensitive_feature")
    if isinstance(sensitive, pd.DataFrame):
        return sensitive
    if isinstance(sensitive, Mapping):
        return _by_position(sensitive)
    if callable(getattr(sensitive, "to_arrow", None)):  # a frame of polars; its columns know how to become one
        return exact_frame((sensitive.to_frame() if hasattr(sensitive, "to_frame") else sensitive).to_arrow())
    if callable(getattr(sensitive, "to_pandas", None)):  # tables and columns of Arrow
        return exact_frame(sensitive)
    array = np.asarray(unmasked(sensitive))
    if array.ndim != 1:
        raise DataError("sensitive_features must name its columns: give a DataFrame, a Series or a dict of columns")
    return pd.DataFrame({"sensitive_feature": array})


def _by_position(columns: Mapping[Any, Any]) -> pd.DataFrame:
    """A frame of columns as they stand: pandas would move the rows of Series to where their indexes meet."""
    refuse_reordered({str(name): column for name, column in columns.items()})
    sizes = {str(name): len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"sensitive_features has columns of {shorten(sizes)} rows: give the same rows to all")
    index = next((column.index for column in columns.values() if isinstance(column, pd.Series)), None)
    plain = {name: getattr(column, "array", column) for name, column in columns.items()}
    return pd.DataFrame(plain, index=index)


def present_labels(
    table: CountTable, favorable: Any, known: Sequence[Any] | None = None, *, kept: Sequence[Any] = ()
) -> tuple[Any, ...]:
    """The labels that occur in the table, and those that are kept without rows; none may be predicted but `known`."""
    true, predicted = (
        [table.classes[i] for i in np.flatnonzero(table.counts.any(axis=axes))] for axes in ((0, 2), (0, 1))
    )
    chosen = favorable_labels(favorable)
    # Numbers that are no labels at all are told before labels in other terms, other labels after them.
    if any(isinstance(label, float) for label in predicted):
        refuse_strangers(true, predicted, chosen, known)
    refuse_other_terms(true, predicted)
    refuse_strangers(true, predicted, chosen, known)
    return merge_labels(true, predicted, kept)


def refuse_empty(table: CountTable) -> None:
    """Refuse a table in which no row counts; those of single chunks may be so."""
    counted = float((table.counts if table.weights is None else table.weights).sum())
    if not counted:
        raise DataError("no row counts, as there are none or their weights are all 0: give some weights above 0")
    if counted < _LEAST_WEIGHT:
        raise DataError(
            f"the sampling weights add up to {counted:g}, and their squares to 0: divide them by their mean"
        )


def refuse_other_scores(table: CountTable, favorable: Any, labels: Sequence[Any]) -> None:
    """Refuse sums of scores that are of another label than the favorable one, or of one among many labels."""
    if table.scores is None:
        return
    if len(labels) > 2:
        raise DataError(f"scores are audited for two labels and there are {len(labels)}: count without scores")
    if table.scored_label != single_label(favorable):
        raise DataError(
            f"the table's scores are of {shorten(table.scored_label)} and favorable_label is {shorten(favorable)}: "
            f"audit it with {shorten(table.scored_label)}, or count again with the other label and its scores"
        )


def order_labels(labels: Sequence[Any], favorable: Any) -> tuple[tuple[Any, ...], Task, tuple[int, ...]]:
    """The labels in the table's order (binary: the favorable one last), the task, and where the favorable ones stand.

    Examples
    --------
    >>> order_labels(["denied", "approved"], "approved")
    (('denied', 'approved'), 'binary', (1,))
    """
    chosen = favorable_labels(favorable)
    strangers = [label for label in chosen if label not in labels]
    if len(labels) <= 2:
        if len(chosen) != 1:
            raise DataError(
                f"favorable_label is {shorten(favorable)} and the labels are {shorten(list(labels))}: "
                "say which one is good for the person"
            )
        if strangers:
            raise DataError(f"favorable_label {shorten(strangers[0])} is not a label: {nearest(strangers[0], labels)}")
        good = next(label for label in labels if label == chosen[0])
        other = next((label for label in labels if label != good), OTHER)
        return (other, good), "binary", (1,)
    if strangers:
        raise DataError(f"favorable_label {shorten(strangers[0])} is not a label: {nearest(strangers[0], labels)}")
    return tuple(labels), "multiclass", tuple(sorted(list(labels).index(label) for label in chosen))
