"""How long single answers took, from a log of the service that serves the model."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from evenhand.exceptions import DataError, shorten

__all__ = ["Latency", "latency", "read_latencies"]

_SECONDS = {
    **dict.fromkeys(("seconds", "s", "duration", "duration_s", "duration_seconds", "latency", "latency_s"), 1.0),
    **dict.fromkeys(("latency_seconds", "elapsed", "elapsed_s", "request_time"), 1.0),
    **dict.fromkeys(("ms", "milliseconds", "duration_ms", "latency_ms", "elapsed_ms", "time_ms"), 1e-3),
    **dict.fromkeys(("us", "microseconds", "duration_us", "latency_us"), 1e-6),
}
_PERCENTILES = (50, 90, 95, 99)
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Latency:
    """A percentile of the answers' times, in seconds, with its 95% interval; `low` or `high` None where unbounded."""

    percentile: int
    value: float
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def read_latencies(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The times in a log, in seconds, shape (n,).

    Parameters
    ----------
    path
        JSON lines, from the first one that has a time on, or CSV with a header, with any of the usual delimiters. The
        column says its unit: ``seconds``, ``latency_ms``, ``duration_us`` ...

    Raises
    ------
    DataError
        When there is no such file or column, it is neither of the two, or a time is not a number of at least 0.
    """
    if not path.is_file():
        raise DataError(f"there is no latency log {path}")
    try:
        name, values = _read(path)
    except ValueError:  # what json, pandas and a decoder raise
        raise DataError(f"{path} is no latency log: write JSON lines, or CSV with a header, in UTF-8") from None
    wrong = int((~(np.isfinite(values) & (values >= 0))).sum())
    if wrong or not len(values):
        raise DataError(f"column {shorten(name)} of {path}: {wrong} of {len(values)} entries are no time of at least 0")
    return values * _SECONDS[name.lower()]


def _read(path: Path) -> tuple[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """The column of times and what stands in it."""
    with path.open(encoding="utf-8") as stream:
        first = next((line for line in stream if line.strip()), "")
    if first.lstrip().startswith("{"):
        return _from_lines(path)
    names = {each: _names(path, each) for each in _DELIMITERS}
    delimiter = next((each for each, found in names.items() if _known(found)), _DELIMITERS[0])
    name = _column(path, names[delimiter])
    values = pd.read_csv(path, sep=delimiter, usecols=[name], skipinitialspace=True)[name]
    if delimiter != "," and not pd.api.types.is_numeric_dtype(values):
        values = values.str.replace(",", ".")  # where a comma parts no cells, it is that of a decimal number
    return name, pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)


def _names(path: Path, delimiter: str) -> list[str]:
    return pd.read_csv(path, sep=delimiter, nrows=0, skipinitialspace=True).columns.astype(str).tolist()


def _from_lines(path: Path) -> tuple[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """From the first line with a time on: a service says other things before it answers anybody."""
    start, name = _first_time(path)

    def values() -> Iterator[float]:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if number >= start and line.strip():
                    try:
                        yield float(json.loads(line)[name])
                    except (ValueError, KeyError, TypeError) as error:
                        raise DataError(f"line {number} of {path} has no number {shorten(name)}") from error

    return name, np.fromiter(values(), dtype=np.float64)


def _first_time(path: Path) -> tuple[int, str]:
    """The first line that has a time, and what it is called there."""
    names: dict[str, None] = {}
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            said = json.loads(line) if line.strip() else {}
            if isinstance(said, dict):
                if _known(said):
                    return number, _known(said)[0]
                names |= dict.fromkeys(said)
    return 0, _column(path, list(names))


def _known(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower() in _SECONDS]


def _column(path: Path, names: list[str]) -> str:
    if there := _known(names):
        return there[0]
    known = ", ".join(sorted(name for name in _SECONDS if len(name) > 2))
    raise DataError(f"{path} has no column of times: name one {known}")


def latency(seconds: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[Latency, ...]:
    """The median and the 90th, 95th and 99th percentile.

    Parameters
    ----------
    seconds
        Times, shape (n,).

    Notes
    -----
    The interval is that of order statistics (David and Nagaraja 2003, *Order Statistics*, 7.1): it holds for any
    distribution of independent times. Where there are too few of them it has no end.

    Examples
    --------
    >>> found = latency(np.arange(1.0, 101.0))
    >>> [(each.percentile, each.value) for each in found]
    [(50, 50.0), (90, 90.0), (95, 95.0), (99, 99.0)]
    >>> (found[0].low, found[0].high, found[3].high)
    (40.0, 61.0, None)
    """
    ordered = np.sort(np.asarray(seconds, dtype=np.float64))
    return tuple(_percentile(ordered, share) for share in _PERCENTILES)


def _percentile(ordered: np.ndarray[Any, np.dtype[np.float64]], percentile: int) -> Latency:
    n, p = len(ordered), percentile / 100
    value = float(ordered[max(0, math.ceil(p * n) - 1)])
    low, high = int(binom.ppf(0.025, n, p)) - 1, int(binom.ppf(0.975, n, p))
    return Latency(
        percentile,
        value,
        float(ordered[low]) if low >= 0 else None,
        float(ordered[high]) if high < n else None,
        n,
    )
