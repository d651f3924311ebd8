"""The area under the ROC curve by group: exact by one sort of the rows, or from a histogram with its error bound."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Area", "RisingRows", "area_of_histogram", "weighted_areas"]

Axes = Mapping[str, npt.NDArray[Any]]

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


class RisingRows:
    """Rows in the order of their scores: one sort, from which the exact areas of every view follow.

    Takes 8 bytes a row and the codes beside its inputs: the array of the order ends as two of half its width, the keys
    of the rows and the room in which the groups of a view are laid side by side.

    Parameters
    ----------
    score
        Finite scores, shape (n,), any float type.
    favorable
        Whether the label is the favorable one, shape (n,).
    axes
        Codes by attribute, each of shape (n,).

    Examples
    --------
    >>> score, favorable = np.array([0.5, 0.1, 0.1]), np.array([True, False, True])
    >>> rows = RisingRows(score, favorable, {"sex": np.array([0, 1, 1])})
    >>> [area.value for area in rows.areas([3])], [area.value for area in rows.areas([1, 2], lambda axes: axes["sex"])]
    ([0.75], [nan, 0.5])
    """

    def __init__(
        self, score: npt.NDArray[Any], favorable: npt.NDArray[np.bool_], axes: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        order = np.argsort(score)
        self._keys, self._room = _halves(order)
        self._axes = {name: np.empty_like(codes) for name, codes in axes.items()}
        rank, last = -1, np.nan
        for start in range(0, len(order), _BLOCK):
            own = order[start : start + _BLOCK].copy()  # the keys are written over it
            to = slice(start, start + len(own))
            known = score[own]
            ranks = rank + np.cumsum(np.append(known[0] != last, known[1:] != known[:-1]))
            self._keys[to] = ranks << 1 | favorable[own]
            for name, codes in axes.items():
                self._axes[name][to] = codes[own]
            rank, last = int(ranks[-1]), known[-1]

    def areas(self, sizes: npt.ArrayLike, group: Callable[[Axes], npt.NDArray[Any]] | None = None) -> Iterator[Area]:
        """The area of each group of a view, in the order of the groups.

        Parameters
        ----------
        sizes
            Rows of each group, shape (g,).
        group
            From the codes of some rows to the position of each row's group, or None where all are one group.
        """
        ends = np.cumsum(sizes)
        keys = self._keys if group is None else self._partition(ends - sizes, group)
        for start, end in pairwise([0, *ends.tolist()]):
            yield _scan_keys(keys[start:end])

    def _partition(self, starts: npt.NDArray[Any], group: Callable[[Axes], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Keys of all rows, those of one group side by side and still in order."""
        free = np.array(starts, dtype=np.int64)
        for start in range(0, len(self._keys), _BLOCK):
            rows = slice(start, start + _BLOCK)
            codes = group({name: axis[rows] for name, axis in self._axes.items()})
            ordered, at = self._keys[rows][np.argsort(codes, kind="stable")], 0
            counts = np.bincount(codes, minlength=len(free))
            for code in np.flatnonzero(counts).tolist():
                size = int(counts[code])
                self._room[free[code] : free[code] + size] = ordered[at : at + size]
                at += size
            free += counts
        return self._room


def _halves(order: npt.NDArray[np.intp]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Two arrays as long as `order`, which are its memory where a rank and a bit fit into half of a number."""
    if len(order) >= 1 << 31:
        return np.empty(len(order), dtype=np.uint64), np.empty(len(order), dtype=np.uint64)
    both = order.view(np.uint32)
    return both[: len(order)], both[len(order) :]


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


def _scan_keys(keys: npt.NDArray[Any]) -> Area:
    """The area of keys (rank of the score, label) that rise but for the order of labels at one score."""
    m = _favorable(keys)
    n = len(keys) - m
    if not m or not n:
        return Area(float("nan"), float("nan"), m, n)
    scan = _AreaScan(m, n)
    start = 0
    while start < len(keys):
        stop = min(start + _SCAN, len(keys))
        if stop < len(keys):
            # A run of ties that the block's end cuts is left to the next block.
            cut = start + int(np.searchsorted(keys[start:stop], keys[stop - 1] & ~keys.dtype.type(1)))
            if cut == start:
                start = _add_run(scan, keys, start)
                continue
            stop = cut
        _add_block(scan, keys[start:stop])
        start = stop
    return scan.area()


def _favorable(keys: npt.NDArray[Any]) -> int:
    return sum(int((keys[start : start + _SCAN] & keys.dtype.type(1)).sum()) for start in range(0, len(keys), _SCAN))


def _add_run(scan: _AreaScan, keys: npt.NDArray[Any], start: int) -> int:
    """Add one long run of ties."""
    end = start + int(np.searchsorted(keys[start:], keys[start] | keys.dtype.type(1), side="right"))
    pos = _favorable(keys[start:end])
    scan.add(np.array([pos]), np.array([end - start - pos]))
    return end


def _add_block(scan: _AreaScan, block: npt.NDArray[Any]) -> None:
    """Add a block that cuts no run of ties."""
    hit = (block & block.dtype.type(1)).astype(bool)
    rank = block >> block.dtype.type(1)
    new = rank[1:] != rank[:-1]
    if new.all():
        scan.add_distinct(hit)
        return
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    pos = np.add.reduceat(hit.astype(np.int64), starts)
    scan.add(pos, np.diff(starts, append=len(block)) - pos)
