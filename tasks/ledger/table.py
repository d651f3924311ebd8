"""The table that the ledger is: it only grows, and two that add to it at once do not overlook each other."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, create_engine, event, insert, select
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from evenhand.decision.ledger import GENESIS, Kind, LedgerError, Record, seal
from evenhand.decision.standing import Standing, standing
from evenhand.disk import full_disk
from evenhand.exceptions import ConfigError, ServiceError, shorten
from tasks.ledger.reading import as_found, read_as_found, read_written, written_text
from tasks.ledger.schema import TABLE, knows_no_such, make_table, misshapen, unguarded
from tasks.ledger.stamps import refuse_cut, stamps_of
from tasks.step import home

__all__ = [
    "ATTEMPTS",
    "append",
    "connected",
    "head",
    "identity",
    "known_records",
    "ledger_address",
    "lost_guards",
    "records",
    "refuse_misshapen",
    "shown_address",
    "unknown_model",
]

ATTEMPTS = 100
"""How often something is tried again that somebody else was faster with."""


def ledger_address() -> str:
    """Where the ledger is: `EVENHAND_LEDGER`, or a SQLite file in the home folder.

    Raises
    ------
    ConfigError
        When the variable holds no address; it is not shown, since there may be a password in it.
    """
    address = os.environ.get("EVENHAND_LEDGER") or f"sqlite:///{home() / 'ledger.db'}"
    try:
        make_url(address)
    except (ArgumentError, ValueError):
        raise ConfigError(f"EVENHAND_LEDGER is no address of a database: {_ADDRESSES}") from None
    return address


_ADDRESSES = "write sqlite:////folder/ledger.db or postgresql://user@host/name"


def shown_address() -> str:
    """Where the ledger is, for people: without its password."""
    return make_url(ledger_address()).render_as_string(hide_password=True)


@lru_cache(maxsize=8)
def _engine(address: str) -> Engine:
    url = make_url(address)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    sqlite = url.drivername.partition("+")[0] == "sqlite"
    how: dict[str, Any] = {"connect_args": {"timeout": 30}}
    if not sqlite:
        how = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}
    try:
        engine = create_engine(url, **how)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise ConfigError(
            f"EVENHAND_LEDGER names a database of the kind {shorten(url.drivername)}, for which there is no driver: "
            f"{_ADDRESSES}"
        ) from None
    if sqlite:
        home().mkdir(mode=0o700, parents=True, exist_ok=True)
        event.listen(engine, "connect", _durable)
    make_table(engine)
    return engine


def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")


@contextmanager
def connected() -> Iterator[Connection]:
    """A transaction on the ledger.

    Raises
    ------
    ConfigError
        When its address is none.
    LedgerError
        When somebody changed the columns of its table.
    OSError
        When it is a file, and its disk is full.
    ServiceError
        When its database does not answer.
    """
    try:
        with _engine(ledger_address()).begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        if knows_no_such(error):
            refuse_misshapen()
        raise _full(error) or _silent(error) from error


def _full(error: DBAPIError) -> OSError | None:
    """The error of a full disk, where the ledger is a file on it."""
    url = make_url(ledger_address())
    if url.drivername.partition("+")[0] != "sqlite" or not url.database:
        return None
    return full_disk(error, Path(url.database), suspect=True)


def _silent(error: DBAPIError) -> ServiceError:
    said = (str(error.orig).splitlines() or [""])[0]
    return ServiceError(f"the ledger does not answer at {shown_address()}: {shorten(said, limit=160)}")


def refuse_misshapen() -> None:
    """Say what somebody changed of the table so that no record can be read or added.

    Raises
    ------
    LedgerError
        Where there is such a thing.
    ServiceError
        When its database does not answer.
    """
    try:
        with _engine(ledger_address()).connect() as connection:
            reason = misshapen(connection)
    except DBAPIError as error:
        raise _full(error) or _silent(error) from error
    if reason:
        raise LedgerError(f"the ledger at {shown_address()} was altered: {reason}")


def lost_guards() -> tuple[str, ...]:
    """What refuses a change of the table and is gone or was altered, in sentences.

    Raises
    ------
    LedgerError
        When somebody changed the columns of its table.
    ServiceError
        When the ledger does not answer.
    """
    refuse_misshapen()
    with connected() as connection:
        return tuple(unguarded(connection))


def records(model: str | None = None, *, damaged: Literal["refuse", "keep"] = "refuse") -> list[Record]:
    """The ledger's records in order, of one model or of all.

    Parameters
    ----------
    model
        Its name; None for all.
    damaged
        What becomes of a ledger that is not what was written, also where another model's records are not: it is
        refused, or kept for :func:`~evenhand.decision.ledger.find_faults`; a text that is no record's then stands as
        a body that does not match its hash.

    Raises
    ------
    LedgerError
        When a record was edited, removed or put elsewhere, and such a ledger is refused.
    ServiceError
        When the ledger does not answer.
    """
    with connected() as connection:
        return read_as_found(connection, model) if damaged == "keep" else read_written(connection, model)


def head() -> str:
    """The hash of the newest record of all; that of nothing for an empty ledger."""
    with connected() as connection:
        last = _last(connection)
    return last.hash if last is not None else GENESIS


def known_records(model: str | None = None, *, damaged: Literal["refuse", "keep"] = "refuse") -> list[Record]:
    """As :func:`records`, and a model that the ledger does not know is an error.

    Raises
    ------
    LedgerError
        When it has records, and none of that model.
    """
    found = records(model, damaged=damaged)
    if model is not None and not found:
        raise LedgerError(unknown_model(model))
    return found


def unknown_model(model: str) -> str:
    """That the ledger has no record of a model, and of which it has."""
    with connected() as connection:
        names = connection.scalars(select(TABLE.c.model).distinct().order_by(TABLE.c.model)).all()
    return f"the ledger has no record of model {shorten(model)}; it knows {', '.join(names) or 'none'}"


def identity() -> str:
    """The hash of the first record of all, which tells one ledger from another; "" for an empty ledger."""
    with connected() as connection:
        return _identity(connection)


def _identity(connection: Connection) -> str:
    return str(connection.scalar(select(TABLE.c.hash).order_by(TABLE.c.sequence).limit(1)) or "")


def _last(connection: Connection) -> Record | None:
    row = connection.execute(select(TABLE).order_by(TABLE.c.sequence.desc()).limit(1)).first()
    return as_found(row) if row is not None else None  # only its place and its hash are gone on from


def append(
    kind: Kind,
    model: str,
    body: Mapping[str, Any] | Callable[[Standing, Sequence[Record]], Mapping[str, Any] | Record],
    *,
    then: Callable[[Record], tuple[Kind, Mapping[str, Any]]] | None = None,
) -> Record:
    """Add one record; of several that are added at once each sees what those before it did.

    Parameters
    ----------
    kind, model
        What it is, and of which model.
    body
        What is recorded, or a function that says so after it was given where the model stands and its records, and
        that raises when the record may not be added. It may be called more than once. When it returns a record that
        is there already, nothing is added.
    then
        Kind and content of a second record, made of the first: it stands with it or neither does.

    Raises
    ------
    LedgerError
        From `body`, when what it says is no text, when a record was edited, removed or put elsewhere, when a version
        of the model names a record that is gone, or when somebody changed the columns of the table.
    ServiceError
        When the ledger does not answer.
    """
    stamps = stamps_of(model)
    for _ in range(ATTEMPTS):
        with connected() as connection:
            last = _last(connection)  # first: what is added after it makes the insertion below fail
            mine, ledger = read_written(connection, model), _identity(connection)
        refuse_cut(mine, stamps, ledger)
        content = body(standing(mine, model), mine) if callable(body) else body
        if isinstance(content, Record):
            return content
        _refuse_bytes(content)
        record = seal(last, kind, model, content)
        added = [record]
        if then is not None:
            second, more = then(record)
            added.append(seal(record, second, model, more))
        try:
            with connected() as connection:
                connection.execute(insert(TABLE), [_row(each) for each in added])
        except IntegrityError:
            continue  # somebody else's record follows the last one: look again
        return record
    refuse_misshapen()
    raise ServiceError("the ledger is written by so many at once that this record found no place: try again")


def _refuse_bytes(body: Mapping[str, Any]) -> None:
    """Refuse what is no text, such as a reason from a terminal in Latin-1: Python keeps its bytes as halves."""
    wrong = [
        name for name, value in body.items() if any("\ud800" <= x <= "\udfff" for x in written_text({name: value}))
    ]
    if wrong:
        raise LedgerError(
            f"the ledger keeps text in UTF-8, and {' and '.join(wrong)} holds bytes of another encoding: write it in "
            "UTF-8, or without special characters"
        )


def _row(record: Record) -> dict[str, Any]:
    return {**record.to_dict(), "body": written_text(record.body)}
