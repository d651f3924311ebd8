"""A service file becomes deployments on a Prefect server: planned, then applied; doing it again changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import AutomationCore

from deployments.automations import Terms, lost, retrain_on_alarm, rules_on
from deployments.kinds import KINDS, Kind
from deployments.pools import ensure_pool, environment, job_variables
from deployments.retire import retire
from evenhand.config import ServedModel, Service
from evenhand.store import digest_json

__all__ = ["Change", "Planned", "deploy", "plan"]


_AT_ONCE, _COLLISION = 1, ConcurrencyLimitStrategy.ENQUEUE
"""A run that somebody starts waits rather than vanishing; that scheduled ones do not pile up is flows/late.py's."""

_PAGE = 200
"""As many of a kind as the server gives at once."""


@dataclass(frozen=True)
class Planned:
    """A deployment as the service file wants it.

    Attributes
    ----------
    flow, name
        Its flow and its own name, which is the model's.
    entrypoint, description, tags
        As Prefect has them.
    cron, timezone
        When it runs by itself; `cron` is None when it does not.
    parameters, schema
        What its runs start with, and the form.
    queue
        The work pool's queue that its runs wait in.
    """

    flow: str
    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    cron: str | None
    timezone: str
    parameters: Mapping[str, Any]
    schema: Mapping[str, Any]
    queue: str

    def digest(self, *rest: object) -> str:
        """What tells whether the server has exactly this."""
        return digest_json({"deployment": asdict(self), "rest": [str(each) for each in rest]})[:16]


@dataclass(frozen=True)
class Change:
    """One thing on the server and what became of it: created, updated, unchanged or removed; `note` says more."""

    kind: str
    name: str
    done: str
    note: str = ""


def plan(service: Service) -> list[Planned]:
    """The deployments of a service: one a model and kind that it has.

    Parameters
    ----------
    service
        The service file.
    """
    pairs = [(kind, model) for model in service.models.values() for kind in KINDS if kind.wanted(model)]
    return [_planned(kind, model, service.about.name) for kind, model in pairs]


def _planned(kind: Kind, model: ServedModel, service: str) -> Planned:
    schedule = kind.schedule(model)
    return Planned(
        flow=kind.flow,
        name=model.name,
        entrypoint=kind.entrypoint,
        description="\n\n".join(part for part in (model.about.description, kind.description) if part),
        tags=("evenhand", f"service:{service}", f"model:{model.name}"),
        cron=schedule.cron if schedule.active else None,
        timezone=schedule.timezone,
        parameters=kind.parameters(model),
        schema=kind.schema(model),
        queue=kind.queue,
    )


def deploy(client: SyncPrefectClient, service: Service, *, file_on_worker: Path | None = None) -> Iterator[Change]:
    """Bring the server to what the service file says; what carries its mark and is no longer named goes.

    Parameters
    ----------
    client
        A client of the server.
    service
        The service file.
    file_on_worker
        Where the workers find the service file, when that is another place.

    Yields
    ------
    Change
        What was done, as it is done.
    """
    variables = environment(str(file_on_worker or service.path))
    yield from _server_settings(client)
    pool, done = ensure_pool(client, service, variables)
    yield Change("work pool", f"{pool.name} ({pool.type})", done)
    job = job_variables(pool, variables)
    existing = _existing(client, service.about.name)
    for planned in plan(service):
        yield _apply(client, planned, existing.pop((planned.flow, planned.name), None), pool.name, job)
    for (flow, name), stale in existing.items():
        yield Change("deployment", f"{flow}/{name}", "removed", retire(client, stale))
    yield from _automations(client, service)


def _server_settings(client: SyncPrefectClient) -> Iterator[Change]:
    """A warning where a restart of the server would end the runs that hold a slot."""
    settings = client.request("GET", "/admin/settings").json()
    if str(settings["server"]["concurrency"]["lease_storage"]).endswith(".memory"):
        yield Change(
            "server",
            "forgets at a restart who holds which slot",
            "warning",
            "set PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE there (docs/deployments.md)",
        )


def _existing(client: SyncPrefectClient, service: str) -> dict[tuple[str, str], DeploymentResponse]:
    """What the service has on the server, by flow and name."""
    flows: dict[Any, str] = {}
    found: dict[tuple[str, str], DeploymentResponse] = {}
    marked = DeploymentFilter(tags=DeploymentFilterTags(all_=["evenhand", f"service:{service}"]))
    while page := client.read_deployments(deployment_filter=marked, offset=len(found), limit=_PAGE):
        for each in page:
            if each.flow_id not in flows:
                flows[each.flow_id] = client.read_flow(each.flow_id).name
            found[flows[each.flow_id], each.name] = each
    return found


