"""An MLflow that answers and lets nobody in is told with its remedy, and the records wait as for a silent one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest

from deployments.local import default_addresses
from evenhand.exceptions import ServiceError
from tasks.step import listening
from tasks.tracking import client, deliver_all, finish_run, open_run, reachable, run_url


@contextmanager
def closed(code: int) -> Iterator[str]:
    """A server that says it is healthy, and refuses everything else in the words of MLflow's basic-auth."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else code)
            self.end_headers()
            self.wfile.write(b"You are not authenticated." if code == 401 else b"Permission denied")

        do_POST = do_GET  # noqa: N815 (the name that http.server calls)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    before = mlflow.get_tracking_uri()
    address = f"http://127.0.0.1:{server.server_port}"
    mlflow.set_tracking_uri(address)
    try:
        yield address
    finally:
        mlflow.set_tracking_uri(before)
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "said"), [(401, "asks for a name and a password"), (403, "does not permit this to its user")]
)
def test_who_is_not_let_in_is_told_what_to_set(code: int, said: str) -> None:
    with closed(code) as address, pytest.raises(ServiceError) as caught, reachable():
        client().search_experiments(max_results=1)
    message = str(caught.value)
    assert message.startswith(f"MLflow at {address} {said}")
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in message
    assert "does not answer" not in message


def test_a_file_that_is_refused_says_the_same() -> None:
    from requests import HTTPError, Response

    refused = Response()
    refused.status_code = 401
    with closed(401), pytest.raises(ServiceError, match="asks for a name and a password"), reachable():
        raise HTTPError("401 Client Error: UNAUTHORIZED", response=refused)


def test_records_wait_until_the_password_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    said: list[str] = []
    with closed(401), listening(lambda event: said.append(event.message)):
        run = open_run(experiment="loans", name="first", model="loans", tags={})
        waits = finish_run(run, "FINISHED")
        assert [found.left for found in deliver_all()] == [waits.left]
    assert waits.left > 0
    assert "MLFLOW_TRACKING_PASSWORD" in said[0]
    assert "the records wait in" in said[0]


def test_without_an_address_the_store_is_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow in a script of the user's records where the command line looks for it."""
    home = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("EVENHAND_HOME", str(home))
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    asked: dict[str, str] = {}
    default_addresses(asked, home)
    try:
        run = open_run(experiment="script", name="mine", model="script", tags={})
        finish_run(run, "FINISHED")
        assert run_url(run).startswith(asked["MLFLOW_TRACKING_URI"])
        assert (home / "mlflow.db").is_file()
        assert not list((tmp_path / "elsewhere").iterdir())
        named = f"sqlite:///{tmp_path / 'own.db'}"
        mlflow.set_tracking_uri(named)
        assert str(client().tracking_uri) == named
    finally:
        mlflow.set_tracking_uri(before)
