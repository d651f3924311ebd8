"""What a year of looks may err, when an alarm is sent on, and what of a look stands on its page."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.config import MonitorConfig
from evenhand.fairness.policies import load_policy
from evenhand.monitoring import Look, events_of, level_of, spread
from evenhand.monitoring.charts import draw_charts
from evenhand.monitoring.looks import DRIFT, FAIRNESS, SCHEMA
from evenhand.monitoring.page import headline, render_html, render_markdown

START = datetime(2026, 1, 5, tzinfo=UTC)


def look(day: int, *, counted: bool = True, **rest: object) -> Look:
    at = (START + timedelta(days=day)).isoformat()
    return Look(number=day + 1, at=at, model="loans", version="1", data=str(day), rows=300, counted=counted, **rest)


@given(st.lists(st.integers(0, 1200), max_size=120), st.integers(1, 60))
def test_the_levels_of_any_year_add_up_to_the_stated_rate(days: list[int], looks: int) -> None:
    past: list[Look] = []
    spent: list[tuple[int, float]] = []
    for day in sorted(days):
        level = level_of(0.05, looks, past, START + timedelta(days=day))
        past.append(look(day, counted=level.alpha is not None))
        spent.append((day, level.alpha or 0.0))
        assert (level.alpha is None) == bool(level.reason)
    for start, _ in spent:
        assert sum(alpha for day, alpha in spent if start <= day < start + 365) <= 0.05 + 1e-12


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 60), st.sampled_from([0.02, 0.05])), max_size=80))
def test_whatever_was_planned_when_the_levels_of_any_year_add_up_to_the_rate(
    plans: list[tuple[int, int, float]],
) -> None:
    past: list[Look] = []
    shares: list[tuple[int, float]] = []
    for day, looks, rate in sorted(plans):
        level = level_of(rate, looks, past, START + timedelta(days=day))
        year = [look.alpha or 0.0 for look in past if START + timedelta(days=day) - look.when < timedelta(days=365)]
        assert level.alpha is None or level.alpha + sum(year) <= rate + 1e-9
        assert (level.alpha or 0.0) <= rate / looks
        past.append(look(day, counted=level.alpha is not None, alpha=level.alpha, share=level.share))
        shares.append((day, level.share))
    for start, _ in shares:  # what policies are judged at
        assert sum(share for day, share in shares if start <= day < start + 365) <= 1 + 1e-9


def test_a_plan_that_changes_in_the_year_does_not_double_its_rate() -> None:
    """One look with all of it, and 52 a year after that: together they erred with 0.099."""
    first = level_of(0.05, 1, [], START)
    past = [look(0, alpha=first.alpha, share=first.share)]
    level = level_of(0.05, 52, past, START + timedelta(days=7))
    assert (first.alpha, level.alpha, level.share) == (0.05, None, 0.0)
    assert "spent all" in level.reason
    half = [look(0, alpha=0.025, share=0.5), look(3, alpha=0.024, share=0.48)]
    left = level_of(0.05, 10, half, START + timedelta(days=7))
    assert (left.alpha, left.share) == (pytest.approx(0.001), pytest.approx(0.02))


def test_what_looks_of_an_earlier_version_spent_counts() -> None:
    past = [look(day, alpha=0.001) for day in range(45)]
    assert level_of(0.05, 10, past, START + timedelta(days=50)).alpha == pytest.approx(0.005)
    assert level_of(0.05, 10, past[:40], START + timedelta(days=50)).alpha == 0.05 / 10


@pytest.mark.parametrize(
    ("days", "looks"),
    [(list(range(0, 1500, 7)), MonitorConfig().looks), (list(range(740)), 365)],
    ids=["weekly as by default", "daily"],
)
def test_a_scheduled_look_always_has_its_level(days: list[int], looks: int) -> None:
    """Each starts a little sooner than the one before it: what waited in a queue is no reason to skip a year's last."""
    past: list[Look] = []
    for day in days:
        at = START + timedelta(days=day, hours=20, seconds=-day)
        level = level_of(0.05, looks, past, at)
        assert level.alpha == 0.05 / looks
        past.append(replace(look(day, alpha=level.alpha, share=level.share), at=at.isoformat()))


def test_the_first_mondays_of_the_months_are_thirteen_looks_in_365_days() -> None:
    mondays = [day for day in range(0, 1500, 7) if (START + timedelta(days=day)).day <= 7]
    past: list[Look] = []
    for day in mondays:
        level = level_of(0.05, 13, past, START + timedelta(days=day))
        assert level.alpha == 0.05 / 13
        past.append(look(day, alpha=level.alpha, share=level.share))


