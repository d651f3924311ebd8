"""A smoke prediction: whether a model that was loaded years later still decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evenhand.exceptions import ModelError
from evenhand.fairness.inputs import SENSITIVE_PREFIX

__all__ = ["smoke_rows", "smoke_test"]

_ROWS = 5


def smoke_rows(contract: Mapping[str, Any], features: Sequence[str]) -> pd.DataFrame:
    """Made-up rows that keep a data contract: numbers across each range, each category in turn; nobody's rows.

    Parameters
    ----------
    contract
        The model's data contract as JSON.
    features
        The columns that the model takes.

    Returns
    -------
    pandas.DataFrame
        Shape (5, features).

    Raises
    ------
    ModelError
        When the contract does not know a feature.

    Examples
    --------
    >>> column = {"name": "age", "kind": "integer", "low": 18, "high": 98, "values": None}
    >>> smoke_rows({"columns": [column]}, ["age"])["age"].tolist()
    [18, 38, 58, 78, 98]
    """
    known = {column["name"]: column for column in contract["columns"]}
    unknown = [name for name in features if name not in known]
    if unknown:
        raise ModelError(f"the model's data contract knows no column {', '.join(unknown)}")
    return pd.DataFrame({name: _values(known[name]) for name in features})


def _values(column: Mapping[str, Any]) -> Any:
    if column["kind"] in ("integer", "number"):
        low, high = (0.0 if column.get(end) is None else float(column[end]) for end in ("low", "high"))
        numbers = np.linspace(low, high, _ROWS)
        return numbers.round().astype(np.int64) if column["kind"] == "integer" else numbers
    if column["kind"] == "boolean":
        return [place % 2 == 0 for place in range(_ROWS)]
    values = column.get("values") or ["a"]
    return [values[place % len(values)] for place in range(_ROWS)]


def smoke_test(model: Any, rows: pd.DataFrame) -> None:
    """Let the model decide on made-up rows.

    Raises
    ------
    ModelError
        When it fails, or answers with something other than its labels and probabilities.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> rows = pd.DataFrame({"age": [1, 2]})
    >>> smoke_test(DummyClassifier().fit(rows, [0, 1]), rows)
    """
    needed = [f"{SENSITIVE_PREFIX}{name}" for name in getattr(model, "attributes", ())]
    taken = rows.assign(**dict.fromkeys(needed, "unknown")) if needed else rows
    try:
        predicted, proba = np.asarray(model.predict(taken)), np.asarray(model.predict_proba(taken), dtype=np.float64)
    except Exception as error:  # whatever it is, the model must not go live
        raise ModelError(f"the model fails on a smoke prediction: {type(error).__name__}") from error
    labels = set(np.asarray(model.classes_).tolist())
    sums = proba.sum(axis=1) if proba.ndim == 2 else np.zeros(1)
    if not set(predicted.tolist()) <= labels or not np.allclose(sums, 1, atol=1e-6):
        raise ModelError("the model's smoke prediction is none: its labels or probabilities are not what it declares")
