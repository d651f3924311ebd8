"""Where the ledger is kept: a table that only grows, and the champion's alias, which follows it.

A move has three parts: the record ``intent``, the alias in MLflow, the record ``done``. From the intent on the move
counts; whoever reads next finishes what a killed process left. An alias that says something else was moved by hand:
it is reported, and nothing goes live until a person has put it right.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from evenhand.decision.ledger import GENESIS, Fault, Kind, LedgerError, Record, find_faults, seal
from evenhand.decision.standing import Standing, standing
from evenhand.exceptions import ServiceError, shorten
from tasks.registry import alias_version, ledger_stamps, move_alias, tag_version
from tasks.step import home

__all__ = [
    "CHAMPION",
    "STAMP",
    "append",
    "checked_standing",
    "faults",
    "head",
    "ledger_address",
    "live_version",
    "move_champion",
    "records",
    "settle",
    "where_stands",
]

CHAMPION = "champion"
"""The alias of the version that is live."""

STAMP = "evenhand.ledger_head"
"""The tag of a version with the newest record about it, so that a ledger whose tail was cut off shows."""

_ATTEMPTS = 100

_table = Table(
    "evenhand_ledger",
    MetaData(),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("at", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("model", String(100), nullable=False, index=True),
    Column("body", Text, nullable=False),
)

_INSERT_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS evenhand_ledger_no_{verb.lower()} BEFORE {verb} ON evenhand_ledger "
        "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION evenhand_ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$""",
        """CREATE OR REPLACE TRIGGER evenhand_ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON evenhand_ledger
        FOR EACH STATEMENT EXECUTE FUNCTION evenhand_ledger_only_grows()""",
    ],
}


def ledger_address() -> str:
    """Where the ledger is: `EVENHAND_LEDGER`, or a SQLite file in the home folder."""
    return os.environ.get("EVENHAND_LEDGER") or f"sqlite:///{home() / 'ledger.db'}"


@lru_cache(maxsize=8)
def _engine(address: str) -> Engine:
    url = make_url(address)
    if url.get_backend_name() == "postgresql" and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        home().mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _durable)
    else:
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    _make_table(engine)
    return engine


def _make_table(engine: Engine) -> None:
    """Make the table where there is none; of several processes that do so at once one is first."""
    if inspect(engine).has_table(_table.name):
        return
    try:
        with engine.begin() as connection:
            _table.metadata.create_all(connection)
            for statement in _INSERT_ONLY.get(engine.dialect.name, []):
                connection.execute(text(statement))
    except DBAPIError:
        if not inspect(engine).has_table(_table.name):
            raise


def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")


@contextmanager
def _connected() -> Iterator[Connection]:
    """A transaction on the ledger.

    Raises
    ------
    ServiceError
        When its database does not answer.
    """
    try:
        with _engine(ledger_address()).begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        said = (str(error.orig).splitlines() or [""])[0]
        shown = make_url(ledger_address()).render_as_string(hide_password=True)
        raise ServiceError(f"the ledger does not answer at {shown}: {shorten(said, limit=160)}") from error


def records(model: str | None = None) -> list[Record]:
    """The ledger's records in order, of one model or of all."""
    with _connected() as connection:
        return _read(connection, model)


def _read(connection: Connection, model: str | None = None) -> list[Record]:
    query = select(_table).order_by(_table.c.sequence)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [
        Record(row.sequence, row.previous, row.at, row.kind, row.model, json.loads(row.body), row.hash)
        for row in connection.execute(query)
    ]


def head() -> str:
    """The hash of the newest record of all; that of nothing for an empty ledger."""
    with _connected() as connection:
        last = _last(connection)
    return last.hash if last is not None else GENESIS


def _last(connection: Connection) -> Record | None:
    row = connection.execute(select(_table).order_by(_table.c.sequence.desc()).limit(1)).first()
    if row is None:
        return None
    return Record(row.sequence, row.previous, row.at, row.kind, row.model, json.loads(row.body), row.hash)


