"""Backup and restore: the databases and MLflow's artifacts in one file, which whoever has it can read.

`python -m deployments.backup backup|restore FILE` does it for `docker compose` with nothing but Python and Docker;
`evenhand backup` and `evenhand restore` do the same, and do it for `evenhand up`.
"""

import argparse
import hashlib
import json
import os
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from evenhand.disk import no_room
from evenhand.exceptions import DataError, EvenhandError, ServiceError

__all__ = ["DATABASES", "Place", "back_up", "main", "restore"]

DATABASES = ("prefect", "mlflow", "evenhand")
"""What the databases are called, and the programs that keep them."""

_MANIFEST, _ARTIFACTS, _FORMAT = "evenhand-backup.json", "artifacts.tar", 1
_LEDGER = "evenhand_ledger"  # as in tasks/ledger/schema.py, which needs more than Python and Docker
_FOREIGN = "is no backup of Evenhand, or is cut off: give a file as `evenhand backup` wrote it"


class Place(Protocol):
    """Where a service keeps what it knows.

    Attributes
    ----------
    kind
        "postgresql" or "sqlite": a backup goes back into its own kind.
    elsewhere
        The address of artifacts that are on no disk of the service, so that a backup does not hold them; or "".
    """

    kind: str
    elsewhere: str

    def dump(self, database: str, path: Path) -> None:
        """Write a database to a file, as it is at one moment, while it is in use."""

    def collect(self, path: Path) -> None:
        """Write the artifacts to a tar file."""

    def rows(self, database: str, table: str) -> int:
        """How many rows a table of a database has; 0 without the table."""

    def idle(self) -> AbstractContextManager[object]:
        """A block in which nothing reads or writes the databases."""

    def ask(self, database: str, path: Path) -> None:
        """Make sure, before anything changes, that a dumped database can be put there."""

    def load(self, database: str, path: Path) -> None:
        """Put a dumped database in the place of the one there is."""

    def spread(self, path: Path) -> None:
        """Put the artifacts of a tar file beside those there are."""

    def clear(self, path: Path) -> None:
        """Remove the artifacts that a tar file does not hold."""


def back_up(place: Place, path: Path) -> Mapping[str, Any]:
    """Write what a service knows to one file, whole or not at all; the service goes on meanwhile.

    Parameters
    ----------
    place
        The service.
    path
        The file; only this user can read it, since it holds what the cards and the logs hold.

    Returns
    -------
    mapping
        The manifest: when it was made, and the size and SHA-256 of each part.

    Raises
    ------
    DataError
        When there is such a file, or none can be written there.
    ServiceError
        When the service or one of its programs does not answer.
    """
    if path.exists():
        raise DataError(f"{path} exists: name another file")
    with _scratch_beside(path) as scratch:
        folder = Path(scratch)
        for database in DATABASES:
            place.dump(database, folder / database)
        # After the databases: what a run writes meanwhile is then there twice over rather than missing.
        place.collect(folder / _ARTIFACTS)
        members = [*DATABASES, _ARTIFACTS]
        manifest = {
            "format": _FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": place.kind,
            "runs": place.rows("mlflow", "runs"),
            "members": {name: _described(folder / name) for name in members},
        }
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        draft = folder / "whole.tar"
        with tarfile.open(draft, "w") as whole:
            for name in (_MANIFEST, *members):
                whole.add(folder / name, arcname=name)
        draft.chmod(0o600)
        draft.replace(path)
    return manifest


def _scratch_beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder in that of the file, so that the file is moved into its place at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".evenhand-backup-", dir=path.parent)
    except OSError as error:
        if no_room(error):
            raise
        raise DataError(f"{path} cannot be written ({error.strerror}): name a file in a folder of yours") from error


