"""How each kind of record is written to MLflow; every one may be written again after a kill and stands once.

MLflow looks whether a data set, a name or an alias is there and inserts it then, in two steps: of two runs that do so
at once the slower one meets a row that it had not seen. It writes again, and sees it.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from evenhand.exceptions import EvenhandError, ServiceError
from tasks.tracking.outbox import Outbox, Record
from tasks.tracking.service import artifact_location, client, unknown

__all__ = ["RunGoneError", "alias_holder", "create_name", "set_alias", "write"]

T = TypeVar("T")

RUN_KEY, FLOW_RUN = "evenhand.run_key", "evenhand.flow_run_id"
_CLASHES = 10
_ASKED = "evenhand.asked_alias"  # which may have gone to a newer version since
_ASKED_AT = "evenhand.asked_at"  # milliseconds since 1970: when the run registered it, with or without MLflow
_METRICS, _PARAMS = 900, 90  # MLflow takes at most 1,000 metrics, 100 params and 100 tags in one call


class RunGoneError(EvenhandError):
    """The run was deleted in MLflow while it was under way."""


def write(outbox: Outbox, record: Record, *, late: bool) -> dict[str, str]:
    """Write one record, and give what MLflow gave in return.

    Parameters
    ----------
    outbox, record
        What to write.
    late
        Whether the run that made it is over: a version that comes late does not take an alias from a newer one.
    """
    receipts = outbox.state().receipts
    if record.kind != "open" and "run_id" not in receipts:
        raise RunGoneError(f"MLflow did not take the run that the records in {outbox.folder} belong to")
    if record.kind == "version":
        return _unclashed(lambda: _write_version(record, receipts, late=late))
    return _unclashed(lambda: _WRITERS[record.kind](outbox, record, receipts))


def _unclashed(call: Callable[[], T]) -> T:
    """Call again when another run has just written the same row."""
    from mlflow.exceptions import MlflowException

    for attempt in range(_CLASHES - 1):
        try:
            return call()
        except MlflowException as error:
            if not _clashed(error):
                raise
        time.sleep(0.1 * (attempt + 1) * random.random())  # noqa: S311 (two that clashed do not come back together)
    return call()


def _clashed(error: Exception) -> bool:
    """Whether a row was there already: by the words of SQLite's, PostgreSQL's and MySQL's drivers, or MLflow's own."""
    return any(word in str(error) for word in ("IntegrityError", "UniqueViolation", "Model Version creation error"))


def _write_open(outbox: Outbox, record: Record, receipts: Mapping[str, str]) -> dict[str, str]:
    """Find the run by its key, or make it."""
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

    body = record.body
    tags = {**body["tags"], RUN_KEY: outbox.key}
    experiment = receipts.get("experiment_id") or _experiment(body["experiment"])
    found = client().search_runs([experiment], f"tags.`{RUN_KEY}` = '{outbox.key}'", max_results=1)
    if found:
        run = found[0]
        client().update_run(run.info.run_id, status="RUNNING")
        _batches(run.info.run_id, tags=tags)
    elif "run_id" in receipts:
        raise RunGoneError(f"the run {receipts['run_id']} was deleted in MLflow while it was under way")
    else:
        tags = {**tags, MLFLOW_RUN_NAME: body["name"]}
        _end_left(experiment, tags.get(FLOW_RUN, ""), before=record.at)
        run = client().create_run(experiment, start_time=record.at, tags=tags, run_name=body["name"])
    return {"run_id": str(run.info.run_id), "experiment_id": str(run.info.experiment_id)}


def _end_left(experiment: str, flow_run: str, *, before: int) -> None:
    """End what a process of the same flow run left that was killed on another machine: nobody there will."""
    if not flow_run:
        return
    asked = f"tags.`{FLOW_RUN}` = '{flow_run}' and attributes.status = 'RUNNING' and attributes.start_time < {before}"
    for run in client().search_runs([experiment], asked):
        client().set_terminated(run.info.run_id, "KILLED")


def _experiment(name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client().get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        # Without its kind the experiment's page opens in the view for language models.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        return str(client().create_experiment(name, artifact_location=artifact_location(), tags=kind))
    except MlflowException:  # another run made it in this moment
        found = client().get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _write_items(outbox: Outbox, record: Record, receipts: Mapping[str, str]) -> dict[str, str]:
    run_id, body = receipts["run_id"], record.body
    _batches(run_id, metrics=_metrics(body["metrics"], record.at), params=body["params"], tags=body["tags"])
    files = outbox.files(record)
    if files.is_dir():
        client().log_artifacts(run_id, str(files))
    if body["children"]:
        _write_children(record, receipts)
    return {}


def _metrics(points: Sequence[Sequence[Any]], at: int) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(name, value, at, step) for name, value, step in points]


def _batches(
    run_id: str,
    *,
    metrics: Sequence[Any] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """As few calls as MLflow's limits allow."""
    from mlflow.entities import Param, RunTag

    named = [Param(name, value) for name, value in (params or {}).items()]
    tagged = [RunTag(name, value) for name, value in (tags or {}).items()]
    if len(metrics) <= _METRICS and len(named) <= _PARAMS and len(tagged) <= _PARAMS:
        if metrics or named or tagged:
            client().log_batch(run_id, metrics=metrics, params=named, tags=tagged)
        return
    for start in range(0, len(metrics), _METRICS):
        client().log_batch(run_id, metrics=metrics[start : start + _METRICS])
    for start in range(0, max(len(named), len(tagged)), _PARAMS):
        client().log_batch(run_id, params=named[start : start + _PARAMS], tags=tagged[start : start + _PARAMS])


