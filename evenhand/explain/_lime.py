"""LIME behind the interface of the other explainers."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import MissingExtraError
from evenhand.explain._games import Game
from evenhand.explain._model import FloatArray, Inner
from evenhand.explain._permutation import row_seeds
from evenhand.explain.attributions import Attributions
from evenhand.explain.bands import fit_bands
from evenhand.explain.orientation import Orientation

__all__ = ["LimeAttributor"]

Codes = npt.NDArray[np.intp]


class LimeAttributor:
    """Weights of LIME's local surrogate (Ribeiro, Singh and Guestrin 2016) on the raw features.

    Every raw feature is one of LIME's binary features, "in the same band as the row": quartiles for numbers, the
    value for categories, and missing as a band of its own. A perturbed row takes the row's own value where the band is
    the same and else the value of a random background row of the drawn band. So one-hot columns are never perturbed
    apart and nothing needs adding back. The margin is explained, in the same unit as SHAP's.

    Parameters
    ----------
    samples
        Perturbed rows for each row.
    """

    method = "lime"

    def __init__(
        self,
        inner: Inner,
        background: pd.DataFrame,
        features: tuple[str, ...],
        orientation: Orientation,
        *,
        samples: int = 1000,
        seed: int = 0,
    ) -> None:
        self._tabular = _import_lime()
        self._inner = inner
        self._background = background.loc[:, list(features)]
        self._features = features
        self._orientation = orientation
        self._samples = samples
        self._seed = seed
        self._bands = [fit_bands(self._background[name], min_cell=1) for name in features]
        self._codes = self._encode(self._background)

    def _encode(self, rows: pd.DataFrame) -> Codes:
        return np.column_stack([bands.codes(rows[bands.feature]) for bands in self._bands])

    def attribute(self, rows: pd.DataFrame) -> Attributions:
        """Attributions of raw rows; a row's perturbations are drawn from its content, not from the batch."""
        chosen = rows.loc[:, list(self._features)]
        game = Game(self._inner, pd.concat([self._background, chosen], ignore_index=True))
        codes, size = self._encode(chosen), len(self._background)
        seeds = row_seeds(chosen, self._seed)
        made = [self._row(game, codes[i], size + i, seeds[i]) for i in range(len(chosen))]
        k, f = len(self._orientation.labels), len(self._features)
        table = np.array(made, dtype=np.float64).reshape(len(chosen), k, f + 2)
        values, base, fidelity = np.moveaxis(table[:, :, :f], 1, 2), table[:, :, f], table[:, :, f + 1]
        if k == 1:
            values, base, fidelity = values[:, :, 0], base[:, 0], fidelity[:, 0]
        return self._orientation.attributions(values, base, self._features, self.method, fidelity)

    def _row(self, game: Game, codes: Codes, place: int, seed: int) -> FloatArray:
        """Weights, intercept and R2 of the surrogate of each class, shape (k, f + 2)."""
        rng = np.random.default_rng(seed)

        def margins(perturbed: npt.NDArray[np.float64]) -> FloatArray:
            found = game.margins(self._index(perturbed.astype(np.intp), codes, place, rng))
            return found.reshape(len(found), -1)

        explainer = self._tabular.LimeTabularExplainer(
            self._codes.astype(np.float64),
            categorical_features=list(range(len(self._features))),
            feature_names=list(self._features),
            class_names=list(self._orientation.labels),
            discretize_continuous=False,
            feature_selection="none",
            random_state=seed,
        )
        surrogate = _recording_ridge()
        with warnings.catch_warnings():
            # LIME wants probabilities; margins do not sum to 1, and its surrogate does not need them to.
            warnings.filterwarnings("ignore", message=r"\s*Prediction probabilties do not sum to 1")
            told = explainer.explain_instance(
                codes.astype(np.float64),
                margins,
                labels=tuple(range(len(self._orientation.labels))),
                num_samples=self._samples,
                model_regressor=surrogate,
            )
        fits = np.zeros((len(self._orientation.labels), len(self._features) + 2))
        for k, fit in enumerate(fits):
            for feature, weight in told.local_exp[k]:
                fit[feature] = weight
            fit[-2:] = told.intercept[k], surrogate.scores[k]
        return fits

    def _index(self, perturbed: Codes, codes: Codes, place: int, rng: np.random.Generator) -> Codes:
        """Pool rows that give each perturbed code its value: the row itself where the code is the row's own."""
        index = np.full(perturbed.shape, place, dtype=np.intp)
        for j in range(perturbed.shape[1]):
            for code in np.unique(perturbed[:, j]):
                if code != codes[j]:
                    here = perturbed[:, j] == code
                    index[here, j] = rng.choice(np.flatnonzero(self._codes[:, j] == code), size=int(here.sum()))
        return index


def _recording_ridge() -> Any:
    """LIME's own surrogate, which also keeps the score of each class: LIME keeps the last one only."""
    from sklearn.linear_model import Ridge

    class Recording(Ridge):  # type: ignore[misc]
        scores: list[float]

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            self.scores.append(float(super().score(X, y, sample_weight)))
            return self.scores[-1]

    surrogate = Recording(alpha=1.0, fit_intercept=True)
    surrogate.scores = []
    return surrogate


def _import_lime() -> Any:
    try:
        from lime import lime_tabular
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "lime":
            raise
        raise MissingExtraError("method='lime' needs the package lime: pip install 'evenhand[lime]'") from error
    return lime_tabular
