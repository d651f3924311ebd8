"""What MLflow keeps of a run or of a registered version, read back: configuration, contract, provenance, figures."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evenhand.exceptions import ConfigError, ModelError, nearest, shorten
from evenhand.store import digest_file
from tasks.tracking.delivery import ask
from tasks.tracking.service import address, client, gone, possible_version, reachable, unknown

__all__ = [
    "Registered",
    "fetch_artifacts",
    "fetch_model",
    "model_file",
    "model_folder",
    "read_artifact",
    "read_metrics",
    "read_registered",
    "registered_version",
    "version_of_run",
]


@dataclass(frozen=True)
class Registered:
    """A registered version and what is needed to use it again.

    Attributes
    ----------
    model, version
        Its name and number.
    run_id
        The run that made it.
    tags
        Of the version: digests of data, card, code and file.
    inputs
        The columns of its signature, in order.
    config
        The configuration that it was trained with.
    contract
        What its data promised.
    provenance
        Results by name, code version, machine and seed.
    """

    model: str
    version: str
    run_id: str
    tags: Mapping[str, str]
    inputs: tuple[str, ...]
    config: Mapping[str, Any] = field(repr=False)
    contract: Mapping[str, Any] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Model and version in words."""
        return f"{self.model} version {self.version}"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_registered(model: str, version: str | None) -> Registered:
    """A version with everything that was stored with it.

    Parameters
    ----------
    model
        The registered name.
    version
        The version's number; None, where the ledger knows of no live one, is an error that names those there are.

    Raises
    ------
    ModelError
        When there is no such version, or it was not registered by Evenhand.
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        found = registered_version(model, version)
        run_id = str(found.tags.get("evenhand.run_id") or found.run_id or "")
        if "evenhand.file_digest" not in found.tags or not run_id:
            raise ModelError(
                f"{model} version {found.version} was not registered by Evenhand, which knows nothing of it: "
                "`evenhand audit` judges it with --trust-model, which runs the code that is stored in it, or judges a "
                "file of its predictions with --predictions"
            )
        return Registered(
            model=model,
            version=str(found.version),
            run_id=run_id,
            tags=dict(found.tags),
            inputs=_inputs(found),
            config=read_artifact(run_id, "provenance/config.json"),
            contract=read_artifact(run_id, "data/contract.json"),
            provenance=read_artifact(run_id, "provenance/provenance.json"),
        )


def registered_version(model: str, version: str | None) -> Any:
    """MLflow's entry of a version, whoever registered it.

    Parameters
    ----------
    model, version
        As :func:`read_registered` takes them.

    Raises
    ------
    ModelError
        When there is none; it names those there are.
    """
    from mlflow.exceptions import MlflowException

    if not version or not possible_version(version):
        raise ModelError(_no_version(model, version))
    try:
        return client().get_model_version(model, version)
    except MlflowException as error:
        if not unknown(error):
            raise
        raise ModelError(_no_version(model, version)) from error


def _no_version(model: str, version: str | None) -> str:
    known = client().search_model_versions(f"name = '{model}'") if "'" not in model else []
    if not known:
        names = [each.name for each in client().search_registered_models(max_results=200) if each.name != model]
        return f"there is no model {shorten(model)}: {nearest(model, names)}"
    numbers = sorted((str(each.version) for each in known), key=int)
    if version:
        return f"{model} has no version {shorten(version)}: it has {', '.join(numbers[-10:])}"
    return f"no version of {model} is live: name one of its versions ({', '.join(numbers[-10:])}), or approve one"


def _inputs(found: Any) -> tuple[str, ...]:
    """The names of the columns in the stored model's signature."""
    from mlflow.models import Model

    place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
    with tempfile.TemporaryDirectory() as scratch:
        file = _downloaded(f"{place}/MLmodel", Path(scratch), f"{found.name} version {found.version}")
        described = Model.load(str(file))
    return tuple(str(name) for name in described.signature.inputs.input_names())