def _apply(
    client: SyncPrefectClient,
    planned: Planned,
    existing: DeploymentResponse | None,
    pool: str,
    job: Mapping[str, Any],
) -> Change:
    wanted = _wanted(planned, pool, job)
    name = f"{planned.flow}/{planned.name}"
    when = f"{planned.cron} {planned.timezone}" if planned.cron else "started by hand"
    if existing is not None and _as_wanted(existing, wanted) and _runs_when(existing) == _runs_when(planned):
        return Change("deployment", name, "unchanged", when + _paused(existing))
    client.create_deployment(
        flow_id=client.create_flow_from_name(planned.flow),
        name=planned.name,
        concurrency_options=ConcurrencyOptions(collision_strategy=_COLLISION),
        concurrency_limit=_AT_ONCE,
        schedules=_schedules(planned, existing),
        paused=existing.paused if existing is not None else False,
        **wanted,
    )
    return Change("deployment", name, "updated" if existing else "created", when + _paused(existing))


def _wanted(planned: Planned, pool: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """What the server is told of a deployment, and has to have under the same names."""
    return {
        "version": planned.digest(pool, job),
        "description": planned.description,
        "tags": list(planned.tags),
        "entrypoint": planned.entrypoint,
        "work_pool_name": pool,
        "work_queue_name": planned.queue,
        "job_variables": dict(job),
        "parameters": dict(planned.parameters),
        "parameter_openapi_schema": dict(planned.schema),
        "enforce_parameter_schema": True,
    }


def _as_wanted(existing: DeploymentResponse, wanted: Mapping[str, Any]) -> bool:
    """Whether nobody changed the deployment on the server; its version alone does not tell, since it stays."""
    limit, options = existing.global_concurrency_limit, existing.concurrency_options
    one_at_a_time = limit is not None and limit.limit == _AT_ONCE and limit.active
    waits = options is not None and options.collision_strategy == _COLLISION
    same = all(digest_json(getattr(existing, name)) == digest_json(value) for name, value in wanted.items())
    return one_at_a_time and waits and same


def _runs_when(found: Planned | DeploymentResponse) -> list[tuple[str, str]]:
    """The times at which a deployment runs by itself, as the server has them or the service file wants them."""
    if isinstance(found, Planned):
        return [(found.cron, found.timezone)] if found.cron else []
    schedules = [each.schedule for each in found.schedules]
    return [
        (each.cron, str(each.timezone)) if isinstance(each, CronSchedule) else (str(each), "") for each in schedules
    ]


def _schedules(planned: Planned, existing: DeploymentResponse | None) -> list[DeploymentScheduleCreate]:
    """The schedule; one that a person switched off on the page stays off."""
    active = not _paused(existing)
    return [
        DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone=timezone), active=active)
        for cron, timezone in _runs_when(planned)
    ]


def _paused(existing: DeploymentResponse | None) -> str:
    off = existing is not None and any(not schedule.active for schedule in existing.schedules)
    return "; its schedule is switched off on Prefect's page and stays so" if off else ""


def _automations(client: SyncPrefectClient, service: Service) -> Sequence[Change]:
    found_rules = [rule for rule in rules_on(client) if f"service:{service.about.name}" in rule.tags]
    existing = {rule.name: rule for rule in found_rules}
    doubles = [rule for rule in found_rules if rule.id != existing[rule.name].id]
    rules = [
        lost(Terms(service.about.name, restarts=service.about.restarts, lost_after=service.about.lost_after)),
        *_on_alarm(client, service),
    ]
    changes = []
    for wanted in rules:
        found = existing.pop(wanted.name, None)
        done = "unchanged"
        if found is None:
            client.create_automation(wanted)
            done = "created"
        elif wanted.model_dump(exclude={"enabled"}) != found.model_dump(exclude={"id", "enabled"}):
            client.update_automation(found.id, wanted.model_copy(update={"enabled": found.enabled}))
            done = "updated"
        changes.append(Change("automation", wanted.name, done))
    for stale in [*existing.values(), *doubles]:
        client.delete_automation(stale.id)
        changes.append(Change("automation", stale.name, "removed", "it was there twice" if stale in doubles else ""))
    return changes


def _on_alarm(client: SyncPrefectClient, service: Service) -> Iterator[AutomationCore]:
    """A rule for each model that is retrained when a look at it raises an alarm."""
    for model in service.models.values():
        if model.watched.sources and model.watched.retrain:
            found = client.read_deployment_by_name(f"retrain/{model.name}")
            cool_down = timedelta(days=model.base.monitor.cool_down_days)
            yield retrain_on_alarm(service.about.name, model.name, found.id, cool_down=cool_down)
