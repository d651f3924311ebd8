"""What a step leaves on disk: written whole or not at all, with checksums, and read back only if they match.

A step's folder is named by its key, the digest of everything that determines its content. It is filled under a
temporary name, synced, given a manifest with the checksum of every file, and renamed into place: a reader sees the
whole folder or none. Between steps travels a :class:`Ref`, a few strings.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evenhand.disk import full_disk
from evenhand.exceptions import AlteredError, StoreError
from evenhand.store_remote import RemoteStore

__all__ = ["Ref", "Store", "canonical_json", "digest_bytes", "digest_file", "digest_json", "write_text"]

MANIFEST = "manifest.json"
_DAY = 86_400.0
_PATIENCE = 0.5
"""Seconds between two looks whether another process has finished."""


@dataclass(frozen=True)
class Ref:
    """A step's result by name: small, JSON-able, and checked when it is opened.

    Attributes
    ----------
    step, key
        Which step, and the digest of everything that went into it.
    digest
        The digest of what came out.
    """

    step: str
    key: str
    digest: str

    def to_dict(self) -> dict[str, str]:
        """As a dictionary of strings."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, str]) -> "Ref":
        """The inverse of :meth:`to_dict`."""
        return cls(value["step"], value["key"], value["digest"])


def canonical_json(value: Any) -> str:
    """JSON with one spelling for one value: sorted keys, no spaces, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [1.5, None]})
    '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return digest_bytes(canonical_json(value).encode())


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Store:
    """Folders of finished steps below `root`, each under its step and key.

    Parameters
    ----------
    root
        The folder on this machine.
    remote
        A store that several machines share: what is finished here is copied there, and what is missing here is fetched
        from there. None keeps everything on this machine.
    """

    def __init__(self, root: Path | str, remote: RemoteStore | None = None) -> None:
        self.root = Path(root)
        self._remote = remote

    def _folder(self, step: str, key: str) -> Path:
        return self.root / step / key[:32]

    def find(self, step: str, key: str) -> Ref | None:
        """The finished result of a step, or None; a damaged one is set aside, to be computed anew.

        Parameters
        ----------
        step, key
            As given to :meth:`write`.
        """
        folder = self._folder(step, key)
        if (folder / MANIFEST).is_file():
            try:
                ref = Ref(step, key, self._verify(folder))
            except StoreError:
                folder.rename(folder.with_name(f".damaged-{folder.name}-{uuid.uuid4().hex[:8]}"))
            else:
                self._publish(ref)
                return ref
        return self._fetch(step, key)

    def _publish(self, ref: Ref) -> None:
        if self._remote is not None:
            folder = self._folder(ref.step, ref.key)
            files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
            self._remote.publish(ref.step, ref.key, ref.digest, folder, files)

    def _fetch(self, step: str, key: str, digest: str | None = None) -> Ref | None:
        """A whole result from the shared store, or None; one that does not match its checksums is withdrawn there."""
        if self._remote is None:
            return None
        for each in self._remote.digests(step, key):
            files = self._remote.files(step, key, each) if digest in (None, each) else None
            if files is None:
                continue
            try:
                with self.write(step, key) as folder:
                    self._remote.fetch(step, key, each, files, folder)
            except StoreError:
                self._remote.withdraw(step, key, each)
                continue
            return Ref(step, key, each)
        return None

    def folder(self, ref: Ref) -> Path:
        """The folder of a result, after its checksums were compared.

        Raises
        ------
        StoreError
            When it is not there.
        AlteredError
            When it is there, and is not what `ref` names.
        """
        folder = self._folder(ref.step, ref.key)
        if not (folder / MANIFEST).is_file() and self._fetch(ref.step, ref.key, ref.digest) is None:
            raise StoreError(f"the result of step {ref.step!r} is gone from {folder}: run the command again")
        if self._verify(folder) != ref.digest:
            raise AlteredError(f"the result of step {ref.step!r} in {folder} is not the one that was referred to")
        return folder

    def _verify(self, folder: Path) -> str:
        """Compare every file with the manifest; the digest of the result."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            expected: dict[str, str] = manifest["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AlteredError(f"the manifest in {folder} cannot be read: {error}") from error
        found = {name: digest_file(folder / name) for name in _files(folder)}
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if wrong:
            raise AlteredError(f"{folder} was altered: {', '.join(wrong)} do not match their checksums")
        return digest_json(expected)

    @contextmanager
    def write(self, step: str, key: str) -> Iterator[Path]:
        """A folder to fill; on leaving the block it becomes the step's result, on an error it is removed.

        When another process finished the same step meanwhile, its result stands and this one is dropped.

        Parameters
        ----------
        step
            The step's name.
        key
            The digest of everything that determines the result.
        """
        target = self._folder(step, key)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # snapshots and predictions are about people
        target.parent.mkdir(exist_ok=True)
        _sweep(target.parent)
        draft = target.with_name(f".draft-{target.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        draft.mkdir()
        try:
            yield draft
            self._commit(draft, target)
        except OSError as error:
            full = full_disk(error, target)  # what is written to an open file does not say its name
            if full is None:
                raise
            raise full from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _commit(self, draft: Path, target: Path) -> None:
        files = {name: digest_file(draft / name) for name in _files(draft)}
        for name in files:
            with (draft / name).open("rb") as stream:
                os.fsync(stream.fileno())
        write_text(draft / MANIFEST, json.dumps({"files": files}, indent=1, sort_keys=True))
        for folder in {draft, *(path.parent for path in map(draft.joinpath, files))}:
            _sync_folder(folder)
        try:
            draft.rename(target)
        except OSError:
            if not (target / MANIFEST).is_file():
                raise
        _sync_folder(target.parent)

    def once(self, step: str, key: str, fill: Callable[[Path], None]) -> Ref:
        """The result of a step: the one that is there, or else what `fill` writes into a folder."""
        found = self.find(step, key)
        if found is None:
            with self.write(step, key) as folder:
                fill(folder)
            found = self.find(step, key)
            if found is None:
                raise StoreError(f"the result of step {step!r} does not match its checksums right after it was written")
        return found

    @contextmanager
    def alone(self, step: str, key: str, waits: Callable[[], None]) -> Iterator[None]:
        """A block in which no other process of this machine works on a step with these inputs.

        Two models may ask for one search, and its work folder has room for one. Who comes second waits, and then finds
        the result; the system lets go of the lock when a process ends, however it ends.

        Parameters
        ----------
        step, key
            As in :meth:`write`.
        waits
            Called once when another process is at it.
        """
        folder = self.root / step
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        path = folder / f".lock-{key[:32]}"
        lock = _locked(path)
        if lock is None:
            waits()
            while lock is None:
                time.sleep(_PATIENCE)
                lock = _locked(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(lock)

    def work_folder(self, step: str, key: str) -> Path:
        """A folder for what an unfinished step keeps while it runs (a trial log); it outlives a kill."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self.root / step / f".work-{key[:32]}"
        folder.mkdir(parents=True, exist_ok=True)
        if self._remote is not None and not any(folder.iterdir()):
            self._remote.fetch_work(step, key, folder)
        return folder

    def save_work(self, step: str, key: str) -> None:
        """Copy the work folder to the shared store, so that another machine can go on; without one nothing happens."""
        if self._remote is not None:
            self._remote.save_work(step, key, self.root / step / f".work-{key[:32]}")

    def drop_work(self, step: str, key: str) -> None:
        """Remove the work folder of a finished step, here and in the shared store."""
        shutil.rmtree(self.root / step / f".work-{key[:32]}", ignore_errors=True)
        if self._remote is not None:
            self._remote.drop_work(step, key)


def _locked(path: Path) -> int | None:
    """The descriptor of the file, locked; None while another process has it, or has just taken it away."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino == path.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(file)
    return None


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed, or damage, left a day ago and longer."""
    for left in [*folder.glob(".draft-*"), *folder.glob(".damaged-*")]:
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """Relative names of all files of a result, sorted, without the manifest."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST)
