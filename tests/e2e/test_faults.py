"""What docs/reliability.md promises of each fault, shown with real processes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from deployments.stack import Stack, running

from .conftest import Home
from .test_kill import trials_logged
from .test_train import Trained, artifacts, mlflow_of, outcomes

pytestmark = pytest.mark.e2e
MODEL = "loan-approval"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of Prefect and MLflow; a test that stops one starts it again."""
    with running(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def served(stack: Stack, tmp_path: Path) -> Home:
    """An empty home whose runs go to the servers."""
    folder = tmp_path / ".evenhand"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def computed(trained: Trained, served: Home) -> Home:
    """A home in which every step has been computed, so that a run only records."""
    subprocess.run(["cp", "-al", trained[0].folder / "store", served.folder / "store"], check=True)
    return served


def client_of(stack: Stack) -> MlflowClient:
    mlflow.set_tracking_uri(stack.addresses["MLFLOW_TRACKING_URI"])
    return MlflowClient()


@contextmanager
def silent_mlflow(stack: Stack) -> Iterator[None]:
    """The server is gone within the block, and back and empty-handed of nothing behind it."""
    stack.kill("mlflow")
    try:
        yield
    finally:
        stack.start("mlflow")


def wait_for(reached: Callable[[], bool], child: subprocess.Popen[str], home: Home) -> None:
    deadline = time.monotonic() + 240
    while not reached():
        assert child.poll() is None, (home.folder / "out.log").read_text()
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.005)


def model_of(name: str) -> tuple[str, str]:
    """Overrides that give a test its own registered model and experiment."""
    return (f"model={name}", f"record.experiment={name}")


def what_mlflow_has(client: MlflowClient, run_id: str) -> dict[str, object]:
    """Everything of a run but times and identifiers."""
    run = client.get_run(run_id)
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    timing = ("seconds", "cost/", "training/")
    return {
        "status": run.info.status,
        "params": {key: value for key, value in run.data.params.items() if key != "model_name"},
        "metrics": {key: value for key, value in run.data.metrics.items() if not any(word in key for word in timing)},
        "points": len(client.get_metric_history(run_id, "search/score")),
        "children": sorted(child.info.run_name for child in children),
        "artifacts": artifacts(client, run_id),
        "data": [entry.dataset.digest for entry in run.inputs.dataset_inputs],
        "models": len(client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")),
    }


def test_mlflow_is_silent_from_the_start(trained: Trained, stack: Stack, computed: Home) -> None:
    name = "silent-at-start"
    began = time.monotonic()
    with silent_mlflow(stack):
        child = computed.start(computed.train(*model_of(name)), extra=dict(stack.addresses))
        log = computed.folder / "out.log"
        wait_for(lambda: "MLflow does not answer" in log.read_text(), child, computed)
        assert child.wait(timeout=240) == 5
        said = log.read_text()
        assert said.count("MLflow does not answer at " + stack.addresses["MLFLOW_TRACKING_URI"]) == 3, said
        assert "evenhand sync" in said
        assert "waits for MLflow" in said
        assert "Traceback" not in said
        waiting = computed.run(computed.command("sync"), extra=dict(stack.addresses))
        assert waiting.returncode == 5, waiting.stdout
        assert "wait in" in waiting.stdout
    assert time.monotonic() - began < 120
    assert outcomes(computed)[0]["waiting"]

    done = computed.run(computed.command("sync"), extra=dict(stack.addresses))

    assert done.returncode == 0, done.stdout + done.stderr
    outcome, client = outcomes(computed)[0], client_of(stack)
    assert outcome["model_version"] == "1"
    assert outcome["waiting"] == ""
    arrived = what_mlflow_has(client, outcome["run_id"])
    first = outcomes(trained[0])[0]["run_id"]
    assert arrived == what_mlflow_has(mlflow_of(trained[0]), first)
    client = client_of(stack)
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    assert str(client.get_model_version_by_alias(name, "challenger").version) == "1"
    again = computed.run(computed.command("sync"), extra=dict(stack.addresses))
    assert "nothing waits" in again.stdout
    shown = computed.run(computed.command("show", outcome["run_id"][:8]), extra=dict(stack.addresses))
    assert f"{name} version 1" in shown.stdout
