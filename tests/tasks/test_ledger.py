"""The ledger on disk and the alias that follows it: kills, races, moves by hand, and random histories."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mlflow import MlflowClient

import tasks.ledger as kept
from evenhand.decision.ledger import Kind, LedgerError, Record, digest_record, find_faults
from evenhand.decision.standing import live_at, standing, unfinished
from evenhand.exceptions import ServiceError
from tasks import registry
from tasks.answer import find_hold
from tasks.ledger import champion, reading

ROOT = Path(__file__).parents[2]
VERSIONS = 4


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a ledger and a real MLflow store."""
    folder = tmp_path_factory.mktemp("ledger")
    before = {name: os.environ.get(name) for name in ("EVENHAND_HOME", "MLFLOW_TRACKING_URI", "EVENHAND_LEDGER")}
    os.environ.update(EVENHAND_HOME=str(folder), MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")
    os.environ.pop("EVENHAND_LEDGER", None)
    store = mlflow.get_tracking_uri()  # of the steps that later modules go on with
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    yield folder
    mlflow.set_tracking_uri(store)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


_names = count()


def new_model(folder: Path) -> str:
    """A registered model with versions that nobody loads here."""
    client, name = MlflowClient(), f"model-{next(_names)}"
    client.create_registered_model(name)
    for _ in range(VERSIONS):
        client.create_model_version(name, source=(folder / "nowhere").as_uri())
    return name


def decided(model: str, outcome: str, version: str) -> Record:
    live = standing(kept.records(model), model).champion
    body = {"outcome": outcome, "version": version, "champion": live.version if live else None, "run": "r"}
    return kept.append("decision", model, body)


def promote(model: str, version: str) -> None:
    record = decided(model, "promote", version)
    kept.move_champion(model, version, record, expected=record.body["champion"])


def alias(model: str) -> str | None:
    return registry.alias_version(model, kept.CHAMPION)


def test_a_promotion_moves_the_alias_and_is_whole(place: Path) -> None:
    model = new_model(place)
    assert kept.live_version(model) is None
    promote(model, "2")
    assert kept.live_version(model) == alias(model) == "2"
    assert [record.kind for record in kept.records(model)] == ["decision", "intent", "done"]
    tags = MlflowClient().get_model_version(model, "2").tags
    assert tags[registry.STAMP] == kept.records(model)[-1].hash


def test_bytes_that_are_no_text_are_refused_and_nothing_is_recorded(place: Path) -> None:
    """A terminal in Latin-1 sends them; Python keeps each as half of a surrogate pair."""
    before = kept.records()
    with pytest.raises(LedgerError, match="the ledger keeps text in UTF-8, and reason holds bytes of another encoding"):
        kept.append("rollback", "latin", {"by": "Zoë", "reason": "caf\udce9", "from": "2", "to": "1"})
    assert kept.records() == before


def test_the_same_decision_moves_once(place: Path) -> None:
    model = new_model(place)
    record = decided(model, "promote", "1")
    for _ in range(3):
        kept.move_champion(model, "1", record, expected=None)
    assert [record.kind for record in kept.records(model)] == ["decision", "intent", "done"]


def test_a_champion_that_has_changed_since_refuses(place: Path) -> None:
    model = new_model(place)
    old = decided(model, "promote", "1")
    promote(model, "2")
    with pytest.raises(LedgerError, match=r"compared with no champion.*version 2 is live"):
        kept.move_champion(model, "1", old, expected=None)
    assert alias(model) == "2"


def test_a_promotion_killed_before_its_move_is_unfinished_and_no_fault(place: Path, own: Path) -> None:
    model = new_model(place)
    promote(model, "1")
    killed = decided(model, "promote", "2")
    now = datetime.now(UTC) + timedelta(hours=1)

    def live() -> str:
        found = live_at(kept.records(), model, now)
        assert found is not None
        return found.version

    assert mine(model) == []
    assert (unfinished(kept.records()), live()) == ((killed,), "1")
    kept.move_champion(model, "2", killed, expected="1")  # the same command again
    assert (unfinished(kept.records()), live(), alias(model)) == ((), "2", "2")


def test_a_stamp_that_an_older_version_of_evenhand_left_behind_is_brought_up_once(place: Path) -> None:
    model = new_model(place)
    old = decided(model, "promote", "1")
    kept.move_champion(model, "1", old, expected=None)
    assert not kept.restamp(model, "1")
    registry.tag_version(model, "1", {registry.STAMP: old.hash, "evenhand.decision": "hold"})
    assert [kept.restamp(model, "1") for _ in range(2)] == [True, False]
    tags = registry.find_version(model, "1").tags
    assert (tags[registry.STAMP], tags["evenhand.decision"]) == (kept.records(model)[-1].hash, "promote")


def test_a_stamp_never_goes_back(place: Path) -> None:
    """A run that is taken up again after its version was answered finds its decision, and stamped that one anew."""
    model = new_model(place)
    held = decided(model, "hold", "1")
    given = kept.append("approval", model, {"decision": held.hash, "version": "1", "by": "ann", "reason": "why"})
    kept.move_champion(model, "1", given, expected=None)
    kept.stamp_version(model, "1", held, {"evenhand.decision": "hold"})
    tags = registry.find_version(model, "1").tags
    assert (tags[registry.STAMP], tags["evenhand.decision"]) == (kept.records(model)[-1].hash, "approved")


@pytest.mark.parametrize("to", ["3", None])
def test_an_alias_moved_by_hand_is_refused_reported_and_put_back(place: Path, to: str | None) -> None:
    model = new_model(place)
    promote(model, "1")
    registry.move_alias(model, kept.CHAMPION, to)
    with pytest.raises(LedgerError, match="moved by hand") as caught:
        kept.live_version(model)
    assert "rollback" not in str(caught.value), "it is refused with the same error"
    with pytest.raises(LedgerError, match="moved by hand"):
        promote(model, "2")
    assert [fault.kind for fault in kept.faults() if model in fault.message] == ["moved by hand"]
    assert "moved by hand" in kept.settle(model)
    assert kept.live_version(model) == "1"
    assert kept.settle(model) == ""


def test_a_champion_by_hand_before_the_first_record_is_reported(place: Path) -> None:
    model = new_model(place)
    registry.move_alias(model, kept.CHAMPION, "1")
    with pytest.raises(LedgerError, match="no version is live"):
        kept.live_version(model)
    kept.settle(model)
    assert alias(model) is None


def test_the_table_only_grows(place: Path) -> None:
    promote(new_model(place), "1")
    with sqlite3.connect(place / "ledger.db") as connection:
        replaced = (
            f"INSERT OR REPLACE INTO evenhand_ledger SELECT {cells} FROM evenhand_ledger WHERE sequence = 1"
            for cells in (
                "sequence, previous, hash, at, kind, 'x', body",
                "sequence + 1000000, previous, hash || 'x', at, kind, 'x', body",
                "sequence + 1000000, previous || 'x', hash, at, kind, 'x', body",
            )
        )
        for statement in ("UPDATE evenhand_ledger SET model = 'x'", "DELETE FROM evenhand_ledger", *replaced):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                connection.execute(statement)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("UPDATE evenhand_ledger SET body = replace(body, '\"2\"', '\"3\"') WHERE kind = 'decision'", "edited"),
        ("DELETE FROM evenhand_ledger WHERE sequence = 2", "removed"),
        ("DELETE FROM evenhand_ledger WHERE sequence > 1", "truncated"),
        ("DELETE FROM evenhand_ledger", "truncated"),
    ],
)
def test_whoever_gets_past_the_triggers_is_found(place: Path, tmp_path: Path, monkeypatch, damage, kind) -> None:
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{tmp_path / 'own.db'}")
    model = new_model(place)
    promote(model, "2")
    with sqlite3.connect(tmp_path / "own.db") as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER evenhand_ledger_no_{verb}")
        connection.execute(damage)
    assert kind in {fault.kind for fault in find_faults(kept.records(damaged="keep"), registry.ledger_stamps(model))}


