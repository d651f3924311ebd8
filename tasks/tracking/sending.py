"""Sending beside the computing: while a step works, a thread brings MLflow what the steps before it recorded.

A record is on disk before anything is sent, so a kill loses nothing. What the thread meets, such as a record that
MLflow refuses, is raised where the next record is made, before a version is registered, and at the end of the block.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

from tasks.tracking.delivery import deliver
from tasks.tracking.outbox import Outbox

__all__ = ["beside", "caught_up", "send"]


class _Sender:
    """One thread, which takes one delivery after the other."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="evenhand-records")
        self.waiting: list[Future[object]] = []

    def send(self, outbox: Outbox) -> None:
        self.look()
        # The flow run's context goes along: what is said on the way belongs into its log.
        self.waiting.append(self.thread.submit(copy_context().run, deliver, outbox))

    def look(self, *, wait: bool = False) -> None:
        """Raise what a delivery met that is over, or wait for all of them."""
        while self.waiting and (wait or self.waiting[0].done()):
            self.waiting.pop(0).result()

    def close(self) -> None:
        self.thread.shutdown(wait=True)


_sender: ContextVar[_Sender | None] = ContextVar("_sender", default=None)


@contextmanager
def beside() -> Iterator[None]:
    """Within the block :func:`send` returns at once; at its end everything that could be sent is."""
    sender = _Sender()
    token = _sender.set(sender)
    try:
        yield
        sender.look(wait=True)
    finally:
        _sender.reset(token)
        sender.close()


def send(outbox: Outbox) -> None:
    """Deliver what an outbox holds: beside the computing where a block asks for it, and otherwise now.

    Raises
    ------
    RefusedError, RunGoneError
        As :func:`tasks.tracking.delivery.deliver`, within a block of what was sent before.
    """
    sender = _sender.get()
    if sender is None:
        deliver(outbox)
    else:
        sender.send(outbox)


def caught_up() -> None:
    """Wait until everything is sent that could be.

    Raises
    ------
    RefusedError, RunGoneError
        What the sending met.
    """
    sender = _sender.get()
    if sender is not None:
        sender.look(wait=True)
