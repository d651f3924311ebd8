"""The service that `docker compose up --wait` has started: `make e2e-compose`, with any Docker.

It trains the example once, restarts every service, and restores a backup into a second, empty stack of its own.
"""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from .doors import MLFLOW_OPEN, PREFECT_OPEN, mlflow_routes, open_paths, prefect_routes

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

ROOT = Path(__file__).resolve().parents[2]
MODEL = "loan-approval"
QUICK = {"search": {"trials": 4, "candidates": ["logistic"]}}
CARDS = "card/card.html"


@dataclass
class Stack:
    """One compose project and how to talk to it."""

    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def compose(self, *words: str, check: bool = True, timeout: float = 600) -> str:
        """What `docker compose` says."""
        done = subprocess.run(
            ["docker", "compose", *words],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    @property
    def secrets(self) -> dict[str, str]:
        lines = (ROOT / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]*(PASSWORD|SECRET_KEY)=", line))

    def address(self, service: str, port: int) -> str:
        return "http://" + self.compose("port", service, str(port)).strip()

    @property
    def prefect(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.address('prefect', 4200)}/api/",
            auth=("admin", self.secrets["PREFECT_PASSWORD"]),
            timeout=60,
        )

    @property
    def mlflow(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.address("mlflow", 5000), auth=("admin", self.secrets["MLFLOW_PASSWORD"]), timeout=60
        )

    def wait(self) -> None:
        """Until everything is healthy, as the file says."""
        self.compose("up", "--detach", "--wait", "--no-build", "--wait-timeout", "300")


def ask(client: httpx.Client, path: str, **body: Any) -> Any:
    """The answer of an API to a POST."""
    return client.post(path, json=body).raise_for_status().json()


def get(client: httpx.Client, path: str, **query: str) -> Any:
    """The answer of an API to a GET."""
    return client.get(path, params=query).raise_for_status().json()


def retrain(stack: Stack) -> dict[str, Any]:
    """Start the deployment as Prefect's page does, and wait; the flow run in its last state."""
    with stack.prefect as prefect:
        deployment = get(prefect, f"deployments/name/retrain/{MODEL}")
        run = ask(prefect, f"deployments/{deployment['id']}/create_flow_run", parameters=QUICK)
        deadline = time.monotonic() + 600
        while run["state_type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "PAUSED"):
            assert time.monotonic() < deadline, f"still {run['state_name']}"
            time.sleep(2)
            run = get(prefect, f"flow_runs/{run['id']}")
    return dict(run)


def inventory(stack: Stack) -> dict[str, Any]:
    """What must not get lost: runs, versions, aliases, cards, flow runs, deployments and automations."""
    with stack.mlflow as mlflow, stack.prefect as prefect:
        experiments = ask(mlflow, "/api/2.0/mlflow/experiments/search", max_results=1000)["experiments"]
        ids = [each["experiment_id"] for each in experiments]
        runs = ask(mlflow, "/api/2.0/mlflow/runs/search", experiment_ids=ids, max_results=1000).get("runs", [])
        tops = [run for run in runs if not any(tag["key"] == "mlflow.parentRunId" for tag in run["data"]["tags"])]
        versions = get(mlflow, "/api/2.0/mlflow/model-versions/search", max_results="1000").get("model_versions", [])
        models = get(mlflow, "/api/2.0/mlflow/registered-models/search").get("registered_models", [])
        deployments = ask(prefect, "deployments/filter")
        return {
            "runs": {run["info"]["run_id"]: run["info"]["status"] for run in runs},
            "metrics": {run["info"]["run_id"]: len(run["data"].get("metrics", [])) for run in runs},
            "versions": sorted((each["name"], each["version"], each["run_id"]) for each in versions),
            "aliases": {each["name"]: each.get("aliases") for each in models},
            "cards": {run["info"]["run_id"]: card(mlflow, run["info"]["run_id"]) for run in tops},
            "flow runs": {each["id"]: each["state_type"] for each in ask(prefect, "flow_runs/filter")
                          if each["state_type"] in ("COMPLETED", "FAILED", "PAUSED")},
            "deployments": sorted((each["name"], each["id"]) for each in deployments),  # one a flow
            "automations": sorted(each["name"] for each in ask(prefect, "automations/filter")),
            "ledger": stack.compose("exec", "-T", "worker", "evenhand", "ledger", "export"),
        }  # fmt: skip


def card(mlflow: httpx.Client, run: str) -> str:
    """A run's model card."""
    return mlflow.get("/get-artifact", params={"path": CARDS, "run_uuid": run}).raise_for_status().text


@pytest.fixture(scope="module")
def stack() -> Stack:
    found = Stack()
    assert found.compose("ps", "--quiet").strip(), "start it first: docker compose up --wait"
    return found


@pytest.fixture(scope="module")
def trained(stack: Stack) -> dict[str, Any]:
    """One retrain through the deployment, and all that is known after it."""
    run = retrain(stack)
    assert run["state_name"] == "Suspended", f"a first model waits for a person: {run['state']['message']}"
    return inventory(stack)


def published(stack: Stack) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in stack.compose("ps", "--format", "json").splitlines()]
    return [port for row in rows for port in row.get("Publishers") or [] if port["PublishedPort"]]


