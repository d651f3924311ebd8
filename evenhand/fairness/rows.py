"""One pass over rows: from codes, labels, scores and weights to the table of counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError
from evenhand.fairness.arrays import Floats, Ints, unmasked
from evenhand.fairness.counts import CountTable, check_rows, check_weights, merge_labels, single_label
from evenhand.fairness.groups import Coded
from evenhand.fairness.scores import CALIBRATION_BINS, ScoreCounter

__all__ = ["RowCounter", "check_score", "check_weight", "count_rows"]

_MOST_CLASSES = 256
_BLOCK = 1 << 16  # the codes of a block stay in the second-level cache: measured fastest of 2**14 ... 2**22
_DENSE = 1 << 22  # the most slots of a dense table (32 MB): beyond, only the cells that occur get some


def count_rows(
    groups: Mapping[str, Coded],
    y_true: Coded,
    y_pred: Coded,
    *,
    y_score: npt.ArrayLike | None = None,
    favorable_label: Any = None,
    score_bins: int = CALIBRATION_BINS,
    sampling_weight: npt.ArrayLike | None = None,
    frequency_weight: npt.ArrayLike | None = None,
) -> CountTable:
    """Count (cell, y, y_hat) in one pass over the rows, and add up their scores.

    Parameters
    ----------
    groups
        Codes of each axis, all of shape (n,).
    y_true, y_pred
        Codes of the labels.
    y_score
        Probabilities of the favorable label, shape (n,), for two labels.
    favorable_label
        The label that `y_score` is about; the table keeps it, and is audited and merged with no other.
    score_bins
        Bins of the scores' histogram, a multiple of ten.
    sampling_weight
        Shape (n,): how many people of the population a row stands for. Its sums and the sums of its squares stand
        beside the counts.
    frequency_weight
        Shape (n,): whole numbers, how often this row was observed; it multiplies the counts.

    Raises
    ------
    DataError
        Lengths differ, scores are no probabilities, or weights are negative, not finite, too large to be added up or
        (frequencies) not whole. Weights that are all 0 are counted, as those of a chunk may be, and not audited.

    Examples
    --------
    >>> import numpy as np
    >>> from evenhand.fairness.groups import Coded, encode_values
    >>> sex = Coded(np.array([0, 1, 1]), ("f", "m"))
    >>> y, y_hat = encode_values([0, 1, 1], name="y"), encode_values([0, 0, 1], name="y_hat")
    >>> count_rows({"sex": sex}, y, y_hat).counts.tolist()
    [[[1, 0], [0, 0]], [[0, 0], [1, 1]]]
    """
    if sampling_weight is not None and frequency_weight is not None:
        raise DataError("give sample_weight (sampling) or frequency_weight, not both")
    classes = _check_rows(groups, y_true, y_pred)
    n = len(y_true.codes)
    scored = None if y_score is None else single_label(favorable_label)
    labels = [_onto(y_true, classes), _onto(y_pred, classes)]
    index = _Index.of(groups, labels, score_bins if y_score is not None else 1)
    counter = RowCounter(
        index,
        len(classes),
        score=None if y_score is None else check_score(y_score, n, probabilities=True),
        favorable=classes.index(scored) if scored in classes else -1,
        score_bins=score_bins,
        sampling=check_weight(sampling_weight, n, "sample_weight"),
        frequency=check_weight(frequency_weight, n, "frequency_weight", whole=True),
    )
    return counter.count(tuple(groups), tuple(coded.labels for coded in groups.values()), classes, scored)


def _check_rows(groups: Mapping[str, Coded], y_true: Coded, y_pred: Coded) -> tuple[Any, ...]:
    """The labels of both columns, after a check that all columns are of the same rows."""
    n = len(y_true.codes)
    for name, coded in [*groups.items(), ("y_pred", y_pred)]:
        if len(coded.codes) != n:
            raise DataError(f"{name} has {len(coded.codes)} rows and y_true {n}: give the same rows to both")
    if not n:
        raise DataError("there are no rows to audit: give at least one")
    classes = merge_labels(y_true.labels, y_pred.labels)
    if len(classes) > _MOST_CLASSES:
        raise DataError(
            f"there are {len(classes)} labels: a classifier has at most {_MOST_CLASSES}, so cut "
            "numbers such as scores into labels"
        )
    return classes


def _onto(coded: Coded, classes: tuple[Any, ...]) -> Coded:
    if coded.labels == classes:
        return coded
    place = np.array([classes.index(label) for label in coded.labels], dtype=np.uint8)
    return Coded(place[coded.codes], classes)


def check_weight(weight: npt.ArrayLike | None, n: int, name: str, *, whole: bool = False) -> Floats | None:
    """Weights as float64, shape (n,), or an error that names what is wrong with them."""
    if weight is None:
        return None
    try:
        array = np.asarray(unmasked(weight), dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} holds what is no number: give one number a row, shape ({n},)") from error
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape} and there are {n} rows: give one weight a row")
    wrong = int((~(np.isfinite(array) & (array >= 0))).sum())
    if wrong:
        raise DataError(f"{name} has {wrong} values below 0 or not finite: give weights that are finite, not negative")
    if whole and (array != np.floor(array)).any():
        raise DataError(f"{name} counts observations: give whole numbers, or sample_weight for sampling weights")
    with np.errstate(over="ignore"):
        (check_rows if whole else check_weights)(float(array.sum()))
    return array


def check_score(score: npt.ArrayLike, n: int, *, probabilities: bool = False) -> npt.NDArray[Any]:
    """Scores as floats, shape (n,), finite and, where asked, from 0 to 1."""
    array = _numbers(np.asarray(unmasked(score)))
    if array.shape != (n,):
        raise DataError(f"y_score has shape {array.shape} and there are {n} rows: give one number a row, shape ({n},)")
    if array.dtype.kind not in "fiub":
        raise DataError(f"y_score holds what is no number ({array.dtype}): give one number a row, shape ({n},)")
    if array.dtype.kind != "f":
        array = array.astype(float)
    low, high = float(array.min()), float(array.max())  # NaN where one is NaN
    if not np.isfinite([low, high]).all():
        raise DataError(
            f"y_score has {int((~np.isfinite(array)).sum())} values that are not finite: give every "
            "row a score, or leave out the rows that have none"
        )
    if probabilities and (low < 0 or high > 1):
        raise DataError(f"y_score goes from {low:g} to {high:g}: a histogram needs probabilities from 0 to 1")
    return array


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects that are numbers all the same (those of a decimal column, and where it has none) as floats."""
    if array.dtype != object or not all(value is None or isinstance(value, Decimal | Real) for value in array.flat):
        return array
    return array.astype(float)


