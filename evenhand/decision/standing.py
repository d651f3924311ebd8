"""What the ledger says about a model: which version is live and why, what waits for a person, what was looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from evenhand.decision.ledger import LedgerError, Record

__all__ = [
    "Hold",
    "Live",
    "Standing",
    "answer_until",
    "last_word",
    "live_at",
    "look_number",
    "seconds_left",
    "standing",
    "told_answer",
    "unfinished",
    "was_moved",
    "why_not_open",
]


@dataclass(frozen=True)
class Live:
    """A version that is, or was, the champion.

    Attributes
    ----------
    version
        Its number.
    since
        From when on, in UTC, as ISO 8601 has it.
    intent
        The record that made it champion.
    cause
        The record that allowed that: a decision, an approval or a rollback.
    """

    version: str
    since: str
    intent: Record
    cause: Record | None


@dataclass(frozen=True)
class Hold:
    """A decision that waits, or waited, for a person.

    Attributes
    ----------
    decision
        Its record.
    state
        ``open``, ``approved``, ``rejected``, ``superseded`` by a newer decision, or ``expired``. An approval whose move
        never came is superseded as well, by the first decision, rollback or move after it.
    by
        The record that ended the wait; None while it is open and after its time.
    approval
        Of a superseded one the approval that came to nothing; None without.
    """

    decision: Record
    state: Literal["open", "approved", "rejected", "superseded", "expired"]
    by: Record | None = None
    approval: Record | None = None


@dataclass(frozen=True)
class Standing:
    """Where a model stands.

    Attributes
    ----------
    model
        Its name.
    champion
        The live version; None before the first.
    pending
        An intent whose alias may not have moved yet; None when all is done.
    history
        All champions, the first one first.
    holds
        Every decision that held, the first one first.
    head
        The newest record about the model; None without any.
    """

    model: str
    champion: Live | None
    pending: Record | None
    history: tuple[Live, ...]
    holds: tuple[Hold, ...]
    head: Record | None

    @property
    def previous(self) -> Live | None:
        """The newest other champion that nobody rolled back from since it went live; None when there is none."""
        left: set[str] = set()
        for live in self.history:
            left.discard(live.version)
            if live.cause is not None and live.cause.kind == "rollback":
                left.add(str(live.cause.body.get("from")))
        now = self.champion.version if self.champion is not None else None
        return next((live for live in reversed(self.history) if live.version not in {now, *left}), None)


def standing(records: Sequence[Record], model: str, *, now: datetime | None = None) -> Standing:
    """Where a model stands after these records.

    Parameters
    ----------
    records
        The ledger's records in order; those of other models are passed over.
    model
        The model's name.
    now
        The moment that time limits are compared with, with its time zone; by default this one.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> decision = seal(None, "decision", "loans", {"outcome": "promote", "version": "1"})
    >>> intent = seal(decision, "intent", "loans", {"version": "1", "because": decision.hash})
    >>> found = standing([decision, intent], "loans")
    >>> found.champion.version, found.pending == intent
    ('1', True)
    """
    mine = [record for record in records if record.model == model]
    by_hash = {record.hash: record for record in mine}
    history = tuple(
        Live(str(r.body["version"]), r.at, r, by_hash.get(str(r.body.get("because"))))
        for r in mine
        if r.kind == "intent"
    )
    done = {str(r.body.get("intent")) for r in mine if r.kind == "done"}
    last = history[-1] if history else None
    return Standing(
        model=model,
        champion=last,
        pending=last.intent if last is not None and last.intent.hash not in done else None,
        history=history,
        holds=_holds(mine, now or datetime.now(UTC)),
        head=mine[-1] if mine else None,
    )


def _holds(mine: Sequence[Record], now: datetime) -> tuple[Hold, ...]:
    answers = {str(r.body.get("decision")): r for r in mine if r.kind in ("approval", "rejection")}
    decisions = [record for record in mine if record.kind == "decision"]
    held = []
    for place, decision in enumerate(decisions):
        if decision.body.get("outcome") != "hold":
            continue
        answer, newer = answers.get(decision.hash), next(iter(decisions[place + 1 :]), None)
        if answer is not None:
            held.append(_answered(decision, answer, mine))
        elif newer is not None:
            held.append(Hold(decision, "superseded", newer))
        else:
            held.append(Hold(decision, "expired" if _expired(decision, now) else "open"))
    return tuple(held)


def _answered(decision: Record, answer: Record, mine: Sequence[Record]) -> Hold:
    """A rejection stands; an approval does when its move came, or nothing that counts came after it."""
    if answer.kind == "rejection":
        return Hold(decision, "rejected", answer)
    after = [each for each in mine if each.sequence > answer.sequence and each.kind in _ENDS_AN_ORDER]
    if was_moved(answer, after) or not after:
        return Hold(decision, "approved", answer)
    return Hold(decision, "superseded", after[0], answer)


_ENDS_AN_ORDER = ("decision", "rollback", "intent")
"""Records after which an approval whose move never came counts no longer."""


def was_moved(order: Record, records: Sequence[Record]) -> bool:
    """Whether the move that a decision, an approval or a rollback orders stands among the records."""
    return any(each.kind == "intent" and each.body.get("because") == order.hash for each in records)


def last_word(records: Sequence[Record], version: str) -> tuple[str, Record | None]:
    """What became of a version, and the newest record about it; an approval counts once its move stands.

    Parameters
    ----------
    records
        Those of its model, in order.
    version
        Its number.

    Returns
    -------
    tuple
        ``promote``, ``hold`` or ``block`` as the gate decided, or a person's ``approved`` or ``rejected``; "" and None
        without a record.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> held = seal(None, "decision", "loans", {"outcome": "hold", "version": "2"})
    >>> given = seal(held, "approval", "loans", {"decision": held.hash, "version": "2"})
    >>> moved = seal(given, "intent", "loans", {"version": "2", "because": given.hash})
    >>> [last_word([held, given, moved][:count], "2")[0] for count in (0, 1, 2, 3)]
    ['', 'hold', 'hold', 'approved']
    """
    by_hash = {record.hash: record for record in records}
    said, newest = "", None
    for record in records:
        if record.kind not in ("decision", "rejection", "intent", "done") or record.body.get("version") != version:
            continue
        newest = record
        cause = by_hash.get(str(record.body.get("because"))) if record.kind == "intent" else record
        if cause is not None and cause.kind == "decision":
            said = str(cause.body.get("outcome"))
        elif cause is not None:
            said = {"approval": "approved", "rejection": "rejected"}.get(cause.kind, said)
    return said, newest


def _expired(decision: Record, now: datetime) -> bool:
    until = _until(decision)
    return until is not None and now > until


def _until(decision: Record) -> datetime | None:
    hours = decision.body.get("approval_hours")
    return None if hours is None else datetime.fromisoformat(decision.at) + timedelta(hours=float(hours))


def answer_until(decision: Record) -> str:
    """Until when a person can answer a held decision, in UTC; "" where that has no end.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> made = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
    >>> answer_until(seal(None, "decision", "loans", {"outcome": "hold", "approval_hours": 168}, now=made))
    '2026-01-12 08:30 UTC'
    """
    until = _until(decision)
    return f"{until:%Y-%m-%d %H:%M} UTC" if until is not None else ""


def seconds_left(decision: Record, *, now: datetime | None = None) -> int:
    """For how many seconds a person can still answer a held decision, at least one; a year where that has no end.

    Parameters
    ----------
    decision
        Its record.
    now
        With its time zone; by default this moment.
    """
    until = _until(decision)
    left = timedelta(days=365) if until is None else until - (now or datetime.now(UTC))
    return max(1, int(left.total_seconds()))


def why_not_open(hold: Hold) -> str:
    """Why a person can no longer answer, as a sentence; "" while it is open.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> why_not_open(Hold(seal(None, "decision", "loans", {"outcome": "hold", "version": "2"}), "open"))
    ''
    """
    if hold.state == "open":
        return ""
    version = hold.decision.body.get("version") or "that waits for its number"
    if hold.state == "superseded" and hold.by is not None:
        newer = hold.by.body.get("version") or hold.by.body.get("to") or "whose number is not known yet"
        said = f"superseded on {hold.by.at[:16]} by version {newer}"
        if hold.approval is None:
            return f"version {version} was {said}"
        return (
            f"version {version} was approved on {hold.approval.at[:16]} and {said} before it went live "
            f"(record {hold.by.sequence}): answer what is held since, or retrain"
        )
    if hold.state == "expired":
        return f"the time to answer for version {version} is over: retrain to decide on new evidence"
    when = hold.by.at[:16] if hold.by is not None else ""
    return f"version {version} was {hold.state} on {when} already"


def told_answer(hold: Hold, records: Sequence[Record]) -> tuple[Literal["promote", "hold", "block"], str]:
    """What a held decision has come to, and that as a sentence; "" while it is open.

    Parameters
    ----------
    hold
        Of :func:`standing`.
    records
        Those that it was taken from.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> held = seal(None, "decision", "loans", {"outcome": "hold", "version": "2"})
    >>> body = {"decision": held.hash, "version": "2", "by": "ann", "reason": "looked at"}
    >>> given = seal(held, "approval", "loans", body)
    >>> moved = seal(given, "intent", "loans", {"version": "2", "because": given.hash})
    >>> told_answer(Hold(held, "approved", given), [held, given, moved])
    ('promote', 'approved by ann: looked at')
    >>> told_answer(Hold(held, "approved", given), [held, given])[0]
    'hold'
    """
    if hold.by is None or hold.state not in ("approved", "rejected"):
        return "hold", why_not_open(hold)
    said = f"{hold.state} by {hold.by.body.get('by')}: {hold.by.body.get('reason')}"
    if hold.state == "rejected":
        return "block", said
    if was_moved(hold.by, records):
        return "promote", said
    return "hold", (
        f"{said} (record {hold.by.sequence}), and it has not gone live: whoever did it was killed, or is at it now; "
        "give the same answer again"
    )


def unfinished(records: Sequence[Record]) -> tuple[Record, ...]:
    """The decisions and approvals that order a move which never came, one a model at most.

    Whoever made the record was killed before the move, or is at it now. A newer decision, a rollback or another move
    ends that: what was ordered before counts no longer.

    Parameters
    ----------
    records
        The ledger's records in order, of all models.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> decision = seal(None, "decision", "loans", {"outcome": "promote", "version": "1"})
    >>> intent = seal(decision, "intent", "loans", {"version": "1", "because": decision.hash})
    >>> [record.sequence for record in unfinished([decision])], unfinished([decision, intent])
    ([1], ())
    """
    newest = {record.model: record for record in records if record.kind not in ("look", "done")}
    return tuple(record for record in newest.values() if _orders_a_move(record))


def _orders_a_move(record: Record) -> bool:
    return record.kind == "approval" or (record.kind == "decision" and record.body.get("outcome") == "promote")


def live_at(records: Sequence[Record], model: str, moment: datetime) -> Live | None:
    """The version that was live at a moment, and why; None when there was none yet.

    Parameters
    ----------
    records
        The ledger's records in order.
    model
        The model's name.
    moment
        With its time zone.

    Raises
    ------
    LedgerError
        When the ledger knows nothing of the model.
    """
    if not any(record.model == model for record in records):
        known = sorted({record.model for record in records})
        raise LedgerError(f"the ledger has no record of model {model!r}; it knows {', '.join(known) or 'none'}")
    before = [record for record in records if datetime.fromisoformat(record.at) <= moment]
    return standing(before, model, now=moment).champion


def look_number(records: Sequence[Record], model: str, test_set: str) -> int:
    """The number of the next look at a test set, from 1.

    Parameters
    ----------
    records
        The ledger's records in order.
    model
        The model's name.
    test_set
        What tells one test set from another, however much it has grown.
    """
    looks = [record for record in records if record.kind == "look" and record.model == model]
    return 1 + len([record for record in looks if record.body.get("test_set") == test_set])
