"""How far each row's probability is from the threshold that decides about it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import FixedThresholdClassifier

__all__ = ["margins"]

FloatArray = npt.NDArray[np.float64]


def margins(model: Any, X: pd.DataFrame, decided: npt.NDArray[Any]) -> tuple[FloatArray, str]:
    """The distance of each row's probability from the threshold, or why there is none.

    Parameters
    ----------
    model
        A fitted classifier.
    X, decided
        n rows and the model's labels of them.

    Returns
    -------
    tuple
        Shape (n,). For two labels the distance of the positive label's probability from the threshold; for more, half
        the gap between the two most probable labels, which is the same for two labels and a threshold of one half.
        Where the decisions do not follow from the probabilities so (thresholds by group, random decisions, no
        probabilities) every distance is NaN and the text says it.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> distance, reason = margins(model, X, model.predict(X))
    >>> distance.round(3).tolist(), reason
    ([0.308, 0.118, 0.118, 0.308], '')
    """
    nothing = np.full(len(X), np.nan)
    if not hasattr(model, "predict_proba"):
        return nothing, "the model gives no probabilities"
    proba, classes = np.asarray(model.predict_proba(X)), np.asarray(model.classes_)
    if len(classes) == 2:
        threshold, positive = _threshold(model)
        above = proba[:, positive] - threshold
        follows, distance = (above >= 0) == (decided == classes[positive]), np.abs(above)
    else:
        ordered = np.sort(proba, axis=1)
        follows, distance = classes[proba.argmax(axis=1)] == decided, (ordered[:, -1] - ordered[:, -2]) / 2
    if not follows[distance > 1e-12].all():
        return nothing, "its decisions do not follow from its probabilities by one threshold"
    return np.asarray(distance), ""


def _threshold(model: Any) -> tuple[float, int]:
    """The threshold of a model of two labels, and the place of the label that it is about."""
    if not isinstance(model, FixedThresholdClassifier):
        return 0.5, 1
    positive = 1 if model.pos_label is None else list(model.classes_).index(model.pos_label)
    return (0.5 if model.threshold == "auto" else float(model.threshold)), positive
