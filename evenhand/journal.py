"""Which runs are under way: what lets the same command go on after a kill.

A run writes one small file when it starts and removes it when it ends. A file whose process is gone belongs to a run
that was interrupted; whoever starts the same work next claims it by renaming it, which only one can do.
"""

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from evenhand.store import write_text

__all__ = ["Entry", "Journal"]


@dataclass(frozen=True)
class Entry:
    """A run under way.

    Attributes
    ----------
    work
        Digest of what the run is to do: two runs with the same value do the same.
    run_id
        The tracked run, "" before there is one.
    flow_run_id
        The orchestrator's run: a retry of it goes on with the same tracked run.
    host, pid, started
        The process, by the time it started, since numbers of processes are used again.
    """

    work: str
    run_id: str
    flow_run_id: str
    host: str
    pid: int
    started: float

    def alive(self) -> bool:
        """Whether the process still runs; of another machine that is assumed."""
        if self.host != socket.gethostname():
            return True
        try:
            return psutil.Process(self.pid).create_time() == self.started
        except psutil.NoSuchProcess:
            return False


class Journal:
    """The runs under way, a file each below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def claim(self, work: str, flow_run_id: str) -> Entry | None:
        """Take over the newest interrupted run that did the same work, or this orchestrator's run; None without one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.glob("*.json"), key=lambda found: found.name, reverse=True):
            entry = _read(path)
            if entry is None or entry.work != work:
                continue
            if entry.flow_run_id != flow_run_id and entry.alive():
                continue
            try:
                path.rename(path.with_suffix(".claimed"))
            except FileNotFoundError:
                continue  # somebody else was faster
            path.with_suffix(".claimed").unlink()
            return entry
        return None

    @contextmanager
    def open(self, work: str, run_id: str, flow_run_id: str) -> Iterator[None]:
        """Keep a file for the time of the block; a kill leaves it behind, an error does not."""
        process = psutil.Process()
        entry = Entry(work, run_id, flow_run_id, socket.gethostname(), process.pid, process.create_time())
        path = self.folder / f"{process.create_time():.3f}-{uuid.uuid4().hex[:8]}.json"
        write_text(path, json.dumps(asdict(entry), indent=1))
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


def _read(path: Path) -> Entry | None:
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # not one of ours, or already claimed
