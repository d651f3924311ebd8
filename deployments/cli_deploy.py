"""`evenhand deploy`: a service file onto a Prefect server."""

import os
from pathlib import Path

from rich.text import Text

from deployments.health import answers, is_prefect
from deployments.local import default_addresses, home_folder
from deployments.screen import console, plain
from evenhand.config import load_service
from evenhand.exceptions import ConfigError, ServiceError

__all__ = ["deploy_service"]


def deploy_service(path: Path, *, file_on_worker: Path | None) -> int:
    """Check the file first, since that takes no server, then bring the server to what it says."""
    service = load_service(path)
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        raise ConfigError("PREFECT_API_URL names no server: `evenhand up` starts one and says its address")
    default_addresses(os.environ, home_folder())  # before Prefect reads its settings
    if not answers(f"{address.rstrip('/')}/health", seconds=5):
        raise ServiceError(f"Prefect's server does not answer at {address}: start it, or correct PREFECT_API_URL")
    if not is_prefect(address.rstrip("/"), seconds=5):
        raise ConfigError(f"what answers at {address} is not Prefect's API: PREFECT_API_URL is its address with /api")
    from httpx import HTTPError
    from prefect.client.orchestration import get_client

    from deployments.deploy import deploy

    out = console()
    try:
        with get_client(sync_client=True) as client:
            for change in deploy(client, service, file_on_worker=file_on_worker):
                line = Text(f"{change.done:<10}", style="dim" if change.done == "unchanged" else "bold")
                line.append(f"{change.kind:<11}", style="not bold").append(plain(change.name), style="not bold")
                line.append(f"  {plain(change.note)}" if change.note else "", style="dim not bold")
                out.print(line, soft_wrap=True)
    except HTTPError as error:
        raise ServiceError(f"Prefect's server at {address} did not take it: {_reason(error)}") from error
    return 0


def _reason(error: Exception) -> str:
    if "401" in str(error) and os.environ.get("PREFECT_API_AUTH_STRING"):
        return "it refuses the password; correct PREFECT_API_AUTH_STRING (user:password)"
    if "401" in str(error):
        return "it asks for a password; set PREFECT_API_AUTH_STRING (user:password)"
    return str(error).splitlines()[0]
