"""Which rows the model can decide on, whatever their columns hold."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import value_texts
from evenhand.modeling.preprocessing import LARGEST
from evenhand.monitoring.profile import ColumnProfile

__all__ = ["Undecided", "as_learned", "beyond_numbers"]

Mask = npt.NDArray[np.bool_]

_FLAGS = {"True": True, "False": False, "1": True, "0": False}


class Undecided:
    """Counts the rows that no decision can be made on, and why, over parts.

    Attributes
    ----------
    asked, rows
        Rows that a decision was asked for, and those among them that have none.
    """

    def __init__(self) -> None:
        self.asked = self.rows = 0
        self._held: Counter[str] = Counter()
        self._why: dict[str, None] = {}

    @property
    def all(self) -> bool:
        """Whether no row could be decided on."""
        return bool(self.asked) and self.rows == self.asked

    def add(self, able: Mask, held: Mapping[str, int]) -> None:
        """Count the rows of a part, and those that each column holds back."""
        self.asked += len(able)
        self.rows += int((~able).sum())
        self._held.update(held)

    def refused(self, n: int, why: str) -> None:
        """Count a part, n rows, that the model has refused as a whole."""
        self.asked += n
        self.rows += n
        self._why[why] = None

    def note(self) -> str:
        """What there is no decision on, in words; "" where nothing is missing."""
        if not self.rows:
            return ""
        held = [f"{name} holds nothing that it can read in {count:,}" for name, count in self._held.items()]
        why = "; ".join([*self._why, *held])
        if self.all:
            return f"predictions are not watched: {why if self._why and not held else f'of {self.rows:,} rows {why}'}"
        return f"the model cannot decide on {self.rows:,} of {self.asked:,} rows: {why}"


def as_learned(rows: pd.DataFrame, learned: Mapping[str, ColumnProfile]) -> tuple[pd.DataFrame, Mask, dict[str, int]]:
    """Features of the kinds that the model has learned from, the rows it can decide on, and those each column holds.

    Text that reads as a number is one, and numbers are categories where the model knows any of them as a text: what a
    file's reader has guessed is no change. Anything else of another kind has no meaning for the model, nor has an
    infinite number.

    Parameters
    ----------
    rows
        Plain rows, n of them, with every column of `learned`.
    learned
        The reference of each feature.

    Returns
    -------
    tuple
        The frame; whether the model can decide on each row, shape (n,); and how many rows a column holds back.

    Examples
    --------
    >>> age = ColumnProfile("age", "numeric", (5, 5, 0), edges=(30.0,))
    >>> frame, able, held = as_learned(pd.DataFrame({"age": ["20", "f40"]}), {"age": age})
    >>> frame["age"].tolist(), able.tolist(), held
    ([20.0, nan], [True, False], {'age': 1})
    """
    columns: dict[str, Any] = {}
    able, held = np.ones(len(rows), dtype=bool), dict[str, int]()
    for name, profile in learned.items():
        read = _number if profile.kind == "numeric" else _category
        columns[name], strange = read(rows[name], profile)
        if strange.any():
            held[name] = int(strange.sum())
            able &= ~strange
    return pd.DataFrame(columns, index=rows.index, copy=False), able, held


def beyond_numbers(numbers: npt.NDArray[Any]) -> Mask:
    """Which numbers no model can take: infinite ones, and those whose squares overflow."""
    if numbers.dtype.kind != "f":
        return np.zeros(len(numbers), dtype=bool)
    return np.asarray(np.abs(numbers) > LARGEST, dtype=np.bool_)


def _number(values: pd.Series, _: ColumnProfile) -> tuple[pd.Series, Mask]:
    if pd.api.types.is_bool_dtype(values):
        return values.astype("float64"), np.zeros(len(values), dtype=bool)
    read = values if pd.api.types.is_numeric_dtype(values) else _read(values)
    beyond = beyond_numbers(read.to_numpy())
    if not beyond.any() and read is values:
        return values, beyond
    strange = beyond | (values.notna() & read.isna()).to_numpy(dtype=bool)
    return read.where(~beyond), strange


def _read(values: pd.Series) -> pd.Series:
    return pd.Series(pd.to_numeric(values.astype(object), errors="coerce")).astype("float64")


def _category(values: pd.Series, profile: ColumnProfile) -> tuple[pd.Series, Mask]:
    none = np.zeros(len(values), dtype=bool)
    flags = set(profile.categories) <= {"True", "False"}
    if pd.api.types.is_bool_dtype(values) and flags:
        return values, none
    if flags and profile.categories:
        found = values if pd.api.types.is_numeric_dtype(values) else value_texts(values).map(_FLAGS)
        strange = (values.notna() & ~found.isin([0, 1])).to_numpy(dtype=bool)
        return (found.astype("bool") if found.notna().all() else found.astype("float64")), strange
    numbers = pd.api.types.is_numeric_dtype(values)
    if not numbers or not values.notna().any():
        return (values.astype("str") if numbers else values), none
    texts = value_texts(values)
    unnamed = sum(profile.counts[len(profile.categories) : -1])  # of these nothing says whether they were numbers
    known = unnamed or texts.isin(profile.categories).any()
    return texts, none if known else texts.notna().to_numpy(dtype=bool)
