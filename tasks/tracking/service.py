"""MLflow's client, asked with little patience: whether it answers is known in seconds, and said in one sentence."""

import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from evenhand.disk import full_disk, no_room
from evenhand.exceptions import ServiceError, shorten
from evenhand.home import sqlite_file
from evenhand.whole_file import make_whole
from tasks.step import home

__all__ = [
    "address",
    "answer",
    "artifact_location",
    "client",
    "gone",
    "possible_version",
    "reachable",
    "shown_address",
    "unknown",
    "warm_up",
]

_PATIENCE = 3.0
_VERSION_DIGITS = 9
"""Of the numbers that fit into a column of MLflow's database."""

_QUICK = {
    # A repeated request may have arrived the first time: what is repeated is looked up first, and that we do ourselves.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # the screen is ours
}
_CLOSED = {"UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401, "PERMISSION_DENIED": 403}
_LATER = {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR", "REQUEST_LIMIT_EXCEEDED", "IO_ERROR", *_CLOSED}


def address() -> str:
    """Where MLflow is: where `MLFLOW_TRACKING_URI` or the caller's own code says, else in a store below the home.

    MLflow's own default is a file in the working folder, where the command line would never look for a run that a
    script of the user's made.
    """
    import mlflow

    if mlflow.is_tracking_uri_set():  # type: ignore[no-untyped-call]
        return str(mlflow.get_tracking_uri())
    home().mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home() / 'mlflow.db'}"


def shown_address() -> str:
    """The address as it may stand in a message: without a user's name and password."""
    parts = urlsplit(address())
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else address()


@lru_cache(maxsize=8)
def _client(where: str) -> Any:
    from mlflow import MlflowClient

    # It shows the traceback of what it raises as well, with the rows that it was to write.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    if (file := sqlite_file(where)) is not None:
        make_whole(file, _migrated)
    return MlflowClient(tracking_uri=where, registry_uri=where)


def _migrated(draft: Path) -> None:
    """MLflow's tables in a new file: a migration that a full disk ended half-way is neither undone nor gone on with."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{draft}", _beside(draft)).engine.dispose()  # type: ignore[no-untyped-call]


def client() -> Any:
    """The MLflow client for :func:`address`."""
    for name, value in _QUICK.items():
        os.environ.setdefault(name, value)
    return _client(address())


def answer() -> None:
    """Make sure that a server answers, within three seconds; a store without a server always does.

    Raises
    ------
    ServiceError
        When it does not.
    """
    where = address()
    if not where.startswith(("http://", "https://")):
        return
    try:
        # The health of the server is open to everybody: no password goes along.
        with urllib.request.urlopen(f"{shown_address().rstrip('/')}/health", timeout=_PATIENCE):  # noqa: S310 (http only)
            return
    except urllib.error.HTTPError as error:
        if error.code >= 500:  # a proxy may keep the page of health to itself: that is an answer too
            raise ServiceError(_silent(f"its health is {error.code}")) from error
    except (OSError, ValueError) as error:
        raise ServiceError(_silent()) from error


def warm_up() -> None:
    """Open MLflow's store or connection ahead of its first use; a silence is the first record's to tell."""
    with suppress(ServiceError), reachable():
        answer()
        client().search_experiments(max_results=1)


def _silent(reason: str = "") -> str:
    return f"MLflow does not answer at {shown_address()}" + (f": {reason}" if reason else "")


@contextmanager
def reachable() -> Iterator[None]:
    """Turn a service that does not answer, or cannot take anything now, into one clear error.

    Raises
    ------
    OSError
        When the disk is full on which the run itself is to go on: then nothing can wait there either.
    ServiceError
        When it may work later. What MLflow refuses for good stays MLflow's own error.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise _full(error) or ServiceError(_silent(_short(error.orig))) from error
    except OSError as error:
        if no_room(error):
            raise
        raise ServiceError(_closed(error) or _silent(_short(error))) from error
    except MlflowException as error:
        if error.error_code not in _LATER and not isinstance(error.__cause__, OSError):
            raise
        raise _full(error) or ServiceError(_closed(error) or _silent(_short(error))) from error


def _full(error: Exception) -> OSError | None:
    """The error of a full disk, where MLflow's store is a file on the disk of the home."""
    file = sqlite_file(address())
    if file is None:
        return None
    file = file.absolute()
    if file.parent.is_dir() and file.parent.stat().st_dev != home().stat().st_dev:
        return None  # records can wait in the home until there is room elsewhere
    return full_disk(error, file, suspect=True)


def _closed(error: Exception) -> str:
    """What to do where MLflow, or a proxy before it, answers and does not let us in; empty for another error."""
    answered = getattr(error, "response", None)  # that of a file's transfer, which raises as requests does
    code = getattr(answered, "status_code", None) or _CLOSED.get(getattr(error, "error_code", ""))
    if code == 401:
        return (
            f"MLflow at {shown_address()} asks for a name and a password, and does not know those that it was given: "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if code == 403:
        return (
            f"MLflow at {shown_address()} does not permit this to its user: have the permission granted, or set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to another's"
        )
    return ""


def _short(error: object) -> str:
    if isinstance(error, Exception) and no_room(error):
        return "its disk is full"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return shorten(lines[0], limit=160).strip("'\"")


def gone(error: Exception) -> bool:
    """Whether MLflow says that what was asked for does not exist."""
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def unknown(error: Exception) -> bool:
    """Whether MLflow does not know a name, a number or an alias: it is gone, never was, or cannot be one."""
    return gone(error) or getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE"


def possible_version(number: str) -> bool:
    """Whether MLflow can have a version of this number; asked for a greater one, its server fails as if it were down.

    Examples
    --------
    >>> possible_version("12"), possible_version("99999999999999999999"), possible_version("²")
    (True, False, False)
    """
    return number.isascii() and number.isdecimal() and len(number) <= _VERSION_DIGITS


def artifact_location() -> str | None:
    """Beside a SQLite store its folder; with a server the server's own place."""
    file = sqlite_file(address())
    return None if file is None else _beside(file)


def _beside(database: Path) -> str:
    return (database.parent / "mlflow-artifacts").resolve().as_uri()
