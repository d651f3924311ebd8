"""Registered versions: found, loaded after a look at their file, and what they and their runs carry."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evenhand.decision.ledger import Stamp
from evenhand.exceptions import ModelError, shorten
from evenhand.modeling.persistence import load_model
from evenhand.store import digest_file
from tasks.tracking import client, reachable
from tasks.tracking.delivery import ask
from tasks.tracking.reading import fetch_artifacts, model_file
from tasks.tracking.service import possible_version, unknown
from tasks.tracking.writing import alias_holder, create_name, set_alias

__all__ = [
    "LEDGER",
    "STAMP",
    "alias_version",
    "artifact_digest",
    "find_version",
    "has_version",
    "ledger_stamps",
    "load_registered",
    "look_stamps",
    "mark_model",
    "move_alias",
    "retrain_stamps",
    "run_files",
    "run_version",
    "tag_version",
]

STAMP = "evenhand.ledger_head"
"""The tag of a version with the newest record about it, so that a ledger whose tail was cut off shows."""

LEDGER = "evenhand.ledger"
"""The tag beside it with the ledger's first record, which tells another ledger from one that was cut."""

_LOOKS = f"{STAMP}."
"""Begins a registered model's tag for looks, which may come before any version; the ledger's first record ends it."""

_RETRAINS = "evenhand.ledger_retrain."
"""Begins the tag beside it of a ledger in which a retrain looked: its test sets are counted there."""


def load_registered(model: str, version_or_alias: str, *, recorded: str | None = None) -> Any:
    """A registered model, after its file was compared with what was logged.

    Parameters
    ----------
    model
        The registered model's name.
    version_or_alias
        ``"3"`` or ``"challenger"``.
    recorded
        The SHA-256 that the ledger recorded of the file, where it was decided about.

    Raises
    ------
    ModelError
        When the file is gone, its SHA-256 is not the one in the version's tag or not the recorded one, or it holds a
        type that is not on our list.
    ServiceError
        When MLflow does not answer.

    Notes
    -----
    The list of trusted types beside the file is not asked: who can change the file can change that list.
    """
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        found = _find(model, version_or_alias)
        file = model_file(found, Path(scratch))
        if recorded is not None and digest_file(file) != recorded:
            raise ModelError(
                f"the file of {model} version {found.version} is not the one that was decided about: its SHA-256 is "
                f"{digest_file(file)[:12]}..., and the ledger recorded {recorded[:12]}...; it was not loaded. Restore "
                f"it from a backup, or make another version live: `evenhand rollback {model}`"
            )
        try:
            return load_model(file)
        except ModelError as error:
            raise ModelError(f"{model} version {found.version}: {error}") from error


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
    found = _of_run(model, key)
    return str(found.version) if found is not None else None


def delivered_run(model: str, key: str) -> str:
    """MLflow's identifier of a run that waited for it, by the run's key; "" when MLflow has no version of it yet.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    found = _of_run(model, key)
    return str(found.run_id or found.tags.get("evenhand.run_id") or "") if found is not None else ""


def _of_run(model: str, key: str) -> Any | None:
    with reachable():
        ask()
        for version in client().search_model_versions(f"name = '{model}'", order_by=["version_number DESC"]):
            if key in (version.tags.get("evenhand.run_key"), version.run_id, version.tags.get("evenhand.run_id")):
                return version
    return None


def alias_version(model: str, alias: str) -> str | None:
    """The number of the version that has an alias; None when none has.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        return alias_holder(model, alias)


def move_alias(model: str, alias: str, version: str | None) -> None:
    """Let an alias point to a version, or to none.

    Raises
    ------
    ModelError
        When that version is not there.
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        if version is None:
            client().delete_registered_model_alias(model, alias)
        elif not _there(model, version):
            raise ModelError(f"version {version} of {model} is gone from MLflow")
        else:
            set_alias(model, alias, version)


def has_version(model: str, version: str) -> bool:
    """Whether a version is registered still.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable():
        ask()
        return _there(model, version)


def _there(model: str, version: str) -> bool:
    try:
        _find(model, version)
    except ModelError:
        return False
    return True


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
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        files = fetch_artifacts(run_id, names, Path(scratch))
        return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files.values()}


def artifact_digest(run_id: str, name: str) -> str:
    """The SHA-256 of an artifact of a run, in hex; "" when the run has it not.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        file = fetch_artifacts(run_id, [name], Path(scratch)).get(name)
        return digest_file(file) if file is not None else ""


def ledger_stamps(model: str | None = None) -> list[Stamp]:
    """The records of the ledger that versions name, of one model or of all.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    found: list[Stamp] = []
    wanted = f"name = '{model}'" if model is not None else None
    with reachable():
        ask()
        page = None
        while True:
            versions = client().search_model_versions(wanted, max_results=1000, page_token=page)
            for version in versions:
                where = f"version {version.version} of {version.name}"
                named = (version.tags.get(name) for name in (STAMP, "evenhand.decision_record"))
                found += [Stamp(record, where, version.tags.get(LEDGER, "")) for record in named if record]
            page = versions.token
            if not page:
                return found


def look_stamps(model: str | None = None) -> list[Stamp]:
    """The newest record at each ledger's last look that registered models name, of one model or of all.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    return _tagged(_LOOKS, model)


def retrain_stamps(model: str | None = None) -> list[Stamp]:
    """The newest record at the last look of each ledger in which a retrain looked, of one model or of all.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    return _tagged(_RETRAINS, model)


def _tagged(begins: str, model: str | None) -> list[Stamp]:
    """The records of ledgers that the tags of registered models name."""
    with reachable():
        ask()
        models = [] if model is None else client().search_registered_models(f"name = '{model}'")
        page = "" if model is None else None
        while page is not None:
            found = client().search_registered_models(max_results=200, page_token=page or None)
            models, page = [*models, *found], found.token or None
    return [
        Stamp(record, f"the tag of {each.name}", name.removeprefix(begins))
        for each in models
        for name, record in each.tags.items()
        if name.startswith(begins)
    ]


def mark_model(model: str, ledger: str, record: str, *, retrained: bool = False) -> None:
    """Let a registered model carry the hash of a ledger's newest record; it is made where there is none yet.

    Parameters
    ----------
    model
        Its name.
    ledger
        The hash of the ledger's first record.
    record
        The newest one's.
    retrained
        Whether a retrain looked in that ledger.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    first, *more = [f"{begins}{ledger}" for begins in ((_LOOKS, _RETRAINS) if retrained else (_LOOKS,))]
    with reachable():
        ask()
        try:
            client().set_registered_model_tag(model, first, record)
        except MlflowException as error:
            if not unknown(error):
                raise
            create_name(model)
            client().set_registered_model_tag(model, first, record)
        for name in more:
            client().set_registered_model_tag(model, name, record)


def _find(model: str, version_or_alias: str) -> Any:
    from mlflow.exceptions import MlflowException

    none = ModelError(f"there is no model {model!r} with version or alias {shorten(version_or_alias)}")
    try:
        if possible_version(version_or_alias):
            return client().get_model_version(model, version_or_alias)
        if version_or_alias.isdigit():
            raise none
        return client().get_model_version_by_alias(model, version_or_alias)
    except MlflowException as error:
        if not unknown(error):
            raise
        raise none from error
