"""What the terminal says of a look."""

from typing import Any

import pytest

from deployments.cli_monitor import print_look
from evenhand.monitoring import Look, latency
from evenhand.monitoring.signals import Signal


def test_a_look_says_by_what_a_policy_was_judged_and_how_long_answers_took(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    policy: dict[str, Any] = {"policy": "own", "verdict": "PASS", "reason": "all rules pass", "rules": ()}
    look = Look(
        number=2, at="2026-01-05T03:00:00+00:00", model="loans", version="1", data="d", rows=300, counted=True,
        policies=tuple({**policy, "evidence": each, "n": 300} for each in ("decisions", "outcomes")),
        latency=tuple(each.to_dict() for each in latency([number / 1000 for number in range(1, 1001)])),
    )  # fmt: skip
    print_look({**look.to_dict(), "folder": "0002"})
    said = capsys.readouterr().out
    assert "PASS  own, by decisions: all rules pass" in said
    assert "PASS  own, by outcomes: all rules pass" in said
    assert "latency of 1,000 answers: 50% within 500.0 ms, 90% within 900.0 ms, 95% within 950.0 ms, 99%" in said


def signal(kind: str, name: str, effect: float | None, **more: Any) -> dict[str, Any]:
    return Signal(kind, name, 0.5, effect, 0.02, more.pop("n", 600), **more).to_dict()


def test_performance_stands_on_the_screen_whether_it_has_changed_or_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calm figure has the smallest effect, so it never is among the largest changes."""
    monkeypatch.setenv("COLUMNS", "200")
    drifts = tuple(signal("feature", f"x{at}", 0.01 * at) for at in range(30))
    accuracy = signal("performance", "accuracy", -0.02, value=0.785, low=0.75, high=0.816, before=0.761, now=0.785)
    area = signal("performance", "roc_auc", None, n=100, reason="there is one class")
    look = Look(
        number=2, at="2026-01-05T03:00:00+00:00", model="loans", version="1", data="d", rows=300, counted=True,
        labelled=600, signals=(*drifts, accuracy, area),
    )  # fmt: skip
    print_look({**look.to_dict(), "folder": "0002"})
    said = capsys.readouterr().out
    assert "accuracy 0.785 [0.750, 0.816] of 600 outcomes, 0.761 at registration\n" in said
    assert "roc_auc of 100 outcomes: undefined, there is one class\n" in said
    few = {**accuracy, "n": 100, "reason": "100 rows are fewer than 200"}
    print_look({**look.to_dict(), "signals": [few], "folder": "0002"})
    assert (
        "of 100 outcomes, 0.761 at registration; not compared: 100 rows are fewer than 200" in capsys.readouterr().out
    )
