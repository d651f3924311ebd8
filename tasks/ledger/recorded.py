"""What the ledger recorded of a version, and whether MLflow still has just that.

The tags of a version and the files of its run can be changed by whoever may write to MLflow. The ledger's record of
the decision about it has their digests; a version that was never decided about has only its tags.
"""

from collections.abc import Callable, Mapping
from typing import Any

from evenhand.exceptions import ModelError
from evenhand.store import digest_json
from tasks.ledger.table import records
from tasks.registry import Foreign, load_registered, read_foreign
from tasks.tracking.reading import Registered, read_registered

__all__ = ["altered", "load_decided", "read_decided", "read_undecided", "refuse_altered"]

_Files = Mapping[str, Any]


def _of_develop(files: _Files) -> Any:
    return files["provenance"]["results"]["develop"]["digest"]


_RECORDED: dict[str, tuple[str, Callable[[_Files], Any]]] = {
    "config_digest": ("config", lambda files: digest_json(files["config"])),
    "about_digest": ("about", lambda files: digest_json(files["about"])),
    "contract_digest": ("contract", lambda files: digest_json(files["contract"])),
    "develop_digest": ("provenance", _of_develop),
    "rule_files": ("provenance", lambda files: files["provenance"]["rule_files"]),
}
"""Field of a decision's record, to the file of the run it is about and what that file has to say now."""


def refuse_altered(model: str, version: str, files: _Files) -> None:
    """Compare files of a version's run with what was recorded as it was decided about.

    Parameters
    ----------
    model, version
        The version.
    files
        JSON artifacts of its run by name, such as ``config``; those that are not there are not compared.

    Raises
    ------
    ModelError
        When one says something else now.
    """
    body = _decided(model, version)
    for name, (file, now) in _RECORDED.items():
        if file in files and body.get(name) is not None and _said(now, files) != body[name]:
            raise ModelError(
                f"{file}.json of {model} version {version} in MLflow is not what the ledger recorded as {name} when it "
                f"was decided about: it was altered since; restore it from a backup, or `evenhand rollback {model}`"
            )


def read_decided(model: str, version: str | None) -> Registered:
    """A version with what was stored with it, after that was compared with the ledger.

    Parameters
    ----------
    model, version
        As :func:`tasks.tracking.reading.read_registered` takes them.

    Raises
    ------
    ModelError
        When there is no such version, or what was stored with it was altered.
    ServiceError
        When MLflow or the ledger does not answer.
    """
    known = read_registered(model, version)
    files = {"config": known.config, "contract": known.contract, "provenance": known.provenance}
    refuse_altered(known.model, known.version, files)
    return known


def load_decided(model: str, version: str) -> Any:
    """A registered model, after its file was compared with the version's tag and with the ledger.

    Parameters
    ----------
    model, version
        The version, by its number.

    Raises
    ------
    ModelError
        When the file is gone or another, or holds a type that is not on our list.
    ServiceError
        When MLflow or the ledger does not answer.
    """
    return load_registered(model, version, recorded=_decided(model, version).get("model_digest"))


def read_undecided(model: str, version: str | None) -> Foreign:
    """A version that Evenhand neither made nor decided about, as its files describe it; nothing of it is run.

    Parameters
    ----------
    model, version
        As :func:`tasks.tracking.reading.read_registered` takes them.

    Raises
    ------
    ModelError
        When there is no such version, or Evenhand made it: its tags may be gone, while the ledger still knows it.
    ServiceError
        When MLflow or the ledger does not answer.
    """
    known = read_foreign(model, version)
    if _decided(known.model, known.version):
        raise ModelError(
            f"{known.name} has no tag of Evenhand's in MLflow, and the ledger has a decision about it: it was altered; "
            f"it was not loaded. Restore it from a backup, or `evenhand rollback {known.model}`"
        )
    return known


def altered(model: str, version: str) -> str:
    """What of a version in MLflow is not what was decided about; "" when nothing is.

    Parameters
    ----------
    model, version
        The version, by its number.
    """
    if _decided(model, version).get("model_digest") is None:
        return ""
    try:
        read_decided(model, version)
        load_decided(model, version)
    except ModelError as error:
        return str(error)
    return ""


def _decided(model: str, version: str) -> Mapping[str, Any]:
    """The newest decision about a version; {} where this ledger has none.

    A version that waited for MLflow had no number when it was decided about: the answer names the number, and the
    decision that it is an answer to.
    """
    answered = set()
    for record in reversed(records(model)):
        named = record.body.get("version") == version
        if record.kind in ("approval", "rejection") and named:
            answered.add(record.body.get("decision"))
        if record.kind == "decision" and (named or record.hash in answered):
            return record.body
    return {}


def _said(now: Callable[[_Files], Any], files: _Files) -> Any:
    """What a file says now; None where it is not even of the right form."""
    try:
        return now(files)
    except (KeyError, TypeError):
        return None
