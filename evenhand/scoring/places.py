"""Where a file of scored rows goes: a folder of this machine, or any file system that fsspec writes to.

A file is drafted on this machine and published when it is whole. In a folder of this machine that is a rename. An
object store shows nothing of an upload before its end, so the draft is uploaded to its name. Elsewhere the upload can
be seen while it lasts, so it goes to a name of its own, and is moved.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from evenhand.data._address import (
    OBJECT_STORES,
    READ_ONLY,
    client_errors,
    protocols,
    public_address,
    shown,
    with_environment,
)
from evenhand.exceptions import DataError, ServiceError

__all__ = ["Place", "open_place", "place_below"]

_DAY = 86_400.0
_MOMENT = 2.0  # between the making of a draft and its lock
_LOCAL = ("file://", "local://")
_OTHER_KINDS = (".csv", ".json", ".xlsx")


class Place(Protocol):
    """Where one file goes; `name` is what people read of it, without what is secret."""

    name: str

    def check(self, *, replace: bool) -> None:
        """Refuse what cannot or must not be written."""

    def make_folder(self) -> None:
        """Make the folder of the file, where the system has folders."""

    def draft(self) -> AbstractContextManager[Path]:
        """A context that gives a local path to write to, published when the block ends well."""


def open_place(address: str | Path) -> Place:
    """The place that a path or an address names.

    Parameters
    ----------
    address
        A path, or what fsspec takes: ``s3://bucket/scored.parquet``, ``file:///data/scored.parquet``. ``${NAME}`` in an
        address stands for the environment variable.

    Raises
    ------
    DataError
        When no package knows its protocol, nothing is written there, or a variable is not set.

    Examples
    --------
    >>> open_place("scored.parquet").name
    'scored.parquet'
    >>> open_place("memory://scored/today.parquet").name
    'memory://scored/today.parquet'
    """
    text = str(address)
    if isinstance(address, Path) and ":/" in text:
        raise DataError(f"{shown(text)} lost a slash as a path: give an address as text")
    if "::" in text:
        raise DataError(f"{shown(text)} is a chain of addresses: name the file itself")
    if "://" not in text:
        return LocalPlace(Path(text))
    filled = with_environment(text)
    for scheme in _LOCAL:
        if filled.startswith(scheme):
            return LocalPlace(Path(filled.removeprefix(scheme)))
    system, path = _system(filled, text)
    return RemotePlace(system, path, public_address(text))


def place_below(folder: str, name: str) -> str:
    """The address of a file in a folder, which is made where there are folders and it is missing.

    Raises
    ------
    DataError
        As :func:`open_place`.
    ServiceError
        When its server does not answer.
    """
    target = f"{folder.rstrip('/')}/{name}"
    open_place(target).make_folder()
    return target


def _system(filled: str, address: str) -> tuple[Any, str]:
    import fsspec

    if filled.partition("://")[0].lower() in READ_ONLY:
        raise DataError(f"{shown(address)} can be read and not written: use s3://, gs://, file:// ...")
    try:
        system, path = fsspec.core.url_to_fs(filled)
    except ImportError as error:
        # fsspec's message names the package: "Install s3fs to access S3".
        remedy = str(error) if error.name is None else f"install {error.name}"
        raise DataError(f"{shown(address)} needs a package that is not installed: {remedy}") from None
    except ValueError:
        raise DataError(f"{shown(address)} is no address that fsspec knows: use s3://, gs://, file:// ...") from None
    return system, str(path)


def _check_name(name: str) -> None:
    if Path(name).suffix.lower() in _OTHER_KINDS:
        raise DataError(f"{name} would be a Parquet file all the same: let its name end in .parquet")


class LocalPlace:
    """A file in a folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, str(path)

    def check(self, *, replace: bool) -> None:
        """Refuse a folder, a missing folder, another kind of file, and a file that must stay."""
        path = self._path
        _check_name(self.name)
        if path.is_dir():
            raise DataError(f"{path} is a folder: name the file in it")
        if path.exists() and not replace:
            raise DataError(f"{path} exists: name another file, or give --force")
        if not path.parent.is_dir():
            raise DataError(f"the folder of {path} does not exist: make it first")
        if not os.access(path.parent, os.W_OK):
            raise DataError(f"the folder of {path} may not be written: name another one, or have it opened for you")

    def make_folder(self) -> None:
        """Make the folder and those above it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A hidden file beside the one that it becomes."""
        self._sweep()
        draft = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex[:8]}.part")
        held = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            with suppress(OSError):  # a file system without locks: what is left there goes after a day
                fcntl.flock(held, fcntl.LOCK_EX)  # the system lets go when the process ends, however it ends
            yield draft
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)
            os.close(held)

    def _sweep(self) -> None:
        """Remove what processes that were killed left of the same file: decisions of people."""
        for left in self._path.parent.glob(f".{self._path.name}.*.part"):
            with suppress(FileNotFoundError):
                age = time.time() - left.stat().st_mtime
                if age > _DAY or (age > _MOMENT and _let_go(left)):
                    left.unlink()


