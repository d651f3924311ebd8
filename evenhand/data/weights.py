"""Training weights that balance the classes, or make class and sensitive group independent."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import require_columns
from evenhand.exceptions import ConfigError, DataError, Problem, nearest, shorten

__all__ = ["METHODS", "WeightMethod", "compute_weights"]

WeightMethod = Literal["none", "balanced", "reweighing", "resample"]

METHODS: tuple[WeightMethod, ...] = ("none", "balanced", "reweighing", "resample")
"""``none``, ``balanced``, ``reweighing``, ``resample``."""


def compute_weights(
    y: pd.Series | npt.ArrayLike,
    sensitive_features: pd.DataFrame | None = None,
    *,
    method: WeightMethod,
    attributes: Sequence[str] | None = None,
) -> npt.NDArray[np.float64] | None:
    """Training weights of mean 1, shape (n,), or None when the rows are not to be weighted.

    Parameters
    ----------
    y
        Target of the rows to train on, shape (n,).
    sensitive_features
        Sensitive columns of the same rows, shape (n, a); needed for ``reweighing``.
    method
        ``balanced`` gives every class the same total weight. ``reweighing`` gives a row of group s and class y the
        weight P(s) P(y) / P(s, y), so that under the weights group and class are independent (Kamiran and Calders
        2012, "Data preprocessing techniques for classification without discrimination", section 5.2). ``none`` and
        ``resample`` weight nothing: resampling happens inside the folds.
    attributes
        The sensitive columns whose intersections are the groups; all of them by default.

    Raises
    ------
    ConfigError
        When the method is no known one.
    DataError
        When reweighing has no sensitive columns, or the rows do not match.

    Examples
    --------
    >>> compute_weights([1, 1, 1, 0], method="balanced").round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    if method not in METHODS:
        raise ConfigError(
            "the weights are unknown", [Problem("weights.method", shorten(method), nearest(method, METHODS))]
        )
    if method in ("none", "resample"):
        return None
    classes = pd.factorize(np.asarray(y))[0]
    if not len(classes):
        raise DataError("there are no rows to weight")
    if method == "balanced":
        weights = 1.0 / np.bincount(classes)[classes]
    else:
        groups = _groups(sensitive_features, attributes, len(classes))
        weights = _reweighing(groups, classes)
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def _groups(sensitive_features: pd.DataFrame | None, attributes: Sequence[str] | None, n: int) -> npt.NDArray[np.intp]:
    if sensitive_features is None or not sensitive_features.shape[1]:
        raise DataError("reweighing needs a sensitive attribute: name one under data.sensitive, or use 'balanced'")
    if len(sensitive_features) != n:
        raise DataError(f"sensitive_features has {len(sensitive_features)} rows and y has {n}: give the same rows")
    chosen = list(attributes) if attributes is not None else list(sensitive_features.columns)
    require_columns(sensitive_features, [("attribute", name) for name in chosen])
    return np.asarray(sensitive_features.groupby(chosen, sort=False, dropna=False).ngroup(), dtype=np.intp)


def _reweighing(groups: npt.NDArray[np.intp], classes: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    n_classes = int(classes.max()) + 1
    cells = groups * n_classes + classes
    in_cell = np.bincount(cells)[cells]
    expected = np.bincount(groups)[groups] * np.bincount(classes)[classes] / len(classes)
    return np.asarray(expected / in_cell, dtype=np.float64)