@dataclass(frozen=True)
class _Index:
    """The slot of each row, computed a block at a time so that it never stands in memory as a whole.

    A slot is (cell, y, y_hat) as one number; ``cells[i]`` is the mixed-radix number of the groups' codes.
    """

    codes: Sequence[npt.NDArray[Any]]
    sizes: Sequence[int]
    radix: Sequence[int]
    cells: Ints | None

    @classmethod
    def of(cls, groups: Mapping[str, Coded], labels: Sequence[Coded], depth: int) -> "_Index":
        axes = [coded.codes for coded in groups.values()]
        radix = [len(coded.labels) for coded in groups.values()]
        ends = [coded.codes for coded in labels]
        k = len(labels[0].labels)
        total = int(np.prod(radix, dtype=object))
        if total * k * max(k, depth) <= _DENSE:
            return cls([*axes, *ends], [*radix, k, k], radix, None)
        if total > np.iinfo(np.int64).max:
            raise DataError("the attributes have more combinations than a 64-bit number holds: audit fewer at a time")
        combined = np.zeros(len(axes[0]), dtype=np.int64)
        for column, size in zip(axes, radix, strict=True):
            combined = combined * size + column
        cells, inverse = np.unique(combined, return_inverse=True)
        return cls([inverse, *ends], [len(cells), k, k], radix, cells)

    def blocks(self, rows: int) -> Iterator[tuple[slice, npt.NDArray[np.intp]]]:
        """Rows and their slots; the array of slots is used again for the next block."""
        n = len(self.codes[0])
        total = int(np.prod(self.sizes, dtype=object))
        # Codes of one or two bytes where they fit: four times the rows in a cache line, and the adds vectorise.
        dtype = np.uint8 if total < 1 << 8 else np.uint16 if total < 1 << 16 else np.int64
        small, wide = np.empty(min(n, rows), dtype=dtype), np.empty(min(n, rows), dtype=np.intp)
        for start in range(0, n, rows):
            at = slice(start, min(n, start + rows))
            code, out = small[: at.stop - start], wide[: at.stop - start]
            np.copyto(code, self.codes[0][at], casting="unsafe")
            for column, size in zip(self.codes[1:], self.sizes[1:], strict=True):
                np.multiply(code, dtype(size), out=code)
                np.add(code, column[at], out=code, casting="unsafe")
            np.copyto(out, code, casting="unsafe")
            yield at, out

    def locate(self, keep: npt.NDArray[np.intp]) -> Ints:
        """Codes of the cells at these positions, shape (c, a)."""
        if not self.radix:
            return np.zeros((len(keep), 0), dtype=np.int64)
        keys = keep if self.cells is None else self.cells[keep]
        return np.stack(np.unravel_index(keys, tuple(self.radix)), axis=1).astype(np.int64)


