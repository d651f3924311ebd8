"""What a column looks like, as counts in fixed cells: without any row, and adding up over parts of a table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import value_text
from evenhand.exceptions import DataError, shorten
from evenhand.monitoring.categories import CategoryCells, choose_cells, clear_of_chance, place_of
from evenhand.monitoring.numbers import number_edges, number_text, only_value

__all__ = ["MISSING", "OTHER", "ColumnProfile", "profile_column", "profile_groups"]

OTHER, MISSING = "(other)", "(missing)"
_BLOCK = 1 << 15  # 256 KB of doubles: a block stays in the second-level cache while it is compared with every edge

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ColumnProfile:
    """Counts of one column in fixed cells.

    Attributes
    ----------
    name
        The column.
    kind
        ``numeric``: cells between `edges`; ``categorical``: one cell for each of `categories`, and at least one for all
        others.
    counts
        Rows in each cell; the last cell holds the missing values.
    edges
        The k inner edges of k + 1 cells, increasing; a value on an edge belongs to the cell below it.
    categories
        The values with a cell of their own, as text.
    parts, known
        How the cells of all others are cut, and the commonest value of each, as
        :class:`evenhand.monitoring.categories.CategoryCells` has it.
    withheld
        The most rows that a 0 may stand for: of fewer than `min_cell` of :func:`profile_column` a reference does not
        tell.

    Examples
    --------
    >>> first = profile_column(pd.Series([1.0, 2, 2, 3, None], name="rooms"), bins=4, min_cell=1)
    >>> first.edges, first.counts
    ((1.5, 2.5), (1, 2, 1, 1))
    >>> first.count(pd.Series([9.0, 9.0])).counts
    (0, 0, 2, 0)
    """

    name: str
    kind: Literal["numeric", "categorical"]
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    known: tuple[str, ...] = ("",)
    withheld: int = 0

    @property
    def n(self) -> int:
        """Rows counted."""
        return sum(self.counts)

    @property
    def cells(self) -> tuple[Any, ...]:
        """What says which cell a value belongs to."""
        return self.kind, self.edges, self.categories, self.parts

    @property
    def cut(self) -> tuple[bool, ...]:
        """Of each cell, whether it lies between quantiles of the rows that the cells were chosen by."""
        if self.kind == "numeric":  # none was cut where the reference has no row
            return (*(count > 0 for count in self.counts[:-1]), False)
        return (*(False,) * len(self.categories), *(bool(self.parts),) * len(self.known), False)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each cell holds, in words."""
        if self.kind == "categorical":
            return (*self.categories, *self._others, MISSING)
        if not self.edges:
            return ("any number", MISSING)
        alone = [only_value(low, high) for low, high in pairwise(self.edges)]
        own = {at + end: value for at, value in enumerate(alone) if value for end in (0, 1)}
        texts = [own.get(at) or number_text(edge) for at, edge in enumerate(self.edges)]
        between = [value or f"{low} to {high}" for value, (low, high) in zip(alone, pairwise(texts), strict=True)]
        first = "under" if own.get(0) else "up to"
        return (f"{first} {texts[0]}", *between, f"over {texts[-1]}", MISSING)

    @property
    def _others(self) -> tuple[str, ...]:
        cells = len(self.known)
        blank = [OTHER] if cells == 1 else [f"(other, part {at} of {cells})" for at in range(1, cells + 1)]
        return tuple(f"{name} and others" if name else text for name, text in zip(self.known, blank, strict=True))

    def share(self, label: str) -> float:
        """The share of rows in a cell; NaN without rows."""
        return self.counts[self.labels.index(label)] / self.n if self.n else float("nan")

    def count(self, values: pd.Series) -> "ColumnProfile":
        """The same cells with the counts of these values, shape (n,).

        Raises
        ------
        DataError
            When numbers are expected and there is text.
        """
        found = _count_numbers(values, self) if self.kind == "numeric" else _count_categories(values, self)
        return replace(self, counts=tuple(found.tolist()), withheld=0)

    def empty(self) -> "ColumnProfile":
        """The same cells without any row."""
        return replace(self, counts=(0,) * len(self.counts), withheld=0)

    def merge(self, other: "ColumnProfile") -> "ColumnProfile":
        """The rows of both: profiles of parts add up to the profile of the whole.

        Raises
        ------
        DataError
            When the two have different cells.
        """
        if replace(other, counts=self.counts) != self:
            raise DataError(f"two profiles of {shorten(self.name)} have different cells: count both by one reference")
        return replace(self, counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; :meth:`from_dict` is the way back."""
        cells = {name: list(getattr(self, name)) for name in _CELLS[self.kind]}
        return {"name": self.name, "kind": self.kind, "counts": list(self.counts), "withheld": self.withheld, **cells}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ColumnProfile":
        """The profile that :meth:`to_dict` wrote.

        Of one that an earlier version wrote the categories were chosen by these very counts: those that do not stand
        clear of the others are counted with them.
        """
        cells = {name: tuple(values[name]) for name in _CELLS[values["kind"]] if name in values}
        withheld = values.get("withheld", 0)  # references of earlier versions do not say
        found = cls(values["name"], values["kind"], tuple(values["counts"]), **cells, withheld=withheld)
        return _without_lucky(found) if found.kind == "categorical" and "parts" not in values else found


_CELLS: Mapping[str, tuple[str, ...]] = {"numeric": ("edges",), "categorical": ("categories", "parts", "known")}


def _without_lucky(profile: ColumnProfile) -> ColumnProfile:
    """The categories that stand clear of the others, where some are left over; the rest counted among these."""
    *own, others, missing = profile.counts
    if not own or not (others or profile.withheld):
        return profile
    order = sorted(range(len(own)), key=lambda at: -own[at])
    rest = min(others or profile.withheld, *own)
    kept = sorted(order[: clear_of_chance([own[at] for at in order], rest)])
    counts = [own[at] for at in kept]
    names = tuple(profile.categories[at] for at in kept)
    return replace(profile, counts=(*counts, others + sum(own) - sum(counts), missing), categories=names)


def profile_column(values: pd.Series, *, bins: int = 10, min_cell: int = 10) -> ColumnProfile:
    """The cells of a reference column, and its counts in them.

    Numbers are cut at quantiles, rounded to about a hundredth of their spread so that no edge is one person's value,
    and between the values where there are few different ones; cells of fewer than `min_cell` rows are joined to a
    neighbour. A value that most rows have keeps its cell, and those under and over it are cut by themselves. Text has
    cells as :func:`evenhand.monitoring.categories.choose_cells` finds them. Of fewer than `min_cell` missing values, or
    values without a cell of their own, nothing is told.

    Parameters
    ----------
    values
        The column, shape (n,): numbers, booleans or text with NaN/None.
    bins
        At most so many cells for numbers.
    min_cell
        The fewest rows that a cell tells about.
    """
    name = str(values.name) if values.name is not None else "values"
    if _is_number(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        edges = number_edges(numbers[~np.isnan(numbers)], bins, min_cell)
        return _without_few(ColumnProfile(name, "numeric", (), edges=edges).count(values), min_cell)
    texts = _texts(values)
    return _in_cells(name, texts, choose_cells(texts.value_counts(), min_cell=min_cell), min_cell)


def profile_groups(values: pd.Series, *, unknown: str, min_cell: int = 10) -> ColumnProfile:
    """The cells of a sensitive attribute, and its counts in them: as of text, with any number of named groups.

    Parameters
    ----------
    values
        The group of each row, shape (n,).
    unknown
        What rows without a group have: these have their cell in any case, since how many they are is watched.
    min_cell
        The fewest rows that a cell tells about.
    """
    texts = _texts(values)
    counts = texts.value_counts()
    cells = choose_cells(counts.drop(unknown, errors="ignore"), min_cell=min_cell, most=None)
    return _in_cells(str(values.name), texts, replace(cells, own=tuple(sorted({*cells.own, unknown}))), min_cell)


def _in_cells(name: str, texts: pd.Series, cells: CategoryCells, min_cell: int) -> ColumnProfile:
    profile = ColumnProfile(name, "categorical", (), categories=cells.own, parts=cells.parts, known=cells.known)
    return _without_few(profile.count(texts), min_cell)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _without_few(profile: ColumnProfile, min_cell: int) -> ColumnProfile:
    """The cells with nothing in those that tell of too few rows; numbers in one cell have no neighbour to join."""
    alone = 1 if profile.kind == "numeric" and not profile.edges else 0
    kept, rest = profile.counts[:alone], profile.counts[alone:]
    shown = tuple(each if each >= min_cell else 0 for each in rest)
    return replace(profile, counts=(*kept, *shown), withheld=min_cell - 1 if shown != rest else 0)


def _count_numbers(values: pd.Series, profile: ColumnProfile) -> Ints:
    if not _is_number(values) and not pd.api.types.is_bool_dtype(values):
        if values.notna().any():
            raise DataError(f"column {shorten(profile.name)} holds text and its reference numbers: convert it")
        return np.array([*(0,) * (len(profile.edges) + 1), len(values)], dtype=np.int64)
    plain = isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf"
    numbers = values.to_numpy() if plain else values.to_numpy(dtype=np.float64, na_value=np.nan)
    above = np.zeros(len(profile.edges), dtype=np.int64)
    missing = 0
    # Comparing a block with each edge runs in vector registers: several times faster than a search for each value.
    for start in range(0, len(numbers), _BLOCK):
        block = numbers[start : start + _BLOCK]
        if block.dtype.kind == "f":
            missing += int(np.count_nonzero(np.isnan(block)))
        for place, edge in enumerate(profile.edges):
            above[place] += np.count_nonzero(block > edge)
    present = len(numbers) - missing
    return np.array([*-np.diff([present, *above.tolist(), 0]), missing], dtype=np.int64)


def _texts(values: pd.Series) -> pd.Series:
    """The values as text, missing ones left missing; each different value is written once."""
    codes, uniques = _coded(values)
    texts = np.array([*map(value_text, uniques), None], dtype=object)
    return pd.Series(texts[codes], index=values.index, name=values.name, dtype=object)


def _coded(values: pd.Series) -> tuple[npt.NDArray[Any], list[Any]]:
    """Codes of the values, -1 for missing, and what they stand for."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories.tolist()
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    return codes, list(uniques)


def _count_categories(values: pd.Series, profile: ColumnProfile) -> Ints:
    codes, uniques = _coded(values)
    place = {name: at for at, name in enumerate(profile.categories)}
    other, missing = len(place), len(place) + len(profile.parts) + 1
    texts = [value_text(value) for value in uniques]
    cells = np.array([*(place.get(text, other) for text in texts), missing], dtype=np.int64)
    if profile.parts:
        strange = np.flatnonzero(cells == other)
        cells[strange] += np.searchsorted(profile.parts, place_of([texts[at] for at in strange]), side="right")
    # Code -1, a missing value, is the last of the counts.
    each = np.bincount(codes.astype(np.intp) + 1, minlength=len(uniques) + 1)
    return np.bincount(cells, weights=np.append(each[1:], each[0]), minlength=missing + 1).astype(np.int64)
