"""The service: started, deployed, backed up; the commands import next to nothing until they run."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deployments.cli_app import app

__all__ = ["backup", "deploy", "restore", "up"]

_PORT = Number(gte=0, lte=65535)


@app.command(sort_key=10)
def up(
    service: Path | None = None,
    /,
    *,
    port_prefect: Annotated[int, Parameter(validator=_PORT)] = 4200,
    port_mlflow: Annotated[int, Parameter(validator=_PORT)] = 5000,
    workers: Annotated[int, Parameter(validator=Number(gte=0, lte=64))] = 1,
) -> int:
    """Run the whole service on this machine without Docker: servers, workers and what is deployed, until Ctrl-C.

    It uses SQLite. PREFECT_SERVER_DATABASE_CONNECTION_URL, MLFLOW_BACKEND_STORE_URI and EVENHAND_LEDGER name PostgreSQL
    instead, with one database each.

    Parameters
    ----------
    service
        A service file to deploy first, as `evenhand deploy` does.
    port_prefect
        Where Prefect's server and page listen on 127.0.0.1.
    port_mlflow
        Where MLflow's server and page listen on 127.0.0.1.
    workers
        How many workers run what is due, one run each at a time.
    """
    from deployments.cli_up import serve

    return serve(service, port_prefect=port_prefect, port_mlflow=port_mlflow, workers=workers)


@app.command(sort_key=11)
def deploy(
    service: Path,
    /,
    *,
    file_on_worker: Path | None = None,
) -> int:
    """Put the models of a service file on a Prefect server: work pool, deployments, schedules and automations.

    Doing it again changes only what changed, and removes what the file no longer names.

    Parameters
    ----------
    service
        The service file, such as examples/service.yaml; PREFECT_API_URL names the server.
    file_on_worker
        Where the workers find the service file, when that is another place.
    """
    from deployments.cli_deploy import deploy_service

    return deploy_service(service, file_on_worker=file_on_worker)


@app.command(sort_key=11)
def backup(
    file: Path,
    /,
    *,
    compose: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Write what the service knows to one file: the databases and MLflow's artifacts. The service goes on meanwhile.

    Parameters
    ----------
    file
        Where to; whoever can read it reads every card and log.
    compose
        The service that `docker compose up` has started from this folder, and not the one of `evenhand up`.
    """
    from deployments.cli_backup import back_up_service

    return back_up_service(file, compose=compose)


@app.command(sort_key=12)
def restore(
    file: Path,
    /,
    *,
    compose: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    replace: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Put a backup into an empty service.

    Parameters
    ----------
    file
        What `evenhand backup` wrote.
    compose
        The service that `docker compose up` has started from this folder, and not the one of `evenhand up`.
    replace
        Also over runs and a ledger that are there, which are lost then.
    """
    from deployments.cli_backup import restore_service

    return restore_service(file, compose=compose, replace=replace)
