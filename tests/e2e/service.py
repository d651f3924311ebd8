"""A whole service for tests: PostgreSQL, Prefect's and MLflow's servers and workers, small models deployed on it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import mlflow
import psutil
import yaml
from mlflow import MlflowClient

from deployments.stack import Stack, running

from .conftest import QUICK, ROOT
from .postgres import Postgres, postgres

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
LOST_AFTER = 50
"""Seconds without a sign of life after which a run counts as killed."""
FAST = {
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes
    ----------
    stack
        Its processes.
    home
        EVENHAND_HOME of its runs.
    file
        The service file.
    database
        The PostgreSQL server.
    """

    stack: Stack
    home: Path
    file: Path
    database: Postgres

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """What Prefect's API answers."""
        answer = httpx.request(method, f"{self.stack.addresses['PREFECT_API_URL']}{path}", timeout=60, **body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, model: str) -> dict[str, Any]:
        """A model's deployment as the server has it."""
        return self.ask("GET", f"/deployments/name/retrain/{model}")

    def start(self, model: str, **parameters: Any) -> str:
        """Start a run as `prefect deployment run` does; its identifier."""
        path = f"/deployments/{self.deployment(model)['id']}/create_flow_run"
        return self.ask("POST", path, json={"parameters": parameters})["id"]

    def run(self, run_id: str) -> dict[str, Any]:
        """A flow run."""
        return self.ask("GET", f"/flow_runs/{run_id}")

    def runs(self, model: str) -> list[dict[str, Any]]:
        """All runs of a model's deployment that are not in the future, the newest first."""
        asked = {
            "deployments": {"id": {"any_": [self.deployment(model)["id"]]}},
            "flow_runs": {"expected_start_time": {"before_": now()}},
            "sort": "EXPECTED_START_TIME_DESC",
        }
        return self.ask("POST", "/flow_runs/filter", json=asked)

    def states(self, run_id: str) -> list[str]:
        """The names of the states that a run went through."""
        return [state["name"] for state in self.ask("GET", f"/flow_run_states/?flow_run_id={run_id}")]

    def logs(self, run_id: str) -> str:
        """What a run logged."""
        asked = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
        return "\n".join(entry["message"] for entry in self.ask("POST", "/logs/filter", json=asked))

    def says(self, run_id: str, line: str) -> None:
        """Wait until a run's log has this line: the last ones arrive some seconds after its end."""
        until(lambda: line in self.logs(run_id).splitlines(), seconds=60, otherwise=lambda: self.logs(run_id))

    def wait(self, run_id: str, *, state: str | tuple[str, ...] = ENDED, seconds: float = 400) -> dict[str, Any]:
        """Wait until a run is in a state, by its type; the run."""
        wanted = (state,) if isinstance(state, str) else state
        return until(
            lambda: (run := self.run(run_id))["state"]["type"] in wanted and run,
            seconds=seconds,
            otherwise=lambda: f"{self.run(run_id)['state']}\n{self.logs(run_id)}\n{self.worker_log()}",
        )

    def worker_log(self) -> str:
        """The end of what the workers said."""
        logs = sorted((self.stack.folder / "logs").glob("worker-*.log"))
        return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-25:])

    def process(self, run_id: str) -> psutil.Process:
        """The process that runs a flow run, once there is one."""

        def found() -> psutil.Process | None:
            for process in psutil.process_iter(["environ", "cmdline"]):
                runs = (process.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID", "").replace("-", "")
                if runs == run_id.replace("-", "") and "prefect.engine" in (process.info["cmdline"] or []):
                    return process
            return None

        return until(found, seconds=120)

    def mlflow(self) -> MlflowClient:
        """A client of MLflow's server."""
        mlflow.set_tracking_uri(self.stack.addresses["MLFLOW_TRACKING_URI"])
        return MlflowClient()

    def versions(self, model: str) -> list[Any]:
        """The registered versions of a model."""
        return list(self.mlflow().search_model_versions(f"name = '{model}'"))


def now() -> str:
    """The time as Prefect's API takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def until(reached: Callable[[], Any], *, seconds: float, otherwise: Callable[[], str] = lambda: "") -> Any:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, f"it never came within {seconds} s\n{otherwise()}"
        time.sleep(0.2)
    return found


def write_service(folder: Path, models: Mapping[str, Mapping[str, Any]], **rest: Any) -> Path:
    """A service file with small models of one configuration, the example's."""
    config = yaml.safe_load((ROOT / "examples" / "loan-approval.yaml").read_text(encoding="utf-8"))
    for override in QUICK:
        path, _, value = override.partition("=")
        section, _, key = path.partition(".")
        config.setdefault(section, {})[key] = yaml.safe_load(value)
    # Held runs end here: that a run waits for a person has a test of its own.
    config["gate"] = {"ask_on_page": False, **config.get("gate", {})}
    folder.mkdir(exist_ok=True)
    (folder / "loans.yaml").write_text(yaml.safe_dump(config))
    named = {name: {"config": "loans.yaml", **about} for name, about in models.items()}
    file = folder / "service.yaml"
    file.write_text(yaml.safe_dump({"models": named, "lost_after": LOST_AFTER, **rest}))
    return file


@contextmanager
def service(folder: Path, models: Mapping[str, Mapping[str, Any]], *, workers: int = 1) -> Iterator[Service]:
    """The service with its models deployed and its workers started."""
    file = write_service(folder / "configuration", models)
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    with postgres() as database:
        password = {"LOANS_PASSWORD": quote(database.passwords["postgres"], safe="")}
        given = {**environment, **FAST, **database.environment, **password}
        with running(folder / "home", workers=workers, service_file=file, environment=given) as stack:
            yield Service(stack, folder / "home", file, database)
