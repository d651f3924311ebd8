"""Children end with their parent, and so does what they started, however the parent ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments.processes import Processes

FAMILY = """
import subprocess, sys, time, signal
{deaf}
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


def command(*, deaf: bool = False) -> list[str]:
    """A process with a child of its own; a deaf one does not hear SIGTERM."""
    return [sys.executable, "-c", FAMILY.format(deaf="signal.signal(15, signal.SIG_IGN)" if deaf else "")]


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ready(processes: Processes, name: str) -> list[psutil.Process]:
    """The whole family, once it stands."""
    until(lambda: "ready" in processes.log(name).read_text())
    leader = psutil.Process(processes.pid(name))
    return [leader, *leader.children(recursive=True)]


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path / "logs")
    yield found
    found.close()


def test_stop_ends_the_whole_family(processes: Processes) -> None:
    processes.start("one", command(), os.environ)
    family = ready(processes, "one")
    assert len(family) == 2
    processes.stop("one")
    assert not alive(family)
    assert processes.exit_code("one") is not None


def test_who_does_not_listen_is_killed(processes: Processes) -> None:
    processes.start("deaf", command(deaf=True), os.environ)
    family = ready(processes, "deaf")
    processes.stop("deaf", seconds=0.2)
    assert not alive(family)


def test_a_restart_goes_on_with_the_log(processes: Processes) -> None:
    for _ in range(2):
        processes.start("one", [sys.executable, "-c", "print('once')"], os.environ)
        processes.wait("one", seconds=20)
    assert processes.log("one").read_text().split() == ["once", "once"]


def test_the_children_of_a_leader_that_is_gone_end_too(processes: Processes) -> None:
    processes.start("one", command(), os.environ)
    family = ready(processes, "one")
    family[0].kill()
    until(lambda: processes.exit_code("one") is not None)
    assert alive(family)
    processes.stop("one")
    assert not alive(family)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_do_not_outlive_a_parent_that_is_killed(how: signal.Signals, tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path; from deployments.processes import Processes\n"
        f"processes = Processes(Path({str(tmp_path)!r}))\n"
        f"processes.start('one', {command()!r}, os.environ)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(Path.cwd())}) as parent:
        log = tmp_path / "one.log"
        until(lambda: log.exists() and "ready" in log.read_text())
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) == 3, "the companion, the child and its child"
        parent.send_signal(how)
        parent.wait()
    until(lambda: not alive(family))
