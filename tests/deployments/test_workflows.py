"""The workflow files parse, ask for no more than they need, and name commands that exist."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ROOT / ".github" / "workflows" / "checks.yml"
THEIRS = ROOT / "examples" / "workflows" / "evenhand.yml"


def read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    found["on"] = found.pop(True)  # what YAML 1.1 takes the word for; GitHub does not
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", [CHECKS, THEIRS], ids=lambda path: path.name)
class TestEvery:
    def test_it_may_only_read_and_ends(self, path: Path) -> None:
        workflow = read(path)
        assert workflow["permissions"] == {"contents": "read"}
        assert "pull_request" in workflow["on"]
        assert "pull_request_target" not in workflow["on"], "that would run a stranger's code with our secrets"
        assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())
        for job in workflow["jobs"].values():
            assert re.fullmatch(r"ubuntu-\d\d\.04", job["runs-on"])

    def test_a_step_is_an_action_of_a_fixed_version_or_a_command(self, path: Path) -> None:
        for step in steps(path):
            assert ("uses" in step) != ("run" in step), step
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"] == {"persist-credentials": False}

    def test_no_expression_stands_inside_a_command(self, path: Path) -> None:
        """A branch's name would become part of the script."""
        assert not [step for step in steps(path) if "${{" in step.get("run", "")]

    def test_the_shell_understands_every_command(self, path: Path) -> None:
        for step in steps(path):
            if "run" in step:
                done = subprocess.run(["bash", "-n", "-c", step["run"]], capture_output=True, text=True)
                assert (done.returncode, done.stderr) == (0, ""), step


def test_the_checks_run_what_there_is() -> None:
    run = {step["run"] for step in steps(CHECKS) if "run" in step}
    assert run == {"sudo .ci/packages", ".ci/run", "make test"}, "as its own user .ci/run could install nothing"
    for name in ("run", "packages"):
        assert (ROOT / ".ci" / name).stat().st_mode & 0o111
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "installed"),
    [("", False), ("evenhand", False), ("git+https://git.example.org/fairness/evenhand@0123abc", True)],
)
def test_their_workflow_installs_from_a_named_place_alone(source: str, installed: bool, tmp_path: Path) -> None:
    """On the public index the name is not ours."""
    assert {job["env"]["EVENHAND"] for job in read(THEIRS)["jobs"].values()} == {""}
    [step] = [step for step in steps(THEIRS) if step.get("name") == "Install Evenhand"]
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o700)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "EVENHAND": source}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], capture_output=True, text=True, env=environment)
    assert (done.returncode == 0) is installed
    assert done.stdout.startswith(f"-m pip install {source}" if installed else "::error::set EVENHAND in this workflow")


def test_the_checks_cover_every_python_that_the_package_names() -> None:
    jobs = read(CHECKS)["jobs"].values()
    used = {step.get("with", {}).get("python-version") for job in jobs for step in job["steps"]}
    pythons = {each for each in used if isinstance(each, str) and not each.startswith("$")}
    pythons |= {each for job in jobs for each in job.get("strategy", {}).get("matrix", {}).get("python", [])}
    named = set(re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text()))
    assert pythons == named


def test_their_workflow_names_commands_and_options_that_exist() -> None:
    called = re.findall(r"^(evenhand \w+)(.*)$", "\n".join(step.get("run", "") for step in steps(THEIRS)), re.MULTILINE)
    assert [command for command, _ in called] == ["evenhand check", "evenhand train"]
    for command, rest in called:
        word = command.split()[1]
        shown = subprocess.run(
            [sys.executable, "-m", "deployments.cli", word, "--help"], capture_output=True, text=True, cwd=ROOT
        )
        assert shown.returncode == 0, shown.stderr
        for option in re.findall(r"--\w+", rest):
            assert option in shown.stdout