@pytest.fixture
def own(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of one test, whose triggers somebody got past; `spoil` is what they do."""
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{tmp_path / 'own.db'}")
    return tmp_path / "own.db"


def spoil(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS evenhand_ledger_no_{verb}")
        connection.execute(statement)


def mine(model: str) -> list[str]:
    return [fault.kind for fault in kept.faults() if f" of {model}" in fault.message]


def test_a_cut_ledger_takes_nothing_until_it_is_restored(place: Path, own: Path) -> None:
    model = new_model(place)
    promote(model, "1")
    promote(model, "2")
    spoil(own, "DELETE FROM evenhand_ledger WHERE sequence > 3")
    stamped = registry.ledger_stamps(model)
    for attempt in (
        lambda: kept.append("look", model, {"look": 1}),
        lambda: promote(model, "1"),
        lambda: kept.settle(model),
        lambda: kept.stamp_version(model, "2", kept.records(model)[-1]),
    ):
        with pytest.raises(LedgerError, match=rf"version 2 of {model} names record .* was cut\. Restore it"):
            attempt()
    assert registry.ledger_stamps(model) == stamped
    assert len(kept.records(model)) == 3
    assert mine(model) == ["truncated", "moved by hand"]


def test_another_ledger_is_told_from_one_that_was_cut(place: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines with ledgers of their own may share MLflow: neither is refused."""
    model = new_model(place)
    registry.tag_version(model, "1", {registry.STAMP: "a" * 64, registry.LEDGER: "b" * 64})
    kept.stamp_version(model, "2", decided(model, "hold", "2"))
    assert mine(model) == ["another ledger"]
    assert "version 1 " in kept.another_ledger(model, kept.identity())
    promote(model, "3")
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{own.parent / 'deleted.db'}")
    with pytest.raises(LedgerError, match="was decided about in another ledger"):
        kept.settle(model)
    assert alias(model) == "3", "a ledger that knows nothing of it takes no model down"
    kept.append("look", "any", {"look": 1})
    decided(model, "hold", "3")
    assert [fault.kind for fault in kept.faults() if f"version 2 of {model}" in fault.message] == ["another ledger"]


def test_a_model_that_the_ledger_does_not_know_is_told(place: Path) -> None:
    promote(new_model(place), "1")
    for ask in (kept.settle, kept.known_records):
        with pytest.raises(LedgerError, match=r"no record of model 'nope'; it knows .*model-"):
            ask("nope")


def test_a_second_record_stands_with_the_first_or_neither_does(place: Path) -> None:
    model = new_model(place)
    promote(model, "1")
    before = kept.records()

    def unwritable(first: Record) -> tuple:
        return "intent", {"because": first.hash, "version": object()}

    with pytest.raises(LedgerError, match="JSON"):
        kept.append("rollback", model, {"to": "1"}, then=unwritable)
    assert kept.records() == before
    order = kept.append(
        "rollback", model, {"from": "1", "to": "1"}, then=lambda it: ("intent", {"because": it.hash, "version": "1"})
    )
    assert [each.previous for each in kept.records()[-2:]] == [before[-1].hash, order.hash]


def test_the_manual_s_script_checks_an_export_without_us(place: Path, own: Path) -> None:
    page = (ROOT / "docs/decision.md").read_text(encoding="utf-8")
    script = page.split("```python\nimport hashlib", 1)[1].split("```", 1)[0]
    model = new_model(place)
    kept.append("look", model, {"run": "ü 😀 <b>", "share": 0.1, "none": None})
    promote(model, "1")
    lines = [json.dumps(record.to_dict(), ensure_ascii=False) for record in kept.records()]

    def checked(kept_lines: list[str]) -> str:
        (own.parent / "export.jsonl").write_text("\n".join(kept_lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-c", "import hashlib" + script, str(own.parent / "export.jsonl")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert checked(lines) == f"whole, its head is {kept.head()}\n"
    assert "record 1 was changed" in checked([lines[0].replace("<b>", "<i>"), *lines[1:]])
    assert "record 3 was changed, or does not follow" in checked([lines[0], *lines[2:]])


def test_verifying_repairs_nothing_where_something_is_wrong(place: Path, own: Path) -> None:
    model = new_model(place)
    promote(model, "1")
    promote(model, "2")
    spoil(own, "DELETE FROM evenhand_ledger WHERE sequence > 5")  # the second move's `done`
    assert mine(model) == ["truncated"]
    assert mine(model) == ["truncated"], "a second look finds it too"
    with pytest.raises(LedgerError, match="gone from the ledger"):
        kept.where_stands(model)
    assert alias(model) == "2"


@pytest.mark.parametrize("column", ["body", "at", "hash", "previous", "kind"])
def test_a_cell_that_was_made_bytes_is_named(place: Path, own: Path, column: str) -> None:
    """SQLite keeps them, and they read the same in most tools."""
    promote(new_model(place), "1")
    spoil(own, f"UPDATE evenhand_ledger SET {column} = CAST({column} AS BLOB) WHERE sequence = 2")
    assert 2 in {fault.sequence for fault in kept.faults()}


@pytest.mark.parametrize(
    "body",
    [
        "'{'",
        "'[1]'",
        "'{\"a\": NaN}'",
        '\'{"run": "x", \' || substr(body, 2)',
        "body || ' '",
        "replace(body, ': ', ':')",
    ],
)
def test_a_text_that_was_edited_is_found_also_where_it_says_the_same(place: Path, own: Path, body: str) -> None:
    model = new_model(place)
    decided(model, "hold", "1")
    decided(model, "hold", "2")
    spoil(own, f"UPDATE evenhand_ledger SET body = {body} WHERE sequence = 2")
    assert [(fault.kind, fault.sequence) for fault in kept.faults() if fault.sequence] == [("edited", 2)]
    with pytest.raises(LedgerError, match="edited: record 2 of the ledger"):
        kept.records()
    with pytest.raises(LedgerError, match="edited: record 2 of the ledger"):
        decided(model, "hold", "3")


def edit(file: Path, statement: str) -> None:
    """As whoever owns the database may: the triggers are as before afterwards."""
    with sqlite3.connect(file) as connection:
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'evenhand_ledger'"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in made:
            connection.execute(sql)


EDITS = {
    "body": 'SET body = replace(body, \'"version": "2"\', \'"version": "3"\') WHERE kind = \'intent\'',
    "time": "SET at = '2020-01-01T00:00:00.000000+00:00' WHERE sequence = 1",
    "renamed": "SET model = 'of-nobody' WHERE kind = 'decision'",
    "hash": "SET hash = replace(hash, substr(hash, 1, 8), 'deadbeef') WHERE sequence = 2",
}


@pytest.mark.parametrize("warm", [True, False], ids=["read-before", "first-read"])
@pytest.mark.parametrize("change", EDITS)
def test_an_edited_record_is_obeyed_by_nobody(
    place: Path, own: Path, change: str, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `verify` compared records with their hashes: approvals under an edited decision went live."""
    model, other = new_model(place), new_model(place)
    promote(model, "2")
    promote(other, "1")
    before, stamped = kept.records(), registry.ledger_stamps(model)
    edit(own, f"UPDATE evenhand_ledger {EDITS[change]} AND model = '{model}'")
    if not warm:
        monkeypatch.setattr(reading, "_PROVEN", {})
    for attempt in (
        kept.records,
        lambda: kept.records(model),
        lambda: kept.known_records(model),
        lambda: kept.where_stands(model),
        lambda: kept.live_version(model),
        lambda: decided(model, "promote", "3"),
        lambda: kept.append("look", model, {"look": 1}),
        lambda: kept.settle(model),
        lambda: kept.stamp_version(model, "2", before[-1]),
        lambda: kept.load_decided(model, "2"),
        lambda: find_hold(None),
    ):
        with pytest.raises(LedgerError, match=r"edited: record \d of the ledger .* `evenhand ledger verify` names all"):
            attempt()
    if warm and change == "body":
        assert kept.records(other) == before[3:], "what was proven of other models is what is asked again"
    assert registry.ledger_stamps(model) == stamped
    assert "edited" in {fault.kind for fault in kept.faults()}
    assert len(kept.records(damaged="keep")) == len(before)


def test_a_record_that_was_taken_out_is_missed_by_readers_of_any_model(place: Path, own: Path) -> None:
    model, other = new_model(place), new_model(place)
    promote(model, "2")
    promote(other, "1")
    edit(own, "DELETE FROM evenhand_ledger WHERE sequence = 2")
    for name in (model, other, None):
        with pytest.raises(LedgerError, match="removed: record 2 is missing: restore the ledger from a backup"):
            kept.records(name)
    assert [fault.kind for fault in kept.faults() if fault.sequence == 2] == ["removed"]


def test_what_was_read_once_is_hashed_again_when_anything_of_it_is_another(
    place: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = new_model(place)
    promote(model, "2")
    real, hashed = digest_record, list[int]()
    monkeypatch.setattr(reading, "digest_record", lambda record: hashed.append(record.sequence) or real(record))
    monkeypatch.setattr(reading, "_PROVEN", {})
    for _ in range(2):
        kept.records()
        kept.records("of-nobody")
    assert hashed == [1, 2, 3]
    edit(own, "UPDATE evenhand_ledger SET kind = 'hold' WHERE sequence = 1")
    with pytest.raises(LedgerError, match="edited: record 1 "):
        kept.records("of-nobody")
    edit(own, "UPDATE evenhand_ledger SET kind = 'decision' WHERE sequence = 1")
    assert len(kept.records()) == 3, "restored"


def rebuilt(file: Path, old: str, new: str) -> None:
    """Make the table anew with another text, as SQLite has it: records and triggers are as before."""
    with sqlite3.connect(file) as connection:
        made = connection.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'evenhand_ledger' AND sql NOT NULL "
            "ORDER BY type = 'trigger'"
        ).fetchall()
        assert old in made[0][0]
        names = "sequence, previous, hash, at, kind, model, body"
        connection.execute("CREATE TABLE before AS SELECT * FROM evenhand_ledger")
        connection.execute("DROP TABLE evenhand_ledger")
        connection.execute(made[0][0].replace(old, new))
        connection.execute(f"INSERT INTO evenhand_ledger ({names}) SELECT {names} FROM before")
        connection.execute("DROP TABLE before")
        for (statement,) in made[1:]:
            connection.execute(statement)


def unguarded() -> list[str]:
    return [fault.message for fault in kept.faults() if fault.kind == "unguarded"]


WEAKER = """CREATE TRIGGER evenhand_ledger_no_update BEFORE UPDATE ON evenhand_ledger WHEN 0
BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DROP TRIGGER evenhand_ledger_no_delete", "trigger evenhand_ledger_no_delete, .* is gone"),
        ("DROP TRIGGER evenhand_ledger_no_replace", "trigger evenhand_ledger_no_replace, .* is gone"),
        (
            f"DROP TRIGGER evenhand_ledger_no_update; {WEAKER}",
            "trigger evenhand_ledger_no_update, .* was altered",
        ),
        (("UNIQUE (hash)", "CHECK (1)"), "column hash may hold a value twice"),
        (("PRIMARY KEY (sequence)", "CHECK (1)"), "column sequence may hold a value twice"),
    ],
    ids=["trigger-gone", "replace-gone", "trigger-altered", "unique", "primary-key"],
)
def test_a_guard_of_the_table_that_is_gone_is_named_with_how_to_put_it_back(
    place: Path, own: Path, damage: str | tuple[str, str], said: str
) -> None:
    promote(new_model(place), "1")
    assert unguarded() == []
    if isinstance(damage, tuple):
        rebuilt(own, *damage)
    else:
        with sqlite3.connect(own) as connection:
            connection.executescript(damage)
    [found] = unguarded()
    assert re.match(said, found)
    with sqlite3.connect(own) as connection:
        connection.executescript(found.partition("put it back: ")[2])
    assert unguarded() == []


@pytest.mark.parametrize(
    ("new", "said"),
    [("body TEXT", "column body may be empty"), ("body BLOB NOT NULL", "column body holds BLOB and was made as TEXT")],
)
def test_a_column_that_takes_more_than_it_did_is_named(place: Path, own: Path, new: str, said: str) -> None:
    promote(new_model(place), "1")
    rebuilt(own, "body TEXT NOT NULL", new)
    [found] = unguarded()
    assert found.startswith(said)
    assert "restore the ledger from a backup" in found


def test_where_a_guard_is_gone_nothing_is_repaired(place: Path, own: Path) -> None:
    model = new_model(place)
    promote(model, "1")
    spoil(own, "DELETE FROM evenhand_ledger WHERE kind = 'done'")
    MlflowClient().delete_model_version_tag(model, "1", registry.STAMP)
    registry.move_alias(model, kept.CHAMPION, None)
    assert len(unguarded()) == 2
    assert alias(model) is None


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE evenhand_ledger RENAME COLUMN kind TO sort", r"a column sort in the place of kind: .* RENAME"),
        ("ALTER TABLE evenhand_ledger DROP COLUMN body", r"has no column body any more: restore the ledger"),
        ("DROP TABLE evenhand_ledger", r"has no table evenhand_ledger any more: restore the ledger"),
    ],
    ids=["renamed", "dropped", "no-table"],
)
def test_a_table_without_its_columns_is_told_as_that(own: Path, statement: str, said: str) -> None:
    """It answers: what is wrong is its state, and waiting for a server would mend nothing."""
    kept.append("look", "any", {"look": 1})
    with sqlite3.connect(own) as connection:
        connection.execute(statement)
    for ask in (kept.records, kept.head, kept.faults, lambda: kept.append("look", "any", {"look": 2})):
        with pytest.raises(LedgerError, match=rf"the ledger at .*own\.db was altered: .*{said}") as caught:
            ask()
        assert caught.value.exit_code == 2


