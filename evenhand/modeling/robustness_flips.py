"""The smallest change of a single feature that turns a denial into the favorable decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.modeling.perturbation import Column

__all__ = ["SmallestFlips", "candidates_a_row", "smallest_flips"]

FloatArray = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Decide = Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
"""Whether each row of a frame gets the favorable decision, shape (n,)."""

CATEGORY = 1.0
"""What a change of category, or of a flag, counts: as much as one standard deviation of a number."""
FIRST = 8
"""Moves of each row that are tried at once; three times as many in each further round."""


@dataclass(frozen=True)
class SmallestFlips:
    """The smallest move of each row.

    Attributes
    ----------
    distance
        Shape (n,), in standard deviations of the training rows; infinite where no single feature flips the decision.
    reached
        Shape (n,): the farthest move that was tried.
    """

    distance: FloatArray
    reached: FloatArray


def candidates_a_row(columns: Sequence[Column]) -> int:
    """How many moves a row has at most."""
    return sum(len(column.levels) for column in columns)


def smallest_flips(decide: Decide, X: pd.DataFrame, columns: Sequence[Column]) -> SmallestFlips:
    """Try the moves of each row in the order of their distance, until one gives the favorable decision.

    A feature moves to values that training rows have (:attr:`Column.levels`), one feature at a time; a missing value
    stays. So the distance is that of the nearest such value, and not of the boundary itself, which lies nearer.

    Parameters
    ----------
    decide
        The model's decision.
    X
        Denied rows, shape (n, f), numbers as floats.
    columns
        The features that may be moved.

    Examples
    --------
    >>> from evenhand.modeling.perturbation import learn_columns
    >>> X = pd.DataFrame({"income": [0.0, 1.0, 2.0, 3.0, 4.0]})
    >>> found = smallest_flips(lambda rows: (rows["income"] >= 3).to_numpy(), X.head(3), learn_columns(X))
    >>> (found.distance * X["income"].std(ddof=0)).round(6).tolist()
    [3.0, 2.0, 1.0]
    """
    moves = _Moves.of(X, columns)
    distance, left = np.full(len(X), np.inf), np.flatnonzero(moves.known.any(axis=1))
    begin, size = 0, FIRST
    while left.size and begin < moves.order.shape[1]:
        tried = moves.order[left, begin : begin + size]
        possible = moves.known[left[:, None], tried]
        places, turns = np.nonzero(possible)
        flipped = np.zeros(possible.shape, dtype=bool)
        if places.size:
            flipped[places, turns] = decide(moves.frame(left[places], tried[places, turns]))
        hit = flipped.any(axis=1)
        first = tried[hit, flipped[hit].argmax(axis=1)]
        distance[left[hit]] = moves.distance[left[hit], first]
        left = left[~hit & possible.all(axis=1)]
        begin, size = begin + size, 3 * size
    return SmallestFlips(distance, np.where(moves.known, moves.distance, 0.0).max(axis=1, initial=0.0))


@dataclass(frozen=True)
class _Moves:
    """Every move of every row: to which value of which column, how far, and in which order they are tried."""

    X: pd.DataFrame
    columns: Sequence[Column]
    column: Rows
    level: Rows
    distance: FloatArray
    known: npt.NDArray[np.bool_]
    order: Rows

    @classmethod
    def of(cls, X: pd.DataFrame, columns: Sequence[Column]) -> "_Moves":
        places = [(at, level) for at, column in enumerate(columns) for level in range(len(column.levels))]
        pairs = np.array(places, dtype=np.intp).reshape(-1, 2)
        parts = [_distances(X[column.name], column) for column in columns]
        distance = np.hstack([np.empty((len(X), 0)), *parts])
        # Equal distances in the order of the columns, so that the same rows give the same answer.
        order = np.argsort(distance, axis=1, kind="stable")
        return cls(X, columns, pairs[:, 0], pairs[:, 1], distance, np.isfinite(distance), order)

    def frame(self, rows: Rows, moves: Rows) -> pd.DataFrame:
        """The rows, each with its move made."""
        made: dict[str, Any] = {str(name): self.X[name].array[rows] for name in self.X.columns}
        at, level = self.column[moves], self.level[moves]
        for place in np.unique(at):
            column, moved = self.columns[place], at == place
            levels = pd.Series(list(column.levels), dtype=self.X[column.name].dtype).array
            made[column.name][moved] = levels[level[moved]]
        return pd.DataFrame(made)


def _distances(values: "pd.Series[Any]", column: Column) -> FloatArray:
    """How far each level is from each row's value, shape (n, levels); infinite where there is no move."""
    size = (len(values), len(column.levels))
    if column.kind == "number":
        known = values.to_numpy(np.float64)[:, None]
        far = np.abs(known - np.array(column.levels, dtype=float)[None, :]) / (column.spread or np.nan)
        return np.asarray(np.where(np.isfinite(far) & (far > 0), far, np.inf)).reshape(size)
    plain = values.astype(object).to_numpy()
    same = np.array([plain == level for level in column.levels], dtype=bool).T.reshape(size)
    stays = same | values.isna().to_numpy()[:, None]
    return np.where(stays, np.inf, CATEGORY)
