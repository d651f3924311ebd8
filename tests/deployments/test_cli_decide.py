"""What the commands of people's decisions say."""

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import httpx
import pytest

import tasks.answer
import tasks.ledger
from deployments import cli_decide
from deployments.cli import run
from evenhand.decision.ledger import Kind
from evenhand.decision.standing import answer_until
from evenhand.exceptions import ConfigError
from flows import approval
from flows.outcome import Outcome
from tasks.ledger import table, take_look


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(("kind", "said"), [("approve", "approved by ann"), ("reject", "rejected by ann")])
def test_an_answer_is_told_in_words(
    kind: Literal["approve", "reject"], said: str, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = SimpleNamespace(sequence=3, body={"by": "ann", "reason": "looked at"})
    hold = SimpleNamespace(decision=SimpleNamespace(model="loans", body={"run_id": "r"}), by=record if again else None)
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setattr(tasks.answer, "find_hold", lambda _: hold)
    monkeypatch.setattr(tasks.answer, "held_version", lambda _: "2")
    monkeypatch.setattr(tasks.answer, "answer_hold", lambda *_: record)
    monkeypatch.setattr(cli_decide, "_addresses", lambda: None)
    lines: list[str] = []
    monkeypatch.setattr(cli_decide, "_say", lines.append)
    cli_decide.answer(kind, None, reason="looked at", by="ann", key=None)
    assert f": {said} (unverified), record 3" in lines[0]
    assert ("what a killed process had left is done now" in lines[0]) == again


@pytest.mark.parametrize("silent", [False, True])
def test_an_answer_from_a_shell_ends_the_run_that_waits_for_it(
    silent: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went on asking on Prefect's page, and failed there at the end of its time."""
    record = SimpleNamespace(sequence=3, body={"by": "ann", "reason": "looked at"})
    body = {"run_id": "r", "flow_run_id": "f"}
    hold = SimpleNamespace(decision=SimpleNamespace(model="loans", body=body), by=None)
    monkeypatch.setattr(tasks.answer, "find_hold", lambda _: hold)
    monkeypatch.setattr(tasks.answer, "held_version", lambda _: "2")
    monkeypatch.setattr(tasks.answer, "answer_hold", lambda *_: record)
    lines: list[str] = []
    ended: list[str] = []

    def end(model: str) -> None:
        ended.append(model)
        if silent:
            raise httpx.ConnectError("refused")

    monkeypatch.setattr(cli_decide, "_say", lines.append)
    monkeypatch.setattr(approval, "end_waits_in_vain", end)
    for address, asked in (("", []), ("http://127.0.0.1:1/api", ["loans"])):
        monkeypatch.setenv("PREFECT_API_URL", address)
        assert cli_decide.answer("approve", None, reason="looked at", by="ann", key=None) == 0
        assert ended == asked
    assert any("the run still waits on Prefect's page" in line for line in lines) == silent


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", "2026-03-01T23:59:59.999999+00:00"),
        ("20260301", "2026-03-01T23:59:59.999999+00:00"),
        ("2026-W09-7", "2026-03-01T23:59:59.999999+00:00"),
        ("2026-03-01T12:00", "2026-03-01T12:00:00.999999+00:00"),
        ("2026-03-01T12:00:31", "2026-03-01T12:00:31.999999+00:00"),
        ("2026-03-01T12:00+02:00", "2026-03-01T12:00:00.999999+02:00"),
        ("2026-03-01T12:00:31.25", "2026-03-01T12:00:31.250000+00:00"),
    ],
)
def test_a_day_and_a_second_mean_their_end_however_they_are_written(text: str, moment: str) -> None:
    assert cli_decide._moment(text).isoformat() == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "12:00"])
