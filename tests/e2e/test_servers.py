"""The same command against real servers of Prefect and MLflow: everything arrives there."""

from pathlib import Path

import httpx
import mlflow
import pytest

from deployments.stack import running

from .conftest import HELD, Home
from .test_train import Trained, artifacts, outcomes

pytestmark = [pytest.mark.e2e, pytest.mark.e2e_long, pytest.mark.timeout(1500)]


def test_a_run_against_named_servers(trained: Trained, tmp_path: Path) -> None:
    home = Home(tmp_path / ".evenhand")
    home.folder.mkdir()
    with running(tmp_path / "servers") as service:
        addresses = service.addresses
        done = home.run(home.train(), extra=addresses)
        assert done.returncode == HELD, done.stdout + done.stderr
        outcome = outcomes(home)[0]
        mlflow.set_tracking_uri(addresses["MLFLOW_TRACKING_URI"])
        client = mlflow.MlflowClient()
        assert client.get_run(outcome["run_id"]).info.status == "FINISHED"
        assert "card/card.html" in artifacts(client, outcome["run_id"], "card")
        version = client.get_model_version_by_alias(outcome["model_name"], "challenger")
        assert str(version.version) == outcome["model_version"] == "1"
        assert outcome["run_url"].startswith(addresses["MLFLOW_TRACKING_URI"])
        assert "/v2/runs/flow-run/" in outcome["flow_run_url"]
        state = httpx.get(f"{addresses['PREFECT_API_URL']}/flow_runs/{outcome['flow_run_id']}").json()["state"]
        assert state["type"] == "COMPLETED"
    expected = outcomes(trained[0])[0]
    assert outcome["summary"]["metrics"] == expected["summary"]["metrics"]
