"""The tracked run around a flow: opened, gone on with after a kill, and ended with the flow."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, TerminationSignal
from prefect.states import Crashed

from evenhand.config import Config
from evenhand.events import Event
from evenhand.journal import Journal
from evenhand.provenance import code_version, git_commit
from evenhand.store import Ref, digest_json
from tasks.step import emit, home
from tasks.tracking import Params, RunRef, finish_run, log, open_run, run_url

__all__ = ["tracked_run"]


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
    context = FlowRunContext.get()
    flow_run = context.flow_run if context is not None else None
    flow_run_id, name = (str(flow_run.id), flow_run.name) if flow_run is not None else ("", config.model)
    asked = config.model_dump(mode="json")
    work = digest_json({"config": asked, "rows": rows.digest, "code": code_version()})
    journal = Journal(home() / "under-way")
    interrupted = journal.claim(work, flow_run_id)
    tags = {"evenhand.flow_run_id": flow_run_id, "evenhand.work": work, "evenhand.code_version": code_version()}
    run = open_run(
        experiment=config.record.experiment or config.model,
        name=name,
        model=config.model,
        tags={**tags, "evenhand.git_commit": git_commit() or ""},
        key=interrupted.run_key if interrupted else None,
    )
    with journal.open(work, run.key, flow_run_id):
        log(run, [Params({"model_name": config.model, "seed": config.seed, **_flat(asked)})])
        if interrupted is not None:
            emit(Event("note", message=f"going on with the interrupted run {run.name}"))
            _close(interrupted.flow_run_id, flow_run_id)
        if run_url(run).startswith("http"):
            emit(Event("link", message=run_url(run)))
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except (KeyboardInterrupt, TerminationSignal):
            status = "KILLED"
            raise
        finally:
            finish_run(run, status)


def _close(left: str, now: str) -> None:
    """Mark the flow run that a killed process left as crashed: nothing else would ever end it."""
    if not left or left == now:
        return
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(UUID(left)).state
        except ObjectNotFound:
            return  # it was in another server's database
        if state is None or not state.is_final():
            client.set_flow_run_state(
                UUID(left), Crashed(message=f"Killed; flow run {now} went on with it."), force=True
            )


def _flat(asked: dict[str, object]) -> dict[str, object]:
    """The choices a person compares runs by, as `section.name`; the card's prose and the source stand elsewhere."""
    sections = ("split", "weight", "search", "mitigate", "evaluate", "explain", "audit", "robustness", "gate")
    found: dict[str, object] = {}
    for section in sections:
        values = asked[section]
        assert isinstance(values, dict)
        found |= {f"{section}.{name}": value for name, value in values.items()}
    return found
