"""A full disk, whichever library meets it first: recognized, and told as one error that names the place."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["full_at", "full_disk", "nearly_full", "no_room"]

_LEAST = 2**20
"""Bytes that every step needs at least: less is no room."""

_SHORT = re.compile(r"\d+ requested and \d+ written")
"""All that numpy says of it."""


def no_room(error: BaseException) -> bool:
    """Whether an error says that a disk, or its owner's share of it, is full.

    Examples
    --------
    >>> no_room(OSError(errno.ENOSPC, "No space left on device")), no_room(OSError("8000 requested and 96 written"))
    (True, True)
    >>> no_room(ValueError("(sqlite3.OperationalError) database or disk is full")), no_room(FileNotFoundError("x"))
    (True, False)
    """
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return full or (error.errno is None and _SHORT.search(str(error)) is not None)
    return "database or disk is full" in str(error)  # SQLite's words, in whichever error they come


def nearly_full(folder: Path) -> bool:
    """Whether next to nothing can be written at a place that need not be there yet."""
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), None)
    return there is not None and shutil.disk_usage(there).free < _LEAST


def full_at(place: Path | str) -> OSError:
    """The error of a full disk where something was to be written."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))


def full_disk(error: BaseException, place: Path, *, suspect: bool = False) -> OSError | None:
    """The error of a full disk that an error is, or that it arose from; None where it is another one.

    Parameters
    ----------
    error
        What was met.
    place
        What was to be written, where the error does not say so.
    suspect
        Take it for one as well when there is next to no room at `place`: for services, which say nothing of the cause.
    """
    for each in _chain(error):
        if no_room(each):
            return full_at(getattr(each, "filename", None) or place)
    return full_at(place) if suspect and nearly_full(place) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it arose from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
