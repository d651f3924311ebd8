"""What to do with scheduled runs that piled up while nobody could run them: the newest runs, the others do not.

Prefect starts all of them one by one (its issues 16984 and 19313 are open).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled

__all__ = ["SKIPPED", "decide", "replaced_by_newer"]

SKIPPED = "Skipped"
"""The name of the state of a scheduled run in whose place a newer one runs; its type is Cancelled."""

_LOOKED_AT = 200


def replaced_by_newer(run_id: UUID) -> State | None:
    """The state with which this run ends because a newer scheduled run is due; None when it is to run.

    Whatever other scheduled run of the deployment is older than the newest and waits is ended here too, so that a
    long outage costs one start and not one for each missed time.

    Parameters
    ----------
    run_id
        This flow run. One that somebody started by hand is never replaced.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        if not run.auto_scheduled or run.deployment_id is None:
            return None
        newest, ended = decide(run, _due(client, run.deployment_id))
        for each in ended:
            client.set_flow_run_state(each.id, _skipped(newest))
    return None if newest.id == run.id else _skipped(newest)


def decide(run: FlowRun, due: Sequence[FlowRun]) -> tuple[FlowRun, list[FlowRun]]:
    """Which run stands for all that are due, and which of the others are ended without having started.

    Parameters
    ----------
    run
        The one that asks.
    due
        Every scheduled run of the deployment whose time has come.
    """
    newest = max((each for each in due if _counts(each)), key=_when, default=run)
    if _waited_for(run, due) or _when(newest) <= _when(run):
        newest = run
    spared = (run.id, newest.id)
    return newest, [each for each in due if each.id not in spared and _when(each) < _when(newest) and _waits(each)]


def _due(client: SyncPrefectClient, deployment_id: UUID) -> Sequence[FlowRun]:
    """The scheduled runs of the deployment whose time has come, whatever became of them, the newest first."""
    found = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_LOOKED_AT,
    )
    return [run for run in found if run.auto_scheduled]


def _when(run: FlowRun) -> datetime:
    return run.expected_start_time or datetime.min.replace(tzinfo=UTC)


def _waits(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_scheduled()


def _counts(run: FlowRun) -> bool:
    """Whether a run stands for its time: one that a person cancelled does not."""
    return run.state is not None and not run.state.is_cancelled() and not run.state.is_cancelling()


def _waited_for(run: FlowRun, due: Iterable[FlowRun]) -> bool:
    """Whether another run was ended in favor of this one, which then runs: else none would where starting is slow."""
    return any(
        each.state is not None and each.state.name == SKIPPED and str(run.id) in (each.state.message or "")
        for each in due
    )


def _skipped(newest: FlowRun) -> State:
    return Cancelled(
        name=SKIPPED,
        message=f"A newer scheduled run is due, that of {_when(newest):%Y-%m-%d %H:%M} UTC, and runs in its place "
        f"(flow run {newest.id}).",
    )
