"""Hybrid rows: each feature taken from one of many rows. The common ground of permutation SHAP and of LIME."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain._model import FloatArray, Inner, margin

__all__ = ["Game"]

Index = npt.NDArray[np.intp]

# Encoded cells that are evaluated at once: some 80 MB with the hidden layer of a perceptron.
_CELLS = 2_000_000


class Game:
    """Hybrid rows out of a pool of rows, and what a model makes of them.

    Features are swapped in the encoded matrix, a whole block of columns at a time, so that the encoder runs once. For
    a model without a known encoder they are swapped in the raw frame, at the price of encoding every hybrid row.
    """

    def __init__(self, inner: Inner, pool: pd.DataFrame) -> None:
        self._inner = inner
        self._raw = inner.preprocess is None
        self._encoded = None if self._raw else inner.encode(pool)
        self._columns = {name: pool[name].array for name in pool.columns} if self._raw else {}

    def margins(self, index: Index) -> FloatArray:
        """Margins of m hybrid rows: feature j of row i is that of the pool's row ``index[i, j]``; index (m, f)."""
        width = len(self._columns) if self._encoded is None else self._encoded.shape[1]
        step = max(1, _CELLS // max(1, width))
        parts = (self.rows(index[start : start + step]) for start in range(0, len(index), step))
        return np.concatenate([margin(self._inner.classifier, part) for part in parts])

    def rows(self, index: Index) -> Any:
        """The hybrid rows as the model behind the encoder takes them."""
        if self._encoded is None:
            return pd.DataFrame(
                {name: array.take(index[:, j]) for j, (name, array) in enumerate(self._columns.items())}
            )
        return self._encoded[index[:, self._inner.sources], np.arange(self._encoded.shape[1])]
