"""The flows that a server starts to use a model once it is there, held to what the service file allows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from evenhand.config import NO_SOURCE, ServedModel, SourceConfig
from evenhand.exceptions import ConfigError, nearest, shorten
from evenhand.fairness.policies.load import available_policies
from evenhand.reproduction.checks import TOLERANCE
from evenhand.scoring.places import place_below
from flows.audit import audit_version_on
from flows.life import alive
from flows.monitor import monitor_model
from flows.reproduce import reproduce_version
from flows.service import in_place_of, run_name, served_model
from tasks.score import score_rows
from tasks.step import reading_below

__all__ = ["audit", "monitor", "reproduce", "score"]


@flow(name="score", flow_run_name=run_name, validate_parameters=True, persist_result=False)
@alive
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
    with reading_below(model.roots):
        return score_rows(
            model.name,
            _named(source, model.score_sources, f"no source that {model.name} scores"),
            _output(model),
            version=version,
            score=model.base.score,
            key=model.about.score.key,
            replace=True,  # the name is that of this run, which may have been killed
        )


@flow(name="reproduce", flow_run_name=run_name, validate_parameters=True, persist_result=False)
@alive
def reproduce(version: str = "", tolerance: float = TOLERANCE) -> dict[str, Any]:
    """Train a registered version of the deployment's model again, and compare every step with the first time.

    Args:
        version: The number of a registered version; the one that is live when it is left out.
        tolerance: How far a number may be from the first run's, relative where it exceeds 1.
    """
    return reproduce_version(served_model().name, version, tolerance)


@flow(name="monitor", flow_run_name=run_name, validate_parameters=True, persist_result=False)
@alive
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
    with reading_below(model.roots):
        return monitor_model(model.configure(), new, outcomes, log=model.watched.log, version=version)


def _watched(model: ServedModel, name: str) -> SourceConfig:
    """One of the sources that a look may read."""
    known = model.watched.sources
    if name not in known:
        raise ConfigError(f"{shorten(name)} is no source of looks at {model.name}: {nearest(name, known)}")
    return known[name]


@flow(name="audit", flow_run_name=run_name, validate_parameters=True, persist_result=False)
@alive
def audit(source: str = "", version: str = "", policies: list[str] | None = None) -> dict[str, Any]:
    """Compare the decisions of a registered version between groups, on rows of a named source; nothing is trained.

    Args:
        source: One of the sources that the service file names.
        version: The number of a registered version; the one that is live when it is left out.
        policies: The policies that give verdicts; as the version's configuration has them when left out.
    """
    model = served_model()
    known = {*available_policies(), *model.base.audit.policies}
    for name in policies or ():
        if name not in known:
            raise ConfigError(f"{shorten(name)} is no policy of {model.name}: {nearest(name, known)}")
    chosen = _named(source, model.sources, f"no source of {model.name}")
    with reading_below(model.roots):
        return audit_version_on(model.name, chosen, version=version, policies=policies)


def _named(name: str, sources: Mapping[str, SourceConfig], what: str) -> SourceConfig:
    """A source by its name; the first without one."""
    chosen = name or next(iter(sources), "")
    if chosen not in sources:
        raise ConfigError(f"{shorten(chosen)} is {what}: {nearest(chosen, sources)}")
    return sources[chosen]


def _output(model: ServedModel) -> str:
    """A file of this run in the folder of the service file."""
    began = flow_run.scheduled_start_time or datetime.now(UTC)
    return place_below(model.score_output, f"{model.name}-{began:%Y%m%dT%H%M%SZ}-{str(flow_run.id)[:8]}.parquet")
