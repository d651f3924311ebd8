"""What an audit accepts: models of any kind, frames in several shapes, labels with a favorable one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.assess import Task
from evenhand.fairness.counts import CountTable, merge_labels

__all__ = ["Predictor", "as_frame", "order_labels", "predict", "predict_score", "present_labels", "refuse_design"]

OTHER = "(no other label)"
"""Stands for the second label of a binary target of which only one occurs."""


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


def predict(model: Any, X: pd.DataFrame) -> Any:
    """Labels of the rows, shape (n,), from a model that predicts or a function."""
    if isinstance(model, Predictor):
        predicted = model.predict(X)
    elif callable(model):
        predicted = model(X)
    else:
        raise ModelError(f"{shorten(model)} neither has predict(X) nor can be called: give a fitted model")
    if isinstance(predicted, pd.DataFrame):
        if predicted.shape[1] != 1:
            raise ModelError(f"the model predicts a frame of {predicted.shape[1]} columns: give one label a row")
        predicted = predicted.iloc[:, 0]
    return np.asarray(predicted) if not isinstance(predicted, pd.Series) else predicted


def predict_score(model: Any, dataset: Dataset) -> Any:
    """The probability of the favorable label, from a classifier of two labels that gives one; else None."""
    known = getattr(model, "classes_", None)
    if known is None or len(known) != 2 or dataset.favorable_label is None or not hasattr(model, "predict_proba"):
        return None
    column = np.flatnonzero(np.asarray(known) == dataset.favorable_label)
    return np.asarray(model.predict_proba(dataset.X))[:, column[0]] if column.size else None


def as_frame(sensitive: Any) -> pd.DataFrame:
    """A frame of named columns from a frame, a Series, a dict of columns or one plain column."""
    if isinstance(sensitive, pd.Series):
        return sensitive.to_frame(name=sensitive.name if sensitive.name is not None else "sensitive_feature")
    if isinstance(sensitive, pd.DataFrame):
        return sensitive
    if isinstance(sensitive, Mapping):
        return pd.DataFrame(dict(sensitive))
    array = np.asarray(sensitive)
    if array.ndim != 1:
        raise DataError("sensitive_features must name its columns: give a DataFrame, a Series or a dict of columns")
    return pd.DataFrame({"sensitive_feature": array})


def present_labels(table: CountTable, known: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The labels that occur in the table, and those that the model knows."""
    true, predicted = table.counts.any(axis=(0, 2)), table.counts.any(axis=(0, 1))
    seen = true | predicted
    if seen.sum() > 2 and not (true & predicted).any():
        shown = [[table.classes[i] for i in np.flatnonzero(part)] for part in (true, predicted)]
        raise DataError(
            f"the labels are {shorten(shown[0])} and the predicted ones {shorten(shown[1])}: "
            "give both in the same terms"
        )
    return merge_labels([table.classes[i] for i in np.flatnonzero(seen)], known)


def order_labels(labels: Sequence[Any], favorable: Any) -> tuple[tuple[Any, ...], Task, tuple[int, ...]]:
    """The labels in the table's order (binary: the favorable one last), the task, and where the favorable ones stand.

    Examples
    --------
    >>> order_labels(["denied", "approved"], "approved")
    (('denied', 'approved'), 'binary', (1,))
    """
    chosen = [] if favorable is None else list(favorable) if isinstance(favorable, list | tuple | set) else [favorable]
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
