"""A model that others made, behind what an audit asks of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import column_kind
from evenhand.exceptions import DataError, ModelError, nearest, shorten

__all__ = ["TAKEN", "ForeignModel", "InputColumn", "typed_label"]

TAKEN = "taken:"
"""Begins the names of a snapshot's columns for such a model: one of them may be a sensitive attribute too."""

_FLOATS = {"double": np.float64, "float": np.float32}
_WHOLE = {"long": np.int64, "integer": np.int32}


@dataclass(frozen=True)
class InputColumn:
    """A column that a model takes, as its signature has it.

    Attributes
    ----------
    name
        The column.
    kind
        What it holds, in MLflow's words (``double``, ``long``, ``string``, ...); "" where nobody says so.
    required
        Whether rows without the column cannot be decided on.
    """

    name: str
    kind: str = ""
    required: bool = True


class ForeignModel:
    """Labels of a frame, and probabilities where the model has them, whatever columns the frame has beside its own.

    A column's name in the frame may begin with :data:`TAKEN`.

    Parameters
    ----------
    model
        What MLflow loaded: a scikit-learn classifier, or anything with ``predict``.
    name
        What to call it in an error.
    inputs
        The columns of its signature; () where it has none. Then those that it was fitted on are taken, by name.
    features
        What it gets when nobody says which columns it takes.
    labels
        The labels that it may give, where it has no ``classes_`` of its own.

    Examples
    --------
    >>> class Model:
    ...     def predict(self, X):
    ...         return (X["income"] > 10).to_numpy()
    >>> made = ForeignModel(Model(), "loans version 1", inputs=[InputColumn("income", "double")])
    >>> made.predict(pd.DataFrame({"income": [5, 20], "sex": ["f", "m"]})).tolist()
    [False, True]
    """

    def __init__(
        self,
        model: Any,
        name: str,
        *,
        inputs: Sequence[InputColumn] = (),
        features: Sequence[str] = (),
        labels: Sequence[Any] = (),
    ) -> None:
        self._model = model
        self._name = name
        self._inputs = _inputs(inputs, [str(each) for each in getattr(model, "feature_names_in_", ())])
        self._features = tuple(features)
        own = getattr(model, "classes_", None)
        if own is not None or len(labels):
            self.classes_ = np.asarray(own if own is not None else labels)
        if own is not None and hasattr(model, "predict_proba"):
            self.predict_proba = self._probabilities

    def predict(self, X: pd.DataFrame) -> Any:
        """The label of each row, as the model gives it."""
        return self._answer(self._model.predict, X)

    def _probabilities(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        return np.asarray(self._answer(self._model.predict_proba, X), dtype=np.float64)

    def _answer(self, method: Callable[[Any], Any], X: pd.DataFrame) -> Any:
        rows = self._taken(X)
        try:
            return method(rows)
        except Exception as error:  # noqa: BLE001 - somebody else's code may raise anything
            # Its own words may quote a row, so they are not repeated, nor chained.
            told = f"{self._name} could not decide on the rows: {type(error).__name__}; {_described(rows)}"
            raise ModelError(f"{told}. Give the rows as it was trained on them") from None

    def _taken(self, X: pd.DataFrame) -> Any:
        """The columns that the model takes, of the types that it declares."""
        X = X.rename(columns=lambda name: str(name).removeprefix(TAKEN))
        if not self._inputs:
            rows = X.loc[:, list(self._features)]
            # Fitted on an array, scikit-learn warns of names.
            return rows.to_numpy() if hasattr(self._model, "n_features_in_") else rows
        missing = [each.name for each in self._inputs if each.required and each.name not in X]
        if missing:
            hints = "; ".join(f"{shorten(name)}: {nearest(name, map(str, X.columns))}" for name in missing[:5])
            more = f", and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise DataError(f"{self._name} takes columns that the rows do not have: {hints}{more}")
        return pd.DataFrame(
            {each.name: _typed(X[each.name], each, self._name) for each in self._inputs if each.name in X}
        )


def _inputs(declared: Sequence[InputColumn], fitted: Sequence[str]) -> tuple[InputColumn, ...]:
    """What the model was fitted on, in that order, with the types that its signature declares; else its signature."""
    by_name = {each.name: each for each in declared}
    return tuple(by_name.get(name, InputColumn(name)) for name in fitted) or tuple(declared)


def _typed(column: pd.Series, wanted: InputColumn, name: str) -> pd.Series:
    """A column of the type that a signature declares: a file of whole numbers holds doubles too."""
    kind = column_kind(column)
    if wanted.kind in _FLOATS and kind in ("integer", "number", "boolean", "empty"):
        return column.astype(_FLOATS[wanted.kind])
    if wanted.kind in _WHOLE and kind in ("integer", "number", "boolean"):
        if column.isna().any() or not (column == column.round() if kind == "number" else column.notna()).all():
            raise DataError(
                f"{name} takes whole numbers in column {shorten(wanted.name)}, and the rows have "
                f"{'missing values' if column.isna().any() else 'fractions'} there"
            )
        return column.astype(_WHOLE[wanted.kind])
    if wanted.kind == "boolean" and kind in ("integer", "number") and column.isin((0, 1)).all():
        return column.astype(bool)
    return column


def typed_label(label: str, y: pd.Series) -> Any:
    """A label as a value of the target: ``"1"`` is the number 1 among whole numbers.

    Raises
    ------
    DataError
        When the target cannot have it.

    Examples
    --------
    >>> typed_label("2", pd.Series([0, 1]))
    2
    """
    kind = column_kind(y)
    try:
        if kind == "boolean":
            return {"true": True, "1": True, "false": False, "0": False}[label.casefold()]
        return int(label) if kind == "integer" else label
    except (KeyError, ValueError) as error:
        raise DataError(f"the class {shorten(label)} is no value of column {shorten(y.name)} ({kind})") from error


def _described(rows: Any) -> str:
    """What a model was given, without a value of it."""
    if not isinstance(rows, pd.DataFrame):
        return f"it was given {rows.shape[1]} columns"
    found = {
        "missing values in": [name for name in rows.columns if rows[name].isna().any()],
        "text in": [name for name in rows.columns if column_kind(rows[name]) == "text"],
    }
    said = [f"{what} {', '.join(map(shorten, names[:10]))}" for what, names in found.items() if names]
    return f"the rows have {' and '.join(said)}" if said else "the rows have numbers alone and none is missing"
