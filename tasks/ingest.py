"""Read the rows, hold them to their contract, and keep a snapshot."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.config import DataConfig
from evenhand.data.build import build_dataset
from evenhand.data.contract import Contract
from evenhand.data.dataset import Dataset
from evenhand.data.digest import row_digests
from evenhand.data.sensitive import Sensitive
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.data.sources import read_source
from evenhand.data.target import cut_target, require_favorable_label
from evenhand.store import Ref
from tasks.step import note, once, step, store, write_json

__all__ = ["ingest_data", "load_rows", "read_rows"]


@step("ingest", "Reads the rows, compares them with the model's data contract, and keeps a snapshot.")
def ingest_data(data: DataConfig, contract: dict[str, Any] | None) -> Ref:
    """The rows as a snapshot in the store, known by the digest of their content.

    Parameters
    ----------
    data
        The configuration's section.
    contract
        What the model's first data promised; None at first sight, or when a new contract is asked for.

    Raises
    ------
    ContractError
        With every violation.
    """
    rows = load_rows(data)
    if contract is not None:
        Contract.from_dict(contract).check(rows)
    about = data.model_dump(mode="json", exclude={"source", "contract"})
    ref = once("ingest", {"rows": rows.digest, "data": about}, lambda folder: _write(folder, rows, data))
    note(f"{len(rows):,} rows, {rows.X.shape[1]} features, {rows.task}, digest {rows.digest[:12]}")
    return ref


def load_rows(data: DataConfig) -> Dataset:
    """Read the source and sort its columns into features, target and sensitive attributes."""
    source = data.source
    frame = read_source(**source.model_dump())
    if data.target_above is not None:
        frame = cut_target(frame, target=data.target, above=data.target_above)
    rows = build_dataset(
        frame,
        target=data.target,
        favorable_label=data.favorable_label,
        sensitive={name: _sensitive(name, **each.model_dump()) for name, each in data.sensitive.items()},
        features=data.features or None,
        exclude=data.exclude,
        key=data.key,
        time=data.time,
        group=data.group,
        name=data.name or source.dataset or Path(source.path or "query").name,
        drop_missing_target=data.drop_missing_target,
    )
    require_favorable_label(rows)
    return _in_order(rows)


def _in_order(rows: Dataset) -> Dataset:
    """The rows sorted by their content: a query or a file in another order gives the same folds and the same model."""
    order = np.argsort(row_digests(rows.to_frame()), kind="stable")
    return replace(rows.take(order), digest=rows.digest)


def _sensitive(name: str, **how: Any) -> Sensitive:
    """The library's form of one sensitive attribute: what the configuration leaves empty is None."""
    given = {key: value or None for key, value in how.items()}
    if given["indicators"] is None and given["column"] is None:
        given["column"] = name
    return Sensitive(**given)


def _write(folder: Path, rows: Dataset, data: DataConfig) -> None:
    write_dataset(rows, folder / "rows.parquet")
    about = {
        "name": rows.name,
        "digest": rows.digest,
        "rows": len(rows),
        "task": rows.task,
        "classes": [str(label) for label in rows.classes],
        "source": data.source.model_dump(mode="json", exclude_none=True),
        "description": data.description,
        "target": data.target,
        "features": [str(name) for name in rows.X.columns],
        "sensitive": {
            str(name): {str(group): int(n) for group, n in rows.sensitive_features[name].value_counts().items()}
            for name in rows.sensitive_features.columns
        },
    }
    write_json(folder / "about.json", about)


def read_rows(ref: Ref) -> Dataset:
    """All rows of a snapshot."""
    return read_dataset(store().folder(ref) / "rows.parquet")
