"""Sending what an outbox holds, in order: now when MLflow answers, or later; a silence is told once and costs seconds.

A service that did not answer is not asked again for fifteen seconds, except at the end of a run.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext

from evenhand.events import Event
from evenhand.exceptions import EvenhandError, ServiceError
from evenhand.store import write_text
from tasks.step import emit, home
from tasks.tracking.outbox import Outbox, outboxes, set_aside
from tasks.tracking.service import address, answer, reachable, shown_address
from tasks.tracking.writing import RunGoneError, write

__all__ = [
    "Delivery",
    "RefusedError",
    "ask",
    "box",
    "deliver",
    "deliver_all",
    "root",
    "run_address",
    "say",
    "settle",
]

_AGAIN = 15.0


class RefusedError(EvenhandError):
    """MLflow answers, and does not take a record."""


@dataclass(frozen=True)
class Delivery:
    """What came of an outbox.

    Attributes
    ----------
    key, folder
        The run's key, and where its records are or were.
    sent, left
        How many records were delivered now, and how many wait.
    reason
        Why they wait; "" when none does.
    refused
        What MLflow does not take, ever.
    receipts
        What MLflow gave in return: ``run_id``, ``experiment_id``, ``version``.
    model
        The run's model.
    """

    key: str
    folder: Path
    sent: int = 0
    left: int = 0
    reason: str = ""
    refused: tuple[str, ...] = ()
    receipts: Mapping[str, str] = field(default_factory=dict)
    model: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "folder": str(self.folder)}

    @property
    def message(self) -> str:
        """One sentence for a person; "" when everything is delivered."""
        if not self.left:
            return ""
        return f"{self.reason}; the records wait in {self.folder}; `evenhand sync` delivers them"


@dataclass(frozen=True)
class _Silence:
    """When an address was asked in vain, by the clock that nobody sets back, and whether a person knows."""

    asked: float
    reason: str
    told: bool


_silences: dict[str, _Silence] = {}


def root() -> Path:
    """Where the outboxes are."""
    return home() / "outbox"


def box(key: str) -> Outbox:
    """The outbox of a run."""
    return Outbox(root() / key)


def _silent() -> str:
    """Why MLflow was found silent within the last seconds, or ""."""
    found = _silences.get(address())
    return found.reason if found is not None and time.monotonic() - found.asked < _AGAIN else ""


def ask() -> None:
    """Make sure that MLflow answers; within fifteen seconds of a silence that is known without asking.

    Raises
    ------
    ServiceError
        When it does not.
    """
    if reason := _silent():
        raise ServiceError(reason)
    try:
        answer()
    except ServiceError as error:
        _note_silence(str(error), told=False)
        raise


def _note_silence(reason: str, *, told: bool) -> bool:
    """Remember a silence; whether a person had been told of it before."""
    before = _silences.get(address())
    knew = before is not None and before.told
    _silences[address()] = _Silence(time.monotonic(), reason, told or knew)
    return knew


def deliver(outbox: Outbox, *, last: bool = False, late: bool = False) -> Delivery:
    """Send what waits, as far as MLflow takes it; never raises because of a service.

    Parameters
    ----------
    outbox
        Whose records.
    last
        At the end of a run: ask again although MLflow was silent a moment ago, and wait for another process that is
        delivering the same records.
    late
        For records of a run that is over.

    Raises
    ------
    RefusedError
        When MLflow refuses a record for good; the record is kept.
    RunGoneError
        When the run was deleted in MLflow.
    """
    if (reason := _silent()) and not last:
        return _so_far(outbox, reason)
    with outbox.lock(seconds=60 if last else 0) as mine:
        if not mine:
            return _so_far(outbox, "another process is delivering them")
        return _deliver(outbox, late=late)


def _so_far(outbox: Outbox, reason: str = "", *, sent: int = 0) -> Delivery:
    state, records = outbox.state(), outbox.records()
    left = len(records) - state.delivered
    model = str(records[0].body["model"]) if records else ""
    return Delivery(outbox.key, outbox.folder, sent, left, reason, state.refused, dict(state.receipts), model)


def _deliver(outbox: Outbox, *, late: bool) -> Delivery:
    from mlflow.exceptions import MlflowException

    sent = 0
    try:
        with reachable():
            answer()
            for record in outbox.pending():
                outbox.mark(record, write(outbox, record, late=late))
                sent += 1
    except ServiceError as error:
        return _fell_silent(outbox, str(error), sent)
    except MlflowException as error:
        raise _refused(outbox, error) from error
    _answered(sent)
    found = _so_far(outbox, sent=sent)
    if outbox.finished:
        settle(found)
        if not found.refused:
            outbox.remove()
    return found


def _refused(outbox: Outbox, error: Exception) -> RefusedError:
    """Put the record that MLflow will never take aside, so that those behind it are not held up."""
    record = outbox.pending()[0]
    said = (str(error).splitlines() or [type(error).__name__])[0][:300]
    reason = f"MLflow refuses record {record.number} ({record.kind}) in {outbox.folder}: {said}"
    outbox.mark(record, {}, refused=reason)
    return RefusedError(reason)


def _fell_silent(outbox: Outbox, reason: str, sent: int) -> Delivery:
    found = _so_far(outbox, reason, sent=sent)
    if not _note_silence(reason, told=True):
        say(found.message)
    return found


def _answered(sent: int) -> None:
    before = _silences.pop(address(), None)
    if before is not None and before.told:
        say(f"MLflow answers again: {sent} records that waited are delivered")


def say(message: str) -> None:
    """A line on the screen and in the flow run's log."""
    from prefect.logging import get_run_logger

    emit(Event("note", message=message))
    if FlowRunContext.get() is not None or TaskRunContext.get() is not None:
        get_run_logger().warning(message)


