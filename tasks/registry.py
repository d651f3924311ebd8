"""Versions and aliases of registered models: the one place that changes MLflow's registry."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.exceptions import ServiceError
from evenhand.modeling.persistence import TRUSTED_TYPES
from evenhand.provenance import serving_requirements
from evenhand.store import digest_file
from tasks.tracking import RunRef, client, reachable

__all__ = ["Version", "latest_contract", "log_model", "model_signature", "register_version", "registered_digest"]


@dataclass(frozen=True)
class Version:
    """A registered version.

    Attributes
    ----------
    model, version, alias
        Its name, number and the alias that it was given.
    uri
        What MLflow loads it by.
    """

    model: str
    version: str
    alias: str
    uri: str

    def to_dict(self) -> dict[str, str]:
        """As a dictionary of strings."""
        return asdict(self)


def latest_contract(model: str) -> dict[str, Any] | None:
    """The data contract that the newest version of a model was stored with, or None when there is no version."""
    with reachable():
        versions = client().search_model_versions(f"name = '{model}'", order_by=["version_number DESC"], max_results=20)
        for version in versions:
            run_id = version.tags.get("evenhand.run_id") or version.run_id
            if _has_contract(run_id):
                path = client().download_artifacts(run_id, "data/contract.json")
                found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
                return found
    return None


def _has_contract(run_id: str) -> bool:
    """Whether a run still has its contract; a run that was deleted has none, a store that is silent is an error."""
    from mlflow.exceptions import MlflowException

    try:
        client().get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return any(entry.path == "data/contract.json" for entry in client().list_artifacts(run_id, "data"))


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


def log_model(run: RunRef, model: Any, *, signature: Any, tags: dict[str, str]) -> str:
    """Store the model below the run as a skops file with pinned requirements; the address to register.

    A model that an interrupted process had stored already is taken as it is; a half-stored one is passed over.
    """
    with reachable():
        return _log_model(run, model, signature, tags)


def _log_model(run: RunRef, model: Any, signature: Any, tags: dict[str, str]) -> str:
    import mlflow
    import mlflow.sklearn

    digest = tags["evenhand.model_digest"]
    known = client().search_logged_models([run.experiment_id], f"source_run_id = '{run.run_id}'")
    for logged in known:
        if str(logged.status).endswith("READY") and logged.tags.get("evenhand.model_digest") == digest:
            return str(logged.model_uri)
    with mlflow.start_run(run_id=run.run_id):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
            skops_trusted_types=list(TRUSTED_TYPES),
            signature=signature,
            pip_requirements=serving_requirements(),
            tags=tags,
        )
    return str(info.model_uri)


def register_version(run: RunRef, uri: str, *, alias: str, tags: dict[str, str], description: str) -> Version:
    """Register the model of a run once, and move the alias to it.

    Parameters
    ----------
    run
        The run that made the model; a second call for the same run finds the version of the first.
    uri
        What :func:`log_model` gave.
    alias
        For example ``challenger``.
    tags, description
        Of the version.
    """
    with reachable():
        _create_name(run.model)
        found = client().search_model_versions(f"name = '{run.model}' and run_id = '{run.run_id}'")
        version = found[0] if found else _create(run, uri, tags, description)
        client().set_registered_model_alias(run.model, alias, version.version)
    return Version(run.model, str(version.version), alias, f"models:/{run.model}/{version.version}")


def _create_name(model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client().create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def registered_digest(uri: str) -> str:
    """SHA-256 of the model file as MLflow keeps it: what a later reader compares before it loads the file."""
    from mlflow.artifacts import download_artifacts

    with reachable():
        place = client().get_logged_model(uri.removeprefix("models:/")).artifact_location
        return digest_file(Path(download_artifacts(f"{place}/model.skops")))


def _create(run: RunRef, uri: str, tags: dict[str, str], description: str) -> Any:
    made = client().create_model_version(
        run.model,
        uri,
        run_id=run.run_id,
        tags={**tags, "evenhand.run_id": run.run_id},
        description=description,
        model_id=uri.removeprefix("models:/"),  # a server takes no model address without it
    )
    if made.status != "READY":
        raise ServiceError(f"MLflow did not finish registering version {made.version} of {run.model!r}: {made.status}")
    return made