def test_a_column_more_is_told_where_no_record_could_fill_it(own: Path) -> None:
    kept.head()
    with sqlite3.connect(own) as connection:
        connection.execute("ALTER TABLE evenhand_ledger ADD COLUMN extra TEXT")
    assert kept.records() == []
    with sqlite3.connect(own) as connection:
        connection.execute("ALTER TABLE evenhand_ledger DROP COLUMN extra")
    rebuilt(own, "body TEXT NOT NULL", "body TEXT NOT NULL, extra TEXT NOT NULL")
    with pytest.raises(LedgerError, match="has a column more, extra, which no record fills"):
        kept.append("look", "any", {"look": 2})


def test_a_ledger_that_does_not_answer_is_one_clear_error(monkeypatch) -> None:
    monkeypatch.setenv("EVENHAND_LEDGER", "postgresql://evenhand:secret@127.0.0.1:1/none")
    with pytest.raises(ServiceError, match="the ledger does not answer") as caught:
        kept.records()
    assert "secret" not in str(caught.value)


def look_at(model: str, seen: str, **gate: object) -> kept.Look:
    config = {"data": {"source": {}, "target": "y"}, "gate": gate}
    return kept.take_look(model, config, rows="any", seen=seen, policies=[], by={"audit": "1"})


def test_versions_that_share_the_error_differently_spend_no_more_than_all_of_it(place: Path) -> None:
    """One planned look took all of alpha, and the audits of another version went on at shares of their own."""
    model = new_model(place)
    assert look_at(model, "a", looks="planned", planned_looks=1).share == 1
    for seen in "bc":
        assert look_at(model, seen).share == look_at(model, seen, looks="planned", planned_looks=9).share == 0
    other = new_model(place)
    shares = [look_at(other, str(k), looks="planned", planned_looks=k).share for k in range(1, 20)]
    assert shares == [1.0] + [0.0] * 18, "a plan that grows by one with each look"
    third = new_model(place)
    assert [look_at(third, "a").share, look_at(third, "b", looks="planned", planned_looks=2).share] == [0.5, 0.5]
    assert look_at(third, "c") == (3, 0.0, False)
    assert [each.body["share"] for each in kept.records(third)] == [0.5, 0.5, 0.0]


