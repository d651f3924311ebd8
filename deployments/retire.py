"""A deployment that the service file names no longer: the runs that could not go on end, with what to do about them."""

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Cancelled

__all__ = ["retire"]

_PAGE = 200
_GONE = "the service file names this model no longer"
_HELD = f"{_GONE}: `evenhand approve {{name}} --reason WHY` (or reject) still answers it"


def retire(client: SyncPrefectClient, deployment: DeploymentResponse) -> str:
    """Delete a deployment; what became of its runs, for people.

    A run that lies suspended for a person would look as if it could be answered on the page, and an answer there would
    be lost with it: it ends, and says where an answer still counts. So does one that somebody started and no worker has
    taken up. A run that works goes on.
    """
    held = waiting = 0
    for run in _waiting(client, deployment):
        paused = run.state_type == StateType.PAUSED
        if not paused and run.auto_scheduled:
            continue  # the server takes these away with the schedule
        message = _HELD.format(name=str(run.id)[:8]) if paused else f"{_GONE}: it was not started"
        client.set_flow_run_state(run.id, Cancelled(message=message), force=True)
        held, waiting = held + paused, waiting + (not paused)
    client.delete_deployment(deployment.id)
    answers = f"{held} held for an answer: `evenhand approve` takes it" if held else ""
    said = " and ".join(each for each in (answers, f"{waiting} not begun" if waiting else "") if each)
    return _GONE + (f"; runs ended: {said}" if said else "")


def _waiting(client: SyncPrefectClient, deployment: DeploymentResponse) -> list[FlowRun]:
    asked = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.SCHEDULED])),
    )
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(flow_run_filter=asked, limit=_PAGE, offset=len(found))
        found += page
        if len(page) < _PAGE:
            return found
