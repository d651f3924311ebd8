"""Rows of one person are not independent: which row stands for whom, and what a split does to people."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data._persons import names_people
from evenhand.data.dataset import Dataset
from evenhand.data.digest import Hashes, key_digests, mix, row_digests
from evenhand.data.finding import Finding
from evenhand.data.splits import Split

__all__ = ["PeopleRows", "evidence_rows", "find_people", "one_of_each", "one_row_each"]

Mask = npt.NDArray[np.bool_]

PeopleRows = Literal["one", "all"]


def one_row_each(dataset: Dataset) -> Mask:
    """One row of every person (`data.group`), drawn by a hash of its content, shape (n,); all rows without people.

    A row whose person is missing stands for itself.

    Examples
    --------
    >>> X, sex = pd.DataFrame({"a": [1, 2, 3]}), pd.DataFrame({"sex": ["f", "f", "m"]})
    >>> int(one_row_each(Dataset(X, pd.Series([0, 1, 1]), sex, group=pd.Series(["ann", "ann", "bob"]))).sum())
    2
    """
    if dataset.group is None:
        return np.ones(len(dataset), dtype=bool)
    return one_of_each(key_digests(dataset.group, "group"), dataset.group.notna(), row_digests(dataset.to_frame()))


def one_of_each(people: Hashes, known: npt.ArrayLike, rows: Hashes) -> Mask:
    """One row of every person, shape (n,); a row whose person is missing stands for itself.

    Parameters
    ----------
    people
        A digest of who each row is about, shape (n,).
    known
        Whether that is known, shape (n,).
    rows
        What the draw is made by, shape (n,): a digest that tells a person's rows apart, whatever their order.

    Examples
    --------
    >>> people, rows = np.array([7, 7, 0, 0], dtype=np.uint64), np.arange(4, dtype=np.uint64)
    >>> drawn = one_of_each(people, [True, True, False, False], rows)
    >>> int(drawn[:2].sum()), drawn[2:].tolist()
    (1, [True, True])
    """
    order = np.lexsort((mix(rows), people))
    first = np.ones(len(people), dtype=bool)
    first[order[1:]] = people[order[1:]] != people[order[:-1]]
    return np.asarray(first | ~np.asarray(known, dtype=bool), dtype=bool)


def evidence_rows(whole: Dataset, split: Split, people: PeopleRows) -> Dataset:
    """The rows of the test part that evidence is made of.

    Parameters
    ----------
    whole, split
        All rows, and who is where.
    people
        ``one``: of each person one row. ``all``: every row.
    """
    test = whole.take(split.rows("test"))
    return test.take(one_row_each(test)) if people == "one" else test


def find_people(whole: Dataset, split: Split, people: PeopleRows) -> Iterator[Finding]:
    """What a person should know who reads figures about rows of which several are one person's, or may be.

    Parameters are those of :func:`evidence_rows`.
    """
    if whole.group is None:
        yield from _unnamed(whole)
        return
    known, name = whole.group.notna().to_numpy(), str(whole.group.name)
    names = pd.Series(key_digests(whole.group, "group"))
    at_test = np.isin(np.arange(len(whole)), split.rows("test"))
    tested, learned = names[known & at_test], names[known & ~at_test]
    everybody = tested.nunique()
    if shared := int(np.isin(tested.unique(), learned).sum()):
        yield Finding(
            "shared_people",
            name,
            f"names {everybody:,} people in the test part, and {shared:,} of them are in train or validation too: "
            "the model has met them, so figures look better than they are for others; `split.method: group` keeps "
            "them apart",
            shared,
        )
    if len(tested) > everybody:
        done = {
            "one": "figures and verdicts rest on one row of each",
            "all": "intervals and verdicts take them as independent, as `split.people` asks, and are too narrow",
        }[people]
        told = f"names {everybody:,} people in {len(tested):,} rows of the test part, which depend on one another"
        yield Finding("repeated_people", name, f"{told}: {done}", everybody)


def _unnamed(whole: Dataset) -> Iterator[Finding]:
    """Features that seem to name people, of data that declare none."""
    for name in whole.X.columns:
        column = whole.X[name]
        if names_people(column):
            distinct, present = column.nunique(), int(column.notna().sum())
            told = (
                f"is a feature with {distinct:,} values in {present:,} rows: if rows with one value are one person's, "
                "name it in data.group, and `split.method: group` keeps them on one side; if it names something else, "
                "exclude it"
            )
            yield Finding("unnamed_people", str(name), told, distinct)
