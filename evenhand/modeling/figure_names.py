"""The figures of an evaluation that can be held to a floor, and of which less is better."""

from collections.abc import Mapping
from math import inf

__all__ = ["FIGURES", "HIGHEST", "LOSSES", "figures_of"]

LOSSES = ("log_loss", "brier_score", "expected_calibration_error")
"""Of these less is better: what is a floor elsewhere is a ceiling here."""

_TWO = ("precision", "recall", "f1", "roc_auc", "average_precision")
_MORE = ("precision_macro", "recall_macro", "f1_macro", "roc_auc_ovr", "average_precision_macro")

FIGURES = ("accuracy", "balanced_accuracy", *_TWO, *_MORE, *LOSSES)
"""As :func:`evenhand.modeling.evaluation.evaluate` calls them, but the calibration line, of which no more is better."""

HIGHEST: Mapping[str, float] = {"log_loss": inf, "brier_score": 2.0}
"""The greatest values of figures that are no shares; Brier's (1950) sums the squared errors over all labels."""


def figures_of(classes: int) -> tuple[str, ...]:
    """Those of a model with so many labels.

    Examples
    --------
    >>> "roc_auc" in figures_of(2), "roc_auc" in figures_of(3)
    (True, False)
    """
    other = _MORE if classes == 2 else _TWO
    return tuple(name for name in FIGURES if name not in other)
