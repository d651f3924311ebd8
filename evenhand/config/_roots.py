"""Whether a file lies where a service may read."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from evenhand.config._errors import shown
from evenhand.exceptions import ConfigError, Problem

__all__ = ["READ_ONLY_SERVERS", "anchor_root", "check_places", "outside"]

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


def outside(address: str, roots: Sequence[str] | None) -> tuple[str, str] | None:
    """What is wrong with reading an address, and the remedy; None where it lies below a root or names no file.

    Of a folder the links in it are followed too, since its files are what is read. An address whose variables are not
    set here says nothing yet: the run, which has them, asks again. None for roots that are not known:
    nothing lies outside them.

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
    return _stray(database["file"] if database else filled, shown(address), roots)


def check_places(places: Mapping[str, str | None], roots: Sequence[str]) -> None:
    """Refuse places that lie below no root any more, however they were found when the run was asked for.

    Parameters
    ----------
    places
        Paths and addresses, by what they are called; None for what is not named.
    roots
        Of :func:`anchor_root`.

    Raises
    ------
    ConfigError
        With everything that lies outside.

    Examples
    --------
    >>> check_places({"source.path": "s3://loans/2026/rows.parquet", "source.url": None}, ["s3://loans"])
    """
    found = {where: outside(place, roots) for where, place in places.items() if place}
    problems = [Problem(where, *wrong) for where, wrong in found.items() if wrong is not None]
    if problems:
        raise ConfigError("a place of this run leads elsewhere than when it was asked for", problems)


def _stray(place: str, name: str, roots: Sequence[str] | None) -> tuple[str, str] | None:
    if roots is None or place in ("", ":memory:"):
        return None
    if not _below_any(place, roots):
        return f"{name} lies outside the service's roots", "add its folder or address to roots"
    if any(not _below_any(str(link), roots) for link in _links(Path(_LOCAL.sub("", place)).expanduser())):
        # The link's name could tell of a person, so it is not said.
        return f"{name} holds a link that leads outside the service's roots", "put the file itself there"
    return None


def _filled(address: str) -> str | None:
    if any(name not in os.environ for name in _VARIABLE.findall(address)):
        return None
    return _VARIABLE.sub(lambda match: os.environ[match.group(1)], address)


def _is_server(address: str) -> bool:
    """Whether this names a database server, which is held by its rights and not by a folder."""
    scheme = address.partition("://")[0].partition("+")[0].lower()
    return scheme in READ_ONLY_SERVERS


def _below_any(place: str, roots: Sequence[str]) -> bool:
    return any(_below(place, root) for root in roots)


def _below(place: str, root: str) -> bool:
    if "\0" in place:  # which no file system takes
        return False
    place = _LOCAL.sub("", place)
    root = _LOCAL.sub("", root)
    if _SCHEME.match(place) or _SCHEME.match(root):
        inside = place == root or place.startswith(root.rstrip("/") + "/")
        return inside and not _climbs(place)
    # Unlike Path.resolve, realpath takes links that lead in a circle.
    return Path(os.path.realpath(Path(place).expanduser())).is_relative_to(os.path.realpath(root))


def _climbs(address: str) -> bool:
    """Whether a client or a server could read a part of the address as the folder above, however often it is quoted."""
    while (plain := unquote(address)) != address:
        address = plain
    # Clients drop these signs (https://url.spec.whatwg.org/#url-parsing), and servers what follows a semicolon.
    parts = re.split(r"[/\\?#]", re.sub(r"[\t\r\n]", "", address))
    return any(part.partition(";")[0].strip() == ".." for part in parts)


def _links(folder: Path) -> Iterator[Path]:
    """The links in a folder and below it, and in the folders that they lead to."""
    waiting, seen = [os.path.realpath(folder)], set()
    while waiting:
        here = waiting.pop()
        if here in seen or not os.access(here, os.R_OK | os.X_OK) or not Path(here).is_dir():
            continue
        seen.add(here)
        for each in Path(here).iterdir():
            if each.is_symlink():
                yield each
            if each.is_dir():
                waiting.append(os.path.realpath(each))
