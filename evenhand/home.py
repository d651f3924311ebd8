"""Where runs and stores live, and which file an address of SQLite names."""

import os
from pathlib import Path

from evenhand.exceptions import ConfigError

__all__ = ["home_folder", "sqlite_file"]


def home_folder() -> Path:
    """Where runs and stores live: `EVENHAND_HOME`, or `.evenhand` in the working folder.

    Raises
    ------
    ConfigError
        When no address of a database can name a file there: what follows "?" is taken for options, quoted or not.
    """
    home = Path(os.environ.get("EVENHAND_HOME") or ".evenhand").resolve()
    if "?" in str(home):
        raise ConfigError(f'{home} has "?" in it, which ends the address of a database: name another in EVENHAND_HOME')
    return home


def sqlite_file(address: str) -> Path | None:
    """The file of a SQLite address, or None where it is of no file; nothing in it is quoted.

    Parameters
    ----------
    address
        As SQLAlchemy takes it; what follows "?" is no part of the file's name.

    Examples
    --------
    >>> str(sqlite_file("sqlite:////srv/le%41dger.db?timeout=30"))
    '/srv/le%41dger.db'
    >>> sqlite_file("sqlite://") is sqlite_file("sqlite:///:memory:") is sqlite_file("postgresql://db/loans") is None
    True
    """
    scheme, found, rest = address.partition(":///")
    name = rest.partition("?")[0]
    if not found or scheme.partition("+")[0] != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)
