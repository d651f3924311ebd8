"""Fitting folds on a Dask cluster: the same fits on the same matrices as on one machine, so the same scores.

Each encoded fold goes to the workers once, as the bytes of its files. A worker lays them down in its scratch folder
and maps them, exactly as :func:`evenhand.modeling.search_worker.fit_fold` does at home; what then travels with a trial
is an unfitted classifier and a score. A worker that dies takes nothing with it: its fits are made again elsewhere, and
folds that no worker holds any more are sent again.

Dask's messages are pickles: whoever reaches the scheduler's port can run code on every worker and here.
"""

import contextlib
import hashlib
import logging
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.data._address import shown
from evenhand.exceptions import SearchError, ServiceError, shorten
from evenhand.modeling.dask_scheduler import connect, scheduler_address
from evenhand.modeling.folds import fold_files
from evenhand.modeling.search_worker import FoldOutcome, FoldTask, Outcome, Pool, fit_fold

__all__ = ["fit_here", "open_dask_pool", "software"]

_WORKER_SECONDS = 30.0
_LOOK_SECONDS = 2.0
_SETTLE_SECONDS = 0.5  # by then a client has heard that its own connection is gone
_SENDINGS = 5
_DAY = 86_400.0
_GOES_ON = "with a trial log the same call goes on where it stood"


@lru_cache(maxsize=1)
def software() -> dict[str, str]:
    """What must be the same here and on every worker for scores to be the same: Python, packages, and our own code."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(path.name.encode() + b"\0" + path.read_bytes())
    packages = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **packages, "evenhand.modeling": code.hexdigest()[:12]}


@dataclass(frozen=True)
class _Part:
    """The files of one fold in one encoding, as bytes: what is sent to the workers once."""

    files: Mapping[str, npt.NDArray[np.uint8]]


_one_at_a_time = threading.Lock()


def fit_here(task: FoldTask, part: _Part, expected: Mapping[str, str]) -> FoldOutcome:
    """Fit one fold on the worker that runs this: its files into the scratch folder, when they are not there, and fit.

    One fit at a time in a process, since the limit of one thread a fit and the filters of warnings are the process's.

    Raises
    ------
    SearchError
        The worker has other software, or no room for the files.
    """
    from distributed import get_worker

    _require_same(expected, software(), get_worker().address)
    directory = Path(get_worker().local_directory) / task.directory.name
    with _one_at_a_time:
        try:
            _lay_down(directory, part)
        except OSError as error:
            raise SearchError(
                f"Dask worker {get_worker().address} cannot keep the folds ({error.strerror}): "
                "give it a scratch folder with room (--local-directory)"
            ) from None
        return fit_fold(replace(task, directory=directory))


def _lay_down(directory: Path, part: _Part) -> None:
    if not directory.is_dir():
        for left in directory.parent.glob("evenhand-folds-*"):
            if time.time() - left.stat().st_mtime > _DAY:  # of a search that was killed
                shutil.rmtree(left, ignore_errors=True)
        directory.mkdir(exist_ok=True)
    for name, content in part.files.items():
        if not (directory / name).is_file():
            draft = directory / f".{name}.{uuid.uuid4().hex[:8]}"
            content.tofile(draft)
            draft.replace(directory / name)


def _clear(name: str, dask_worker: Any = None) -> None:
    """Remove a search's folder from a worker, which Dask hands in by this name."""
    shutil.rmtree(Path(dask_worker.local_directory) / name, ignore_errors=True)


def _require_same(expected: Mapping[str, str], found: Mapping[str, str], worker: str) -> None:
    wrong = [f"{name} {found.get(name)} (here {value})" for name, value in expected.items() if found.get(name) != value]
    if wrong:
        raise SearchError(
            f"Dask worker {worker} has other software: {', '.join(wrong)}; scores would not be comparable: "
            "install the same version of Evenhand and the same lock there"
        )


