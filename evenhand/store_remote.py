"""Finished steps where several machines find them: any store that fsspec knows, from a shared folder to S3.

Object stores have no rename, so a result is whole when its marker is there. The files of a result lie below its digest,
where nothing else is ever written, and the marker that lists them with their checksums is written last:

    STEP/KEY/DIGEST/FILE ...
    STEP/KEY/DIGEST.json

A marker names its own digest, so one that was cut off is none, and the next machine that has the result writes it anew.
Two machines that finish the same step at once leave two whole results; a reader takes one of them. Whoever may write
here decides what later steps compute with: the store is to be as closed as the machines are. So nothing is put into a
place that nobody made for it: only the last folder of the address is made, never a bucket or what lies above.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from evenhand.data._address import OBJECT_STORES, READ_ONLY, client_errors, protocols, shown
from evenhand.exceptions import ConfigError, Problem, ServiceError, StoreError, shorten

__all__ = ["VARIABLE", "RemoteStore", "open_remote"]

VARIABLE = "EVENHAND_STORE"
"""The environment variable that names the store."""

_FIRST_ANSWER = 60.0  # seconds: some clients wait for minutes, others for ever


@lru_cache(maxsize=4)
def open_remote(address: str | None) -> "RemoteStore | None":
    """The store at an address; None without one.

    Raises
    ------
    ConfigError
        The address is none that fsspec knows, nothing is written there, or its package is not installed.
    ServiceError
        The store refuses, or does not answer within a minute.

    Examples
    --------
    >>> open_remote("") is None
    True
    """
    if not address:
        return None
    if address.partition("://")[0].lower() in READ_ONLY:
        raise _unusable(address, "is read and not written")
    opened: Future[RemoteStore] = Future()
    # A daemon: a client that waits for ever must not keep the process from ending.
    threading.Thread(target=_settle, args=(opened, address), name="evenhand-store", daemon=True).start()
    try:
        return opened.result(timeout=_FIRST_ANSWER)
    except TimeoutError:
        waited = f"{_FIRST_ANSWER:g} s"
        raise ServiceError(
            f"the shared store {shown(address)} does not answer within {waited}: check {VARIABLE}"
        ) from None


def _settle(opened: "Future[RemoteStore]", address: str) -> None:
    try:
        opened.set_result(_open(address))
    except BaseException as error:  # noqa: BLE001 (raised again where the result is waited for)
        opened.set_exception(error)


def _open(address: str) -> "RemoteStore":
    """The store, once it has answered: some clients connect when they are made, others with the first question."""
    import fsspec

    try:
        with _reached(shown(address)):
            system, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        # Of an address with a password the reason may quote a part, as a port that is none.
        why = "credentials are no part of it" if "@" in address else shorten(str(error), 120)
        raise _unusable(address, f"cannot be opened: {why}") from None
    found = RemoteStore(system, root, shown(address))
    found.ask()
    return found


def _unusable(address: str, why: str) -> ConfigError:
    remedy = "use file://, s3://, gs:// ..., and install the package that fsspec wants for it"
    return ConfigError("the shared store cannot be used", [Problem(VARIABLE, f"{shown(address)} {why}", remedy)])


class RemoteStore:
    """Results of steps on a file system of fsspec.

    Parameters
    ----------
    system
        The file system.
    root
        The folder in it.
    name
        What errors call it: the address without what is secret in it.
    """

    def __init__(self, system: Any, root: str, name: str) -> None:
        self._system, self._root, self._name = system, root.rstrip("/"), name
        self._has_folders = not protocols(system) & (OBJECT_STORES | {"memory"})

    def ask(self) -> None:
        """Look whether the store answers; that nothing is there yet is an answer, or that it may not be listed."""
        with self._reached(), suppress(FileNotFoundError, PermissionError):
            self._system.ls(self._root or "/", detail=False)

    def digests(self, step: str, key: str) -> list[str]:
        """The digests of the results of a step whose marker has been begun, sorted."""
        with self._reached():
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._at(step, key), detail=False)
            except FileNotFoundError:
                return []
        names = (PurePosixPath(path).name for path in found)
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))

    def fetch(self, step: str, key: str, digest: str, files: Mapping[str, str], folder: Path) -> None:
        """Copy a result's files into a folder and compare their checksums.

        Raises
        ------
        StoreError
            A file is gone, or is not what the marker says.
        """
        from evenhand.store import digest_file

        for name, checksum in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._reached():
                try:
                    self._system.get_file(f"{self._at(step, key)}/{digest}/{name}", str(target))
                except FileNotFoundError as error:
                    raise StoreError(f"{name} of step {step!r} is gone from {self._name}") from error
            if digest_file(target) != checksum:
                raise StoreError(f"{name} of step {step!r} in {self._name} does not match its checksum")

    def files(self, step: str, key: str, digest: str) -> Mapping[str, str] | None:
        """What a marker lists, with checksums; None when there is none, it is cut off, or is of another digest."""
        from evenhand.store import digest_json

        with self._reached():
            try:
                content = self._system.cat_file(f"{self._at(step, key)}/{digest}.json")
            except FileNotFoundError:
                return None
        try:
            files: dict[str, str] = json.loads(content)["files"]
            whole = digest_json(files) == digest and all(_is_plain(name) for name in files)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return files if whole else None

    def publish(self, step: str, key: str, digest: str, folder: Path, files: Mapping[str, str]) -> None:
        """Copy a result there, its marker last; nothing is done when it is there already.

        Parameters
        ----------
        step, key, digest
            Its reference.
        folder
            Where its files are.
        files
            Their names, with checksums.
        """
        if self.files(step, key, digest) is not None:
            return
        place = f"{self._at(step, key)}/{digest}"
        with self._reached():
            self._make_folder(self._at(step, key))
            for name in files:
                target = f"{place}/{name}"
                self._make_folder(target.rsplit("/", 1)[0])
                self._system.put_file(str(folder / name), target)
                if self._system.size(target) != (folder / name).stat().st_size:
                    raise ServiceError(f"{name} of step {step!r} did not arrive whole in {self._name}")
            self._system.pipe_file(f"{place}.json", json.dumps({"files": dict(files)}, sort_keys=True).encode())

    def withdraw(self, step: str, key: str, digest: str) -> None:
        """Take the marker of a damaged result away, so that a good one can be published in its place."""
        with self._reached(), suppress(FileNotFoundError):
            self._system.rm_file(f"{self._at(step, key)}/{digest}.json")

    def save_work(self, step: str, key: str, folder: Path) -> None:
        """Copy what an unfinished step keeps."""
        with self._reached():
            place = f"{self._at(step, key)}/work"
            self._make_folder(place)
            for path in sorted(folder.iterdir()):
                if path.is_file():
                    self._system.put_file(str(path), f"{place}/{path.name}")

    def fetch_work(self, step: str, key: str, folder: Path) -> None:
        """Copy what another machine kept of an unfinished step, when there is something."""
        with self._reached():
            self._system.invalidate_cache()
            with suppress(FileNotFoundError):
                for path in self._system.ls(f"{self._at(step, key)}/work", detail=False):
                    self._system.get_file(path, str(folder / PurePosixPath(path).name))

    def drop_work(self, step: str, key: str) -> None:
        """Remove what was kept of a step that is finished now."""
        with self._reached(), suppress(FileNotFoundError):
            self._system.rm(f"{self._at(step, key)}/work", recursive=True)

    def _make_folder(self, folder: str) -> None:
        """Make a folder below the root; what the root is to lie in must be there: a share, say, that is mounted.

        Object stores have no folders, and would make the bucket.
        """
        if self._has_folders:
            self._system.invalidate_cache()
            self._system.info(self._root.rpartition("/")[0] or "/")
            self._system.makedirs(folder, exist_ok=True)

    def _at(self, step: str, key: str) -> str:
        return f"{self._root}/{step}/{key[:32]}"

    def _reached(self) -> AbstractContextManager[None]:
        return _reached(self._name)


@contextmanager
def _reached(name: str) -> Iterator[None]:
    """Turn a store that is not there, does not answer, or refuses, into one clear error without the client's own.

    What a client raises may hold the address with its password, and a chained error is printed in logs.
    """
    try:
        yield
    except FileNotFoundError:
        # What may be missing in the store is caught where it is asked for.
        raise ServiceError(
            f"the shared store {name} is not there: make its folder or bucket, or correct {VARIABLE}"
        ) from None
    except PermissionError:
        raise ServiceError(f"the shared store {name} refuses access: check its credentials") from None
    except (OSError, EOFError) as error:
        raise _silent(name, error) from None
    except client_errors() as error:  # looked up now: by then the client is loaded
        raise _silent(name, error) from None


def _silent(name: str, error: Exception) -> ServiceError:
    return ServiceError(f"the shared store {name} does not answer ({type(error).__name__}): check {VARIABLE}")


def _is_plain(name: str) -> bool:
    """Whether a name stays below the folder that it is put into."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
