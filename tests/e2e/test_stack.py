"""The service as processes, on a real PostgreSQL and with its doors closed; and `evenhand up` as a person starts it."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.stack import Stack, running

from .conftest import HELD, Home
from .doors import MLFLOW_OPEN, PREFECT_OPEN, mlflow_routes, open_paths, prefect_routes
from .postgres import Postgres, postgres

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def closed(database: Postgres) -> dict[str, str]:
    """The variables of a service on PostgreSQL that asks for passwords."""
    return {
        **database.environment,
        "PREFECT_SERVER_API_AUTH_STRING": f"admin:{secrets.token_hex(12)}",
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_hex(12),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(12),
    }


class Served:
    """A running service, its database and its secrets."""

    def __init__(self, stack: Stack, database: Postgres, environment: dict[str, str], home: Home) -> None:
        self.stack, self.database, self.environment, self.home = stack, database, environment, home

    @property
    def known(self) -> dict[str, Any]:
        """Runs, versions and cards in MLflow, and flow runs in Prefect."""
        addresses = self.stack.addresses
        user = (addresses["MLFLOW_TRACKING_USERNAME"], addresses["MLFLOW_TRACKING_PASSWORD"])
        with httpx.Client(base_url=addresses["MLFLOW_TRACKING_URI"], auth=user, timeout=60) as mlflow:
            experiments = post(mlflow, "/api/2.0/mlflow/experiments/search", max_results=100)["experiments"]
            ids = [each["experiment_id"] for each in experiments]
            runs = post(mlflow, "/api/2.0/mlflow/runs/search", experiment_ids=ids, max_results=1000)["runs"]
            tops = [run for run in runs if not any(tag["key"] == "mlflow.parentRunId" for tag in run["data"]["tags"])]
            cards = [{"path": "card/card.html", "run_uuid": run["info"]["run_id"]} for run in tops]
            models = (
                mlflow.get("/api/2.0/mlflow/registered-models/search").raise_for_status().json()["registered_models"]
            )
            found = {
                "runs": {run["info"]["run_id"]: run["info"]["status"] for run in runs},
                "cards": [mlflow.get("/get-artifact", params=card).raise_for_status().text for card in cards],
                "models": [(each["name"], each["latest_versions"], each["aliases"]) for each in models],
            }
        user = ("admin", addresses["PREFECT_API_AUTH_STRING"].partition(":")[2])
        with httpx.Client(base_url=addresses["PREFECT_API_URL"] + "/", auth=user, timeout=60) as prefect:
            flow_runs = post(prefect, "flow_runs/filter")
        return {**found, "flow runs": {run["id"]: run["state_type"] for run in flow_runs}}


def post(client: httpx.Client, path: str, **body: Any) -> Any:
    return client.post(path, json=body).raise_for_status().json()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service on PostgreSQL with passwords, and one quick training in it."""
    home = Home(tmp_path_factory.mktemp("served") / ".evenhand")
    home.folder.mkdir()
    with postgres() as database:
        environment = closed(database)
        with running(home.folder, environment=environment) as stack:
            done = home.run(home.train(), extra=dict(stack.addresses))
            assert done.returncode == HELD, done.stdout + done.stderr
            yield Served(stack, database, environment, home)


def test_everything_is_in_postgresql(served: Served) -> None:
    known = served.known
    assert set(known["runs"].values()) == {"FINISHED"}
    ((name, versions, aliases),) = known["models"]
    assert (name, [version["version"] for version in versions]) == ("loan-approval", ["1"])
    assert aliases == [{"alias": "challenger", "version": "1"}]
    assert "<html" in known["cards"][0]
    assert set(known["flow runs"].values()) == {"COMPLETED"}
    assert not list(served.home.folder.rglob("*.db")), "no SQLite beside it"


def test_the_doors_are_closed(served: Served, tmp_path: Path) -> None:
    base = served.stack.addresses["PREFECT_API_URL"].removesuffix("/api")
    assert open_paths(base, prefect_routes(base), "admin") <= PREFECT_OPEN
    base = served.stack.addresses["MLFLOW_TRACKING_URI"]
    found = open_paths(base, mlflow_routes(str(tmp_path)), "admin")
    assert {path for path in found if not path.startswith("/static")} <= MLFLOW_OPEN
    refused = httpx.get(f"{base}/", headers={"Host": "evil.example"})
    assert refused.status_code == 403


def test_no_secret_is_in_a_log_or_on_a_command_line(served: Served) -> None:
    values = {
        *(value for name, value in served.environment.items() if "URI" not in name and "URL" not in name),
        *served.database.passwords.values(),
    }
    words = json.dumps([process.info["cmdline"] for process in psutil.process_iter(["cmdline"])])
    logs = "".join(path.read_text(errors="replace") for path in served.stack.folder.glob("logs/*.log"))
    assert logs
    assert not [value for value in values if value in words or value in logs]


def test_a_backup_comes_back_in_an_empty_service_with_other_passwords(served: Served, tmp_path: Path) -> None:
    before = served.known
    file = str(tmp_path / "backup.tar")
    home = Home(tmp_path / "new" / ".evenhand")
    home.folder.mkdir(parents=True)
    programs = {"PATH": f"{served.database.programs}{os.pathsep}{os.environ['PATH']}"}
    done = served.home.run(served.home.command("backup", file), extra={**programs, **served.environment})
    assert done.returncode == 0, done.stderr
    with postgres() as database:
        environment = closed(database)
        with running(home.folder, environment=environment):
            refused = home.run(home.command("restore", file), extra={**programs, **environment})
            assert refused.returncode == 5
            assert "is running" in refused.stderr
        done = home.run(home.command("restore", file), extra={**programs, **environment})
        assert done.returncode == 0, done.stderr
        with running(home.folder, environment=environment) as stack:
            assert Served(stack, database, environment, home).known == before


def until(condition: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_up_starts_again_what_ends_and_leaves_nothing_behind(how: signal.Signals, tmp_path: Path) -> None:
    home = Home(tmp_path / ".evenhand")
    home.folder.mkdir()
    log = tmp_path / "up.log"
    with log.open("w") as output:
        command = home.command("up", "--port-prefect", "0", "--port-mlflow", "0")
        parent = subprocess.Popen(
            command, env=home.environment, stdout=output, stderr=output, cwd=tmp_path,
            # A shell that starts the tests in the background has them, and so us, ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no thread of ours runs)
        )  # fmt: skip
    family: list[psutil.Process] = []
    try:
        until(lambda: "Ctrl-C" in log.read_text() or parent.poll() is not None, 180, log.read_text)
        address = next(word for word in log.read_text().split() if word.startswith("PREFECT_API_URL="))
        assert httpx.get(f"{address.partition('=')[2]}/health").status_code == 200
        family = psutil.Process(parent.pid).children(recursive=True)
        worker = next(each for each in family if "worker-1" in each.cmdline())
        if how == signal.SIGINT:
            worker.kill()
            until(lambda: "worker-1 ended by itself, with code -9: started again" in log.read_text(), 30, log.read_text)
            family = psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.send_signal(how)
        try:
            code = parent.wait(timeout=60)
        finally:
            parent.kill()
    assert code == (0 if how == signal.SIGINT else -9)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
