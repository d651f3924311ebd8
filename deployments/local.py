"""The local mode: where runs, stores and a temporary Prefect server live when no server is named."""

import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from deployments.health import answers
from deployments.local_server import NO_ROOM, uncollected
from evenhand.disk import full_at, nearly_full, no_room
from evenhand.exceptions import ConfigError, ServiceError
from evenhand.home import home_folder

__all__ = ["TELEMETRY_OFF", "default_addresses", "home_folder", "made_folder", "services"]

TELEMETRY_OFF = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",  # MLflow does not accept 1
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_QUIET = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the screen is ours; Prefect's page still gets every line
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # we use none, and each start would write them all
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a second server behind our back would hide a dead one
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # what Prefect's server says while its database is away
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # one line a child run, between ours
    "GIT_PYTHON_REFRESH": "quiet",
}
_START_SECONDS = 90.0
_AHEAD = ("pandas", "sklearn.base", "scipy.stats", "sklearn.ensemble", "evenhand.fairness", "flows.retrain")
"""Imports of about a second or less each, so that none of them keeps a ready server waiting for long."""


def made_folder(folder: Path) -> Path:
    """A folder at or below the home, made when missing.

    Parameters
    ----------
    folder
        The folder.

    Raises
    ------
    ConfigError
        When there cannot be one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if no_room(error):
            raise
        raise ConfigError(
            f"{folder} cannot be made ({error.strerror}): name a folder that you may write to in EVENHAND_HOME"
        ) from error
    return folder


def default_addresses(environment: MutableMapping[str, str], home: Path) -> None:
    """Fill in what is not set: MLflow's store below `home`, Prefect's home there too, telemetry off.

    Parameters
    ----------
    environment
        Usually `os.environ`; changed in place, before Prefect or MLflow is imported.
    home
        The folder of the local mode; made when missing.
    """
    made_folder(home)
    environment.update(TELEMETRY_OFF)
    for name, value in _QUIET.items():
        environment.setdefault(name, value)
    environment.setdefault("EVENHAND_HOME", str(home))
    environment.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
    environment.setdefault("PREFECT_HOME", str(home / "prefect"))


@contextmanager
def services() -> Iterator[None]:
    """The addresses of Prefect and MLflow, with a Prefect server of our own when none is named.

    Raises
    ------
    ConfigError
        When nothing can be written below the home.
    OSError
        When our own cannot start because the disk is full.
    ServiceError
        When a named Prefect server does not answer, or our own does not start. Without MLflow a run goes on: its
        records wait on disk.
    """
    home = home_folder()
    named = os.environ.get("PREFECT_API_URL")
    default_addresses(os.environ, home)
    if not os.access(home, os.W_OK | os.X_OK):
        raise ConfigError(f"{home} cannot be written to: name a folder that you may write to in EVENHAND_HOME")
    if named:
        if not answers(f"{named.rstrip('/')}/health", seconds=5):
            raise ServiceError(f"Prefect's server does not answer at {named}: start it, or unset PREFECT_API_URL")
        yield
        return
    child, port = _start_server(home, os.environ)
    try:
        address = f"http://127.0.0.1:{port}/api"
        os.environ.update(PREFECT_API_URL=address, EVENHAND_LOCAL_SERVER="yes")
        _warm_up(lambda: answers(f"{address}/health", seconds=1))
        _wait(child, f"{address}/health", home / "prefect-server.log")
        yield
    finally:
        _deliver()
        for name in ("PREFECT_API_URL", "EVENHAND_LOCAL_SERVER"):
            os.environ.pop(name, None)
        if child.stdin is not None:
            child.stdin.close()
        child.wait(timeout=30)


def _warm_up(ready: Callable[[], bool]) -> None:
    """Fill the time until the Prefect server answers with what needs no server: MLflow's store, then imports."""
    with uncollected():
        importlib.import_module("tasks.tracking").warm_up()
        for name in _AHEAD:
            if ready():
                return
            importlib.import_module(name)


def _deliver() -> None:
    """Send what Prefect still holds in its queues while there is a server to take it."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=10)
    EventsWorker.drain_all(timeout=10)


def _start_server(home: Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """The server and its port, which is ours from here on: of commands started at once none finds another's server."""
    with socket.socket() as ours, (home / "prefect-server.log").open("wb") as log:
        ours.bind(("127.0.0.1", 0))
        child = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "deployments.local_server", f"fd:{ours.fileno()}"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[ours.fileno()],
            start_new_session=True,  # Ctrl-C reaches the run first, which then closes the server
        )
        return child, int(ours.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers(address, seconds=1):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            if child.returncode == NO_ROOM or nearly_full(log.parent):
                raise full_at(log.with_name("prefect"))
            raise ServiceError(f"Prefect's local server did not start; its log is {log}")
        time.sleep(0.05)