def fetch_model(known: Registered, folder: Path) -> Path:
    """The file of a registered version, after it was compared with what was registered; it is not loaded.

    Parameters
    ----------
    known
        The version.
    folder
        Where the file goes.

    Raises
    ------
    ModelError
        When the file is gone or another.
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        return model_file(client().get_model_version(known.model, known.version), folder)


def model_file(found: Any, folder: Path) -> Path:
    """The file of MLflow's entry of a version, after its SHA-256 was compared with the one that was registered.

    Parameters
    ----------
    found
        The entry.
    folder
        Where the file goes.

    Raises
    ------
    ModelError
        When the version was not registered by Evenhand, or the file is gone or another.
    """
    name, expected = f"{found.name} version {found.version}", found.tags.get("evenhand.file_digest")
    if not expected:
        raise ModelError(f"{name} has no tag evenhand.file_digest: it was not registered by Evenhand; not loaded")
    # The store's address and not models:/...: nothing in the model's own folder has a say in what is read.
    place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
    file = _downloaded(f"{place}/model.skops", folder, name)
    digest = digest_file(file)
    if digest != expected:
        raise ModelError(
            f"the file of {name} is not the one that was logged: its SHA-256 is {digest[:12]}..., "
            f"and the tag evenhand.file_digest says {expected[:12]}...; it was not loaded"
        )
    return file


def model_folder(found: Any, folder: Path) -> Path:
    """All files of a version, whoever registered it; nothing is compared or run.

    Parameters
    ----------
    found
        MLflow's entry.
    folder
        Where they go.

    Raises
    ------
    ModelError
        When they are gone.
    """
    logged = str(found.source).startswith("models:/")
    if logged:
        place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
    else:
        place = client().get_model_version_download_uri(found.name, found.version)
    return _downloaded(place, folder, f"{found.name} version {found.version}")


def _downloaded(place: str, folder: Path, name: str) -> Path:
    """A file of a version's model, or all of them, at an address of MLflow's store."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(download_artifacts(place, dst_path=str(folder), tracking_uri=address()))
    except (MlflowException, FileNotFoundError) as error:
        if not (isinstance(error, FileNotFoundError) or gone(error)):
            raise
        raise ModelError(
            f"the file of {name} is not in MLflow at {place}: restore it or choose another version"
        ) from error


def version_of_run(run_id: str) -> tuple[str, str]:
    """The model and the version that a run registered.

    Raises
    ------
    ModelError
        When it registered none.
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        _run(run_id)
        for found in client().search_model_versions(f"run_id = '{run_id}'"):
            return str(found.name), str(found.version)
    raise ModelError(f"run {run_id[:8]} registered no model: there is nothing to compare with")


def read_artifact(run_id: str, path: str) -> Any:
    """A JSON artifact of a run.

    Parameters
    ----------
    run_id
        MLflow's identifier of the run.
    path
        Below the run's artifacts: ``data/contract.json``.

    Raises
    ------
    ModelError
        When run or artifact are gone.
    ServiceError
        When MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        try:
            _run(run_id)
            file = fetch_artifacts(run_id, [path], Path(scratch)).get(path)
        except MlflowException as error:
            if not gone(error):
                raise
            raise ModelError(f"run {run_id[:8]} is gone from MLflow, and {path} with it") from error
        if file is None:
            raise ModelError(f"run {run_id[:8]} has no {path} in MLflow: it did not end well, or it was removed")
        return json.loads(file.read_text(encoding="utf-8"))


def fetch_artifacts(run_id: str, paths: Sequence[str], folder: Path) -> dict[str, Path]:
    """Those of these artifacts that a run has, fetched into a folder; each folder of the run is listed once."""
    there: dict[str, set[str]] = {}
    found = {}
    for path in paths:
        above = path.rpartition("/")[0]
        if above not in there:
            there[above] = {entry.path for entry in client().list_artifacts(run_id, above or None)}
        if path in there[above]:
            found[path] = Path(client().download_artifacts(run_id, path, str(folder)))
    return found


def _run(run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client().get_run(run_id)
    except MlflowException as error:
        if not unknown(error):
            raise
        raise ConfigError(f"there is no run {shorten(run_id)} in MLflow") from error


def read_metrics(run_id: str, prefix: str = "") -> dict[str, float]:
    """The figures of a run whose names begin with `prefix`, by name."""
    with reachable():
        ask()
        return {name: float(v) for name, v in _run(run_id).data.metrics.items() if name.startswith(prefix)}
