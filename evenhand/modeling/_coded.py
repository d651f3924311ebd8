"""Labels, predictions and probabilities of the test part, checked and counted: what every figure starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError, ModelError, shorten
from evenhand.modeling._values import check_positive_label, plain_label

__all__ = ["Coded", "coded", "probabilities_of"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coded:
    """Labels and predictions as positions among the labels.

    Attributes
    ----------
    labels
        Those of the model, then any that only the test part has.
    truth, call
        Positions in `labels`, shape (n,).
    positive
        Position of the positive label; None of more than two.
    known
        How many labels the model knows.
    """

    labels: list[Any]
    truth: npt.NDArray[np.intp]
    call: npt.NDArray[np.intp]
    positive: int | None
    known: int

    def confusion(self) -> npt.NDArray[np.int64]:
        """Rows by truth and prediction, shape (k, k)."""
        k = len(self.labels)
        return np.bincount(self.truth * k + self.call, minlength=k**2).reshape(k, k)


def coded(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    classes: Sequence[Any] | npt.NDArray[Any],
    favorable_label: Any = None,
) -> Coded:
    """Labels and predictions as positions.

    Raises
    ------
    DataError
        Without rows, without a label, or when the parts differ in length.
    ModelError
        When a prediction is no class of the model.
    """
    truths, calls = np.asarray(y_true), np.asarray(y_pred)
    if len(truths) == 0:
        raise DataError("the test part has no rows: nothing can be assessed")
    if truths.shape != calls.shape or truths.ndim != 1:
        raise DataError(f"y_true has shape {truths.shape} and y_pred {calls.shape}: give one label a row to both")
    (truth, true), (call, called) = (_distinct(each) for each in (truths, calls))
    labels = [plain_label(label) for label in classes]
    known = len(labels)
    strange = set(called) - set(labels)
    if strange or (call < 0).any():
        shown = ", ".join(shorten(label) for label in (sorted(strange, key=str) or ["none at all"])[:5])
        raise ModelError(f"predictions that are no class of the model: {shown}; its classes are {shorten(labels)}")
    if (truth < 0).any():
        raise DataError(f"{int((truth < 0).sum())} test rows have no label: leave them out")
    labels += sorted(set(true) - set(labels), key=str)
    positive = labels.index(check_positive_label(favorable_label, labels)) if len(labels) <= 2 else None
    index = pd.Index(labels, dtype=object)
    places = [index.get_indexer(pd.Index(found, dtype=object)) for found in (true, called)]
    return Coded(labels, places[0][truth], places[1][call], positive, known)


def _distinct(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], list[Any]]:
    """The place of each value among the distinct ones, -1 where there is none; as they are stored, which is fast."""
    places, found = pd.factorize(values)
    return places, list(found.tolist())


def probabilities_of(rows: Coded, y_proba: npt.ArrayLike) -> FloatArray:
    """Probabilities as (n, k); a class that the model does not know has probability 0.

    Raises
    ------
    ModelError
        When they have another shape, are not finite, not in [0, 1] or do not sum to 1.
    """
    n, known = len(rows.truth), rows.known
    values = np.asarray(y_proba, dtype=float)
    if values.ndim == 1 and rows.positive is not None and known == 2:
        values = np.column_stack([values, 1 - values] if rows.positive == 0 else [1 - values, values])
    if values.shape != (n, known):
        raise ModelError(f"y_proba has shape {np.shape(y_proba)}, expected {(n, known)}: a column for each class")
    if not np.isfinite(values).all() or values.min() < -1e-9 or values.max() > 1 + 1e-9:
        raise ModelError("y_proba has values that are no probabilities: they must be finite and from 0 to 1")
    if np.abs(values.sum(axis=1) - 1).max() > 1e-4:
        raise ModelError("the rows of y_proba do not sum to 1: give predict_proba's result")
    return np.asarray(np.clip(np.pad(values, ((0, 0), (0, len(rows.labels) - known))), 0.0, 1.0))