def append(
    kind: Kind,
    model: str,
    body: Mapping[str, Any] | Callable[[Standing, Sequence[Record]], Mapping[str, Any] | Record],
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

    Raises
    ------
    LedgerError
        From `body`.
    ServiceError
        When the ledger does not answer.
    """
    for _ in range(_ATTEMPTS):
        with _connected() as connection:
            last = _last(connection)  # first: what is added after it makes the insertion below fail
            mine = _read(connection, model)
        content = body(standing(mine, model), mine) if callable(body) else body
        if isinstance(content, Record):
            return content
        record = seal(last, kind, model, content)
        try:
            with _connected() as connection:
                connection.execute(insert(_table).values(_row(record)))
        except IntegrityError:
            continue  # somebody else's record follows the last one: look again
        return record
    raise ServiceError("the ledger is written by so many at once that this record found no place: try again")


def _row(record: Record) -> dict[str, Any]:
    return {**record.to_dict(), "body": json.dumps(record.body, ensure_ascii=False, sort_keys=True)}


def where_stands(model: str) -> Standing:
    """Where a model stands by the ledger, after a half-done move was finished.

    Raises
    ------
    ServiceError
        When the ledger, or MLflow for a half-done move, does not answer.
    """
    found = standing(records(model), model)
    if found.pending is None:
        return found
    _finish(model)
    return standing(records(model), model)


def live_version(model: str) -> str | None:
    """The number of the version that is live, by the ledger; None when none is.

    Raises
    ------
    LedgerError
        When the alias in MLflow says something else: it was moved by hand.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    found, reason = checked_standing(model)
    if reason:
        raise LedgerError(reason)
    return found.champion.version if found.champion is not None else None


def checked_standing(model: str) -> tuple[Standing, str]:
    """Where a model stands, and what is wrong when the alias in MLflow is not where the ledger says; "" when it is.

    Raises
    ------
    ServiceError
        When the ledger or MLflow does not answer.
    """
    for _ in range(_ATTEMPTS):
        found = where_stands(model)
        points = alias_version(model, CHAMPION)
        if standing(records(model), model).head == found.head:  # nobody moved it in between
            return found, _moved_by_hand(found, points)
    raise ServiceError(f"the champion of {model} changes all the time: try again")


def _moved_by_hand(found: Standing, points: str | None) -> str:
    says = found.champion.version if found.champion is not None else None
    if points == says:
        return ""
    shown = f"points to version {points}" if points else "is gone"
    known = f"version {says} is" if says else "no version is"
    return (
        f"the alias {CHAMPION!r} of {found.model} {shown}, and by the ledger {known} live: it was moved by hand; "
        f"`evenhand ledger settle {found.model}` puts it back, `evenhand rollback` moves it by the ledger"
    )


def settle(model: str) -> str:
    """Put the alias where the ledger says; what was wrong, "" when nothing was."""
    _, reason = checked_standing(model)
    if reason:
        with _moving(model):
            champion = standing(records(model), model).champion
            move_alias(model, CHAMPION, champion.version if champion is not None else None)
    return reason


def move_champion(model: str, version: str, because: Record, *, expected: str | None) -> Record:
    """Make a version the champion.

    Parameters
    ----------
    model, version
        What goes live.
    because
        The decision, approval or rollback that allows it. A second call with the same one finishes the first.
    expected
        The champion that the decision was made against.

    Raises
    ------
    LedgerError
        When another version has become champion since, or the alias was moved by hand.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    _, reason = checked_standing(model)
    if reason:
        raise LedgerError(reason)

    def intent(found: Standing, mine: Sequence[Record]) -> Mapping[str, Any] | Record:
        earlier = [each for each in mine if each.kind == "intent" and each.body.get("because") == because.hash]
        if earlier:
            return earlier[-1]
        live = found.champion.version if found.champion is not None else None
        if live != expected:
            raise LedgerError(
                f"version {version} of {model} was compared with {_version(expected)}, and {_version(live)} is live "
                "meanwhile: retrain to compare with it"
            )
        return {"version": version, "before": live, "because": because.hash}

    record = append("intent", model, intent)
    _finish(model)
    return record


def _version(number: str | None) -> str:
    return f"version {number}" if number else "no champion"


def _finish(model: str) -> None:
    """Move the alias as the newest intent says, and record that; of several processes one does it."""
    with _moving(model):
        found = standing(records(model), model)
        intent = found.pending
        if intent is None:
            return
        version = str(intent.body["version"])
        move_alias(model, CHAMPION, version)
        record = append("done", model, {"version": version, "intent": intent.hash})
        tag_version(model, version, {STAMP: record.hash})


@contextmanager
def _moving(model: str) -> Iterator[None]:
    """One move of a model's alias at a time; the system lets go when the process ends, however it ends."""
    if make_url(ledger_address()).get_backend_name() == "postgresql":
        number = int.from_bytes(sha256(f"evenhand/{model}".encode()).digest()[:8], "big", signed=True)
        with _connected() as connection:  # held until the transaction ends
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
            yield
        return
    path = home() / "locks" / f"{model}.alias.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def faults(model: str | None = None) -> tuple[Fault, ...]:
    """All that is wrong with the ledger, and with the aliases that should follow it.

    Parameters
    ----------
    model
        Report moved aliases of this model only; the chain is always checked whole.

    Raises
    ------
    ServiceError
        When the ledger or MLflow does not answer.
    """
    everything = records()
    found = list(find_faults(everything, ledger_stamps()))
    for name in sorted({record.model for record in everything}):
        if model in (None, name):
            _, reason = checked_standing(name)
            if reason:
                found.append(Fault(0, "moved by hand", reason))
    return tuple(found)
