"""The area under the ROC curve by group: exact by one sort of the rows, or from a histogram with its error bound."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Area", "area_of_histogram", "exact_areas", "weighted_areas"]

_BLOCK = 1 << 16
_SCAN = 1 << 13  # what a block needs stays in the first two caches, and no dot product starts threads


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve.

    Attributes
    ----------
    value
        The share of pairs (favorable, unfavorable label) that the scores order right, ties counting half; NaN
        without such pairs.
    variance
        DeLong's, NaN with fewer than two rows of a label.
    positives, negatives
        Rows with and without the favorable label.
    error
        How far the value can be from the exact one: 0 for the exact path.
    """

    value: float
    variance: float
    positives: int
    negatives: int
    error: float = 0.0


class _AreaScan:
    """Sums over distinct scores, in rising order, from which area and variance follow."""

    def __init__(self, positives: float, negatives: float) -> None:
        self.m, self.n = positives, negatives
        self.below_pos: float = 0
        self.below_neg: float = 0
        self.twice: float = 0  # whole, and so exact, where rows are
        self.squares = [0.0, 0.0]

    def add(self, pos: npt.NDArray[Any], neg: npt.NDArray[Any]) -> None:
        """Rows of each label at the next distinct scores."""
        beaten = 2 * (self.below_neg + np.cumsum(neg)) - neg
        beating = 2 * (self.below_pos + np.cumsum(pos)) - pos
        self.twice += (pos @ beaten).item()
        share, rest = beaten / (2 * self.n), 1 - beating / (2 * self.m)
        self.squares[0] += float(pos @ share**2)
        self.squares[1] += float(neg @ rest**2)
        self.below_pos += pos.sum().item()
        self.below_neg += neg.sum().item()

    def add_distinct(self, hit: npt.NDArray[np.bool_]) -> None:
        """Rows in rising order of scores without ties: a row's rank less its rank in its label is what it beats."""
        at = np.flatnonzero(hit)
        below = at - np.arange(-self.below_neg, at.size - self.below_neg)
        self.twice += 2 * int(below.sum())
        share = below / self.n
        self.squares[0] += float(share @ share)
        at = np.flatnonzero(~hit)
        rest = (self.m - self.below_pos - at + np.arange(at.size)) / self.m
        self.squares[1] += float(rest @ rest)
        self.below_neg += at.size
        self.below_pos += below.size

    def area(self, error: float = 0.0) -> Area:
        value = self.twice / (2 * self.m * self.n)
        variance = float("nan")
        if min(self.m, self.n) > 1:
            parts = [
                max(square - size * value**2, 0.0) / (size - 1) / size
                for square, size in zip(self.squares, (self.m, self.n), strict=True)
            ]
            variance = sum(parts)
        return Area(value, variance, round(self.m), round(self.n), error)


def area_of_histogram(rows: npt.ArrayLike, *, ties: bool = False) -> Area:
    """Area from rows by label and bin, shape (2, b): rows of one bin count as ties.

    The exact area lies within ``error`` of it, half the share of pairs that fall into one bin: no order of the
    rows inside a bin moves it further. Where those of a bin have one score (``ties``), it is the exact one.

    Examples
    --------
    >>> found = area_of_histogram([[2, 0], [1, 1]])
    >>> found.value, found.error
    (0.75, 0.25)
    """
    neg, pos = np.asarray(rows)
    m, n = pos.sum().item(), neg.sum().item()
    if not m or not n:
        return Area(float("nan"), float("nan"), ceil(m), ceil(n))
    scan = _AreaScan(m, n)
    scan.add(pos, neg)
    return scan.area(0.0 if ties else float((pos / m) @ (neg / n)) / 2)


def exact_areas(
    score: npt.NDArray[Any], favorable: npt.NDArray[np.bool_], group: npt.NDArray[Any], sizes: npt.NDArray[Any]
) -> Iterator[Area]:
    """The exact area of each group, in the order of the codes.

    Score and label of a row become one integer, so that one sort of plain integers does what an argsort and two
    gathers would. Takes 8 bytes a row beside its inputs.

    Parameters
    ----------
    score
        Finite scores, shape (n,), any float type.
    favorable
        Whether the label is the favorable one, shape (n,).
    group
        Codes, shape (n,).
    sizes
        Rows of each group, shape (g,).
    """
    ends = np.cumsum(sizes)
    keys = _partition(score, favorable, group, ends - sizes)
    for end, size in zip(ends.tolist(), np.asarray(sizes).tolist(), strict=True):
        own = keys[end - size : end]
        own.sort()
        yield _scan_keys(own)


