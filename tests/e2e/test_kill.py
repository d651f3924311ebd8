"""`kill -9` at any moment: the same command goes on, and ends with what an unkilled one ends with."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import HELD, Home
from .test_train import Trained, mlflow_of, outcomes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def trials_logged(home: Home) -> int:
    logs = list(home.folder.glob("store/tune/.work-*/trials.jsonl"))
    return sum(len(log.read_bytes().splitlines()) for log in logs)


def drafting(step: str) -> Callable[[Home], bool]:
    """The moment at which a step has begun to write its result."""
    return lambda home: any(home.folder.glob(f"store/{step}/.draft-*"))


STEPS = ("ingest", "split", "weight", "tune", "fit", "evaluate", "audit", "explain", "stress", "card")


def before(step: str) -> tuple[str, ...]:
    """The steps whose results must survive."""
    done = STEPS[: STEPS.index(step)] if step in STEPS else STEPS
    return tuple(name for name in done if name != "weight")  # without weights it leaves next to nothing


MOMENTS: dict[str, Callable[[Home], bool]] = {
    "start": lambda home: any(home.folder.glob("under-way/*.json")),
    "ingest": drafting("ingest"),
    "split": drafting("holdout"),
    "tune": lambda home: trials_logged(home) >= 3,
    "fit": drafting("fit"),
    "evaluate": drafting("evaluate"),
    "audit": drafting("audit"),
    "explain": drafting("explain"),
    "stress": drafting("stress"),
    "card": drafting("card"),
    "register": lambda home: any(home.folder.glob("mlflow-artifacts/models/*/artifacts/*")),
    "conclude": lambda home: any(home.folder.glob("runs/*/*")),
}
ALWAYS = ("tune", "explain", "register")


def moments() -> list[Any]:
    """Three steps are killed always, and each one at length."""
    return [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.e2e_long) for name in MOMENTS]


@pytest.mark.parametrize("moment", moments())
def test_a_killed_run_goes_on(trained: Trained, home: Home, moment: str) -> None:
    reached = MOMENTS[moment]
    finished = before({"start": "split"}.get(moment, moment))
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

    assert done.returncode == HELD, done.stdout + done.stderr
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
