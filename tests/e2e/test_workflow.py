"""The workflow that users copy: its commands, one after the other, on a small configuration."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import QUICK, ROOT, Home

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

WORKFLOW = ROOT / "examples" / "workflows" / "evenhand.yml"
NOT_HERE = {"Install Evenhand"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's checkout: a configuration in models/, and `evenhand` on the path."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "loan-approval.yaml").read_text())
    for change in QUICK:
        path, value = change.split("=", 1)
        section, key = path.split(".")
        config.setdefault(section, {})[key] = yaml.safe_load(value)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loans.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "evenhand"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from deployments.entry import main; main()" "$@"\n')
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    script.chmod(0o755)
    return tmp_path


def command(step: dict[str, Any], repository: Path) -> subprocess.CompletedProcess[str]:
    job = next(iter(yaml.safe_load(WORKFLOW.read_text())["jobs"].values()))
    environment = {
        **Home(repository / ".evenhand").environment,
        **job["env"],
        "PATH": f"{repository / 'bin'}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(repository / "summary.md"),
    }
    # As GitHub runs it.
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    return subprocess.run(shell, cwd=repository, env=environment, capture_output=True, text=True, timeout=900)


def test_the_commands_leave_a_card_and_a_blocked_model_fails(repository: Path) -> None:
    job = next(iter(yaml.safe_load(WORKFLOW.read_text())["jobs"].values()))
    steps = {step["name"]: step for step in job["steps"] if "run" in step and step["name"] not in NOT_HERE}
    for name, step in steps.items():
        done = command(step, repository)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    attached = job["steps"][-1]["with"]["path"]
    assert {path.name for path in (repository / attached).iterdir()} == {"card.html", "card.md", "card.json"}
    assert (repository / "summary.md").read_text().lstrip().startswith("# ")

    outcome = json.loads((repository / "outcome.json").read_text())
    assert outcome["decision"] == "hold", "there is no champion on a runner"

    file = repository / "models" / "loans.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "gate": {"floors": {"accuracy": 0.999}}}))
    assert command(steps["Train, audit and write the card"], repository).returncode == 0
    refused = command(steps["Refuse a blocked model"], repository)
    assert refused.returncode == 4
    assert "decision: block\n- floor: accuracy" in refused.stdout


def test_a_wrong_configuration_fails_the_job_and_leaves_nothing_to_attach(repository: Path) -> None:
    (repository / "models" / "loans.yaml").write_text("model: loans\n")
    job = next(iter(yaml.safe_load(WORKFLOW.read_text())["jobs"].values()))
    for step in job["steps"]:
        if step.get("name") in ("Check the configuration and the data", "Train, audit and write the card"):
            assert command(step, repository).returncode == 2
        if step.get("name") == "Lay the card out":
            assert command(step, repository).returncode == 0
    assert not (repository / "card").exists()