def _write_children(record: Record, receipts: Mapping[str, str]) -> None:
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{receipts['run_id']}'"
    known = {
        child.data.tags.get("evenhand.key"): child.info.run_id
        for child in client().search_runs([receipts["experiment_id"]], query, max_results=1000)
    }
    for child in record.body["children"]:
        run_id = known.get(child["key"])
        if run_id is None:
            tags = {MLFLOW_PARENT_RUN_ID: receipts["run_id"], "evenhand.key": child["key"]}
            made = client().create_run(
                receipts["experiment_id"], start_time=record.at, tags=tags, run_name=child["name"]
            )
            run_id = made.info.run_id
        _batches(run_id, metrics=_metrics(child["metrics"], record.at), params=child["params"], tags=child["tags"])
        client().set_terminated(run_id, "FINISHED", end_time=record.at)


def _write_dataset(_outbox: Outbox, record: Record, receipts: Mapping[str, str]) -> dict[str, str]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entry = DatasetInput(Dataset(**record.body), [InputTag("mlflow.data.context", "training")])
    client().log_inputs(receipts["run_id"], [entry])
    return {}


def _write_model(outbox: Outbox, record: Record, receipts: Mapping[str, str]) -> dict[str, str]:
    """Store the model below the run; one that was half stored before is removed."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    run_id, tags = receipts["run_id"], record.body["tags"]
    digest = tags["evenhand.model_digest"]
    for logged in client().search_logged_models([receipts["experiment_id"]], f"source_run_id = '{run_id}'"):
        if logged.tags.get("evenhand.model_digest") == digest:
            if str(logged.status).endswith("READY"):
                return {"model_id": str(logged.model_id)}
            client().delete_logged_model(logged.model_id)
    run = client().get_run(run_id)
    made = client().create_logged_model(
        receipts["experiment_id"], name="model", source_run_id=run_id, tags=tags, params=run.data.params
    )
    client().log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    folder = outbox.files(record)
    about = Model.load(str(folder))
    about.run_id, about.model_id, about.model_uuid = run_id, made.model_id, made.model_id
    about.artifact_path = made.artifact_location
    draft = folder.with_suffix(".MLmodel")
    about.save(str(draft))
    draft.replace(folder / "MLmodel")
    client().log_model_artifacts(made.model_id, str(folder))
    _show_figures(run, made.model_id)
    client().finalize_logged_model(made.model_id, "READY")
    return {"model_id": str(made.model_id)}


def _show_figures(run: Any, model_id: str) -> None:
    """What the run says of the model on the test part, on the model's own page too: the same points, not new ones."""
    from mlflow.entities import Metric

    points = [Metric.from_proto(point) for point in run.data.to_proto().metrics if point.key.startswith("test/")]
    own = [Metric(p.key, p.value, p.timestamp, p.step, model_id=model_id, run_id=run.info.run_id) for p in points]
    for start in range(0, len(own), _METRICS):
        client().log_batch(run.info.run_id, metrics=own[start : start + _METRICS])


