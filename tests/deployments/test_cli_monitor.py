"""What the terminal says of a look."""

from dataclasses import replace
from typing import Any

import pytest

from deployments.cli_monitor import print_look
from evenhand.monitoring import Look, latency


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
    look = replace(
        look,
        labelled=600,
        metrics={
            "accuracy": {"value": 0.785, "low": 0.75, "high": 0.817, "before": 0.79},
            "roc_auc": {"value": 0.842, "low": None, "high": None, "before": None},
        },
    )
    print_look({**look.to_dict(), "folder": "0002"})
    said = capsys.readouterr().out
    assert "performance by 600 outcomes: accuracy 0.785 (0.750 to 0.817), 0.790 before; roc auc 0.842\n" in said
    assert "PASS  own, by decisions: all rules pass" in said
    assert "PASS  own, by outcomes: all rules pass" in said
    assert "latency of 1,000 answers: 50% within 500.0 ms, 90% within 900.0 ms, 95% within 950.0 ms, 99%" in said
