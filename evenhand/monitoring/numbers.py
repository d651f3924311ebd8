"""How the numbers of a column are cut, and what the cells are called."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evenhand.data.frames import value_text

__all__ = ["number_edges", "number_text", "only_value"]


def number_edges(numbers: npt.NDArray[np.float64], bins: int, min_cell: int) -> tuple[float, ...]:
    """The edges of cells with enough rows each, with a cell for a value that most rows have.

    Parameters
    ----------
    numbers
        Without missing ones, shape (n,).
    bins
        At most so many cells, and two more where one value has its own.
    min_cell
        The fewest rows of a cell.

    Examples
    --------
    >>> number_edges(np.array([1.0, 2.0, 2.0, 3.0]), 4, 1)
    (1.5, 2.5)
    >>> number_edges(np.array([5.0] * 30 + [6.0]), 4, 10)
    (4.999995, 5.000005)
    """
    edges = _with_enough(numbers, _edges(numbers, bins), min_cell)
    distinct, counts = np.unique(numbers, return_counts=True)
    few = len(distinct) <= bins
    if not len(distinct) or counts.max() < max(min_cell, len(numbers) / 2) or (few and edges):
        return edges
    common = float(distinct[int(counts.argmax())])
    others = np.abs(distinct[distinct != common])
    reach = _REACH * (abs(common) or min(1.0, float(np.median(others)) if len(others) else 1.0))
    sides = []
    for side in (numbers[numbers < common - reach], numbers[numbers > common + reach]):
        cells = int((bins - 1) * len(side) / max(1, len(numbers) - counts.max()))
        sides.append(_with_enough(side, _edges(side, cells), min_cell) if cells > 1 else ())
    return (*sides[0], common - reach, common + reach, *sides[1])


_REACH = 1e-6
"""Of a value with a cell of its own, of 0 of what is usual beside it: in fewer bytes a column has the same values."""


def only_value(low: float, high: float) -> str:
    """The value that a cell was made for, as text, otherwise "".

    Examples
    --------
    >>> only_value(4.999995, 5.000005), only_value(4.9, 5.1)
    ('5', '')
    """
    middle = (low + high) / 2
    if high - low > 2.5 * _REACH * (abs(middle) or 1.0):
        return ""
    return number_text(float(f"{middle:.12g}"))


def number_text(value: float) -> str:
    """A number as a label has it."""
    return value_text(value) if float(value).is_integer() else f"{value:.6g}"


def _edges(numbers: npt.NDArray[np.float64], bins: int) -> tuple[float, ...]:
    if not len(numbers):
        return ()
    distinct = np.unique(numbers)
    if len(distinct) <= bins:
        return tuple(((distinct[:-1] + distinct[1:]) / 2).tolist())
    found = np.quantile(numbers, np.arange(1, bins) / bins)
    spread = found[-1] - found[0] or distinct[-1] - distinct[0]
    rounded = np.unique(np.round(found, int(np.clip(2 - np.floor(np.log10(spread)), -300, 300))))
    return tuple(rounded[(rounded >= distinct[0]) & (rounded < distinct[-1])].tolist())


def _with_enough(numbers: npt.NDArray[np.float64], edges: Sequence[float], min_cell: int) -> tuple[float, ...]:
    """The edges after cells with too few rows are joined to the smaller of their neighbours, until there is none."""
    kept = list(edges)
    counts = np.bincount(np.searchsorted(kept, numbers, side="left"), minlength=len(kept) + 1).tolist()
    while len(counts) > 1 and min(counts) < min_cell:
        at = counts.index(min(counts))
        left = at == len(counts) - 1 or (at > 0 and counts[at - 1] < counts[at + 1])
        joined = at - 1 if left else at
        counts[joined : joined + 2] = [counts[joined] + counts[joined + 1]]
        del kept[joined]
    return tuple(kept)
