"""The ledger's table as it was made, and what somebody took from it since: columns, constraints, triggers."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, Text, inspect, text
from sqlalchemy.engine import Connection, Inspector
from sqlalchemy.exc import DBAPIError, ProgrammingError

__all__ = ["TABLE", "knows_no_such", "make_table", "misshapen", "unguarded"]

_NAME = "evenhand_ledger"

TABLE = Table(
    _NAME,
    MetaData(),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("at", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("model", String(100), nullable=False, index=True),
    Column("body", Text, nullable=False),
)

_FUNCTION = f"{_NAME}_only_grows"
_BODY = "BEGIN RAISE EXCEPTION 'the ledger only grows'; END"
_IN_ITS_WAY = (
    "SELECT 1 FROM evenhand_ledger WHERE sequence = NEW.sequence OR previous = NEW.previous OR hash = NEW.hash"
)
_TRIGGERS = {
    "sqlite": {
        f"{_NAME}_no_{verb.lower()}": f"CREATE TRIGGER {_NAME}_no_{verb.lower()} BEFORE {verb} ON {_NAME} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        for verb in ("UPDATE", "DELETE")
    }
    | {
        # INSERT OR REPLACE removes what is in its way, and SQLite calls no DELETE trigger for that.
        f"{_NAME}_no_replace": f"CREATE TRIGGER {_NAME}_no_replace BEFORE INSERT ON {_NAME} WHEN EXISTS "
        f"({_IN_ITS_WAY}) BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
    },
    # As PostgreSQL shows it, which has an order of its own for the verbs.
    "postgresql": {
        f"{_NAME}_no_change": f"CREATE TRIGGER {_NAME}_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON {_NAME} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
    },
}
_MAKE_FUNCTION = f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ {_BODY} $$"

_SQLITE_ERROR = 1
"""The primary code of an SQL statement that names what is not there."""


def make_table(engine: Engine) -> None:
    """Make the table where there is none; of several processes that do so at once one is first.

    Parameters
    ----------
    engine
        The ledger's database.
    """
    if inspect(engine).has_table(_NAME):
        return
    dialect = engine.dialect.name
    functions = [_MAKE_FUNCTION] if dialect == "postgresql" else []
    try:
        with engine.begin() as connection:
            TABLE.metadata.create_all(connection)
            for statement in [*functions, *_TRIGGERS.get(dialect, {}).values()]:
                connection.execute(text(statement))
    except DBAPIError:
        if not inspect(engine).has_table(_NAME):
            raise


def knows_no_such(error: DBAPIError) -> bool:
    """Whether a database has answered that it does not know what a statement names, or may not do it.

    Parameters
    ----------
    error
        What it said.
    """
    return isinstance(error, ProgrammingError) or getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_ERROR


def misshapen(connection: Connection) -> str:
    """Why no record can be read or added, and what to do; "" for a table that has its columns.

    Parameters
    ----------
    connection
        To the ledger's database.
    """
    inspector = inspect(connection)
    if not inspector.has_table(_NAME):
        return f"it has no table {_NAME} any more: restore the ledger from a backup"
    found = {column["name"]: column for column in inspector.get_columns(_NAME)}
    gone = [column.name for column in TABLE.columns if column.name not in found]
    more = [name for name in found if name not in TABLE.columns]
    needed = [name for name in more if not found[name]["nullable"] and found[name].get("default") is None]
    if len(gone) == len(more) == 1:
        return (
            f"its table {_NAME} has a column {more[0]} in the place of {gone[0]}: give it its name back (ALTER TABLE "
            f"{_NAME} RENAME COLUMN {more[0]} TO {gone[0]}) and run `evenhand ledger verify`"
        )
    if gone:
        return f"its table {_NAME} has no column {' and no '.join(gone)} any more: restore the ledger from a backup"
    if needed:
        return (
            f"its table {_NAME} has a column more, {needed[0]}, which no record fills: ALTER TABLE {_NAME} DROP COLUMN "
            f"{needed[0]}"
        )
    return ""


def unguarded(connection: Connection) -> Iterator[str]:
    """What keeps the table from being changed and is gone or was altered, each with how to put it back.

    Parameters
    ----------
    connection
        To the ledger's database, in a table that :func:`misshapen` finds nothing about.
    """
    yield from _constraints(inspect(connection), connection.dialect.name)
    if connection.dialect.name == "sqlite":
        yield from _sqlite_triggers(connection)
    elif connection.dialect.name == "postgresql":
        yield from _postgresql_triggers(connection)


def _constraints(inspector: Inspector, dialect: str) -> Iterator[str]:
    unique: set[tuple[str | None, ...]]
    unique = {tuple(index["column_names"]) for index in inspector.get_indexes(_NAME) if _is_unique(index)}
    unique |= {tuple(constraint["column_names"]) for constraint in inspector.get_unique_constraints(_NAME)}
    unique.add(tuple(inspector.get_pk_constraint(_NAME)["constrained_columns"]))
    found = {column["name"]: column for column in inspector.get_columns(_NAME)}
    for column in TABLE.columns:
        name, kind = column.name, found[column.name]["type"]
        if (column.unique or column.primary_key) and (name,) not in unique:
            yield (
                f"column {name} may hold a value twice: its constraint is gone; put it back: CREATE UNIQUE INDEX "
                f"{_NAME}_{name} ON {_NAME} ({name})"
            )
        if found[name]["nullable"] and not (column.primary_key and dialect == "sqlite"):
            how = "restore the ledger from a backup" if dialect == "sqlite" else (
                f"put it back: ALTER TABLE {_NAME} ALTER COLUMN {name} SET NOT NULL"
            )  # fmt: skip
            yield f"column {name} may be empty: its NOT NULL is gone; {how}"
        if not isinstance(kind, Integer if isinstance(column.type, Integer) else String):
            yield (
                f"column {name} holds {kind} and was made as {column.type}: it reads as another text; restore the "
                "ledger from a backup"
            )


def _is_unique(index: Any) -> bool:
    partial = any(value for name, value in index.get("dialect_options", {}).items() if name.endswith("_where"))
    return bool(index["unique"]) and not partial


def _sqlite_triggers(connection: Connection) -> Iterator[str]:
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name")
    found = {name: _plain(sql) for name, sql in connection.execute(query, {"name": _NAME})}
    for name, made in _TRIGGERS["sqlite"].items():
        if name not in found:
            yield _trigger(name, "is gone", made)
        elif found[name] != made:
            yield _trigger(name, "was altered", f"DROP TRIGGER {name}; {made}")


def _postgresql_triggers(connection: Connection) -> Iterator[str]:
    query = text(
        "SELECT t.tgname, pg_get_triggerdef(t.oid, true), t.tgenabled::text, p.prosrc FROM pg_trigger t "
        "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = CAST(:name AS regclass) AND NOT t.tgisinternal"
    )
    found = {name: rest for name, *rest in connection.execute(query, {"name": _NAME})}
    for name, made in _TRIGGERS["postgresql"].items():
        if name not in found:
            yield _trigger(name, "is gone", made)
            continue
        definition, enabled, body = found[name]
        again = made.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER")
        if _plain(definition) != made:
            yield _trigger(name, "was altered", again)
        elif _plain(body) != _BODY:
            yield _trigger(name, f"calls {_FUNCTION}(), which was altered", _MAKE_FUNCTION)
        if enabled not in ("O", "A"):  # for every session, or even where a replica's rows are written
            yield _trigger(name, "is switched off", f"ALTER TABLE {_NAME} ENABLE TRIGGER {name}")


def _trigger(name: str, said: str, statement: str) -> str:
    return (
        f"trigger {name}, which refuses to change or remove records, {said}: compare the records with an export or a "
        f"backup, then put it back: {statement}"
    )


def _plain(statement: str) -> str:
    """A statement on one line, as one that was made once."""
    return " ".join(statement.split()).replace("CREATE TRIGGER IF NOT EXISTS ", "CREATE TRIGGER ")
