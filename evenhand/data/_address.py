"""Addresses: environment variables put in, secrets left out of what people read, and files fetched."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evenhand.exceptions import DataError, ServiceError, nearest, shorten

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# They are read at an address, and nothing is written there.
READ_ONLY = frozenset({"http", "https", "data", "github", "zip", "tar"})
# An upload there is seen when it has ended, and there are no folders: what must exist is the bucket.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"})
_USER_INFO = re.compile(r"(://).*@")  # to the last @: a password may hold one, and a slash


def with_environment(address: str) -> str:
    """The address with the values of its ``${NAME}``.

    Raises
    ------
    DataError
        When a variable is not set.
    """
    missing = [name for name in _VARIABLE.findall(address) if not os.environ.get(name)]
    if missing:
        raise DataError(f"the environment variable {', '.join(missing)} of the address is not set: export it")
    return _VARIABLE.sub(lambda match: os.environ[match.group(1)], address)


def shown(address: str) -> str:
    """The address as it may stand in a message: without user, password and query.

    Examples
    --------
    >>> shown("https://me:secret@example.org/a.csv?token=secret")
    "'https://example.org/a.csv'"
    """
    return shorten(public_address(address), 120)


def public_address(address: str) -> str:
    """The address without user, password and query; a path as it is.

    Examples
    --------
    >>> public_address("sftp://me:secret@host/a.parquet?token=secret")
    'sftp://host/a.parquet'
    >>> public_address("s3://me:sec?ret@bucket/a.parquet")  # or a query that has an @
    's3://...'
    """
    if "://" not in address:
        return address
    place, _, query = address.partition("?")
    if "@" in query and "@" not in place:
        return f"{address.partition('://')[0]}://..."
    return _USER_INFO.sub(r"\1", place)


def protocols(system: Any) -> set[str]:
    """The names of a file system of fsspec, as they stand before the ``://``."""
    return {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)


@contextmanager
def local_file(address: str) -> Iterator[Path]:
    """A path on this machine that holds what the address names, for as long as the context lasts.

    Raises
    ------
    DataError
        When there is no such file, it may not be read, or no package knows its protocol.
    ServiceError
        When its server does not answer.
    """
    filled = with_environment(address)
    if "://" not in filled and "::" not in filled:
        yield _checked(Path(filled).expanduser(), address)
        return
    with TemporaryDirectory(prefix="evenhand-") as folder:
        yield _fetched(filled, address, Path(folder))


def _checked(path: Path, address: str) -> Path:
    try:
        if not path.exists():
            raise DataError(f"there is no file {shown(address)}: {_nearest_file(path)}")
        if path.is_file() and not os.access(path, os.R_OK):
            raise DataError(f"{shown(address)} may not be read: allow it, or name another file")
    except (OSError, ValueError) as error:
        # A name with a null byte, or longer than the system allows.
        raise DataError(f"{shown(address)} is no possible name of a file: check the path") from error
    return path


def _nearest_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {shorten(str(folder), 120)} does not exist"
    names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    return nearest(path.name, names) if names else "its folder is empty"


def _fetched(filled: str, address: str, folder: Path) -> Path:
    import fsspec

    with reached(address):
        system, inside = fsspec.core.url_to_fs(filled)
        name = inside.rstrip("/").rsplit("/", 1)[-1] or "data"
        target = folder / re.sub(r"[^\w.-]", "_", name)[-100:]
        system.get_file(inside, str(target))
    if not target.is_file():
        raise DataError(f"{shown(address)} is a folder: name one file in it")
    return target


@contextmanager
def reached(address: str) -> Iterator[None]:
    """Turn what fsspec raises about an address into one clear error, without what is secret in it."""
    try:
        yield
    except ImportError as error:
        # fsspec's message names the package: "Install s3fs to access S3".
        remedy = str(error) if error.name is None else f"install {error.name}"
        raise DataError(f"{shown(address)} needs a package that is not installed: {remedy}") from None
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"there is no file {shown(address)}: check the address") from None
    except PermissionError:
        raise DataError(f"{shown(address)} may not be read: check the credentials") from None
    except ValueError:
        raise DataError(f"{shown(address)} is no address that fsspec knows: use file://, s3://, https:// ...") from None
    except OSError as error:
        raise unreachable(shown(address), error) from None
    except client_errors() as error:
        raise unreachable(shown(address), error) from None


def unreachable(name: str, error: Exception) -> ServiceError:
    """The error of a server that does not answer."""
    return ServiceError(f"{name} cannot be fetched ({type(error).__name__}): check the address and the server")


def client_errors() -> tuple[type[Exception], ...]:
    """What the clients of stores raise that is no OSError; only of those that fsspec has loaded by now."""
    known = {
        "aiohttp": ("ClientError",),
        "azure.core.exceptions": ("AzureError",),
        "botocore.exceptions": ("BotoCoreError", "ClientError"),
        "ftplib": ("Error",),
        "gcsfs.retry": ("HttpError",),
        "google.auth.exceptions": ("GoogleAuthError",),
        "paramiko.ssh_exception": ("SSHException",),
    }
    return tuple(
        getattr(sys.modules[module], name) for module, names in known.items() if module in sys.modules for name in names
    )
