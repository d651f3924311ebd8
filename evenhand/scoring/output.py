"""The file of scored rows: Parquet, written in parts, there whole or not at all."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from evenhand.exceptions import DataError

__all__ = ["METADATA", "Writer", "check_output", "open_output"]

METADATA = b"evenhand.score"
"""The key of the file's metadata that holds, as JSON, what made it."""


_DAY = 86_400.0


class Writer(Protocol):
    """Takes the parts of a file in order."""

    def __call__(self, part: pd.DataFrame, /) -> None:
        """Write the next rows."""


def check_output(path: Path, *, replace: bool) -> None:
    """Refuse a place that cannot or must not be written, before anything is computed.

    Parameters
    ----------
    path
        Where the file is to be.
    replace
        Whether a file that is there may be replaced.

    Raises
    ------
    DataError
        When the folder is missing or may not be written, or the file exists.
    """
    if "://" in str(path) or ":/" in str(path):
        raise DataError(f"{path} is no file of this machine: name a local file, and copy it from there")
    if path.suffix.lower() in (".csv", ".json", ".xlsx"):
        raise DataError(f"{path} would be a Parquet file all the same: let its name end in .parquet")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name the file in it")
    if path.exists() and not replace:
        raise DataError(f"{path} exists: name another file, or give --force")
    if not path.parent.is_dir():
        raise DataError(f"the folder of {path} does not exist: make it first")


@contextmanager
def open_output(path: Path, *, constants: Mapping[str, str], about: Mapping[str, Any]) -> Iterator[Writer]:
    """Write a Parquet file in parts; on an error nothing is left of it.

    Parameters
    ----------
    path
        Where it stands once the block ends well; readable by its owner only, since its rows are about people.
    constants
        Columns that say the same in every row, after the first column: model, version, digest.
    about
        What is kept beside the rows as JSON.

    Yields
    ------
    Writer
        Takes parts with the same columns; the first part says their types.
    """
    _sweep(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    sink = _Sink(draft, dict(constants), json.dumps(about, ensure_ascii=False, allow_nan=False).encode())
    try:
        yield sink
        sink.close()
        draft.replace(path)
    finally:
        sink.close()
        draft.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what a process that was killed left of the same file a day ago and longer."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _DAY:
                left.unlink()


class _Sink:
    def __init__(self, path: Path, constants: dict[str, str], about: bytes) -> None:
        self._path, self._constants, self._about = path, constants, about
        self._writer: Any = None

    def __call__(self, part: pd.DataFrame, /) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = self._table(part)
        if self._writer is None:
            self._path.touch(mode=0o600)
            schema = table.schema.with_metadata({METADATA: self._about})
            self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")
            self._schema: pa.Schema = schema
        self._writer.write_table(table.cast(self._schema.remove_metadata()).replace_schema_metadata({}))

    def _table(self, part: pd.DataFrame) -> Any:
        import pyarrow as pa

        first, *rest = part.columns
        arrays = {str(first): pa.array(part[first], from_pandas=True)}
        codes = np.zeros(len(part), dtype=np.int8)
        for name, value in self._constants.items():
            arrays[name] = pa.DictionaryArray.from_arrays(codes, pa.array([value], type=pa.string()))
        for name in rest:
            # A part without any reason is a column of texts all the same.
            texts = part[name].dtype == object
            arrays[str(name)] = pa.array(part[name], type=pa.string() if texts else None, from_pandas=True)
        return pa.table(arrays)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
