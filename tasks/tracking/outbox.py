"""Records of a run on disk, in order, until MLflow has them: written whole, delivered once, by one process at a time.

An outbox is a folder: `records.jsonl` with a line a record, `files/NUMBER/` with what belongs to it, and `state.json`
with how far the delivery is and what MLflow gave in return. A line that a kill cut off does not count.
"""

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from evenhand.exceptions import StoreError
from evenhand.store import digest_file, digest_json, write_text

__all__ = ["Outbox", "Record", "State", "outboxes", "set_aside"]


@dataclass(frozen=True)
class Record:
    """One thing that MLflow is to know.

    Attributes
    ----------
    number
        Its place, from 0.
    kind
        ``open``, ``items``, ``dataset``, ``model``, ``version`` or ``finish``.
    at
        When it was written, in milliseconds since 1970; never less than its predecessor's.
    body
        What it says, as JSON values.
    identity
        The digest of all of it: the same thing said again after a kill is recorded once.
    """

    number: int
    kind: str
    at: int
    body: dict[str, Any]
    identity: str


@dataclass(frozen=True)
class State:
    """How far the delivery is.

    Attributes
    ----------
    delivered
        So many records, from the first, need not be sent any more.
    receipts
        What MLflow gave in return: ``run_id``, ``experiment_id``, ``model_id``, ``version``.
    refused
        Sentences on records that MLflow does not take.
    """

    delivered: int = 0
    receipts: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _beginning() -> tuple[float, float]:
    return time.time(), time.monotonic()


def _now() -> int:
    """Milliseconds since 1970 by a clock that nobody sets back while the process runs."""
    wall, steady = _beginning()
    return int(1000 * (wall + time.monotonic() - steady))


class Outbox:
    """The records of one run below `folder`, whose name is the run's key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def key(self) -> str:
        """The run's key."""
        return self.folder.name

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        fill: Callable[[Path], None] | None = None,
        identity: str | None = None,
    ) -> Record:
        """Keep a record, whole or not at all; when this returns it survives a kill and a power cut.

        Parameters
        ----------
        kind, body
            See :class:`Record`.
        fill
            Puts its files into the folder that it is given.
        identity
            What the record is known by; by default the digest of its kind, body and files. A record whose identity
            is there already is not written again.
        """
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # cards and figures are about people
        known = self.records()
        draft = self.folder / "files" / f".draft-{uuid.uuid4().hex[:8]}"
        draft.mkdir(parents=True)
        try:
            if fill is not None:
                fill(draft)
            name = identity or digest_json({"kind": kind, "body": body, "files": _digests(draft)})
            for record in known:
                if record.identity == name:
                    return record
            at = max(_now(), known[-1].at if known else 0)
            record = Record(len(known), kind, at, dict(body), name)
            self._keep(record, draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return record

    def _keep(self, record: Record, draft: Path) -> None:
        target = self.files(record)
        shutil.rmtree(target, ignore_errors=True)  # of a record whose line was cut off
        if any(draft.iterdir()):
            _sync(draft)
            draft.rename(target)
        line = json.dumps(asdict(record), ensure_ascii=False, allow_nan=False) + "\n"
        with self._file.open("ab") as stream:
            stream.truncate(len(self._whole()))
            stream.seek(0, os.SEEK_END)
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())

    @property
    def _file(self) -> Path:
        return self.folder / "records.jsonl"

    def _whole(self) -> bytes:
        """The file up to its last whole line, by one look: while it is read, another thread may be writing a line."""
        try:
            found = self._file.read_bytes()
        except FileNotFoundError:  # no record yet, or all of it delivered and removed meanwhile
            return b""
        return found[: found.rfind(b"\n") + 1]

    def files(self, record: Record) -> Path:
        """The folder with a record's files; it is not there when it has none, and when they are delivered."""
        return self.folder / "files" / f"{record.number:04d}"

    def records(self) -> list[Record]:
        """All records, in order."""
        try:
            return [Record(**json.loads(line)) for line in self._whole().split(b"\n")[:-1]]
        except (ValueError, TypeError) as error:
            raise StoreError(f"the records in {self._file} cannot be read: {error}") from error

    def state(self) -> State:
        """How far the delivery is."""
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        except ValueError as error:
            raise StoreError(f"{self.folder / 'state.json'} cannot be read: {error}") from error
        return State(**{**found, "refused": tuple(found["refused"])})

    def pending(self) -> list[Record]:
        """What is still to be sent."""
        return self.records()[self.state().delivered :]

    def mark(self, record: Record, receipts: Mapping[str, str], refused: str = "") -> None:
        """A record is delivered, or refused for good; its files are not needed any more unless it was refused."""
        before = self.state()
        new = State(
            record.number + 1, {**before.receipts, **receipts}, (*before.refused, *([refused] if refused else []))
        )
        write_text(self.folder / "state.json", json.dumps(asdict(new), indent=1))
        if not refused:
            shutil.rmtree(self.files(record), ignore_errors=True)

    @property
    def finished(self) -> bool:
        """Whether the run has ended and all of it is delivered."""
        records = self.records()
        return bool(records) and records[-1].kind == "finish" and self.state().delivered == len(records)

    @contextmanager
    def lock(self, *, seconds: float = 0) -> Iterator[bool]:
        """Hold the right to deliver; False when another process still holds it after `seconds`. A kill gives it up."""
        deadline = time.monotonic() + seconds
        if not self.folder.is_dir():  # delivered and removed meanwhile
            yield False
            return
        with (self.folder / "lock").open("a") as stream:
            held = _locked(stream.fileno())
            while not held and time.monotonic() < deadline:
                time.sleep(0.1)
                held = _locked(stream.fileno())
            yield held

    def remove(self) -> None:
        """Drop all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def outboxes(root: Path) -> list[Outbox]:
    """All outboxes below a folder, in the order in which their runs began, whatever the clock said then."""
    found = []
    for path in root.glob("*/records.jsonl"):
        outbox = Outbox(path.parent)
        records = outbox.records()
        if records:
            found.append((int(records[0].body.get("order", 0)), records[0].at, outbox))
    return [outbox for _order, _at, outbox in sorted(found, key=lambda each: each[:2])]


def set_aside(root: Path) -> list[str]:
    """Move outboxes that cannot be read beside the others, so that they hold up nobody; a sentence on each."""
    said = []
    for path in root.glob("*/records.jsonl"):
        outbox = Outbox(path.parent)
        try:
            outbox.pending()
        except StoreError as error:
            place = root.with_name("outbox-damaged") / f"{outbox.key}-{uuid.uuid4().hex[:8]}"
            place.parent.mkdir(mode=0o700, exist_ok=True)
            outbox.folder.rename(place)
            said.append(f"{error}; all of it is in {place} now")
    return said


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in paths}


def _sync(folder: Path) -> None:
    """Bring new files to the disk; a hard link's content is there already."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_nlink == 1:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
