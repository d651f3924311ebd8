"""Join outcomes that became known to the predictions that waited for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import DataConfig, MonitorConfig, SourceConfig
from evenhand.data.frames import Known
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError, StoreError, nearest, shorten
from evenhand.monitoring.plain import hash_keys, outcome_texts
from evenhand.monitoring.rows import one_row_of_each
from evenhand.store import Ref
from tasks.registry import Version
from tasks.step import note, once, read_json, reading, step, store, write_json

__all__ = ["join_outcomes"]


@step("outcomes", "Joins outcomes to the predictions that waited for them, each row once.")
def join_outcomes(
    seen: Ref,
    waiting: Mapping[str, str] | None,
    labels: SourceConfig | None,
    data: DataConfig,
    monitor: MonitorConfig,
    *,
    version: Version,
    at: str,
    fresh: bool,
    classes: Sequence[str] = (),
    known: Known | None = None,
) -> Ref:
    """Rows whose outcome became known, and those that still wait; each key counts once, whenever its rows come.

    Outcomes that are too few for a test wait with their rows, until a look at which there are `min_rows` together.

    Parameters
    ----------
    seen
        The result of the step `observe`.
    waiting
        The last look's reference to the rows that wait; None at the first look.
    labels
        Where outcomes come from: rows of a key and a label; None when there are none.
    data, monitor
        The configuration's sections: the key's and the target's columns, and how long a row waits.
    version
        What is watched: rows that another version decided say nothing about it, and wait on for a look at that one.
    at
        The time of the look.
    fresh
        Whether the new rows are looked at for the first time: only then do they join those that wait.
    classes
        The model's labels as text, which outcomes are to be of; () where they are not known.
    known
        How the columns of the rows were read, so that their keys are the outcomes' keys.

    Raises
    ------
    DataError
        When labels come and no column joins them, none is there, a key has two, or the model has no such label.
    """
    outcomes, said = (None, []) if labels is None else _outcomes(labels, data, monitor, classes, known or Known())
    parts = {
        "seen": seen.digest,
        "waiting": dict(waiting) if waiting else None,
        "labels": None if outcomes is None else str(pd.util.hash_pandas_object(outcomes, index=False).sum()),
        "version": version.version,
        "wait_days": monitor.wait_days,
        "min_rows": monitor.min_rows,
        "day": at[:10],
        "fresh": fresh,
        "said": said,
    }
    new = seen if fresh else None
    ref = once("outcomes", parts, lambda folder: _write(folder, new, waiting, outcomes, monitor, version, at, said))
    found = read_json(store().folder(ref) / "outcomes.json")
    early = f"; {found['early']:,} more wait until they are enough for a test" if found["early"] else ""
    note(f"{found['labelled']:,} outcomes became known; {found['waiting']:,} rows wait for theirs{early}")
    return ref


def _outcomes(
    labels: SourceConfig,
    data: DataConfig,
    monitor: MonitorConfig,
    classes: Sequence[str],
    known: Known,
) -> tuple[pd.DataFrame, list[str]]:
    """Key and label, one row a key, and how many rows of the source have not both."""
    if data.key is None:
        raise DataError(
            "outcomes need a key to find their rows: name the column of the data that names a row, data.key"
        )
    target = monitor.labels or data.target
    kinds = dict(known.kinds)
    if data.target in kinds:
        kinds[target] = kinds[data.target]  # the same labels under another name
    with reading(labels) as given:
        frame = read_source(**given, known=replace(known, kinds=kinds))
    for role, name in (("key", data.key), ("outcome", target)):
        if name not in frame.columns:
            raise DataError(f"the outcomes have no column {shorten(name)} ({role}): {nearest(name, frame.columns)}")
    found = pd.DataFrame({"key": hash_keys(frame[data.key]), "target": outcome_texts(frame[target], data.target_above)})
    n, notes = len(found), []
    for role, column, name in (("key", "key", data.key), ("label", "target", target)):
        empty = int(found[column].isna().sum())
        if empty == n:
            raise DataError(f"none of the {n:,} outcomes has a {role}: column {shorten(name)} of their source is empty")
        notes += [f"{empty:,} of {n:,} outcomes have no {role}, and are passed over"] if empty else []
    found = found.dropna().drop_duplicates(ignore_index=True)
    doubled = int(found["key"].duplicated().sum())
    if doubled:
        raise DataError(f"{doubled} keys of the outcomes have two different labels: keep the one that holds")
    return found, notes + _strange(found["target"], target, classes)


def _strange(labels: pd.Series, column: str, classes: Sequence[str]) -> list[str]:
    """Refuse outcomes of which the model knows none, or not each of its two; of more labels a new one may come."""
    strange = int((~labels.isin(classes)).sum()) if classes else 0
    if not strange:
        return []
    said = f"{strange:,} of {len(labels):,} outcomes have a label that the model does not know"
    if strange < len(labels) and len(classes) > 2:
        return [said]
    raise DataError(
        f"{said}: write them as the model does, {', '.join(map(shorten, classes))}, leave out those that are not known "
        f"yet, or name the column that holds them, monitor.labels ({shorten(column)} was read)"
    )


def _write(
    folder: Path,
    new: Ref | None,
    waiting: Mapping[str, str] | None,
    outcomes: pd.DataFrame | None,
    monitor: MonitorConfig,
    version: Version,
    at: str,
    said: list[str],
) -> None:
    held, notes = _held(waiting, monitor, at)
    rows, others = held.of(version.version)
    counted, notes = held.counted[held.counted["version"] == version.version], said + notes
    if new is not None:
        fresh = pd.read_parquet(store().folder(new) / "rows.parquet").assign(at=at, version=version.version)
        rows, repeated = _joined(rows, fresh, counted["key"])
        notes += repeated
    if "prediction" not in rows.columns:
        rows = rows.iloc[:0].assign(prediction=pd.Series(dtype="str"))
    if "target" not in rows.columns:
        rows = rows.assign(target=pd.Series(dtype="str"))
    matched = 0
    if outcomes is not None and "key" in rows.columns:
        found = rows["key"].map(outcomes.set_index("key")["target"])
        matched = int(found.notna().sum())
        rows["target"] = rows["target"].where(rows["target"].notna(), found)
        notes += _unmatched(outcomes, rows, others)
    known = rows["target"].notna() & rows["prediction"].notna()
    labelled, several = _one_each(rows[known])
    early = labelled.iloc[:0]
    if len(labelled) < monitor.min_rows:  # they count at the look at which there are enough, and at that one only
        early, labelled, known = labelled, early, known & False
    for name, part in (("labelled", labelled), ("early", early)):
        part.drop(columns=["key", "person"], errors="ignore").to_parquet(folder / f"{name}.parquet", index=False)
    # Without a key no outcome can ever find its row, and without a prediction there is nothing to compare it with.
    named = rows["key"].notna() if "key" in rows.columns else pd.Series(data=False, index=rows.index)
    still = rows[~known & rows["prediction"].notna() & (named | rows["target"].notna())]
    _together(still, others).to_parquet(folder / "waiting.parquet", index=False)
    done = rows[known & named].assign(at=at).reindex(columns=_COUNTED)
    pd.concat([held.counted, done.astype({"key": "UInt64"})]).to_parquet(folder / "counted.parquet", index=False)
    counts: dict[str, Any] = {
        "labelled": int(known.sum()),
        "known": len(labelled),
        "early": len(early),
        "new": int((labelled["at"] == at).sum()) if new is not None else 0,
        "matched": matched,
        "waiting": int(still["target"].isna().sum()),
        "notes": notes + several + _waiting(len(early), monitor),
    }
    write_json(folder / "outcomes.json", counts)


def _waiting(early: int, monitor: MonitorConfig) -> list[str]:
    return [f"{early:,} outcomes wait for more, and are tested when there are {monitor.min_rows:,}"] if early else []


def _one_each(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Of each person one of the rows whose outcome became known, also where they came with several looks."""
    if "person" not in rows.columns:
        return rows, []
    drawn = one_row_of_each(rows["person"], rows.get("key"))
    if drawn.all():
        return rows, []
    return rows[drawn], [f"{len(rows):,} outcomes are about {drawn.sum():,} people: one of each counts"]


