"""What an explainer needs of a model: its encoder, its classifier and its margin, without the wrappers around them."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import ModelError

__all__ = ["FloatArray", "Inner", "margin", "unwrap"]

FloatArray = npt.NDArray[np.float64]

# Below this a probability of the margin is cut: the logarithm of an exact 0 has no finite attribution.
_TINY = 1e-12
# Rows that are encoded at once.
_CHUNK = 100_000


@dataclass(frozen=True)
class Inner:
    """The parts of a model, so that its encoder needs to run once only.

    Attributes
    ----------
    preprocess
        The fitted encoder of raw rows, or None: then the whole model is explained on raw rows.
    classifier
        The classifier behind the encoder, whose margin is explained, or the whole model.
    tail
        All that comes after the encoder, calibration and threshold included, or the whole model.
    sources
        For each encoded column the position of the raw column that it comes from, shape (c,); empty without encoder.
    """

    preprocess: Any
    classifier: Any
    tail: Any
    sources: npt.NDArray[np.intp]

    def encode(self, rows: pd.DataFrame) -> Any:
        """Raw rows of shape (n, f) as the classifier sees them, shape (n, c); as they are without an encoder."""
        if self.preprocess is None:
            return rows
        encoded = self.preprocess.transform(rows)
        return np.asarray(encoded.toarray() if hasattr(encoded, "toarray") else encoded, dtype=np.float64)

    def answer(self, rows: pd.DataFrame) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Probabilities (n, k) and labels (n,) of the whole model, a part of the rows at a time."""
        chances, labels = [], []
        for start in range(0, len(rows), _CHUNK):
            encoded = self.encode(rows.iloc[start : start + _CHUNK])
            chances.append(np.asarray(self.tail.predict_proba(encoded), dtype=np.float64))
            labels.append(np.asarray(self.tail.predict(encoded), dtype=object))
        return np.concatenate(chances), np.concatenate(labels)


def unwrap(model: Any, columns: Sequence[str]) -> Inner:
    """Take a model apart: threshold and calibration down to ``Pipeline(preprocess, classifier)``.

    Parameters
    ----------
    model
        A fitted scikit-learn classifier that takes raw rows.
    columns
        The raw columns, in order.

    Returns
    -------
    Inner
        With ``preprocess=None`` and the model itself when there is no pipeline of encoder and classifier inside, or
        when the calibration is an average of several models.
    """
    inner, tail = _without_wrappers(model)
    whole = Inner(None, model, model, np.empty(0, dtype=np.intp))
    steps: list[Any] = getattr(inner, "steps", [])
    if len(steps) != 2:
        return whole
    (_, preprocess), (_, classifier) = steps
    names = _sources(preprocess)
    if not names or len(names) != getattr(classifier, "n_features_in_", -1):
        return whole
    position = {column: place for place, column in enumerate(columns)}
    missing = sorted({name for name in names if name not in position})
    if missing:
        raise ModelError(f"the background lacks columns that the model was fitted on: {', '.join(missing)}")
    return Inner(preprocess, classifier, tail(classifier), np.array([position[name] for name in names], dtype=np.intp))


def _sources(preprocess: Any) -> list[str]:
    """The raw column of each encoded one; empty for an encoder that is not ours and whose columns we cannot trace."""
    from sklearn.compose import ColumnTransformer

    from evenhand.modeling.preprocessing import source_columns

    if not isinstance(preprocess, ColumnTransformer):
        return []
    ours = {name for name, _, columns in preprocess.transformers_ if len(columns)} <= {"numeric", "categorical"}
    return source_columns(preprocess) if ours else []


def _without_wrappers(model: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The innermost model, and how to put the same wrappers around another one."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

    if isinstance(model, FrozenEstimator):
        inner, around = _without_wrappers(model.estimator)
        return inner, lambda other: FrozenEstimator(around(other))
    if isinstance(model, FixedThresholdClassifier | TunedThresholdClassifierCV):
        inner, around = _without_wrappers(model.estimator_)
        return inner, lambda other: _with(model, estimator_=around(other))
    if isinstance(model, CalibratedClassifierCV) and len(model.calibrated_classifiers_) == 1:
        only = model.calibrated_classifiers_[0]
        inner, around = _without_wrappers(only.estimator)
        return inner, lambda other: _with(model, calibrated_classifiers_=[_with(only, estimator=around(other))])
    return model, lambda other: other


def _with(model: Any, **attributes: Any) -> Any:
    """A shallow copy with other attributes; the model itself stays as it is."""
    changed = copy(model)
    for name, value in attributes.items():
        setattr(changed, name, value)
    return changed


def margin(classifier: Any, rows: Any) -> FloatArray:
    """The margin of each row: shape (n,) for two classes (of ``classes_[1]``), (n, k) for more.

    It is ``decision_function`` where the classifier has one (for logistic regression and boosting the log-odds, and
    the scores before the softmax). Else it is made from the probabilities: ``log(p1 / p0)``, and for more classes the
    logarithms of the probabilities less their mean.
    """
    if hasattr(classifier, "decision_function"):
        return np.asarray(classifier.decision_function(rows), dtype=np.float64)
    logs = np.log(np.clip(np.asarray(classifier.predict_proba(rows), dtype=np.float64), _TINY, None))
    if logs.shape[1] == 2:
        return np.asarray(logs[:, 1] - logs[:, 0])
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
