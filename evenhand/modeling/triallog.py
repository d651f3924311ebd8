"""The trial log: one line of JSON after every trial, so that a killed search goes on where it stood."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from evenhand.exceptions import SearchError, StoreError
from evenhand.modeling.search_results import Trial

__all__ = ["FORMAT", "TrialLog"]

FORMAT = 1


class TrialLog:
    """The lines of one search: a header that says which search it is, then its trials in order.

    Parameters
    ----------
    path
        The file; made with its folder when it is missing.
    header
        What the search is, with its ``digest``.

    Attributes
    ----------
    trials
        The trials that the file held when it was opened.

    Raises
    ------
    SearchError
        The file is the log of another search.
    StoreError
        A line before the last one cannot be read, or trials are missing between two lines.

    Notes
    -----
    Every line is flushed to the disk before the search goes on. A kill can therefore tear the last line only; such a
    line is cut off when the log is opened again.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._header = {"format": FORMAT, **header}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = self._cut_torn_line()
        self.trials = self._read(whole)
        self._file = path.open("ab")
        if not whole:
            self._write(self._header)

    def _cut_torn_line(self) -> list[bytes]:
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            with self.path.open("rb+") as file:
                file.truncate(end)
                os.fsync(file.fileno())
        return content[:end].splitlines()

    def _read(self, lines: list[bytes]) -> list[Trial]:
        if not lines:
            return []
        header = self._parse(lines[0], 1)
        if header.get("digest") != self._header["digest"] or header.get("format") != FORMAT:
            raise SearchError(
                f"the trial log {self.path.name} is of another search (data, space, scorer, seed or versions differ): "
                "name another log or delete this one"
            )
        trials = []
        for number, line in enumerate(lines[1:]):
            record = self._parse(line, number + 2)
            if record.get("number") != number:
                raise StoreError(f"the trial log {self.path.name} misses trial {number}: delete the log")
            trials.append(Trial.from_dict(record))
        return trials

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise StoreError(f"line {number} of the trial log {self.path.name} is damaged: delete the log") from error
        if not isinstance(record, dict):
            raise StoreError(f"line {number} of the trial log {self.path.name} is not a trial: delete the log")
        return record

    def append(self, trial: Trial) -> None:
        """Write one trial and wait until the disk has it."""
        self._write(trial.to_dict())

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
