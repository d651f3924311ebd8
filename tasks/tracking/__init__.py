"""The tracked run: typed items go in, and are kept on disk until MLflow has them.

Every call writes a record into the run's outbox first, and then delivers what waits there. When MLflow does not answer,
computing goes on: the records stay, and are delivered by a later call, by the next run, or by `evenhand sync`.
Everything may be repeated after a kill: the same thing recorded twice stands once.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from evenhand.data.dataset import Dataset
from tasks.tracking.delivery import Delivery, box, deliver, deliver_all, root, run_address, say, settle
from tasks.tracking.items import (
    Child,
    File,
    Item,
    Metrics,
    Params,
    RunRef,
    Series,
    Table,
    Tags,
    Text,
    lay_out,
    metric_name,
    to_body,
)
from tasks.tracking.outbox import outboxes
from tasks.tracking.sending import beside, caught_up, send
from tasks.tracking.service import client, reachable, shown_address, warm_up
from tasks.tracking.writing import RunGoneError

__all__ = [
    "Child",
    "Delivery",
    "File",
    "Item",
    "Metrics",
    "Params",
    "RunRef",
    "Series",
    "Table",
    "Tags",
    "Text",
    "beside",
    "client",
    "current",
    "deliver_all",
    "finish_run",
    "log",
    "log_dataset",
    "metric_name",
    "open_run",
    "reachable",
    "run_url",
    "say",
    "started_on",
    "waiting",
    "warm_up",
]


def open_run(*, experiment: str, name: str, model: str, tags: Mapping[str, str], key: str | None = None) -> RunRef:
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
    key
        The key of the run to go on with; a new one is started when it is None, or was deleted in MLflow.
    """
    outbox = box(key or uuid.uuid4().hex)
    others = [each.records()[0].body.get("order", 0) for each in outboxes(root())]
    body = {
        "address": shown_address(),
        "experiment": experiment,
        "name": name,
        "model": model,
        "tags": dict(tags),
        "order": 1 + max(others, default=0),
    }
    outbox.append("open", body, identity=f"open-{uuid.uuid4().hex}")
    began = datetime.fromtimestamp(outbox.records()[0].at / 1000, tz=UTC).isoformat(timespec="seconds")
    try:
        deliver(outbox)
    except RunGoneError:
        outbox.remove()
        return open_run(experiment=experiment, name=name, model=model, tags=tags)
    return current(RunRef("", "", model, outbox.key, began))


def current(run: RunRef) -> RunRef:
    """The run with MLflow's identifiers, as soon as there are any."""
    if run.run_id:
        return run
    receipts = box(run.key).state().receipts
    return replace(run, run_id=receipts.get("run_id", ""), experiment_id=receipts.get("experiment_id", ""))


def finish_run(run: RunRef, status: str) -> Delivery:
    """End the run as FINISHED, FAILED or KILLED, and try once more to deliver what waits."""
    outbox = box(run.key)
    outbox.append("finish", {"status": status}, identity=f"finish-{uuid.uuid4().hex}")
    found = deliver(outbox, last=True)
    if found.left:
        settle(found)
    return found


def waiting(run: RunRef) -> str:
    """A sentence on records that MLflow has not got yet, after another attempt; "" when it has all of them."""
    caught_up()
    return deliver(box(run.key), last=True).message


def log(run: RunRef, items: Iterable[Item]) -> None:
    """Record figures, parameters, tags, files and child runs."""
    items = list(items)
    outbox = box(run.key)
    outbox.append("items", to_body(items), fill=lambda folder: lay_out(items, folder))
    send(outbox)


def run_url(run: RunRef) -> str:
    """Where MLflow's page shows the run; with a local store a file address; "" while the run waits for MLflow."""
    run = current(run)
    return run_address({"run_id": run.run_id, "experiment_id": run.experiment_id})


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
    schema = [{"name": str(column), "type": str(dtype)} for column, dtype in train.X.dtypes.items()]
    body = {
        "name": name[:500],
        "digest": digest[:36],  # all that MLflow's column holds; the tag evenhand.data_digest has the whole
        "source_type": "evenhand",
        "source": source,
        "schema": json.dumps({"features": schema})[:65_000],
        "profile": json.dumps({"num_rows": len(train), "num_features": train.X.shape[1]}),
    }
    outbox = box(run.key)
    outbox.append("dataset", body)
    send(outbox)


def started_on(run: RunRef) -> str:
    """The day on which the run started, in UTC, as ISO 8601 has it."""
    return run.started[:10]
