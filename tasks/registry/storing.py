"""Recording a model below its run, and registering it as a version."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.registry.contracts import CONTRACT_TAG, NOT_COMPARED, was_held
from tasks.registry.folder import write_folder
from tasks.tracking import RunRef
from tasks.tracking.delivery import box, deliver
from tasks.tracking.sending import caught_up, send

__all__ = ["Version", "log_model", "model_signature", "register_version"]


@dataclass(frozen=True)
class Version:
    """A registered version.

    Attributes
    ----------
    model, version, alias
        Its name, number and the alias that it asks for; "" for a number that MLflow has not given yet.
    uri
        What MLflow loads it by; "" without a number.
    """

    model: str
    version: str
    alias: str
    uri: str

    def to_dict(self) -> dict[str, str]:
        """As a dictionary of strings."""
        return asdict(self)


def model_signature(X: pd.DataFrame, y: pd.Series) -> Any:
    """What the registered model takes and gives, by name and type.

    Whole numbers stay whole, as in the data contract: MLflow takes no int64 where a double is declared.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    def kind(column: pd.Series) -> str:
        if pd.api.types.is_bool_dtype(column):
            return "boolean"
        if pd.api.types.is_integer_dtype(column):
            return "long"
        return "double" if pd.api.types.is_numeric_dtype(column) else "string"

    return ModelSignature(
        inputs=Schema([ColSpec(kind(X[name]), str(name)) for name in X.columns]), outputs=Schema([ColSpec(kind(y))])
    )


def log_model(run: RunRef, file: Path, *, signature: Any, tags: dict[str, str]) -> None:
    """Record the model below the run: the very file that was assessed, with pinned requirements.

    Parameters
    ----------
    run
        The run that made the model.
    file
        What :func:`evenhand.modeling.persistence.save_model` wrote.
    signature
        What :func:`model_signature` gave.
    tags
        Of the stored model; ``evenhand.model_digest`` is the file's SHA-256.
    """
    outbox = box(run.key)
    digest = tags["evenhand.model_digest"]
    outbox.append("model", {"tags": tags}, fill=partial(write_folder, file, signature), identity=f"model-{digest}")
    send(outbox)


def register_version(run: RunRef, *, alias: str, tags: dict[str, str], description: str) -> Version:
    """Register the model of a run once, and let the newest version have the alias.

    Parameters
    ----------
    run
        The run whose model :func:`log_model` recorded; a second call for the same run finds the version of the first.
    alias
        For example ``challenger``. Of runs that end at once the version with the highest number has it.
    tags, description
        Of the version; where its card is stands behind the description.

    Returns
    -------
    Version
        Without a number as long as MLflow does not answer.
    """
    outbox = box(run.key)
    caught_up()  # a run of which MLflow refused something makes no version
    if not was_held(run.model):
        tags = {**tags, CONTRACT_TAG: NOT_COMPARED}
    body = {"model": run.model, "alias": alias, "tags": tags, "description": description}
    outbox.append("version", body, identity="version")
    number = deliver(outbox, last=True).receipts.get("version", "")
    return Version(run.model, number, alias, f"models:/{run.model}/{number}" if number else "")
