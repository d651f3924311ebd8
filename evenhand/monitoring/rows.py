"""Which rows of new data count: each key once, and of a person with several rows one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.people import one_of_each
from evenhand.exceptions import DataError, shorten
from evenhand.monitoring.batches import Batch
from evenhand.monitoring.plain import hash_keys, hash_people

__all__ = ["Mask", "Part", "RowsOnce", "one_row_of_each"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """A part of new data, n rows, without those whose key came before.

    Attributes
    ----------
    rows
        The rows.
    keys, people
        What names each row, and whom it is about, as hashes; None without such a column.
    counted
        Which of them count: of each person one. Shape (n,), or None where all do.
    """

    rows: pd.DataFrame
    keys: pd.Series | None
    people: pd.Series | None
    counted: Mask | None

    @property
    def evidence(self) -> pd.DataFrame:
        """The rows that count."""
        return self.rows if self.counted is None else self.rows[self.counted].reset_index(drop=True)


class RowsOnce:
    """The hashed keys and persons of all rows, read beforehand: no row says twice what depends on one thing.

    Who stands in the data twice by the key is one row; the rows of one person depend on one another, and one of them is
    drawn by a hash of its key (of its place, where there is none).

    Parameters
    ----------
    batch
        The rows.
    key, person
        The columns, or None.

    Attributes
    ----------
    counted
        How many rows count.
    notes
        How many do not, and how many have no key.

    Raises
    ------
    DataError
        When the data has no column that says whose the rows are.
    """

    def __init__(self, batch: Batch, key: str | None, person: str | None = None) -> None:
        self.counted, self.notes = batch.rows, list[str]()
        self._start = 0
        self._keys: pd.Series | None = None
        self._people: pd.Series | None = None
        self._kept: Mask | None = None
        self._evidence: Mask | None = None
        if person is not None and person not in batch.columns:
            raise DataError(
                f"the new data has no column {shorten(person)} (data.group), and of a person's rows one counts, since "
                "they depend on one another: add the column, or train with split.people: all"
            )
        if key is not None:
            self._read_keys(batch, key)
        if person is not None:
            self._read_people(batch, person)

    def part(self, part: pd.DataFrame) -> Part:
        """The next part: without the rows that are passed over, and which of the others count."""
        at = slice(self._start, self._start + len(part))
        self._start = at.stop
        keys, people = _of(self._keys, at), _of(self._people, at)
        counted = None if self._evidence is None else self._evidence[at]
        if self._kept is None or self._kept[at].all():
            return Part(part, keys, people, counted)
        first = self._kept[at]
        left = None if counted is None else counted[first]
        return Part(part[first].reset_index(drop=True), _of(keys, first), _of(people, first), left)

    def _read_keys(self, batch: Batch, name: str) -> None:
        if name not in batch.columns:
            self.notes.append(f"no outcome can find these rows later: they have no column {name}")
            return
        self._keys = pd.concat([hash_keys(part) for part in _column(batch, name)], ignore_index=True)
        known = self._keys.dropna()
        if len(known) < batch.rows:
            self.notes.append(f"no outcome can find {batch.rows - len(known):,} rows later: they have no {name}")
        if _any_twice(known.to_numpy(dtype=np.uint64)):
            again = (self._keys.duplicated() & self._keys.notna()).to_numpy(dtype=bool)
            self._kept = ~again
            self.counted -= int(again.sum())
            self.notes.append(
                f"{again.sum():,} of {batch.rows:,} rows repeat the {name} of a row before them: each counts once"
            )

    def _read_people(self, batch: Batch, name: str) -> None:
        people = pd.concat([hash_people(part) for part in _column(batch, name)], ignore_index=True)
        kept = np.ones(batch.rows, dtype=bool) if self._kept is None else self._kept
        drawn = np.zeros(batch.rows, dtype=bool)
        drawn[kept] = one_row_of_each(people[kept], _of(self._keys, kept))
        self._people = people
        rows, self.counted = self.counted, int(drawn.sum())
        if self.counted < rows:
            self._evidence = drawn
            self.notes.append(f"{name} names {self.counted:,} people in {rows:,} rows: one row of each counts")


def one_row_of_each(people: pd.Series, keys: pd.Series | None = None) -> Mask:
    """One row of every person, shape (n,); one whose person is missing stands for itself.

    Parameters
    ----------
    people, keys
        As :func:`~evenhand.monitoring.plain.hash_people` and :func:`~evenhand.monitoring.plain.hash_keys` give them.

    Examples
    --------
    >>> int(one_row_of_each(hash_people(pd.Series(["ann", "ann", "bob", None, None]))).sum())
    4
    """
    places = np.arange(len(people), dtype=np.uint64)
    if keys is not None:
        named = keys.notna().to_numpy(dtype=bool)
        places[named] = keys.dropna().to_numpy(dtype=np.uint64)
    who = people.fillna(0).to_numpy(dtype=np.uint64)
    return one_of_each(who, people.notna().to_numpy(dtype=bool), places)


def _of(hashes: pd.Series | None, rows: slice | Mask) -> pd.Series | None:
    return None if hashes is None else hashes.iloc[rows]


def _column(batch: Batch, name: str) -> list[pd.Series]:
    # A file among several may lack the column.
    return [part.get(name, pd.Series(np.nan, index=part.index)) for part in batch.parts([name])]


def _any_twice(values: npt.NDArray[np.uint64]) -> bool:
    """Whether a value occurs twice; sorting is several times faster than telling which one."""
    ordered = np.sort(values)
    return bool((ordered[1:] == ordered[:-1]).any())