def _write_version(record: Record, receipts: Mapping[str, str], *, late: bool) -> dict[str, str]:
    """Register the run's model once, and see that the alias stands at the newest version."""
    model, alias, run_id = record.body["model"], record.body["alias"], receipts["run_id"]
    create_name(model)
    found = client().search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
    version = found[0] if found else _create(record, receipts, late=late)
    _move_alias(model, alias)
    _batches(run_id, tags={"evenhand.model_version": str(version.version)})
    return {"version": str(version.version)}


def create_name(model: str) -> None:
    """Make a registered model without versions, where there is none of that name."""
    from mlflow.exceptions import MlflowException

    try:
        client().create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create(record: Record, receipts: Mapping[str, str], *, late: bool) -> Any:
    body, model_id = record.body, receipts["model_id"]
    run_id = receipts["run_id"]
    tags = {**body["tags"], "evenhand.run_id": run_id, _ASKED: body["alias"], _ASKED_AT: str(record.at)}
    if late and _newer(body["model"], body["alias"], record.at):
        tags[_ASKED] = ""
    where = f"Its model card is card/card.html among the artifacts of run {run_id}"
    made = client().create_model_version(
        body["model"],
        f"models:/{model_id}",
        run_id=run_id,
        tags=tags,
        description=f"{body['description']} {where}; `evenhand show {run_id[:8]}` tells of both.",
        model_id=model_id,  # a server takes no model address without it
    )
    if made.status != "READY":
        raise ServiceError(f"MLflow did not finish registering version {made.version} of {made.name!r}: {made.status}")
    return made


def _newer(model: str, alias: str, at: int) -> bool:
    """Whether a version asks for the alias that was made after a record was written that had to wait.

    MLflow's own time of a version is that of its delivery: of two that waited the first would be newer than the second.
    """
    newest = _newest(model, alias)
    return newest is not None and int(newest.tags.get(_ASKED_AT, newest.creation_timestamp)) > at


def _newest(model: str, alias: str) -> Any | None:
    """The version with the highest number of those that ask for an alias."""
    query = f"name = '{model}' and tags.`{_ASKED}` = '{alias}'"
    found = client().search_model_versions(query, order_by=["version_number DESC"], max_results=1)
    return found[0] if found else None


def _move_alias(model: str, alias: str) -> None:
    """Set the alias to the newest version that asked for it, and look again: another run may be doing the same."""
    while True:
        newest = _newest(model, alias)
        if newest is None or alias_holder(model, alias) == str(newest.version):
            return
        set_alias(model, alias, str(newest.version))


def set_alias(model: str, alias: str, version: str) -> None:
    """Let an alias point to a version, also while others set it."""
    _unclashed(lambda: client().set_registered_model_alias(model, alias, version))


def alias_holder(model: str, alias: str) -> str | None:
    """The number of the version that has an alias; None when none has."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client().get_model_version_by_alias(model, alias).version)
    except MlflowException as error:
        if not unknown(error):
            raise
        return None


def _write_finish(_outbox: Outbox, record: Record, receipts: Mapping[str, str]) -> dict[str, str]:
    client().set_terminated(receipts["run_id"], record.body["status"], end_time=record.at)
    return {}


Writer = Callable[[Outbox, Record, Mapping[str, str]], dict[str, str]]

_WRITERS: Mapping[str, Writer] = {
    "open": _write_open,
    "items": _write_items,
    "dataset": _write_dataset,
    "model": _write_model,
    "finish": _write_finish,
}
