"""An interrupted run is taken over once, a running one never."""

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenhand.journal import Journal

START = (
    "import sys; from pathlib import Path; from evenhand.journal import Journal\n"
    "with Journal(Path(sys.argv[1])).open('work', 'run-1', 'flow-1'):\n"
    "    print('open', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def other(tmp_path: Path):
    """Another process with a run under way."""
    with subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield child
        child.kill()


def test_nothing_to_claim_at_first(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none").claim("work", "") is None


def test_a_running_one_is_left_alone(tmp_path: Path, other) -> None:
    assert Journal(tmp_path).claim("work", "flow-2") is None


def test_a_killed_one_is_claimed_once(tmp_path: Path, other) -> None:
    os.kill(other.pid, 9)
    other.wait()
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: Journal(tmp_path).claim("work", ""), range(8)))
    taken = [claim for claim in claims if claim is not None]
    assert [claim.run_key for claim in taken] == ["run-1"]


def test_other_work_is_not_claimed(tmp_path: Path, other) -> None:
    os.kill(other.pid, 9)
    other.wait()
    assert Journal(tmp_path).claim("something else", "") is None


def test_a_retry_of_the_same_orchestrated_run_goes_on_with_it(tmp_path: Path, other) -> None:
    claim = Journal(tmp_path).claim("work", "flow-1")
    assert claim is not None
    assert claim.run_key == "run-1"


def test_an_ended_run_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path).open("work", "run", "flow"):
        assert len(list(tmp_path.glob("*.json"))) == 1
    assert not list(tmp_path.iterdir())


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Journal(tmp_path).open("work", "run", "flow"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_damaged_entry_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("{")
    assert Journal(tmp_path).claim("work", "") is None


def test_a_clock_that_is_set_does_not_end_a_running_process(tmp_path: Path, other, monkeypatch) -> None:
    """psutil derives the start of a process from the wall clock: set by an hour, it names another moment."""
    import psutil

    created = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) - 3600)
    assert Journal(tmp_path).claim("work", "flow-2") is None


def test_a_process_of_an_earlier_start_of_the_machine_is_gone(tmp_path: Path, other) -> None:
    [entry] = tmp_path.glob("*.json")
    text = entry.read_text()
    host = json.loads(text)["host"]
    entry.write_text(text.replace(host, f"{host.partition('/')[0]}/an-earlier-start"))
    claim = Journal(tmp_path).claim("work", "flow-2")
    assert claim is not None


def test_a_run_that_ends_because_the_disk_is_full_can_be_gone_on_with(tmp_path: Path) -> None:
    def run() -> None:
        with Journal(tmp_path).open("work", "run", "flow"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run()
    assert len(list(tmp_path.glob("*.json"))) == 1
