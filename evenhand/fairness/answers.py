"""What a model answers, and how it is told that it cannot answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.alignment import refuse_reordered
from evenhand.exceptions import ModelError, shorten
from evenhand.fairness.arrays import unmasked

__all__ = ["asked", "check_proba"]


def check_proba(proba: Any, rows: int, labels: Sequence[Any]) -> npt.NDArray[Any]:
    """Probabilities of shape (rows, labels), a column for each label of the model, or an error that says what came.

    Examples
    --------
    >>> check_proba([0.5, 0.5], 2, ["no", "yes"])
    Traceback (most recent call last):
    ...
    evenhand.exceptions.ModelError: predict_proba gives shape (2,): give a row for each of 2 rows and a column for \
each of the 2 labels in classes_
    """
    found = np.asarray(unmasked(proba))
    if found.shape != (rows, len(labels)):
        raise ModelError(
            f"predict_proba gives shape {found.shape}: give a row for each of {rows} rows and a column for each of "
            f"the {len(labels)} labels in classes_"
        )
    return found


def asked(model: Any, method: Callable[..., Any], X: pd.DataFrame, groups: Mapping[str, Any]) -> Any:
    """What a model's method gives for the rows; that it is not fitted, or on other columns, is told as such.

    Raises
    ------
    ModelError
        It is not fitted, or was on other columns.
    DataError
        The answer is a pandas object whose index holds the rows in another order.
    """
    try:
        answer = method(X, **groups)
    except (AttributeError, KeyError, ValueError) as error:  # NotFittedError is of the first and the last
        if type(error).__name__ == "NotFittedError":
            raise ModelError(f"{type(model).__name__} is not fitted: call its fit(X, y) first") from error
        fitted = [str(name) for name in getattr(model, "feature_names_in_", ())]
        own = [str(name) for name in X.columns]
        lacking = [shorten(name) for name in fitted if name not in own]
        if lacking or (fitted and "feature names" in str(error)):
            told = f"X lacks {', '.join(lacking[:3])}" if lacking else "X has more, or in another order"
            raise ModelError(
                f"{type(model).__name__} was fitted on other columns: {told}; "
                "give the columns of the fit, in their order"
            ) from error
        raise
    # A function that sorts or groups its frame answers in its own order, and rows are matched by position.
    refuse_reordered({"X": X, "what the model gives": answer})
    return answer
