"""One retrain of a model at a time on one machine, however the holder ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evenhand.events import Event
from flows import lock
from flows.lock import one_at_a_time
from tasks.step import listening

HOLD = """
import sys, time
from flows.lock import one_at_a_time
with one_at_a_time(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setenv("EVENHAND_LOCAL_SERVER", "yes")
    monkeypatch.setattr(lock, "_PAUSE_SECONDS", 0.05)


def holder(model: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen([sys.executable, "-c", HOLD, model], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_the_next_one_waits_says_so_once_and_goes_on_when_the_holder_is_killed() -> None:
    child, said, killed = holder("loans"), [], []

    def listen(event: Event) -> None:
        said.append(event.message)
        child.kill()
        killed.append(time.monotonic())

    with listening(listen), one_at_a_time("loans"):
        assert killed, "it came in before the holder was gone"
    child.wait()
    child.communicate()
    assert said == ["another retrain of loans is under way: waiting for it to end"]


def test_another_model_does_not_wait() -> None:
    child, said = holder("loans"), []
    try:
        with listening(said.append), one_at_a_time("wages"):
            assert said == []
    finally:
        child.kill()
        child.communicate()
