"""The flows that a server starts to use a model once it is there, held to what the service file allows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from evenhand.config import NO_SOURCE, ServedModel, SourceConfig
from evenhand.exceptions import ConfigError, nearest, shorten
from evenhand.reproduction.checks import TOLERANCE
from flows.monitor import monitor_model
from flows.reproduce import reproduce_version
from flows.service import in_place_of, run_name, served_model
from tasks.score import score_rows

__all__ = ["monitor", "reproduce", "score"]


@flow(name="score", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def score(source: str = "", version: str = "") -> dict[str, Any] | State:
    """Score rows with the deployment's model: probability, decision and the top reasons of each, in a Parquet file.

    Args:
        source: One of the sources that the service file names for it.
        version: The number of a registered version; the one that is live when it is left out.
    """
    ended = in_place_of()
    if ended is not None:
        return ended
    model = served_model()
    chosen = source or next(iter(model.score_sources), "")
    if chosen not in model.score_sources:
        known = nearest(chosen, model.score_sources)
        raise ConfigError(f"{shorten(chosen)} is no source that {model.name} scores: {known}")
    return score_rows(
        model.name,
        model.score_sources[chosen],
        str(_output(model)),
        version=version,
        score=model.base.score,
        key=model.about.score.key,
        replace=True,  # the name is that of this run, which may have been killed
    )


@flow(name="reproduce", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def reproduce(version: str = "", tolerance: float = TOLERANCE) -> dict[str, Any]:
    """Train a registered version of the deployment's model again, and compare every step with the first time.

    Args:
        version: The number of a registered version; the one that is live when it is left out.
        tolerance: How far a number may be from the first run's, relative where it exceeds 1.
    """
    return reproduce_version(served_model().name, version, tolerance)


@flow(name="monitor", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def monitor(source: str = "", labels: str = "", version: str = "") -> dict[str, Any] | State:
    """Look at the deployment's model: drift, performance, every declared policy.

    Args:
        source: Where the new rows come from: one of the sources that the service file names for it.
        labels: Where outcomes come from that became known: one of these sources, or none.
        version: The number of a registered version; the one that is live when it is left out.
    """
    ended = in_place_of()
    if ended is not None:
        return ended
    model = served_model()
    new = _watched(model, source or model.watched.source or next(iter(model.watched.sources), ""))
    outcomes = None if labels in ("", NO_SOURCE) else _watched(model, labels)
    return monitor_model(model.configure(), new, outcomes, log=model.watched.log, version=version)


def _watched(model: ServedModel, name: str) -> SourceConfig:
    """One of the sources that a look may read."""
    known = model.watched.sources
    if name not in known:
        raise ConfigError(f"{shorten(name)} is no source of looks at {model.name}: {nearest(name, known)}")
    return known[name]


def _output(model: ServedModel) -> Path:
    """A file of this run in the folder of the service file."""
    folder = Path(model.score_output)
    folder.mkdir(parents=True, exist_ok=True)
    began = flow_run.scheduled_start_time or datetime.now(UTC)
    return folder / f"{model.name}-{began:%Y%m%dT%H%M%SZ}-{str(flow_run.id)[:8]}.parquet"
