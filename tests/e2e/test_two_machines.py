"""Two machines with a shared store: a run that is killed on one goes on on the other, without repeating a step."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from .conftest import HELD, Home
from .test_kill import selected
from .test_train import Trained, outcomes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

FINISHED = ("ingest", "holdout", "develop", "contract", "weight", "tune", "fit")


def published(shared: Path, step: str) -> set[str]:
    """The digests of a step's results in the shared store whose marker is written to its end."""
    return {marker.stem for marker in shared.glob(f"{step}/*/*.json") if marker.read_text().endswith("}}")}


def test_a_run_killed_on_one_machine_goes_on_on_the_other(trained: Trained, home: Home, tmp_path: Path) -> None:
    shared, other = tmp_path / "shared", Home(tmp_path / "other" / ".evenhand")
    shutil.copytree(home.folder, other.folder)
    store = {"EVENHAND_STORE": shared.as_uri()}
    child = home.start(home.train(), extra=store)
    deadline = time.monotonic() + 600
    while not published(shared, "fit"):
        assert child.poll() is None, (home.folder / "out.log").read_text()
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not outcomes(home), "it was over before it was killed"
    before = {step: published(shared, step) for step in FINISHED}
    assert all(len(digests) == 1 for digests in before.values()), before

    done = other.run(other.train(), extra=store, timeout=900)

    assert done.returncode == HELD, done.stdout + done.stderr
    # Results hold measured seconds: a step that had been computed again would have another digest.
    assert {step: published(shared, step) for step in FINISHED} == before
    here = {step: {digest_of(folder) for folder in other.folder.glob(f"store/{step}/[!.]*")} for step in FINISHED}
    assert here == before
    outcome, expected = outcomes(other)[0], outcomes(trained[0])[0]
    assert outcome["summary"]["metrics"] == expected["summary"]["metrics"]
    assert outcome["summary"]["groups"] == expected["summary"]["groups"]
    assert selected(other) == selected(trained[0])


def digest_of(folder: Path) -> str:
    from evenhand.store import digest_json

    return digest_json(json.loads((folder / "manifest.json").read_text())["files"])
