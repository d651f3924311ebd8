"""The data contract that a model's versions were stored with."""

import json
from pathlib import Path
from typing import Any

from evenhand.exceptions import ServiceError
from evenhand.store import write_text
from tasks.step import home
from tasks.tracking import client, reachable, say
from tasks.tracking.delivery import ask
from tasks.tracking.service import gone

__all__ = ["CONTRACT_TAG", "NOT_COMPARED", "keep_contract", "latest_contract", "was_held"]

CONTRACT_TAG, NOT_COMPARED = "evenhand.contract", "not compared"


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
    held = [version for version in versions if version.tags.get(CONTRACT_TAG) != NOT_COMPARED]
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


def was_held(model: str) -> bool:
    """Whether this process could hold the model's rows to a contract."""
    return model not in _unheld
