"""Versions and aliases of registered models: the one place that changes MLflow's registry."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.exceptions import ModelError, ServiceError
from evenhand.modeling.persistence import TRUSTED_TYPES, load_model
from evenhand.provenance import serving_requirements
from evenhand.store import digest_file, write_text
from tasks.step import home
from tasks.tracking import RunRef, client, reachable, say
from tasks.tracking.delivery import ask, box, deliver
from tasks.tracking.items import link
from tasks.tracking.service import gone

__all__ = [
    "Version",
    "alias_version",
    "artifact_digest",
    "find_version",
    "keep_contract",
    "latest_contract",
    "ledger_stamps",
    "load_registered",
    "log_model",
    "model_signature",
    "move_alias",
    "register_version",
    "run_files",
    "run_version",
    "tag_version",
]


_CONTRACT, _NOT_COMPARED = "evenhand.contract", "not compared"


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


def latest_contract(model: str) -> dict[str, Any] | None:
    """The data contract that the newest version of a model was stored with, or None when there is no version.

    When MLflow does not answer it is the newest one that is known on this machine, and that is said.
    """
    known = _known_contract(model)
    try:
        with reachable():
            ask()
            found = _fetch_contract(model)
    except ServiceError as error:
        held = "the newest contract known here holds" if known else "no contract is known here, so none is compared"
        say(f"{error}: {held}")
        if known is None:
            _unheld.add(model)
        return known
    _unheld.discard(model)
    if found is not None and found != known:
        keep_contract(model, found)
    return found


_unheld: set[str] = set()
"""Models whose rows this process could not hold to a contract: their versions say so."""


def keep_contract(model: str, contract: dict[str, Any]) -> None:
    """Remember a model's contract on this machine, for the time that MLflow is silent."""
    write_text(_contract_file(model), json.dumps(contract, ensure_ascii=False))