def test_the_same_look_again_spends_no_more_than_it_was_given(place: Path) -> None:
    model = new_model(place)
    for gate in ({}, {"looks": "planned", "planned_looks": 1}):
        assert look_at(model, "a", **gate).share == 0.5
    assert look_at(model, "a", looks="planned", planned_looks=52).share == 1 / 52
    assert len(kept.records(model)) == 1


@pytest.mark.parametrize("registered", [True, False], ids=["versions", "no-version-yet"])
def test_looks_that_were_cut_off_are_found_and_their_error_does_not_come_back(
    place: Path, own: Path, registered: bool
) -> None:
    """Only versions were stamped, and only by decisions: what audits and killed runs had spent was there again."""
    decided("older", "hold", "1")
    model = new_model(place) if registered else f"unborn-{next(_names)}"
    assert [look_at(model, seen).number for seen in "abc"] == [1, 2, 3]
    assert mine(model) == []
    spoil(own, "DELETE FROM evenhand_ledger WHERE sequence > 3")
    for _ in range(2):
        assert mine(model) == ["truncated"]
        with pytest.raises(LedgerError, match=rf"the tag of {model} names record .* was cut"):
            look_at(model, "d")
    spoil(own, "DELETE FROM evenhand_ledger")
    assert "truncated" in mine(model), "also when no record is left"


