"""Every way into the two servers, tried without a password and with wrong ones."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import httpx

PREFECT_OPEN = {"/api/health", "/api/ready"}
"""What of Prefect's API is answered to anybody: that it is up."""

MLFLOW_OPEN = {"/health", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"}
"""What MLflow's server answers to anybody: that it is up, and which features it has. And files of the page's shell."""

_ROUTES = """
import json, warnings
warnings.simplefilter("ignore")
from mlflow.server import app
from mlflow.server.fastapi_app import create_fastapi_app
found = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}}
for route in create_fastapi_app(app).routes:
    found |= {(method, route.path) for method in getattr(route, "methods", None) or () if method != "HEAD"}
print(json.dumps(sorted(found)))
"""
Route = tuple[str, str]


def mlflow_routes(scratch: str) -> list[Route]:
    """Every method and path of the MLflow that is installed."""
    environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{scratch}/routes.db"}
    done = subprocess.run(
        [sys.executable, "-c", _ROUTES], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    found = [tuple(route) for route in json.loads(done.stdout.splitlines()[-1])]
    assert len(found) > 300
    return [(method, re.sub(r"<[^>]*>|\{[^}]*\}", "1", path)) for method, path in found]


def prefect_routes(base: str) -> list[Route]:
    """Every method and path of a Prefect server, by its own description."""
    paths = httpx.get(f"{base}/openapi.json", timeout=120).raise_for_status().json()["paths"]
    found = [
        (method.upper(), "/api" + re.sub(r"\{[^}]*\}", "00000000-0000-0000-0000-000000000000", path))
        for path, methods in paths.items()
        for method in methods
    ]
    assert len(found) > 100
    return found


def answered(base: str, routes: Iterable[Route], credentials: tuple[str, str] | None) -> Iterator[tuple[Route, int]]:
    """The routes that were not refused for want of a password, with what was answered."""
    with httpx.Client(base_url=base, auth=credentials, timeout=120) as client:
        for method, path in routes:
            status = client.request(method, path, json={} if method in ("POST", "PATCH", "PUT") else None).status_code
            if status not in (401, 403):
                yield (method, path), status


def open_paths(base: str, routes: list[Route], user: str) -> set[str]:
    """Paths that somebody reaches who has no password, or a wrong one.

    Parameters
    ----------
    base
        The server's address.
    routes
        What to try.
    user
        A user there is.
    """
    # The check is the same for all routes, and takes a server's time for a user there is.
    tries = [
        (routes, None),
        (routes[::5], ("nobody", "wrong")),
        (routes[::20], (user, "wrong")),
        (routes[::20], (user, "")),
    ]
    return {path for some, credentials in tries for (_, path), _ in answered(base, some, credentials)}
