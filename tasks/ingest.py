"""Read the rows, hold them to their contract, and keep a snapshot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evenhand.config import DataConfig
from evenhand.data.contract import Contract
from evenhand.data.dataset import Dataset
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.store import Ref
from tasks.rows import in_order, load
from tasks.step import note, once, step, store, write_json

__all__ = ["ingest_data", "read_rows"]


@step("ingest", "Reads the rows, compares them with the model's data contract, and keeps a snapshot.")
def ingest_data(
    data: DataConfig,
    contract: Mapping[str, Any] | None,
    *,
    held: bool = True,
    taken: Sequence[str] | None = None,
) -> Ref:
    """The rows as a snapshot in the store, known by the digest of their content.

    Parameters
    ----------
    data
        The configuration's section.
    contract
        What the model's first data promised; None at first sight, or when a new contract is asked for.
    held
        Whether rows that break the contract are refused; else it only says which columns are numbers and which text.
    taken
        Columns that are kept as they were read in place of the features, whatever their role: a model that others made
        may take the sex. Their names begin with :data:`evenhand.modeling.foreign.TAKEN`. () keeps all that are not
        excluded.

    Raises
    ------
    ContractError
        With every violation.
    """
    promised = None if contract is None else Contract.from_dict(contract)
    rows, sample, decimal, features = load(data, promised, held=held, taken=taken)
    if promised is not None:
        rows = in_order(promised.as_promised(rows))
    about = data.model_dump(mode="json", exclude={"source", "contract"})
    sampled = None if sample is None else sample.to_dict()
    parts: dict[str, Any] = {"rows": rows.digest, "data": about, "sampled": sampled}
    parts |= {} if taken is None else {"taken": list(taken)}
    described = {"sampled": sampled, "decimal": decimal, "features": features}
    ref = once("ingest", parts, lambda folder: _write(folder, rows, data, described))
    drawn = "" if sample is None or sample.complete else f" of {sample.of:,}, a stratified sample"
    note(f"{len(rows):,} rows{drawn}, {len(features)} features, {rows.task}, digest {rows.digest[:12]}")
    return ref


def _write(folder: Path, rows: Dataset, data: DataConfig, described: dict[str, Any]) -> None:
    write_dataset(rows, folder / "rows.parquet")
    about = {
        "name": rows.name,
        "digest": rows.digest,
        "rows": len(rows),
        "sampled": described["sampled"],
        "decimal": described["decimal"],
        "task": rows.task,
        "classes": [str(label) for label in rows.classes],
        "source": data.source.model_dump(mode="json", exclude_none=True),
        "description": data.description,
        "target": data.target,
        "features": described["features"],
        "sensitive": {
            str(name): {str(group): int(n) for group, n in rows.sensitive_features[name].value_counts().items()}
            for name in rows.sensitive_features.columns
        },
    }
    write_json(folder / "about.json", about)


def read_rows(ref: Ref) -> Dataset:
    """All rows of a snapshot."""
    return read_dataset(store().folder(ref) / "rows.parquet")
