"""`evenhand deploy` on a Prefect server where others work too: what is there is brought to what the file says."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Suspended

import tasks.ledger as kept
from deployments.deploy import deploy
from evenhand.config import load_service
from evenhand.decision.ledger import Kind
from evenhand.exceptions import ConfigError
from flows.approval import end_waits_in_vain
from tasks.ledger import table

from .conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Client = SyncPrefectClient
FORM = {"type": "object", "properties": {}}


def retrain(client: Client) -> DeploymentResponse:
    return client.read_deployment_by_name("retrain/loans")


def test_a_deployment_that_nobody_changed_is_unchanged(again: Callable[[], dict[str, str]]) -> None:
    assert set(again().values()) == {"unchanged"}


def test_rollbacks_wait_in_a_queue_of_their_own(client: Client, again: Callable[[], dict[str, str]]) -> None:
    del again  # deployed
    queues = {kind: client.read_deployment_by_name(f"{kind}/loans").work_queue_name for kind in ("retrain", "rollback")}
    assert queues == {"retrain": "default", "rollback": "rollbacks"}


def clear(client: Client, found: DeploymentResponse) -> None:
    for schedule in found.schedules:
        client.delete_deployment_schedule(found.id, schedule.id)


def add(client: Client, found: DeploymentResponse, schedule: Any) -> None:
    client.create_deployment_schedules(found.id, [DeploymentScheduleCreate(schedule=schedule)])


def another_time(client: Client, found: DeploymentResponse) -> None:
    clear(client, found)
    add(client, found, CronSchedule(cron="0 3 * * *", timezone="UTC"))


@pytest.mark.parametrize(
    "change",
    [
        clear,
        another_time,
        lambda client, found: add(client, found, IntervalSchedule(interval=timedelta(hours=1))),
        lambda client, found: add(client, found, CronSchedule(cron="30 5 * * 1-5", timezone="America/New_York")),
        lambda client, found: patch(client, found, {"enforce_parameter_schema": False}),
        lambda client, found: patch(client, found, {"parameters": {"source": "configured", "seed": 7}}),
        lambda client, found: patch(client, found, {"parameter_openapi_schema": FORM}),
        lambda client, found: patch(client, found, {"entrypoint": "elsewhere.retrain"}),
        lambda client, found: patch(client, found, {"job_variables": {"command": "id"}}),
        lambda client, found: patch(client, found, {"concurrency_limit": None}),
        lambda client, found: patch(client, found, {"concurrency_options": {"collision_strategy": "CANCEL_NEW"}}),
        lambda client, found: patch(client, found, {"description": "Mine."}),
        lambda client, found: patch(client, found, {"work_queue_name": "rollbacks"}),
    ],
    ids=["cleared", "moved", "interval", "twice", "enforcement", "parameters", "form", "entrypoint", "job", "limit",
         "collision", "description", "queue"],
)  # fmt: skip
def test_what_a_person_changed_on_the_server_is_as_the_file_has_it_again(
    change: Callable[[Client, DeploymentResponse], None], client: Client, again: Callable[[], dict[str, str]]
) -> None:
    before = retrain(client)
    change(client, before)
    assert again()["retrain/loans"] == "updated"
    after = retrain(client)
    for name in ("entrypoint", "parameters", "parameter_openapi_schema", "enforce_parameter_schema", "job_variables"):
        assert getattr(after, name) == getattr(before, name), name
    assert [each.schedule for each in after.schedules] == [each.schedule for each in before.schedules]
    assert after.id == before.id
    assert set(again().values()) == {"unchanged"}


def patch(client: Client, found: DeploymentResponse, change: dict[str, Any]) -> None:
    client.request("PATCH", "/deployments/{id}", path_params={"id": found.id}, json=change).raise_for_status()


def test_runs_of_a_model_that_is_named_no_longer_say_what_to_do(
    client: Client, again: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    """One that waited for a person stayed suspended, and the answer that was given on the page was lost."""
    found = retrain(client)
    held, queued, ended = (client.create_flow_run_from_deployment(found.id) for _ in range(3))
    client.set_flow_run_state(held.id, Suspended(), force=True)
    client.set_flow_run_state(ended.id, Completed(), force=True)
    file = tmp_path / "service.yaml"
    about = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({"models": {"mortgages": about["models"]["loans"]}}))
    notes = {change.name: change.note for change in deploy(client, load_service(file)) if change.done == "removed"}
    assert "1 held for an answer: `evenhand approve` takes it and 1 not begun" in notes["retrain/loans"]
    states = [client.read_flow_run(run.id).state for run in (held, queued, ended)]
    assert [state.type.value for state in states] == ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert f"evenhand approve {str(held.id)[:8]} --reason WHY" in states[0].message
    assert "not started" in states[1].message
    again()


@pytest.mark.parametrize("kind", ["approval", "rejection"])
def test_a_run_whose_answer_was_given_elsewhere_is_ended_with_it(
    kind: Kind, client: Client, again: Callable[[], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went on asking on Prefect's page, and failed there at the end of its time."""
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setattr(table, "stamps_of", lambda _: [])
    found = retrain(client)
    answered, waits = (client.create_flow_run_from_deployment(found.id) for _ in range(2))
    for run in (answered, waits):
        client.set_flow_run_state(run.id, Suspended(), force=True)
        body = {"outcome": "hold", "version": "1", "flow_run_id": str(run.id), "run_id": "r"}
        decision = kept.append("decision", f"model-of-{run.id}", body)
        if run == answered:
            kept.append(kind, decision.model, {"decision": decision.hash, "version": "1", "by": "ann", "reason": "why"})
        with temporary_settings({PREFECT_API_URL: str(client.api_url)}):
            end_waits_in_vain(decision.model)
    states = [client.read_flow_run(run.id).state for run in (answered, waits)]
    said = {"approval": "Approved", "rejection": "Rejected"}[kind]
    assert [(state.type.value, state.name) for state in states] == [("CANCELLED", said), ("PAUSED", "Suspended")]
    assert f"was {said.lower()} on" in states[0].message
    for run in (answered, waits):
        client.delete_flow_run(run.id)
    again()


