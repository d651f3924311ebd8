"""Whose margin is explained: the favorable label's for two classes, every class's for more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.data.dataset import are_favorable
from evenhand.explain._model import FloatArray
from evenhand.explain.attributions import Attributions

__all__ = ["Orientation", "orient"]


@dataclass(frozen=True)
class Orientation:
    """The explained classes and the sign of the margin.

    Attributes
    ----------
    labels
        One label for two classes, else all of them.
    sign
        -1 when the explained label is ``classes_[0]``, whose log-odds are the margin's negative.
    places
        Positions of `labels` among ``classes_``.
    unit
        What the margin is measured in.
    """

    labels: tuple[str, ...]
    sign: float
    places: tuple[int, ...]
    unit: str

    def turn(self, margins: FloatArray) -> FloatArray:
        """Margins of ``classes_[1]`` as margins of the explained label; those of several classes as they are."""
        return margins * self.sign

    def attributions(
        self,
        values: FloatArray,
        base: FloatArray,
        features: tuple[str, ...],
        method: str,
        fidelity: FloatArray | None = None,
    ) -> Attributions:
        """Values (n, f[, k]) and base ([k] or (n[, k])) of the margin, turned and with a base for each row."""
        bases = np.broadcast_to(np.asarray(base), (len(values), *values.shape[2:])) * self.sign
        return Attributions(self.turn(values), bases, features, self.labels, self.unit, method, fidelity)


def orient(classes: Sequence[Any], favorable_label: Any = None) -> Orientation:
    """The orientation for these classes.

    Of more than two each is explained, whatever is favorable: several favorable labels are read off the sum of their
    attributions (:meth:`evenhand.explain.Attributions.of`).

    Examples
    --------
    >>> orient([0, 1], favorable_label=0).unit
    "log-odds of '0' before calibration"
    """
    labels = [str(label) for label in classes]
    if len(labels) > 2:
        return Orientation(tuple(labels), 1.0, tuple(range(len(labels))), "score of the class before the softmax")
    first = len(labels) == 2 and are_favorable(classes, favorable_label).tolist() == [True, False]
    place = 0 if first else len(labels) - 1
    sign = -1.0 if place == 0 and len(labels) == 2 else 1.0
    return Orientation((labels[place],), sign, (place,), f"log-odds of {labels[place]!r} before calibration")
