"""One pass over new data: counts of everything that is watched, and rows only where labels may come later."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.contract import Contract
from evenhand.data.dataset import UNKNOWN
from evenhand.data.frames import plain_frame
from evenhand.data.sensitive import Sensitive, derive_sensitive
from evenhand.exceptions import DataError
from evenhand.fairness.counts import CountTable, merge
from evenhand.fairness.groups import encode_groups, encode_labels
from evenhand.fairness.rows import count_rows
from evenhand.monitoring.batches import Batch
from evenhand.monitoring.decidable import Undecided, as_learned
from evenhand.monitoring.observation import Champion, Layout, Observation
from evenhand.monitoring.plain import as_text, outcome_texts, plain_part, regular
from evenhand.monitoring.profile import ColumnProfile
from evenhand.monitoring.reference import Reference
from evenhand.monitoring.rows import Mask, Part, RowsOnce
from evenhand.monitoring.schema import SchemaCheck

__all__ = ["observe"]


def observe(
    batch: Batch,
    reference: Reference,
    layout: Layout,
    *,
    contract: Contract | None = None,
    champion: Champion | None = None,
    attribution_rows: int = 500,
    keep: Callable[[pd.DataFrame], None] | None = None,
    min_cell: int = 10,
    seed: int = 0,
) -> Observation:
    """Count new data in the cells of the reference: each key once, and of a person with several rows one.

    Parameters
    ----------
    batch
        The rows.
    reference
        What they are to be compared with.
    layout
        Which columns mean what.
    contract
        The model's data contract: its promises on the features are checked.
    champion
        Predicts where the data has no predictions, and explains a sample.
    attribution_rows
        So many rows are drawn and explained.
    keep
        Called with the rows' key and person (hashed), prediction, score, groups and outcome, part by part, without any
        feature: of a person all rows, since an outcome may come for each.
    min_cell
        An unseen category is named when so many rows share it.
    seed
        Of the sample.

    Raises
    ------
    DataError
        When the data cannot be read, does not say whose the rows are, or a column holds what cannot be counted.
    """
    once = RowsOnce(batch, layout.key, layout.person)
    counter = _Counter(reference, layout, contract, champion, min_cell, notes=once.notes)
    drawn = _Sample(once.counted, attribution_rows if champion is not None else 0, seed)
    for whole in batch.parts([*reference.features, *layout.columns]):
        part = once.part(whole)
        if not len(part.rows):
            continue
        kept = counter.add(part)
        drawn.add(part.evidence)
        if keep is not None:
            keep(kept)
    return counter.result(drawn.rows())


class _Sample:
    """Rows at positions that are drawn beforehand, so that one pass finds them."""

    def __init__(self, n: int, size: int, seed: int) -> None:
        self._places = np.sort(np.random.default_rng(seed).choice(n, size=min(n, size), replace=False))
        self._start = 0
        self._found: list[pd.DataFrame] = []

    def add(self, part: pd.DataFrame) -> None:
        low, high = np.searchsorted(self._places, (self._start, self._start + len(part)))
        if high > low:
            # Plain before they are joined: categories of two parts differ.
            self._found.append(plain_frame(part.iloc[self._places[low:high] - self._start]))
        self._start += len(part)

    def rows(self) -> pd.DataFrame | None:
        return pd.concat(self._found, ignore_index=True) if self._found else None


class _Counter:
    """Adds up the counts of parts."""

    def __init__(
        self,
        reference: Reference,
        layout: Layout,
        contract: Contract | None,
        champion: Champion | None,
        min_cell: int,
        *,
        notes: Sequence[str] = (),
    ) -> None:
        self._reference, self._layout, self._champion = reference, layout, champion
        self._schema = None if contract is None else SchemaCheck(contract, reference.features, least_named=min_cell)
        self._profiles: dict[tuple[str, str], ColumnProfile] = {}
        self._decisions: list[CountTable] = []
        self._notes: dict[str, None] = dict.fromkeys(notes)
        self._n = self._strange = 0
        self._undecided = Undecided()
        # A stray value of a sensitive attribute is a finding and no reason to stop watching.
        self._people = {
            name: replace(how, otherwise=UNKNOWN) if how.labels is not None and how.otherwise is None else how
            for name, how in layout.sensitive.items()
        }

    def add(self, part: Part) -> pd.DataFrame:
        """Count the rows of a part that count; what may be kept of all its rows comes back."""
        rows = regular(part.rows)
        if self._schema is not None:
            self._schema.add(rows, part.rows)
        people = self._groups_of(rows)
        labels, score = self._predictions(rows, people)
        told = {"prediction": labels, "score": None if self._reference.score is None else score}
        kept = {name: values for name, values in told.items() if values is not None}
        target = self._target(rows)
        if target is not None:
            kept["target"] = target
        kept |= {f"group:{name}": people[name] for name in people.columns}
        frame = pd.DataFrame(kept, index=range(len(rows)))
        self._tally(rows, people, frame, part.counted)
        if "prediction" in kept:  # with a label that is none of the model's no outcome is compared
            frame["prediction"] = frame["prediction"].where(frame["prediction"].isin(list(self._reference.classes)))
        named = {"key": part.keys, "person": part.people}
        return frame.assign(**{name: hashes.array for name, hashes in named.items() if hashes is not None})

    def _tally(self, rows: pd.DataFrame, people: pd.DataFrame, said: pd.DataFrame, counted: Mask | None) -> None:
        """Add the rows that count to the counts: their features, groups, and what the model said of them."""
        if counted is not None:
            rows, people, said = (each[counted].reset_index(drop=True) for each in (rows, people, said))
        self._n += len(rows)
        for name, reference in self._reference.features.items():
            if name in rows.columns:
                self._feature(reference, rows[name])
        for name in people.columns:
            if name in self._reference.groups:
                self._count("groups", self._reference.groups[name], people[name])
        if "prediction" in said.columns:
            self._count("prediction", self._reference.prediction, said["prediction"])
            self._decide(people, said["prediction"])
        if "score" in said.columns and self._reference.score is not None:
            self._count("score", self._reference.score, said["score"])
        if "target" in said.columns and said["target"].notna().any():
            self._count("target", self._reference.target, said["target"].dropna())

    def _decide(self, people: pd.DataFrame, labels: pd.Series) -> None:
        """Add the decisions by group, of the rows that have one."""
        decided = labels.isin(list(self._reference.classes))
        if not len(people.columns) or not decided.any():
            return
        if not decided.all():
            people, labels = people[decided], labels[decided]
        coded = encode_labels(labels, name="prediction")
        table = count_rows(encode_groups(people, part=True), coded, coded)
        self._decisions = [merge([*self._decisions, table])]

    def result(self, sample: pd.DataFrame | None) -> Observation:
        """What was counted, with the attributions of a sample."""
        found: dict[str, dict[str, ColumnProfile]] = {}
        for (role, name), profile in self._profiles.items():
            found.setdefault(role, {})[name] = profile
        if self._strange:
            self._notes[f"{self._strange:,} predictions have a label that the model does not give"] = None
        if self._undecided.all:  # that nothing was decided is no change of the decisions
            found = {role: each for role, each in found.items() if role not in ("prediction", "score")}
        if self._undecided.rows:
            self._notes[self._undecided.note()] = None
        reasons, explained = self._attributions(sample)
        single = {role: next(iter(found.get(role, {}).values()), None) for role in ("prediction", "score", "target")}
        return Observation(
            n=self._n,
            features=found.get("features", {}),
            groups=found.get("groups", {}),
            attributions=reasons,
            attribution_rows=explained,
            decisions=self._decisions[0] if self._decisions else None,
            schema=() if self._schema is None else self._schema.problems(),
            broken=() if self._schema is None else self._schema.broken(),
            notes=tuple(self._notes),
            **single,
        )

    def _count(self, role: str, reference: ColumnProfile, values: pd.Series) -> None:
        counted = reference.count(values)
        known = self._profiles.get((role, reference.name))
        self._profiles[role, reference.name] = counted if known is None else known.merge(counted)

    def _feature(self, reference: ColumnProfile, values: pd.Series) -> None:
        """A column of another kind is the contract's to report: nothing about it can be counted."""
        numeric = pd.api.types.is_numeric_dtype(values) or not values.notna().any()
        if reference.kind == "numeric" and not numeric:
            self._notes[f"{reference.name} is not compared: it holds text, and numbers before"] = None
            return
        self._count("features", reference, values)

    def _groups_of(self, part: pd.DataFrame) -> pd.DataFrame:
        people = self._people_of(part)
        for name in self._people:
            if name not in people.columns:
                self._notes[f"{name} is not watched: the data has no column for it"] = None
        return people

    def _people_of(self, part: pd.DataFrame) -> pd.DataFrame:
        """The sensitive attributes for which the data has the columns."""
        there = {name: how for name, how in self._people.items() if set(how.columns) <= set(part.columns)}
        groups = {name: self._groups(part, name, how) for name, how in there.items()}
        return pd.DataFrame(groups, index=range(len(part)))

    def _groups(self, part: pd.DataFrame, name: str, how: Sensitive) -> pd.Series:
        """The groups of one attribute; where its column holds what tells none, nobody's group is known."""
        try:
            return derive_sensitive(part, {name: how})[name].reset_index(drop=True)
        except DataError as error:
            self._notes[f"nobody's group is known: {error}"] = None
            return pd.Series(UNKNOWN, index=range(len(part)), name=name, dtype="str")

    def _predictions(
        self, part: pd.DataFrame, people: pd.DataFrame
    ) -> tuple[pd.Series | None, npt.NDArray[np.float64] | None]:
        """Labels as text and favorable scores: those in the data, or the champion's."""
        given, scored = self._layout.prediction, self._layout.score
        if given is not None and given in part.columns:
            score = None if scored not in part.columns else _numbers(part[scored])
            told = as_text(part[given])
            self._strange += int((told.notna() & ~told.isin(list(self._reference.classes))).sum())
            return told, score
        if self._champion is None:
            self._notes["predictions are not watched: the data has none, and no model was given"] = None
            return None, None
        absent = [name for name in self._reference.features if name not in part.columns]
        if absent:
            self._undecided.refused(len(part), f"the model needs {', '.join(absent)}")
            return self._nothing(len(part))
        return self._decisions_on(part, people, self._champion)

    def _decisions_on(
        self, part: pd.DataFrame, people: pd.DataFrame, champion: Champion
    ) -> tuple[pd.Series | None, npt.NDArray[np.float64] | None]:
        """What the model says of the rows that it can decide on, whatever the others hold."""
        X, able, held = as_learned(plain_part(part[list(self._reference.features)]), self._reference.features)
        texts, scores = self._nothing(len(part))
        if able.any():
            try:
                labels, score = champion.predict(X[able].reset_index(drop=True), people[able].reset_index(drop=True))
            except _REFUSALS as error:
                self._undecided.refused(len(part), _said(error))
                return texts, scores
            texts[able] = as_text(pd.Series(labels)).to_numpy()
            scores = None if score is None else scores
            if scores is not None and score is not None:
                scores[able] = score
        self._undecided.add(able, held)
        return texts, scores

    def _nothing(self, n: int) -> tuple[pd.Series, npt.NDArray[np.float64] | None]:
        """No label and no score for so many rows."""
        score = None if self._reference.score is None else np.full(n, np.nan)
        return pd.Series(None, index=range(n), dtype="str"), score

    def _target(self, part: pd.DataFrame) -> pd.Series | None:
        name = self._layout.target
        if name is None or name not in part.columns:
            return None
        return outcome_texts(part[name], self._layout.target_above)

    def _attributions(self, sample: pd.DataFrame | None) -> tuple[dict[str, ColumnProfile], int]:
        wanted = self._reference.attributions
        if sample is None or self._champion is None or not wanted:
            return {}, 0
        if any(name not in sample.columns for name in self._reference.features):
            return {}, 0
        X, able, _ = as_learned(plain_part(sample[list(self._reference.features)]), self._reference.features)
        if self._undecided.all or not able.any():
            return {}, 0
        people = self._people_of(sample)[able].reset_index(drop=True)
        try:
            values = self._champion.attribute(X[able].reset_index(drop=True), people)
        except _REFUSALS as error:
            self._notes[f"attributions are not watched: {_said(error)}"] = None
            return {}, 0
        if values is None:
            return {}, 0
        counted = {name: profile.count(pd.Series(values[:, at])) for at, (name, profile) in enumerate(wanted.items())}
        return counted, int(able.sum())


_REFUSALS = (DataError, TypeError, ValueError)
"""What a model raises that cannot read its rows: scikit-learn has no error of its own for that."""


def _said(error: Exception) -> str:
    """Why a model has refused its rows; what others than Evenhand write may hold a value of somebody's."""
    return str(error) if isinstance(error, DataError) else f"the model refuses these rows ({type(error).__name__})"


def _numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    """Scores that were made already; what is no number is missing."""
    read = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    return np.asarray(pd.to_numeric(read, errors="coerce"), dtype=np.float64)
