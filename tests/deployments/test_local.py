"""The local mode: what it sets, what it leaves alone, and that nothing outlives the command."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deployments.local import _start_server, _wait, default_addresses, services
from deployments.local_server import NO_ROOM
from evenhand.exceptions import ConfigError, ServiceError


def test_what_is_set_already_stays(tmp_path: Path) -> None:
    environment = {"MLFLOW_TRACKING_URI": "http://tracking:5000", "PREFECT_HOME": "/elsewhere"}
    default_addresses(environment, tmp_path / "home")
    assert environment["MLFLOW_TRACKING_URI"] == "http://tracking:5000"
    assert environment["PREFECT_HOME"] == "/elsewhere"


def test_telemetry_is_off_whatever_was_set(tmp_path: Path) -> None:
    environment = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "false"}
    default_addresses(environment, tmp_path / "home")
    assert environment["DO_NOT_TRACK"] == "true"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_defaults_lie_below_the_home(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    default_addresses(environment, tmp_path)
    assert environment["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert environment["PREFECT_HOME"] == str(tmp_path / "prefect")


def test_a_named_server_that_is_silent_is_named_in_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "PREFECT_API_URL"  # without MLflow a run goes on
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(os, "environ", {**os.environ, "EVENHAND_HOME": str(tmp_path), variable: address})
    began = time.monotonic()
    with pytest.raises(ServiceError, match=address.replace(".", r"\.")) as caught, services():
        pass
    assert variable in str(caught.value)
    assert time.monotonic() - began < 10


def test_nobody_else_takes_the_port_while_the_server_starts(tmp_path: Path) -> None:
    """Of two commands started at once one might find the other's server, and lose its run with it."""
    child, port = _start_server(tmp_path, {**os.environ, "PREFECT_HOME": str(tmp_path)})
    try:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.socket() as early, pytest.raises(ConnectionRefusedError):
            early.connect(("127.0.0.1", port))  # not ready: said at once, and not when it is
    finally:
        child.kill()
        child.communicate()


def test_a_home_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "EVENHAND_HOME": str(tmp_path)})
    monkeypatch.setattr(os, "access", lambda *_: False)  # a disk that is mounted read-only: nobody here can mount one
    with pytest.raises(ConfigError, match=r"cannot be written to: .* EVENHAND_HOME"), services():
        pass


@pytest.mark.e2e
def test_the_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import time; from deployments.local import services\n"
        "with services():\n    print('up', flush=True); time.sleep(600)\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))},
        "EVENHAND_HOME": str(tmp_path / "home"),
    }
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=15)
    assert not alive
    assert len(gone) == len(children)


@pytest.mark.parametrize(("script", "kind"), [(f"raise SystemExit({NO_ROOM})", OSError), ("pass", ServiceError)])
def test_a_server_that_cannot_start_on_a_full_disk_says_so_without_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, kind: type[Exception]
) -> None:
    child = subprocess.Popen([sys.executable, "-c", script])
    child.wait()
    monkeypatch.setattr("deployments.local.answers", lambda *_, **__: False)
    with pytest.raises(kind) as caught:
        _wait(child, "http://127.0.0.1:1", tmp_path / "prefect-server.log")
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(tmp_path / "prefect")
