"""New data as parts: Parquet a batch at a time with its text as codes, anything else as one part."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.data._address import local_file, shown
from evenhand.data._files import starts_as_parquet
from evenhand.data._folders import find_folder, readable
from evenhand.data.digest import content_digest
from evenhand.data.frames import check_unique_names
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError
from evenhand.store import digest_file, digest_json

__all__ = ["Batch", "open_batch"]

_ROWS = 1 << 18
_WANTED = "give at least one; fewer than monitor.min_rows are measured and not tested"


@dataclass(frozen=True)
class Batch:
    """New data that is read once, in parts.

    Attributes
    ----------
    rows
        How many there are.
    columns
        Their columns.
    """

    rows: int
    columns: tuple[str, ...]
    _frame: pd.DataFrame | None = None
    _files: tuple[Path | str, ...] = ()
    _system: Any = None

    def digest(self) -> str:
        """What tells these data from others: of files their bytes, of anything else its content."""
        if self._frame is not None:
            return content_digest(self._frame)
        if self._system is None:
            return digest_json([digest_file(Path(file)) for file in self._files])
        return digest_json([_digest_at(self._system, str(file)) for file in self._files])

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The rows in order, those of these columns that there are; text of Parquet comes as categories."""
        wanted = [name for name in dict.fromkeys(columns) if name in self.columns]
        if self._frame is not None:
            yield self._frame[wanted]
            return
        for file in self._files:
            yield from _parquet_parts(file, wanted, self._system)


@contextmanager
def open_batch(source: dict[str, Any]) -> Iterator[Batch]:
    """The rows of a source, as :func:`evenhand.data.sources.read_source` takes it.

    Raises
    ------
    DataError
        When it cannot be read or has no rows.
    """
    address = source.get("path")
    if address is None or source.get("format") == "csv":
        yield _whole(read_source(**source))
        return
    folder = find_folder(address)
    if folder is not None:
        yield _parquet(folder.parts, shown(address), folder.system)
        return
    with local_file(address) as path:
        yield _parquet([path], shown(address)) if starts_as_parquet(path) else _whole(read_source(**source))


def _whole(frame: pd.DataFrame) -> Batch:
    if not len(frame):
        raise DataError(f"the new data has no rows: {_WANTED}")
    return Batch(len(frame), tuple(map(str, frame.columns)), _frame=frame)


def _digest_at(system: Any, file: str) -> str:
    """As :func:`evenhand.store.digest_file`, of a file at an address."""
    with readable(shown(file)), system.open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parquet(files: Sequence[Path | str], name: str, system: Any = None) -> Batch:
    import pyarrow.parquet as pq

    with readable(name):
        rows = sum(pq.read_metadata(file, filesystem=system).num_rows for file in files)
        names = pq.read_schema(files[0], filesystem=system).names
    check_unique_names(names)
    if not rows:
        raise DataError(f"{name} has columns and no rows: {_WANTED}")
    return Batch(rows, tuple(names), _files=tuple(files), _system=system)


def _parquet_parts(path: Path | str, columns: Sequence[str], system: Any) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with readable(shown(str(path))):
        schema = pq.read_schema(path, filesystem=system)
        kinds = {field.name: field.type for field in schema}
        texts = [
            n for n in columns if n in kinds and (pa.types.is_string(kinds[n]) or pa.types.is_large_string(kinds[n]))
        ]
        with pq.ParquetFile(path, read_dictionary=texts, filesystem=system) as file:
            # A reader over all row groups keeps what it has read: one group at a time does not.
            for group in range(file.num_row_groups):
                options = {"batch_size": _ROWS, "row_groups": [group], "columns": list(columns), "use_threads": False}
                for batch in file.iter_batches(**options):
                    if batch.num_rows:
                        table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                        frame = table.to_pandas(split_blocks=True, self_destruct=True)
                        # A file without any of the columns has its rows all the same.
                        yield frame if len(frame.columns) else pd.DataFrame(index=pd.RangeIndex(batch.num_rows))
