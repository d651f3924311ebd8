"""One SELECT against any database that SQLAlchemy knows, read-only."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from evenhand.data._address import shown, with_environment
from evenhand.data.frames import check_unique_names, plain_frame
from evenhand.exceptions import DataError, ServiceError, nearest, shorten

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection
    from sqlalchemy.exc import DBAPIError

_CHUNK = 50_000
# What is text or comment to the database, so that words in it are no statements. A dollar that follows a sign of an
# identifier belongs to it; PostgreSQL counts everything beyond ASCII among those signs.
# https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING
_OPAQUE = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`"
    r"|(?<![\w$\x80-\U0010ffff])\$((?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$.*?\$\1\$"
    r"|--[^\n]*|/\*(?!!).*?\*/",
    re.DOTALL,
)
# Where databases differ on what is text: PostgreSQL's E'...' and MySQL go on after \', and PostgreSQL nests comments.
_AMBIGUOUS = {
    re.compile(r"\\['\"]"): (
        "a backslash in front of a quote, which some databases take for text: double the quote inside text (''), "
        "and let LIKE escape by another sign (ESCAPE '!')"
    ),
    re.compile(r"/\*(?:(?!\*/).)*/\*", re.DOTALL): "a comment within a comment: take one of them out",
}
_WRITING = re.compile(
    r"\b(insert|update|delete|merge|upsert|drop|alter|create|truncate|grant|revoke|into|attach|detach|vacuum)\b",
    re.IGNORECASE,
)
_POSTGRESQL = "postgresql+psycopg"
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


def check_select(sql: str) -> str:
    """The statement without its closing semicolon, when it is one that only reads.

    Raises
    ------
    DataError
        For anything else.

    Examples
    --------
    >>> check_select("SELECT name FROM loans WHERE note = 'drop; it';")
    "SELECT name FROM loans WHERE note = 'drop; it'"
    """
    statement = sql.strip().rstrip(";").strip()
    for pattern, reason in _AMBIGUOUS.items():
        if pattern.search(statement):
            raise DataError(f"sql holds {reason}; give one SELECT")
    bare = _OPAQUE.sub(" ", statement)
    first = re.match(r"[\s(]*(\w+)", bare)
    word = first.group(1).lower() if first else ""
    if word not in ("select", "with"):
        raise DataError(f"sql begins with {shorten(word.upper())}: give one SELECT, or WITH ... SELECT")
    if ";" in bare:
        raise DataError("sql holds more than one statement: give one SELECT, or WITH ... SELECT")
    writing = _WRITING.search(bare)
    if writing or "/*!" in bare:
        word = shorten(writing.group(1).upper()) if writing else "'/*!'"
        raise DataError(f"sql holds {word}, which could write: give one SELECT; quote a column of that name")
    return statement


def check_driver(url: str) -> None:
    """Refuse a driver for PostgreSQL that sends several statements at once, since the second ends the transaction.

    Raises
    ------
    DataError
        For any driver but psycopg 3, which has the server refuse them.

    Examples
    --------
    >>> check_driver("postgresql://reader@host/loans")
    """
    driver = url.partition("://")[0].lower()
    if driver.partition("+")[0] == "postgresql" and driver not in ("postgresql", _POSTGRESQL):
        raise DataError(
            f"{shorten(driver)} is no driver that holds PostgreSQL to one statement: write postgresql://, "
            "which is read by psycopg 3"
        )


def read_query(sql: str, url: str, *, unused: Callable[[str], bool] | None = None) -> pd.DataFrame:
    """The rows of one SELECT; `unused` as in :func:`evenhand.data.sources.read_source`.

    Raises
    ------
    DataError
        When the statement could write, the address is wrong, or the database refuses it.
    ServiceError
        When the database does not answer.
    """
    statement = check_select(sql)
    address = _address(url)
    with _connected(address, shown(url)) as connection:
        return _fetched(connection, statement, address, unused)


def _address(url: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    filled = with_environment(url)
    check_driver(filled)
    try:
        address = make_url(filled)
    except (ArgumentError, ValueError):
        raise DataError("url is no database address: write it as sqlite:///file.db or postgresql://host/name") from None
    if address.get_backend_name() == "sqlite":
        return _sqlite(address, shown(url))
    # Left open, SQLAlchemy would take psycopg2.
    return address.set(drivername=_POSTGRESQL) if address.drivername == "postgresql" else address


def _sqlite(address: "URL", name: str) -> "URL":
    """The address of the file opened for reading only; a file that is not there is refused: SQLite would make one."""
    database = address.database
    if not database or database == ":memory:" or database.startswith("file:"):
        return address
    path = Path(database)
    if not path.is_file():
        names = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"there is no SQLite file {name}: {nearest(path.name, names)}")
    query = {**address.query, "mode": "ro", "uri": "true"}
    return address.set(database=f"file:{quote(str(path.absolute()))}", query=query)


@contextmanager
def _connected(address: "URL", name: str) -> Iterator["Connection"]:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    try:
        engine = create_engine(address)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise DataError(f"no driver for {shorten(address.drivername)} is installed: install it, or check url") from None
    except (ArgumentError, TypeError):
        raise DataError(f"the database address {name} has options that its driver does not know") from None
    try:
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise ServiceError(
                f"the database {name} does not let us in ({type(error.orig).__name__}): "
                "check that it runs, and the name and password"
            ) from None
        with connection:
            begin_reading = _READ_ONLY.get(engine.dialect.name)
            if begin_reading:
                connection.exec_driver_sql(begin_reading)
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


def _fetched(
    connection: "Connection", statement: str, address: "URL", unused: Callable[[str], bool] | None
) -> pd.DataFrame:
    from sqlalchemy.exc import DBAPIError

    try:
        # A percent sign or a colon in the statement stands for itself: there are no parameters.
        result = connection.execution_options(no_parameters=True, stream_results=True).exec_driver_sql(statement)
        names = [str(name) for name in result.keys()]  # noqa: SIM118  a result is no mapping
        check_unique_names(names)
        chunks = [
            plain_frame(pd.DataFrame.from_records([tuple(row) for row in rows], columns=names), unused=unused)
            for rows in result.partitions(_CHUNK)
        ]
    except DBAPIError as error:
        raise DataError(f"the database refuses the query: {_reason(error, address)}; check sql") from None
    if not chunks:
        raise DataError("the query returns no rows: check its conditions")
    return pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]


def _reason(error: "DBAPIError", address: "URL") -> str:
    """The database's own words where they are about the statement, without the password; else the kind of error."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    if not isinstance(error, OperationalError | ProgrammingError):
        # A failed conversion quotes the value, and that is somebody's.
        return type(error.orig).__name__
    text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    ours = ("ro", "true")  # how a SQLite file is opened
    given = [str(value) for value in address.query.values()]
    secrets = [str(address.password or ""), *(value for value in given if value not in ours)]
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return shorten(text, 200)
