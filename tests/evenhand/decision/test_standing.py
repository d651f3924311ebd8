"""What the ledger says: who is live, what waits, and how often a test set was looked at."""

from datetime import UTC, datetime, timedelta

import pytest

from evenhand.decision.ledger import LedgerError, Record, seal
from evenhand.decision.standing import live_at, look_number, standing, unfinished, why_not_open

START = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger(list[Record]):
    """Records one day apart."""

    def add(self, kind: str, **body: object) -> Record:
        self.append(seal(self[-1] if self else None, kind, "loans", body, now=START + timedelta(days=len(self))))
        return self[-1]

    def promote(self, version: str) -> Record:
        cause = self.add("decision", outcome="promote", version=version)
        intent = self.add("intent", version=version, because=cause.hash)
        return self.add("done", version=version, intent=intent.hash)


def test_the_champion_is_the_newest_intent_and_pending_until_done() -> None:
    ledger = Ledger()
    assert standing(ledger, "loans").champion is None
    ledger.promote("1")
    cause = ledger.add("decision", outcome="promote", version="2")
    intent = ledger.add("intent", version="2", because=cause.hash)
    found = standing(ledger, "loans")
    assert found.champion is not None
    assert (found.champion.version, found.champion.cause, found.pending) == ("2", cause, intent)
    assert found.previous is not None
    assert found.previous.version == "1"
    ledger.add("done", version="2", intent=intent.hash)
    assert standing(ledger, "loans").pending is None


def test_what_was_rolled_back_from_is_no_version_to_go_back_to_until_it_goes_live_again() -> None:
    ledger = Ledger()
    for version in "123":
        ledger.promote(version)

    def previous() -> str | None:
        found = standing(ledger, "loans").previous
        return found.version if found is not None else None

    for target, then in (("2", "1"), ("1", None)):
        assert previous() == target
        live = standing(ledger, "loans").champion
        assert live is not None
        order = ledger.add("rollback", **{"from": live.version, "to": target})
        ledger.add("intent", version=target, because=order.hash)
        assert previous() == then, "the same command again does not put it back"
    ledger.promote("3")
    ledger.promote("4")
    assert previous() == "3"


def test_who_was_live_on_a_day_and_why() -> None:
    ledger = Ledger()
    ledger.promote("1")
    ledger.promote("2")
    first = live_at(ledger, "loans", START + timedelta(days=3.5))
    assert first is not None
    assert first.version == "1"
    assert first.cause == ledger[0]
    assert live_at(ledger, "loans", START) is None
    with pytest.raises(LedgerError, match=r"'lones'.*loans"):
        live_at(ledger, "lones", START)


def test_a_hold_is_open_until_answered_superseded_or_expired() -> None:
    ledger = Ledger()
    held = ledger.add("decision", outcome="hold", version="1", approval_hours=48)
    soon, late = START + timedelta(hours=47), START + timedelta(hours=49)

    def states(now: datetime = soon) -> list[str]:
        return [hold.state for hold in standing(ledger, "loans", now=now).holds]

    assert states() == ["open"]
    assert states(late) == ["expired"]
    ledger.add("decision", outcome="hold", version="2", approval_hours=48)
    assert states() == ["superseded", "open"]
    ledger.add("approval", decision=held.hash, version="1", by="ann")
    assert states()[0] == "approved"


def test_why_a_hold_cannot_be_answered_names_the_version() -> None:
    ledger = Ledger()
    ledger.add("decision", outcome="hold", version="1")
    ledger.add("decision", outcome="block", version="2")
    (hold,) = standing(ledger, "loans").holds
    assert "version 1 was superseded" in why_not_open(hold)
    assert "version 2" in why_not_open(hold)


def test_looks_are_counted_for_each_test_set_of_a_model() -> None:
    ledger = Ledger()
    assert look_number(ledger, "loans", "t") == 1
    ledger.add("look", test_set="t", evidence="a")
    ledger.add("look", test_set="t", evidence="b")
    assert look_number(ledger, "loans", "t") == 3
    assert look_number(ledger, "loans", "other") == 1
    assert look_number(ledger, "cars", "t") == 1


