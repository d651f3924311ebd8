"""A file that several processes may want to make first: one of them makes it, whole or not at all."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["make_whole"]


def make_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a file where there is none; who comes meanwhile waits, and takes what was made.

    Parameters
    ----------
    path
        The file; its folder is made when missing.
    fill
        Writes the file under the name that it is given. What it leaves when it fails or is killed is removed, with what
        SQLite puts beside a file of that name.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     made = Path(folder) / "new.txt"
    ...     for text in ("first", "second"):
    ...         make_whole(made, lambda draft: draft.write_text(text) and None)
    ...     made.read_text(), [each.name for each in Path(folder).iterdir()]
    ('first', ['new.txt'])
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the system lets go when the process ends, however it ends
        if path.exists():
            return
        draft = path.with_name(f".{path.name}.draft")
        _remove(draft)
        try:
            fill(draft)
            draft.rename(path)
        finally:
            _remove(draft)
    finally:
        os.close(folder)


def _remove(draft: Path) -> None:
    """The draft, and the journals of a database: one of an earlier draft would be played into the next."""
    for ending in ("", "-journal", "-wal", "-shm"):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
