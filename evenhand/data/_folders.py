"""A folder of Parquet parts, here or at an address: it is read where it lies, and nothing is fetched first."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from evenhand.data._address import client_errors, reached, shown, unreachable, with_environment
from evenhand.exceptions import DataError

__all__ = ["PartsFolder", "find_folder", "readable"]

_SUFFIX = ".parquet"
# A web server has no folders; to look for one, fsspec would load the whole file and search it for links.
_WEB = re.compile(r"(?:^|::)https?://", re.IGNORECASE)


@dataclass(frozen=True)
class PartsFolder:
    """A folder of Parquet parts.

    Attributes
    ----------
    path
        The folder, as its file system calls it.
    parts
        Its Parquet files and those below it, sorted.
    system
        The file system of fsspec; None for this machine's.
    """

    path: Path | str
    parts: tuple[Path | str, ...]
    system: Any = None


def find_folder(address: str, *, format: str = "auto") -> PartsFolder | None:  # noqa: A002 (as in sources.py)
    """The folder at an address; None when it is none.

    Raises
    ------
    DataError
        When it holds no Parquet, or another format is asked for, or no package knows the address.
    ServiceError
        When its server does not answer.

    Examples
    --------
    >>> find_folder("https://example.org/loans.parquet") is None
    True
    """
    filled = with_environment(address)
    folder = _remote(filled, address) if "://" in filled or "::" in filled else _local(Path(filled).expanduser())
    if folder is not None and (format == "csv" or not folder.parts):
        raise DataError(f"{shown(address)} is a folder: name one file in it")
    return folder


def _local(path: Path) -> PartsFolder | None:
    if not os.path.isdir(path):  # noqa: PTH112 (a name too long for the system is no folder, and Path.is_dir raises)
        return None
    return PartsFolder(path, tuple(sorted(path.glob(f"**/*{_SUFFIX}"))))


def _remote(filled: str, address: str) -> PartsFolder | None:
    import fsspec

    if _WEB.search(filled):
        return None
    with reached(address):
        system, path = fsspec.core.url_to_fs(filled)
        system.invalidate_cache()
        if not system.isdir(path):
            return None
        parts = [each for each in system.find(path) if each.endswith(_SUFFIX)]
    return PartsFolder(path, tuple(sorted(parts, key=PurePosixPath)), system)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn Parquet that cannot be read, and a server that goes away meanwhile, into one clear error each."""
    import pyarrow as pa

    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        raise unreachable(name, error) from None
    except client_errors() as error:
        raise unreachable(name, error) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} is a Parquet file that cannot be read: it is damaged or cut off") from error
