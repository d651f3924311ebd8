"""What the checks of robustness saw, in numbers that give every figure with its interval at any level."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, isinf, isnan, nan
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics import Estimated, clopper_pearson, median, share, wilson
from evenhand.modeling.robustness_mixtures import Hits, after_label_noise, worst_mixture_accuracy

__all__ = ["SHARE", "Counted", "Distances", "Finding", "Mislabelled", "Mixture", "Seen", "Sufficient"]

FloatArray = npt.NDArray[np.float64]
SHARE = "share"


@dataclass(frozen=True)
class Finding(Estimated):
    """A figure of a check, for everybody and for each group.

    Attributes
    ----------
    check, setting
        What was done to the rows, and how much of it.
    unit
        ``share`` or ``standard deviations``.
    groups
        By attribute and group.
    """

    check: str = ""
    setting: str = ""
    unit: str = SHARE
    groups: Mapping[str, Mapping[str, Estimated]] = field(default_factory=dict)


class Sufficient(Protocol):
    """Numbers of some rows that give a figure with its interval at any level."""

    def at(self, confidence: float, *, exact: bool = False) -> Estimated:
        """The figure.

        Parameters
        ----------
        confidence
            Of the interval.
        exact
            Whether its limits have to hold at any level, as a verdict needs them; otherwise they are to be shown.
        """


@dataclass(frozen=True)
class Counted:
    """The sum of `n` values in [0, 1]; fewer than `least` are withheld."""

    k: float
    n: int
    least: int
    reason: str = ""

    def at(self, confidence: float, *, exact: bool = False) -> Estimated:
        """The share, with Wilson's limits or those of Clopper and Pearson."""
        limits = clopper_pearson if exact else wilson
        return share(self.k, self.n, confidence=confidence, least=self.least, reason=self.reason, limits=limits)


@dataclass(frozen=True)
class Mislabelled:
    """Right decisions whose labels are taken to be wrong in a `share` of the rows."""

    right: Counted
    share: float
    classes: int

    def at(self, confidence: float, *, exact: bool = False) -> Estimated:
        """The accuracy that would be measured."""
        return after_label_noise(self.right.at(confidence, exact=exact), share=self.share, classes=self.classes)


@dataclass(frozen=True)
class Mixture:
    """Right decisions of the groups of every attribute, as :func:`worst_mixture_accuracy` takes them."""

    attributes: Mapping[str, Hits]
    factor: float
    least: int

    def at(self, confidence: float, *, exact: bool = False) -> Estimated:
        """The accuracy under the worst mixture."""
        limits = clopper_pearson if exact else wilson
        found, _ = worst_mixture_accuracy(
            self.attributes, factor=self.factor, least=self.least, confidence=confidence, limits=limits
        )
        return found


@dataclass(frozen=True, eq=False)
class Distances:
    """How far each denied row was moved until it flipped, infinite where it did not, and how far at all."""

    distance: FloatArray
    reached: FloatArray
    least: int
    reason: str = ""

    def at(self, confidence: float, *, exact: bool = False) -> Estimated:
        """The median distance; where it or its upper limit lies beyond every move, how far was tried instead.

        What is tried is no upper limit: with `exact` that is infinite, and so few rows that no two of them enclose the
        median at this level give it no limits at all.
        """
        n = len(self.distance)
        if self.reason:
            return Estimated(nan, nan, nan, n, self.reason)
        found = median(self.distance, confidence=confidence, least=self.least)
        if isnan(found.value) or not isinf(found.high):
            return found
        shown = self._tried(found, confidence)
        if not exact:
            return shown
        if isinf(median(np.zeros(n), confidence=confidence).high):
            why = f"{n} rows are too few to bound a median at level {1 - confidence:.3g}"
            return replace(shown, low=nan, high=nan, reason=why)
        return replace(shown, high=inf)

    def _tried(self, found: Estimated, confidence: float) -> Estimated:
        # A row that flips nowhere holds at least as far as it was moved, so no order statistic of these is too large.
        tried = np.where(np.isfinite(self.distance), self.distance, self.reached)
        bound, farthest = median(tried, confidence=confidence), float(tried.max())
        if isinf(found.value):
            why = "a lower bound: more than half of the denied rows flip by no single feature"
            return Estimated(bound.value, bound.low, farthest, bound.n, why)
        why = "the upper limit lies beyond what was tried"
        return Estimated(found.value, found.low, max(farthest, found.value), found.n, why)


@dataclass(frozen=True)
class Seen:
    """What one figure of a check rests on, for everybody and for each group."""

    everybody: Sufficient
    check: str
    setting: str
    groups: Mapping[str, Mapping[str, Sufficient]]
    unit: str = SHARE

    def at(self, confidence: float, *, exact: bool = False) -> Finding:
        """The figure with its interval, as :meth:`Sufficient.at` gives it."""
        groups = {
            name: {group: one.at(confidence, exact=exact) for group, one in found.items()}
            for name, found in self.groups.items()
        }
        one = self.everybody.at(confidence, exact=exact)
        return Finding(one.value, one.low, one.high, one.n, one.reason, self.check, self.setting, self.unit, groups)
