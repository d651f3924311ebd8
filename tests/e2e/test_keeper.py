"""Runs on a real Prefect server, in the states that killed processes leave: who is taken up, and who is not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running, Scheduled

from deployments import keeper
from deployments.automations import lost, terms_on
from deployments.keeper import Keeper
from evenhand.journal import Entry
from flows.left import close_left
from flows.life import ALIVE

from .conftest import ROOT
from .service import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Client = SyncPrefectClient


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def keeper(self) -> Keeper:
        """One that lives in this time."""
        return Keeper(self, lambda: datetime.now(UTC) + timedelta(seconds=self.now))


@pytest.fixture
def start(client: Client, again: Callable[[], dict[str, str]]) -> Iterator[Callable[..., UUID]]:
    """Make a run that went through these states."""
    del again  # deployed
    made: list[UUID] = []

    def started(*states: State, deployment: str = "retrain/loans") -> UUID:
        found = client.read_deployment_by_name(deployment)
        client.request(
            "PATCH", "/deployments/{id}", path_params={"id": found.id}, json={"concurrency_limit": None}
        ).raise_for_status()
        run = client.create_flow_run_from_deployment(found.id)
        made.append(run.id)
        for state in states:
            client.set_flow_run_state(run.id, state, force=True)
        return run.id

    yield started
    for run_id in made:
        client.delete_flow_run(run_id)


def state_of(client: Client, run_id: UUID) -> str:
    state: Any = client.read_flow_run(run_id).state
    return str(state.type.value)


def looked(client: Client, *, worker: Keeper, clock: Clock, seconds: float) -> list[str]:
    """What is done at once and after so many seconds."""
    first = list(worker.look(client))
    clock.now += seconds
    return [*first, *worker.look(client)]


def test_only_a_run_that_never_began_is_taken_up_again(client: Client, start: Callable[..., UUID]) -> None:
    """Those that have ended since are not, whatever the order in which the server heard of it."""
    ended = [start(Pending(), Running(), state) for state in (Failed(), Cancelled(), Completed())]
    waits, works = start(Pending()), start(Pending(), Running())
    clock = Clock()
    clock.now = 890
    assert list(clock.keeper().look(client)) == []
    clock.now = 900
    assert len(list(clock.keeper().look(client))) == 1
    assert state_of(client, waits) == "SCHEDULED"
    found = [state_of(client, run_id) for run_id in (*ended, works)]
    assert found == ["FAILED", "CANCELLED", "COMPLETED", "RUNNING"]


def test_a_crashed_run_is_taken_up_once_it_is_quiet(client: Client, start: Callable[..., UUID]) -> None:
    killed = start(Pending(), Running(), Crashed())
    clock = Clock()
    worker = clock.keeper()
    assert list(worker.look(client)) == []
    client.set_flow_run_state(killed, Crashed(), force=True)  # its worker reports it a second time
    assert looked(client, worker=worker, clock=clock, seconds=29) == []
    clock.now += 1
    assert [str(killed) in line for line in worker.look(client)] == [True]
    assert state_of(client, killed) == "SCHEDULED"


def test_two_workers_that_look_at_the_same_moment_take_up_a_run_once(
    client: Client, start: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = start(Pending(), Running(), Crashed())
    clock = Clock()
    first, second = clock.keeper(), clock.keeper()
    assert [list(each.look(client)) for each in (first, second)] == [[], []]
    clock.now += 30
    found = client.read_flow_run(killed)
    monkeypatch.setattr(keeper, "_candidates", lambda *_: [found])
    monkeypatch.setattr(keeper, "_unchanged", lambda *_: True)
    assert [len(list(each.look(client))) for each in (first, second)] == [1, 0]
    states = client.request("GET", "/flow_run_states/", params={"flow_run_id": str(killed)}).json()
    assert [state["type"] for state in states].count("SCHEDULED") == 2, "as it was made, and once more"


def test_a_cancelled_run_whose_worker_died_is_ended_once_when_two_workers_look(
    client: Client, start: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = start(Pending(), Running(), Cancelling())
    clock = Clock()
    first, second = clock.keeper(), clock.keeper()
    assert looked(client, worker=first, clock=clock, seconds=0) == []
    assert looked(client, worker=second, clock=clock, seconds=119) == []
    clock.now += 1
    found = client.read_flow_run(left)
    monkeypatch.setattr(keeper, "_candidates", lambda *_: [found])
    monkeypatch.setattr(keeper, "_unchanged", lambda *_: True)
    assert [len(list(each.look(client))) for each in (first, second)] == [1, 0]
    states = client.request("GET", "/flow_run_states/", params={"flow_run_id": str(left)}).json()
    assert [state["type"] for state in states][-2:] == ["CANCELLING", "CANCELLED"]
    assert "its worker is gone" in states[-1]["message"]
    monkeypatch.undo()
    clock.now += 10_000
    assert [list(each.look(client)) for each in (first, second)] == [[], []], "it is not taken up"


def test_a_cancelled_run_that_still_lives_is_left_to_whoever_ends_it(
    client: Client, start: Callable[..., UUID]
) -> None:
    lives = start(Pending(), Running(), Cancelling())
    clock = Clock()
    worker = clock.keeper()
    for number in range(1, 3):
        sign(client, lives)
        until(lambda number=number: signs(client, lives) == number, seconds=60)
        assert looked(client, worker=worker, clock=clock, seconds=119) == []
    assert state_of(client, lives) == "CANCELLING"


def test_a_run_that_was_cancelled_and_retried_has_its_own_time(client: Client, start: Callable[..., UUID]) -> None:
    retried = start(Pending(), Running())
    clock = Clock()
    worker = clock.keeper()
    assert looked(client, worker=worker, clock=clock, seconds=119) == []
    for state in (Cancelling(), Cancelled(), AwaitingRetry()):
        client.set_flow_run_state(retried, state, force=True)
    assert looked(client, worker=worker, clock=clock, seconds=10) == []
    for state in (Pending(), Running()):
        client.set_flow_run_state(retried, state, force=True)
    assert looked(client, worker=worker, clock=clock, seconds=119) == []
    assert state_of(client, retried) == "RUNNING"
    clock.now += 1
    assert [str(retried) in line for line in worker.look(client)] == [True]


WORK = (
    "import os, sys, time; from uuid import UUID; from prefect import flow\n"
    "from prefect.client.orchestration import get_client; from prefect.flow_engine import run_flow\n"
    "from flows.session import resumed_run\n"
    "@flow\n"
    "def work():\n"
    "    with resumed_run('work', experiment='loans', name='loans', model='loans', tags={}):\n"
    "        print('open', flush=True); sys.stdin.read()\n"
    "with get_client(sync_client=True) as client: mine = client.read_flow_run(UUID(sys.argv[1]))\n"
    "mine.parameters = {}\n"
    "run_flow(work, flow_run=mine)\n"
)


@pytest.fixture
def killed_in(client: Client, tmp_path: Path) -> Callable[[UUID], None]:
    """Do the same work in a process of this flow run, which is killed in the midst of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    places = {"PREFECT_HOME": str(tmp_path / "prefect"), "EVENHAND_HOME": str(tmp_path / "home")}
    servers = {"PREFECT_API_URL": str(client.api_url), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    environment = {**kept, **places, **servers, "PYTHONPATH": str(ROOT)}

    def killed(run_id: UUID) -> None:
        command = [sys.executable, "-c", WORK, str(run_id)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as child:
            assert child.stdout is not None
            assert any(line == "open\n" for line in child.stdout)
            child.kill()

    return killed


def crash(client: Client, run_id: UUID) -> None:
    """As the worker does that sees its child die."""
    client.set_flow_run_state(run_id, Crashed(message="Process exited with status code: -9"))


@pytest.mark.parametrize("reported", [False, True], ids=["by-nobody", "by-its-worker"])
def test_a_run_interrupted_twice_is_taken_up_once_as_the_one_that_went_on(
    client: Client, start: Callable[..., UUID], killed_in: Callable[[UUID], None], *, reported: bool
) -> None:
    first, second = start(), start()
    killed_in(first)
    if reported:
        crash(client, first)
    killed_in(second)  # it goes on with the work of the first
    crash(client, first)
    crash(client, second)
    clock = Clock()
    lines = looked(client, worker=clock.keeper(), clock=clock, seconds=30)
    assert [str(second) in line for line in lines] == [True]
    found = client.read_flow_run(first).state
    assert found is not None
    assert (found.name, found.message) == ("Crashed", f"Killed; flow run {second} went on with it.")


def left(run_id: UUID, *, starts: int) -> Entry:
    return Entry("work", "run", str(run_id), "machine", 1, 1.0, starts)


@pytest.mark.parametrize(
    ("states", "becomes"),
    [
        ((Pending(), Running(), Crashed(), Scheduled()), "CRASHED"),
        ((Pending(), Running(), Crashed(), Scheduled(), Pending()), "PENDING"),
        ((Pending(), Running(), Crashed(), Scheduled(), Pending(), Running()), "RUNNING"),
        ((Pending(), Running(), Failed()), "FAILED"),
    ],
    ids=["waits", "begins", "works", "failed"],
)
def test_a_run_that_was_taken_up_already_is_left_to_its_new_process(
    client: Client, start: Callable[..., UUID], states: tuple[State, ...], becomes: str
) -> None:
    run_id = start(*states)
    with temporary_settings({PREFECT_API_URL: str(client.api_url)}):
        close_left(left(run_id, starts=1), str(uuid4()))
    assert state_of(client, run_id) == becomes


def test_what_crashed_days_ago_was_left_so(client: Client, start: Callable[..., UUID]) -> None:
    killed = start(Pending(), Running(), Crashed())
    clock = Clock()
    clock.now += 25 * 3600
    assert looked(client, worker=clock.keeper(), clock=clock, seconds=60) == []
    assert state_of(client, killed) == "CRASHED"


def test_a_service_whose_rule_is_switched_off_is_left_alone(client: Client, start: Callable[..., UUID]) -> None:
    killed = start(Pending(), Running(), Crashed())
    [terms] = terms_on(client)
    [rule] = client.read_automations_by_name(lost(terms).name)
    client.pause_automation(rule.id)
    clock = Clock()
    try:
        assert looked(client, worker=clock.keeper(), clock=clock, seconds=60) == []
        assert state_of(client, killed) == "CRASHED"
    finally:
        client.resume_automation(rule.id)


def sign(client: Client, run_id: UUID) -> None:
    resource = {"prefect.resource.id": f"prefect.flow-run.{run_id}"}
    event = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": ALIVE, "resource": resource}
    client.request("POST", "/events", json=[event]).raise_for_status()


def signs(client: Client, run_id: UUID) -> int:
    wanted = {"event": {"name": [ALIVE]}, "resource": {"id": [f"prefect.flow-run.{run_id}"]}}
    return int(client.request("POST", "/events/filter", json={"filter": wanted}).json()["total"])


def test_a_run_that_gives_no_sign_of_life_is_marked_whatever_the_server_has_forgotten(
    client: Client, start: Callable[..., UUID]
) -> None:
    """The machine was killed and came back: nothing on the server waits for the run's next sign any more."""
    gone = start(Pending(), Running())
    clock = Clock()
    worker = clock.keeper()
    assert looked(client, worker=worker, clock=clock, seconds=119) == []
    clock.now += 1
    assert [str(gone) in line for line in worker.look(client)] == [True]
    assert state_of(client, gone) == "CRASHED"
    assert looked(client, worker=worker, clock=clock, seconds=30)
    assert state_of(client, gone) == "SCHEDULED"


def test_a_run_that_lives_is_left_alone_also_after_the_server_was_away(
    client: Client, start: Callable[..., UUID]
) -> None:
    lives = start(Pending(), Running())
    clock = Clock()
    worker = clock.keeper()
    for number in range(1, 4):
        sign(client, lives)
        until(lambda number=number: signs(client, lives) == number, seconds=60)
        assert looked(client, worker=worker, clock=clock, seconds=119) == []
    worker.forget()
    assert looked(client, worker=worker, clock=clock, seconds=119) == [], "what it said meanwhile was lost"
    assert state_of(client, lives) == "RUNNING"