def restore(place: Place, path: Path, *, replace: bool = False) -> Mapping[str, Any]:
    """Put a backup into a service; the service pauses meanwhile.

    Parameters
    ----------
    place
        The service.
    path
        The backup.
    replace
        Also when the service has runs, or decisions in its ledger, of its own, which are lost then.

    Returns
    -------
    mapping
        The manifest.

    Raises
    ------
    DataError
        When the file is no backup, is not what was written, is of another kind, or the service is not empty; nothing
        is changed then.
    ServiceError
        When the service or one of its programs does not answer: all are asked before anything changes. What fails later
        says what is restored and what is not.
    """
    if not path.is_file():
        raise DataError(f"{path} is {'a folder' if path.is_dir() else 'not there'}: name a file of `evenhand backup`")
    with tempfile.TemporaryDirectory(prefix=".evenhand-restore-", dir=path.resolve().parent) as scratch:
        folder = Path(scratch)
        manifest = _unpack(path, folder)
        if manifest["kind"] != place.kind:
            raise DataError(f"{path} is of a service on {manifest['kind']}, and this one is on {place.kind}")
        if not replace:
            _refuse_history(place)
        with place.idle():
            for database in DATABASES:
                place.ask(database, folder / database)
            _put_back(place, folder, replace=replace)
    return manifest


def _put_back(place: Place, folder: Path, *, replace: bool) -> None:
    """The artifacts first, so that no run is there without its own; what fails says what was done until then.

    Those of the service that was replaced go last: whenever this is killed, the runs that are there have theirs.
    """
    steps: list[tuple[str, Callable[..., None], tuple[object, ...]]] = [
        ("artifacts", place.spread, (folder / _ARTIFACTS,))
    ]
    steps += [(f"database {name}", place.load, (name, folder / name)) for name in DATABASES]
    if replace:
        steps.append(("the replaced artifacts' removal", place.clear, (folder / _ARTIFACTS,)))
    names = [name for name, _, _ in steps]
    for done, (_, put, given) in enumerate(steps):
        try:
            put(*given)
        except (EvenhandError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise ServiceError(
                f"{said}\nrestored until then: {', '.join(names[:done]) or 'nothing'}; not restored: "
                f"{', '.join(names[done:])}. Remove the cause, and restore again with --replace"
            ) from error


def _refuse_history(place: Place) -> None:
    """Refuse to write over what nobody could bring back."""
    held = {"runs": place.rows("mlflow", "runs"), "records in its ledger": place.rows("evenhand", _LEDGER)}
    named = " and ".join(f"{number} {what}" for what, number in held.items() if number)
    if named:
        raise DataError(f"this service has {named} of its own: restore into an empty one, or give --replace")


def _described(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _unpack(path: Path, folder: Path) -> dict[str, Any]:
    """The parts of a backup in a folder, each as it was written."""
    try:
        with tarfile.open(path) as whole:
            whole.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path} {_FOREIGN}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be unpacked beside itself: {error.strerror or type(error).__name__}") from error
    manifest = _manifest(path, folder)
    for name, described in manifest["members"].items():
        if _described(folder / name) != described:
            raise DataError(f"{path} is damaged: {name} is not what was written; restore another backup")
    return manifest


def _manifest(path: Path, folder: Path) -> dict[str, Any]:
    """What a backup says of itself, when it is one of this format with all its parts."""
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        form, members = manifest["format"], set(manifest["members"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} {_FOREIGN}") from error
    if form != _FORMAT:
        raise DataError(f"{path} has the format {form}, and this version reads {_FORMAT}")
    if members != {*DATABASES, _ARTIFACTS} or not all((folder / name).is_file() for name in members):
        raise DataError(f"{path} {_FOREIGN}")
    return manifest


def main(words: Sequence[str]) -> int:
    """The command that needs nothing installed."""
    from deployments.backup_places import Compose

    parser = argparse.ArgumentParser(prog="python -m deployments.backup", description=__doc__)
    parser.add_argument("what", choices=["backup", "restore"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="store_true", help="restore over runs that are there")
    asked = parser.parse_args(words)
    place = Compose(Path.cwd(), os.environ)
    try:
        if asked.what == "backup":
            manifest = back_up(place, asked.file)
        else:
            manifest = restore(place, asked.file, replace=asked.replace)
    except EvenhandError as error:
        sys.stderr.write(f"error: {error}\n")
        return ServiceError.exit_code if isinstance(error, ServiceError) else 2
    sys.stdout.write(f"{asked.what}: {manifest['runs']} runs of {manifest['made']}, {asked.file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
