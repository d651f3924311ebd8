"""What takes up a run whose process was killed: rules on Prefect's server, as code.

A worker that sees its child die reports the run as crashed at once, and again when it is done with it, after it has
loaded the flow once more to look for its hooks. The server drops the second report, unless the run was taken up
meanwhile: then it would end that. So the rules wait until nothing has happened to the run for a while.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from evenhand.monitoring.looks import DRIFT, FAIRNESS
from flows.life import ALIVE, LIES_DOWN

__all__ = ["automations", "retrain_on_alarm"]

_SETTLED = ("Completed", "Failed", "Cancelled", "Cancelling", "Crashed", "Skipped")
_WAITING = ("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Pending", "Paused", "Suspended")
_RUNNING = ("Running", "Retrying", "Rerunning")
_QUIET_SECONDS = 30
"""Several times what the second report takes. Where it takes longer still, the run is taken up a second time, and that
finds what the first came to."""

_START_SECONDS = 900
"""How long a start may take, the download of an image included."""

_BY_SIGNAL = [
    f"{said} {code}*"
    for said in ("Process exited with status code:", "Flow run infrastructure exited with non-zero status code")
    for code in ("-", "137")
]
"""How a worker words it when the process was killed and did not end by itself; 137 is a container's word for -9."""


def automations(service: str, *, restarts: int, lost_after: int) -> Sequence[AutomationCore]:
    """The rules for the runs of one service.

    Parameters
    ----------
    service
        Its name: the rules look at runs with its tag only.
    restarts
        How often a run is taken up again. A run counts its starts, so the rule ends by itself.
    lost_after
        Seconds without a sign of life after which a run counts as killed.
    """
    again = ChangeFlowRunState(
        state=StateType.SCHEDULED, name="Scheduled", message="Its process was killed: it is taken up again."
    )
    lost = ChangeFlowRunState(
        state=StateType.CRASHED, name="Crashed", message=f"No sign of life for {lost_after} seconds."
    )
    starts = [str(number + 1) for number in range(restarts)]
    settled = tuple(state for state in _SETTLED if state != "Crashed")
    crashed: dict[str, Any] = {"after": ("Crashed",), "expect": (*_WAITING, *_RUNNING, *settled), "action": again}
    taken_up = [
        _rule(
            f"{service}: a killed run is taken up again",
            f"Nobody took up the run half a minute after it crashed: at most {restarts} times. Finished steps stay.",
            service,
            labels={"prefect.run-count": starts},
            within=_QUIET_SECONDS,
            **crashed,
        ),
        _rule(
            f"{service}: a run that was killed while it started is taken up again",
            "Its process was killed and did not end by itself, as it does where Evenhand is not installed.",
            service,
            labels={"prefect.run-count": "0", "prefect.state-message": _BY_SIGNAL},
            within=_QUIET_SECONDS,
            **crashed,
        ),
        _rule(
            f"{service}: a run that never started is taken up again",
            "Its worker died before the process began.",
            service,
            after=("Pending",),
            expect=(*(state for state in _WAITING if state != "Pending"), *_RUNNING, *_SETTLED),
            within=_START_SECONDS,
            action=again,
        ),
    ]
    return [
        *(taken_up if restarts else []),
        _rule(
            f"{service}: a run without a sign of life counts as killed",
            f"Its process and its worker are gone: it is marked as crashed after {lost_after} seconds.",
            service,
            after=(ALIVE,),
            expect=(ALIVE, LIES_DOWN, *_WAITING, *_SETTLED),
            within=lost_after,
            action=lost,
        ),
    ]


def retrain_on_alarm(service: str, model: str, deployment_id: UUID, *, cool_down: timedelta) -> AutomationCore:
    """The rule that starts a retrain when a look at the model raises an alarm.

    Parameters
    ----------
    service
        The service's name.
    model
        The model's name: the rule knows the events of this one only.
    deployment_id
        The deployment that retrains it.
    cool_down
        The server starts at most one retrain in each such span of time. A look keeps to it more strictly: it sends no
        alarm that soon after another one, wherever that span began.
    """
    return AutomationCore(
        name=f"{service}: {model} is retrained on drift or a failing policy",
        description=f"At most once in {cool_down.days} days. `monitor.retrain: false` in the service file ends it.",
        tags=["evenhand", f"service:{service}"],
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={DRIFT, FAIRNESS},
            match=ResourceSpecification(root={"prefect.resource.id": f"evenhand.model.{model}"}),
            threshold=1,
            within=cool_down,
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment_id)],
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
    labels: Mapping[str, str | list[str]] | None = None,
) -> AutomationCore:
    return AutomationCore(
        name=name,
        description=description,
        tags=["evenhand", f"service:{service}"],
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after=_events(after),
            expect=_events(expect),
            for_each={"prefect.resource.id"},
            match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*", **(labels or {})}),
            match_related=ResourceSpecification(
                root={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.service:{service}"}
            ),
            threshold=1,
            within=timedelta(seconds=within),
        ),
        actions=[action],
    )


def _events(names: Sequence[str]) -> set[str]:
    """The events of changes to these states; a name with a dot is an event's own."""
    return {name if "." in name else f"prefect.flow-run.{name}" for name in names}
