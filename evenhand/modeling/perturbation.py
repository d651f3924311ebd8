"""Rows as they might have come: measured less exactly, with gaps, with categories that nobody has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.fairness.inputs import SENSITIVE_PREFIX
from evenhand.modeling.preprocessing import numeric_columns

__all__ = ["UNSEEN", "Column", "learn_columns", "with_floats", "with_missing", "with_noise", "with_unseen"]

FloatArray = npt.NDArray[np.float64]

UNSEEN = "(a category that was never seen)"
"""What stands in for a new category."""


@dataclass(frozen=True)
class Column:
    """What the training rows say about a feature that may be changed.

    Attributes
    ----------
    name, kind
        ``number``, ``flag`` (true or false) or ``category``.
    spread, low, high
        Standard deviation and range of a number; NaN for the others.
    whole
        Whether a number is always whole.
    levels
        Values that occur, to which the feature may be moved: every one where there are few, else quantiles of a number
        and the most frequent categories.
    """

    name: str
    kind: Literal["number", "flag", "category"]
    spread: float
    low: float
    high: float
    whole: bool
    levels: tuple[Any, ...] = field(repr=False)


def learn_columns(background: pd.DataFrame, *, levels: int = 12) -> tuple[Column, ...]:
    """What training rows say about each feature; the sensitive attributes among the columns are left out.

    Parameters
    ----------
    background
        Training rows, shape (n, f).
    levels
        At most so many values of each.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"rooms": [2, 3, 4], "job": ["clerk", "smith", "smith"], "sensitive:sex": ["f", "m", "m"]})
    >>> [(column.name, column.kind, column.levels) for column in learn_columns(X)]
    [('rooms', 'number', (2.0, 3.0, 4.0)), ('job', 'category', ('smith', 'clerk'))]
    """
    numbers = set(numeric_columns(background))
    return tuple(
        _number(background[name], levels) if name in numbers else _named(background[name], levels)
        for name in background.columns
        if not str(name).startswith(SENSITIVE_PREFIX)
    )


def _number(column: "pd.Series[Any]", levels: int) -> Column:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[np.isfinite(values)]
    if not known.size:
        return Column(str(column.name), "number", 0.0, np.nan, np.nan, whole=False, levels=())
    found = np.unique(known)
    if len(found) > levels:
        # The outermost twentieths are left out: a move to what hardly anybody has says little.
        found = np.unique(np.quantile(known, np.linspace(0.05, 0.95, levels), method="nearest"))
    whole = bool((known == np.rint(known)).all())
    ends = float(known.min()), float(known.max())
    return Column(str(column.name), "number", float(known.std()), *ends, whole, tuple(found.tolist()))


def _named(column: "pd.Series[Any]", levels: int) -> Column:
    flag = pd.api.types.is_bool_dtype(column)
    counts = column.dropna().astype(object).value_counts()
    # Equal counts in the order of the names: the same rows in another order give the same levels.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:levels]
    kind: Literal["flag", "category"] = "flag" if flag else "category"
    return Column(
        str(column.name), kind, np.nan, np.nan, np.nan, whole=False, levels=tuple(value for value, _ in ranked)
    )


def with_floats(X: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The rows with every number as a float, so that it can be moved or taken away."""
    numbers = {one.name: X[one.name].to_numpy(np.float64, na_value=np.nan) for one in columns if one.kind == "number"}
    return _replaced(X, numbers).reset_index(drop=True)


def with_noise(
    X: pd.DataFrame, columns: Sequence[Column], *, scale: float, rng: np.random.Generator
) -> pd.DataFrame | None:
    """Numbers with normal noise of `scale` standard deviations of the training rows.

    Whole numbers stay whole, and no number leaves the range of the training rows that it was in. None without a number
    that varies.

    Examples
    --------
    >>> X = pd.DataFrame({"income": [10.0, 20.0, 30.0], "job": ["a", "b", "b"]})
    >>> moved = with_noise(X, learn_columns(X), scale=0.1, rng=np.random.default_rng(0))
    >>> (abs(moved["income"] - X["income"]) < 4).all(), moved["job"].tolist()
    (np.True_, ['a', 'b', 'b'])
    """
    moved = {}
    for column in columns:
        if column.kind == "number" and column.spread > 0:
            values = X[column.name].to_numpy(np.float64)
            shaken = values + rng.normal(0.0, scale * column.spread, len(values))
            shaken = np.rint(shaken) if column.whole else shaken
            moved[column.name] = np.clip(shaken, np.fmin(values, column.low), np.fmax(values, column.high))
    return _replaced(X, moved) if moved else None


def with_missing(
    X: pd.DataFrame, columns: Sequence[Column], *, share: float, rng: np.random.Generator
) -> pd.DataFrame | None:
    """A share of the values of every feature gone, each independently of the others. None without a feature."""
    gone: dict[str, Any] = {}
    for column in columns:
        lost = rng.random(len(X)) < share
        known = X[column.name]
        gone[column.name] = known.astype(object).where(~lost, None) if column.kind == "flag" else known.mask(lost)
    return _replaced(X, gone) if gone else None


def with_unseen(X: pd.DataFrame, columns: Sequence[Column], *, rng: np.random.Generator) -> pd.DataFrame | None:
    """In every row one category, drawn among the features, that no training row has. None without such a feature."""
    named = [column.name for column in columns if column.kind == "category"]
    if not named:
        return None
    drawn = rng.integers(0, len(named), len(X))
    changed = {}
    for place, name in enumerate(named):
        values = X[name].astype(object).to_numpy(copy=True)
        values[drawn == place] = UNSEEN
        changed[name] = pd.Series(values, index=X.index, dtype=_dtype(X[name]))
    return _replaced(X, changed)


def _replaced(X: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A copy with other values in these columns; their names are no keywords, since one may be called ``self``."""
    return pd.DataFrame({name: columns.get(str(name), X[name]) for name in X.columns}, index=X.index)


def _dtype(column: "pd.Series[Any]") -> Any:
    """What a column of names is kept as once it has a new one: a category would lose it."""
    return object if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
