"""The one place that writes to an MLflow run: typed items go in, idempotent calls come out.

Everything here may be repeated after a kill: the same item logged twice stands once.
"""

import json
import math
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.exceptions import ServiceError

__all__ = [
    "Child",
    "File",
    "Item",
    "Metrics",
    "Params",
    "RunRef",
    "Series",
    "Table",
    "Tags",
    "Text",
    "client",
    "finish_run",
    "log",
    "log_dataset",
    "metric_name",
    "open_run",
    "reachable",
    "run_url",
    "started_on",
]

_BATCH = 900  # MLflow takes at most 1,000 metrics, 100 params and 100 tags in one call
_PARAM_LENGTH = 6000


@dataclass(frozen=True)
class RunRef:
    """A run by name: small and JSON-able, so that tasks can pass it on.

    Attributes
    ----------
    run_id, experiment_id
        MLflow's identifiers.
    model
        The registered model's name.
    """

    run_id: str
    experiment_id: str
    model: str

    def to_dict(self) -> dict[str, str]:
        """As a dictionary of strings."""
        return asdict(self)


@dataclass(frozen=True)
class Params:
    """Parameters of the run: what was asked for."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Metrics:
    """Figures of the run, one value each; what is undefined (None, NaN) is left out."""

    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Series:
    """Figures with steps: name to (step, value) pairs."""

    values: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Tags:
    """Tags of the run."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table that MLflow's page shows; `name` ends in .json."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Text:
    """A text artifact."""

    name: str
    text: str


@dataclass(frozen=True)
class File:
    """A file or a folder as artifact, below `folder` of the run."""

    path: Path
    folder: str = ""


@dataclass(frozen=True)
class Child:
    """A child run, known by its `key` below its parent."""

    key: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


Item = Params | Metrics | Series | Tags | Table | Text | File | Child


@lru_cache(maxsize=8)
def _client(address: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address, registry_uri=address)


def client() -> Any:
    """The MLflow client for the address in `MLFLOW_TRACKING_URI`."""
    import mlflow

    return _client(mlflow.get_tracking_uri())


@contextmanager
def reachable() -> Any:
    """Turn a server that does not answer into one clear error."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import ConnectionError as NoConnection
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except OperationalError as error:
        raise ServiceError(f"MLflow's database does not answer: {error.orig}") from error
    except NoConnection as error:
        raise ServiceError("MLflow does not answer; is MLFLOW_TRACKING_URI right?") from error
    except MlflowException as error:
        if isinstance(error.__cause__, NoConnection) or "Max retries exceeded" in str(error):
            raise ServiceError("MLflow does not answer; is MLFLOW_TRACKING_URI right?") from error
        raise


def metric_name(*parts: str) -> str:
    """A name that MLflow accepts, from any text: parts joined by `/`, other signs replaced by `_`.

    Examples
    --------
    >>> metric_name("group", "race=black & sex=<b>", "true_positive_rate")
    'group/race_black _ sex__b_/true_positive_rate'
    """
    return "/".join(re.sub(r"[^\w\-. ]", "_", part).strip() or "_" for part in parts)[:250]


def open_run(*, experiment: str, name: str, model: str, tags: Mapping[str, str], run_id: str | None = None) -> RunRef:
    """Start a run, or go on with the one that an interrupted process left.

    Parameters
    ----------
    experiment
        Made when it does not exist.
    name
        What MLflow's page calls the run.
    model
        The registered model's name.
    tags
        Set on the run.
    run_id
        The run to go on with; a new one is started when it is None or gone.
    """
    from mlflow.entities import RunStatus
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

    with reachable():
        if run_id is not None:
            try:
                run = client().get_run(run_id)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                run_id = None  # the store was emptied meanwhile: start anew
            else:
                client().update_run(run_id, status=RunStatus.to_string(RunStatus.RUNNING))
                for key, value in tags.items():
                    client().set_tag(run_id, key, value)
        experiment_id = _experiment(experiment)
        if run_id is None:
            run = client().create_run(experiment_id, tags={**tags, MLFLOW_RUN_NAME: name}, run_name=name)
    return RunRef(run.info.run_id, run.info.experiment_id, model)


def _experiment(name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client().get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        # Without its kind the experiment's page opens in the view for language models.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        return str(client().create_experiment(name, artifact_location=_artifact_location(), tags=kind))
    except MlflowException:  # another run made it in this moment
        found = client().get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _artifact_location() -> str | None:
    """Beside a SQLite store its folder; with a server the server's own place."""
    import mlflow

    address = mlflow.get_tracking_uri()
    if address.startswith("sqlite:///"):
        return (Path(address.removeprefix("sqlite:///")).parent / "mlflow-artifacts").resolve().as_uri()
    return None


