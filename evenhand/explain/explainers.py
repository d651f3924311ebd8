"""The choice of a local explainer for a model."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from evenhand.exceptions import DataError, ModelError, nearest
from evenhand.explain._model import Inner, unwrap
from evenhand.explain.attributions import LocalExplainer
from evenhand.explain.orientation import orient

__all__ = ["Method", "make_explainer"]

Method = Literal["auto", "shap", "lime", "linear", "tree", "permutation"]

# A linear model's exact values need the mean of the background only, as does the level of sampled ones; this many rows
# give it to three digits.
_LEVEL_ROWS = 10_000


def make_explainer(
    model: Any,
    background: pd.DataFrame,
    *,
    method: Method = "auto",
    favorable_label: Any = None,
    background_rows: int = 100,
    orders: int = 4,
    samples: int = 1000,
    seed: int = 0,
) -> LocalExplainer:
    """A local explainer of a fitted classifier's margin before calibration.

    Parameters
    ----------
    model
        A fitted classifier of raw rows; threshold and calibration wrappers are taken off.
    background
        Training rows that stand for the average case, shape (m, f), with the raw columns the model was fitted on.
    method
        ``auto`` and ``shap`` choose linear, tree or permutation SHAP by the model; each can be asked for by name, and
        ``lime`` for LIME.
    favorable_label
        With two classes the attributions are of this label's log-odds; by default of ``classes_[1]``'s. With more each
        class is explained, and those of several favorable labels are summed (:meth:`Attributions.of`).
    background_rows
        So many background rows are drawn for permutation SHAP and LIME; the linear form takes up to 10,000, and so does
        permutation SHAP for the level that effects are measured from.
    orders
        Orders of the features drawn for each row by permutation SHAP.
    samples
        Perturbed rows for each row by LIME.
    seed
        Of every draw.

    Raises
    ------
    DataError
        When the background is empty.
    ModelError
        When the method does not fit the model.
    """
    if not len(background):
        raise DataError("the background has no rows: give some of the training rows")
    features = tuple(str(column) for column in background.columns)
    inner = unwrap(model, features)
    orientation = orient(list(model.classes_), favorable_label)
    kind = _kind(inner, method)
    if kind == "linear":
        from evenhand.explain._shap import LinearAttributor

        return LinearAttributor(inner, _draw(background, _LEVEL_ROWS, seed), features, orientation)
    if kind == "tree":
        from evenhand.explain._shap import TreeAttributor

        return TreeAttributor(inner, features, orientation)
    sample = _draw(background, background_rows, seed)
    if kind == "lime":
        from evenhand.explain._lime import LimeAttributor

        return LimeAttributor(inner, sample, features, orientation, samples=samples, seed=seed)
    from evenhand.explain._permutation import PermutationAttributor

    level = _draw(background, _LEVEL_ROWS, seed)
    return PermutationAttributor(inner, sample, features, orientation, level=level, orders=orders, seed=seed)


def _kind(inner: Inner, method: str) -> str:
    options = ("auto", "shap", "linear", "tree", "permutation", "lime")
    if method not in options:
        raise ModelError(f"method {method!r} is unknown: {nearest(method, options)}")
    fits = _fitting(inner)
    if method in {"auto", "shap"}:
        return fits
    if method in {"linear", "tree"} and method != fits:
        name = type(inner.classifier).__name__
        raise ModelError(f"method {method!r} does not fit {name}: use {fits!r} or 'auto'")
    return method


def _fitting(inner: Inner) -> str:
    """The exact form of SHAP for this model, or permutation."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    if inner.preprocess is None:
        return "permutation"
    classifier = inner.classifier
    if isinstance(classifier, HistGradientBoostingClassifier):
        # TreeSHAP of native categorical splits is wrong in silence (shap issue 3436).
        native = classifier.is_categorical_
        return "permutation" if native is not None and bool(np.any(native)) else "tree"
    linear = hasattr(classifier, "coef_") and hasattr(classifier, "decision_function")
    # One-vs-one classifiers have a row of coefficients for each pair of classes, and margins for each class.
    rows = 1 if len(classifier.classes_) == 2 else len(classifier.classes_)
    return "linear" if linear and np.ndim(classifier.coef_) == 2 and len(classifier.coef_) == rows else "permutation"


def _draw(rows: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    """At most `size` rows, drawn without replacement."""
    if len(rows) <= size:
        return rows
    places = np.random.default_rng(seed).choice(len(rows), size=size, replace=False)
    return rows.iloc[np.sort(places)]
