"""Count files that do not fit in memory: Parquet in parts, whose tables add up."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import exact_frame
from evenhand.fairness.counts import CountTable, merge
from evenhand.fairness.groups import encode_groups, encode_labels, refuse_identifiers
from evenhand.fairness.rows import count_rows
from evenhand.fairness.scores import SCORE_BINS

__all__ = ["count_parquet"]

_BATCH = 1 << 19


def count_parquet(
    paths: str | Path | Sequence[str | Path],
    *,
    y_true: str,
    y_pred: str,
    sensitive_features: Sequence[str],
    favorable_label: Any = None,
    y_score: str | None = None,
    sample_weight: str | None = None,
    frequency_weight: str | None = None,
    legitimate_factors: Sequence[str] = (),
    bins: Mapping[str, Sequence[float]] | None = None,
    score_bins: int = SCORE_BINS,
    batch_rows: int = _BATCH,
) -> CountTable:
    """Count the rows of Parquet files, reading only the named columns and a part at a time.

    Parameters
    ----------
    paths
        A file, a folder of ``*.parquet``, or several of them.
    y_true, y_pred, y_score, sample_weight, frequency_weight
        Names of columns.
    sensitive_features, legitimate_factors
        Names of columns, too.
    favorable_label, bins, score_bins
        As in :class:`evenhand.fairness.BiasDetector`.
    batch_rows
        Rows that are in memory at a time.

    Raises
    ------
    DataError
        No file, a missing column, or a column that cannot be counted: with its file, and which rows of it were read.
    """
    wanted = [y_true, y_pred, *sensitive_features, *legitimate_factors]
    optional = [name for name in (y_score, sample_weight, frequency_weight) if name is not None]

    def count(batch: pd.DataFrame) -> CountTable:
        def column(name: str | None) -> Any:
            if name is None:
                return None
            numbers = batch[name]
            # Whole numbers beside a null, which the count refuses by what it calls values that are not finite.
            return numbers.to_numpy(dtype=float, na_value=np.nan) if numbers.hasnans else numbers.to_numpy()

        return count_rows(
            encode_groups(batch[[*sensitive_features, *legitimate_factors]], bins=bins, part=True),
            encode_labels(batch[y_true], name=y_true),
            encode_labels(batch[y_pred], name=y_pred),
            y_score=column(y_score),
            favorable_label=favorable_label,
            score_bins=score_bins,
            sampling_weight=column(sample_weight),
            frequency_weight=column(frequency_weight),
        )

    total: CountTable | None = None
    for part in _batches(_files(paths), [*wanted, *optional], batch_rows):
        with part.named():
            table = count(part.frame)
            total = table if total is None else merge([total, table])
    if total is None:
        raise DataError("the files have no rows to audit")
    for name in total.attributes:
        refuse_identifiers(len(total.marginal([name]).groups), total.n, name)
    return total


@dataclass(frozen=True)
class _Part:
    """Rows of a file that are read at once."""

    frame: pd.DataFrame
    path: Path
    start: int

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say of an error about these rows where they stand."""
        try:
            yield
        except DataError as error:
            rows = f"rows {self.start + 1:,} to {self.start + len(self.frame):,}"
            raise DataError(f"{self.path}, {rows}: {error}") from error


def _files(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    found: list[Path] = []
    for path in [Path(paths)] if isinstance(paths, str | Path) else [Path(part) for part in paths]:
        found += sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not path.exists():
            raise DataError(f"there is no file {path}: give a Parquet file or a folder of them")
    if not found:
        raise DataError("there is no Parquet file: give at least one, or a folder of *.parquet")
    return found


def _batches(files: Sequence[Path], columns: Sequence[str], rows: int) -> Iterator[_Part]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in files:
        try:
            schema = pq.read_schema(path)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{path} is not a Parquet file: write its table with `to_parquet` and name that file"
            ) from error
        for name in columns:
            if name not in schema.names:
                raise DataError(f"{path} has no column {shorten(name)}: {nearest(name, schema.names)}")
        # Strings stay codes into a dictionary on their way to the table.
        texts = [
            f.name
            for f in schema
            if f.name in columns and (pa.types.is_string(f.type) or pa.types.is_large_string(f.type))
        ]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            # A reader over all row groups keeps what it has read: one group at a time does not.
            start = 0
            for group in range(file.num_row_groups):
                options = {"batch_size": rows, "row_groups": [group], "columns": list(dict.fromkeys(columns))}
                for batch in file.iter_batches(use_threads=False, **options):
                    if batch.num_rows:
                        # What pandas notes beside a table may make a column its index.
                        yield _Part(exact_frame(batch.replace_schema_metadata(None)), path, start)
                        start += batch.num_rows
