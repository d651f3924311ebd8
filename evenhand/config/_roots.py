"""Whether a file lies where a service may read."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from evenhand.config._errors import shown

__all__ = ["READ_ONLY_SERVERS", "anchor_root", "outside"]

READ_ONLY_SERVERS = ("postgresql", "mysql", "mariadb")
"""Database servers whose transactions can be made to refuse every change."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?:file:)?(?P<file>[^?]*)")
_LOCAL = re.compile(r"(?:file|local)://")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def anchor_root(root: str, folder: Path) -> str:
    """A root with its variables put in, a local one absolute against `folder`."""
    filled = _filled(root) or root
    return filled if _SCHEME.match(filled) else str(folder / Path(filled).expanduser())


def outside(address: str, roots: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with reading an address, and the remedy; None where it lies below a root or names no file.

    An address whose variables are not set here says nothing yet: the run, which has them, asks again.

    Examples
    --------
    >>> outside("s3://loans/2026/rows.parquet", ["s3://loans"]) is None
    True
    >>> outside("s3://loans-of-others/rows.parquet", ["s3://loans"])[0]
    "'s3://loans-of-others/rows.parquet' lies outside the service's roots"
    """
    filled = _filled(address)
    if filled is None:
        return None
    if "::" in filled:
        return f"{shown(address)} is a chain of addresses", "name the file itself: no root can hold a chain"
    database = _SQLITE.match(filled)
    if database is None and _is_server(filled):
        return None
    place = database["file"] if database else filled
    if place in ("", ":memory:") or any(_below(place, root) for root in roots):
        return None
    return f"{shown(address)} lies outside the service's roots", "add its folder or address to roots"


def _filled(address: str) -> str | None:
    if any(name not in os.environ for name in _VARIABLE.findall(address)):
        return None
    return _VARIABLE.sub(lambda match: os.environ[match.group(1)], address)


def _is_server(address: str) -> bool:
    """Whether this names a database server, which is held by its rights and not by a folder."""
    scheme = address.partition("://")[0].partition("+")[0].lower()
    return scheme in READ_ONLY_SERVERS


def _below(place: str, root: str) -> bool:
    place = _LOCAL.sub("", place)
    root = _LOCAL.sub("", root)
    if _SCHEME.match(place) or _SCHEME.match(root):
        inside = place == root or place.startswith(root.rstrip("/") + "/")
        return inside and ".." not in re.split(r"[/\\]", place)
    return Path(place).expanduser().resolve().is_relative_to(Path(root).resolve())
