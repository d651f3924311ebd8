"""Child processes with logs that end with this one, however it ends.

A small companion (`python -m deployments.processes`) is told of every child through a pipe. `kill -9` of the parent
closes the pipe, and the companion then ends the children and what they started.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["Processes", "end"]

_GRACE = 5.0


class Processes:
    """Named child processes.

    Parameters
    ----------
    logs
        The folder of their logs, one file a name, begun anew with each object; made when missing.
    """

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._companion = subprocess.Popen(
            [sys.executable, "-m", "deployments.processes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is for the parent
        )

    def log(self, name: str) -> Path:
        """Where the output of a child goes."""
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a child, or start it again; its output goes to the end of its log.

        Parameters
        ----------
        name
            What it is called from here on.
        command
            The program and its arguments; no secret belongs here, since every user of the machine can read it.
        environment
            Its whole environment.
        """
        again = name in self._children
        with self.log(name).open("ab" if again else "wb") as output:
            child = subprocess.Popen(  # noqa: S603 (our own commands)
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = child
        self._tell("+", child.pid)

    def pid(self, name: str) -> int:
        """The number of the child's process."""
        return self._children[name].pid

    def exit_code(self, name: str) -> int | None:
        """With what a child ended; None while it runs."""
        return self._children[name].poll()

    def wait(self, name: str, *, seconds: float) -> int:
        """With what a child ends; `subprocess.TimeoutExpired` when it does not within `seconds`."""
        return self._children[name].wait(timeout=seconds)

    def stop(self, *names: str, seconds: float = 15.0) -> None:
        """End children as SIGTERM does, and after `seconds` with force; what they started ends too."""
        self._end(names, seconds=seconds)

    def kill(self, *names: str) -> None:
        """End children and what they started at once, as `kill -9` does."""
        self._end(names, seconds=0)

    def close(self) -> None:
        """End whatever runs, the youngest first, and then the companion."""
        for name in reversed(list(self._children)):
            self.stop(name)
        if self._companion.stdin is not None:
            self._companion.stdin.close()
        self._companion.wait(timeout=30)

    def _end(self, names: Iterable[str], *, seconds: float) -> None:
        children = [self._children[name] for name in names]
        end([child.pid for child in children], seconds=seconds)
        for child in children:
            child.wait(timeout=30)
            self._tell("-", child.pid)

    def _tell(self, sign: str, pid: int) -> None:
        if self._companion.stdin is not None:
            with suppress(BrokenPipeError):
                self._companion.stdin.write(f"{sign}{pid}\n".encode())
                self._companion.stdin.flush()


def end(leaders: Sequence[int], *, seconds: float) -> None:
    """End processes and all that they started: the leaders first, in peace, then the rest, then with force.

    Parameters
    ----------
    leaders
        Process numbers, each the first of a session of its own.
    seconds
        How long the leaders get to end by themselves; 0 kills everything at once.
    """
    family = {member for leader in leaders for member in _family(leader)}
    if seconds > 0:
        _signal((member for member in family if member.pid in leaders), force=False)
        _, rest = psutil.wait_procs([member for member in family if member.pid in leaders], timeout=seconds)
        family |= {member for leader in leaders for member in _family(leader)}
        _signal(family, force=False)
        _, rest = psutil.wait_procs(list(family), timeout=_GRACE)
        family = set(rest)
    _signal(family, force=True)
    psutil.wait_procs(list(family), timeout=_GRACE)


def _family(leader: int) -> set[psutil.Process]:
    """A process, its descendants, and who is left in its group when it is gone itself."""
    found = set()
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(leader)
        found |= {process, *process.children(recursive=True)}
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getpgid(pid) == leader:
                found.add(psutil.Process(pid))
    return found


def _signal(processes: Iterable[psutil.Process], *, force: bool) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill() if force else process.terminate()


def _accompany() -> None:
    """Read which processes there are until the parent is gone, then end those that are left."""
    known: set[int] = set()
    for line in sys.stdin.buffer:
        pid = int(line[1:])
        known = known | {pid} if line.startswith(b"+") else known - {pid}
    if known:
        end(sorted(known), seconds=_GRACE)


if __name__ == "__main__":
    _accompany()