class RowCounter:
    """Counts rows block by block into dense tables, and keeps the cells that occur."""

    def __init__(
        self,
        index: _Index,
        labels: int,
        *,
        score: npt.NDArray[Any] | None,
        favorable: int,
        score_bins: int,
        sampling: Floats | None,
        frequency: Floats | None,
    ) -> None:
        self.index, self.labels = index, labels
        self.score, self.favorable = score, favorable
        self.sampling, self.frequency = sampling, frequency
        self.slots = int(np.prod(index.sizes))
        self.counts = np.zeros(self.slots, dtype=np.int64)
        self.sums = None if sampling is None else np.zeros((2, self.slots))
        self.scores = None
        if score is not None:
            if labels > 2:
                raise DataError(f"scores are audited for two labels and there are {labels}")
            self.scores = ScoreCounter(self.slots // labels, score_bins, weighted=sampling is not None)

    def count(
        self,
        attributes: tuple[str, ...],
        labels: tuple[tuple[Any, ...], ...],
        classes: tuple[Any, ...],
        scored_label: Any,
    ) -> CountTable:
        """Count all rows."""
        # A block that is small beside the tables would spend its time on adding them up.
        widest = self.slots if self.scores is None else max(self.slots, self.scores.slots * self.scores.bins)
        for rows, slots in self.index.blocks(max(_BLOCK, min(widest, 4 * _BLOCK))):
            self._add(rows, slots)
        k = len(classes)
        keep = np.flatnonzero(self.counts.reshape(-1, k * k).any(axis=1))
        counts = self.counts.reshape(-1, k, k)[keep]
        weights, squares = (None, None) if self.sums is None else self.sums.reshape(2, -1, k, k)[:, keep]
        scores = None if self.scores is None else self.scores.sums(keep, k)
        cells = self.index.locate(keep)
        return CountTable(attributes, labels, cells, classes, counts, weights, squares, scores, scored_label)

    def _add(self, rows: slice, slots: npt.NDArray[np.intp]) -> None:
        if self.frequency is not None:
            often = np.bincount(slots, weights=self.frequency[rows], minlength=self.slots)
            self.counts += np.rint(often).astype(np.int64)
        else:
            self.counts += np.bincount(slots, minlength=self.slots)
        weight = self.frequency
        if self.sampling is not None and self.sums is not None:
            weight = self.sampling
            self.sums[0] += np.bincount(slots, weights=weight[rows], minlength=self.slots)
            self.sums[1] += np.bincount(slots, weights=weight[rows] ** 2, minlength=self.slots)
        if self.scores is not None and self.score is not None:
            favorable = self.index.codes[-2][rows] == self.favorable
            score = self.score[rows].astype(np.float64, copy=False)
            cell_label = slots >> 1 if self.labels == 2 else slots
            self.scores.add(cell_label, score, favorable, None if weight is None else weight[rows])
