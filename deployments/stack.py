"""The service as processes of this machine: Prefect's server, MLflow's server and workers, without Docker.

What they keep lies in `service/` below the home: the databases unless PostgreSQL is named, MLflow's artifacts and the
logs. PostgreSQL is named by the variables that Prefect and MLflow read themselves, so that no password stands on a
command line: `PREFECT_SERVER_DATABASE_CONNECTION_URL` and `MLFLOW_BACKEND_STORE_URI`.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.folder_lock import occupied
from deployments.health import answers
from deployments.kinds import ROLLBACKS
from deployments.local import default_addresses, made_folder
from deployments.processes import Processes
from evenhand.config import load_service
from evenhand.exceptions import ConfigError, ServiceError

__all__ = ["POOL", "SERVER_SETTINGS", "Stack", "running", "with_driver", "workers_of"]

POOL = "evenhand"
"""The work pool that the workers join when no service file names one."""

_PREFECT_DATABASE, _MLFLOW_DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_BACKEND_STORE_URI"
_PREFECT_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 (the name of a variable)
_SERVERS_ONLY = (
    _PREFECT_DATABASE,
    _MLFLOW_DATABASE,
    _PREFECT_PASSWORD,
    "MLFLOW_AUTH_ADMIN_PASSWORD",
    "MLFLOW_AUTH_DATABASE_URI",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
)
"""Secrets of the servers, which the workers and so the flows do not get to see."""

SERVER_SETTINGS = {
    # In memory, as Prefect has it, a restart of the server ends the runs that hold a slot of their deployment.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10",  # seconds until a run that waits asks again
}
"""What Prefect's server needs to be told for our deployments; docker-compose.yml says the same."""

_RUNS_AT_ONCE = "1"
"""By one worker. A run that lies suspended has no process, and so holds no place."""

_START_SECONDS = 120.0
_DEPLOY_SECONDS = 120.0


def with_driver(address: str, driver: str) -> str:
    """A database's address with the driver that its reader needs; other databases than PostgreSQL stay as they are.

    Examples
    --------
    >>> with_driver("postgres://evenhand@db/prefect", "asyncpg")
    'postgresql+asyncpg://evenhand@db/prefect'
    >>> with_driver("sqlite:////srv/mlflow.db", "psycopg")
    'sqlite:////srv/mlflow.db'
    """
    scheme, colon, rest = address.partition("://")
    if scheme.partition("+")[0] not in ("postgres", "postgresql"):
        return address
    return f"postgresql+{driver}{colon}{rest}"


