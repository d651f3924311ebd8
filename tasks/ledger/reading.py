"""What the ledger's table holds, as records: those that were written, or a refusal.

A hash stands for what its record said when it was written, and for nothing else: what was found to match once need not
be hashed again while every cell is the same, and what is no longer the same is hashed, wherever in the chain it stands.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.engine import Connection

from evenhand.decision.ledger import LedgerError, Record, digest_record, order_faults
from tasks.ledger.schema import TABLE

__all__ = ["as_found", "read_as_found", "read_written", "written_text"]

_CELLS = ("sequence", "previous", "at", "kind", "model")
"""What a record is besides its body and its hash."""

_PROVEN: dict[str, tuple[Any, ...]] = {}
"""Of hashes that were found to match: the cells of their record, and the SHA-256 of its body's text."""


def read_as_found(connection: Connection, model: str | None = None) -> list[Record]:
    """The records in order, of one model or of all, whatever somebody made of them.

    Parameters
    ----------
    connection
        To the ledger's database.
    model
        Its name; None for all.
    """
    query = select(TABLE).order_by(TABLE.c.sequence)
    if model is not None:
        query = query.where(TABLE.c.model == model)
    return [as_found(row) for row in connection.execute(query)]


def read_written(connection: Connection, model: str | None = None) -> list[Record]:
    """The records in order, of one model or of all, when those of all models are what was written.

    Another model's records count, too: one that was renamed would be missed by nobody else. Of them only what tells
    whose they are is read again once they were found to match.

    Parameters
    ----------
    connection
        To the ledger's database.
    model
        Its name; None for all.

    Raises
    ------
    LedgerError
        When a record was edited, removed or put elsewhere.
    """
    body = TABLE.c.body if model is None else case((TABLE.c.model == model, TABLE.c.body)).label("body")
    query = select(*(TABLE.c[name] for name in (*_CELLS, "hash")), body).order_by(TABLE.c.sequence)
    rows = connection.execute(query).all()
    others = [row for row in rows if model is not None and row.model != model]
    _refuse_edited_others(connection, others)
    found = [_written_record(row) for row in rows if model is None or row.model == model]
    for fault in order_faults(as_found(row, {}) for row in rows):
        raise _refused(f"{fault.kind}: {fault.message}")
    return found


def _refuse_edited_others(connection: Connection, rows: Sequence[Any]) -> None:
    unknown = {row.sequence for row in rows if _PROVEN.get(row.hash, ())[:-1] != _cells(row)}
    if unknown:
        query = select(TABLE).where(TABLE.c.sequence.between(min(unknown), max(unknown))).order_by(TABLE.c.sequence)
        for row in connection.execute(query):
            if row.sequence in unknown:
                _written_record(row)


def _cells(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _CELLS)


def _written_record(row: Any) -> Record:
    """A row as its record, whose content is that of its hash."""
    if not isinstance(row.body, str):
        raise _edited(row)
    text = sha256(row.body.encode(errors="surrogatepass")).digest()
    if _PROVEN.get(row.hash) == (*_cells(row), text):
        return as_found(row, json.loads(row.body))
    record = as_found(row, body := _body(row.body))
    if body is None or record.hash != row.hash or digest_record(record) != row.hash:
        raise _edited(row)
    _PROVEN[row.hash] = (*_cells(row), text)
    return record


def _edited(row: Any) -> LedgerError:
    return _refused(f"edited: record {row.sequence} of the ledger is not what was written")


def _refused(said: str) -> LedgerError:
    return LedgerError(
        f"{said}: restore the ledger from a backup; `evenhand ledger verify` names all that is wrong, and `evenhand "
        "ledger export --damaged` keeps what is there"
    )


def as_found(row: Any, body: Mapping[str, Any] | None = None) -> Record:
    """A row as a record, whatever somebody made of it.

    Parameters
    ----------
    row
        Of the table.
    body
        What its text says, where that is known.
    """
    kept = body if body is not None else _body(row.body)
    said = {"edited": _text(row.body)} if kept is None else kept
    kind: Any = _text(row.kind)
    return Record(row.sequence, _text(row.previous), _text(row.at), kind, _text(row.model), said, _text(row.hash))


def _text(value: Any) -> str:
    """A cell as it is hashed: SQLite keeps bytes or a number where text was, and what was written was text."""
    return value if isinstance(value, str) else repr(value)


def _body(text: Any) -> dict[str, Any] | None:
    """What a text says; None when it is not what is written of that, be it by a space or a key that stands twice."""
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        return found if isinstance(found, dict) and written_text(found) == text else None
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def written_text(body: Mapping[str, Any]) -> str:
    """What the table keeps of a record's content.

    Parameters
    ----------
    body
        Plain JSON values.
    """
    return json.dumps(body, ensure_ascii=False, sort_keys=True)
