"""A full disk, as Prefect's server, MLflow's store and the ledger meet it: the true cause, and nothing waits."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from sqlalchemy.exc import OperationalError

from evenhand.exceptions import ServiceError
from tasks.ledger.table import connected
from tasks.step import prefect_answers
from tasks.tracking import reachable

REQUEST = httpx.Request("POST", "http://127.0.0.1/api")
FULL = "(raised as a result of Query-invoked autoflush)\n(sqlite3.OperationalError) database or disk is full"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setenv("EVENHAND_LOCAL_SERVER", "yes")
    return tmp_path


def answered(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("Server error", request=REQUEST, response=httpx.Response(code, request=REQUEST))


def test_the_local_server_says_that_its_disk_is_full(home: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, prefect_answers():
        raise answered(507)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(home))


def test_what_a_step_could_not_write_comes_before_what_the_server_says_of_it() -> None:
    error = answered(500)
    error.__context__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/store/fit")
    with pytest.raises(OSError, match="No space") as caught, prefect_answers():
        raise error
    assert caught.value.filename == "/home/store/fit"


def test_a_local_server_that_says_nothing_of_it_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9, 0))
    with pytest.raises(OSError, match="No space"), prefect_answers():
        raise httpx.ConnectError("All connection attempts failed")
    monkeypatch.delenv("EVENHAND_LOCAL_SERVER")
    with pytest.raises(ServiceError, match="does not answer"), prefect_answers():
        raise httpx.ConnectError("All connection attempts failed")


def test_a_store_of_mlflow_on_the_disk_of_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tracking.service.address", lambda: f"sqlite:///{home / 'mlflow.db'}")
    with pytest.raises(OSError, match="No space") as caught, reachable():
        raise MlflowException(FULL, error_code=TEMPORARILY_UNAVAILABLE)
    assert caught.value.filename == str(home / "mlflow.db")


def test_a_server_of_mlflow_whose_disk_is_full_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tracking.service.address", lambda: "http://mlflow:5000")
    with pytest.raises(ServiceError, match=r"http://mlflow:5000: its disk is full$"), reachable():
        raise MlflowException(FULL, error_code=TEMPORARILY_UNAVAILABLE)


def test_records_that_cannot_be_marked_for_want_of_room_are_no_silence() -> None:
    with pytest.raises(OSError, match="No space") as caught, reachable():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state.json")
    assert caught.value.filename == "state.json"


def test_a_ledger_in_a_file(home: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, connected():
        raise OperationalError("insert", {}, Exception("database or disk is full"))
    assert caught.value.filename == str(home / "ledger.db")
