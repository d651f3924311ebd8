"""Partial dependence and ICE: what the model answers when one feature is set to each of a grid of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain.bands import is_numeric, rounded

__all__ = ["Curve", "Dependence", "partial_dependence"]

_POINTS = 15
_LEVELS = 12


@dataclass(frozen=True)
class Curve:
    """The probability of one class along the grid: its mean over the rows (partial dependence) and the spread of ICE.

    `q10`, `q25`, `q75` and `q90` are quantiles of the rows' curves at each grid point.
    """

    label: str
    mean: tuple[float, ...]
    q10: tuple[float, ...]
    q25: tuple[float, ...]
    q75: tuple[float, ...]
    q90: tuple[float, ...]


@dataclass(frozen=True)
class Dependence:
    """One feature's dependence.

    Attributes
    ----------
    feature, kind
        The column; ``numeric`` or ``categorical``.
    grid
        Numbers on a rounded grid between the 5th and the 95th percentile, or the common categories.
    rows
        Rows that each point is averaged over.
    curves
        One for the explained label, or one for each class.
    reason
        Why there is no curve, or None.
    """

    feature: str
    kind: str
    grid: tuple[float | str, ...]
    rows: int
    curves: tuple[Curve, ...]
    reason: str | None = None


def partial_dependence(
    model: Any,
    X: pd.DataFrame,
    feature: str,
    *,
    labels: Sequence[str],
    places: Sequence[int],
    min_cell: int = 10,
) -> tuple[Dependence, npt.NDArray[np.float64]]:
    """Brute-force partial dependence (Friedman 2001, section 8.2) and ICE (Goldstein et al. 2015) of probabilities.

    Parameters
    ----------
    model
        A fitted classifier of raw rows, wrappers and all.
    X
        The rows to average over, shape (n, f).
    feature
        A column of X.
    labels, places
        The classes to follow and their positions in ``model.classes_``.
    min_cell
        A value of a category, or of a number with few values, is a point of the grid only when so many rows have it.

    Returns
    -------
    tuple
        The dependence, and the rows' own curves, shape (n, points, labels), which are restricted.
    """
    kind = "numeric" if is_numeric(X[feature]) else "categorical"
    grid, shown = _grid(X[feature], min_cell)
    empty = np.empty((len(X), 0, len(labels)))
    if len(X) < min_cell or not len(shown):
        reason = f"no value of the feature is shared by {min_cell} rows"
        return Dependence(feature, kind, (), len(X), (), reason), empty
    stacked = pd.concat([X] * len(shown), ignore_index=True)
    stacked[feature] = grid.iloc[np.repeat(np.arange(len(shown)), len(X))].reset_index(drop=True)
    chances = np.asarray(model.predict_proba(stacked), dtype=np.float64)[:, list(places)]
    ice = chances.reshape(len(shown), len(X), len(labels)).transpose(1, 0, 2)
    return Dependence(feature, kind, tuple(shown), len(X), _curves(ice, labels)), ice


def _curves(ice: npt.NDArray[np.float64], labels: Sequence[str]) -> tuple[Curve, ...]:
    spread = np.quantile(ice, [0.1, 0.25, 0.75, 0.9], axis=0)
    mean = ice.mean(axis=0)
    return tuple(
        Curve(label, tuple(mean[:, k].tolist()), *(tuple(level[:, k].tolist()) for level in spread))
        for k, label in enumerate(labels)
    )


def _grid(values: pd.Series, min_cell: int) -> tuple[pd.Series, list[float | str]]:
    """The values to set, in the column's dtype, and how they are shown."""
    counts = values.dropna().value_counts()
    common = counts[counts >= min_cell].index
    if not is_numeric(values):
        kept = pd.Series(list(common[:_LEVELS]), dtype=values.dtype)
        return kept, [str(value) for value in kept]
    if len(counts) <= _POINTS:
        return pd.Series(sorted(common), dtype=values.dtype), [float(value) for value in sorted(common)]
    numbers = values.dropna().to_numpy(dtype=np.float64)
    low, high = np.quantile(numbers, [0.05, 0.95])
    points = sorted({rounded(float(point), float(high - low)) for point in np.linspace(low, high, _POINTS)})
    if len(numbers) < min_cell or low == high:
        return pd.Series([], dtype=np.float64), []
    return pd.Series(points, dtype=np.float64), list(points)
