"""`kill -9` at any moment: the same command goes on, and ends with what an unkilled one ends with."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Home
from .test_train import Trained, mlflow_of, outcomes

pytestmark = pytest.mark.e2e


def trials_logged(home: Home) -> int:
    logs = list(home.folder.glob("store/tune/.work-*/trials.jsonl"))
    return sum(len(log.read_bytes().splitlines()) for log in logs)


MOMENTS: dict[str, tuple[Callable[[Home], bool], tuple[str, ...]]] = {
    "tune": (lambda home: trials_logged(home) >= 3, ("ingest", "split", "weight")),
    "explain": (lambda home: any(home.folder.glob("store/explain/.draft-*")), ("ingest", "split", "tune", "fit")),
    "register": (
        lambda home: any(home.folder.glob("mlflow-artifacts/models/*/artifacts/*")),
        ("ingest", "split", "tune", "fit", "evaluate", "audit", "explain", "card"),
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on(trained: Trained, home: Home, moment: str) -> None:
    reached, finished = MOMENTS[moment]
    child = home.start(home.train())
    deadline = time.monotonic() + 240
    while not reached(home):
        assert child.poll() is None, (home.folder / "out.log").read_text()
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not outcomes(home), "it was over before it was killed"
    stamps = {step: stamp(home, step) for step in finished}

    done = home.run(home.train())

    assert done.returncode == 0, done.stdout + done.stderr
    assert {step: stamp(home, step) for step in finished} == stamps
    outcome, expected = outcomes(home)[0], outcomes(trained[0])[0]
    assert outcome["summary"]["metrics"] == expected["summary"]["metrics"]
    assert outcome["summary"]["groups"] == expected["summary"]["groups"]
    assert selected(home) == selected(trained[0])
    client = mlflow_of(home)
    runs = [run for run in client.search_runs(experiments(client)) if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.run_id for run in runs] == [outcome["run_id"]], "the interrupted run was gone on with"
    assert len(client.search_model_versions(f"name = '{outcome['model_name']}'")) == 1
    assert not list(home.folder.glob("under-way/*"))


def stamp(home: Home, step: str) -> dict[str, int]:
    """When each finished result of a step was written."""
    folder = {"split": "develop"}.get(step, step)
    manifests = [path for path in home.folder.glob(f"store/{folder}/*/manifest.json") if path.parent.name[0] != "."]
    assert manifests, step
    return {path.parent.name: path.stat().st_mtime_ns for path in manifests}


def experiments(client) -> list[str]:
    return [experiment.experiment_id for experiment in client.search_experiments()]


def selected(home: Home) -> dict:
    """Every trial but its timing."""
    found = json.loads(next(Path(home.folder).glob("runs/*/results/search.json")).read_text())
    timing = ("seconds", "elapsed")
    return {
        "trials": [{name: value for name, value in trial.items() if name not in timing} for trial in found["trials"]],
        "selected": found["selected"]["number"],
    }
