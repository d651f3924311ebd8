"""Rows as the configuration describes them, from where they come; the steps that read a source share this."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evenhand.config import DataConfig
from evenhand.data.build import build_dataset
from evenhand.data.contract import Contract, check_key
from evenhand.data.dataset import Dataset
from evenhand.data.digest import content_digest, row_digests
from evenhand.data.finding import Finding
from evenhand.data.frames import Decimal, Known
from evenhand.data.reading import known_kinds
from evenhand.data.sampling import Sample, read_sample
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import read_source
from evenhand.data.target import cut_target, require_favorable_label
from evenhand.data.unbuilt import refuse_with_contract
from evenhand.exceptions import DataError
from evenhand.modeling.foreign import TAKEN
from tasks.step import reading

__all__ = ["Loaded", "in_order", "load", "load_rows"]


class Loaded(NamedTuple):
    """The rows; when they were drawn, how; what stood before the decimals in a CSV file; and the features."""

    rows: Dataset
    sample: Sample | None
    decimal: Decimal | None
    features: list[str]


def load_rows(data: DataConfig, contract: Mapping[str, Any] | None = None, *, held: bool = True) -> Dataset:
    """Read the source and sort its columns into features, target and sensitive attributes.

    Parameters
    ----------
    data
        The configuration's section.
    contract
        What the rows are held to, if anything.
    held
        Whether they are; else it only says which columns are numbers and which text.

    Raises
    ------
    ContractError
        With every violation.
    """
    promised = None if contract is None else Contract.from_dict(contract)
    rows = load(data, promised, held=held).rows
    return rows if promised is None or held else promised.as_promised(rows)


def load(data: DataConfig, promised: Contract | None, *, held: bool, taken: Sequence[str] | None = None) -> Loaded:
    """Read the source, with what a snapshot tells about it.

    Parameters
    ----------
    data
        The configuration's section.
    promised
        The contract, if any.
    held
        Whether the rows are held to it; else it only says which columns are numbers and which text.
    taken
        Columns that are kept as they were read in place of the features; () for all that are not excluded.

    Raises
    ------
    ContractError
        With every violation.
    """
    source, contract = data.source, promised if held else None
    sensitive = {name: Sensitive.described(name, **each.model_dump()) for name, each in data.sensitive.items()}
    number = data.target if data.target_above is not None else None
    frame, sample = _read(data, sensitive, known_kinds(promised, sensitive, number=number), taken)
    decimal = frame.attrs.get("decimal")
    if data.target_above is not None:
        frame = cut_target(frame, target=data.target, above=data.target_above)
    roles: dict[str, Any] = {
        "target": data.target,
        "sensitive": sensitive,
        "features": data.features or None,
        "exclude": data.exclude,
        "key": data.key,
        "time": data.time,
        "group": data.group,
        "drop_missing_target": data.drop_missing_target,
    }
    name = data.name or source.dataset or Path(source.path or "query").name
    try:
        rows = build_dataset(frame, favorable_label=data.favorable_label, name=name, **roles)
    except DataError as error:
        if contract is not None:
            refuse_with_contract(error, contract, frame, **roles)
        raise
    if contract is not None:
        contract.check(rows, left_out=[name for name in frame.columns if name not in rows.X.columns])
    elif held and rows.key is not None:
        check_key(rows.key)  # before a split by it, which would make little sense
    require_favorable_label(rows)
    if sample is not None and sample.without_target:
        message = (
            f"{sample.without_target} of {sample.of + sample.without_target} rows have no target and were left out"
        )
        dropped = Finding("dropped_rows", data.target, message, float(sample.without_target))
        rows = replace(rows, findings=(dropped, *rows.findings))
    features = [str(column) for column in rows.X.columns]
    if taken is not None:
        rows = _as_read(rows, frame, data, taken)
    return Loaded(in_order(rows), sample, decimal, features)


def _as_read(rows: Dataset, frame: pd.DataFrame, data: DataConfig, taken: Sequence[str]) -> Dataset:
    """The same rows with the taken columns as they were read; those that are not there are for their taker to miss."""
    kept = frame.loc[frame[data.target].notna()].reset_index(drop=True)
    names = [name for name in kept.columns if name in taken or not (taken or name in data.exclude)]
    found = replace(rows, X=kept[names].add_prefix(TAKEN))
    return replace(found, digest=content_digest(found.to_frame()))


def _read(
    data: DataConfig, sensitive: dict[str, Sensitive], known: Known, taken: Sequence[str] | None
) -> tuple[pd.DataFrame, Sample | None]:
    with reading(data.source) as source:
        return _read_from({**source, "known": known, "unused": _unused(data, sensitive, taken)}, data, sensitive)


def _unused(data: DataConfig, sensitive: dict[str, Sensitive], taken: Sequence[str] | None) -> Callable[[str], bool]:
    """Whether the configuration leaves a column out, so that it may hold anything."""
    roles = {data.target, data.key, data.time, data.group, *(c for how in sensitive.values() for c in how.columns)}
    roles |= set(taken or ())
    features = set(data.features) if taken is None or taken else set()

    def unused(name: str) -> bool:
        return name not in roles and (name in data.exclude or (bool(features) and name not in features))

    return unused


def _read_from(
    source: dict[str, Any], data: DataConfig, sensitive: dict[str, Sensitive]
) -> tuple[pd.DataFrame, Sample | None]:
    if data.sample_rows is None:
        return read_source(**source), None
    roles = [name for name in (data.time, data.group) if name is not None]
    columns = [data.target, *data.features, *(c for how in sensitive.values() for c in how.columns), *roles]
    return read_sample(
        data.sample_rows,
        source=source,
        target=data.target,
        target_above=data.target_above,
        sensitive=sensitive,
        key=data.key,
        content=columns if data.features else None,
        exclude=data.exclude,
        salt=data.sample_salt,
        drop_missing_target=data.drop_missing_target,
    )


def in_order(rows: Dataset) -> Dataset:
    """The rows sorted by their content: a query or a file in another order gives the same folds and the same model.

    Parameters
    ----------
    rows
        A data set; its digest stays.
    """
    order = np.argsort(row_digests(rows.to_frame()), kind="stable")
    return replace(rows.take(order), digest=rows.digest)
