"""Disparities of more than two labels: total variation between groups' distributions of predictions.

Demographic parity is the largest total variation, over pairs of groups, between P(y_hat | group); equalized odds
the largest, over pairs and over labels k, between P(y_hat | y = k, group). With two labels both are Fairlearn's
binary definitions, for total variation between two coins is the difference of their rates.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.fairness.arrays import Floats, divide

__all__ = ["confusion_distributions", "prediction_distributions", "total_variation"]


def prediction_distributions(counts: npt.ArrayLike) -> Floats:
    """P(y_hat | group), shape (..., k), of tables (..., k, k); NaN in a group without rows.

    Examples
    --------
    >>> prediction_distributions([[1, 1], [0, 2]]).tolist()
    [0.25, 0.75]
    """
    chosen = np.asarray(counts, dtype=float).sum(axis=-2)
    return divide(chosen, chosen.sum(axis=-1, keepdims=True))


def confusion_distributions(counts: npt.ArrayLike) -> Floats:
    """P(y_hat | y = k, group), shape (..., k, k): a row for each label; NaN for a label without rows."""
    table = np.asarray(counts, dtype=float)
    return divide(table, table.sum(axis=-1, keepdims=True))


def total_variation(distributions: npt.ArrayLike) -> Floats:
    """Total variation between every two of g distributions: shape (..., g, k) gives (..., g, g).

    It is half the sum of absolute differences: the most that the probability of any event differs.

    Examples
    --------
    >>> total_variation([[.5, .5, 0], [.25, .25, .5]])[0, 1].item()
    0.5
    """
    rows = np.asarray(distributions, dtype=float)
    if rows.ndim > 2:  # one after the other: all pairs of all labels at once would not fit in memory
        return np.stack([total_variation(part) for part in rows])
    between: Floats = np.abs(rows[..., :, None, :] - rows[..., None, :, :]).sum(axis=-1) / 2
    return between


def widest(between: Floats, groups: Sequence[Any]) -> tuple[float, tuple[Any, Any] | None]:
    """The largest entry of a (g, g) table over the pairs where it is defined, and that pair."""
    g = len(groups)
    upper = np.where(np.triu(np.ones((g, g), dtype=bool), 1), between, np.nan)
    if np.isnan(upper).all():
        return float("nan"), None
    a, b = np.unravel_index(int(np.nanargmax(upper)), upper.shape)
    return float(upper[a, b]), (groups[int(a)], groups[int(b)])
