"""Which version is live: the ledger says so, and MLflow's alias follows it."""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url

from evenhand.decision.ledger import Fault, LedgerError, Record, digest_record, find_faults
from evenhand.decision.standing import Standing, last_word, standing, why_not_open
from evenhand.exceptions import ModelError, ServiceError
from tasks.ledger.recorded import altered
from tasks.ledger.signed import forged
from tasks.ledger.stamps import all_stamps, another_ledger, refuse_cut, stamps_of
from tasks.ledger.table import (
    ATTEMPTS,
    append,
    connected,
    identity,
    ledger_address,
    lost_guards,
    records,
    unknown_model,
)
from tasks.registry import (
    LEDGER,
    STAMP,
    alias_version,
    find_version,
    has_version,
    mark_model,
    move_alias,
    tag_version,
)
from tasks.step import home
from tasks.tracking import say

__all__ = [
    "CHAMPION",
    "champion_gone",
    "checked_standing",
    "faults",
    "live_version",
    "move_champion",
    "restamp",
    "settle",
    "stamp_look",
    "stamp_version",
    "where_stands",
]

CHAMPION = "champion"
"""The alias of the version that is live."""


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
    for _ in range(ATTEMPTS):
        found = where_stands(model)
        points = alias_version(model, CHAMPION)
        if standing(records(model), model).head == found.head:  # nobody moved it in between
            return found, _misplaced(found, points)
    raise ServiceError(f"the champion of {model} changes all the time: try again")


def champion_gone(found: Standing) -> bool:
    """Whether the champion's version was deleted in MLflow: a person may make another one live."""
    return found.champion is not None and not has_version(found.model, found.champion.version)


def _misplaced(found: Standing, points: str | None) -> str:
    """What is wrong with an alias that is not where the ledger says; "" when nothing is."""
    says = found.champion.version if found.champion is not None else None
    if points == says:
        return ""
    if champion_gone(found):
        return (
            f"version {says} of {found.model}, live by the ledger, is gone from MLflow: "
            f"`evenhand rollback {found.model}` makes an earlier champion live, `evenhand approve` a held version"
        )
    return another_ledger(found.model, identity()) or _moved_by_hand(found, points, says)


def _moved_by_hand(found: Standing, points: str | None, says: str | None) -> str:
    shown = f"points to version {points}" if points else "is gone"
    known = f"version {says} is" if says else "no version is"
    return (
        f"the alias {CHAMPION!r} of {found.model} {shown}, and by the ledger {known} live: it was moved by hand; "
        f"`evenhand ledger settle {found.model}` puts it back"
    )


def settle(model: str) -> str:
    """Put the alias where the ledger says; what was wrong, "" when nothing was.

    Raises
    ------
    LedgerError
        When the ledger is not whole, does not know the model, or is not the one that its versions were decided about
        in; when the champion's version is gone.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    _check_whole(model)
    found, reason = checked_standing(model)
    if found.head is None and not reason:
        raise LedgerError(unknown_model(model))
    if reason and (champion_gone(found) or another_ledger(model, identity())):
        raise LedgerError(reason)
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
        When another version has become champion since, the alias was moved by hand, or `because` is an approval that
        something newer has superseded.
    ServiceError
        When the ledger or MLflow does not answer. Once the intent is recorded the move counts: that MLflow falls silent
        then is said, and whoever reads next moves the alias.
    """
    before, reason = checked_standing(model)
    if reason and not champion_gone(before):
        raise LedgerError(reason)

    def intent(found: Standing, mine: Sequence[Record]) -> Mapping[str, Any] | Record:
        earlier = [each for each in mine if each.kind == "intent" and each.body.get("because") == because.hash]
        if earlier:
            return earlier[-1]
        for hold in found.holds:
            if hold.approval is not None and hold.approval.hash == because.hash:
                raise LedgerError(why_not_open(hold))
        live = found.champion.version if found.champion is not None else None
        if live != expected:
            raise LedgerError(
                f"version {version} of {model} was compared with {_version(expected)}, and {_version(live)} is live "
                "meanwhile: retrain to compare with it"
            )
        return {"version": version, "before": live, "because": because.hash}

    record = append("intent", model, intent)
    try:
        _finish(model)
    except ServiceError as error:
        say(f"{error}: version {version} of {model} is champion by the ledger, and its alias follows at the next look")
    return record


def _version(number: str | None) -> str:
    return f"version {number}" if number else "no champion"


