"""An audit without any training: a registered version on any rows, whoever made it, or files of predictions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from prefect import flow

from evenhand.config import AuditConfig, Config, SourceConfig
from evenhand.config.load import parse_config
from evenhand.events import Event
from evenhand.exceptions import ModelError
from evenhand.fairness.columns import PredictionColumns
from flows.session import own_run, watched
from tasks.assess import ForeignOnRows, PredictionFiles, VersionOnRows, assess
from tasks.ingest import ingest_data
from tasks.ledger import live_version, read_decided, read_undecided
from tasks.step import home
from tasks.tracking import RunRef

__all__ = [
    "audit_foreign",
    "audit_predictions",
    "audit_version",
    "audit_version_on",
    "run_audit_foreign",
    "run_audit_predictions",
    "run_audit_version",
]


@flow(name="audit", flow_run_name="audit {model} {version}", validate_parameters=True, persist_result=False)
def audit_version(
    model: str,
    source: SourceConfig,
    *,
    version: str = "",
    policies: list[str] | None = None,
    folder: str = "",
    record: bool = True,
) -> dict[str, Any]:
    """Audit a registered version on any rows that have the target and the sensitive columns.

    Args:
        model: The registered name.
        source: Where the rows come from.
        version: A version's number; the one that is live when it is left out.
        policies: The policies that give verdicts; as the version's configuration has them when left out.
        folder: Where the page and the figures go.
        record: Whether an MLflow run keeps them too.
    """
    return audit_version_on(model, source, version=version, policies=policies, folder=folder, record=record)


def audit_version_on(
    model: str,
    source: SourceConfig,
    *,
    version: str = "",
    policies: Sequence[str] | None = None,
    folder: str = "",
    record: bool = True,
) -> dict[str, Any]:
    """The steps of an audit of a version, in order, within whichever flow runs.

    Parameters
    ----------
    model, source, version, policies, folder, record
        As :func:`audit_version` takes them.
    """
    known = read_decided(model, version or live_version(model))
    config = parse_config(known.config)
    asked = config.audit if policies is None else config.audit.model_copy(update={"policies": list(policies)})
    rows = ingest_data(config.data.model_copy(update={"source": source, "name": ""}), known.contract, held=False)
    with _run_of(known.model, known.name, record=record) as run:
        return assess(VersionOnRows(known, rows), asked, _folder(folder, known.model), seed=config.seed, run=run)


@flow(name="audit", flow_run_name="audit {model} {version}", validate_parameters=False, persist_result=False)
def audit_foreign(
    model: str,
    config: Config,
    *,
    trust_model: bool,
    version: str = "",
    weight: str = "",
    frequency: str = "",
    classes: tuple[str, ...] = (),
    folder: str = "",
    record: bool = True,
) -> dict[str, Any]:
    """Audit a registered version that Evenhand did not make, which runs the code that is stored in it.

    Args:
        model: The registered name.
        config: Where the rows come from and what they mean, the policies, and how looks share the error; what is of
            training is not read.
        trust_model: That a person trusts whoever made the model. Without it nothing is loaded.
        version: A version's number.
        weight: The column of sampling weights.
        frequency: The column that says how often a row was observed.
        classes: Every label that there is, where the model does not say so.
        folder: Where the page and the figures go.
        record: Whether an MLflow run keeps them too.
    """
    if not trust_model:
        raise ModelError(
            f"loading {model} would run the code that is stored in it: say that you trust it (--trust-model), or write "
            "its predictions to a file and audit these with --predictions"
        )
    known = read_undecided(model, version or live_version(model))
    # Without a signature the columns show once it is loaded, and that is after the rows were read.
    extra = [weight, frequency, *config.audit.legitimate_factors] if known.inputs else []
    taken = [*(each.name for each in known.inputs), *(name for name in extra if name)]
    rows = ingest_data(config.data, None, taken=taken)
    what = ForeignOnRows(known, rows, config, weight, frequency, classes)
    with _run_of(known.model, known.name, record=record) as run:
        return assess(what, config.audit, _folder(folder, known.model), seed=config.seed, run=run)


@flow(name="audit", flow_run_name="audit {name}", validate_parameters=False, persist_result=False)
def audit_predictions(
    name: str,
    paths: list[Path],
    columns: PredictionColumns,
    audit: AuditConfig = AuditConfig(),
    *,
    folder: str = "",
    record: bool = True,
) -> dict[str, Any]:
    """Audit files of predictions, which are read in parts.

    Args:
        name: What to call them.
        paths: Parquet files, or folders of them.
        columns: What their columns say.
        audit: Depth, policies and levels.
        folder: Where the page and the figures go.
        record: Whether an MLflow run keeps them too.
    """
    with _run_of(name, name, record=record) as run:
        return assess(PredictionFiles(name, tuple(paths), columns), audit, _folder(folder, name), run=run)


def _folder(given: str, name: str) -> Path:
    if given:
        return Path(given).absolute()
    return home() / "audits" / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:4]}"


@contextmanager
def _run_of(model: str, name: str, *, record: bool) -> Iterator[RunRef | None]:
    """An MLflow run of its own, apart from the trainings; None when nothing is to be recorded."""
    if not record:
        yield None
        return
    tags = {"evenhand.kind": "audit"}
    with own_run(experiment=f"{model} audit", name=f"audit {name}", model=model, tags=tags) as run:
        yield run


def run_audit_version(*args: Any, on_event: Callable[[Event], None] | None = None, **kwargs: Any) -> dict[str, Any]:
    """Run :func:`audit_version` in this process, with its arguments.

    Parameters
    ----------
    args, kwargs
        As :func:`audit_version` takes them.
    on_event
        Called with each event, in this thread.
    """
    with watched(on_event):
        found: dict[str, Any] = audit_version(*args, **kwargs)
    return found


def run_audit_foreign(*args: Any, on_event: Callable[[Event], None] | None = None, **kwargs: Any) -> dict[str, Any]:
    """Run :func:`audit_foreign` in this process, with its arguments.

    Parameters
    ----------
    args, kwargs
        As :func:`audit_foreign` takes them.
    on_event
        Called with each event, in this thread.
    """
    with watched(on_event):
        found: dict[str, Any] = audit_foreign(*args, **kwargs)
    return found


def run_audit_predictions(*args: Any, on_event: Callable[[Event], None] | None = None, **kwargs: Any) -> dict[str, Any]:
    """Run :func:`audit_predictions` in this process, with its arguments.

    Parameters
    ----------
    args, kwargs
        As :func:`audit_predictions` takes them.
    on_event
        Called with each event, in this thread.
    """
    with watched(on_event):
        found: dict[str, Any] = audit_predictions(*args, **kwargs)
    return found
