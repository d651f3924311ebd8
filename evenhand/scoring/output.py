"""The file of scored rows: Parquet, written in parts, there whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.scoring.places import open_place
from evenhand.store import digest_file

__all__ = ["METADATA", "Sink", "check_output", "open_output"]

METADATA = b"evenhand.score"
"""The key of the file's metadata that holds, as JSON, what made it."""


def check_output(address: str | Path, *, replace: bool) -> None:
    """Refuse a place that cannot or must not be written, before anything is computed.

    Parameters
    ----------
    address
        Where the file is to be; see :func:`evenhand.scoring.places.open_place`.
    replace
        Whether a file that is there may be replaced.

    Raises
    ------
    DataError
        When the folder is missing or may not be written, the file exists, or no package knows the protocol.
    ServiceError
        When the server of an address does not answer.
    """
    open_place(address).check(replace=replace)


@contextmanager
def open_output(address: str | Path, *, constants: Mapping[str, str], about: Mapping[str, Any]) -> Iterator["Sink"]:
    """Write a Parquet file in parts; on an error nothing is left of it.

    Parameters
    ----------
    address
        Where it stands once the block ends well; on this machine readable by its owner only, since its rows are about
        people.
    constants
        Columns that say the same in every row, after the first column: model, version, digest.
    about
        What is kept beside the rows as JSON.

    Yields
    ------
    Sink
        Takes parts with the same columns; the first part says their types. It knows the file's digest after the block.
    """
    place = open_place(address)
    with place.draft() as draft:
        sink = Sink(draft, place.name, dict(constants), json.dumps(about, ensure_ascii=False, allow_nan=False).encode())
        try:
            yield sink
        finally:
            sink.close()
        sink.digest = digest_file(draft)


class Sink:
    """Takes the parts of a file in order.

    Attributes
    ----------
    name
        Where the file goes, as people read it.
    digest
        The file's SHA-256, once it is written.
    """

    def __init__(self, path: Path, name: str, constants: dict[str, str], about: bytes) -> None:
        self._path, self._constants, self._about = path, constants, about
        self._writer: Any = None
        self.name, self.digest = name, ""

    def __call__(self, part: pd.DataFrame, /) -> None:
        """Write the next rows."""
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
        """End the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
