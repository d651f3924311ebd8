"""How much each row counts in training."""

from typing import Literal

from evenhand.config._base import Section

__all__ = ["WeightConfig"]


class WeightConfig(Section):
    """Weights of the training rows, against class imbalance or dependence between group and label."""

    method: Literal["none", "balanced", "reweighing", "resample"] = "none"
    """`balanced` evens out the classes, `reweighing` makes group and label independent (Kamiran and Calders 2012),
    `resample` draws rows anew inside each fold."""

    attributes: list[str] = []
    """The sensitive attributes that reweighing crosses; by default all of them."""

    resampler: Literal["over", "under"] = "over"
    """With resample: repeat rows of the rare classes, or leave out rows of the frequent ones."""