def run_address(receipts: Mapping[str, str]) -> str:
    """Where MLflow's page shows a run; with a local store a file address of the store and the run."""
    run_id = receipts.get("run_id", "")
    if not run_id:
        return ""
    # Within a network of containers MLflow has a name that no browser outside knows.
    where = (os.environ.get("EVENHAND_MLFLOW_PAGE") or shown_address()).rstrip("/")
    if where.startswith("http"):
        # Without the kind of work the page shows its navigation for language models.
        return f"{where}/#/experiments/{receipts['experiment_id']}/runs/{run_id}?workflowType=machine_learning"
    return f"{where}#{run_id}"


def settle(found: Delivery) -> None:
    """Tell the folder of a run, which `evenhand show` reads, what became of its records after it was written."""
    receipts = found.receipts
    for name in {receipts.get("run_id", ""), found.key} - {""}:
        path = home() / "runs" / name / "outcome.json"
        if not path.is_file():
            continue
        outcome = json.loads(path.read_text(encoding="utf-8"))
        known = {
            "run_id": receipts.get("run_id") or outcome["run_id"],
            "run_url": run_address(receipts) or outcome["run_url"],
            "model_version": receipts.get("version") or outcome["model_version"],
            "waiting": found.message,
        }
        if any(outcome.get(key) != value for key, value in known.items()):
            write_text(path, json.dumps({**outcome, **known}, indent=1, ensure_ascii=False, allow_nan=False))


def deliver_all(*, elsewhere: bool = False, tell: Callable[[Delivery], None] | None = None) -> list[Delivery]:
    """Send what runs left that are over or were killed, the oldest first; those of running processes too.

    An outbox that keeps only what MLflow refused has its result as well, every time until a person removed it.

    Parameters
    ----------
    elsewhere
        Also send what was meant for another address, as long as nothing of it has arrived there: for an address
        that was mistyped.
    tell
        Called with each result.
    """
    for damage in set_aside(root()):
        say(damage)
    results = []
    for outbox in outboxes(root()):
        if outbox.pending():
            found = _deliver_late(outbox, elsewhere=elsewhere)
        elif outbox.state().refused:
            found = _so_far(outbox)
        else:
            continue
        results.append(found)
        if tell is not None:
            tell(found)
    return results


def _deliver_late(outbox: Outbox, *, elsewhere: bool) -> Delivery:
    meant, begun = outbox.records()[0].body["address"], bool(outbox.state().receipts)
    if meant != shown_address() and (begun or not elsewhere):
        return _so_far(outbox, f"they are meant for MLflow at {meant}, and MLFLOW_TRACKING_URI is another")
    try:
        return deliver(outbox, late=True)
    except (RefusedError, RunGoneError) as error:
        found = _so_far(outbox, str(error))
        return found if found.refused else replace(found, refused=(str(error),))