class _Fit:
    """A fold's outcome to come from the cluster."""

    def __init__(self, team: "_Cluster", task: FoldTask) -> None:
        self.team, self.task = team, task
        self.future: Any = team.start(task)

    def done(self) -> bool:
        return self.future.status in ("finished", "error")

    def result(self) -> FoldOutcome:
        outcome = None
        while outcome is None:
            while not self.done():
                self.team.wait([self], None)
            outcome = self.team.outcome(self.future)
        return outcome

    def cancel(self) -> bool:
        with _tidying():
            self.future.cancel()
        return True


class _Cluster:
    """The workers of a Dask cluster, as a pool of fits."""

    def __init__(self, client: Any, address: str, name: str) -> None:
        self._client, self._address, self._name = client, address, name
        self._parts: dict[tuple[int, bool], Any] = {}
        self._sendings: dict[tuple[int, bool], int] = {}

    def submit(self, task: FoldTask) -> Outcome:
        return _Fit(self, task)

    def start(self, task: FoldTask) -> Any:
        """Hand in a fit, and its fold before it when no worker has that."""
        part = self._part(task)
        with _asking(self._client):
            return self._client.submit(
                fit_here,
                replace(task, directory=Path(self._name)),
                part,
                software(),
                key=f"{self._name}-{uuid.uuid4().hex}",
                pure=False,
            )

    def _part(self, task: FoldTask) -> Any:
        key = (task.fold, task.scale)
        while key not in self._parts or self._parts[key].status != "finished":
            self._sendings[key] = self._sendings.get(key, 0) + 1
            if self._sendings[key] > _SENDINGS:
                raise SearchError(f"Dask's workers have lost a fold {_SENDINGS} times: give them more memory")
            _require_worker(self._client, self._address)
            files = {path.name: np.fromfile(path, np.uint8) for path in _files_of(task)}
            if (part := self._sent(_Part(files))) is not None:
                self._parts[key] = part
        return self._parts[key]

    def _sent(self, part: _Part) -> Any:
        """The part on every worker at once, since one that only one holds would be gone with it; None if one died."""
        try:
            [future] = self._client.scatter([part], broadcast=True, hash=False)
        except Exception as error:  # a client that loses its scheduler fails in any way
            time.sleep(_SETTLE_SECONDS)
            if self._client.status != "running":
                raise _gone(error) from error
            if not isinstance(error, (OSError, KeyError, ValueError)):  # what a worker's end is to the scheduler
                raise
            return None
        return future

    def wait(self, outcomes: list[Outcome], seconds: float | None) -> None:
        """Until one is done or the seconds have passed; what was lost with a worker is handed in again."""
        import distributed

        wait: Any = distributed.wait  # it has no types
        fits = [outcome for outcome in outcomes if isinstance(outcome, _Fit)]
        deadline = None if seconds is None else time.monotonic() + seconds
        while not any(fit.done() for fit in fits):
            left = _LOOK_SECONDS if deadline is None else min(_LOOK_SECONDS, deadline - time.monotonic())
            if left <= 0:
                return
            nothing_yet = contextlib.suppress(TimeoutError, *_cancelled_errors())
            with _asking(self._client), self._client.as_current(), nothing_yet:
                wait([fit.future for fit in fits], timeout=left, return_when="FIRST_COMPLETED")
            self._again(fits)

    def _again(self, fits: list[_Fit]) -> None:
        for fit in fits:
            if fit.future.status in ("cancelled", "lost"):
                fit.future = self.start(fit.task)

    def outcome(self, future: Any) -> FoldOutcome | None:
        """What a fit came to, or its error in our words; None when it was lost with a worker before it came here."""
        from distributed import KilledWorker

        try:
            with _asking(self._client):
                found: FoldOutcome = future.result()
        except _cancelled_errors():
            return None
        except KilledWorker as error:
            raise SearchError(
                "a fit has ended several of Dask's workers, most likely for want of memory: give them more, or use "
                f"fewer rows; {_GOES_ON}"
            ) from error
        except ModuleNotFoundError as error:
            raise _not_installed(error) from error
        return found

    def close(self) -> None:
        """Free what the workers hold for this search, unless nobody is there to be told."""
        if self._client.status == "running":
            with _tidying():
                self._client.cancel([*self._parts.values()])
                self._client.run(_clear, self._name, on_error="ignore")