def test_only_two_ports_and_only_on_this_machine(stack: Stack) -> None:
    ports = published(stack)
    assert {port["TargetPort"] for port in ports} == {4200, 5000}
    assert {port["URL"] for port in ports} == {"127.0.0.1"}
    for port in ports:
        for _family, _kind, _proto, _name, (host, *_rest) in socket.getaddrinfo(socket.gethostname(), None):
            if not str(host).startswith("127.") and host != "::1":
                with pytest.raises(OSError), socket.create_connection((host, port["PublishedPort"]), timeout=5):
                    pass


def test_prefects_doors(stack: Stack) -> None:
    base = stack.address("prefect", 4200)
    assert open_paths(base, prefect_routes(base), "admin") <= PREFECT_OPEN
    with stack.prefect as prefect:
        assert get(prefect, "admin/version"), "the right password opens"


@pytest.mark.parametrize("path", ["events/out", "logs/out", "events/in"])
@pytest.mark.parametrize("token", [None, "admin:wrong"])
def test_prefects_sockets(stack: Stack, path: str, token: str | None) -> None:
    address = stack.address("prefect", 4200).replace("http", "ws", 1)
    hello = {"type": "auth", "token": token}
    nobody: list[object] = []
    try:
        with connect(f"{address}/api/{path}", subprotocols=["prefect"], open_timeout=10) as door:  # type: ignore[list-item]
            door.send(json.dumps(hello))
            nobody.append(json.loads(door.recv(timeout=10)))
    except Exception as refused:  # noqa: BLE001 (each way to be turned away is right)
        nobody.append(type(refused).__name__)
    assert not any(isinstance(answer, dict) and answer.get("type") == "auth_success" for answer in nobody), nobody


def test_mlflows_doors(stack: Stack, tmp_path: Path) -> None:
    found = open_paths(stack.address("mlflow", 5000), mlflow_routes(str(tmp_path)), "admin")
    assert {path for path in found if not path.startswith("/static")} <= MLFLOW_OPEN
    with stack.mlflow as mlflow:
        assert mlflow.get("/").status_code == 200, "the right password opens"


def test_mlflow_answers_to_its_own_name_alone(stack: Stack) -> None:
    with stack.mlflow as mlflow:
        refused = mlflow.get("/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"})
        assert refused.status_code == 403
        elsewhere = {"Origin": "http://evil.example"}
        assert ask_from(mlflow, elsewhere).status_code == 403


