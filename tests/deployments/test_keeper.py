"""A run is taken up when its process was killed, and only then; on a real server in tests/e2e/test_keeper.py."""

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled

from deployments.automations import Terms
from deployments.keeper import verdict

TERMS = Terms("loans", restarts=2, lost_after=90)
LONG = 10_000.0


def run(state: State, *, starts: int = 1) -> FlowRun:
    return FlowRun(id=uuid4(), flow_id=uuid4(), state=state, run_count=starts)


def becomes(state: State, *, starts: int = 1, terms: Terms = TERMS, quiet: float = LONG, age: float = LONG) -> str:
    found = verdict(run(state, starts=starts), terms, quiet=quiet, age=age)
    return found.type.value if found is not None else ""


@pytest.mark.parametrize("state", [Completed(), Failed(), Cancelled(), Scheduled(), Paused()])
def test_what_has_ended_or_waits_is_left_alone_however_long(state: State) -> None:
    assert becomes(state) == ""


def test_a_run_whose_process_never_began_is_taken_up_after_a_quarter_of_an_hour() -> None:
    assert becomes(Pending(), starts=0, quiet=0, age=899) == ""
    assert becomes(Pending(), starts=0, quiet=0, age=900) == "SCHEDULED"


def test_a_crashed_run_is_taken_up_when_it_was_quiet_and_not_too_often() -> None:
    assert becomes(Crashed(), quiet=29) == "", "a worker reports one death twice"
    assert [becomes(Crashed(), starts=starts, quiet=30) for starts in (1, 2, 3)] == ["SCHEDULED", "SCHEDULED", ""]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Flow run infrastructure exited with non-zero status code -9.", "SCHEDULED"),
        ("Process exited with status code: 137", "SCHEDULED"),
        ("Process exited with status code: 1", ""),
        ("", ""),
    ],
)
def test_a_run_that_crashed_before_it_began_is_taken_up_when_it_was_killed(said: str, expected: str) -> None:
    assert becomes(Crashed(message=said), starts=0) == expected


def test_a_run_that_another_one_went_on_with_is_not_taken_up() -> None:
    assert becomes(Crashed(message="Killed; flow run 0198-ab went on with it.")) == ""
    assert becomes(Crashed(message="Killed; flow run 0198-ab went on with it.\nNot so.")) == "SCHEDULED"


def test_a_service_without_restarts_only_marks_what_is_lost() -> None:
    terms = Terms("loans", restarts=0, lost_after=90)
    killed = Crashed(message="Process exited with status code: -9")
    assert [becomes(state, starts=0, terms=terms) for state in (Pending(), killed)] == ["", ""]
    assert becomes(Crashed(), terms=terms) == ""
    assert becomes(Running(), terms=terms) == "CRASHED"


def test_a_run_without_a_sign_of_life_counts_as_killed_half_a_minute_later() -> None:
    assert becomes(Running(), quiet=119) == "", "a busy server may show it late"
    assert becomes(Running(), quiet=120) == "CRASHED"


@pytest.mark.parametrize("restarts", [0, 2])
def test_a_cancelled_run_that_nobody_ends_is_ended_and_never_taken_up(restarts: int) -> None:
    terms = Terms("loans", restarts=restarts, lost_after=90)
    assert becomes(Cancelling(), terms=terms, quiet=119) == "", "its own worker may be at it"
    assert becomes(Cancelling(), terms=terms, quiet=120) == "CANCELLED"
