"""One model's life with real servers: promoted, held, approved in the browser, scored, rolled back, reproduced."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from .conftest import ROOT
from .pages import browser, new_page, picture
from .service import Service, service, until

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
GATE = {
    "first": "rules_only",
    "complete_card": False,
    "floors": {"accuracy": 0.5},
    "group_loss": None,
    "margin": 0.5,
    "ask_on_page": True,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one model, whose first version keeps every rule."""
    with service(tmp_path_factory.mktemp("story"), {MODEL: {"form": ["search", "seed"]}}) as started:
        folder = started.file.parent
        (folder / "policy.yaml").write_text(POLICY)
        config = yaml.safe_load((folder / "loans.yaml").read_text())
        config["gate"] = GATE
        config["evaluate"] = {**config.get("evaluate", {}), "threshold_rule": "fixed"}
        config["audit"] = {**config.get("audit", {}), "policies": ["policy.yaml"]}
        (folder / "loans.yaml").write_text(yaml.safe_dump(config))
        started.stack.deploy(started.file)
        yield started


def evenhand(served: Service, *words: str, code: int = 0) -> str:
    """What a command of the command line prints, against the service."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "EVENHAND_HOME": str(served.home)}
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", *words],
        env={**environment, **served.stack.addresses, "LOANS_PASSWORD": "none"},
        capture_output=True, text=True, cwd=served.file.parent, timeout=600,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def champion(served: Service) -> str:
    """The version that the alias names."""
    return str(served.mlflow().get_model_version_by_alias(MODEL, "champion").version)


def answer_on_the_page(served: Service, run_id: str, answer: str) -> None:
    """Resume a suspended run as a person does: from its menu, by the form."""
    with browser() as started:
        page = new_page(started)
        page.goto(f"{served.stack.page}/runs/flow-run/{run_id}")
        page.get_by_text("Suspended").first.wait_for()
        page.locator("button[aria-haspopup=menu]").last.click()
        page.get_by_role("menuitem", name="Resume").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Your name").wait_for()
        picture(page, "prefect-approval")
        if answer == "approve":
            page.get_by_role("button", name=re.compile("Select Answer")).click()
            page.get_by_role("option", name="approve").click()
        form.get_by_label("Your name").fill("Ann Example")
        form.get_by_label("Reason").fill("The committee has looked at the difference.")
        for _ in range(3):  # the first click may only validate
            if form.count():
                form.get_by_role("button", name="Resume").click()
                page.wait_for_timeout(1500)
        until(lambda: served.run(run_id)["state"]["name"] != "Suspended", seconds=60)


def suspended(served: Service, run_id: str) -> dict[str, Any]:
    """Wait until a run lies suspended; its slot and its process are free then."""
    run = served.wait(run_id, state=("PAUSED", "COMPLETED", "FAILED", "CRASHED"))
    assert run["state"]["name"] == "Suspended", (run["state"], served.logs(run_id))
    return run


def test_the_story_of_a_model(served: Service, tmp_path: Path) -> None:
    first = served.start(MODEL)
    assert served.wait(first)["state"]["type"] == "COMPLETED", served.logs(first)
    assert champion(served) == "1", served.logs(first)

    second = served.start(MODEL, seed=5)
    suspended(served, second)
    assert champion(served) == "1", "a changed seed is outside the champion's plan"
    served.stack.kill("prefect")
    served.stack.start("prefect")
    suspended(served, second)
    answer_on_the_page(served, second, "approve")
    assert served.wait(second)["state"]["type"] == "COMPLETED", served.logs(second)
    assert champion(served) == "2", served.logs(second)

    evenhand(served, "rollback", MODEL, "--reason", "complaints", "--as", "Ann Example")
    assert champion(served) == "1"
    listed = [json.loads(line) for line in evenhand(served, "ledger", "export").splitlines()]
    assert [each["kind"] for each in listed] == [
        "look", "decision", "intent", "done",
        "look", "decision", "approval", "intent", "done",
        "rollback", "intent", "done",
    ]  # fmt: skip
    assert "is whole" in evenhand(served, "ledger", "verify")
    assert "rolled back by Ann Example: complaints" in evenhand(served, "ledger", "at", "2100-01-01")
    assert pd.notna(tmp_path)