def test_a_look_that_was_killed_before_its_stamp_has_that_of_the_next(
    place: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = new_model(place)

    def silent(*_: object, **__: object) -> None:
        raise ServiceError("MLflow does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(champion, "mark_model", silent)
        assert look_at(model, "a").share == 0.5
    assert registry.look_stamps(model) == []
    look_at(model, "a")  # the same look again
    [stamp] = registry.look_stamps(model)
    assert (stamp.hash, stamp.ledger) == (kept.records(model)[-1].hash, kept.identity())


def test_looks_with_a_ledger_of_one_s_own_are_no_fault_of_another(
    place: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = new_model(place)
    look_at(model, "a")
    before = registry.look_stamps(model)
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{own.parent / 'notebook.db'}")
    assert look_at(model, "b").number == 1
    assert mine(model) == []
    promote(model, "1")
    assert set(before) < set(registry.look_stamps(model)), "each ledger has a stamp of its own"


def test_a_retrain_that_looked_in_another_ledger_is_named_also_without_a_version(
    place: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its look, it left no version, and in another home the error of that test set was there again."""
    model = f"unborn-{next(_names)}"
    config = {"data": {"source": {}, "target": "y"}}

    def retrain(seen: str) -> kept.Look:
        return kept.take_look(model, config, rows="test", seen=seen, policies=[], by={"run": seen})

    retrain("a")
    first = kept.identity()
    assert kept.looked_elsewhere(model, first) == ""
    assert mine(model) == []
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{own.parent / 'second-home.db'}")
    retrain("b")
    assert f"a retrain of {model} looked at its test set in another ledger" in kept.looked_elsewhere(
        model, kept.identity()
    )
    assert mine(model) == ["another ledger"]
    assert kept.another_ledger(model, kept.identity()) == "", "nothing was decided there"
    look_at(model, "c")  # an audit keeps the mark that a retrain looked
    assert {stamp.ledger for stamp in registry.retrain_stamps(model)} == {first, kept.identity()}


def test_of_looks_at_once_the_stamp_is_the_newest(place: Path, own: Path) -> None:
    model = new_model(place)
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda place: look_at(model, str(place)).number, range(12)))
    assert sorted(numbers) == list(range(1, 13))
    assert [stamp.hash for stamp in registry.look_stamps(model)] == [kept.records(model)[-1].hash]


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it runs."""


DEATHS = ["no", "before", "behind", "undone", "done"]


class Histories(RuleBasedStateMachine):
    """Decisions, answers, rollbacks, moves by hand, and kills at every point of a move, in any order."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.model = new_model(self.folder)
        self.allowed: set[str] = set()
        self.killed: list[tuple[str, Record, str | None]] = []

    def _attempt(self, version: str, record: Record, expected: str | None, dies: str) -> None:
        """Move the champion, and die before the intent, before or behind the alias, or around the last record."""
        if dies == "ordered":
            self.killed.append((version, record, expected))
            return
        real = champion.move_alias

        def killing(model: str, name: str, number: str | None) -> None:
            if dies == "before":
                raise KilledError
            real(model, name, number)
            if dies == "behind":
                raise KilledError

        append = champion.append

        def last(kind: Kind, *record: Any) -> Record:
            if kind == "done" and dies == "undone":
                raise KilledError
            made = append(kind, *record)
            if kind == "done" and dies == "done":
                raise KilledError
            return made

        champion.move_alias, champion.append = killing, last
        try:
            kept.move_champion(self.model, version, record, expected=expected)
        except (KilledError, LedgerError):
            pass
        finally:
            champion.move_alias, champion.append = real, append

    @rule(version=st.integers(1, VERSIONS).map(str), dies=st.sampled_from(DEATHS))
    def promote(self, version: str, dies: str) -> None:
        record = decided(self.model, "promote", version)
        self.allowed.add(version)
        self._attempt(version, record, record.body["champion"], dies)

    @rule(version=st.integers(1, VERSIONS).map(str), outcome=st.sampled_from(["hold", "block"]))
    def refuse(self, version: str, outcome: str) -> None:
        decided(self.model, outcome, version)

    @rule(dies=st.sampled_from(["ordered", *DEATHS]))
    def approve(self, dies: str) -> None:
        holds = [hold for hold in standing(kept.records(self.model), self.model).holds if hold.state == "open"]
        if holds:
            decision = holds[-1].decision
            version = decision.body["version"]
            body = {"decision": decision.hash, "version": version, "by": "ann", "reason": "looked at"}
            record = kept.append("approval", self.model, body)
            self.allowed.add(version)
            self._attempt(version, record, decision.body["champion"], dies)

    @rule(version=st.integers(1, VERSIONS).map(str), newer=st.sampled_from(["hold", "block", "promote"]))
    def approve_and_decide_anew_before_the_move(self, version: str, newer: str) -> None:
        decided(self.model, "hold", version)
        self.approve("ordered")
        decided(self.model, newer, version)

    @rule(dies=st.sampled_from(DEATHS))
    def same_answers_again(self, dies: str) -> None:
        orders, self.killed = self.killed, []
        for order in orders:
            self._attempt(*order, dies)

    @rule(dies=st.sampled_from(DEATHS))
    def roll_back(self, dies: str) -> None:
        found = kept.where_stands(self.model)
        if found.champion is not None and found.previous is not None:
            before, to = found.champion.version, found.previous.version
            record = kept.append("rollback", self.model, {"from": before, "to": to, "by": "ann", "reason": "why"})
            self._attempt(to, record, before, dies)

    @rule(version=st.integers(1, VERSIONS).map(str))
    def by_hand(self, version: str) -> None:
        kept.where_stands(self.model)
        registry.move_alias(self.model, kept.CHAMPION, version)
        kept.settle(self.model)

    @invariant()
    def whoever_reads_finds_one_champion_with_its_record(self) -> None:
        if not hasattr(self, "model"):
            return
        live = kept.live_version(self.model)
        assert live == alias(self.model)
        assert live is None or live in self.allowed
        found = standing(kept.records(self.model), self.model)
        assert found.pending is None
        assert (found.champion is None) == (live is None)
        if found.champion is not None:
            carried = registry.find_version(self.model, found.champion.version).tags[registry.STAMP]
            [newest] = [each for each in kept.records(self.model) if each.hash == carried]
            assert newest.sequence >= found.champion.intent.sequence, "a cut of its move would not show"

    @invariant()
    def no_approval_moves_over_what_is_newer(self) -> None:
        mine = kept.records(self.model) if hasattr(self, "model") else []
        for intent in (each for each in mine if each.kind == "intent"):
            [cause] = [each for each in mine if each.hash == intent.body["because"]]
            between = {each.kind for each in mine if cause.sequence < each.sequence < intent.sequence}
            assert cause.kind != "approval" or not between & {"decision", "rollback", "intent"}

    def teardown(self) -> None:
        assert find_faults(kept.records()) == ()


@pytest.mark.timeout(300)
def test_any_history_leaves_one_champion_that_the_ledger_knows(place: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    Histories.folder = place
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


RACER = """
import os, sys
import mlflow
import tasks.ledger as kept
from tasks import registry
from evenhand.decision.ledger import LedgerError
from evenhand.decision.standing import standing
mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
model = sys.argv[1]
registry.alias_version(model, "champion")
print("ready", flush=True)
sys.stdin.readline()
for version in sys.argv[2].split(","):
    live = standing(kept.records(model), model).champion
    before = live.version if live else None
    body = {"outcome": "promote", "version": version, "champion": before, "run": "r"}
    try:
        kept.move_champion(model, version, kept.append("decision", model, body), expected=before)
    except LedgerError as error:
        assert "is live" in str(error), error
"""


def racer(model: str, versions: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RACER, model, versions],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.timeout(240)
def test_processes_that_decide_at_once_and_are_killed_leave_a_whole_ledger(place: Path) -> None:
    model = new_model(place)
    draw = random.Random(7)
    for _ in range(2):
        with racer(model, "1,2,3,4,1,2") as dies, racer(model, "4,3,2,1,4,3") as lives:
            for child in (dies, lives):
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
            for child in (dies, lives):
                assert child.stdin is not None
                child.stdin.write("go\n")
                child.stdin.flush()
            time.sleep(draw.uniform(0.05, 0.6))
            dies.send_signal(signal.SIGKILL)
            lives.communicate()
        assert lives.returncode == 0
        live = kept.live_version(model)
        assert live is not None
        assert live == alias(model)
        stamps = registry.ledger_stamps(model)
        assert stamps
        assert find_faults(kept.records(), stamps) == ()