def _files_of(task: FoldTask) -> list[Path]:
    return fold_files(task.directory, task.fold, scale=task.scale)


@contextlib.contextmanager
def open_dask_pool() -> Iterator[Pool]:
    """The cluster that the environment names, as a pool.

    Raises
    ------
    ConfigError
        The environment names no scheduler, or nothing that is an address.
    MissingExtraError
        ``distributed`` is not installed.
    ServiceError
        The scheduler does not answer within seconds, has no worker, or goes away.
    SearchError
        A worker has other software.
    """
    address = scheduler_address()
    client = connect(address)
    try:
        _check_workers(client, address)
        cluster = _Cluster(client, address, f"evenhand-folds-{uuid.uuid4().hex}")
        try:
            yield cluster
        except _cancelled_errors() as error:
            raise _gone(error) from error
        finally:
            cluster.close()
    finally:
        with _tidying():
            client.close()


def _require_worker(client: Any, address: str) -> None:
    try:
        with _asking(client):
            client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError as error:
        raise _no_worker(address) from error


def _check_workers(client: Any, address: str) -> None:
    _require_worker(client, address)
    try:
        with _asking(client):
            found = client.run(software, on_error="return")
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    # A worker that died meanwhile says nothing of its software; of one that comes later each fit compares it.
    answers = {worker: answer for worker, answer in found.items() if not isinstance(answer, OSError)}
    if not answers:
        raise _no_worker(address)
    for worker, answer in answers.items():
        if isinstance(answer, ModuleNotFoundError):
            raise _not_installed(answer)
        _require_same(software(), answer if isinstance(answer, dict) else {}, worker)


def _no_worker(address: str) -> ServiceError:
    return ServiceError(
        f"the Dask scheduler at {shown(address)} has no worker that answers after {_WORKER_SECONDS:g} s: start one; "
        f"{_GOES_ON}"
    )


def _not_installed(error: ModuleNotFoundError) -> SearchError:
    return SearchError(
        f"a Dask worker cannot import {shorten(error.name or str(error))}: install the same version of Evenhand there"
    )


@contextlib.contextmanager
def _asking(client: Any) -> Iterator[None]:
    """Say that the scheduler went away when it did, whatever its client makes of that.

    A client that has lost its scheduler takes itself apart meanwhile: who asks it then meets an AttributeError or a
    RuntimeError, as it happens, or waits for its connection in vain. Of a client that runs, an error is the fit's or
    ours and stays what it is.
    """
    if client.status != "running":
        raise _gone(None)
    from distributed.comm.core import CommClosedError  # an OSError, of which a fit may have others

    try:
        yield
    except Exception as error:  # as above: an AttributeError, a RuntimeError, as it happens
        if client.status == "running" and not isinstance(error, CommClosedError):
            raise
        raise _gone(error) from error


@contextlib.contextmanager
def _tidying() -> Iterator[None]:
    """Tidy up as far as the cluster allows: what fails there may hide neither a result nor the error that ended it.

    Nor is it printed: a client that is closed while it looks for its scheduler logs a page of traceback.
    """
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with contextlib.suppress(Exception):
            yield
    finally:
        log.setLevel(level)


def _gone(error: BaseException | None) -> ServiceError:
    reason = f" ({type(error).__name__})" if error is not None else ""
    return ServiceError(f"the Dask scheduler went away during the search{reason}: {_GOES_ON}")


def _cancelled_errors() -> tuple[type[BaseException], ...]:
    from distributed.client import FutureCancelledError, FuturesCancelledError

    return FutureCancelledError, FuturesCancelledError
