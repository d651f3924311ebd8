"""What takes up a run whose process was killed: rules on Prefect's server, as code.

A worker that sees its child die reports the run as Crashed, at times twice within two seconds, so a rule that reacts to
that event would start it twice. The first rule below waits instead: it acts only when nothing has happened to the run
ten seconds later. When the worker died as well nobody reports anything; the second rule misses the sign of life that
a running flow gives every 30 seconds.
"""

from collections.abc import Sequence
from datetime import timedelta

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

__all__ = ["automations"]

_SETTLED = ("Completed", "Failed", "Cancelled", "Cancelling", "Crashed", "Skipped")
_WAITING = ("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Pending", "Paused", "Suspended")
_RUNNING = ("Running", "Retrying", "Rerunning")


def automations(service: str, *, lost_after: int) -> Sequence[AutomationCore]:
    """The rules for the runs of one service.

    Parameters
    ----------
    service
        Its name: the rules look at runs with its tag only.
    lost_after
        Seconds without a sign of life after which a run counts as killed.
    """
    return (
        _rule(
            f"{service}: a killed run is taken up again",
            "A run that crashed and that nobody took up within ten seconds is scheduled again; finished steps stay.",
            service,
            after=("Crashed",),
            expect=(*_WAITING, *_RUNNING, "Completed", "Failed", "Cancelled", "Cancelling", "Skipped"),
            within=10,
            action=ChangeFlowRunState(
                state=StateType.SCHEDULED, name="Scheduled", message="Its process was killed: it is taken up again."
            ),
        ),
        _rule(
            f"{service}: a run without a sign of life counts as killed",
            f"A run whose process and worker are gone is marked as crashed after {lost_after} seconds.",
            service,
            after=("heartbeat",),
            expect=("heartbeat", *_WAITING, *_SETTLED),
            within=lost_after,
            action=ChangeFlowRunState(
                state=StateType.CRASHED, name="Crashed", message=f"No sign of life for {lost_after} seconds."
            ),
        ),
    )


def _rule(
    name: str,
    description: str,
    service: str,
    *,
    after: Sequence[str],
    expect: Sequence[str],
    within: int,
    action: ChangeFlowRunState,
) -> AutomationCore:
    return AutomationCore(
        name=name,
        description=description,
        tags=["evenhand", f"service:{service}"],
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={f"prefect.flow-run.{state}" for state in after},
            expect={f"prefect.flow-run.{state}" for state in expect},
            for_each={"prefect.resource.id"},
            match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                root={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.service:{service}"}
            ),
            threshold=1,
            within=timedelta(seconds=within),
        ),
        actions=[action],
    )
