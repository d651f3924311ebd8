"""What somebody who has to answer on Prefect's page reads there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evenhand.decision.ledger import seal
from evenhand.decision.standing import Hold, seconds_left
from flows import approval

MADE = datetime(2026, 1, 5, 8, 30, 40, tzinfo=UTC)


def held(**body: Any) -> Hold:
    about = {"outcome": "hold", "version": "2", "reasons": ["it is the first"], "approval_hours": 168, **body}
    return Hold(seal(None, "decision", "loans", about, now=MADE), "open")


def test_the_question_names_its_time_limit() -> None:
    """Nobody who had to answer was told until when, on any page or screen."""
    asked = approval._question(held(), "")
    assert "Answer until **2026-01-12 08:30 UTC**: after that nobody can" in asked
    assert "Answer until" not in approval._question(held(approval_hours=None), "")


@pytest.mark.parametrize("only_signed", [True, False])
def test_the_form_says_where_only_a_signed_approval_counts(only_signed: bool) -> None:
    """The form called the signature optional, took an approval without one, and it came back after a worker's start."""
    hold = held(approver_is_not_trainer=only_signed)
    assert ("Only a signed approval counts" in approval._question(hold, "")) == only_signed
    form = approval._form(hold).with_initial_data(description="").model_json_schema()
    shown = form["properties"]["signature"]
    assert ("needed to approve" in shown["title"]) == ("is refused" in shown["description"]) == only_signed
    assert ("Optional" in shown["description"]) == (not only_signed)
    assert ("unverified" in form["properties"]["name"]["description"]) == (not only_signed)
    assert "signature" not in form["required"], "a rejection needs none"


def test_a_run_waits_no_longer_than_its_answer_counts() -> None:
    """An answer that was not taken began the whole time anew."""
    decision = held().decision
    assert seconds_left(decision, now=MADE + timedelta(hours=167)) == 3600
    assert seconds_left(decision, now=MADE + timedelta(days=9)) == 1
