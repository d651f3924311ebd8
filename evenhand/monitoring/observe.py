"""One pass over new data: counts of everything that is watched, and rows only where labels may come later."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.contract import Contract
from evenhand.data.dataset import UNKNOWN
from evenhand.data.frames import plain_frame
from evenhand.data.sensitive import derive_sensitive
from evenhand.fairness.counts import CountTable, merge
from evenhand.fairness.groups import encode_groups, encode_values
from evenhand.fairness.rows import count_rows
from evenhand.monitoring.batches import Batch
from evenhand.monitoring.observation import Champion, Layout, Observation
from evenhand.monitoring.plain import as_text, hash_keys, outcome_texts, plain_part, regular
from evenhand.monitoring.profile import ColumnProfile
from evenhand.monitoring.reference import Reference
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
    """Count new data in the cells of the reference, each key once: a row with the key of an earlier one is passed over.

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
        Called with the rows' key (hashed), prediction, score, groups and outcome, part by part, without any feature.
    min_cell
        An unseen category is named when so many rows share it.
    seed
        Of the sample.

    Raises
    ------
    DataError
        When the data cannot be read, or a column holds what cannot be counted.
    """
    keys = _Keys(batch, layout.key)
    counter = _Counter(reference, layout, contract, champion, min_cell, notes=keys.notes)
    drawn = _Sample(keys.counted, attribution_rows if champion is not None else 0, seed)
    for whole in batch.parts([*reference.features, *layout.columns]):
        part, hashes = keys.once(whole)
        if not len(part):
            continue
        kept = counter.add(part, hashes)
        drawn.add(part)
        if keep is not None:
            keep(kept)
    return counter.result(drawn.rows())


class _Keys:
    """The hashed keys of all rows, read beforehand: who stands in the data twice is one person and counts once.

    Attributes
    ----------
    counted
        Rows whose key no row before them has, or that have none.
    notes
        How many were passed over, and how many have no key.
    """

    def __init__(self, batch: Batch, name: str | None) -> None:
        self.counted, self.notes = batch.rows, list[str]()
        self._hashes: pd.Series | None = None
        self._again: npt.NDArray[np.bool_] | None = None
        self._start = 0
        if name is None:
            return
        if name not in batch.columns:
            self.notes.append(f"no outcome can find these rows later: they have no column {name}")
            return
        # A file among several may lack the column.
        parts = [part.get(name, pd.Series(np.nan, index=part.index)) for part in batch.parts([name])]
        self._hashes = pd.concat([hash_keys(part) for part in parts], ignore_index=True)
        known = self._hashes.dropna()
        if len(known) < batch.rows:
            self.notes.append(f"no outcome can find {batch.rows - len(known):,} rows later: they have no {name}")
        if _any_twice(known.to_numpy(dtype=np.uint64)):
            self._again = (self._hashes.duplicated() & self._hashes.notna()).to_numpy(dtype=bool)
            self.counted -= int(self._again.sum())
            self.notes.append(
                f"{self._again.sum():,} of {batch.rows:,} rows repeat the {name} of a row before them: each counts once"
            )

    def once(self, part: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series | None]:
        """The next part without the rows that are passed over, and the keys of the others."""
        at = slice(self._start, self._start + len(part))
        self._start = at.stop
        hashes = None if self._hashes is None else self._hashes.iloc[at]
        if hashes is None or self._again is None or not self._again[at].any():
            return part, hashes
        first = ~self._again[at]
        return part[first].reset_index(drop=True), hashes[first]


def _any_twice(values: npt.NDArray[np.uint64]) -> bool:
    """Whether a value occurs twice; sorting is several times faster than telling which one."""
    ordered = np.sort(values)
    return bool((ordered[1:] == ordered[:-1]).any())


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
        # A stray value of a sensitive attribute is a finding and no reason to stop watching.
        self._people = {
            name: replace(how, otherwise=UNKNOWN) if how.labels is not None and how.otherwise is None else how
            for name, how in layout.sensitive.items()
        }

    def add(self, part: pd.DataFrame, keys: pd.Series | None) -> pd.DataFrame:
        """Count a part, of which these are the hashed keys; what may be kept of its rows comes back."""
        self._n += len(part)
        part = regular(part)
        if self._schema is not None:
            self._schema.add(part)
        for name, reference in self._reference.features.items():
            if name in part.columns:
                self._feature(reference, part[name])
        people = self._groups(part)
        labels, score = self._predictions(part, people)
        kept: dict[str, Any] = {}
        if labels is not None:
            kept["prediction"] = labels
            self._count("prediction", self._reference.prediction, labels)
            if len(people.columns):
                coded = encode_values(labels, name="prediction")
                self._decisions = [
                    merge([*self._decisions, count_rows(encode_groups(people, part=True), coded, coded)])
                ]
        if score is not None and self._reference.score is not None:
            kept["score"] = score
            self._count("score", self._reference.score, pd.Series(score))
        target = self._target(part)
        if target is not None:
            kept["target"] = target
        kept |= {f"group:{name}": people[name] for name in people.columns}
        if keys is not None:
            kept["key"] = keys.array
        return pd.DataFrame(kept, index=range(len(part)))

    def result(self, sample: pd.DataFrame | None) -> Observation:
        """What was counted, with the attributions of a sample."""
        found: dict[str, dict[str, ColumnProfile]] = {}
        for (role, name), profile in self._profiles.items():
            found.setdefault(role, {})[name] = profile
        if self._strange:
            self._notes[f"{self._strange:,} predictions have a label that the model does not give"] = None
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

    def _groups(self, part: pd.DataFrame) -> pd.DataFrame:
        people = self._people_of(part)
        for name in self._people:
            if name not in people.columns:
                self._notes[f"{name} is not watched: the data has no column for it"] = None
        for name in people.columns:
            if name in self._reference.groups:
                self._count("groups", self._reference.groups[name], people[name])
        return people

    def _people_of(self, part: pd.DataFrame) -> pd.DataFrame:
        """The sensitive attributes for which the data has the columns."""
        there = {name: how for name, how in self._people.items() if set(how.columns) <= set(part.columns)}
        return derive_sensitive(part, there).reset_index(drop=True)

    def _predictions(
        self, part: pd.DataFrame, people: pd.DataFrame
    ) -> tuple[pd.Series | None, npt.NDArray[np.float64] | None]:
        """Labels as text and favorable scores: those in the data, or the champion's."""
        given, scored = self._layout.prediction, self._layout.score
        if given is not None and given in part.columns:
            score = None if scored not in part.columns else part[scored].to_numpy(dtype=np.float64)
            told = as_text(part[given])
            self._strange += int((told.notna() & ~told.isin(list(self._reference.classes))).sum())
            return told, score
        if self._champion is None:
            self._notes["predictions are not watched: the data has none, and no model was given"] = None
            return None, None
        absent = [name for name in self._reference.features if name not in part.columns]
        if absent:
            self._notes[f"predictions are not watched: the model needs {', '.join(absent)}"] = None
            return None, None
        labels, score = self._champion.predict(plain_part(part[list(self._reference.features)]), people)
        return as_text(pd.Series(labels)), score

    def _target(self, part: pd.DataFrame) -> pd.Series | None:
        name = self._layout.target
        if name is None or name not in part.columns:
            return None
        values = outcome_texts(part[name], self._layout.target_above)
        if values.notna().any():
            self._count("target", self._reference.target, values.dropna())
        return values

    def _attributions(self, sample: pd.DataFrame | None) -> tuple[dict[str, ColumnProfile], int]:
        wanted = self._reference.attributions
        if sample is None or self._champion is None or not wanted:
            return {}, 0
        if any(name not in sample.columns for name in self._reference.features):
            return {}, 0
        people = self._people_of(sample)
        values = self._champion.attribute(plain_part(sample[list(self._reference.features)]), people)
        if values is None:
            return {}, 0
        counted = {name: profile.count(pd.Series(values[:, at])) for at, (name, profile) in enumerate(wanted.items())}
        return counted, len(sample)
