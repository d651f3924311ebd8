"""The screen at the end and the view of a running flow, on a terminal and in a pipe."""

import io
import re

import pytest
from rich.console import Console

from deployments.screen import console, duration, plain, print_outcome, watch
from evenhand.events import Event
from flows.outcome import Outcome, Summary

EVENTS = [
    Event("started", "ingest"),
    Event("finished", "ingest", "1,989 rows", seconds=1.23),
    Event("started", "tune"),
    *(Event("progress", "tune", f"best {n / 10}", done=n, total=8) for n in range(1, 9)),
    Event("note", "tune", "going on with the interrupted run"),
    Event("link", message="http://127.0.0.1/run"),
    Event("finished", "tune", "boosting", seconds=61),
    Event("reused", "audit", "\x1b[31m[bold]12 groups"),
]


def printed(outcome: Outcome, **options: object) -> str:
    stream = io.StringIO()
    print_outcome(outcome, Console(file=stream, highlight=False, **{"width": 120, **options}))  # type: ignore[arg-type]
    return stream.getvalue()


def test_one_screen_says_what_came_out_and_where_to_look(outcome: Outcome) -> None:
    text = printed(outcome)
    for part in (
        "loan-approval version 3, challenger",
        "histogram gradient boosting, the best of 24 trials",
        "1,193 train, 398 validation, 398 test",
        "95% interval",
        "ROC AUC",
        "0.710 to 0.840",
        "undefined",
        "no probabilities",
        "under four fifths",
        "few rows",
        "a reason to look, not a verdict",
        "action alone predicts the target",
        "Missing on the card, because only a person can say it: owners, human_oversight.",
        outcome.card_path,
        "mlflow ui --backend-store-uri sqlite:///",
        "evenhand show 01234567 --open",
        "1 min 23 s",
    ):
        assert part in text, part
    assert text.count("under four fifths") == 2  # the flag and the note on it
    assert len(text.splitlines()) <= 40
    assert not re.search(r"(?i)\b(fair|unbiased|debiased|nan|none)\b", text)


def test_nothing_in_the_data_is_obeyed(outcome: Outcome) -> None:
    for options in ({}, {"force_terminal": True}):
        text = printed(outcome, **options)
        assert "[red]hispanic[/red]\\x1b[31m" in text
        assert "hispanic\x1b[31m" not in text


def test_a_pipe_gets_no_colour(outcome: Outcome) -> None:
    assert "\x1b" not in printed(outcome)
    assert "\x1b[" in printed(outcome, force_terminal=True)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_width_shows_every_figure_and_commands_in_one_piece(outcome: Outcome, width: int) -> None:
    text = printed(outcome, width=width)
    assert "0.611" in text
    assert outcome.card_path in text
    assert f"mlflow ui --backend-store-uri {outcome.run_url.partition('#')[0]}\n" in text


def test_a_command_can_be_copied_whatever_the_folder_is_called(outcome: Outcome) -> None:
    from dataclasses import replace

    text = printed(replace(outcome, run_url="sqlite:////data/50% of #1/mlflow.db#0123"))
    assert "mlflow ui --backend-store-uri 'sqlite:////data/50% of #1/mlflow.db'\n" in text


def test_a_run_with_little_to_say(outcome: Outcome) -> None:
    from dataclasses import replace

    bare = replace(outcome, summary=Summary("logistic regression"), run_url="https://mlflow/x", decision="hold")
    text = printed(bare)
    assert "decision: hold" in text
    assert "https://mlflow/x" in text
    assert "mlflow ui" not in text
    assert "Read this first" not in text


def test_how_the_model_was_chosen_is_said_and_older_runs_have_the_number_of_trials(outcome: Outcome) -> None:
    from dataclasses import replace

    nearest = "of 6 trials the nearest to a limit that none keeps, demographic parity ratio at least 0.9"
    limited = replace(outcome, summary=replace(outcome.summary, choice=nearest))
    assert f"histogram gradient boosting, {nearest}\n" in printed(limited, width=140)
    assert "the best of" not in printed(limited)
    older = outcome.to_dict()
    del older["summary"]["choice"]
    assert "histogram gradient boosting, the best of 24 trials" in printed(Outcome.from_dict(older))


def lines(*, verbose: bool) -> list[str]:
    stream = io.StringIO()
    with watch(Console(file=stream, width=120), verbose=verbose) as tell:
        for event in EVENTS:
            tell(event)
    return stream.getvalue().splitlines()


def test_a_pipe_gets_a_line_for_each_step_and_quarter() -> None:
    assert lines(verbose=False) == [
        "ingest: 1,989 rows (1.2 s)",
        "tune: 2 of 8, best 0.2",
        "tune: 4 of 8, best 0.4",
        "tune: 6 of 8, best 0.6",
        "tune: going on with the interrupted run",
        "http://127.0.0.1/run",
        "tune: boosting (1 min 1 s)",
        "audit: \\x1b[31m[bold]12 groups (kept from before)",
    ]


def test_verbose_says_all() -> None:
    said = lines(verbose=True)
    assert "ingest ..." in said
    assert sum(line.startswith("tune: ") and " of 8" in line for line in said) == 8


@pytest.mark.parametrize("verbose", [False, True])
def test_a_terminal_gets_ticks_and_keeps_finished_steps(verbose: bool) -> None:
    stream = io.StringIO()
    out = Console(file=stream, width=100, force_terminal=True, color_system=None)
    with watch(out, verbose=verbose) as tell:
        for event in EVENTS:
            tell(event)
    text = stream.getvalue()
    assert re.search(r"ingest\s+1\.2 s\s+1,989 rows", text)
    assert re.search(r"audit\s+kept from before\s+\\x1b\[31m\[bold\]12 groups", text)
    assert "going on with the interrupted run" in text


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    with watch(Console(file=stream, width=80, force_terminal=True, color_system=None)) as tell:
        for event in EVENTS:
            tell(event)
    stream.flush()
    assert b"* ingest" in raw.getvalue()


def test_the_console_of_a_pipe_is_wide_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert not console().is_terminal
    assert console().width == 120


@pytest.mark.parametrize(("value", "shown"), [("a\u202eb", "a\\u202eb"), ("é🙂", "é🙂"), ("\x07", "\\x07")])
def test_plain_text(value: str, shown: str) -> None:
    assert plain(value) == shown


def test_durations() -> None:
    assert [duration(seconds) for seconds in (0, 59.94, 60, 3599, 3600, 90_061)] == [
        "0.0 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 1 min",
    ]  # fmt: skip


def test_an_outcome_survives_json(outcome: Outcome) -> None:
    import json

    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
