"""`score`, `reproduce` and `audit`: what is refused before anything starts, and which words go together."""

import os
from pathlib import Path

import pytest

from deployments.cli import run
from deployments.cli_reproduce import named_version
from evenhand.exceptions import ConfigError


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    # A command fills in addresses of the local mode; they must not outlive the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["score", "loans", "new.csv", "-o", "out.csv"], "let its name end in .parquet"),
        (["score", "loans", "new.csv", "-o", "nowhere/out.parquet"], "the folder of nowhere/out.parquet"),
        (["score", "loans", "new.csv"], "--output"),
        (["score", "loans", "new.csv", "-o", "o.parquet", "--version", "latest"], "latest"),
        (["score", "loans", "new.csv", "-o", "o.parquet", "--config", "no.yaml"], "no.yaml"),
        (["reproduce", "loans", "--tolerance", "2"], "give a number from 0 to below 1"),
        (["audit"], "give either a MODEL with --data, or --predictions"),
        (["audit", "loans"], "--data: is missing"),
        (["audit", "loans", "--data", "a.csv", "--y-true", "y"], "--y-true: goes with --predictions"),
        (["audit", "loans", "--data", "a.csv", "--classes", "no"], "--classes: goes with --predictions"),
        (["audit", "loans", "--data", "a.csv", "--bins", "age=25"], "--bins: goes with --predictions, or with --trust"),
        (["audit", "loans", "--data", "a.csv", "--config", "c.yaml"], "--config: goes with --trust-model"),
        (["audit", "loans", "--data", "a.csv", "--trust-model"], "--sensitive: is missing (name the column, or give"),
        (["audit", "loans", "--trust-model", "--y-true", "y", "--sensitive", "sex"], "--data: is missing"),
        (["audit", "loans", "--trust-model", "--config", "c.yaml", "--y-true", "y"], "--y-true: stands in --config"),
        (["audit", "loans", "--trust-model", "--config", "c.yaml", "--score", "p"], "--score: goes with --predictions"),
        (["audit", "loans", "--trust-model", "--config", "none.yaml"], "none.yaml"),
        (["audit", "loans", "--trust-model", "--data", "a.csv", "--y-true", "y", "--sensitive", "a", "--bins", "b=2"],
         "--bins names 'b'"),
        (["audit", "--predictions", "p.parquet", "--trust-model"], "--trust-model: goes with a MODEL"),
        (["audit", "--predictions", "p.parquet", "--y-true", "y"], "--sensitive: is missing"),
        (["audit", "--predictions", "p", "--y-true", "y", "--y-pred", "d", "--sensitive", "a", "--bins", "age"],
         "write --bins age=25,40,62"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_start_is_refused_in_one_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("place", ["taken", "taken/below", "taken/far/below"])
def test_a_file_is_no_folder_for_what_an_audit_leaves(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine")
    assert run(["audit", "loans", "--data", "a.csv", "--output", place]) == 2
    assert "--output: taken is a file (name a folder; it is made where it is missing)" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_version_is_named_by_number_or_model() -> None:
    assert named_version("loan-approval@12") == ("loan-approval", "12")
    assert named_version("loan-approval") == ("loan-approval", "")
    with pytest.raises(ConfigError, match="write MODEL@VERSION, such as loans@3"):
        named_version("loans@newest")
    with pytest.raises(ConfigError, match="there is no run"):
        named_version("abcd1234")


@pytest.mark.parametrize("command", ["score", "reproduce", "audit"])
def test_the_help_explains_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: evenhand {command}" in text
    for line in text.splitlines():
        if line.strip().startswith("--"):
            assert len(line.split()) > 2, line
