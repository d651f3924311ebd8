"""The one table that thresholded predictions are a function of: counts of (cell, y, y_hat).

A cell is a combination of all sensitive attributes (and of the legitimate factors that an audit conditions on)
that occurs. Rows are read once; tables of chunks, files and workers add up.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from operator import add
from typing import Any

import numpy as np

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import Floats, Ints
from evenhand.fairness.groups import joined
from evenhand.fairness.scores import ScoreSums
from evenhand.order import group_order

__all__ = ["CountTable", "Marginal", "check_rows", "check_weights", "merge", "merge_labels", "single_label"]

_MOST_ROWS = 2**53  # below, a float64 tells every whole number
_MOST_WEIGHT = 1e100  # squares and products of three stay far from the largest float64


@dataclass(frozen=True)
class Marginal:
    """The table summed down to some of its attributes.

    Attributes
    ----------
    attributes
        Their names.
    groups
        The combinations of labels that occur, in the order of :func:`evenhand.order.group_order`.
    counts
        int64, shape (g, k, k): rows by group, label and predicted label.
    weights, squares
        Sums of the sampling weights and of their squares, shape (g, k, k), or None without weights.
    scores
        Sums of the scores, or None without scores.
    """

    attributes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    counts: Ints
    weights: Floats | None = None
    squares: Floats | None = None
    scores: ScoreSums | None = None

    @property
    def name(self) -> str:
        """The attributes' names, joined."""
        return joined(self.attributes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups' names, joined."""
        return tuple(joined(group) for group in self.groups)

    @property
    def table(self) -> Floats | Ints:
        """What estimates are made of: the weighted table where there are weights, else the counts."""
        return self.counts if self.weights is None else self.weights

    @property
    def n(self) -> Ints:
        """Rows of each group, shape (g,)."""
        n: Ints = self.counts.sum(axis=(1, 2))
        return n


@dataclass(frozen=True)
class CountTable:
    """Counts of every cell that occurs, by label and predicted label.

    Attributes
    ----------
    attributes
        Names of the axes that make a cell: sensitive attributes, then factors.
    labels
        The labels of each axis.
    cells
        int64, shape (c, a): each cell's code on each axis, in rising order.
    classes
        The labels of the target.
    counts
        int64, shape (c, k, k).
    weights, squares
        Sums of the sampling weights and of their squares, shape (c, k, k), or None.
    scores
        Sums of the scores by cell and label, or None.
    scored_label
        The label whose probability the scores are, None without scores.

    Raises
    ------
    DataError
        More rows, or heavier ones, than can be added up rightly, or scores of no named label.

    Examples
    --------
    >>> import numpy as np
    >>> from evenhand.fairness import count_rows
    >>> from evenhand.fairness.groups import Coded, encode_values
    >>> sex = Coded(np.array([0, 1, 1]), ("f", "m"))
    >>> y = encode_values([0, 1, 1], name="y")
    >>> y_hat = encode_values([0, 0, 1], name="y_hat")
    >>> table = count_rows({"sex": sex}, y, y_hat)
    >>> table.counts.tolist()
    [[[1, 0], [0, 0]], [[0, 0], [1, 1]]]
    >>> (table + table).n
    6
    """

    attributes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    cells: Ints
    classes: tuple[Any, ...]
    counts: Ints
    weights: Floats | None = None
    squares: Floats | None = None
    scores: ScoreSums | None = None
    scored_label: Any = None

    def __post_init__(self) -> None:
        if self.scores is not None and self.scored_label is None:
            raise DataError("there are scores of no label: give favorable_label, whose probability they are")
        check_rows(float(self.counts.sum(dtype=np.float64)))
        if self.weights is not None:
            check_weights(float(self.weights.sum()))

    @property
    def n(self) -> int:
        """Rows counted."""
        return int(self.counts.sum())

    def marginal(self, attributes: Sequence[str]) -> Marginal:
        """The table summed over every axis but these; with none of them, one group of everybody."""
        axes = [self._axis(name) for name in attributes]
        if not axes:
            everybody = np.zeros(len(self.cells), dtype=np.int64)
            return Marginal((), ((),), *self._parts(lambda part: _fold(part, everybody, 1)))
        # Codes in the order of the labels keep the groups in that order.
        named = [sorted(self.labels[axis], key=group_order) for axis in axes]
        orders = [_places(self.labels[axis], order) for axis, order in zip(axes, named, strict=True)]
        keys = np.stack([order[self.cells[:, axis]] for order, axis in zip(orders, axes, strict=True)], axis=1)
        found, index = _distinct(keys, [len(order) for order in named])
        groups = tuple(tuple(named[i][code] for i, code in enumerate(row)) for row in found.tolist())
        return Marginal(tuple(attributes), groups, *self._parts(lambda part: _fold(part, index, len(found))))

    def _axis(self, name: str) -> int:
        if name not in self.attributes:
            raise DataError(f"{shorten(name)} was not counted: {nearest(name, self.attributes)}")
        return self.attributes.index(name)

    def arrays(self) -> tuple[Any, ...]:
        """Every array that adds up, cells on the first axis; None for what was not counted."""
        scores = (None,) * 3 if self.scores is None else self.scores.parts()
        return (self.counts, self.weights, self.squares, *scores)

    def _parts(self, change: Callable[[Any], Any]) -> tuple[Any, Any, Any, ScoreSums | None]:
        """Its four parts after a change of every array that they are made of."""
        changed: list[Any] = [None if part is None else change(part) for part in self.arrays()]
        counts, weights, squares, *rest = changed
        return counts, weights, squares, None if rest[0] is None else ScoreSums(*rest)

    def with_classes(self, classes: Sequence[Any]) -> "CountTable":
        """The same table with its labels in this order: new labels have no rows, and left-out ones must have none."""
        order = list(classes)
        kept = [at for at, label in enumerate(self.classes) if label in order]
        place = np.array([order.index(self.classes[at]) for at in kept], dtype=np.int64)
        size = len(order)

        def rows(part: Any) -> Any:
            out = np.zeros((len(part), size, *part.shape[2:]), dtype=part.dtype)
            out[:, place] = part[:, kept]
            return out

        def both(part: Any) -> Any:
            return None if part is None else rows(rows(part).swapaxes(1, 2)).swapaxes(1, 2)

        tables: list[Any] = [both(part) for part in (self.counts, self.weights, self.squares)]
        scores = None if self.scores is None else ScoreSums(*(rows(part) for part in self.scores.parts()))
        counts, weights, squares = tables
        return replace(self, classes=tuple(order), counts=counts, weights=weights, squares=squares, scores=scores)

    def __add__(self, other: "CountTable") -> "CountTable":
        if self.attributes != other.attributes:
            raise DataError(f"the tables count {self.attributes} and {other.attributes}: count the same attributes")
        for name in ("weights", "scores"):
            if (getattr(self, name) is None) != (getattr(other, name) is None):
                raise DataError(f"one table has {name} and the other has none: give {name} to both or to none")
        if self.scored_label != other.scored_label:
            raise DataError(
                f"the scores of one table are of {shorten(self.scored_label)}, of the other of "
                f"{shorten(other.scored_label)}: count both with one favorable_label"
            )
        classes = merge_labels(self.classes, other.classes)
        labels = tuple(merge_labels(a, b) for a, b in zip(self.labels, other.labels, strict=True))
        parts = [part.with_classes(classes) for part in (self, other)]
        cells = np.concatenate([_recode(part, labels) for part in parts])
        found, index = _distinct(cells, [len(each) for each in labels])
        size = len(found)
        firsts, seconds = (part.arrays() for part in parts)
        sums: list[Any] = [
            None if a is None or b is None else _fold(np.concatenate([a, b]), index, size)
            for a, b in zip(firsts, seconds, strict=True)
        ]
        scores = None if self.scores is None else ScoreSums(*sums[3:])
        return CountTable(self.attributes, labels, found, classes, sums[0], sums[1], sums[2], scores, self.scored_label)


def check_rows(rows: float) -> None:
    """Refuse more rows than a float64 counts one by one.

    Examples
    --------
    >>> check_rows(1.6e19)
    Traceback (most recent call last):
    evenhand.exceptions.DataError: the rows add up to 1.6e+19, and from 2**53 on they are not told apart: divide ...
    """
    if rows >= _MOST_ROWS:
        raise DataError(
            f"the rows add up to {rows:g}, and from 2**53 on they are not told apart: divide the frequencies by a "
            "common factor, or give sample_weight where they stand for a population"
        )


def check_weights(weight: float) -> None:
    """Refuse sampling weights whose squares and products a float64 does not hold."""
    if weight > _MOST_WEIGHT:
        raise DataError(
            f"the sampling weights add up to {weight:g}, and their squares would be too large: divide them by their "
            "mean, only their ratios count"
        )


def merge_labels(*parts: Iterable[Any]) -> tuple[Any, ...]:
    """All labels of the parts, each once, in one order whatever the order of the parts.

    Examples
    --------
    >>> merge_labels(["b"], ["c", "a"])
    ('a', 'b', 'c')
    """
    found = dict.fromkeys(label for part in parts for label in part)
    return tuple(sorted(found, key=lambda label: (str(type(label)), label)))


def single_label(favorable: Any) -> Any:
    """The label of a list of one; anything else as it is.

    Examples
    --------
    >>> single_label(["yes"]), single_label("yes")
    ('yes', 'yes')
    """
    if isinstance(favorable, list | tuple | set) and len(favorable) == 1:
        return next(iter(favorable))
    return favorable


def _distinct(rows: Ints, sizes: Sequence[int]) -> tuple[Ints, Ints]:
    """The distinct rows of codes under these sizes, in order, and where each row stands among them."""
    if not sizes or prod(sizes) > _ONE_NUMBER:
        found, inverse = np.unique(rows, axis=0, return_inverse=True)
        return found, inverse.reshape(-1)
    numbers, inverse = np.unique(np.ravel_multi_index(tuple(rows.T), tuple(sizes)), return_inverse=True)
    return np.stack(np.unravel_index(numbers, tuple(sizes)), axis=1).astype(np.int64), inverse


_ONE_NUMBER = 2**62
"""A row of codes as one number sorts some ten times as fast as the row; no more rows than this have one each."""


def _fold(part: Any, index: Ints, size: int) -> Any:
    """Sums of the entries of an array that share an index."""
    out = np.zeros((size, *part.shape[1:]), dtype=part.dtype)
    np.add.at(out, index, part)
    return out


def _places(labels: Sequence[str], order: Sequence[str]) -> Ints:
    place = {label: code for code, label in enumerate(order)}
    return np.array([place[label] for label in labels], dtype=np.int64)


def _recode(table: CountTable, labels: Sequence[Sequence[str]]) -> Ints:
    columns = []
    for axis, (own, new) in enumerate(zip(table.labels, labels, strict=True)):
        columns.append(_places(own, new)[table.cells[:, axis]])
    return np.stack(columns, axis=1)


def merge(tables: Iterable[CountTable]) -> CountTable:
    """The sum of tables of chunks, files or workers, in any order."""
    found = list(tables)
    if not found:
        raise DataError("there is no table to merge: count at least one chunk")
    return reduce(add, found)
