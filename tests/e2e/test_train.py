"""`evenhand train` from the outside: what a newcomer gets, and what a second run does."""

import json
import sqlite3
import subprocess
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from .conftest import HELD, Home

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

Trained = tuple[Home, subprocess.CompletedProcess[str]]


def outcomes(home: Home) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(home.folder.glob("runs/*/outcome.json"))]


def mlflow_of(home: Home) -> MlflowClient:
    mlflow.set_tracking_uri(f"sqlite:///{home.folder / 'mlflow.db'}")
    return MlflowClient()


def artifacts(client: MlflowClient, run_id: str, folder: str = "") -> set[str]:
    found = set()
    for entry in client.list_artifacts(run_id, folder or None):
        found |= artifacts(client, run_id, entry.path) if entry.is_dir else {entry.path}
    return found


def test_one_screen_says_what_came_out_and_where(trained: Trained) -> None:
    home, done = trained
    outcome = outcomes(home)[0]
    assert "\x1b[" not in done.stdout
    for wanted in ("loan-approval", "black", "hispanic", "accuracy", outcome["card_path"], outcome["run_id"]):
        assert wanted in done.stdout.replace("\n", ""), wanted


def test_the_run_is_in_mlflow_with_everything(trained: Trained) -> None:
    home, _done = trained
    outcome = outcomes(home)[0]
    client = mlflow_of(home)
    run = client.get_run(outcome["run_id"])
    assert run.info.status == "FINISHED"
    assert 0.5 < run.data.metrics["test/roc_auc"] <= 1
    assert {"card/card.html", "card/card.md", "card/card.json", "data/contract.json", "search/trials.json",
            "audit/audit.json", "explain/explanation.json", "robustness/robustness.json",
            "provenance/packages.json"} <= artifacts(
        client, outcome["run_id"]
    )  # fmt: skip
    assert run.inputs.dataset_inputs[0].dataset.name
    version = client.get_model_version_by_alias(outcome["model_name"], "challenger")
    assert str(version.version) == outcome["model_version"] == "1"


def test_the_flow_run_is_in_prefect(trained: Trained) -> None:
    home, _done = trained
    outcome = outcomes(home)[0]
    with sqlite3.connect(home.folder / "prefect" / "prefect.db") as database:
        flows = database.execute("select state_type, state_name from flow_run").fetchall()
        tasks = dict(database.execute("select name, state_type from task_run").fetchall())
        keys = {row[0] for row in database.execute("select key from artifact").fetchall()}
    assert flows == [("COMPLETED", "Completed")]
    steps = (
        "ingest",
        "split",
        "weight",
        "tune",
        "fit",
        "evaluate",
        "audit",
        "explain",
        "stress",
        "card",
        "register",
        "conclude",
    )
    assert {name: tasks.get(name) for name in steps} == dict.fromkeys(steps, "COMPLETED")
    assert {"summary", "trials", "groups", "split", "search"} <= keys
    assert outcome["flow_run_id"]


def test_the_card_is_a_page_without_rows_of_people(trained: Trained) -> None:
    home, _done = trained
    card = Path(outcomes(home)[0]["card_path"]).read_text(encoding="utf-8")
    assert card.lstrip().lower().startswith("<!doctype html>")
    assert "hispanic" in card


def test_the_same_command_again_reuses_every_step_and_registers_a_second_version(trained: Trained) -> None:
    home, _done = trained
    before = outcomes(home)
    done = home.run(home.train())
    assert done.returncode == HELD, done.stdout + done.stderr
    after = outcomes(home)
    assert len(after) == len(before) + 1
    new = next(outcome for outcome in after if outcome["run_id"] not in {old["run_id"] for old in before})
    assert new["summary"]["metrics"] == before[0]["summary"]["metrics"]
    client = mlflow_of(home)
    newest = client.get_model_version_by_alias(new["model_name"], "challenger")
    assert str(newest.version) == new["model_version"] == "2"
    said = (done.stdout + done.stderr).splitlines()
    for step in ("ingest", "split", "weight", "tune", "fit", "evaluate", "audit", "explain", "stress"):
        line = next(line for line in said if line.startswith(f"{step}: "))
        assert "kept from before" in line, line


def test_a_wrong_setting_is_one_error_and_exit_code_2(trained: Trained) -> None:
    home, _done = trained
    done = home.run(home.train("search.trails=3", "split.method=hsah"))
    assert done.returncode == 2
    assert "search.trails" in done.stderr
    assert "split.method" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_prefect_server_that_does_not_answer_is_exit_code_5_at_once(home: Home) -> None:
    address = "http://127.0.0.1:9/api"
    done = home.run(home.train(), extra={"PREFECT_API_URL": address}, timeout=60)
    assert done.returncode == 5, done.stdout + done.stderr
    assert address in done.stderr
    assert "Traceback" not in done.stderr
