"""Models on disk: skops files that hold only types that we trust by name, never a pickle."""

from pathlib import Path
from typing import Any

from evenhand.exceptions import ModelError
from evenhand.fairness.served import TRUSTED_TYPES as MITIGATION_TYPES
from evenhand.modeling.calibration import TRUSTED_TYPES as CALIBRATION_TYPES

__all__ = ["TRUSTED_TYPES", "load_model", "save_model"]

TRUSTED_TYPES = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "numpy.dtype",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    *CALIBRATION_TYPES,
    *MITIGATION_TYPES,
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
)
"""What our models hold beyond the types that skops trusts by itself; each only carries numbers."""


def save_model(model: Any, path: Path) -> None:
    """Write a fitted model as a skops file.

    Raises
    ------
    ModelError
        When it holds a type that :func:`load_model` would refuse.
    """
    import skops.io as sio

    sio.dump(model, path)
    _refuse_strangers(path)


def load_model(path: Path) -> Any:
    """Read a model that :func:`save_model` wrote; the list of trusted types is ours, not the file's.

    Raises
    ------
    ModelError
        When the file holds a type that is not on the list.
    """
    import skops.io as sio
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return sio.load(path, trusted=list(TRUSTED_TYPES))  # which looks at every type before it makes any object
    except UntrustedTypesFoundException:
        _refuse_strangers(path)
        raise


def _refuse_strangers(path: Path) -> None:
    import skops.io as sio

    strangers = sorted(set(sio.get_untrusted_types(file=path)) - set(TRUSTED_TYPES))
    if strangers:
        raise ModelError(f"{path.name} holds types that are not trusted: {', '.join(strangers)}; it was not loaded")
