"""One process a folder: two services, or a service and a restore, would undo each other's work."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evenhand.exceptions import ServiceError

__all__ = ["occupied"]


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Be the only one that serves a folder or restores into it.

    Parameters
    ----------
    folder
        The service's folder.

    Raises
    ------
    ServiceError
        When another process is there.
    """
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ServiceError(f"the service in {folder} is running: stop that `evenhand up` first") from error
        yield
