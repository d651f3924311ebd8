"""The chain: what was sealed verifies, and whatever is done to it afterwards shows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.decision.ledger import GENESIS, KINDS, LedgerError, Record, Stamp, digest_record, find_faults, seal

BODIES = st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.none()), max_size=3)


def chain(bodies: list[dict]) -> list[Record]:
    records: list[Record] = []
    for place, body in enumerate(bodies):
        records.append(seal(records[-1] if records else None, "look", f"model {place % 2}", body))
    return records


def kinds(records: list[Record], stamps: Sequence[Stamp] = ()) -> set[str]:
    return {fault.kind for fault in find_faults(records, stamps)}


@given(st.lists(BODIES, max_size=8))
def test_what_was_sealed_verifies(bodies: list[dict]) -> None:
    records = chain(bodies)
    assert find_faults(records, [Stamp(record.hash, "a card", records[0].hash) for record in records]) == ()
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))


@given(st.lists(BODIES, min_size=1, max_size=8), st.data())
def test_any_edit_shows(bodies: list[dict], data: st.DataObject) -> None:
    records = chain(bodies)
    place = data.draw(st.integers(0, len(records) - 1))
    field = data.draw(st.sampled_from(["at", "kind", "model", "body", "previous"]))
    changed = {"at": "2001-01-01", "kind": "done", "model": "other", "body": {"a": "forged"}, "previous": "f" * 64}
    records[place] = replace(records[place], **{field: changed[field]})
    assert "edited" in kinds(records)


@given(st.lists(BODIES, min_size=2, max_size=8), st.data())
def test_an_edit_that_is_sealed_anew_shows_in_the_next_record(bodies: list[dict], data: st.DataObject) -> None:
    records = chain(bodies)
    place = data.draw(st.integers(0, len(records) - 2))
    forged = replace(records[place], body={"forged": True})
    records[place] = replace(forged, hash=digest_record(forged))
    assert "reordered" in kinds(records)


@given(st.lists(BODIES, min_size=2, max_size=8), st.data())
def test_a_removal_and_a_cut_tail_show(bodies: list[dict], data: st.DataObject) -> None:
    records = chain(bodies)
    place = data.draw(st.integers(0, len(records) - 1))
    stamps = [Stamp(records[-1].hash, "version 7 of loans", records[0].hash)]
    left = records[:place] + records[place + 1 :]
    assert kinds(left, stamps) & {"removed", "truncated"}
    assert kinds(records[: place + 1], stamps) == (set() if place == len(records) - 1 else {"truncated"})


@given(st.lists(BODIES, min_size=2, max_size=8), st.data())
def test_reordering_shows(bodies: list[dict], data: st.DataObject) -> None:
    records = chain(bodies)
    first, second = sorted(data.draw(st.lists(st.integers(0, len(records) - 1), min_size=2, max_size=2, unique=True)))
    records[first], records[second] = records[second], records[first]
    assert find_faults(records)


def test_a_clock_that_was_set_back_does_not_count() -> None:
    late = datetime(2026, 3, 1, tzinfo=UTC)
    first = seal(None, "look", "loans", {}, now=late)
    second = seal(first, "look", "loans", {}, now=late - timedelta(days=30))
    assert second.at == first.at
    assert second.body == {"clock": "2026-01-30T00:00:00.000000+00:00"}, "one of the two clocks was wrong"
    assert seal(first, "look", "loans", {}, now=late - timedelta(seconds=59)).body == {}
    assert find_faults([first, second]) == ()


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(LedgerError, match=r"'look'.*JSON"):
        seal(None, "look", "loans", {"a": object()})
    with pytest.raises(LedgerError, match="JSON"):
        seal(None, "look", "loans", {"a": float("nan")})


def story(*entries: tuple[str, dict]) -> list[Record]:
    """Records of one model; `because` and `decision` name earlier ones by their place."""
    records: list[Record] = []
    for kind, body in entries:
        named = {key: records[value].hash if key in ("because", "decision") else value for key, value in body.items()}
        records.append(seal(records[-1] if records else None, kind, "loans", named))
    return records


PROMOTE = ("decision", {"outcome": "promote", "version": "1"})
HOLD = ("decision", {"outcome": "hold", "version": "2"})


@pytest.mark.parametrize(
    "entries",
    [
        (PROMOTE, ("intent", {"version": "1", "because": 0})),
        (HOLD, ("approval", {"decision": 0, "version": "2"}), ("intent", {"version": "2", "because": 1})),
        (PROMOTE, ("intent", {"version": "1", "because": 0}), ("rollback", {"from": "1", "to": "1"}),
         ("intent", {"version": "1", "because": 2})),
    ],
)  # fmt: skip
def test_a_move_with_a_record_behind_it_is_founded(entries: tuple) -> None:
    assert find_faults(story(*entries)) == ()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((HOLD, ("intent", {"version": "2", "because": 0})), "does not promote"),
        ((PROMOTE, ("intent", {"version": "3", "because": 0})), "does not promote"),
        ((("rollback", {"from": "2", "to": "1"}), ("intent", {"version": "1", "because": 0})), "never champion"),
        ((("look", {}), ("intent", {"version": "1", "because": 0})), "allows no move"),
        ((PROMOTE, ("approval", {"decision": 0, "version": "1"}), ("intent", {"version": "1", "because": 1})),
         "no held decision"),
    ],
)  # fmt: skip
def test_a_move_that_nothing_allows_is_found(entries: tuple, said: str) -> None:
    (fault,) = find_faults(story(*entries))
    assert fault.kind == "unfounded"
    assert said in fault.message


def test_every_kind_is_listed_once() -> None:
    assert len(set(KINDS)) == len(KINDS)
    assert set(GENESIS) == {"0"}
