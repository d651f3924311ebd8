"""A file of any kind: what it is, and its reader."""

import bz2
import gzip
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd

from evenhand.data._address import local_file, shown
from evenhand.data._folders import find_folder, readable
from evenhand.data.frames import Decimal, Known, ReadAs, plain_frame
from evenhand.exceptions import DataError

_HEAD = 1 << 20
_PARQUET = b"PAR1"
# Each opener's file is closed by who asked for it.
_COMPRESSED: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": lambda path: cast("IO[bytes]", gzip.open(path, "rb")),  # noqa: SIM115
    b"BZh": lambda path: cast("IO[bytes]", bz2.open(path, "rb")),  # noqa: SIM115
    b"\xfd7zXZ\x00": lambda path: cast("IO[bytes]", lzma.open(path, "rb")),  # noqa: SIM115
}
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "an SQLite database (read it by sql and url)",
    b"ARROW1": "a Feather file",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
    b"\x7fELF": "a program",
    b"(\xb5/\xfd": "compressed by zstd",
}
_FOREIGN_TEXT = {
    re.compile(rb'\s*(\[\s*[\[{"]|\{\s*")'): "JSON",
    re.compile(rb"\s*<(!doctype|html|body|table|\?xml)", re.IGNORECASE): "a web page or XML",
}
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def read_file(
    address: str,
    *,
    format: str,  # noqa: A002
    encoding: str | None,
    delimiter: str | None,
    decimal: Decimal | None,
    asked: Mapping[str, ReadAs],
    known: Known,
    unused: Callable[[str], bool] | None = None,
) -> pd.DataFrame:
    """Read a CSV or Parquet file at any address; see :func:`evenhand.data.sources.read_source`."""
    name = shown(address)
    folder = find_folder(address, format=format)
    if folder is not None:
        return _read_parquet(folder.path, name, folder.system, unused=unused)
    with local_file(address) as path:
        head = _head(path, name)
        if not head.strip(b" \t\r\n\x0c\xef\xbb\xbf\xff\xfe"):
            raise DataError(f"{name} is empty: it has no header and no rows")
        is_parquet = head.startswith(_PARQUET)
        if is_parquet and format == "csv":
            raise DataError(f"{name} is a Parquet file: set format to 'parquet' or 'auto'")
        if format == "parquet" and not is_parquet:
            raise DataError(f"{name} is no Parquet file: set format to 'csv' or 'auto'")
        if is_parquet:
            return _read_parquet(path, name, unused=unused)
        how: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter, "decimal": decimal}
        return _read_text(path, name, head, asked=asked, known=known, **how)


def starts_as_parquet(path: Path) -> bool:
    """Whether the first bytes of a file are those of Parquet."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def without_index(names: list[str]) -> list[str]:
    """The columns that are none of pandas' unnamed indexes."""
    return [name for name in names if not _UNNAMED_INDEX.fullmatch(name)]


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed when its first bytes say that it is compressed."""
    with path.open("rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)
    return opener(path) if opener else path.open("rb")


def _head(path: Path, name: str) -> bytes:
    try:
        with open_bytes(path) as file:
            return file.read(_HEAD)
    except _DAMAGED as error:
        raise DataError(f"{name} is compressed and damaged or cut off: fetch it again") from error
    except OSError as error:
        raise DataError(f"{name} cannot be read ({type(error).__name__}): check the file") from error


def _read_text(path: Path, name: str, head: bytes, **how: Any) -> pd.DataFrame:
    from evenhand.data._csv import read_csv

    foreign = [kind for magic, kind in _FOREIGN.items() if head.startswith(magic)]
    foreign += [kind for pattern, kind in _FOREIGN_TEXT.items() if pattern.match(head)]
    if foreign:
        raise DataError(f"{name} is no CSV file but {foreign[0]}: export the table as CSV or Parquet")
    try:
        return read_csv(lambda: open_bytes(path), name, head=head, **how)
    except _DAMAGED as error:
        raise DataError(f"{name} is compressed and damaged or cut off: fetch it again") from error


def _read_parquet(
    path: Path | str, name: str, system: Any = None, *, unused: Callable[[str], bool] | None
) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with readable(name):
        # A file of one name twice is refused by plain_frame, which names it; the dataset reader would not.
        one = system is None and Path(path).is_file()
        table = pq.ParquetFile(path).read() if one else pq.read_table(path, filesystem=system)
    if not table.num_rows:
        raise DataError(f"{name} has columns and no rows: give at least one")
    # An index with a name was a column before somebody made it the index; one without a name says nothing. The rest of
    # what pandas notes beside the table is not needed, and may be damaged.
    counters = named_ranges(table.schema.metadata or {}, table.num_rows)
    table = table.replace_schema_metadata(None)
    kept = [place for place, name in enumerate(table.column_names) if not _UNNAMED_INDEX.fullmatch(name)]
    table = table.select(kept)
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    del table
    for column, counter in counters.items():
        if column not in frame.columns:
            frame.insert(0, column, np.asarray(counter))
    return plain_frame(frame, unused=unused)


def named_ranges(metadata: dict[bytes, bytes], n: int) -> dict[str, range]:
    """Indexes that count evenly and have a name: they are no column of the file, only a note of pandas."""
    try:
        noted = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
        ranges = {
            each["name"]: range(each["start"], each["stop"], each["step"])
            for each in noted
            if isinstance(each, dict) and isinstance(each["name"], str)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: counter for name, counter in ranges.items() if len(counter) == n}
