"""A data set as one Parquet file that comes back exactly as it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.data.finding import Finding
from evenhand.exceptions import DataError, StoreError, shorten

__all__ = ["read_dataset", "write_dataset"]

_KEY = b"evenhand.dataset"
_FORMAT = 1
_ROLES = ("y", "key", "time", "group")


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Write a data set, whole or not at all; the same data set gives the same bytes.

    Parameters
    ----------
    dataset
        What to keep.
    path
        The Parquet file, replaced when it exists. What is no table (roles, labels, digest) stands in its metadata.

    Raises
    ------
    DataError
        For a column whose dtype has no exact form in Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays, columns = [], []
    for role, series in _parts(dataset):
        array, encoding = _encode(series)
        arrays.append(array)
        columns.append({"role": role, "name": _label(series.name), "dtype": str(series.dtype), "encoding": encoding})
    described = {
        "format": _FORMAT,
        "rows": len(dataset),
        "columns": columns,
        "favorable_label": _labels(dataset.favorable_label),
        "name": dataset.name,
        "digest": dataset.digest,
        "findings": [finding.to_dict() for finding in dataset.findings],
    }
    schema = pa.schema(
        [pa.field(f"c{place}", array.type) for place, array in enumerate(arrays)],
        metadata={_KEY: json.dumps(described, ensure_ascii=True, sort_keys=True).encode()},
    )
    unfinished = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), unfinished, compression="zstd")
    unfinished.replace(path)


def read_dataset(path: Path) -> Dataset:
    """Read what :func:`write_dataset` wrote.

    Raises
    ------
    StoreError
        When the file is missing, cut off, or no snapshot of a data set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StoreError(f"there is no snapshot {path.name}: run the step that writes it again")
    try:
        with pq.ParquetFile(path) as file:
            described = _described(file.schema_arrow.metadata or {}, path.name)
            # One column at a time: the file's form of the whole table never stands in memory beside ours.
            columns = [
                _decode(file.read(columns=[f"c{place}"]).column(0), column)
                for place, column in enumerate(described["columns"])
            ]
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"snapshot {path.name} cannot be read: it is cut off or altered; write it again") from error
    return _assemble(columns, described)


def _described(metadata: dict[bytes, bytes], name: str) -> dict[str, Any]:
    if _KEY not in metadata:
        raise StoreError(f"{name} is a Parquet file, but no snapshot of a data set")
    described: dict[str, Any] = json.loads(metadata[_KEY])
    if described["format"] != _FORMAT:
        raise StoreError(f"snapshot {name} has format {described['format']}, and this version reads {_FORMAT}")
    return described


def _assemble(columns: list[pd.Series], described: dict[str, Any]) -> Dataset:
    parts: dict[str, list[pd.Series]] = {role: [] for role in ("X", "s", *_ROLES)}
    for series, column in zip(columns, described["columns"], strict=True):
        parts[column["role"]].append(series)
    index = pd.RangeIndex(described["rows"])
    single = {role: parts[role][0] if parts[role] else None for role in _ROLES}
    return Dataset(
        X=_frame(parts["X"], index),
        sensitive_features=_frame(parts["s"], index),
        favorable_label=_unlabels(described["favorable_label"]),
        name=described["name"],
        digest=described["digest"],
        findings=tuple(
            Finding(**{**finding, "value": np.nan if finding["value"] is None else finding["value"]})
            for finding in described["findings"]
        ),
        **single,  # type: ignore[arg-type]
    )


def _frame(columns: list[pd.Series], index: pd.RangeIndex) -> pd.DataFrame:
    names = [column.name for column in columns]
    return pd.DataFrame(dict(zip(names, columns, strict=True)), index=index, columns=names)


def _parts(dataset: Dataset) -> Iterator[tuple[str, pd.Series]]:
    for role, frame in (("X", dataset.X), ("s", dataset.sensitive_features)):
        for name in frame.columns:
            yield role, frame[name]
    for role in _ROLES:
        part = getattr(dataset, role)
        if part is not None:
            yield role, part


def _encode(series: pd.Series) -> tuple[Any, str]:
    import pyarrow as pa

    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        return pa.array(series.array, from_pandas=True).cast(pa.large_string()), "text"
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbM":
        # Without from_pandas NaN stays a number and does not become null.
        return pa.array(series.to_numpy(), from_pandas=dtype.kind == "M"), "plain"
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return pa.array([_tagged(value, series.name) for value in series], type=pa.string()), "tagged"
    raise DataError(
        f"column {shorten(series.name)} has dtype {dtype}, which a snapshot cannot keep exactly: "
        "store numbers, booleans, text or dates"
    )


def _decode(column: Any, described: dict[str, Any]) -> pd.Series:
    name, dtype = _unlabel(described["name"]), described["dtype"]
    if described["encoding"] == "tagged":
        values = np.empty(len(column), dtype=object)
        values[:] = [_untagged(text) for text in column.to_pylist()]
        return pd.Series(values, name=name, dtype=object)
    if described["encoding"] == "text":
        return pd.Series(column.to_pandas(), dtype="str", name=name)
    plain: pd.Series = pd.Series(column.to_numpy(), dtype=dtype, name=name)
    return plain


def _tagged(value: Any, name: object) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool | np.bool_):
        return f"b{int(value)}"
    if isinstance(value, int | np.integer):
        return f"i{int(value)}"
    if isinstance(value, float | np.floating):
        return f"f{float(value).hex()}"
    if isinstance(value, str):
        return f"s{value}"
    raise DataError(f"column {shorten(name)} holds a {type(value).__name__}, which a snapshot cannot keep exactly")


def _untagged(text: str) -> Any:
    tag, rest = text[0], text[1:]
    if tag == "n":
        return None
    if tag == "b":
        return rest == "1"
    if tag == "i":
        return int(rest)
    return float.fromhex(rest) if tag == "f" else rest


def _label(value: Any) -> str:
    return _tagged(value, "the label")


_unlabel = _untagged


def _labels(value: Any) -> Any:
    """One label as text, several as a list of texts."""
    return [_label(each) for each in value] if isinstance(value, tuple) else _label(value)


def _unlabels(told: Any) -> Any:
    return tuple(_unlabel(each) for each in told) if isinstance(told, list) else _unlabel(told)