def _let_go(draft: Path) -> bool:
    """Whether no process holds a draft any more."""
    file = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


class RemotePlace:
    """A file on a file system of fsspec.

    Parameters
    ----------
    system, path
        The file system, and the file in it.
    name
        What errors and results call it.
    """

    def __init__(self, system: Any, path: str, name: str) -> None:
        self._system, self._path, self.name = system, path, name
        self._atomic = bool(protocols(system) & OBJECT_STORES)

    def check(self, *, replace: bool) -> None:
        """Refuse a folder, a missing folder or bucket, another kind of file, and a file that must stay."""
        _check_name(self.name)
        with self._reached():
            self._system.invalidate_cache()
            if self.name.endswith("/") or self._system.isdir(self._path):
                raise DataError(f"{self.name} is a folder: name the file in it")
            if self._system.exists(self._path) and not replace:
                raise DataError(f"{self.name} exists: name another file, or give --force")
            if not self._has_folder():
                what = "bucket" if self._atomic else "folder"
                raise DataError(f"the {what} of {self.name} does not exist or may not be looked into: make it first")

    def make_folder(self) -> None:
        """Make the folder of the file, where the system has folders."""
        if not self._atomic:
            with self._reached():
                self._system.makedirs(self._folder, exist_ok=True)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A file of this machine that only its owner may read, uploaded when it is whole."""
        with TemporaryDirectory(prefix="evenhand-") as folder:
            draft = Path(folder) / "scored.parquet"
            yield draft
            with self._reached():
                self._upload(draft)

    @property
    def _folder(self) -> str:
        return self._path.rpartition("/")[0]

    def _has_folder(self) -> bool:
        if self._atomic:
            return bool(self._system.exists(self._path.lstrip("/").partition("/")[0]))
        return not self._folder.strip("/") or bool(self._system.isdir(self._folder))

    def _upload(self, draft: Path) -> None:
        if self._atomic:
            self._system.put_file(str(draft), self._path)
            return
        part = f"{self._folder}/.{self._path.rpartition('/')[2]}.{uuid.uuid4().hex[:8]}.part"
        try:
            self._system.put_file(str(draft), part)
            if self._system.size(part) != draft.stat().st_size:
                raise ServiceError(f"{self.name} did not arrive whole: score again")
            self._system.mv(part, self._path)
        finally:
            with suppress(FileNotFoundError):
                self._system.rm_file(part)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn a server that does not answer, or refuses, into one clear error."""
        failures: tuple[type[Exception], ...] = (OSError, *client_errors())
        try:
            yield
        except PermissionError:
            raise DataError(f"{self.name} may not be written: check the credentials") from None
        except FileNotFoundError:
            raise DataError(f"the folder of {self.name} does not exist: make it first") from None
        except failures as error:
            reason = type(error).__name__
            raise ServiceError(f"{self.name} cannot be written ({reason}): check the address and the server") from None
