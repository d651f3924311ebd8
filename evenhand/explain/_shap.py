"""Exact SHAP values of linear models and of histogram gradient boosting, added back to the raw features."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import ModelError
from evenhand.explain._model import FloatArray, Inner, margin
from evenhand.explain.attributions import Attributions
from evenhand.explain.orientation import Orientation

__all__ = ["LinearAttributor", "TreeAttributor", "additivity_gap", "check_additivity", "import_shap"]

# Relative to the largest margin: what double precision leaves after some thousand additions.
_TOLERANCE = 1e-6


class _EncodedAttributor:
    """SHAP on the encoded matrix; a raw feature gets the sum of its encoded columns, which keeps additivity."""

    method = ""

    def __init__(self, inner: Inner, features: tuple[str, ...], orientation: Orientation) -> None:
        self._inner = inner
        self._features = features
        self._orientation = orientation
        self._back = np.zeros((len(inner.sources), len(features)))
        self._back[np.arange(len(inner.sources)), inner.sources] = 1.0

    def _explain(self, encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (n, c) or (n, c, k) and base () or (k,)."""
        raise NotImplementedError

    def attribute(self, rows: pd.DataFrame) -> Attributions:
        """Attributions of raw rows.

        Raises
        ------
        ModelError
            When values and base do not add up to the margin: then the explainer does not fit the model.
        """
        encoded = self._inner.encode(rows.loc[:, list(self._features)])
        values, base = self._explain(encoded)
        summed = np.moveaxis(np.tensordot(values, self._back, axes=(1, 0)), -1, 1)
        made = self._orientation.attributions(summed, base, self._features, self.method)
        check_additivity(made, self._orientation.turn(margin(self._inner.classifier, encoded)))
        return made


class LinearAttributor(_EncodedAttributor):
    """``coef * (x - mean)`` of a linear classifier: exact interventional SHAP values.

    Source: Lundberg and Lee 2017, corollary 1 (linear SHAP), with the background's rows as the average case.
    """

    method = "linear"

    def __init__(
        self, inner: Inner, background: pd.DataFrame, features: tuple[str, ...], orientation: Orientation
    ) -> None:
        super().__init__(inner, features, orientation)
        shap = import_shap()
        encoded = inner.encode(background.loc[:, list(features)])
        # Without max_samples shap draws 100 of these rows in silence, and the base is no longer the one we state.
        masker = shap.maskers.Independent(encoded, max_samples=len(encoded))
        self._explainer = shap.LinearExplainer(inner.classifier, masker)

    def _explain(self, encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
        return _shaped(self._explainer.shap_values(encoded), self._explainer.expected_value)


class TreeAttributor(_EncodedAttributor):
    """Path-dependent TreeSHAP of histogram gradient boosting without native categories.

    Source: Lundberg et al. 2020. The average case is the training data as the trees' leaf counts keep it, so no
    background is needed. The interventional form is not used: with missing values its sums miss the margin (seen with
    shap 0.51, by more than 1 in log-odds), and it takes 30 times as long.
    """

    method = "tree"

    def __init__(self, inner: Inner, features: tuple[str, ...], orientation: Orientation) -> None:
        super().__init__(inner, features, orientation)
        shap = import_shap()
        self._explainer = shap.TreeExplainer(
            inner.classifier, feature_perturbation="tree_path_dependent", model_output="raw"
        )

    def _explain(self, encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
        values = self._explainer.shap_values(encoded, check_additivity=False)
        return _shaped(values, self._explainer.expected_value)


def _shaped(values: npt.ArrayLike, base: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Values as (n, c) or (n, c, k), and the base as () or (k,)."""
    array = np.asarray(values, dtype=np.float64)
    expected = np.asarray(base, dtype=np.float64).ravel()
    return array, expected[0] if array.ndim == 2 else expected


def additivity_gap(attributions: Attributions, margins: FloatArray) -> float:
    """The largest gap between base plus values and the margin, relative to the largest margin (at least 1)."""
    if not len(attributions):
        return 0.0
    return float(np.abs(attributions.total - margins).max()) / max(1.0, float(np.abs(margins).max()))


def check_additivity(attributions: Attributions, margins: FloatArray) -> None:
    """Refuse attributions that do not add up.

    Raises
    ------
    ModelError
        When the gap is above 1e-6.
    """
    gap = additivity_gap(attributions, margins)
    if not gap <= _TOLERANCE:
        raise ModelError(
            f"{attributions.method} attributions miss the model's margin by {gap:.2g} of its size: "
            f"this model cannot be explained this way; use method='permutation'"
        )


def import_shap() -> Any:
    """The package shap, which is slow to import and makes deprecated calls to matplotlib while it is."""
    with warnings.catch_warnings():
        # shap 0.51 builds its colour maps with setters that matplotlib is going to drop.
        warnings.filterwarnings(
            "ignore", message="The set_(bad|over|under) function", category=PendingDeprecationWarning
        )
        import shap
    return shap
