"""The single checks of robustness: what each does to the rows, and which figures it gives."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import are_favorable
from evenhand.fairness.groups import encode_groups
from evenhand.modeling.perturbation import Column, learn_columns, with_floats, with_missing, with_noise, with_unseen
from evenhand.modeling.robustness_flips import SmallestFlips, candidates_a_row, smallest_flips
from evenhand.modeling.robustness_margin import margins
from evenhand.modeling.robustness_mixtures import Hits, worst_mixture_accuracy
from evenhand.modeling.robustness_seen import Counted, Distances, Mislabelled, Mixture, Seen, Sufficient

__all__ = ["Checks"]

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Groups = Mapping[str, Mapping[str, Sufficient]]
Change = Callable[[np.random.Generator], pd.DataFrame | None]

REPEATS = 5
"""How often each row is perturbed: its share of equal decisions is what counts."""
MOST_DECISIONS = 40_000
"""Decisions that the search of the smallest changes may ask for: about a second of the slowest candidate."""
DISTANCE = "standard deviations"


class Checks:
    """The checks, with the rows that they share.

    Parameters
    ----------
    model, X, y, sensitive, background
        As :func:`evenhand.modeling.robustness.assess_robustness` takes them.
    decided
        The model's label of each row.
    favorable_label, rows, min_cell, seed
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
        seed: int,
    ) -> None:
        self.model = model
        self.favorable_label = favorable_label
        self.min_cell = min_cell
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

    def noise(self, scale: float) -> dict[str, Seen]:
        """Numbers measured less exactly."""
        return self._changed(
            "noise",
            "Noise on numbers",
            f"{scale:g} standard deviations",
            lambda rng: with_noise(self.X, self.columns, scale=scale, rng=rng),
            stream=1,
            without="no feature is a number that varies",
        )

    def missing(self, part: float) -> dict[str, Seen]:
        """Values that are not there."""
        return self._changed(
            "missing",
            "Missing values",
            f"{part:.0%} of the values",
            lambda rng: with_missing(self.X, self.columns, share=part, rng=rng),
            stream=2,
            without="there is no feature that may be changed",
        )

    def unseen(self) -> dict[str, Seen]:
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
    ) -> dict[str, Seen]:
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
    ) -> Seen:
        """The mean of values in [0, 1] over the sampled rows, or those among them."""
        rows = np.ones(self.size, dtype=bool) if among is None else among

        def of(chosen: Mask) -> Sufficient:
            return Counted(float(values[chosen].sum()), int(chosen.sum()), self.min_cell, reason)

        return Seen(of(rows), check, setting, self._each(of, rows))

    def _each(self, of: Callable[[Mask], Sufficient], rows: Mask) -> Groups:
        return {
            name: {group: of(rows & members) for group, members in found.items()} for name, found in self.groups.items()
        }

    def shift(self, factor: float) -> dict[str, Seen]:
        """Another mixture of groups."""
        hits = {
            name: Hits(
                np.array([self.right[rows].sum() for rows in groups.values()]),
                np.array([rows.sum() for rows in groups.values()]),
            )
            for name, groups in self.everybody.items()
        }
        least = self.min_cell
        _, attribute = worst_mixture_accuracy(hits, factor=factor, least=least, confidence=0.95)
        setting = f"each share by a factor of at most {factor:g}" + (f"; worst by {attribute}" if attribute else "")
        return {"shift_accuracy": Seen(Mixture(hits, factor, least), "Shifted groups", setting, self._accuracies())}

    def _accuracies(self) -> dict[str, dict[str, Counted]]:
        """Every group's right decisions among all rows."""
        return {
            name: {group: self._right(rows) for group, rows in groups.items() if rows.any()}
            for name, groups in self.everybody.items()
        }

    def _right(self, rows: Mask) -> Counted:
        return Counted(int(self.right[rows].sum()), int(rows.sum()), self.min_cell)

    def label_noise(self, part: float) -> dict[str, Seen]:
        """Labels that were wrong."""
        classes = max(len(self.model.classes_), 2)
        groups = {
            name: {group: Mislabelled(right, part, classes) for group, right in found.items()}
            for name, found in self._accuracies().items()
        }
        everybody = Mislabelled(self._right(np.ones(len(self.right), dtype=bool)), part, classes)
        return {"label_noise_accuracy": Seen(everybody, "Label noise", f"{part:.0%} of the labels", groups)}

    def boundary(self, band: float, scale: float) -> dict[str, Seen]:
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

    def flips(self, most: int) -> dict[str, Seen]:
        """The smallest change that flips a denial."""
        check, setting = "Smallest change that flips a denial", "one feature, to a value of the training rows"
        denied, reason = self._denied(most)
        found = self._smallest(denied)
        distance, reached = np.full(self.size, np.inf), np.zeros(self.size)
        distance[denied], reached[denied] = found.distance, found.reached

        def middle(chosen: Mask) -> Sufficient:
            return Distances(distance[chosen], reached[chosen], self.min_cell, reason)

        return {
            "flip_distance_median": Seen(middle(denied), check, setting, self._each(middle, denied), DISTANCE),
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
