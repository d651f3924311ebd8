"""What the commands of people's decisions say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

import tasks.answer
from deployments import cli_decide
from evenhand.exceptions import ConfigError


@pytest.mark.parametrize(("kind", "said"), [("approve", "approved by ann"), ("reject", "rejected by ann")])
def test_an_answer_is_told_in_words(
    kind: Literal["approve", "reject"], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = SimpleNamespace(decision=SimpleNamespace(model="loans", body={"run_id": "r"}))
    record = SimpleNamespace(sequence=3, body={"by": "ann"})
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setattr(tasks.answer, "find_hold", lambda _: hold)
    monkeypatch.setattr(tasks.answer, "held_version", lambda _: "2")
    monkeypatch.setattr(tasks.answer, "answer_hold", lambda *_: record)
    monkeypatch.setattr(cli_decide, "_addresses", lambda: None)
    lines: list[str] = []
    monkeypatch.setattr(cli_decide, "_say", lines.append)
    cli_decide.answer(kind, None, reason="looked at", by="ann", key=None)
    assert f": {said} (unverified), record 3" in lines[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", "2026-03-01T23:59:59.999999+00:00"),
        ("20260301", "2026-03-01T23:59:59.999999+00:00"),
        ("2026-W09-7", "2026-03-01T23:59:59.999999+00:00"),
        ("2026-03-01T12:00", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01T12:00+02:00", "2026-03-01T12:00:00+02:00"),
    ],
)
def test_a_day_means_its_end_however_it_is_written(text: str, moment: str) -> None:
    assert cli_decide._moment(text).isoformat() == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "12:00"])
def test_what_is_no_moment_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is no moment: write 2026-03-01"):
        cli_decide._moment(text)
