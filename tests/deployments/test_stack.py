"""What the processes of the service are told, and what not; the real ones are in tests/e2e/test_stack.py."""

import io
import socket
import stat
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from rich.console import Console

from deployments import stack
from deployments.cli_up import Watchman, _tell
from deployments.folder_lock import occupied
from deployments.mlflow_server import close_doors
from deployments.processes import Processes
from deployments.stack import _SERVERS_ONLY, Stack, _environments, running
from deployments.worker import arguments
from evenhand.exceptions import ConfigError, ServiceError

ADDRESSES = {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
SECRETS = {name: f"secret-{number}" for number, name in enumerate(_SERVERS_ONLY)}


def environments(tmp_path: Path, **base: str) -> dict[str, dict[str, str]]:
    return _environments(base, tmp_path, ADDRESSES, 5000)


def test_a_flow_does_not_see_the_secrets_of_the_servers(tmp_path: Path) -> None:
    found = environments(tmp_path, **SECRETS, LOANS_PASSWORD="for the flow")
    assert not set(SECRETS.values()) & set(found["worker"].values())
    assert found["worker"]["LOANS_PASSWORD"] == "for the flow"
    assert found["prefect"]["PREFECT_SERVER_API_AUTH_STRING"] in SECRETS.values()


def test_each_server_gets_its_own_driver(tmp_path: Path) -> None:
    named = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://prefect:a%2Fb@db/prefect",
        "MLFLOW_BACKEND_STORE_URI": "postgresql://mlflow:a%2Fb@db/mlflow",
    }
    found = environments(tmp_path, **named)
    assert found["prefect"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://prefect:a%2Fb@db/prefect"
    assert found["mlflow"]["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg://mlflow:a%2Fb@db/mlflow"


def test_without_postgresql_everything_lies_below_the_home(tmp_path: Path) -> None:
    found = environments(tmp_path)
    assert found["mlflow"]["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/service/mlflow.db"
    assert found["prefect"]["PREFECT_HOME"] == f"{tmp_path}/service/prefect"
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in found["prefect"]


def test_a_port_that_is_taken_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServiceError, match=f"port {port} is taken.*--port-mlflow"),
            running(tmp_path, mlflow_port=port),
        ):
            pass


def test_one_service_a_home(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    with occupied(tmp_path / "service"), pytest.raises(ServiceError, match="is running"), running(tmp_path):
        pass


def told(home: Path, **addresses: str) -> str:
    """What `evenhand up` says when everything runs."""
    found = Stack(home / "service", {**ADDRESSES, **addresses}, cast("Processes", None), None, {})
    out = Console(file=io.StringIO(), width=400, record=True)
    _tell(out, found, 1, deployed=True)
    return out.export_text()


def test_the_lines_to_paste_lead_to_the_same_home_and_ledger(tmp_path: Path) -> None:
    """Without the home a command in another folder began a ledger of its own, and a new budget of looks."""
    home = tmp_path / "a home"
    lines = [line.strip() for line in told(home, EVENHAND_LEDGER="postgresql://me@db/ledger").splitlines()]
    exports = [line for line in lines if line.startswith("export ")]
    done = subprocess.run(
        ["/bin/sh", "-c", "; ".join([*exports, "env"])], env={}, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert found["EVENHAND_HOME"] == str(home)
    assert found["EVENHAND_LEDGER"] == "postgresql://me@db/ledger"
    assert found["PREFECT_API_URL"] == ADDRESSES["PREFECT_API_URL"]


@pytest.mark.parametrize(
    ("ledger", "shown"),
    [
        ("postgresql://evenhand:hunter2@db/ledger", "postgresql://evenhand:...@db/ledger"),
        ("postgresql://evenhand:hu@nt/er2@db:5432/ledger", "postgresql://evenhand:...@db:5432/ledger"),
        ("postgresql://evenhand:12/hunter2@db/ledger", "postgresql://evenhand:...@db/ledger"),
        ("postgresql://db/ledger?user=me&password=hunter2", "postgresql://db/ledger?user=me&password=***"),
    ],
)
def test_no_password_is_shown(ledger: str, shown: str, tmp_path: Path) -> None:
    passwords = {"PREFECT_API_AUTH_STRING": "admin:hunter2", "MLFLOW_TRACKING_PASSWORD": "hunter2"}
    said = told(tmp_path, EVENHAND_LEDGER=ledger, **passwords)
    assert "hunter2" not in said
    assert "er2" not in said
    assert shown in said


def service_file(folder: Path, **rest: Any) -> Path:
    config = Path(__file__).parents[2] / "examples" / "loan-approval.yaml"
    (folder / "loans.yaml").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    file = folder / "service.yaml"
    file.write_text(yaml.safe_dump({"models": {"loans": {"config": "loans.yaml"}}, **rest}), encoding="utf-8")
    return file


def option(words: Sequence[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_the_workers_join_the_pool_of_the_service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They joined the pool evenhand, whatever the file said, and its runs waited for ever."""
    commands: dict[str, Sequence[str]] = {}
    monkeypatch.setattr(Processes, "start", lambda _, name, command, __: commands.update({name: command}))
    monkeypatch.setattr(Processes, "wait", lambda *_, **__: 0)
    monkeypatch.setattr(Processes, "close", lambda _: None)
    monkeypatch.setattr(stack, "answers", lambda *_, **__: True)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: None)
    with running(tmp_path / "home", workers=1, service_file=service_file(tmp_path, work_pool="loans")) as found:
        assert option(commands["worker-1"], "--pool") == found.pool == "loans"
        assert "--type" not in commands["worker-1"], "the pool has one"
        assert option(commands["worker-1"], "--limit") == "1", "as many runs at once as there are workers"
        assert "--work-queue" not in commands["worker-1"], "it takes every run that waits"
        assert option(commands["rollbacks"], "--work-queue") == "rollbacks", "they wait for no retrain"
        assert option(commands["rollbacks"], "--pool") == "loans"
    commands.clear()
    with running(tmp_path / "home", workers=1):
        assert option(commands["worker-1"], "--pool") == "evenhand"
        assert "rollbacks" not in commands, "nothing is deployed, and so there is no queue"


def test_a_worker_reads_its_pool_from_a_service_file(tmp_path: Path) -> None:
    file = service_file(tmp_path, work_pool="loans")
    assert arguments(["--service", str(file), "--limit", "2"]) == ["--pool", "loans", "--limit", "2"]


class Fallen:
    """Processes of which one has ended, as often as it is looked at."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.started = tmp_path, 0
        self.processes = self

    def exit_code(self, name: str) -> int | None:
        return 1 if name == "mlflow" else None

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, *names: str) -> None:
        assert names == ("mlflow",)
        self.started += 1


def test_what_keeps_ending_is_given_up_with_its_log(tmp_path: Path) -> None:
    stack: Any = Fallen(tmp_path)
    watchman = Watchman(("prefect", "mlflow"), attempts=3, window=60)
    for _ in range(2):
        assert list(watchman.look(stack)) == ["mlflow ended by itself, with code 1: started again"]
    with pytest.raises(ServiceError, match=r"mlflow keeps ending.*mlflow\.log"):
        list(watchman.look(stack))
    assert stack.started == 2


def test_seldom_ends_are_no_reason_to_give_up(tmp_path: Path) -> None:
    stack: Any = Fallen(tmp_path)
    watchman = Watchman(("mlflow",), attempts=2, window=0)
    for _ in range(5):
        list(watchman.look(stack))
    assert stack.started == 5


CLOSED = {
    "MLFLOW_AUTH_ADMIN_PASSWORD": "a-password",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-key",
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg://mlflow:a%2Fb@db/mlflow",
}


def test_doors_are_closed_when_there_is_a_password(tmp_path: Path) -> None:
    environment = dict(CLOSED)
    assert close_doors(environment, tmp_path) == ["--app-name", "basic-auth"]
    path = Path(environment["MLFLOW_AUTH_CONFIG_PATH"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "a-password" not in path.read_text(), "it stays in the environment"


def reader() -> Any:
    """MLflow's own module, without the server around it."""
    found = find_spec("mlflow")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "server/auth/config.py"
    spec = spec_from_file_location("auth_config", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mlflow_reads_the_configuration_as_it_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict(CLOSED)
    close_doors(environment, tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = reader().read_auth_config()
    assert read.default_permission == "NO_PERMISSIONS"
    assert read.database_uri == CLOSED["MLFLOW_BACKEND_STORE_URI"]
    assert (read.admin_username, read.admin_password) == ("admin", "a-password")
    assert read.auth_cache_ttl_seconds == 60


def test_without_a_password_there_is_no_door(tmp_path: Path) -> None:
    assert close_doors({"MLFLOW_BACKEND_STORE_URI": "sqlite://"}, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_password_without_a_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_FLASK_SERVER_SECRET_KEY"):
        close_doors({"MLFLOW_AUTH_ADMIN_PASSWORD": "a"}, tmp_path)


def test_a_password_that_prefect_cannot_compare_is_refused_by_name(tmp_path: Path) -> None:
    secret = {"PREFECT_SERVER_API_AUTH_STRING": "admin:p\N{LATIN SMALL LETTER O WITH DIAERESIS}ss"}
    said = "PREFECT_SERVER_API_AUTH_STRING has a letter beyond ASCII"
    with pytest.raises(ConfigError, match=said) as caught, running(tmp_path, environment=secret):
        pass
    assert secret["PREFECT_SERVER_API_AUTH_STRING"] not in str(caught.value)
    assert not (tmp_path / "service" / "logs").exists(), "nothing was started"


def test_a_deploy_that_is_too_slow_is_said_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "_DEPLOY_SECONDS", 0.01)
    processes = Processes(tmp_path / "logs")
    try:
        slow = Stack(tmp_path, ADDRESSES, processes, None, {"worker": {}})
        with pytest.raises(ServiceError, match=r"not registered within .* seconds: look into .*deploy\.log"):
            slow.deploy(tmp_path / "service.yaml")
    finally:
        processes.close()
