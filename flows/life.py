"""Signs of life of a run that a server started, until it ends or lies down to wait for a person.

Prefect's own heartbeats go on while a run is being suspended, and the server's word that it is suspended can come late:
the server looks at a run's changes of state in their order, and when one was lost with a server that was killed, it
waits a quarter of an hour for it. A run that waits for a person would be taken for dead. So the run itself says that it
is alive, and says that it lies down after it has said so for the last time.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.exceptions import Pause
from prefect.runtime import deployment

from flows.said_once import say_errors_once
from tasks.step import flow_run_id

__all__ = ["ALIVE", "LIES_DOWN", "alive"]

ALIVE, LIES_DOWN = "evenhand.flow-run.alive", "evenhand.flow-run.lies-down"
"""The events: the run works; the run has ended its process and waits to be resumed."""

_SECONDS = 20.0
"""Between two signs of life."""

_PATIENCE = 10.0
P = ParamSpec("P")
R = TypeVar("R")


def alive(work: Callable[P, R]) -> Callable[P, R]:
    """Let the run of a flow give a sign of life every few seconds for as long as it works.

    Parameters
    ----------
    work
        What the flow does. In a run that no deployment started it is called as it is: somebody watches it. What is
        wrong with its input is said once in its log.
    """

    @wraps(work)
    def lived(*args: P.args, **kwargs: P.kwargs) -> R:
        if deployment.id is None:
            return work(*args, **kwargs)
        say_errors_once()
        ended = threading.Event()
        signs = threading.Thread(target=copy_context().run, args=(_give_signs, ended), daemon=True)
        signs.start()
        try:
            return work(*args, **kwargs)
        except Pause:
            _stop(signs, ended)
            _say(LIES_DOWN)
            EventsWorker.drain_all(timeout=_PATIENCE)
            raise
        finally:
            _stop(signs, ended)

    return lived


def _give_signs(ended: threading.Event) -> None:
    while not ended.is_set():
        _say(ALIVE)
        ended.wait(_SECONDS)


def _stop(signs: threading.Thread, ended: threading.Event) -> None:
    ended.set()
    signs.join(_PATIENCE)


def _say(event: str) -> None:
    emit_event(event=event, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run_id()}"})