@dataclass(frozen=True)
class Stack:
    """The running service.

    Attributes
    ----------
    folder
        Where it keeps what it knows.
    addresses
        The variables that a client sets: PREFECT_API_URL and MLFLOW_TRACKING_URI, the passwords when there are any, and
        EVENHAND_LEDGER where the ledger is not a file of the home.
    processes
        Its processes: "prefect", "mlflow", "worker-1" and so on, "rollbacks"; `deploy` is gone when it has succeeded.
    pool
        The work pool that its workers join: that of the service file.
    """

    folder: Path
    addresses: Mapping[str, str]
    processes: Processes
    pool: str | None
    _environments: Mapping[str, Mapping[str, str]]

    @property
    def page(self) -> str:
        """The address of Prefect's page."""
        return self.addresses["PREFECT_API_URL"].removesuffix("/api") + "/v2"

    def start(self, *names: str) -> None:
        """Start processes, and wait until those that are servers answer.

        Parameters
        ----------
        names
            As in `processes`; a further worker is just another name, such as "worker-2".

        Raises
        ------
        ServiceError
            When a server does not answer in time.
        """
        for name in names:
            self.processes.start(name, self._command(name), self._environments[_kind(name)])
        for name in names:
            self._wait(name)

    def stop(self, *names: str) -> None:
        """End processes in peace."""
        self.processes.stop(*names)

    def kill(self, *names: str) -> None:
        """End processes, and what they started, as `kill -9` does."""
        self.processes.kill(*names)

    def deploy(self, service_file: Path) -> None:
        """Register work pool, deployments, schedules and automations, as `evenhand deploy` does.

        Parameters
        ----------
        service_file
            What to deploy.

        Raises
        ------
        ConfigError, ServiceError
            With the last lines that it said, when it fails: wrong input, or a server.
        """
        command = [sys.executable, "-m", "deployments.cli", "deploy", str(service_file)]
        self.processes.start("deploy", command, self._environments["worker"])
        try:
            code = self.processes.wait("deploy", seconds=_DEPLOY_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServiceError(
                f"the deployments were not registered within {_DEPLOY_SECONDS:.0f} seconds: look into "
                f"{self.processes.log('deploy')} and {self.processes.log('prefect')}, and start again"
            ) from None
        if code:
            said = self.processes.log("deploy").read_text(encoding="utf-8", errors="replace").splitlines()
            kind = ConfigError if code == ConfigError.exit_code else ServiceError
            lines = [line.removeprefix("error: ") for line in said[-10:]]
            raise kind("the deployments could not be registered:\n" + "\n".join(lines))

    def _command(self, name: str) -> list[str]:
        if name == "prefect":
            port = self.addresses["PREFECT_API_URL"].removesuffix("/api").rpartition(":")[2]
            return [sys.executable, "-m", "deployments.local_server", port, "whole"]
        if name == "mlflow":
            return [sys.executable, "-m", "deployments.mlflow_server"]
        # A pool that was deployed has a type of its own; the one that may not be there yet is made.
        pool = ["--pool", self.pool] if self.pool else ["--pool", POOL, "--type", "process"]
        queue = ["--work-queue", ROLLBACKS] if name == ROLLBACKS else []
        return [sys.executable, "-m", "deployments.worker", *pool, *queue, "--name", name, "--limit", _RUNS_AT_ONCE]

    def _wait(self, name: str) -> None:
        address = {
            "prefect": f"{self.addresses['PREFECT_API_URL']}/health",
            "mlflow": f"{self.addresses['MLFLOW_TRACKING_URI']}/health",
        }.get(name)
        deadline = time.monotonic() + _START_SECONDS
        while address and not answers(address, seconds=2):
            if self.processes.exit_code(name) is not None or time.monotonic() > deadline:
                raise ServiceError(f"{name} did not start; its log is {self.processes.log(name)}")
            time.sleep(0.1)


def workers_of(number: int, *, deployed: bool) -> tuple[str, ...]:
    """The names of the workers, and of the one for rollbacks, which waits for no retrain.

    Parameters
    ----------
    number
        How many take runs of every kind.
    deployed
        Whether there are deployments, and so a queue for rollbacks.

    Examples
    --------
    >>> workers_of(2, deployed=True)
    ('worker-1', 'worker-2', 'rollbacks')
    >>> workers_of(0, deployed=True)
    ()
    """
    alone = (ROLLBACKS,) if deployed and number else ()
    return (*(f"worker-{each + 1}" for each in range(number)), *alone)


@contextmanager
def running(
    home: Path,
    *,
    workers: int = 0,
    service_file: Path | None = None,
    prefect_port: int = 0,
    mlflow_port: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """The service, from healthy to stopped: all its processes end with the block, and with this process.

    Parameters
    ----------
    home
        The home of the runs; the service keeps its own things in `service/` below it.
    workers
        How many process workers to start; where something is deployed, one for rollbacks goes with them.
    service_file
        What to deploy before the workers start; nothing by default.
    prefect_port, mlflow_port
        Where the servers listen on 127.0.0.1; 0 takes a free port.
    environment
        Variables beyond this process's own: databases, passwords, what a flow reads as ${NAME}.

    Yields
    ------
    Stack
        The running service.

    Raises
    ------
    ConfigError
        When something is wrong with the service file, the home or the ports; nothing was started then.
    ServiceError
        When a port is taken, a server does not answer in time or the deployments cannot be registered.
    """
    pool = load_service(service_file).about.work_pool if service_file is not None else None
    home = home.resolve()
    folder = made_folder(home / "service")
    folder.chmod(0o700)  # logs and databases are nobody else's
    if prefect_port and prefect_port == mlflow_port:
        raise ConfigError(f"--port-prefect and --port-mlflow are both {prefect_port}: each server needs its own")
    ports = _port(prefect_port, "--port-prefect"), _port(mlflow_port, "--port-mlflow")
    base = {**os.environ, **(environment or {})}
    _check_password(base)
    addresses = _addresses(base, *ports)
    with occupied(folder), closing(Processes(folder / "logs")) as processes:
        stack = Stack(folder, addresses, processes, pool, _environments(base, home, addresses, ports[1]))
        stack.start("prefect", "mlflow")
        if service_file is not None:
            stack.deploy(service_file)
        stack.start(*workers_of(workers, deployed=service_file is not None))
        yield stack


def _check_password(base: Mapping[str, str]) -> None:
    """Refuse what Prefect's server takes and then answers no request with: it compares passwords as ASCII."""
    if not base.get(_PREFECT_PASSWORD, "").isascii():
        raise ConfigError(
            f"{_PREFECT_PASSWORD} has a letter beyond ASCII in it, with which Prefect's server lets nobody in: choose "
            "another password"
        )


def _port(wanted: int, option: str) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that ended just now is no obstacle
        try:
            probe.bind(("127.0.0.1", wanted))
        except PermissionError as error:
            raise ConfigError(f"port {wanted} is root's: choose one from 1024 on: {option}") from error
        except OSError as error:
            raise ServiceError(
                f"port {wanted} is taken: stop what listens there, or choose another: {option}"
            ) from error
        return int(probe.getsockname()[1])


def _addresses(base: Mapping[str, str], prefect_port: int, mlflow_port: int) -> dict[str, str]:
    found = {
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{mlflow_port}",
    }
    with suppress(KeyError):
        found["EVENHAND_LEDGER"] = base["EVENHAND_LEDGER"]
    with suppress(KeyError):
        found["PREFECT_API_AUTH_STRING"] = base[_PREFECT_PASSWORD]
    with suppress(KeyError):
        found["MLFLOW_TRACKING_PASSWORD"] = base["MLFLOW_AUTH_ADMIN_PASSWORD"]
        found["MLFLOW_TRACKING_USERNAME"] = base.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin")
    return found


def _environments(
    base: Mapping[str, str], home: Path, addresses: Mapping[str, str], mlflow_port: int
) -> dict[str, dict[str, str]]:
    """The variables of each kind of process."""
    folder = home / "service"
    shared = {**base, "EVENHAND_HOME": str(home), "PREFECT_HOME": str(folder / "prefect"), **addresses}
    shared.setdefault("PREFECT_UI_STATIC_DIRECTORY", str(folder / "page"))  # else it is written among the packages
    shared.setdefault("PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT", "false")
    shared.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")  # here it goes to a log, not to a screen
    default_addresses(shared, home)
    prefect = {**SERVER_SETTINGS, **shared}
    if _PREFECT_DATABASE in base:
        prefect[_PREFECT_DATABASE] = with_driver(base[_PREFECT_DATABASE], "asyncpg")
    mlflow = {
        **shared,
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(mlflow_port),
        "MLFLOW_ARTIFACTS_DESTINATION": base.get(
            "MLFLOW_ARTIFACTS_DESTINATION", (folder / "mlflow-artifacts").as_uri()
        ),
        _MLFLOW_DATABASE: with_driver(base.get(_MLFLOW_DATABASE, f"sqlite:///{folder / 'mlflow.db'}"), "psycopg"),
        "EVENHAND_RUNTIME": str(folder),
    }
    del mlflow["MLFLOW_TRACKING_URI"]  # it is no client of its own
    if "MLFLOW_AUTH_DATABASE_URI" in base:
        mlflow["MLFLOW_AUTH_DATABASE_URI"] = with_driver(base["MLFLOW_AUTH_DATABASE_URI"], "psycopg")
    worker = {name: value for name, value in shared.items() if name not in _SERVERS_ONLY}
    return {"prefect": prefect, "mlflow": mlflow, "worker": worker}


def _kind(name: str) -> str:
    return name if name in ("prefect", "mlflow") else "worker"
