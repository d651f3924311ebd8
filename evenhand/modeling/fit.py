"""Fitting one candidate with given parameters on raw features."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from evenhand.exceptions import DataError, ModelError, shorten
from evenhand.modeling.candidates import Candidate, get_candidates
from evenhand.modeling.preprocessing import check_features, make_preprocessor

__all__ = ["Resample", "as_labels", "check_weights", "fit_candidate", "fit_errors", "resample_rows"]

Resample = Literal["over", "under"]

fit_errors = (ValueError, ArithmeticError, np.linalg.LinAlgError)
"""What a classifier's fit raises when its parameters and the data do not go together."""


def as_labels(y: npt.ArrayLike) -> npt.NDArray[Any]:
    """The target as an array, shape (n,): strings as objects, whatever pandas stores them as.

    Raises
    ------
    DataError
        A label is missing, or there are fewer than two classes.
    """
    series = pd.Series(y).infer_objects()
    if series.isna().any():
        raise DataError(f"the target misses {int(series.isna().sum())} labels: leave those rows out")
    if series.nunique() < 2:
        raise DataError(f"the target has {series.nunique()} class: a classifier needs at least 2")
    labels: npt.NDArray[Any] = np.asarray(series.to_numpy())
    return labels if labels.dtype.kind in "biuf" else np.asarray(labels, dtype=object)


def check_weights(sample_weight: npt.ArrayLike | None, n: int) -> npt.NDArray[np.float64] | None:
    """The weights as an array, shape (n,), or None.

    Raises
    ------
    DataError
        Their number is not `n`, one is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,):
        raise DataError(f"sample_weight has the shape {weights.shape} and the data {n} rows: give one weight a row")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise DataError("sample_weight must be finite, at least 0 and not 0 everywhere")
    return weights


def resample_rows(labels: npt.NDArray[Any], resample: Resample | None, seed: int) -> npt.NDArray[np.intp] | None:
    """The positions of the rows to train on once the classes are balanced, or None without resampling.

    ``over`` repeats rows of the smaller classes, ``under`` leaves out rows of the larger ones (imbalanced-learn's
    ``RandomOverSampler`` and ``RandomUnderSampler``).

    Examples
    --------
    >>> import numpy as np
    >>> rows = resample_rows(np.array([0, 0, 0, 1]), "over", seed=0)
    >>> rows.tolist()
    [0, 1, 2, 3, 3, 3]
    """
    if resample is None:
        return None
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    samplers = {"over": RandomOverSampler, "under": RandomUnderSampler}
    if resample not in samplers:
        raise ModelError(f"resample {shorten(resample)} is not known: choose 'over', 'under' or None")
    sampler = samplers[resample](random_state=seed)
    sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)
    return np.asarray(sampler.sample_indices_, dtype=np.intp)


def fit_candidate(
    name: str | Candidate,
    params: Mapping[str, Any],
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
    resample: Resample | None = None,
    seed: int = 0,
) -> Pipeline:
    """A pipeline of preprocessor and classifier, fitted on all these rows.

    It runs on one thread, since sums over several threads differ in their last bits: the same data, parameters and
    seed give the same model on every machine with these versions.

    Parameters
    ----------
    name
        Name of a candidate, or a candidate of one's own.
    params
        Parameters of its classifier; what is left out keeps the candidate's default.
    X, y
        Raw features, shape (n, f), and labels, shape (n,).
    sample_weight
        Training weights, shape (n,), or None.
    resample
        Balance the classes first: ``over``, ``under`` or None.
    seed
        Seed of the classifier and of resampling.

    Returns
    -------
    Pipeline
        Steps ``preprocess`` and ``classifier``; takes frames with the columns of `X`.

    Raises
    ------
    ConfigError, DataError
        Unknown candidate; features, labels or weights that cannot be used.
    ModelError
        The classifier could not be fitted with these parameters.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "job": ["a", "b", "a", "b"]})
    >>> model = fit_candidate("logistic", {"C": 1.0}, X, ["no", "no", "yes", "yes"])
    >>> model.predict(X).tolist()
    ['no', 'no', 'yes', 'yes']
    """
    (candidate,) = get_candidates([name])
    check_features(X)
    labels = as_labels(y)
    if len(labels) != len(X):
        raise DataError(f"the target has {len(labels)} rows and the features {len(X)}: give the same rows to both")
    weights = check_weights(sample_weight, len(X))
    rows = resample_rows(labels, resample, seed)
    if rows is not None:
        X, labels = X.iloc[rows], labels[rows]
        weights = None if weights is None else weights[rows]
    try:
        classifier = candidate.make(params, seed, len(np.unique(labels)))
    except TypeError as error:
        raise ModelError(f"{candidate.name} cannot be made with {shorten(dict(params))}: {error}") from error
    pipeline = Pipeline([("preprocess", make_preprocessor(X, scale=candidate.scale)), ("classifier", classifier)])
    return _fit(pipeline, X, labels, weights, candidate.name)


def _fit(
    pipeline: Pipeline, X: pd.DataFrame, labels: npt.NDArray[Any], weights: npt.NDArray[np.float64] | None, name: str
) -> Pipeline:
    with threadpool_limits(1), warnings.catch_warnings():
        # The number of passes is a parameter that the search has chosen, so its end is not news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return pipeline.fit(X, labels, classifier__sample_weight=weights)
        except fit_errors as error:
            raise ModelError(f"{name} cannot be fitted: {type(error).__name__}: {shorten(str(error), 200)}") from error
