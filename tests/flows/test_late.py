"""Of scheduled runs that piled up the newest runs; whatever a person did is respected."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingConcurrencySlot, Cancelled, Completed, Crashed, Late, Running, Scheduled

from flows.late import SKIPPED, decide

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(minutes: int, state: State) -> FlowRun:
    """A scheduled run that was due so many minutes after noon."""
    return FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        auto_scheduled=True,
        state=state,
        expected_start_time=NOON + timedelta(minutes=minutes),
    )


def test_the_oldest_starts_first_and_ends_all_but_the_newest() -> None:
    mine, second, third, newest = (
        run(0, Running()),
        run(1, Late()),
        run(2, AwaitingConcurrencySlot()),
        run(3, Scheduled()),
    )
    assert decide(mine, [newest, third, second, mine]) == (newest, [third, second])


def test_the_newest_runs_and_ends_the_others() -> None:
    older, mine = run(0, Late()), run(1, Running())
    assert decide(mine, [mine, older]) == (mine, [older])


def test_a_run_in_time_is_alone() -> None:
    mine = run(0, Running())
    assert decide(mine, [mine]) == (mine, [])


def test_what_runs_or_has_ended_is_left_alone() -> None:
    others = [run(0, Running()), run(1, Completed()), run(2, Crashed())]
    mine = run(3, Running())
    assert decide(mine, [mine, *others]) == (mine, [])


def test_a_newer_one_that_has_ended_already_stands_for_the_older() -> None:
    mine, newest = run(0, Running()), run(1, Completed())
    assert decide(mine, [newest, mine]) == (newest, [])


def test_a_newer_one_that_a_person_cancelled_stands_for_nothing() -> None:
    mine, cancelled = run(0, Running()), run(1, Cancelled())
    assert decide(mine, [cancelled, mine]) == (mine, [])


def test_a_run_that_others_were_ended_for_runs_although_a_newer_one_is_due() -> None:
    """Else, where starting takes longer than the schedule's interval, none would ever run."""
    mine, newer = run(1, Running()), run(2, Late())
    ended = run(0, Cancelled(name=SKIPPED, message=f"... (flow run {mine.id})."))
    assert decide(mine, [newer, mine, ended]) == (mine, [])
