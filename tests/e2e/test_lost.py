"""The rule about silent runs on a whole Prefect server, which hears of what happened to a run too late."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Pending, Running

from deployments.automations import Terms, lost, terms_on
from deployments.health import answers
from flows.life import ALIVE

from .conftest import ROOT, free_port
from .service import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

LOST_AFTER = 10
"""Seconds; the least that Prefect takes."""


@contextmanager
def whole_server(folder: Path, port: int) -> Iterator[SyncPrefectClient]:
    """A client of a server with its automations."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**kept, "PREFECT_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    environment["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    command = [sys.executable, "-m", "deployments.local_server", str(port), "whole"]
    server = subprocess.Popen(command, env=environment)
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/api/health", seconds=2), seconds=120)
        with SyncPrefectClient(f"http://127.0.0.1:{port}/api") as client:
            yield client
    finally:
        server.terminate()
        server.wait(timeout=60)


def heard(client: SyncPrefectClient, event: str, resource: str) -> int:
    """How many such events the server has."""
    wanted = {"event": {"name": [event]}, "resource": {"id": [resource]}}
    return int(client.request("POST", "/events/filter", json={"filter": wanted}).json()["total"])


def test_a_run_that_was_cancelled_and_retried_is_not_ended_by_what_the_server_heard_before(tmp_path: Path) -> None:
    """A restarted server waits a quarter of an hour for the change of state before the first that it hears of."""
    port, terms = free_port(), Terms("loans", restarts=2, lost_after=LOST_AFTER)
    with whole_server(tmp_path, port) as client:
        rule = client.create_automation(lost(terms))
        flow = client.create_flow_from_name("retrain")
        made = {"flow_id": str(flow), "tags": ["evenhand", "service:loans"], "state": {"type": "SCHEDULED"}}
        run_id = client.request("POST", "/flow_runs/", json=made).json()["id"]
        for state in (Pending(), Running()):
            client.set_flow_run_state(run_id, state, force=True)
        run = f"prefect.flow-run.{run_id}"
        until(lambda: heard(client, "prefect.flow-run.Running", run), seconds=60)
    with whole_server(tmp_path, port) as client:
        assert terms_on(client) == [terms]
        tag = {"prefect.resource.id": "prefect.tag.service:loans", "prefect.resource.role": "tag"}
        sign = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": ALIVE, "related": [tag]}
        client.request("POST", "/events", json=[{**sign, "resource": {"prefect.resource.id": run}}]).raise_for_status()
        for state in (Cancelling(), Cancelled(), AwaitingRetry()):
            client.set_flow_run_state(run_id, state, force=True)
        until(lambda: heard(client, "prefect.automation.triggered", f"prefect.automation.{rule}"), seconds=90)
        until(lambda: heard(client, "prefect.automation.action.executed", f"prefect.automation.{rule}"), seconds=60)
        states = client.request("GET", "/flow_run_states/", params={"flow_run_id": run_id}).json()
        assert [state["name"] for state in states][-3:] == ["Cancelling", "Cancelled", "AwaitingRetry"]