def _known_contract(model: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(_contract_file(model).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _contract_file(model: str) -> Path:
    return home() / "contracts" / f"{model}.json"


def _fetch_contract(model: str) -> dict[str, Any] | None:
    versions = client().search_model_versions(f"name = '{model}'", order_by=["version_number DESC"], max_results=20)
    # What could not be held to a contract makes no new promise, unless there is no other.
    held = [version for version in versions if version.tags.get(_CONTRACT) != _NOT_COMPARED]
    for version in held or reversed(versions):
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
        if gone(error):
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


def log_model(run: RunRef, model: Any, file: Path, *, signature: Any, tags: dict[str, str]) -> None:
    """Record the model below the run: the very file that was assessed, with pinned requirements.

    Parameters
    ----------
    run
        The run that made the model.
    model, file
        The model, and the skops file that :func:`evenhand.modeling.persistence.save_model` wrote of it.
    signature
        What :func:`model_signature` gave.
    tags
        Of the stored model; ``evenhand.model_digest`` is the file's SHA-256.
    """
    outbox = box(run.key)
    digest = tags["evenhand.model_digest"]
    outbox.append("model", {"tags": tags}, fill=partial(_save, model, file, signature), identity=f"model-{digest}")
    deliver(outbox)


def _save(model: Any, file: Path, signature: Any, folder: Path) -> None:
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        signature=signature,
        pip_requirements=serving_requirements(),
    )
    link(file, folder / "model.skops")  # MLflow wrote the model once more, with other times in it


def register_version(run: RunRef, *, alias: str, tags: dict[str, str], description: str) -> Version:
    """Register the model of a run once, and let the newest version have the alias.

    Parameters
    ----------
    run
        The run whose model :func:`log_model` recorded; a second call for the same run finds the version of the first.
    alias
        For example ``challenger``. Of runs that end at once the version with the highest number has it.
    tags, description
        Of the version.

    Returns
    -------
    Version
        Without a number as long as MLflow does not answer.
    """
    outbox = box(run.key)
    if run.model in _unheld:
        tags = {**tags, _CONTRACT: _NOT_COMPARED}
    body = {"model": run.model, "alias": alias, "tags": tags, "description": description}
    outbox.append("version", body, identity="version")
    number = deliver(outbox, last=True).receipts.get("version", "")
    return Version(run.model, number, alias, f"models:/{run.model}/{number}" if number else "")


def load_registered(model: str, version_or_alias: str) -> Any:
    """A registered model, after its file was compared with what was logged.

    Parameters
    ----------
    model
        The registered model's name.
    version_or_alias
        ``"3"`` or ``"challenger"``.

    Raises
    ------
    ModelError
        When the file's SHA-256 is not the one in the version's tag, or the file holds a type that is not on our list.
    ServiceError
        When MLflow does not answer.

    Notes
    -----
    The list of trusted types beside the file is not asked: who can change the file can change that list.
    """
    from mlflow.artifacts import download_artifacts

    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        found = _find(model, version_or_alias)
        name = f"{model} version {found.version}"
        expected = found.tags.get("evenhand.file_digest")
        if not expected:
            raise ModelError(f"{name} has no tag evenhand.file_digest: it was not registered by Evenhand; not loaded")
        # The store's address and not models:/...: nothing in the model's own folder has a say in what is read.
        place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
        file = Path(download_artifacts(f"{place}/model.skops", dst_path=scratch))
        digest = digest_file(file)
        if digest != expected:
            raise ModelError(
                f"the file of {name} is not the one that was logged: its SHA-256 is {digest[:12]}..., "
                f"and the tag evenhand.file_digest says {expected[:12]}...; it was not loaded"
            )
        try:
            return load_model(file)
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from error


def find_version(model: str, version_or_alias: str) -> Any:
    """MLflow's entry of a registered version: its number, tags and run.

    Raises
    ------
    ModelError
        When there is none.
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        return _find(model, version_or_alias)


def run_version(model: str, key: str) -> str | None:
    """The number of the version that a run registered, by the run's key; None when MLflow has none yet.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        for version in client().search_model_versions(f"name = '{model}'", order_by=["version_number DESC"]):
            if key in (version.tags.get("evenhand.run_key"), version.run_id, version.tags.get("evenhand.run_id")):
                return str(version.version)
    return None


def alias_version(model: str, alias: str) -> str | None:
    """The number of the version that has an alias; None when none has.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    with reachable():
        ask()
        try:
            return str(client().get_model_version_by_alias(model, alias).version)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            return None


def move_alias(model: str, alias: str, version: str | None) -> None:
    """Let an alias point to a version, or to none.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        if version is None:
            client().delete_registered_model_alias(model, alias)
        else:
            client().set_registered_model_alias(model, alias, version)


def tag_version(model: str, version: str, tags: dict[str, str]) -> None:
    """Set tags of a version.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        for name, value in tags.items():
            client().set_model_version_tag(model, version, name, value)


def run_files(run_id: str, names: Sequence[str]) -> dict[str, Any]:
    """JSON artifacts of a run, by name without folder and ending; one that the run has not is left out.

    Parameters
    ----------
    run_id
        MLflow's identifier.
    names
        Such as ``provenance/config.json``.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    found: dict[str, Any] = {}
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        there: dict[str, set[str]] = {}
        for name in names:
            folder = name.rpartition("/")[0]
            if folder not in there:
                there[folder] = {entry.path for entry in client().list_artifacts(run_id, folder or None)}
            if name in there[folder]:
                path = Path(client().download_artifacts(run_id, name, scratch))
                found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return found


def artifact_digest(run_id: str, name: str) -> str:
    """The SHA-256 of an artifact of a run, in hex; "" when the run has it not.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        folder = name.rpartition("/")[0]
        if name not in {entry.path for entry in client().list_artifacts(run_id, folder or None)}:
            return ""
        return digest_file(Path(client().download_artifacts(run_id, name, scratch)))


def ledger_stamps() -> dict[str, str]:
    """The hashes of ledger records that model versions carry, with the version that carries each.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    found: dict[str, str] = {}
    with reachable():
        ask()
        page = None
        while True:
            versions = client().search_model_versions(max_results=1000, page_token=page)
            for version in versions:
                for name in ("evenhand.ledger_head", "evenhand.decision_record"):
                    if stamp := version.tags.get(name):
                        found[stamp] = f"version {version.version} of {version.name}"
            page = versions.token
            if not page:
                return found


def _find(model: str, version_or_alias: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        if version_or_alias.isdigit():
            return client().get_model_version(model, version_or_alias)
        return client().get_model_version_by_alias(model, version_or_alias)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise ModelError(f"there is no model {model!r} with version or alias {version_or_alias!r}") from error