def test_what_is_no_moment_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is no moment: write 2026-03-01"):
        cli_decide._moment(text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A command fills in addresses of the local mode; they must not outlive the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("EVENHAND_LEDGER", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("place", "said"),
    [("", "is a folder: name the file in it"), ("nowhere/all.jsonl", "does not exist: make it, or name a file in")],
)
def test_an_export_to_no_file_is_refused(home: Path, place: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ledger", "export", str(home / place)]) == 2
    assert said in capsys.readouterr().err
    assert run(["ledger", "export", str(home / "all.jsonl")]) == 0
    assert (home / "all.jsonl").read_text() == ""


def test_a_damaged_ledger_is_neither_answered_from_nor_exported_over_what_is_whole(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "stamps_of", lambda _: [])
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{home / 'ledger.db'}")
    first = tasks.ledger.append("decision", "loans", {"outcome": "promote", "version": "1", "reasons": ["better"]})
    tasks.ledger.append("intent", "loans", {"version": "1", "because": first.hash})
    file = home / "all.jsonl"
    assert run(["ledger", "export", str(file)]) == 0
    whole = file.read_text()
    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("DROP TRIGGER evenhand_ledger_no_update")
        connection.execute("UPDATE evenhand_ledger SET body = replace(body, '\"1\"', '\"7\"') WHERE sequence = 2")
    capsys.readouterr()
    for command in (["at", "2999-01-01"], ["list"], ["export"], ["export", str(file)]):
        assert run(["ledger", *command]) == 2
        told = capsys.readouterr()
        assert "edited: record 2 of the ledger is not what was written" in told.err
        assert told.out == ""
    assert file.read_text() == whole
    assert run(["ledger", "export", str(home / "evidence.jsonl"), "--damaged"]) == 2
    told = capsys.readouterr()
    assert "damaged, written as it is: edited: record 2 " in told.err
    assert "2 records are in" in told.out
    lines = [json.loads(line) for line in (home / "evidence.jsonl").read_text().splitlines()]
    assert [line["body"].get("version") for line in lines] == ["1", "7"]
    assert lines[0] == json.loads(whole.splitlines()[0])
    assert run(["ledger", "export", "--model", "nope", "--damaged"]) == 2
    assert "no record of model 'nope'" in capsys.readouterr().err


def test_a_newest_record_that_lies_ahead_of_the_clock_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "stamps_of", lambda _: [])
    monkeypatch.setattr(tasks.ledger, "faults", lambda: ())
    real = table.seal
    ahead = datetime.now(UTC) + timedelta(days=400, minutes=9)
    monkeypatch.setattr(table, "seal", lambda *record: real(*record, now=ahead))
    tasks.ledger.append("look", "loans", {"look": 1, "audit": "1"})
    monkeypatch.setattr(table, "seal", real)
    tasks.ledger.append("look", "loans", {"look": 2, "audit": "1"})
    assert run(["ledger", "verify"]) == 0
    said = f"ahead: record 2 is dated {ahead:%Y-%m-%dT%H:%M} UTC, and the clock here is 400 days and 8 minutes behind"
    assert said in capsys.readouterr().out
    assert run(["ledger", "at", "2026-01-01"]) == 0
    told = capsys.readouterr()
    assert (said in told.err, told.out) == (True, "loans: no version was live\n")
    [first, second] = tasks.ledger.records()
    assert (second.at, second.body["clock"][:10]) == (first.at, f"{datetime.now(UTC):%Y-%m-%d}")


def test_every_kind_of_look_is_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"data": {"source": {}, "target": "y"}, "split": {}, "gate": {}}
    for by in ({"run": "0123456789"}, {"audit": "3"}):
        take_look("loans", config, rows={"of": str(by)}, seen={}, policies=[], by=by)
    assert run(["ledger", "list"]) == 0
    said = capsys.readouterr().out
    assert "at the test set, run 01234567" in said
    assert "of the model's audits, version 3" in said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3cret", "EVENHAND_LEDGER is no address of a database: write sqlite:////folder/ledger.db or postgresql://"),
        ("postgresql://eve:s3cret@db:port/name", "EVENHAND_LEDGER is no address of a database"),
        ("nosql://eve:s3cret@db/name", "a database of the kind 'nosql', for which there is no driver: write sqlite:"),
        ("oracle://eve:s3cret@db/name", "a database of the kind 'oracle', for which there is no driver"),
    ],
)
def test_an_address_of_no_ledger_is_refused_and_not_shown(
    home: Path, address: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENHAND_LEDGER", address)
    for command in (["list"], ["verify"], ["export"], ["at", "2026-01-01"]):
        assert run(["ledger", *command]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "s3cret" not in told


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        ("decision", "give the same command again, or retrain to decide anew"),
        ("approval", "give the same answer again"),
    ],
)
def test_a_move_that_never_came_is_told_and_the_ledger_is_sound(
    home: Path, kind: Kind, then: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks.ledger, "faults", lambda: ())  # those have tests of their own
    monkeypatch.setattr(table, "stamps_of", lambda _: [])
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{home / 'ledger.db'}")
    first = tasks.ledger.append("decision", "loans", {"outcome": "promote", "version": "1", "reasons": ["better"]})
    tasks.ledger.append("intent", "loans", {"version": "1", "because": first.hash})
    tasks.ledger.append(kind, "loans", {"outcome": "promote", "version": "2", "by": "ann", "reason": "looked"})
    assert run(["ledger", "verify"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("unfinished: version 2 of loans was ")
    assert f"and never moved: version 1 is live. Whoever did it was killed, or is at it now: {then}" in told
    assert "the ledger is whole: 3 records" in told
    assert "stamped:" not in told
    monkeypatch.setattr(tasks.ledger, "restamp", lambda *_: True)
    assert run(["ledger", "verify"]) == 0
    assert "stamped: version 1 of loans is live" in " ".join(capsys.readouterr().out.split())
    assert run(["ledger", "at", "2999-01-01"]) == 0
    assert "loans: version 1, since" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("after", "decision", "said"),
    [
        ([], "hold", ""),
        (["approval"], "hold", "approved by ann: why (record 2), and it has not gone live: whoever did it was killed"),
        (["approval", "intent"], "promote", "approved by ann: why"),
        (["rejection"], "block", "rejected by ann: why"),
        (["decision"], "hold", "version 2 was superseded on "),
    ],
)
def test_show_says_what_the_ledger_says_of_a_held_run(
    home: Path,
    outcome: Outcome,
    after: list[Kind],
    decision: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever answers may be killed before the run's folder says so; it said `hold` and how to answer for good."""
    monkeypatch.setattr(table, "stamps_of", lambda _: [])
    name = outcome.model_name
    first = {"outcome": "hold", "version": "2", "reasons": ["first"], "approval_hours": 24}
    held = last = tasks.ledger.append("decision", name, first)
    for kind in after:
        body = {"version": "2", "because": last.hash, "decision": held.hash, "by": "ann", "reason": "why"}
        last = tasks.ledger.append(kind, name, {**body, "outcome": "hold"})
    left = replace(outcome, decision="hold", decision_reasons=("first",), decision_record=held.hash)
    folder = home / "home" / "runs" / outcome.run_id
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps(left.to_dict()), encoding="utf-8")
    assert run(["show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["decision"] == decision
    assert told["decision_reasons"][-1] == "first"
    assert told["decision_reasons"][0].startswith(said)
    assert run(["show"]) == 0
    answerable = decision == "hold" and after != ["decision"]
    shown = capsys.readouterr().out
    assert ("evenhand approve" in shown) == answerable
    assert (f"until {answer_until(held)}; after that nobody can" in shown) == answerable


def test_show_says_what_the_folder_says_where_the_ledger_does_not_answer(
    home: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{home / 'nowhere' / 'ledger.db'}")
    left = replace(outcome, decision="hold", decision_reasons=("first",), decision_record="0" * 64)
    folder = home / "home" / "runs" / outcome.run_id
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps(left.to_dict()), encoding="utf-8")
    assert run(["show", "--json"]) == 0
    reasons = json.loads(capsys.readouterr().out)["decision_reasons"]
    assert reasons[0].startswith("whether it was answered since is not known: the ledger does not answer")
    assert reasons[1:] == ["first"]


def test_bytes_that_are_no_text_are_refused_by_the_command_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal in Latin-1 sends them; Python keeps each as half of a surrogate pair."""

    def write(*words: object, **more: object) -> int:
        "".join(map(str, [*words, *more.values()])).encode()
        return 0

    monkeypatch.setattr(cli_decide, "roll_back", write)
    assert run(["rollback", "loans", "--reason", "caf\udce9"]) == 2
    assert "an argument holds bytes that are no UTF-8" in capsys.readouterr().err
    monkeypatch.setattr(cli_decide, "roll_back", lambda *_, **__: "\udce9".encode())
    with pytest.raises(UnicodeEncodeError):  # ours, and not the argument's
        run(["rollback", "loans", "--reason", "café"])
