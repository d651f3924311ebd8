"""A look at the model that is live: its new data, what it says, and what became of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from evenhand.config import AuditConfig, Config, DataConfig, MonitorConfig, RecordConfig, SourceConfig
from evenhand.events import Event
from evenhand.monitoring import same_looks
from evenhand.provenance import code_version
from evenhand.store import Ref, digest_json
from flows.lock import one_at_a_time
from flows.session import resumed_run, watched
from tasks.monitor import assess_look, declared_digest, past_looks
from tasks.observe import kinds_of, live_model, observe_batch
from tasks.outcomes import join_outcomes
from tasks.registry import Version
from tasks.step import emit, home, read_json, store
from tasks.tracking import deliver_all

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
    declared = declared_digest(config.data, config.audit, config.monitor, config.seed)
    done, owed = same_looks(past, digest, live.version, declared)
    if done and labels is None and not log and not any(look["labelled"] for look in owed):
        emit(Event("note", message=f"look {done[-1]['number']} was at these rows: its result stands"))
        return {**done[-1], "folder": str(home() / "monitoring" / config.model / f"{done[-1]['number']:04d}")}
    at, waiting = datetime.now(UTC).isoformat(timespec="seconds"), past[-1]["kept"] if past else None
    classes = tuple(about["reference"]["classes"])
    told: dict[str, Any] = {"version": live, "at": at, "fresh": not (done or owed), "classes": classes}
    told["known"] = kinds_of(about, config.data)
    joined = join_outcomes(seen, waiting, labels, config.data, config.monitor, **told)
    work = digest_json(
        {
            "monitor": config.model_dump(mode="json"),
            "work": [seen.digest, joined.digest, log, declared],
            "code": code_version(),
        }
    )
    tags = {"evenhand.model": config.model, "evenhand.version": live.version}
    with resumed_run(work, experiment=experiment, name=experiment, model=config.model, tags=tags) as run:
        return assess_look(
            live,
            about,
            seen,
            joined,
            log,
            config.audit,
            config.monitor,
            past=past,
            owed=owed,
            at=at,
            fresh=not done,
            declared=declared,
            seed=config.seed,
            run=run,
        )


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
    with watched(on_event):
        found: dict[str, Any] = monitor(**sections, new=new, labels=labels, log=log, version=version)
    return found
