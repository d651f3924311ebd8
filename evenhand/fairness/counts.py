"""The one table that thresholded predictions are a function of: counts of (cell, y, y_hat).

A cell is a combination of all sensitive attributes (and of the legitimate factors that an audit conditions on)
that occurs. Rows are read once; tables of chunks, files and workers add up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.groups import JOINT, Coded

__all__ = ["CountTable", "Floats", "Ints", "Marginal", "count_rows", "merge"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MOST_CLASSES = 256
_BLOCK = 1 << 16  # codes of a block stay in the second-level cache: measured fastest of 2**14 ... 2**22
_DENSE = 1 << 20  # the most slots of a dense table of counts (8 MB)


@dataclass(frozen=True)
class Marginal:
    """The table summed down to some of its attributes.

    Attributes
    ----------
    attributes
        Their names.
    groups
        The combinations of labels that occur, sorted.
    counts
        int64, shape (g, k, k): rows by group, label and predicted label.
    weights, squares
        Sums of the sampling weights and of their squares, shape (g, k, k), or None without weights.
    """

    attributes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    counts: Ints
    weights: Floats | None = None
    squares: Floats | None = None

    @property
    def name(self) -> str:
        """The attributes' names, joined."""
        return JOINT.join(self.attributes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups' names, joined."""
        return tuple(JOINT.join(group) for group in self.groups)

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

    Examples
    --------
    >>> import numpy as np
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
    weights: Floats | None = field(default=None)
    squares: Floats | None = field(default=None)

    @property
    def n(self) -> int:
        """Rows counted."""
        return int(self.counts.sum())

    def marginal(self, attributes: Sequence[str]) -> Marginal:
        """The table summed over every axis but these; with none of them, one group of everybody."""
        axes = [self._axis(name) for name in attributes]
        if not axes:
            return Marginal((), ((),), *(self._fold(np.zeros(len(self.cells), dtype=np.int64), 1)))
        # A mixed-radix number of the codes, in the order of the labels, keeps groups sorted by name.
        orders = [np.argsort(np.argsort(np.asarray(self.labels[axis], dtype=str))) for axis in axes]
        keys = np.stack([order[self.cells[:, axis]] for order, axis in zip(orders, axes, strict=True)], axis=1)
        found, inverse = np.unique(keys, axis=0, return_inverse=True)
        named = [sorted(self.labels[axis]) for axis in axes]
        groups = tuple(tuple(named[i][code] for i, code in enumerate(row)) for row in found)
        return Marginal(tuple(attributes), groups, *self._fold(inverse.reshape(-1), len(found)))

    def _axis(self, name: str) -> int:
        if name not in self.attributes:
            raise DataError(f"{shorten(name)} was not counted: {nearest(name, self.attributes)}")
        return self.attributes.index(name)

    def _fold(self, index: Ints, size: int) -> tuple[Any, Any, Any]:
        def fold(part: Any) -> Any:
            if part is None:
                return None
            out = np.zeros((size, *part.shape[1:]), dtype=part.dtype)
            np.add.at(out, index, part)
            return out

        return fold(self.counts), fold(self.weights), fold(self.squares)

    def with_classes(self, classes: Sequence[Any]) -> "CountTable":
        """The same table with its labels in this order; a label that is new here has no rows."""
        place = [list(classes).index(label) for label in self.classes]
        size = len(classes)

        def move(part: Any) -> Any:
            if part is None:
                return None
            out = np.zeros((len(part), size, size), dtype=part.dtype)
            out[:, np.array(place, dtype=int)[:, None], np.array(place, dtype=int)[None, :]] = part
            return out

        return replace(
            self,
            classes=tuple(classes),
            counts=move(self.counts),
            weights=move(self.weights),
            squares=move(self.squares),
        )

    def __add__(self, other: "CountTable") -> "CountTable":
        if self.attributes != other.attributes:
            raise DataError(f"the tables count {self.attributes} and {other.attributes}: count the same attributes")
        if (self.weights is None) != (other.weights is None):
            raise DataError("one table is weighted and the other is not: give weights to both or to none")
        classes = merge_labels(self.classes, other.classes)
        labels = tuple(merge_labels(a, b) for a, b in zip(self.labels, other.labels, strict=True))
        parts = [part.with_classes(classes) for part in (self, other)]
        cells = np.concatenate([_recode(part, labels) for part in parts])
        found, inverse = np.unique(cells, axis=0, return_inverse=True)

        def stack(name: str) -> Any:
            blocks = [getattr(part, name) for part in parts]
            return None if blocks[0] is None else np.concatenate(blocks)

        stacked = [stack(name) for name in ("counts", "weights", "squares")]
        both = CountTable(self.attributes, labels, cells, classes, *stacked)
        counts, weights, squares = both._fold(inverse.reshape(-1), len(found))
        return CountTable(self.attributes, labels, found, classes, counts, weights, squares)


def merge_labels(*parts: Iterable[Any]) -> tuple[Any, ...]:
    """All labels of the parts, each once, in one order whatever the order of the parts.

    Examples
    --------
    >>> merge_labels(["b"], ["c", "a"])
    ('a', 'b', 'c')
    """
    found = dict.fromkeys(label for part in parts for label in part)
    return tuple(sorted(found, key=lambda label: (str(type(label)), label)))


def _recode(table: CountTable, labels: Sequence[Sequence[str]]) -> Ints:
    columns = []
    for axis, (own, new) in enumerate(zip(table.labels, labels, strict=True)):
        place = {label: code for code, label in enumerate(new)}
        columns.append(np.array([place[label] for label in own], dtype=np.int64)[table.cells[:, axis]])
    return np.stack(columns, axis=1)


def merge(tables: Iterable[CountTable]) -> CountTable:
    """The sum of tables of chunks, files or workers, in any order."""
    found = list(tables)
    if not found:
        raise DataError("there is no table to merge: count at least one chunk")
    return reduce(add, found)


def count_rows(
    groups: Mapping[str, Coded],
    y_true: Coded,
    y_pred: Coded,
    *,
    sampling_weight: npt.ArrayLike | None = None,
    frequency_weight: npt.ArrayLike | None = None,
) -> CountTable:
    """Count (cell, y, y_hat) in one pass over the rows.

    Parameters
    ----------
    groups
        Codes of each axis, all of shape (n,).
    y_true, y_pred
        Codes of the labels.
    sampling_weight
        Shape (n,): how many people of the population a row stands for. Its sums and the sums of its squares stand
        beside the counts.
    frequency_weight
        Shape (n,): whole numbers, how often this row was observed; it multiplies the counts.

    Raises
    ------
    DataError
        Lengths differ, or weights are negative, not finite or (frequencies) not whole.
    """
    columns = [*groups.values(), y_true, y_pred]
    n = len(y_true.codes)
    for name, coded in zip([*groups, "y_true", "y_pred"], columns, strict=True):
        if len(coded.codes) != n:
            raise DataError(f"{name} has {len(coded.codes)} rows and y_true {n}: give the same rows to both")
    if not n:
        raise DataError("there are no rows to audit: give at least one")
    classes = merge_labels(y_true.labels, y_pred.labels)
    if len(classes) > _MOST_CLASSES:
        raise DataError(f"there are {len(classes)} labels: a classifier has at most {_MOST_CLASSES}")
    columns[-2:] = [_onto(y_true, classes), _onto(y_pred, classes)]
    sizes = [*(len(coded.labels) for coded in groups.values()), len(classes), len(classes)]
    slots, index = _locate([coded.codes for coded in columns], sizes)
    parts = _sums(index, len(slots) if slots is not None else int(np.prod(sizes)), n, sampling_weight, frequency_weight)
    return _shape(groups, classes, sizes, slots, parts)


def _onto(coded: Coded, classes: tuple[Any, ...]) -> Coded:
    if coded.labels == classes:
        return coded
    place = np.array([classes.index(label) for label in coded.labels], dtype=np.uint8)
    return Coded(place[coded.codes], classes)


class _Index:
    """The combined code of each row, computed a block at a time so that it never stands in memory as a whole."""

    def __init__(self, codes: Sequence[npt.NDArray[Any]], sizes: Sequence[int]) -> None:
        self.codes = codes
        self.sizes = sizes
        total = int(np.prod(sizes, dtype=object))
        self.dtype = np.uint8 if total < 1 << 8 else np.uint16 if total < 1 << 16 else np.int64

    def blocks(self) -> Iterable[tuple[slice, npt.NDArray[Any]]]:
        n = len(self.codes[0])
        block = min(n, _BLOCK)
        small = np.empty(block, dtype=self.dtype)
        wide = np.empty(block, dtype=np.intp)
        for start in range(0, n, block):
            rows = slice(start, min(n, start + block))
            code, out = small[: rows.stop - start], wide[: rows.stop - start]
            np.copyto(code, self.codes[0][rows], casting="unsafe")
            for column, size in zip(self.codes[1:], self.sizes[1:], strict=True):
                np.multiply(code, self.dtype(size), out=code)
                np.add(code, column[rows], out=code, casting="unsafe")
            np.copyto(out, code, casting="unsafe")
            yield rows, out


def _locate(codes: Sequence[npt.NDArray[Any]], sizes: Sequence[int]) -> tuple[Ints | None, Any]:
    """An index of slots: dense where the table is small, else only the combinations that occur."""
    if np.prod(sizes, dtype=object) <= _DENSE:
        return None, _Index(codes, sizes)
    combined = np.zeros(len(codes[0]), dtype=np.int64)
    limit = np.iinfo(np.int64).max
    if np.prod(sizes, dtype=object) > limit:
        raise DataError("the attributes have more combinations than a 64-bit number holds: audit fewer at a time")
    for column, size in zip(codes, sizes, strict=True):
        combined = combined * size + column
    slots, inverse = np.unique(combined, return_inverse=True)
    return slots, _Index([inverse], [len(slots)])


def _sums(
    index: _Index, size: int, n: int, sampling: npt.ArrayLike | None, frequency: npt.ArrayLike | None
) -> list[Any]:
    if sampling is not None and frequency is not None:
        raise DataError("give sample_weight (sampling) or frequency_weight, not both")
    weight = check_weight(sampling, n, "sample_weight")
    often = check_weight(frequency, n, "frequency_weight", whole=True)
    counts = np.zeros(size, dtype=np.int64)
    sums = None if weight is None else np.zeros((2, size))
    for rows, codes in index.blocks():
        if often is not None:
            counts += np.bincount(codes, weights=often[rows], minlength=size).astype(np.int64)
        else:
            counts += np.bincount(codes, minlength=size)
        if weight is not None and sums is not None:
            sums[0] += np.bincount(codes, weights=weight[rows], minlength=size)
            sums[1] += np.bincount(codes, weights=weight[rows] ** 2, minlength=size)
    return [counts, None, None] if sums is None else [counts, sums[0], sums[1]]


def check_weight(weight: npt.ArrayLike | None, n: int, name: str, *, whole: bool = False) -> Floats | None:
    """Weights as float64, shape (n,), or an error that names what is wrong with them."""
    if weight is None:
        return None
    array = np.asarray(weight, dtype=float)
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape} and there are {n} rows: give one weight a row")
    if not np.isfinite(array).all() or (array < 0).any() or not array.any():
        raise DataError(f"{name} must be finite, not negative and not all 0")
    if whole and (array != np.floor(array)).any():
        raise DataError(f"{name} counts observations: give whole numbers, or sample_weight for sampling weights")
    return array


def _shape(
    groups: Mapping[str, Coded], classes: tuple[Any, ...], sizes: Sequence[int], slots: Ints | None, parts: list[Any]
) -> CountTable:
    k = len(classes)
    if slots is None:
        counts = parts[0].reshape(-1, k * k)
        keys = np.flatnonzero(counts.any(axis=1))
        blocks: list[Any] = [None if part is None else part.reshape(-1, k, k)[keys] for part in parts]
    else:
        keys, inverse = np.unique(slots // (k * k), return_inverse=True)
        blocks = []
        for part in parts:
            block: Any = None if part is None else np.zeros((len(keys), k * k), dtype=part.dtype)
            if block is not None:
                block[inverse, slots % (k * k)] = part
            blocks.append(None if block is None else block.reshape(-1, k, k))
    axes = np.unravel_index(keys, sizes[:-2]) if groups else ()
    cells = np.array(axes, dtype=np.int64).reshape(len(groups), -1).T if groups else np.zeros((1, 0), dtype=np.int64)
    return CountTable(tuple(groups), tuple(c.labels for c in groups.values()), cells, classes, *blocks)