def test_a_promotion_that_was_killed_before_the_move_is_unfinished() -> None:
    ledger = Ledger()
    ledger.promote("1")
    assert unfinished(ledger) == ()
    ordered = ledger.add("decision", outcome="promote", version="2")
    ledger.add("look", look=1, test_set="t")  # an audit of somebody else
    assert unfinished(ledger) == (ordered,)
    live = live_at(ledger, "loans", START + timedelta(days=50))
    assert live is not None
    assert live.version == "1"
    ledger.add("intent", version="2", because=ordered.hash)
    assert unfinished(ledger) == ()


def test_a_move_that_is_half_done_meanwhile_does_not_hide_it() -> None:
    ledger = Ledger()
    first = ledger.add("decision", outcome="promote", version="1")
    intent = ledger.add("intent", version="1", because=first.hash)
    ordered = ledger.add("decision", outcome="promote", version="2")
    ledger.add("done", version="1", intent=intent.hash)
    assert unfinished(ledger) == (ordered,)


@pytest.mark.parametrize(
    "since",
    [
        [("decision", {"outcome": "hold", "version": "2"})],  # the move was refused
        [("decision", {"outcome": "block", "version": "3"})],
        [("rollback", {"from": "1", "to": "0"}), ("intent", {"version": "0"})],
        [("decision", {"outcome": "hold", "version": "3"}), ("rejection", {"version": "3"})],
    ],
    ids=["held", "superseded", "rolled-back", "rejected"],
)
def test_what_something_newer_replaced_is_not_unfinished(since: list) -> None:
    ledger = Ledger()
    ledger.promote("0")
    ledger.promote("1")
    ledger.add("decision", outcome="promote", version="2")
    for kind, body in since:
        ledger.add(kind, **body)
    assert unfinished(ledger) == ()


def test_an_approval_that_was_killed_before_the_move_is_unfinished() -> None:
    ledger = Ledger()
    held = ledger.add("decision", outcome="hold", version="1")
    assert unfinished(ledger) == ()
    given = ledger.add("approval", decision=held.hash, version="1")
    assert unfinished(ledger) == (given,)
    ledger.add("intent", version="1", because=given.hash)
    assert unfinished(ledger) == ()


@pytest.mark.parametrize(
    "newer",
    [
        [("decision", {"outcome": "hold", "version": "2"})],
        [("decision", {"outcome": "block", "version": "2"})],
        [("rollback", {"from": "0", "to": "9"}), ("intent", {"version": "9"})],
        [("intent", {"version": "2", "because": "e" * 64})],
    ],
    ids=["held", "blocked", "rolled-back", "moved"],
)
def test_an_approval_that_never_moved_is_superseded_by_what_came_after_it(newer: list) -> None:
    ledger = Ledger()
    held = ledger.add("decision", outcome="hold", version="1")
    given = ledger.add("approval", decision=held.hash, version="1")
    ledger.add("look", test_set="t", evidence="a")
    assert [hold.state for hold in standing(ledger, "loans").holds] == ["approved"], "a look decides nothing"
    first = next(iter([ledger.add(kind, **body) for kind, body in newer]))
    hold = standing(ledger, "loans").holds[0]
    assert (hold.state, hold.by, hold.approval) == ("superseded", first, given)
    assert "version 1 was approved on 2026-01-02T00:00 and superseded on" in why_not_open(hold)
    assert "before it went live" in why_not_open(hold)


def test_an_approval_that_moved_stays_one_whatever_comes_after_it() -> None:
    ledger = Ledger()
    held = ledger.add("decision", outcome="hold", version="1")
    given = ledger.add("approval", decision=held.hash, version="1")
    ledger.add("intent", version="1", because=given.hash)
    ledger.add("decision", outcome="hold", version="2")
    assert standing(ledger, "loans").holds[0].state == "approved"
