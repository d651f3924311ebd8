"""A look at the model that is live: its new data, what it says, and what became of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from evenhand.config import AuditConfig, Config, DataConfig, MonitorConfig, RecordConfig, SourceConfig
from evenhand.events import Event
from evenhand.journal import Journal
from evenhand.provenance import code_version
from evenhand.store import Ref, digest_json
from flows.lock import one_at_a_time
from tasks.monitor import assess_look, past_looks
from tasks.observe import live_model, observe_batch
from tasks.outcomes import join_outcomes
from tasks.registry import Version
from tasks.step import emit, home, listening, prefect_answers, read_json, store
from tasks.tracking import RunRef, deliver_all, finish_run, open_run, run_url

__all__ = ["monitor", "monitor_model", "run_monitor"]


def _run_name() -> str:
    """The model and the minute: what tells one run from another in a list."""
    return f"{flow_run.parameters['model']} monitor {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@flow(name="monitor", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def monitor(
    model: str,
    data: DataConfig,
    new: SourceConfig,
    labels: SourceConfig | None = None,
    log: str = "",
    version: str = "",
    audit: AuditConfig = AuditConfig(),
    monitor: MonitorConfig = MonitorConfig(),
    record: RecordConfig = RecordConfig(),
    seed: int = 0,
) -> dict[str, Any]:
    """Look at the model that is live: drift, performance, every declared policy.

    Args:
        model: The name under which the model is registered.
        data: What the columns of its data mean.
        new: Where the new rows come from.
        labels: Where outcomes come from that became known.
        log: A log of single answers' times.
        version: The version to watch; by default the champion.
        audit: The policies and how they are judged.
        monitor: What is watched, and what is an alarm.
        record: Where the run is recorded.
        seed: The seed that every random draw derives from.
    """
    config = Config(model=model, data=data, audit=audit, monitor=monitor, record=record, seed=seed)
    return monitor_model(config, new, labels, log=log, version=version)


def monitor_model(
    config: Config, new: SourceConfig, labels: SourceConfig | None = None, *, log: str = "", version: str = ""
) -> dict[str, Any]:
    """The steps of a look, in order, within whichever flow runs.

    Parameters
    ----------
    config
        The model's configuration.
    new, labels
        Where the new rows, and outcomes that became known, come from.
    log
        A log of single answers' times, or "".
    version
        A version or an alias; by default the champion.
    """
    with one_at_a_time(config.model, "monitor"):
        deliver_all()
        live, about = live_model(config.model, version)
        seen = observe_batch(live, about, new, config.data, config.monitor, seed=config.seed)
        return _look(config, live, about, seen, labels, log)


def _look(
    config: Config, live: Version, about: dict[str, Any], seen: Ref, labels: SourceConfig | None, log: str
) -> dict[str, Any]:
    experiment = f"{config.record.experiment or config.model} monitor"
    past = past_looks(config.model, experiment)
    digest = read_json(store().folder(seen) / "observation.json")["digest"]
    same = [look for look in past if look["data"] == digest and look["version"] == live.version]
    if same and labels is None and not log:
        emit(Event("note", message=f"look {same[-1]['number']} was at these rows: its result stands"))
        return {**same[-1], "folder": str(home() / "monitoring" / config.model / f"{same[-1]['number']:04d}")}
    at, waiting = datetime.now(UTC).isoformat(timespec="seconds"), past[-1]["kept"] if past else None
    told: dict[str, Any] = {"version": live, "at": at, "fresh": not same}
    joined = join_outcomes(seen, waiting, labels, config.data, config.monitor, **told)
    with _tracked(config, experiment, live, [seen.digest, joined.digest, log]) as run:
        return assess_look(
            live,
            about,
            seen,
            joined,
            log,
            config.audit,
            config.monitor,
            past=past,
            at=at,
            fresh=not same,
            seed=config.seed,
            run=run,
        )


@contextmanager
def _tracked(config: Config, experiment: str, live: Version, work: list[str]) -> Iterator[RunRef]:
    """The MLflow run of this look: a new one, or the one that a killed process left."""
    context = FlowRunContext.get()
    found = context.flow_run if context is not None else None
    flow_run_id, name = (str(found.id), found.name) if found is not None else ("", f"{config.model} monitor")
    asked = digest_json({"monitor": config.model_dump(mode="json"), "work": work, "code": code_version()})
    journal = Journal(home() / "under-way")
    interrupted = journal.claim(asked, flow_run_id)
    tags = {"evenhand.flow_run_id": flow_run_id, "evenhand.model": config.model, "evenhand.version": live.version}
    key = interrupted.run_key if interrupted else None
    run = open_run(experiment=experiment, name=name, model=config.model, tags=tags, key=key)
    with journal.open(asked, run.key, flow_run_id):
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


def run_monitor(
    config: Config,
    new: SourceConfig,
    labels: SourceConfig | None = None,
    *,
    log: str = "",
    version: str = "",
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Run the flow in this process.

    Parameters
    ----------
    config, new, labels, log, version
        As in :func:`monitor_model`.
    on_event
        Called with each event, in this thread.
    """
    sections = {name: getattr(config, name) for name in ("model", "data", "audit", "monitor", "record", "seed")}
    # The heartbeat thread makes a flow wait a second at its end; a watched process needs no heartbeat.
    with listening(on_event), prefect_answers(), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        found: dict[str, Any] = monitor(**sections, new=new, labels=labels, log=log, version=version)
    return found
