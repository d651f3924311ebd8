"""One retrain of a model at a time: those that come later wait, on this machine and on others."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.logging import get_run_logger

from evenhand.events import Event
from evenhand.exceptions import ServiceError
from tasks.step import emit, home

__all__ = ["one_at_a_time"]

_LEASE_SECONDS = 60
"""The shortest that Prefect allows: so long a killed run of another machine keeps the others waiting."""

_PAUSE_SECONDS = 3.0


@contextmanager
def one_at_a_time(model: str, what: str = "retrain") -> Iterator[None]:
    """Hold the model for the time of the block, after waiting for whoever holds it.

    A file below the home holds it on this machine: the system lets go of it when the process ends, however it ends.
    On a shared Prefect server a global concurrency limit holds it for all machines: a lease that is renewed, and so
    runs out by itself when the holder is gone. The temporary server of one command has nobody else on it.

    Parameters
    ----------
    model
        The model's name.
    what
        What is done one at a time: a ``monitor`` waits for no retrain.

    Raises
    ------
    ServiceError
        When Prefect's server does not answer.
    """
    with ExitStack() as held:
        name = model if what == "retrain" else f"{model}-{what}"
        held.enter_context(_file(home() / "locks" / f"{name}.lock", _Waiting(model, what)))
        if not os.environ.get("EVENHAND_LOCAL_SERVER"):
            _server(held, f"evenhand-{name}", _Waiting(model, what))
        yield


class _Waiting:
    """Says once that there is something to wait for, and waits a little each time."""

    def __init__(self, model: str, what: str) -> None:
        self._model, self._what, self._said = model, what, False

    def __call__(self) -> None:
        if not self._said:
            self._said = True
            message = f"another {self._what} of {self._model} is under way: waiting for it to end"
            emit(Event("note", message=message))
            if FlowRunContext.get() is not None:
                get_run_logger().info(message)
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _file(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
        yield


def _server(held: ExitStack, name: str, waiting: Callable[[], None]) -> None:
    """Take the only slot of the limit, which is made when there is none."""
    _make_limit(name)
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    holder = ConcurrencyLeaseHolder(type="flow_run", id=run.id) if run is not None else None
    while True:
        try:
            held.enter_context(
                concurrency(
                    name,
                    occupy=1,
                    max_retries=0,
                    lease_duration=_LEASE_SECONDS,
                    strict=True,
                    holder=holder,
                    raise_on_lease_renewal_failure=False,  # a server that is away for a moment ends no run
                )
            )
        except ConcurrencySlotAcquisitionError as error:
            if not _taken(error):
                raise ServiceError("Prefect's server does not say whether another retrain is under way") from error
            waiting()
        else:
            return


def _taken(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code == httpx.codes.LOCKED


def _make_limit(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            try:
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
            except ObjectAlreadyExists:
                return  # another run was faster
