"""The service as its users meet it: schedules that fire, runs from the page, values that are refused, late runs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import psycopg
import pytest
import yaml

from evenhand.data.sources import read_source
from evenhand.exceptions import DataError

from .conftest import ROOT
from .pages import browser, new_page, picture
from .service import Service, service, until
from .test_train import artifacts

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

MODELS = ("loan-approval", "clock", "late", "narrow")


HOLD = """
import sys, time
from flows.lock import one_at_a_time
with one_at_a_time(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the whole module; every test has a model of its own."""
    about = {
        "loan-approval": {"description": "Mortgage applications in Boston, 1990."},
        "narrow": {"form": ["search", "seed"]},
    }
    with service(tmp_path_factory.mktemp("service"), {name: about.get(name, {}) for name in MODELS}) as started:
        yield started


def deploy(served: Service, *options: str) -> str:
    """What `evenhand deploy` prints."""
    command = [sys.executable, "-m", "deployments.cli", "deploy", str(served.file), *options]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "EVENHAND_HOME": str(served.home)}
    done = subprocess.run(command, env={**environment, **served.stack.addresses}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def change(served: Service, model: str, about: dict | None) -> None:
    """Change or remove one model in the service file."""
    whole = yaml.safe_load(served.file.read_text())
    if about is None:
        del whole["models"][model]
    else:
        whole["models"].setdefault(model, {"config": "loans.yaml"}).update(about)
    served.file.write_text(yaml.safe_dump(whole))


def test_a_run_is_started_from_the_page_and_its_traces_are_there(served: Service) -> None:
    deployment = served.deployment("loan-approval")
    with browser() as started:
        page = new_page(started)
        page.goto(f"{served.stack.page}/deployments/deployment/{deployment['id']}/run")
        page.get_by_label("Run Name").fill("from the page")
        trials = page.get_by_role("spinbutton", name="Trials")
        assert trials.input_value() == "6", "the configuration's value is the default"
        picture(page, "prefect-form")
        trials.fill("0")
        page.get_by_role("button", name="Submit").click()
        assert trials.evaluate("field => field.validity.rangeUnderflow"), "the browser itself refuses it"
        assert served.runs("loan-approval") == [], "a value out of bounds starts nothing"
        trials.fill("5")
        page.get_by_role("button", name="Select Prefer").click()
        page.get_by_role("option", name="simplest").click()
        run = _submitted(served, page)
        assert run["parameters"]["search"]["trials"] == 5
        assert run["parameters"]["search"]["prefer"] == "simplest"
        run = served.wait(run["id"])
        assert run["state"]["type"] == "COMPLETED", served.logs(run["id"])
        assert run["name"] == "from the page"
        _look_at_prefect(served, page, run["id"])
        _look_at_mlflow(served, page, run["id"])


def _submitted(served: Service, page) -> dict:
    """Submit until the run is there: after a refusal the first click validates again."""
    for _ in range(3):
        page.get_by_role("button", name="Submit").click()
        page.wait_for_timeout(1500)
        if found := served.runs("loan-approval"):
            return found[0]
    raise AssertionError(page.inner_text("body"))


def _look_at_prefect(served: Service, page, run_id: str) -> None:
    """The progress, the tables and the links are on the page of the run."""
    page.goto(f"{served.stack.page}/runs/flow-run/{run_id}")
    page.get_by_text("11 Task runs").or_(page.get_by_text(re.compile(r"\d+ Task runs"))).first.wait_for()
    page.get_by_role("tab", name="Artifacts").click()
    for key in ("search", "trials", "groups", "split", "summary", "mlflow-run"):
        page.get_by_text(key, exact=True).first.wait_for()
    picture(page, "prefect-artifacts")
    found = artifacts_of(served, run_id)
    assert found["search"]["type"] == "progress"
    assert float(found["search"]["data"]) == 100
    assert len(json.loads(found["trials"]["data"])) == 5
    assert served.stack.addresses["MLFLOW_TRACKING_URI"] in found["mlflow-run"]["data"]


def artifacts_of(served: Service, flow_run_id: str) -> dict[str, dict]:
    """What a run shows on Prefect's page, by key."""
    every = served.ask("POST", "/artifacts/filter", json={})
    return {artifact["key"]: artifact for artifact in every if artifact["flow_run_id"] == flow_run_id}


def _look_at_mlflow(served: Service, page, flow_run_id: str) -> None:
    """The run, its child runs, the plots and the card are on MLflow's page."""
    client = served.mlflow()
    version = client.get_model_version_by_alias("loan-approval", "challenger")
    run = client.get_run(version.run_id)
    assert run.info.run_name == "from the page"
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{version.run_id}'")
    assert len(children) >= 3
    files = artifacts(client, version.run_id)
    assert "card/card.html" in files
    plots = sorted(name for name in files if name.endswith(".png"))
    assert plots
    tracking = served.stack.addresses["MLFLOW_TRACKING_URI"]
    address = f"{tracking}/#/experiments/{run.info.experiment_id}/runs"
    page.goto(f"{address}?workflowType=machine_learning")
    page.get_by_text("from the page").first.wait_for()
    [link] = re.findall(r"\((http[^)]+)\)", artifacts_of(served, flow_run_id)["mlflow-run"]["data"])
    page.goto(link)
    page.get_by_role("heading", name="from the page").first.wait_for()
    page.get_by_text("test/roc_auc").first.wait_for()
    picture(page, "mlflow-run")
    page.goto(f"{address}/{version.run_id}/artifacts/card/card.html?workflowType=machine_learning")
    card = page.frame_locator("iframe").get_by_role("heading").first
    card.wait_for()
    picture(page, "mlflow-card")
    page.get_by_text(plots[0].partition("/")[0], exact=True).first.wait_for()
    # What the page's viewer loads when one of them is clicked.
    shown = page.request.get(f"{tracking}/get-artifact", params={"path": plots[0], "run_uuid": version.run_id})
    assert shown.body().startswith(b"\x89PNG")


def test_deploying_again_changes_what_changed_and_nothing_else(served: Service) -> None:
    before = served.deployment("narrow")
    said = deploy(served)
    assert "created" not in said
    assert "updated" not in said
    assert served.deployment("narrow")["updated"] == before["updated"]
    change(served, "extra", {"retrain": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}})
    assert re.search(r"created +deployment +retrain/extra +0 3 \* \* \* Europe/Berlin", deploy(served))
    made = served.deployment("extra")
    assert made["enforce_parameter_schema"]
    assert made["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    off = made["schedules"][0]["id"]
    served.ask("PATCH", f"/deployments/{made['id']}/schedules/{off}", json={"active": False})
    change(served, "extra", {"description": "Changed."})
    assert "stays so" in deploy(served)
    assert [schedule["active"] for schedule in served.deployment("extra")["schedules"]] == [False]
    change(served, "extra", None)
    assert re.search(r"removed +deployment +retrain/extra", deploy(served))
    rules = served.ask("POST", "/automations/filter", json={})
    assert len([rule for rule in rules if "evenhand" in rule["tags"]]) == 1


def test_a_value_that_breaks_the_schema_or_the_form_starts_nothing(served: Service) -> None:
    path = f"/deployments/{served.deployment('narrow')['id']}/create_flow_run"
    for wrong in (
        {"search": {"trials": 0}},
        {"source": "/etc/passwd"},
        {"data": {"source": {"path": "/etc/passwd"}}},
        {"search": {"trails": 3}},
    ):
        with pytest.raises(Exception, match="409"):
            served.ask("POST", path, json={"parameters": wrong})


def test_sql_reads_only_and_its_password_stands_nowhere(served: Service) -> None:
    address = served.database.address()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE loans (approve int)")
        connection.execute(
            "CREATE FUNCTION add_one() RETURNS int LANGUAGE sql AS 'INSERT INTO loans VALUES (1) RETURNING approve'"
        )
    with pytest.raises(DataError, match="ReadOnlySqlTransaction"):
        read_source(sql="SELECT add_one() AS approve", url=address)
    where = address.partition("@")[2]
    source = {
        "sql": "SELECT no_such_column FROM loans",
        "url": f"postgresql+psycopg://postgres:${{LOANS_PASSWORD}}@{where}",
    }
    change(served, "sql", {"sources": {"warehouse": source}})
    deploy(served)
    run = served.wait(served.start("sql", source="warehouse"))
    assert run["state"]["type"] == "FAILED"
    until(lambda: "no_such_column" in served.logs(run["id"]), seconds=60, otherwise=lambda: served.logs(run["id"]))
    everything = json.dumps([run, served.deployment("sql")]) + served.logs(run["id"]) + served.worker_log()
    secret = served.database.passwords["postgres"]
    for word in (secret, quote(secret, safe=""), "LOANS_PASSWORD"):
        assert word not in everything


def test_a_run_waits_for_one_on_another_machine_until_that_is_gone(served: Service, tmp_path: Path) -> None:
    """What holds the model on other machines is a lease of Prefect's, which runs out when its holder was killed."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "EVENHAND_HOME": str(tmp_path)}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, "clock"],
        env={**environment, **served.stack.addresses},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    run_id = served.start("clock")
    until(lambda: "another retrain of clock is under way" in served.logs(run_id), seconds=200)
    other.kill()
    other.communicate()
    assert served.wait(run_id)["state"]["type"] == "COMPLETED", served.logs(run_id)


def test_a_schedule_fires_by_itself_in_its_time_zone(served: Service) -> None:
    before = len(served.versions("clock"))
    # Five and a half hours ahead of UTC; far enough ahead that the deployment is there before the minute begins.
    at = datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(seconds=110)
    change(served, "clock", {"retrain": {"cron": f"{at.minute} {at.hour} * * *", "timezone": "Asia/Kolkata"}})
    deploy(served)
    scheduled = until(lambda: [run for run in served.runs("clock") if run["auto_scheduled"]], seconds=300)
    run = min(scheduled, key=lambda run: run["expected_start_time"])
    assert datetime.fromisoformat(run["expected_start_time"]) == at.replace(second=0, microsecond=0)
    run = served.wait(run["id"])
    assert run["state"]["type"] == "COMPLETED", served.logs(run["id"])
    assert run["name"].startswith("clock 2")
    assert served.mlflow().get_model_version_by_alias("clock", "challenger").version == str(before + 1)


def test_of_late_runs_only_the_newest_runs(served: Service) -> None:
    served.stack.stop("worker-1")
    deployment = served.deployment("late")
    every = {"schedule": {"interval": 12, "anchor_date": "2026-01-01T00:00:00Z"}, "active": True}
    [schedule] = served.ask("POST", f"/deployments/{deployment['id']}/schedules", json=[every])
    late = until(lambda: len(found := served.runs("late")) >= 5 and found, seconds=120)
    # Only what is in the future goes with it.
    served.ask("PATCH", f"/deployments/{deployment['id']}/schedules/{schedule['id']}", json={"active": False})
    due = {run["id"]: run for run in served.runs("late")}
    assert len(due) >= len(late)
    served.stack.start("worker-1")
    newest = max(due.values(), key=lambda run: run["expected_start_time"])
    assert served.wait(newest["id"])["state"]["type"] == "COMPLETED", served.logs(newest["id"])
    ended = {run_id: served.wait(run_id)["state"] for run_id in due if run_id != newest["id"]}
    assert {state["name"] for state in ended.values()} == {"Skipped"}
    assert all(newest["id"] in state["message"] for state in ended.values())
    assert len(served.versions("late")) == 1