def test_looks_that_tested_nothing_cost_nothing() -> None:
    past = [look(day, counted=False) for day in range(60)]
    assert level_of(0.05, 52, past, START + timedelta(days=61)).alpha == 0.05 / 52


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=60), st.integers(0, 30))
def test_no_two_alarms_are_sent_within_the_cool_down(days: list[tuple[int, bool]], cool_down: int) -> None:
    past: list[Look] = []
    for day, fails in sorted(days):
        alarms = {DRIFT: ("x moved",), **({FAIRNESS: ("policy: fails",)} if fails else {})}
        past.append(events_of(look(day, alarms=alarms), past, timedelta(days=cool_down)))
    sent = [each.when for each in past if each.events]
    assert all(after - before >= timedelta(days=cool_down) for before, after in pairwise(sent))
    if past:
        assert past[0].events


def test_a_broken_contract_is_always_sent_and_holds_nothing_back() -> None:
    first = events_of(look(0, alarms={SCHEMA: ("age: the column is missing",)}), [], timedelta(days=14))
    second = events_of(look(1, alarms={FAIRNESS: ("x",)}), [first], timedelta(days=14))
    third = events_of(look(2, alarms={DRIFT: ("x",), SCHEMA: ("again",)}), [first, second], timedelta(days=14))
    assert (first.events, second.events, third.events) == ((SCHEMA,), (FAIRNESS,), (SCHEMA,))
    assert "look 2 has sent" in third.notes[-1]


@pytest.mark.parametrize("event", [DRIFT, FAIRNESS])
def test_another_alarm_at_data_that_break_their_contract_starts_nothing_and_spends_no_cool_down(event: str) -> None:
    first = events_of(look(0, alarms={event: ("x",), SCHEMA: ("x: is empty",)}), [], timedelta(days=14))
    assert first.events == (SCHEMA,)
    assert "would refuse" in first.notes[-1]
    assert events_of(look(1, alarms={DRIFT: ("y",)}), [first], timedelta(days=14)).events == (DRIFT,)


def test_a_policy_and_each_rule_with_a_level_of_its_own_share_it_over_the_looks() -> None:
    policy = load_policy("us-four-fifths")
    own = replace(policy, rules=tuple(replace(rule, alpha=0.01) for rule in policy.rules))
    assert spread(policy, 50).alpha == policy.alpha / 50
    assert {rule.alpha for rule in spread(own, 50).rules} == {0.01 / 50}


HOSTILE = "<script>alert(1)</script>|`*"


def hostile_parts() -> Look:
    signal = {
        "kind": "feature", "name": HOSTILE, "p_value": 0.0, "adjusted": 0.0, "effect": 0.5, "limit": 0.1, "n": 300,
        "alarm": True, "value": None, "low": None, "high": None, "cell": HOSTILE, "before": 0.1, "now": 0.4,
        "reason": "",
    }  # fmt: skip
    rule = {
        "metric": "demographic_parity_ratio", "attribute": HOSTILE, "kind": "ratio", "limit": 0.8, "verdict": "FAIL",
        "value": 0.5, "low": 0.4, "high": None, "between": HOSTILE, "reason": HOSTILE,
    }  # fmt: skip
    policy = {"policy": HOSTILE, "verdict": "FAIL", "reason": HOSTILE, "rules": [rule]}
    group = {"attribute": HOSTILE, "group": HOSTILE, "n": None, "metrics": {}}
    return look(
        3, signals=(signal,), policies=(policy,), groups=(group,), schema=(HOSTILE,), notes=(HOSTILE,),
        unknown={HOSTILE: 0.1}, alarms={DRIFT: (HOSTILE,)},
    )  # fmt: skip


def test_names_from_data_are_text_on_the_page_and_in_markdown() -> None:
    found = hostile_look()
    charts = draw_charts([found], drift=0.1)
    page = render_html(found, charts, false_alarms=0.05, looks=52)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    said = render_markdown(found, charts, false_alarms=0.05, looks=52)
    assert "<script" not in said
    assert "data:image/png;base64," in said


def hostile_look() -> Look:
    return replace(hostile_parts(), model=HOSTILE)


def test_a_look_survives_json() -> None:
    found = events_of(hostile_look(), [], timedelta(days=1))
    assert Look.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_headline_says_what_matters_most() -> None:
    assert headline(look(0))[1] == "good"
    assert headline(look(0, counted=False, notes=("50 rows are fewer than 200",)))[1] == "open"
    assert headline(look(0, alarms={DRIFT: ("a moved", "b moved", "c moved", "d moved")}))[0].endswith("and 1 more.")
