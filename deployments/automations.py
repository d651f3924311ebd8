"""Rules on Prefect's server, as code: which runs count as killed, and when a model is retrained by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.sorting import AutomationSort
from prefect.events.actions import DoNothing, RunDeployment
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from evenhand.monitoring.looks import DRIFT, FAIRNESS
from flows.life import ALIVE, LIES_DOWN

__all__ = ["Terms", "lost", "retrain_on_alarm", "rules_on", "terms_on"]

_SETTLED = ("Completed", "Failed", "Cancelled", "Cancelling", "Crashed", "Skipped")
_WAITING = ("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Pending", "Paused", "Suspended")
_PAGE = 200
"""As many of a kind as the server gives at once."""


@dataclass(frozen=True)
class Terms:
    """What a service file says of killed runs.

    Attributes
    ----------
    service
        Its name: it is about runs with its tag only.
    restarts
        How often a run is taken up again. A run counts its starts.
    lost_after
        Seconds without a sign of life after which a run counts as killed.
    """

    service: str
    restarts: int
    lost_after: int


def lost(terms: Terms) -> AutomationCore:
    """The rule that tells the workers the terms; they mark a silent run, and take it up (`deployments/keeper.py`).

    Of itself it changes nothing. An action does not look at a run's state, and the server may hear of a change of state
    after it has waited in vain for a sign of life: a run that was cancelled and retried meanwhile would crash.

    Parameters
    ----------
    terms
        What the service file says.
    """
    said = f"A worker marks a run as crashed without a sign of life for a little more than {terms.lost_after} seconds"
    return AutomationCore(
        name=f"{terms.service}: a run without a sign of life counts as killed",
        description=f"{said}, and takes a crashed run up again, at most {terms.restarts} times.",
        tags=["evenhand", f"service:{terms.service}", f"restarts:{terms.restarts}"],
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after=_events((ALIVE,)),
            expect=_events((ALIVE, LIES_DOWN, *_WAITING, *_SETTLED)),
            for_each={"prefect.resource.id"},
            match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                root={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.service:{terms.service}"}
            ),
            threshold=1,
            within=timedelta(seconds=terms.lost_after),
        ),
        actions=[DoNothing()],
    )


def rules_on(client: SyncPrefectClient) -> list[Automation]:
    """The rules of all services on a server.

    Parameters
    ----------
    client
        A client of the server.
    """
    found: list[Automation] = []
    while page := client.read_automations(sort=AutomationSort.NAME_ASC, offset=len(found), limit=_PAGE):
        found += page
    return [rule for rule in found if "evenhand" in rule.tags]


def terms_on(client: SyncPrefectClient) -> list[Terms]:
    """What the services on a server want of killed runs; one whose rule is switched off on the page wants nothing.

    Parameters
    ----------
    client
        A client of the server.
    """
    found = []
    for rule in rules_on(client):
        about = dict(tag.split(":", 1) for tag in rule.tags if ":" in tag)
        known = about.get("restarts", "").isdecimal() and "service" in about
        if rule.enabled and known and isinstance(rule.trigger, EventTrigger):
            within = int(rule.trigger.within.total_seconds())
            found.append(Terms(about["service"], int(about["restarts"]), within))
    return found


_ONE_LOOK = timedelta(minutes=1)
"""The events of one look are sent within it."""


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
        alarm that soon after another one, wherever that span began. Without a cool-down it is a minute: one look may
        send two events, and its retrain is one.
    """
    often = f"At most once in {cool_down.days} days" if cool_down.days else "Once for a look"
    return AutomationCore(
        name=f"{service}: {model} is retrained on drift or a failing policy",
        description=f"{often}. `monitor.retrain: false` in the service file ends it.",
        tags=["evenhand", f"service:{service}"],
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={DRIFT, FAIRNESS},
            match=ResourceSpecification(root={"prefect.resource.id": f"evenhand.model.{model}"}),
            threshold=1,
            within=max(cool_down, _ONE_LOOK),
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment_id)],
    )


def _events(names: Sequence[str]) -> set[str]:
    """The events of changes to these states; a name with a dot is an event's own."""
    return {name if "." in name else f"prefect.flow-run.{name}" for name in names}