def _finish(model: str) -> None:
    """Move the alias as the newest intent says, stamp the version, and record that; of several processes one does it.

    That it is done is recorded last: killed anywhere before, whoever reads next does all of it again.
    """
    with _moving(model):
        found = standing(records(model), model)
        intent = found.pending
        if intent is None:
            return
        version = str(intent.body["version"])
        _check_whole(model)
        try:
            move_alias(model, CHAMPION, version)
        except ModelError:
            return  # deleted in between: `checked_standing` says so, and what is moved next goes on from there
        tag_version(model, version, _told(model, version))
        record = append("done", model, {"version": version, "intent": intent.hash})
        tag_version(model, version, {STAMP: record.hash})  # a cut of that record alone takes nothing back


def _told(model: str, version: str) -> dict[str, str]:
    """The tags with what the ledger says of a version, the stamp last; {} where it says nothing."""
    said, newest = last_word(records(model), version)
    if newest is None:
        return {}
    return {**({"evenhand.decision": said} if said else {}), LEDGER: identity(), STAMP: newest.hash}


def restamp(model: str, version: str) -> bool:
    """Let a version carry what the ledger says of it, where whoever recorded that was killed before.

    Returns
    -------
    bool
        Whether something was left to do.

    Raises
    ------
    LedgerError
        When a version of the model names a record that is gone: another stamp would cover that up.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    pending = standing(records(model), model).pending
    if pending is not None and pending.body.get("version") == version:
        return where_stands(model).pending is None
    with _moving(model):
        tags = _told(model, version)
        try:
            carried = find_version(model, version).tags
        except ModelError:
            return False
        if carried.items() >= tags.items() or carried.get(LEDGER, "") not in ("", identity()):
            return False
        _check_whole(model)
        tag_version(model, version, tags)
        return True


def stamp_version(model: str, version: str, record: Record, tags: Mapping[str, str] | None = None) -> None:
    """Let a version carry the newest record about it, and other tags; where a newer one came, it carries that.

    Raises
    ------
    LedgerError
        When a version of the model names a record that is gone: another stamp would cover that up.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    with _moving(model):
        _check_whole(model)
        newest = last_word(records(model), version)[1]
        if newest is None or newest.sequence <= record.sequence:
            tag_version(model, version, {**(tags or {}), STAMP: record.hash, LEDGER: identity()})


def stamp_look(model: str) -> None:
    """Let a model carry its newest record after a look, so that the error that was spent does not come back unseen.

    A look may come before the first version. Of several at once the last one to stamp has read the newest record: the
    stamp never goes back.

    Raises
    ------
    LedgerError
        When the model or a version of it names a record that is gone.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    with _moving(model):
        _check_whole(model)
        mine = records(model)
        retrained = any(record.kind == "look" and "run" in record.body for record in mine)
        mark_model(model, identity(), mine[-1].hash, retrained=retrained)


def _check_whole(model: str) -> None:
    stamps = stamps_of(model)  # before the records
    refuse_cut(records(model), stamps, identity())


@contextmanager
def _moving(model: str) -> Iterator[None]:
    """One move of a model's alias at a time; the system lets go when the process ends, however it ends."""
    if make_url(ledger_address()).get_backend_name() == "postgresql":
        number = int.from_bytes(sha256(f"evenhand/{model}".encode()).digest()[:8], "big", signed=True)
        with connected() as connection:  # held until the transaction ends
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
            yield
        return
    path = home() / "locks" / f"{model}.alias.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def faults() -> tuple[Fault, ...]:
    """All that is wrong with the ledger, and with the aliases that should follow it.

    A move that was left half done is finished only where nothing is wrong: what was found stays as it was found.

    Raises
    ------
    LedgerError
        When somebody changed the columns of the ledger's table.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    guards = lost_guards()
    stamps = all_stamps(identity())  # before the records
    everything = records(damaged="keep")
    found = list(find_faults(everything, stamps))
    found += [] if found else forged(everything)
    found += [Fault(0, "unguarded", said) for said in guards]
    sound = not found
    for name in sorted({record.model for record in everything}):
        reason = checked_standing(name)[1] if sound else _alias_fault(everything, name)
        if reason:
            found.append(Fault(0, "moved by hand", reason))
        elif (
            sound
            and (live := standing(records(name), name).champion) is not None
            and (said := altered(name, live.version))
        ):
            found.append(Fault(0, "altered", said))
    return tuple(found)


def _alias_fault(everything: Sequence[Record], name: str) -> str:
    """What is wrong with an alias, without touching it; half-done moves and damaged records say nothing about it."""
    if any(record.hash != digest_record(record) for record in everything if record.model == name):
        return ""
    found = standing(everything, name)
    return "" if found.pending is not None else _misplaced(found, alias_version(name, CHAMPION))