def weighted_areas(
    score: npt.NDArray[Any],
    favorable: npt.NDArray[np.bool_],
    group: npt.NDArray[Any],
    weight: npt.NDArray[np.float64],
    groups: int,
) -> Iterator[Area]:
    """The exact area of each group where rows count for more than one, in the order of the codes.

    Parameters
    ----------
    score
        Scores in rising order, shape (n,).
    favorable, group, weight
        Of the same rows: whether the label is the favorable one, codes, and how many rows each stands for. The variance
        is that of as many rows, so it holds for frequencies alone.
    groups
        How many there are.

    Examples
    --------
    >>> score, favorable, weight = np.array([0.1, 0.1, 0.5]), np.array([False, True, True]), np.array([1.0, 1.0, 3.0])
    >>> [area.value for area in weighted_areas(score, favorable, np.zeros(3, np.uint8), weight, 1)]
    [0.875]
    """
    rows = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=groups)).tolist()
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        own = rows[start:end]
        known, heavy = score[own], weight[own]
        starts = np.flatnonzero(np.diff(known, prepend=np.nan) != 0)
        counts = np.zeros((2, len(starts)))
        for label in (0, 1) if len(own) else ():
            np.add.reduceat(heavy * (favorable[own] == label), starts, out=counts[label])
        yield area_of_histogram(counts, ties=True)


def _partition(score: Any, favorable: Any, group: Any, starts: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Keys of all rows, those of one group side by side."""
    keys = np.empty(len(score), dtype=np.uint64)
    free = np.array(starts, dtype=np.int64)
    coded = _codes_of_scores(score)
    alone = len(starts) == 1
    for start in range(0, len(score), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = coded(rows)
        block <<= np.uint64(1)
        block |= favorable[rows].view(np.uint8)
        if alone:
            keys[rows] = block
            continue
        order = np.argsort(group[rows], kind="stable")
        counts = np.bincount(group[rows], minlength=len(free))
        sorted_, at = block[order], 0
        for code in np.flatnonzero(counts).tolist():
            size = int(counts[code])
            keys[free[code] : free[code] + size] = sorted_[at : at + size]
            at += size
        free += counts
    return keys


def _codes_of_scores(score: npt.NDArray[Any]) -> Any:
    """A function from rows to integers in the order of their scores, with at least one bit to spare."""
    if score.size and score.min() >= 0 and score.max() <= 1:

        def bits(rows: slice) -> npt.NDArray[np.uint64]:
            # The bits of floats from 0 to 1 are in their order and leave two free; adding 0 turns -0 into 0.
            block: npt.NDArray[np.uint64] = (score[rows].astype(np.float64) + 0.0).view(np.uint64)
            return block

        return bits
    ranks = np.unique(score, return_inverse=True)[1]

    def rank(rows: slice) -> npt.NDArray[np.uint64]:
        block: npt.NDArray[np.uint64] = ranks[rows].astype(np.uint64)
        return block

    return rank


def _scan_keys(keys: npt.NDArray[np.uint64]) -> Area:
    """The area of sorted keys (score, label), a block at a time."""
    m = sum(
        int(np.bitwise_and(keys[start : start + _SCAN], np.uint64(1)).sum()) for start in range(0, len(keys), _SCAN)
    )
    n = len(keys) - m
    if not m or not n:
        return Area(float("nan"), float("nan"), m, n)
    scan = _AreaScan(m, n)
    start = 0
    while start < len(keys):
        stop = min(start + _SCAN, len(keys))
        if stop < len(keys):
            # A run of ties that the block's end cuts is left to the next block.
            cut = start + int(np.searchsorted(keys[start:stop], keys[stop - 1] & ~np.uint64(1)))
            if cut == start:
                stop = _add_run(scan, keys, start)
                start = stop
                continue
            stop = cut
        _add_block(scan, keys[start:stop])
        start = stop
    return scan.area()


def _add_run(scan: _AreaScan, keys: npt.NDArray[np.uint64], start: int) -> int:
    """Add one long run of ties; the unfavorable ones come first in it."""
    first = keys[start] & ~np.uint64(1)
    middle = int(np.searchsorted(keys, first | np.uint64(1)))
    end = int(np.searchsorted(keys, first | np.uint64(1), side="right"))
    scan.add(np.array([end - middle]), np.array([middle - start]))
    return end


def _add_block(scan: _AreaScan, block: npt.NDArray[np.uint64]) -> None:
    """Add a block that cuts no run of ties."""
    hit = (block & np.uint64(1)).view(np.int64).astype(bool)
    score = block >> np.uint64(1)
    new = score[1:] != score[:-1]
    if new.all():
        scan.add_distinct(hit)
        return
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    pos = np.add.reduceat(hit.astype(np.int64), starts)
    scan.add(pos, np.diff(starts, append=len(block)) - pos)
