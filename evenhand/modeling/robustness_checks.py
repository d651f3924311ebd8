"""The single checks of robustness: what each does to the rows, and which figures it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isinf, nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import are_favorable
from evenhand.fairness.groups import encode_groups
from evenhand.fairness.statistics import Estimated, median, share
from evenhand.modeling.perturbation import Column, learn_columns, with_floats, with_missing, with_noise, with_unseen
from evenhand.modeling.robustness_flips import SmallestFlips, candidates_a_row, smallest_flips
from evenhand.modeling.robustness_margin import margins
from evenhand.modeling.robustness_mixtures import Hits, after_label_noise, worst_mixture_accuracy

__all__ = ["Checks", "Finding"]

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Groups = Mapping[str, Mapping[str, Estimated]]
Change = Callable[[np.random.Generator], pd.DataFrame | None]

REPEATS = 5
"""How often each row is perturbed: its share of equal decisions is what counts."""
MOST_DECISIONS = 40_000
"""Decisions that the search of the smallest changes may ask for: about a second of the slowest candidate."""
SHARE, DISTANCE = "share", "standard deviations"


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
    groups: Groups = field(default_factory=dict)


class Checks:
    """The checks, with the rows that they share.

    Parameters
    ----------
    model, X, y, sensitive, background
        As :func:`evenhand.modeling.robustness.assess_robustness` takes them.
    decided
        The model's label of each row.
    favorable_label, rows, min_cell, confidence, seed
        As there.
    """

    def __init__(
        self,
        model: Any,
        X: pd.DataFrame,
        y: npt.NDArray[Any],
        sensitive: pd.DataFrame,
        background: pd.DataFrame,
        decided: npt.NDArray[Any],
        *,
        favorable_label: Any,
        rows: int,
        min_cell: int,
        confidence: float,
        seed: int,
    ) -> None:
        self.model = model
        self.favorable_label = favorable_label
        self.min_cell = min_cell
        self.confidence = confidence
        self.seed = seed
        self.columns: tuple[Column, ...] = learn_columns(background)
        self.size = min(rows, len(X))
        drawn = np.sort(self._rng(0).choice(len(X), self.size, replace=False))
        self.X = with_floats(X.iloc[drawn], self.columns)
        self.y = y[drawn]
        self.decided = decided[drawn]
        coded = {name: (column.labels, column.codes) for name, column in encode_groups(sensitive).items()}
        # What needs no further decision is taken from all rows.
        self.everybody = {
            name: {str(g): codes == k for k, g in enumerate(labels)} for name, (labels, codes) in coded.items()
        }
        self.right = decided == y
        self.groups = {
            name: {group: rows[drawn] for group, rows in groups.items() if rows.any()}
            for name, groups in self.everybody.items()
        }

    def _rng(self, stream: int) -> np.random.Generator:
        """Each check draws from a stream of its own: a changed setting of one leaves the others as they are."""
        return np.random.default_rng([self.seed, stream])

    def noise(self, scale: float) -> dict[str, Finding]:
        """Numbers measured less exactly."""
        return self._changed(
            "noise",
            "Noise on numbers",
            f"{scale:g} standard deviations",
            lambda rng: with_noise(self.X, self.columns, scale=scale, rng=rng),
            stream=1,
            without="no feature is a number that varies",
        )

    def missing(self, part: float) -> dict[str, Finding]:
        """Values that are not there."""
        return self._changed(
            "missing",
            "Missing values",
            f"{part:.0%} of the values",
            lambda rng: with_missing(self.X, self.columns, share=part, rng=rng),
            stream=2,
            without="there is no feature that may be changed",
        )

    def unseen(self) -> dict[str, Finding]:
        """Categories that nobody has seen."""
        return self._changed(
            "unseen",
            "Unseen categories",
            "one feature of each row",
            lambda rng: with_unseen(self.X, self.columns, rng=rng),
            stream=3,
            without="no feature is a category",
        )

    def _changed(
        self, name: str, check: str, setting: str, change: Change, *, stream: int, without: str
    ) -> dict[str, Finding]:
        kept, right, reason = self._decide_again(change, self._rng(stream), without)
        return {
            f"{name}_{what}": self._share(values, check, setting, reason=reason)
            for what, values in (("agreement", kept), ("accuracy", right))
        }

    def _decide_again(
        self, change: Change, rng: np.random.Generator, without: str
    ) -> tuple[FloatArray, FloatArray, str]:
        """How often each row is decided alike, and rightly, over the repeats; or why that cannot be said."""
        none = np.zeros(self.size)
        frames = [frame for _ in range(REPEATS) if (frame := change(rng)) is not None]
        if not frames:
            return none, none, without
        try:
            again = np.asarray(self.model.predict(pd.concat(frames, ignore_index=True)))
        except (ValueError, TypeError) as error:
            # Its message may quote values of people's rows.
            return none, none, f"the model cannot decide on such rows ({type(error).__name__})"
        again = again.reshape(REPEATS, self.size)
        return (again == self.decided).mean(axis=0), (again == self.y).mean(axis=0), ""

    def _share(
        self, values: npt.NDArray[Any], check: str, setting: str, *, among: Mask | None = None, reason: str = ""
    ) -> Finding:
        """The mean of values in [0, 1] over the sampled rows, or those among them."""
        rows = np.ones(self.size, dtype=bool) if among is None else among

        def of(chosen: Mask, least: int) -> Estimated:
            n = int(chosen.sum())
            return share(float(values[chosen].sum()), n, confidence=self.confidence, least=least, reason=reason)

        return self._finding(of, rows, check, setting, SHARE)

    def _finding(
        self, of: Callable[[Mask, int], Estimated], rows: Mask, check: str, setting: str, unit: str
    ) -> Finding:
        groups = {
            name: {group: of(rows & members, self.min_cell) for group, members in found.items()}
            for name, found in self.groups.items()
        }
        return _as_finding(of(rows, self.min_cell), check, setting, unit, groups)

    def shift(self, factor: float) -> dict[str, Finding]:
        """Another mixture of groups."""
        hits = {
            name: Hits(
                np.array([self.right[rows].sum() for rows in groups.values()]),
                np.array([rows.sum() for rows in groups.values()]),
            )
            for name, groups in self.everybody.items()
        }
        worst, attribute = worst_mixture_accuracy(hits, factor=factor, least=self.min_cell, confidence=self.confidence)
        setting = f"each share by a factor of at most {factor:g}" + (f"; worst by {attribute}" if attribute else "")
        return {"shift_accuracy": _as_finding(worst, "Shifted groups", setting, SHARE, self._accuracies())}

    def _accuracies(self) -> dict[str, dict[str, Estimated]]:
        """Every group's accuracy over all rows."""
        return {
            name: {
                group: share(
                    int(self.right[rows].sum()), int(rows.sum()), confidence=self.confidence, least=self.min_cell
                )
                for group, rows in groups.items()
                if rows.any()
            }
            for name, groups in self.everybody.items()
        }

    def label_noise(self, part: float) -> dict[str, Finding]:
        """Labels that were wrong."""
        classes = max(len(self.model.classes_), 2)

        def noisy(accuracy: Estimated) -> Estimated:
            return after_label_noise(accuracy, share=part, classes=classes)

        overall = share(int(self.right.sum()), len(self.right), confidence=self.confidence, least=self.min_cell)
        groups = {name: {g: noisy(one) for g, one in found.items()} for name, found in self._accuracies().items()}
        setting = f"{part:.0%} of the labels"
        return {"label_noise_accuracy": _as_finding(noisy(overall), "Label noise", setting, SHARE, groups)}

    def boundary(self, band: float, scale: float) -> dict[str, Finding]:
        """Rows near the threshold."""
        check, setting = "Boundary cases", f"within {band:g} of the threshold"
        distance, reason = margins(self.model, self.X, self.decided)
        outside = self._share(distance > band, check, setting, reason=reason)

        def change(rng: np.random.Generator) -> pd.DataFrame | None:
            return with_noise(self.X, self.columns, scale=scale, rng=rng)

        kept, _, wrong = self._decide_again(change, self._rng(4), "no feature is a number that varies")
        setting = f"{setting}, noise of {scale:g} standard deviations"
        inside = self._share(kept, check, setting, among=distance <= band, reason=reason or wrong)
        return {"boundary_share_outside": outside, "boundary_agreement": inside}

    def flips(self, most: int) -> dict[str, Finding]:
        """The smallest change that flips a denial."""
        check, setting = "Smallest change that flips a denial", "one feature, to a value of the training rows"
        denied, reason = self._denied(most)
        found = self._smallest(denied)
        distance, reached = np.full(self.size, np.inf), np.zeros(self.size)
        distance[denied], reached[denied] = found.distance, found.reached

        def middle(chosen: Mask, least: int) -> Estimated:
            if reason:
                return Estimated(nan, nan, nan, int(chosen.sum()), reason)
            return _median_or_bound(distance[chosen], reached[chosen], self.confidence, least)

        return {
            "flip_distance_median": self._finding(middle, denied, check, setting, DISTANCE),
            "flip_possible_share": self._share(np.isfinite(distance), check, setting, among=denied, reason=reason),
        }

    def _denied(self, most: int) -> tuple[Mask, str]:
        """Denied rows of the sample, at most so many, or why there are none."""
        chosen = np.zeros(self.size, dtype=bool)
        if self.favorable_label is None:
            return chosen, "no label is declared favorable"
        denied = np.flatnonzero(~are_favorable(self.decided, self.favorable_label))
        if not denied.size:
            return chosen, "no row is denied"
        each = candidates_a_row(self.columns)
        if not each:
            return chosen, "there is no feature that may be changed"
        size = min(denied.size, most, max(MOST_DECISIONS // each, 1))
        chosen[self._rng(5).choice(denied, size, replace=False)] = True
        return chosen, ""

    def _smallest(self, denied: Mask) -> SmallestFlips:
        def decide(rows: pd.DataFrame) -> Mask:
            return are_favorable(np.asarray(self.model.predict(rows)), self.favorable_label)

        return smallest_flips(decide, self.X[denied].reset_index(drop=True), self.columns)


def _as_finding(found: Estimated, check: str, setting: str, unit: str, groups: Groups) -> Finding:
    return Finding(found.value, found.low, found.high, found.n, found.reason, check, setting, unit, groups)


def _median_or_bound(distance: FloatArray, reached: FloatArray, confidence: float, least: int) -> Estimated:
    """The median distance; where it or its upper limit lies beyond every move, how far was tried instead."""
    exact = median(distance, confidence=confidence, least=least)
    if not isinf(exact.high):
        return exact
    # A row that flips nowhere holds at least as far as it was moved, so no order statistic of these is too large.
    tried = np.where(np.isfinite(distance), distance, reached)
    bound, farthest = median(tried, confidence=confidence), float(tried.max())
    if isinf(exact.value):
        why = "a lower bound: more than half of the denied rows flip by no single feature"
        return Estimated(bound.value, bound.low, farthest, bound.n, why)
    why = "the upper limit lies beyond what was tried"
    return Estimated(exact.value, exact.low, max(farthest, exact.value), exact.n, why)