def ask_from(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    body = {"experiment_ids": ["0"], "max_results": 1}
    return client.post("/api/2.0/mlflow/runs/search", json=body, headers=headers)


@pytest.mark.parametrize("service", ["prefect", "mlflow", "worker"])
def test_a_container_has_no_rights(stack: Stack, service: str) -> None:
    look = (
        "id -u; grep CapEff /proc/1/status; grep NoNewPrivs /proc/1/status; "
        "(touch /opt/x || touch /etc/x) 2>/dev/null && echo writable; "
        "command -v pip gcc cc make curl; python -c 'import pip' 2>/dev/null && echo pip; true"
    )
    lines = stack.compose("exec", "-T", service, "sh", "-c", look).split("\n")
    assert lines[0] == "10001"
    assert lines[1].split() == ["CapEff:", "0000000000000000"]
    assert lines[2].split() == ["NoNewPrivs:", "1"]
    assert lines[3:] == [""], "nothing is writable, and no build tool is there"


@pytest.mark.parametrize("database", ["prefect", "mlflow", "postgres"])
def test_the_worker_reaches_no_database_but_the_ledgers(stack: Stack, database: str) -> None:
    probe = (
        "import os, sys, psycopg\nfrom sqlalchemy import make_url\n"
        "url = make_url(os.environ['EVENHAND_LEDGER']).set(database=sys.argv[1])\n"
        "psycopg.connect(url.render_as_string(hide_password=False)).close()"
    )
    done = subprocess.run(
        ["docker", "compose", "exec", "-T", "worker", "python", "-c", probe, database],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "permission denied" in done.stderr
    reached = stack.compose("exec", "-T", "worker", "python", "-c", probe, "evenhand")
    assert reached == "", "the ledger's it does"


@pytest.mark.parametrize(("role", "foreign"), [("prefect", "mlflow"), ("mlflow", "prefect"), ("evenhand", "mlflow")])
def test_each_role_sees_its_own_database(stack: Stack, role: str, foreign: str) -> None:
    secret = stack.secrets[f"{role.upper()}_DATABASE_PASSWORD"]
    probe = (
        "import sys, psycopg\nsecret = sys.stdin.read().strip()\n"
        f"psycopg.connect(host='postgres', user='{role}', dbname=sys.argv[1], password=secret).close()"
    )
    for database, expected in ((role, 0), (foreign, 1), ("postgres", 1)):
        done = subprocess.run(
            ["docker", "compose", "exec", "-T", "prefect", "python", "-c", probe, database],
            cwd=ROOT, input=secret, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        assert expected == 0 or "permission denied" in done.stderr


def test_the_ledgers_role_reads_and_adds_and_nothing_else(stack: Stack, trained: dict[str, Any]) -> None:
    assert "decision" in trained["ledger"]
    probe = (
        "import os, sys, psycopg\nwith psycopg.connect(os.environ['EVENHAND_LEDGER']) as connection:\n"
        "    connection.execute(sys.argv[1])"
    )
    for statement in (
        "UPDATE evenhand_ledger SET model = 'x'",
        "DELETE FROM evenhand_ledger",
        "TRUNCATE evenhand_ledger",
        "DROP TRIGGER evenhand_ledger_no_change ON evenhand_ledger",
    ):
        done = subprocess.run(
            ["docker", "compose", "exec", "-T", "worker", "python", "-c", probe, statement],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "permission denied" in done.stderr or "must be owner" in done.stderr, done.stderr
    assert "is whole" in stack.compose("exec", "-T", "worker", "evenhand", "ledger", "verify")


def test_the_retrain_is_in_both_servers(stack: Stack, trained: dict[str, Any]) -> None:
    assert len(trained["cards"]) >= 1
    assert all("<html" in card for card in trained["cards"].values())
    assert "challenger" in {each["alias"] for each in trained["aliases"][MODEL]}
    with stack.prefect as prefect:
        artifacts = ask(prefect, "artifacts/filter")
    text = json.dumps(artifacts)
    assert "http://mlflow:" not in text, "links lead where a browser gets"
    assert "http://prefect:" not in text
    assert "127.0.0.1" in text


def test_no_secret_is_in_a_log_a_layer_or_a_command_line(stack: Stack, trained: dict[str, Any]) -> None:
    places = {
        "logs": stack.compose("logs", "--no-color"),
        "processes": stack.compose("top"),
        "layers": subprocess.run(
            ["docker", "history", "--no-trunc", "evenhand:latest"], capture_output=True, text=True, check=True
        ).stdout,
        "image": subprocess.run(
            ["docker", "image", "inspect", "evenhand:latest"], capture_output=True, text=True, check=True
        ).stdout,
    }
    with stack.prefect as prefect:
        for kind in ("deployments", "flow_runs", "artifacts", "work_pools", "automations", "variables"):
            places[kind] = json.dumps(ask(prefect, f"{kind}/filter"))
        places["flow's log"] = json.dumps(ask(prefect, "logs/filter"))
    found = {(place, name) for place, text in places.items() for name, value in stack.secrets.items() if value in text}
    assert not found
    assert all(places.values()), "every place was looked at"


@pytest.mark.parametrize("service", ["postgres", "mlflow", "prefect", "worker"])
def test_a_restart_loses_nothing(stack: Stack, trained: dict[str, Any], service: str) -> None:
    stack.compose("restart", service)
    stack.wait()
    assert inventory(stack) == trained


def test_deploying_again_changes_nothing(stack: Stack, trained: dict[str, Any]) -> None:
    said = stack.compose("run", "--rm", "-T", "deploy")
    words = {line.split()[0] for line in said.splitlines() if line.strip()}
    assert words == {"unchanged"}, said


@pytest.fixture
def second() -> Iterator[Stack]:
    """An empty stack beside the first, which is gone afterwards with its volumes."""
    found = Stack(
        {**os.environ, "COMPOSE_PROJECT_NAME": "evenhand-restored", "PREFECT_PORT": "4210", "MLFLOW_PORT": "5010"}
    )
    found.compose("down", "--volumes", "--remove-orphans")
    try:
        found.wait()
        yield found
    finally:
        found.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")


def test_a_backup_comes_back_in_an_empty_stack(
    stack: Stack, trained: dict[str, Any], second: Stack, tmp_path: Path
) -> None:
    file = str(tmp_path / "backup.tar")
    for command, project in (("backup", stack), ("restore", second)):
        done = subprocess.run(
            ["python3", "-m", "deployments.backup", command, file],
            cwd=ROOT, env=project.environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert inventory(second) == trained
    again = retrain(second)
    assert again["state_name"] == "Suspended", again["state"]["message"]
    assert len(inventory(second)["versions"]) == len(trained["versions"]) + 1, "and it goes on from there"
