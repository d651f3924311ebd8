"""What one column, or the groups in one column, promise; the parts of a contract."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import Kind, column_kind, distinct_texts, value_text, value_texts
from evenhand.exceptions import Problem, shorten

_MOST_CATEGORIES = 100  # more are free text or a name: any value may come, and none is kept in the contract
_LEAST_NAMED = 5  # a value that fewer rows share could tell who they are: only its count is told
_NUMBERS = ("integer", "number")
_FLAG = 2.0
"""How far the range of 0 and 1 reaches with the usual tolerance."""


@dataclass(frozen=True)
class ColumnPromise:
    """What one column promises.

    Attributes
    ----------
    name
        The column.
    kind
        What it holds; ``empty`` promises nothing.
    nullable
        Whether values may be missing.
    values
        Its categories as text, or None when any value may come.
    low, high
        The range with its tolerance, or None.
    unique
        Whether no value comes twice.
    """

    name: str
    kind: Kind
    nullable: bool
    values: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    unique: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ColumnPromise":
        """The way back from ``dataclasses.asdict``."""
        known = values["values"]
        return cls(**{**values, "values": None if known is None else tuple(known)})

    @property
    def rules(self) -> tuple[str, ...]:
        """What is to be checked: of ``kind``, ``null``, ``unique``, ``category`` and ``range``."""
        wanted = {
            "kind": self.kind != "empty",
            "null": not self.nullable,
            "unique": self.unique,
            "category": self.values is not None,
            "range": self.low is not None,
        }
        return tuple(rule for rule, is_wanted in wanted.items() if is_wanted)

    def count(self, rule: str, series: pd.Series) -> int:
        """How many rows break a rule; a column of another kind breaks only that one."""
        if rule == "kind":
            return 0 if self._kind_fits(series) else len(series)
        if rule == "null":
            return int(series.isna().sum())
        if rule == "unique":
            return int((series.duplicated(keep=False) & series.notna()).sum())
        if not self._kind_fits(series):
            return 0
        return int((self._stray(series) if rule == "category" else self._outside(series)).sum())

    def _kind_fits(self, series: pd.Series) -> bool:
        found = column_kind(series)
        if found in ("empty", self.kind):
            return True
        if self.kind == "number" and found == "integer":
            return True
        if self.kind == "integer" and found == "number":
            # A column of whole numbers becomes float as soon as one value is missing.
            return bool((series.dropna() % 1 == 0).all())
        if self.kind == "number" and found == "boolean":
            return self.is_flag
        if self.kind == "boolean" and found == "number":
            # So does a column of yes and no; that a value is missing is another rule's.
            return bool(series.dropna().isin([0, 1]).all())
        return False

    @property
    def is_flag(self) -> bool:
        """Whether a promised number was 0 or 1 at most: what yes and no with a gap become."""
        return self.kind == "number" and self.low == 0 and self.high is not None and self.high <= _FLAG

    def _stray(self, series: pd.Series) -> npt.NDArray[np.bool_]:
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
        known = set(self.values or ())
        # The place after the last is -1, the code of a missing value, which is another rule's.
        is_stray = np.array([*(value_text(value) not in known for value in uniques), False])
        return np.asarray(is_stray[codes], dtype=np.bool_)

    def _outside(self, series: pd.Series) -> npt.NDArray[np.bool_]:
        numbers = series.astype("float64") if column_kind(series) == "boolean" else series
        outside: pd.Series = (numbers < self.low) | (numbers > self.high)  # type: ignore[operator]  # a promised number has both ends
        return outside.to_numpy(dtype=np.bool_)

    def strays(self, series: pd.Series) -> Counter[str]:
        """How often each value that is no category comes; none in a column of another kind."""
        if self.values is None or not self._kind_fits(series):
            return Counter()
        return Counter(value_texts(series.loc[self._stray(series)]).tolist())

    def problem(self, rule: str, series: pd.Series) -> Problem:
        """The violation of a rule in words, with its count."""
        strays = self.strays(series) if rule == "category" else Counter()
        return self.describe(rule, self.count(rule, series), len(series), column_kind(series), strays)

    def describe(self, rule: str, count: int, n: int, kind: Kind, strays: Mapping[str, int]) -> Problem:
        """The violation in words, from what was counted: so many of `n` rows, of this kind, with these new values."""
        if rule == "kind":
            return Problem(self.name, f"holds {kind} and the contract says {self.kind}", "convert it")
        if rule == "null":
            return Problem(self.name, f"{count} of {n} values are missing and none was before", "complete them")
        if rule == "unique":
            return Problem(self.name, f"{count} of {n} rows share their key with another row", "keep one row a key")
        if rule == "range":
            low, high = value_text(self.low), value_text(self.high)
            return Problem(self.name, f"{count} of {n} values lie outside {low} to {high}")
        ordered = sorted(strays.items(), key=lambda item: -item[1])
        named = [f"{shorten(value, 40)} ({times} rows)" for value, times in ordered if times >= _LEAST_NAMED]
        shown = f": {', '.join(named[:10])}" if named else ""
        noun = "category" if len(strays) == 1 else "categories"
        return Problem(self.name, f"{count} of {n} rows hold {len(strays)} unseen {noun}{shown}")


@dataclass(frozen=True)
class GroupPromise:
    """That no class of the target, or group of a sensitive attribute, is empty.

    Attributes
    ----------
    name
        The column.
    values
        The groups or classes, as text.
    """

    name: str
    values: tuple[str, ...]

    def absent(self, table: pd.DataFrame) -> list[str]:
        """The values that no row has; none when the column itself is missing, which is another violation."""
        if self.name not in table.columns:
            return []
        present = set(distinct_texts(table[self.name]))
        return [value for value in self.values if value not in present]

    def problem(self, table: pd.DataFrame) -> Problem:
        """The violation in words."""
        absent = self.absent(table)
        shown = ", ".join(shorten(value) for value in absent[:10])
        if len(self.values) - len(absent) == 1:
            return Problem(self.name, f"a single class or group is left; none of {len(table)} rows has {shown}")
        return Problem(self.name, f"empty: none of {len(table)} rows has {shown}")


def promise_of(train: pd.Series, whole: pd.Series, *, tolerance: float, closed: bool) -> ColumnPromise:
    """What a column promises: its nature as the whole data show it, its range as the training rows do.

    Real columns have single values far beyond all others (a 9999 for "not asked"). One that stands outside the
    training rows belongs to the first data all the same, so the range reaches it, without a margin.
    """
    kind, name = column_kind(whole), str(whole.name)
    nullable = bool(whole.isna().any())
    if closed or _is_closed(whole, kind):
        values = tuple(distinct_texts(whole))
        return ColumnPromise(name, kind, nullable, values=values)
    low, high = _range(train, kind, tolerance)
    if low is not None and high is not None:
        low, high = min(low, float(whole.min())), max(high, float(whole.max()))
    return ColumnPromise(name, kind, nullable, low=low, high=high)


def _is_closed(series: pd.Series, kind: Kind) -> bool:
    if kind == "integer":
        return set(series.dropna().unique().tolist()) <= {0, 1}
    if kind != "text":
        return False
    categories = int(series.nunique())
    return categories <= _MOST_CATEGORIES and 2 * categories <= int(series.notna().sum())


def _range(series: pd.Series, kind: Kind, tolerance: float) -> tuple[float | None, float | None]:
    if kind not in _NUMBERS or not series.notna().any():
        return None, None
    low, high = float(series.min()), float(series.max())
    margin = tolerance * (high - low if high > low else max(abs(high), 1.0))
    # A quantity that was never negative (an age, an amount) does not become so by tolerance, nor the reverse.
    bounds = (
        (max(low - margin, 0.0) if low >= 0 else low - margin),
        (min(high + margin, 0.0) if high <= 0 else high + margin),
    )
    return bounds if np.isfinite(bounds).all() else (None, None)