def test_a_schedule_that_a_person_switched_off_stays_off(client: Client, again: Callable[[], dict[str, str]]) -> None:
    found = retrain(client)
    client.update_deployment_schedule(found.id, found.schedules[0].id, active=False)
    assert again()["retrain/loans"] == "unchanged"
    patch(client, found, {"description": "Mine."})
    assert again()["retrain/loans"] == "updated"
    assert [each.active for each in retrain(client).schedules] == [False]
    client.delete_deployment(found.id)


def test_the_rules_are_found_among_hundreds_of_others(client: Client, again: Callable[[], dict[str, str]]) -> None:
    """The server gives at most 200 at once, and the newest or the oldest first: ours lie somewhere between."""
    trigger = EventTrigger(posture=Posture.Reactive, expect={"never"}, threshold=1, within=timedelta(0))
    for number in range(420):
        side = "a" if number % 2 else "z"
        client.create_automation(AutomationCore(name=f"{side}{number}", trigger=trigger, actions=[DoNothing()]))
    assert set(again().values()) == {"unchanged"}


def test_a_rule_that_was_made_twice_is_there_once(client: Client, again: Callable[[], dict[str, str]]) -> None:
    name = "evenhand: a run without a sign of life counts as killed"
    [rule] = client.read_automations_by_name(name)
    client.create_automation(AutomationCore.model_validate(rule.model_dump(exclude={"id"})))
    again()
    assert len(client.read_automations_by_name(name)) == 1
    assert set(again().values()) == {"unchanged"}


def test_a_run_in_a_container_cannot_bring_its_own(
    client: Client, again: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    template = json.loads((ROOT / "deployments" / "docker-job-template.json").read_text(encoding="utf-8"))
    client.create_work_pool(WorkPoolCreate(name="docked", type="docker", base_job_template=template))
    file = tmp_path / "service.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "work_pool": "docked"}))
    with pytest.raises(ConfigError, match="--file-on-worker"):
        list(deploy(client, load_service(file)))
    assert list(deploy(client, load_service(file), file_on_worker=Path("/srv/service/service.yaml")))
    found = retrain(client)
    assert (found.work_pool_name, found.job_variables) == ("docked", {})
    for wrong in ({"image": "other"}, {"env": {"PYTHONPATH": "/tmp"}}, {"volumes": ["/:/host"]}, {"command": "id"}):
        with pytest.raises(PrefectHTTPStatusError) as caught:
            client.create_flow_run_from_deployment(found.id, job_variables=wrong)
        assert 400 <= caught.value.response.status_code < 500
