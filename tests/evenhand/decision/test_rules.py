"""The gate fails closed: whatever the evidence, nothing that is missing or broken promotes."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.decision import floors, rules
from evenhand.decision.comparison import Comparison, GroupChange
from evenhand.decision.decide import decide
from evenhand.decision.paired import Paired
from evenhand.decision.rules import RuleResult
from evenhand.fairness import BiasDetector

STATUSES = ["PASS", "FAIL", "INCONCLUSIVE", "MISSING", "HOLD", "NOT APPLICABLE"]
RESULTS = st.lists(st.sampled_from(STATUSES).map(lambda s: RuleResult("r", "s", s, "because")), max_size=6)


@given(
    RESULTS, st.booleans(), st.booleans(), st.sampled_from(["block", "hold"]),
    st.sampled_from(["hold", "block", "promote"]),
)  # fmt: skip
def test_nothing_promotes_without_evidence(results, first, may, fail, inconclusive) -> None:
    found = decide(results, first=first, first_may_promote=may, fail=fail, inconclusive=inconclusive)
    said = {result.status for result in results}
    if found.outcome == "promote":
        assert not said & {"FAIL", "MISSING", "HOLD"}
        assert "PASS" in said
        assert may or not first
        assert inconclusive == "promote" or "INCONCLUSIVE" not in said
    if fail == "block" and "FAIL" in said:
        assert found.outcome == "block"
    assert found.reasons


@given(RESULTS, st.sampled_from(["FAIL", "MISSING", "HOLD", "INCONCLUSIVE"]))
def test_more_bad_news_never_helps(results, status) -> None:
    order = ["block", "hold", "promote"]
    before = decide(results, first=False).outcome
    after = decide([*results, RuleResult("r", "s", status, "because")], first=False).outcome
    assert order.index(after) <= order.index(before) or after != "promote"


@pytest.mark.parametrize(
    ("figure", "floor", "status"),
    [
        ({"value": 0.8, "low": 0.76, "high": 0.84}, 0.75, "PASS"),
        ({"value": 0.8, "low": 0.76, "high": 0.84}, 0.78, "INCONCLUSIVE"),
        ({"value": 0.8, "low": 0.76, "high": 0.84}, 0.9, "FAIL"),
        ({"value": None, "reason": "one class"}, 0.5, "MISSING"),
    ],
)
def test_a_floor_is_judged_by_the_interval(figure: dict, floor: float, status: str) -> None:
    (found,) = floors.about_floors({"accuracy": floor}, {"accuracy": figure})
    assert found.status == status


def test_a_loss_has_a_ceiling() -> None:
    figure = {"log_loss": {"value": 0.3, "low": 0.25, "high": 0.35}}
    assert next(iter(floors.about_floors({"log_loss": 0.4}, figure))).status == "PASS"
    assert next(iter(floors.about_floors({"log_loss": 0.2}, figure))).status == "FAIL"


def test_a_figure_that_nobody_computed_is_missing() -> None:
    (found,) = floors.about_floors({"acuracy": 0.5}, {})
    assert found.status == "MISSING"
    assert "acuracy" in found.reason


def comparison(low: float, high: float, *, n: int = 500, groups: tuple[GroupChange, ...] = ()) -> Comparison:
    return Comparison("accuracy", Paired((low + high) / 2, low, high, n), groups, n, 0, 0.05)


@pytest.mark.parametrize(
    ("low", "high", "n", "status"),
    [
        (-0.01, 0.05, 500, "PASS"), (-0.03, 0.05, 500, "INCONCLUSIVE"), (-0.2, -0.05, 500, "FAIL"),
        (-0.01, 0.05, 50, "MISSING"),
    ],
)  # fmt: skip
def test_non_inferiority(low: float, high: float, n: int, status: str) -> None:
    assert rules.about_comparison(comparison(low, high, n=n), margin=0.02, minimum_rows=100).status == status


def change(low: float, high: float, aside: str = "") -> GroupChange:
    return GroupChange("race", "black", "selection_rate", Paired((low + high) / 2, low, high, 100), aside)


@pytest.mark.parametrize(
    ("groups", "status"),
    [
        ((change(-0.05, 0.1),), "PASS"),
        ((change(-0.05, 0.1), change(-0.3, 0.1)), "INCONCLUSIVE"),
        ((change(-0.05, 0.1), change(-0.5, -0.2)), "FAIL"),
        ((change(-0.5, -0.2, "3 rows are fewer than 20"),), "MISSING"),
        ((), "MISSING"),
    ],
)
def test_no_group_is_worse_off(groups: tuple, status: str) -> None:
    found = rules.about_groups(comparison(0, 0.1, groups=groups), loss=0.1, minimum_rows=100)
    assert found.status == status


def test_an_exhausted_budget_is_inconclusive() -> None:
    judged = [
        {
            "policy": {"name": "p"},
            "rules": [{"metric": "m", "attribute": "a", "verdict": "PASS", "reason": "", "alpha": 0.05}],
        }
    ]
    found = list(rules.about_policies(judged, look=53, share=0.0))
    found += rules.about_looks(found, look=53, share=0.0)
    assert [r.status for r in found] == ["INCONCLUSIVE", "HOLD"]
    assert decide(found, first=False, inconclusive="promote").outcome == "hold", (
        "looks beyond the planned ones are free"
    )
    assert [r.status for r in rules.about_policies(judged, look=1, share=0.5)] == ["PASS"]


POLICY = """
name: own
title: A limit
description: Wide.
source: This test
jurisdiction: none
effective: 2026-01-01
rules:
  - {metric: equal_opportunity_difference, limit: 0.3}
