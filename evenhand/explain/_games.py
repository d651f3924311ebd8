"""Hybrid rows: each feature taken from one of many rows. The common ground of permutation SHAP and of LIME."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain._model import FloatArray, Inner, margin

__all__ = ["Game", "make_game"]

Index = npt.NDArray[np.intp]

# Encoded cells that are evaluated at once: some 80 MB with the hidden layer of a perceptron.
_CELLS = 2_000_000


class Game(Protocol):
    """The margin of hybrid rows, out of a pool of rows."""

    def margins(self, index: Index) -> FloatArray:
        """Margins of m hybrid rows: feature j of row i is that of the pool's row ``index[i, j]``; index (m, f)."""
        ...


class _EncodedGame:
    """Features are swapped in the encoded matrix, a whole block of columns at a time: the encoder runs once."""

    def __init__(self, inner: Inner, pool: pd.DataFrame) -> None:
        self._classifier = inner.classifier
        self._sources = inner.sources
        self._pool = inner.encode(pool)

    def margins(self, index: Index) -> FloatArray:
        step = max(1, _CELLS // max(1, self._pool.shape[1]))
        columns = np.arange(self._pool.shape[1])
        return np.concatenate(
            [
                margin(self._classifier, self._pool[index[start : start + step][:, self._sources], columns])
                for start in range(0, len(index), step)
            ]
        )


class _RawGame:
    """Features are swapped in the raw frame: for any model, at the price of encoding every hybrid row."""

    def __init__(self, model: Any, pool: pd.DataFrame) -> None:
        self._model = model
        self._columns = {name: pool[name].array for name in pool.columns}

    def margins(self, index: Index) -> FloatArray:
        step = max(1, _CELLS // max(1, len(self._columns)))
        return np.concatenate([self._part(index[start : start + step]) for start in range(0, len(index), step)])

    def _part(self, index: Index) -> FloatArray:
        columns = {name: array.take(index[:, j]) for j, (name, array) in enumerate(self._columns.items())}
        return margin(self._model, pd.DataFrame(columns))


def make_game(inner: Inner, pool: pd.DataFrame) -> Game:
    """The cheaper game that fits the model."""
    return _RawGame(inner.classifier, pool) if inner.preprocess is None else _EncodedGame(inner, pool)
