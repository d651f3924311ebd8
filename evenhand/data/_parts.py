"""A table in parts: Parquet files a batch at a time, anything else as one part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data._address import local_file, shown
from evenhand.data._files import named_ranges, starts_as_parquet, without_index
from evenhand.data._folders import find_folder, readable
from evenhand.data.frames import check_unique_names, plain_frame
from evenhand.exceptions import DataError

__all__ = ["PART_BYTES", "Parts", "WholeFrame", "open_parts"]

PART_BYTES = 32 << 20
"""About so many bytes of a table are decoded at a time."""

_FEWEST, _MOST = 1 << 10, 1 << 17


class Parts(Protocol):
    """A table that is read in parts, more than once."""

    rows: int
    columns: list[str]

    def frames(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The parts in order, as plain frames of these columns."""

    def take(self, positions: npt.NDArray[np.intp]) -> pd.DataFrame:
        """The rows at these increasing positions, all columns."""


class WholeFrame:
    """A frame that is in memory already: one part."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.rows, self.columns = len(frame), list(frame.columns)

    def frames(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        yield self._frame[list(columns)]

    def take(self, positions: npt.NDArray[np.intp]) -> pd.DataFrame:
        return self._frame.iloc[positions].reset_index(drop=True)


@contextmanager
def open_parts(
    address: str,
    *,
    format: str,  # noqa: A002 (as in sources.py)
    unused: Callable[[str], bool] | None = None,
) -> Iterator[Parts | None]:
    """The Parquet file or folder at an address, to be read in parts; None when it is something else."""
    name = shown(address)
    folder = find_folder(address, format=format)
    if folder is not None:
        yield _ParquetParts(folder.path, name, folder.system, unused=unused)
        return
    with local_file(address) as path:
        if format == "csv" or not starts_as_parquet(path):
            yield None
            return
        yield _ParquetParts(path, name, unused=unused)


class _ParquetParts:
    """A Parquet file, or a folder of them."""

    def __init__(
        self, path: Path | str, name: str, system: Any = None, *, unused: Callable[[str], bool] | None = None
    ) -> None:
        # What a user of the parts does meanwhile, such as to write a file, is no fault of theirs: each way to read is
        # guarded by itself, and nothing stands around the user.
        self._unused, self._name = unused, name
        with readable(name):
            self._open(path, name, system)

    def _open(self, path: Path | str, name: str, system: Any) -> None:
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq

        if system is None and Path(path).is_file():
            check_unique_names(pq.read_schema(path).names)
        self._data = ds.dataset(path, format="parquet", partitioning="hive", filesystem=system)
        self.rows: int = self._data.count_rows()
        if not self.rows:
            raise DataError(f"{name} has columns and no rows: give at least one")
        self._named = named_ranges(self._data.schema.metadata or {}, self.rows)
        self._stored = without_index(self._data.schema.names)
        self.columns = [*(each for each in self._named if each not in self._stored), *self._stored]
        self._batch = self._batch_rows()

    def _batch_rows(self) -> int:
        groups = [group for piece in self._data.get_fragments() for group in piece.row_groups]
        stored = sum(group.total_byte_size for group in groups)
        each = max(stored / self.rows, 16 * len(self._stored))
        return int(np.clip(PART_BYTES / each, _FEWEST, _MOST))

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        import pyarrow as pa

        # A reader over all row groups keeps what it has read: one group at a time does not. Nor does the allocator,
        # which otherwise holds on to as much again as is in use.
        pool = pa.default_memory_pool()
        options = {"columns": list(columns), "batch_size": self._batch, "use_threads": False, "batch_readahead": 1}
        with readable(self._name):
            for piece in self._data.get_fragments():
                for group in piece.split_by_row_group():
                    for batch in group.to_batches(schema=self._data.schema, **options):
                        if batch.num_rows:
                            yield batch
                    batch = None  # what is still referred to cannot be given back
                    pool.release_unused()

    def frames(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        stored = [name for name in columns if name in self._stored]
        start = 0
        # Without a stored column a batch would have no rows to count.
        for batch in self._batches(stored or self._stored[:1]):
            frame = batch.select(stored).replace_schema_metadata(None).to_pandas()
            frame.index = pd.RangeIndex(batch.num_rows)
            frame = self._with_ranges(frame, np.arange(start, start + batch.num_rows), columns)
            start += batch.num_rows
            yield plain_frame(frame, unused=self._unused)[list(columns)]

    def take(self, positions: npt.NDArray[np.intp]) -> pd.DataFrame:
        import pyarrow as pa

        kept, start = [], 0
        for batch in self._batches(self._stored):
            low, high = np.searchsorted(positions, (start, start + batch.num_rows))
            # A copy: a slice would keep the whole batch.
            kept.append(batch.take(pa.array(positions[low:high] - start)))
            start += batch.num_rows
        table = pa.Table.from_batches(kept).replace_schema_metadata(None)
        del kept
        frame = table.to_pandas(split_blocks=True, self_destruct=True)
        del table
        return plain_frame(self._with_ranges(frame, positions, self.columns), unused=self._unused)

    def _with_ranges(self, frame: pd.DataFrame, places: npt.NDArray[np.intp], columns: Sequence[str]) -> pd.DataFrame:
        for name, counter in self._named.items():
            if name in columns and name not in frame.columns:
                frame.insert(0, name, counter.start + places * counter.step)
        return frame
