"""What is around a flow: its tracked run, gone on with after a kill and ended with it, and whoever watches."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from evenhand.config import Config
from evenhand.events import Event
from evenhand.journal import Journal
from evenhand.provenance import code_version, git_commit
from evenhand.store import Ref, digest_json
from flows.left import close_left
from tasks.step import emit, flow_run_id, home, listening, prefect_answers
from tasks.tracking import Params, RunRef, beside, finish_run, log, open_run, run_url

__all__ = ["own_run", "resumed_run", "tracked_run", "watched"]


@contextmanager
def tracked_run(config: Config, rows: Ref) -> Iterator[RunRef]:
    """The MLflow run of this flow: a new one, or the one that an interrupted process left.

    Parameters
    ----------
    config
        What the run is to do.
    rows
        The snapshot it does it with. An interrupted run of the same configuration, rows and code is gone on with.
    """
    asked = config.model_dump(mode="json")
    work = digest_json({"config": asked, "rows": rows.digest, "code": code_version()})
    tags = {"evenhand.work": work, "evenhand.code_version": code_version(), "evenhand.git_commit": git_commit() or ""}
    experiment = config.record.experiment or config.model
    with resumed_run(work, experiment=experiment, name=config.model, model=config.model, tags=tags) as run:
        log(run, [Params({"model_name": config.model, "seed": config.seed, **_flat(asked)})])
        yield run


@contextmanager
def resumed_run(work: str, *, experiment: str, name: str, model: str, tags: Mapping[str, str]) -> Iterator[RunRef]:
    """The MLflow run of some work: the one that an interrupted process left, or a new one.

    Parameters
    ----------
    work
        The digest of what is done, on what, by which code.
    experiment, model, tags
        As :func:`tasks.tracking.open_run` takes them.
    name
        What it is called outside a flow run.
    """
    context = FlowRunContext.get()
    mine = context.flow_run if context is not None else None
    journal = Journal(home() / "under-way")
    interrupted = journal.claim(work, flow_run_id())
    run = open_run(
        experiment=experiment,
        name=mine.name if mine is not None else name,
        model=model,
        tags={"evenhand.flow_run_id": flow_run_id(), **tags},
        key=interrupted.run_key if interrupted else None,
    )
    starts = mine.run_count if mine is not None else 0
    with journal.open(work, run.key, flow_run_id(), starts), _ended(run), prefect_answers():
        if interrupted is not None:
            emit(Event("note", message=f"going on with the interrupted run {run.name}"))
            close_left(interrupted, flow_run_id())
        if run_url(run).startswith("http"):
            emit(Event("link", message=run_url(run)))
        yield run


@contextmanager
def own_run(*, experiment: str, name: str, model: str, tags: Mapping[str, str]) -> Iterator[RunRef]:
    """A new MLflow run, apart from the trainings.

    Parameters
    ----------
    experiment, name, model, tags
        As :func:`tasks.tracking.open_run` takes them; the flow run is a tag of each.
    """
    whole = {"evenhand.flow_run_id": flow_run_id(), **tags}
    run = open_run(experiment=experiment, name=name, model=model, tags=whole)
    with _ended(run):
        yield run


@contextmanager
def _ended(run: RunRef) -> Iterator[None]:
    """End the run as the block ends: FINISHED, FAILED, or KILLED when a person or a signal ended it."""
    status = "FAILED"
    try:
        with beside():
            yield
        status = "FINISHED"
    except (KeyboardInterrupt, TerminationSignal):
        status = "KILLED"
        raise
    finally:
        finish_run(run, status)


@contextmanager
def watched(on_event: Callable[[Event], None] | None) -> Iterator[None]:
    """Run a flow in this process, in front of somebody who is told its events.

    Parameters
    ----------
    on_event
        Called with each event, in this thread; a note that MLflow is silent, or answers again, may come from the thread
        that sends the records.
    """
    # The heartbeat thread makes a flow wait a second at its end; a watched process needs no heartbeat.
    with listening(on_event), prefect_answers(), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _flat(asked: dict[str, object]) -> dict[str, object]:
    """The choices a person compares runs by, as `section.name`; the card's prose and the source stand elsewhere."""
    sections = ("split", "weight", "search", "mitigate", "evaluate", "explain", "audit", "robustness", "gate")
    found: dict[str, object] = {}
    for section in sections:
        values = asked[section]
        assert isinstance(values, dict)
        found |= {f"{section}.{name}": value for name, value in values.items()}
    return found