def finish_run(run: RunRef, status: str) -> None:
    """End the run as FINISHED, FAILED or KILLED."""
    with reachable():
        client().set_terminated(run.run_id, status)


def log(run: RunRef, items: Iterable[Item]) -> None:
    """Write items to the run: figures, parameters and tags in few batches, then files."""
    items = list(items)
    with reachable():
        _log_values(run, items)
        for item in items:
            _log_artifact(run, item)
        _log_children(run, [item for item in items if isinstance(item, Child)])


def _log_values(run: RunRef, items: Sequence[Item]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics, params, tags = [], [], []
    for item in items:
        if isinstance(item, Metrics):
            metrics += [Metric(name, value, now, 0) for name, value in _defined(item.values)]
        elif isinstance(item, Series):
            metrics += [
                Metric(name, float(value), now, step)
                for name, pairs in item.values.items()
                for step, value in pairs
                if math.isfinite(value)
            ]
        elif isinstance(item, Params):
            params += [Param(metric_name(name), _param(value)) for name, value in item.values.items()]
        elif isinstance(item, Tags):
            tags += [RunTag(name, value) for name, value in item.values.items()]
    for start in range(0, len(metrics), _BATCH):
        client().log_batch(run.run_id, metrics=metrics[start : start + _BATCH])
    for start in range(0, max(len(params), len(tags)), 90):
        client().log_batch(run.run_id, params=params[start : start + 90], tags=tags[start : start + 90])


def _defined(values: Mapping[str, float | None]) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in values.items() if value is not None and math.isfinite(value)]


def _param(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _PARAM_LENGTH else text[: _PARAM_LENGTH - 3] + "..."


def _log_artifact(run: RunRef, item: Item) -> None:
    if isinstance(item, Table):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(item.name).name
            split = item.frame.astype(object).where(item.frame.notna(), None).to_dict("split")
            path.write_text(json.dumps({"columns": split["columns"], "data": split["data"]}, default=str))
            parent = Path(item.name).parent.as_posix()
            client().log_artifact(run.run_id, str(path), None if parent == "." else parent)
    elif isinstance(item, Text):
        client().log_text(run.run_id, item.text, item.name)
    elif isinstance(item, File):
        call = client().log_artifacts if item.path.is_dir() else client().log_artifact
        call(run.run_id, str(item.path), item.folder or None)


def _log_children(run: RunRef, children: Sequence[Child]) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    if not children:
        return
    query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run.run_id}'"
    known = {
        child.data.tags.get("evenhand.key"): child.info.run_id
        for child in client().search_runs([run.experiment_id], query, max_results=1000)
    }
    now = int(time.time() * 1000)
    for child in children:
        run_id = known.get(child.key)
        if run_id is None:
            tags = {MLFLOW_PARENT_RUN_ID: run.run_id, "evenhand.key": child.key}
            run_id = client().create_run(run.experiment_id, tags=tags, run_name=child.name).info.run_id
        client().log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in _defined(child.metrics)],
            params=[Param(metric_name(name), _param(value)) for name, value in child.params.items()],
            tags=[RunTag(name, value) for name, value in child.tags.items()],
        )
        client().set_terminated(run_id, "FINISHED")


def run_url(run: RunRef) -> str:
    """Where MLflow's page shows the run; with a local store a file address of the store and the run."""
    import mlflow

    address = mlflow.get_tracking_uri().rstrip("/")
    if address.startswith("http"):
        return f"{address}/#/experiments/{run.experiment_id}/runs/{run.run_id}"
    return f"{address}#{run.run_id}"


def log_dataset(run: RunRef, name: str, digest: str, source: str, train: Dataset) -> None:
    """Name the data that the run trained on, with the digest of all of it; no row is stored.

    Parameters
    ----------
    run
        The run.
    name, digest, source
        What people call the data, its content digest, and where it came from, as JSON.
    train
        The training part: its columns and number of rows are recorded.
    """
    from mlflow.entities import Dataset as Entry
    from mlflow.entities import DatasetInput, InputTag

    schema = [{"name": str(column), "type": str(dtype)} for column, dtype in train.X.dtypes.items()]
    profile = json.dumps({"num_rows": len(train), "num_features": train.X.shape[1]})
    entry = Entry(
        name=name[:500],
        digest=digest[:36],  # all that MLflow's column holds; the tag evenhand.data_digest has the whole
        source_type="evenhand",
        source=source,
        schema=json.dumps({"features": schema})[:65_000],
        profile=profile,
    )
    with reachable():
        client().log_inputs(run.run_id, [DatasetInput(entry, [InputTag("mlflow.data.context", "training")])])


def started_on(run: RunRef) -> str:
    """The day on which the run started, in UTC, as ISO 8601 has it."""
    with reachable():
        began = client().get_run(run.run_id).info.start_time
    return datetime.fromtimestamp(began / 1000, tz=UTC).date().isoformat()
