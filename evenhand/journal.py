"""Which runs are under way: what lets the same command go on after a kill.

A run writes one small file when it starts and removes it when it ends. A file whose process is gone belongs to a run
that was interrupted; whoever starts the same work next claims it by renaming it, which only one can do.
"""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from evenhand.disk import no_room
from evenhand.store import write_text

__all__ = ["Entry", "Journal"]


@dataclass(frozen=True)
class Entry:
    """A run under way.

    Attributes
    ----------
    work
        Digest of what the run is to do: two runs with the same value do the same.
    run_key
        The tracked run: its outbox, and its tag in MLflow.
    flow_run_id
        The orchestrator's run: a retry of it goes on with the same tracked run.
    host, pid, started
        The process, by the time it started, since numbers of processes are used again. The time is counted from the
        start of the machine where that is known, and `host` names that start: a clock that is set changes neither.
    starts
        How often the orchestrator had started its run by then; 0 where that is not known.
    """

    work: str
    run_key: str
    flow_run_id: str
    host: str
    pid: int
    started: float
    starts: int = 0

    def alive(self) -> bool:
        """Whether the process still runs; of another machine that is assumed."""
        machine, _, boot = self.host.partition("/")
        here, _, now = _host().partition("/")
        if machine != here:
            return True
        return boot == now and _started(self.pid) == self.started


def _host() -> str:
    """The machine's name, and which of its starts this is where the system says so."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()}/{boot}"


def _started(pid: int) -> float | None:
    """When a process started: in ticks since the machine did, or else by the wall clock; None when there is none."""
    try:
        # The name of the program may hold spaces and brackets; the 20th field behind it is the time of the start.
        return float(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except FileNotFoundError:
        if Path("/proc/self/stat").is_file():
            return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


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
    def open(self, work: str, run_key: str, flow_run_id: str, starts: int = 0) -> Iterator[None]:
        """Keep a file for the time of the block; a kill or a full disk leaves it behind, another error does not."""
        pid = os.getpid()
        entry = Entry(work, run_key, flow_run_id, _host(), pid, _started(pid) or 0.0, starts)
        path = self.folder / f"{time.time():.3f}-{uuid.uuid4().hex[:8]}.json"
        write_text(path, json.dumps(asdict(entry), indent=1))
        full = False
        try:
            yield
        except OSError as error:
            # Its end may not have been recorded either: whoever comes next goes on with it.
            full = no_room(error)
            raise
        finally:
            if not full:
                with suppress(FileNotFoundError):
                    path.unlink()


def _read(path: Path) -> Entry | None:
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # not one of ours, or already claimed
