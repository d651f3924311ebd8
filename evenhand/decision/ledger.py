"""The chain of records: what was decided about a model, by whom, on which evidence, and which version is live."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from evenhand.exceptions import EvenhandError

__all__ = [
    "GENESIS",
    "KINDS",
    "Fault",
    "Kind",
    "LedgerError",
    "Record",
    "Stamp",
    "digest_record",
    "find_faults",
    "order_faults",
    "seal",
]

Kind = Literal["look", "decision", "approval", "rejection", "rollback", "intent", "done"]

KINDS: tuple[Kind, ...] = ("look", "decision", "approval", "rejection", "rollback", "intent", "done")
"""``look``: an audit that spends error. ``decision``: what the gate said. ``approval``, ``rejection``: a person's
answer. ``rollback``: a person's order. ``intent``: from here on a version is the champion. ``done``: its alias, too."""

GENESIS = "0" * 64
"""What the first record names as the hash before it."""


class LedgerError(EvenhandError):
    """The ledger does not allow what was asked, or is not whole."""

    exit_code = 2


@dataclass(frozen=True)
class Record:
    """One entry of the ledger.

    Attributes
    ----------
    sequence
        Its place, from 1.
    previous
        The hash of the record before it; :data:`GENESIS` for the first.
    at
        When it was made, in UTC, as ISO 8601 has it; never before the record before it.
    kind
        One of :data:`KINDS`.
    model
        The registered model's name.
    body
        What is recorded: plain JSON values.
    hash
        SHA-256 of all of the above, in hex.
    """

    sequence: int
    previous: str
    at: str
    kind: Kind
    model: str
    body: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Record":
        """The inverse of :meth:`to_dict`."""
        return cls(**{**value, "kind": cast("Kind", value["kind"])})


