"""Join outcomes that became known to the predictions that waited for them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import DataConfig, MonitorConfig, SourceConfig
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError, StoreError, nearest, shorten
from evenhand.monitoring.plain import hash_keys, outcome_texts
from evenhand.store import Ref
from tasks.registry import Version
from tasks.step import note, once, read_json, step, store, write_json

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
) -> Ref:
    """Rows whose outcome became known, and those that still wait.

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
        What is watched: rows that another version decided say nothing about it, and are let go.
    at
        The time of the look.
    fresh
        Whether the new rows are looked at for the first time: only then do they join those that wait.

    Raises
    ------
    DataError
        When labels come and no column joins them, or a key has two outcomes.
    """
    outcomes = None if labels is None else _outcomes(labels, data, monitor)
    parts = {
        "seen": seen.digest,
        "waiting": dict(waiting) if waiting else None,
        "labels": None if outcomes is None else str(pd.util.hash_pandas_object(outcomes, index=False).sum()),
        "version": version.version,
        "wait_days": monitor.wait_days,
        "day": at[:10],
        "fresh": fresh,
    }
    new = seen if fresh else None
    ref = once("outcomes", parts, lambda folder: _write(folder, new, waiting, outcomes, monitor, version, at))
    found = read_json(store().folder(ref) / "outcomes.json")
    note(f"{found['labelled']:,} outcomes became known; {found['waiting']:,} rows wait for theirs")
    return ref


def _outcomes(labels: SourceConfig, data: DataConfig, monitor: MonitorConfig) -> pd.DataFrame:
    """Key and label, one row a key."""
    if data.key is None:
        raise DataError(
            "outcomes need a key to find their rows: name the column of the data that names a row, data.key"
        )
    frame, target = read_source(**labels.model_dump()), monitor.labels or data.target
    for role, name in (("key", data.key), ("outcome", target)):
        if name not in frame.columns:
            raise DataError(f"the outcomes have no column {shorten(name)} ({role}): {nearest(name, frame.columns)}")
    found = pd.DataFrame({"key": hash_keys(frame[data.key]), "target": outcome_texts(frame[target], data.target_above)})
    found = found.dropna().drop_duplicates(ignore_index=True)
    doubled = int(found["key"].duplicated().sum())
    if doubled:
        raise DataError(f"{doubled} keys of the outcomes have two different labels: keep the one that holds")
    return found


def _write(
    folder: Path,
    new: Ref | None,
    waiting: Mapping[str, str] | None,
    outcomes: pd.DataFrame | None,
    monitor: MonitorConfig,
    version: Version,
    at: str,
) -> None:
    rows, notes = _held(waiting, version, monitor, at)
    if new is not None:
        fresh = pd.read_parquet(store().folder(new) / "rows.parquet").assign(at=at, version=version.version)
        rows = pd.concat([rows, fresh], ignore_index=True) if len(rows) else fresh
    if "prediction" not in rows.columns:
        rows = rows.iloc[:0].assign(prediction=pd.Series(dtype="str"))
    if "target" not in rows.columns:
        rows = rows.assign(target=pd.Series(dtype="str"))
    matched = 0
    if outcomes is not None and "key" in rows.columns:
        found = rows["key"].map(outcomes.set_index("key")["target"])
        matched = int(found.notna().sum())
        rows["target"] = rows["target"].where(rows["target"].notna(), found)
        notes += _unmatched(outcomes, rows)
    known = rows["target"].notna() & rows["prediction"].notna()
    rows[known].drop(columns="key", errors="ignore").to_parquet(folder / "labelled.parquet", index=False)
    # Without a key no outcome can ever find its row, and without a prediction there is nothing to compare it with.
    waits = ~known & rows["prediction"].notna()
    still = rows[waits] if "key" in rows.columns else rows.iloc[:0]
    still.drop(columns="target").to_parquet(folder / "waiting.parquet", index=False)
    counts: dict[str, Any] = {"labelled": int(known.sum()), "matched": matched, "waiting": len(still), "notes": notes}
    write_json(folder / "outcomes.json", counts)


def _held(
    waiting: Mapping[str, str] | None, version: Version, monitor: MonitorConfig, at: str
) -> tuple[pd.DataFrame, list[str]]:
    """The rows that waited at the last look and may wait on."""
    if waiting is None:
        return pd.DataFrame(), []
    try:
        rows = pd.read_parquet(store().folder(Ref.from_dict(waiting)) / "waiting.parquet")
    except StoreError:
        return pd.DataFrame(), ["the rows of earlier looks are not in this store: outcomes find new rows only"]
    oldest = (datetime.fromisoformat(at) - timedelta(days=monitor.wait_days)).isoformat()
    gone = rows["version"] != version.version
    late = (rows["at"] < oldest) & ~gone
    notes = [f"{gone.sum()} rows that another version decided wait no longer"] if gone.any() else []
    notes += [f"{late.sum()} rows waited {monitor.wait_days} days without an outcome"] if late.any() else []
    return rows[~(gone | late)], notes


def _unmatched(outcomes: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    lost = int((~outcomes["key"].isin(rows["key"])).sum())
    return [f"{lost} of {len(outcomes)} outcomes found no row that waits"] if lost else []
