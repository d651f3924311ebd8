"""Which values of a text column have a cell of their own, and how all others are cut: chance has no say in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.digest import row_digests

__all__ = ["CategoryCells", "choose_cells", "clear_of_chance", "place_of"]

Ints = npt.NDArray[np.int64]

_MOST = 50
"""Cells of the others and, where their number is limited, values with a cell of their own."""

_CLEAR = 3.0
"""Standard errors of either count by which two counts stand apart: what chance crosses is no border."""

_BITS = 10
"""Of a value's hash, that say which of the others' cells holds it: so coarse that no border is one value's hash."""


@dataclass(frozen=True)
class CategoryCells:
    """The cells of a text column.

    Attributes
    ----------
    own
        The values with a cell of their own, in order.
    parts
        The inner borders of the cells of all others, by :func:`place_of`; a value on a border is above it.
    known
        The commonest value of each of these cells, where enough rows have it to be named, otherwise "".
    """

    own: tuple[str, ...]
    parts: tuple[int, ...] = ()
    known: tuple[str, ...] = ("",)


def place_of(texts: Iterable[str]) -> Ints:
    """Where the hash of each text falls: 0 to 1,023, shape (k,).

    Examples
    --------
    >>> place_of(["north", "south"]).tolist() == place_of(["south", "north"]).tolist()[::-1]
    True
    """
    hashes = row_digests(pd.DataFrame({"value": pd.Series(list(texts), dtype="object")}))
    return (hashes >> np.uint64(64 - _BITS)).astype(np.int64)


def clear_of_chance(counts: Sequence[int], rest: float) -> int:
    """How many of the largest counts stand clear of all that follow.

    Counts that are chosen for being large are larger than their shares of the population say, and a test that takes
    them at their word finds a change where there is none. Where a gap of several standard errors parts the chosen from
    the others, chance has not chosen.

    Parameters
    ----------
    counts
        From the largest to the smallest.
    rest
        The most that any value has which is not among them.

    Examples
    --------
    >>> clear_of_chance([500, 300, 40, 38], 35), clear_of_chance([500, 300], 10), clear_of_chance([17, 16, 15], 15)
    (2, 2, 0)
    """
    here = np.asarray(counts, dtype=np.float64)
    following = np.append(here[1:], rest)[: here.size]
    apart = here - following >= _CLEAR * (np.sqrt(here) + np.sqrt(following))
    return int(np.flatnonzero(apart).max(initial=-1)) + 1


def choose_cells(counts: pd.Series, *, min_cell: int, most: int | None = _MOST) -> CategoryCells:
    """The cells of a column with these rows of each value.

    A value that at least `min_cell` rows have is named where its count stands clear of those that are not, and all are
    where none is left over. All others are cut by their hash, an order that knows nothing of how common they are, as
    numbers are cut at quantiles: so no change among them is out of sight, and no value of few people is told.

    Parameters
    ----------
    counts
        Rows of each value, indexed by its text, shape (k,).
    min_cell
        The fewest rows that a cell tells about.
    most
        At most so many values are named; None for any number.
    """
    ordered = counts.sort_index().sort_values(ascending=False, kind="stable")
    named = ordered[ordered >= min_cell].iloc[:most]
    rest = ordered.iloc[len(named) :]
    if len(rest):
        named = named.iloc[: clear_of_chance(named.tolist(), float(rest.iloc[0]))]
        rest = ordered.iloc[len(named) :]
    own = tuple(sorted(map(str, named.index)))
    if not len(rest):
        return CategoryCells(own)
    places = place_of(map(str, rest.index))
    size = max(min_cell, float(rest.sum()) / max(1, _MOST - len(own)))
    parts = _cut(np.bincount(places, weights=rest.to_numpy(dtype=np.float64), minlength=1 << _BITS).tolist(), size)
    return CategoryCells(own, parts, _known(rest, np.searchsorted(parts, places, side="right"), len(parts), min_cell))


def _cut(rows: Sequence[float], size: float) -> tuple[int, ...]:
    """Borders between neighbours, so that each cell has at least so many rows."""
    parts: list[int] = []
    held, left = 0.0, sum(rows)
    for place, here in enumerate(rows, start=1):
        held, left = held + here, left - here
        if held >= size and left >= size:
            parts.append(place)
            held = 0.0
    return tuple(parts)


def _known(rest: pd.Series, cells: npt.NDArray[np.intp], last: int, min_cell: int) -> tuple[str, ...]:
    first = pd.Series(rest.index.astype(str), dtype="object")[rest.to_numpy() >= min_cell]
    common = first.groupby(cells[: len(first)]).first()  # `rest` begins with the most frequent ones
    return tuple(str(common.get(cell, "")) for cell in range(last + 1))