@dataclass(frozen=True)
class Stamp:
    """What was left elsewhere of a record when it was the newest, so that a cut tail shows.

    Attributes
    ----------
    hash
        The record's.
    where
        Where it stands, for people.
    ledger
        The hash of the first record of its ledger, which tells one ledger from another; "" when that is not known.
    """

    hash: str
    where: str
    ledger: str = ""


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with the ledger.

    Attributes
    ----------
    sequence
        The record's place; 0 for what is about no single record.
    kind
        ``edited``, ``removed``, ``reordered``, ``truncated``, ``another ledger``, ``unfounded``, ``moved by hand``,
        ``altered`` or ``unguarded``.
    message
        What it is, in a sentence.
    """

    sequence: int
    kind: str
    message: str


def digest_record(record: Record) -> str:
    """The SHA-256 of a record's content, in hex.

    Examples
    --------
    >>> first = Record(1, GENESIS, "2026-01-05T08:00:00+00:00", "look", "loans", {"run": "r"})
    >>> digest_record(first)[:12]
    '9ab904cbffa0'
    """
    names = ("sequence", "previous", "at", "kind", "model", "body")
    content = {name: getattr(record, name) for name in names}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal(
    last: Record | None, kind: Kind, model: str, body: Mapping[str, Any], *, now: datetime | None = None
) -> Record:
    """The record that follows `last`.

    Parameters
    ----------
    last
        The newest record of the ledger, of whichever model; None for an empty one.
    kind, model, body
        What is recorded; `body` holds plain JSON values.
    now
        When, with its time zone; by default this moment. A clock that was set back does not count: the time of the
        record before stands instead, and where that is more than a minute later, the clock's own in the body, as
        ``clock``: one of the two is wrong.

    Raises
    ------
    LedgerError
        When `body` holds something that JSON does not know.

    Examples
    --------
    >>> first = seal(None, "look", "loans", {"run": "r"})
    >>> second = seal(first, "decision", "loans", {"outcome": "hold"})
    >>> second.sequence, second.previous == first.hash
    (2, True)
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    clock = moment.isoformat(timespec="microseconds")
    at = clock if last is None else max(clock, last.at)
    behind = last is not None and datetime.fromisoformat(last.at) - moment > timedelta(minutes=1)
    try:
        plain = json.loads(json.dumps({**body, **({"clock": clock} if behind else {})}, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise LedgerError(f"a record of kind {kind!r} holds what JSON does not know: {error}") from error
    place, previous = (1, GENESIS) if last is None else (last.sequence + 1, last.hash)
    record = Record(place, previous, at, kind, model, plain)
    return Record(place, previous, at, kind, model, plain, digest_record(record))


def find_faults(records: Sequence[Record], stamps: Iterable[Stamp] = ()) -> tuple[Fault, ...]:
    """Every edit, removal, reordering and truncation that shows, and every move that no decision stands behind.

    Parameters
    ----------
    records
        All records of all models, in the order of their places.
    stamps
        What model versions carry: one whose record is not in the ledger shows that a tail was cut off, or that another
        ledger decides about the model too.

    Examples
    --------
    >>> first = seal(None, "look", "loans", {})
    >>> second = seal(first, "look", "loans", {})
    >>> [fault.kind for fault in find_faults([first])], [fault.kind for fault in find_faults([second])]
    ([], ['removed'])
    >>> [fault.kind for fault in find_faults([first], [Stamp(second.hash, "version 3", first.hash)])]
    ['truncated']
    >>> [fault.kind for fault in find_faults([first], [Stamp("e" * 64, "version 3", "f" * 64)])]
    ['another ledger']
    """
    return (*_chain_faults(records), *_cut_tail(records, stamps), *_unfounded(records))


def _chain_faults(records: Sequence[Record]) -> Iterable[Fault]:
    for record in records:
        if record.hash != digest_record(record):
            yield Fault(record.sequence, "edited", f"record {record.sequence} does not match its hash")
    yield from order_faults(records)


def order_faults(records: Iterable[Record]) -> Iterable[Fault]:
    """The removals and reorderings that show by the places, times and hashes of records; what they say is not read.

    Parameters
    ----------
    records
        All records of all models, in the order of their places.

    Examples
    --------
    >>> first = seal(None, "look", "loans", {})
    >>> [fault.message for fault in order_faults([first, seal(seal(first, "look", "loans", {}), "look", "loans", {})])]
    ['record 2 is missing']
    """
    before, place, at = GENESIS, 0, ""
    for record in records:
        if record.sequence <= place:
            yield Fault(record.sequence, "reordered", f"record {record.sequence} stands after record {place}")
        elif record.sequence != place + 1:
            gone = (
                f"record {place + 1}"
                if record.sequence == place + 2
                else f"records {place + 1} to {record.sequence - 1}"
            )
            yield Fault(place + 1, "removed", f"{gone} is missing" if " to " not in gone else f"{gone} are missing")
        elif record.previous != before:
            yield Fault(record.sequence, "reordered", f"record {record.sequence} does not follow the one before it")
        if record.at < at:
            yield Fault(record.sequence, "reordered", f"record {record.sequence} is older than the one before it")
        before, place, at = record.hash, record.sequence, record.at


def _cut_tail(records: Sequence[Record], stamps: Iterable[Stamp]) -> Iterable[Fault]:
    known, mine = {record.hash for record in records}, records[0].hash if records else ""
    for stamp in stamps:
        if stamp.hash in known or stamp.hash == GENESIS:
            continue
        if mine and stamp.ledger not in ("", mine):
            yield Fault(0, "another ledger", f"{stamp.where} names a record of the ledger that begins with "
                        f"{stamp.ledger[:12]}..., and this one begins with {mine[:12]}...")  # fmt: skip
        else:
            yield Fault(0, "truncated", f"{stamp.where} names record {stamp.hash[:12]}..., which is not in the ledger")


def _unfounded(records: Sequence[Record]) -> Iterable[Fault]:
    """Moves without a record that allows them."""
    by_hash: dict[str, Record] = {}
    live: dict[str, set[str]] = {}
    for record in records:
        if record.kind == "intent":
            version = str(record.body.get("version"))
            reason = _why_unfounded(record, by_hash.get(str(record.body.get("because"))), by_hash, live)
            if reason:
                yield Fault(
                    record.sequence, "unfounded", f"record {record.sequence} makes version {version} champion: {reason}"
                )
            live.setdefault(record.model, set()).add(version)
        by_hash[record.hash] = record


def _why_unfounded(
    intent: Record, cause: Record | None, by_hash: Mapping[str, Record], live: Mapping[str, set[str]]
) -> str:
    if cause is None or cause.model != intent.model:
        return "it names no record of this model before it"
    version = intent.body.get("version")
    if cause.kind == "rollback":
        before = live.get(intent.model, set())
        return "" if cause.body.get("to") == version and version in before else "that version was never champion"
    if cause.kind == "decision":
        fits = cause.body.get("outcome") == "promote" and cause.body.get("version") == version
        return "" if fits else "the decision it names does not promote that version"
    if cause.kind == "approval":
        held = by_hash.get(str(cause.body.get("decision")))
        fits = held is not None and held.body.get("outcome") == "hold" and cause.body.get("version") == version
        return "" if fits else "the approval it names is about no held decision on that version"
    return f"a record of kind {cause.kind!r} allows no move"
