"""The work pool: what a worker starts for a run, which nobody can change from the page."""

from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound

from evenhand.config import Service
from evenhand.exceptions import ConfigError

__all__ = ["ensure_pool", "environment", "job_variables", "process_template"]

_MARK = "Evenhand's service "


def environment(file: str) -> dict[str, str]:
    """The variables of every run beyond those of its worker.

    Parameters
    ----------
    file
        Where the worker finds the service file.
    """
    return {"EVENHAND_SERVICE": file}


def process_template(variables: dict[str, str]) -> dict[str, Any]:
    """The job template of a process pool. It has no variables: a run cannot bring its own command or environment."""
    return {
        "job_configuration": {"command": None, "env": variables, "labels": {}, "name": None, "stream_output": True},
        "variables": {"type": "object", "properties": {}, "additionalProperties": False},
    }


def ensure_pool(client: SyncPrefectClient, service: Service, variables: dict[str, str]) -> tuple[WorkPool, str]:
    """The service's work pool, and what was done: "created", "updated" or "unchanged".

    A pool of another kind, such as docker, is taken as it is: its template is its owner's.

    Raises
    ------
    ConfigError
        When the pool belongs to another service: its template can name one service file.
    """
    name, template, mark = service.about.work_pool, process_template(variables), _MARK + service.about.name
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        created = WorkPoolCreate(name=name, type="process", description=mark, base_job_template=template)
        return client.create_work_pool(created), "created"
    if pool.description and pool.description.startswith(_MARK) and pool.description != mark:
        raise ConfigError(f"the work pool {name!r} is that of {pool.description}: name another in work_pool")
    if pool.type != "process" or (pool.base_job_template == template and pool.description == mark):
        return pool, "unchanged"
    client.update_work_pool(name, WorkPoolUpdate(description=mark, base_job_template=template))
    return client.read_work_pool(name), "updated"


def job_variables(pool: WorkPool, variables: dict[str, str]) -> dict[str, Any]:
    """What a deployment tells its pool beyond the template; nothing where the template says it all.

    Parameters
    ----------
    pool
        The work pool.
    variables
        What every run needs to have in its environment.

    Raises
    ------
    ConfigError
        When a template takes no environment, and its own lacks these variables or has others.
    """
    template = pool.base_job_template
    if pool.type == "process":
        return {}
    if "env" in template.get("variables", {}).get("properties", {}):
        return {"env": variables}
    own = template.get("job_configuration", {}).get("env") or {}
    for name, value in variables.items():
        if own.get(name) != value:
            raise ConfigError(
                f"the template of the work pool {pool.name!r} has {name} {own.get(name)!r}, and takes no other: "
                f"write {value!r} there (`prefect work-pool update {pool.name} --base-job-template FILE`), or give "
                "`evenhand deploy` the template's as --file-on-worker"
            )
    return {}