_COUNTED = ["key", "at", "version"]
"""What is kept of rows whose outcome was counted, so that it does not count again."""


@dataclass(frozen=True)
class _Held:
    """What was kept at the last look, of every version: rows that may wait on, and the keys that have counted."""

    waiting: pd.DataFrame
    counted: pd.DataFrame

    def of(self, version: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows that a version decided, and those of the others: a look at one lets none of another go."""
        if "version" not in self.waiting.columns:
            return self.waiting, self.waiting
        mine = self.waiting["version"] == version
        return self.waiting[mine], self.waiting[~mine]


def _held(waiting: Mapping[str, str] | None, monitor: MonitorConfig, at: str) -> tuple[_Held, list[str]]:
    """What was kept at the last look and may be kept on, and what is told of the rest."""
    nothing = pd.DataFrame(columns=_COUNTED).astype({"key": "UInt64", "at": "str", "version": "str"})
    if waiting is None:
        return _Held(pd.DataFrame(), nothing), []
    try:
        folder = store().folder(Ref.from_dict(waiting))
        rows = pd.read_parquet(folder / "waiting.parquet")
    except StoreError:
        return _Held(pd.DataFrame(), nothing), [
            "the rows of earlier looks are not in this store: outcomes find new rows only"
        ]
    rows = rows.astype({name: "UInt64" for name in ("key", "person") if name in rows.columns})
    # A look that an earlier version of the code made kept none.
    file = folder / "counted.parquet"
    counted = pd.read_parquet(file) if file.is_file() else nothing
    oldest = (datetime.fromisoformat(at) - timedelta(days=monitor.wait_days)).isoformat()
    late = rows["at"] < oldest
    early = late & rows["target"].notna() if "target" in rows.columns else late & False
    gone = {"rows waited {} days without an outcome": late & ~early, "outcomes waited {} days for more": early}
    notes = [f"{each.sum():,} {what.format(monitor.wait_days)}" for what, each in gone.items() if each.any()]
    return _Held(rows[~late], counted[counted["at"] >= oldest]), notes


def _together(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Rows that wait, of the version that is watched and of others."""
    return pd.concat([rows, others], ignore_index=True) if len(others) else rows


def _joined(rows: pd.DataFrame, fresh: pd.DataFrame, counted: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """Rows that wait and new ones, each key once, and how many came before: a batch may be sent again in part."""
    if "key" not in fresh.columns:
        return (pd.concat([rows, fresh], ignore_index=True) if len(rows) else fresh), []
    fresh = fresh.assign(key=fresh["key"].astype("UInt64"))
    done = fresh["key"].isin(counted)
    notes = [f"{done.sum():,} rows counted with their outcome before, and do not count again"] if done.any() else []
    fresh = fresh[~done]
    both = pd.concat([rows, fresh], ignore_index=True) if len(rows) else fresh.reset_index(drop=True)
    again = both["key"].notna() & both["key"].duplicated()
    if again.any():
        notes.append(f"{again.sum():,} rows wait since an earlier look already: each counts once, as it was seen first")
        if "target" in both.columns:  # the row that waits may have none, and the one that came again may
            known = both[again].dropna(subset="target").drop_duplicates("key").set_index("key")["target"]
            both["target"] = both["target"].where(both["target"].notna(), both["key"].map(known))
    return both[~again].reset_index(drop=True), notes


def _unmatched(outcomes: pd.DataFrame, rows: pd.DataFrame, others: pd.DataFrame) -> list[str]:
    lost = outcomes["key"][~outcomes["key"].isin(rows["key"])]
    elsewhere = int(lost.isin(others["key"]).sum()) if "key" in others.columns else 0
    notes = [f"{len(lost)} of {len(outcomes)} outcomes found no row that waits"] if len(lost) else []
    if elsewhere:
        notes.append(f"{elsewhere} of them are of rows that another version decided: watch that one with --version")
    return notes