"""


@pytest.mark.parametrize(
    ("groups", "outcomes", "decisions"),
    [
        (["f"] * 40, [0, 1] * 20, [0, 1] * 20),  # one group: nothing to compare
        (["f", "m"] * 20, [0, 0, 1, 0] * 10, [1, 0, 0, 1] * 10),  # nobody of one group has a favorable outcome
        (["f", "m"] * 20, [0] * 40, [0, 1] * 20),  # nor of any
        (
            ["f", "m"] * 190 + ["x"] * 20,
            [1] * 380 + [0] * 20,
            [1, 1, 0, 0] * 95 + [1] * 20,
        ),  # nor of a third, alike else
    ],
)
def test_an_undefined_rate_is_missing_and_never_promotes(
    groups: list, outcomes: list, decisions: list, tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(POLICY)
    frame = pd.DataFrame({"sex": groups})
    detector = BiasDetector.from_predictions(outcomes, decisions, sensitive_features=frame, favorable_label=1)
    judged = [each.to_dict() for each in detector.judge(policies=[str(tmp_path / "own.yaml")])]
    found = list(rules.about_policies(judged, look=1, share=1.0))
    assert [result.status for result in found] == ["MISSING"]
    kept = RuleResult("floor", "accuracy", "PASS", "high enough")
    assert decide([kept, *found], first=False, inconclusive="promote").outcome == "hold"


def test_an_undefined_group_is_missing_before_others_are_open() -> None:
    unknown = GroupChange(
        "sex", "x", "selection_rate", Paired(float("nan"), float("nan"), float("nan"), 40, "nobody is positive")
    )
    found = rules.about_groups(comparison(0, 0.1, groups=(unknown, change(-0.2, 0.1))), loss=0.1, minimum_rows=100)
    assert (found.status, "nobody is positive" in found.reason) == ("MISSING", True)


def test_a_filled_card_alone_speaks_for_no_model_and_open_rules_are_not_called_kept() -> None:
    card, open_ = rules.about_card([]), RuleResult("floor", "accuracy", "INCONCLUSIVE", "neither")
    assert decide([card, open_], first=False, inconclusive="promote").outcome == "hold"
    kept = RuleResult("floor", "f1", "PASS", "high enough")
    found = decide([card, kept, open_], first=False, inconclusive="promote")
    assert found.outcome == "promote"
    assert found.reasons[0] == "2 of 3 rules are kept, and `gate.inconclusive: promote` lets the others pass"


def test_a_verdict_on_few_people_is_told_without_its_figure() -> None:
    rule = {"metric": "m_ratio", "attribute": "race", "verdict": "FAIL", "reason": "x", "alpha": 0.05, "limit": 0.8}
    rule |= {"value": 0.278, "low": 0.1, "high": 0.6, "pair": ["c", "a"]}
    judged = [{"policy": {"name": "p"}, "rules": [rule]}]
    for few, hidden in (({"race": {"c"}}, True), ({"sex": {"c"}}, False), ({"race": {"b"}}, False)):
        (found,) = rules.about_policies(judged, look=1, share=1.0, few=few)
        assert found.status == "FAIL"
        assert ("0.278" not in found.reason) is hidden
        assert ("rests on c" in found.reason) is hidden
        assert found.figures.get("value") == (None if hidden else 0.278)


def test_robustness_is_judged_in_the_worst_group() -> None:
    good, bad = {"value": 0.95, "low": 0.93, "high": 0.97}, {"value": 0.5, "low": 0.4, "high": 0.6}
    figures = {"noise_agreement": {**good, "groups": {"sex": {"f": bad, "m": good}}}}
    (found,) = floors.about_robustness({"noise_agreement": 0.9}, figures)
    assert found.status == "FAIL"
    assert "sex f" in found.reason
    (found,) = floors.about_robustness({"flip": 0.9}, figures)
    assert found.status == "MISSING"


def test_budgets() -> None:
    assert rules.about_budget("latency", None, 5, "ms", "one decision").status == "MISSING"
    assert rules.about_budget("latency", float("nan"), 5, "ms", "one decision").status == "MISSING"
    assert rules.about_budget("latency", 6, 5, "ms", "one decision").status == "FAIL"
    assert pd.notna(rules.about_budget("latency", 4, 5, "ms", "one decision").reason)


def test_a_figure_without_an_interval_does_not_keep_a_floor_by_interval() -> None:
    figure = {"f1": {"value": 0.9, "low": None, "high": None}}
    assert next(iter(floors.about_floors({"f1": 0.5}, figure))).status == "MISSING"
    assert next(iter(floors.about_floors({"f1": 0.5}, figure, by_interval=False))).status == "PASS"
