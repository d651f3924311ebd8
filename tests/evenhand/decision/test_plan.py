"""The change plan: what is not declared holds, and is named."""

from typing import Any

import pytest

from evenhand.decision.plan import about_plan, changed_paths

BASE: dict[str, Any] = {
    "seed": 0,
    "data": {"source": {"path": "a.csv"}, "exclude": []},
    "search": {"trials": 30, "candidates": ["logistic"]},
    "gate": {"floors": {"roc_auc": 0.7, "log_loss": 0.5}, "margin": 0.02},
    "card": {"title": "a"},
    "record": {"alias": "challenger"},
}


def changed(**sections: dict[str, Any]) -> dict[str, Any]:
    return {**BASE, **{name: {**BASE[name], **values} for name, values in sections.items()}}


def ask(plan: dict | None, after: dict, **rest: Any) -> Any:
    given = {"features": (["a", "b"], ["a", "b"]), "rows": (1000, 1100), "candidate": "logistic", **rest}
    return about_plan(plan, BASE, after, **given)


def test_the_same_configuration_needs_no_plan() -> None:
    assert ask(None, BASE).status == "NOT APPLICABLE"
    assert ask(None, changed(card={"title": "b"}, record={"alias": "x"})).status == "NOT APPLICABLE"


@pytest.mark.parametrize(
    ("after", "named"),
    [
        (changed(search={"trials": 50}), "search.trials went from 30 to 50"),
        (changed(data={"source": {"path": "b.csv"}}), "data.source.path went from 'a.csv' to 'b.csv'"),
        ({**BASE, "seed": 4}, "seed went from 0 to 4"),
        (changed(gate={"margin": 0.5}), "gate.margin"),
    ],
)
def test_a_change_without_a_plan_holds_and_is_named(after: dict, named: str) -> None:
    found = ask(None, after)
    assert found.status == "HOLD"
    assert named in found.reason


def test_the_plan_allows_what_it_names_within_its_bounds() -> None:
    plan = {"may_change": ["search", "data.source"], "within": {"search.trials": [20, 60]}}
    assert ask(plan, changed(search={"trials": 50}, data={"source": {"path": "b.csv"}})).status == "PASS"
    found = ask(plan, changed(search={"trials": 90}))
    assert found.status == "HOLD"
    assert "search.trials is 90, not within 20 to 60" in found.reason
    assert ask({"may_change": ["sea"]}, changed(search={"trials": 50})).status == "HOLD", (
        "a path is no prefix of letters"
    )


@pytest.mark.parametrize(
    ("allowed", "floors", "status"),
    [
        ("stricter", {"roc_auc": 0.8, "log_loss": 0.4}, "PASS"),
        ("stricter", {"roc_auc": 0.6, "log_loss": 0.5}, "HOLD"),
        ("stricter", {"roc_auc": 0.7, "log_loss": 0.6}, "HOLD"),
        ("stricter", {"roc_auc": 0.7}, "HOLD"),
        ("stricter", {"roc_auc": 0.7, "log_loss": 0.5, "f1": 0.5}, "PASS"),
        ("fixed", {"roc_auc": 0.8, "log_loss": 0.5}, "HOLD"),
        ("any", {}, "PASS"),
    ],
)
def test_floors_may_become_stricter(allowed: str, floors: dict, status: str) -> None:
    assert ask({"floors": allowed}, changed(gate={"floors": floors})).status == status


@pytest.mark.parametrize(
    ("allowed", "after", "status"),
    [
        ("fixed", ["a"], "HOLD"), ("fewer", ["a"], "PASS"), ("fewer", ["a", "b", "c"], "HOLD"),
        ("any", ["c"], "PASS"), ("fixed", ["b", "a"], "PASS"),
    ],
)  # fmt: skip
def test_features(allowed: str, after: list[str], status: str) -> None:
    assert ask({"features": allowed}, BASE, features=(["a", "b"], after)).status == status


def test_rows_and_candidates() -> None:
    assert ask({"rows": [0.5, 2]}, BASE).status == "PASS"
    assert "2,100 rows" in ask({"rows": [0.5, 2]}, BASE, rows=(1000, 2100)).reason
    assert ask({"candidates": ["boosting"]}, BASE).status == "HOLD"


def test_what_differs() -> None:
    assert changed_paths(BASE, BASE) == {}
    assert changed_paths(BASE, {**BASE, "seed": 1}) == {"seed": (0, 1)}


def test_a_nested_change_is_named_down_to_its_leaf() -> None:
    region = {"column": None, "labels": {"1": "north", "2": "south"}, "bins": []}
    before = {**BASE, "data": {"sensitive": {"region": region}}}
    after = {**BASE, "data": {"sensitive": {"region": {**region, "column": "region"}}}}
    same = {"features": (["a"], ["a"]), "rows": (10, 10), "candidate": "logistic"}
    found = about_plan(None, before, after, **same)
    assert found.reason == "changed without a change plan: data.sensitive.region.column went from None to 'region'"


def test_long_values_are_told_where_they_differ() -> None:
    names = [f"column_{place}" for place in range(40)]
    before, after = ({**BASE, "data": {"features": each}} for each in (names, [*names[:-1], "other"]))
    same = {"features": (["a"], ["a"]), "rows": (10, 10), "candidate": "logistic"}
    found = about_plan(None, before, after, **same).reason
    assert "'column_39'" in found
    assert "'other'" in found


def test_a_section_that_comes_or_goes_is_named_by_what_it_holds() -> None:
    assert changed_paths({"gate": {"plan": None}}, {"gate": {"plan": {"may_change": []}}}) == {
        "gate.plan.may_change": (None, [])
    }
    assert changed_paths({"data": {"sensitive": {}}}, {"data": {"sensitive": {"a": {"bins": [1]}}}}) == {
        "data.sensitive.a.bins": (None, [1])
    }
    assert changed_paths({"data": {"sensitive": {}}}, {"data": {"sensitive": {"a": {"bins": None}}}}) == {
        "data.sensitive": ({}, None)
    }


@pytest.mark.parametrize(
    ("recorded", "plan", "status", "named"),
    [
        ({"audit.policies": {"/p/own.yaml": "1"}}, None, "NOT APPLICABLE", ""),
        ({"audit.policies": {"/p/own.yaml": "2"}}, None, "HOLD", "audit.policies own.yaml changed"),
        ({"audit.policies": {"/p/own.yaml": "2"}}, {"may_change": ["audit.policies"]}, "PASS", ""),
        ({}, None, "HOLD", "audit.policies own.yaml changed"),
        (None, None, "HOLD", "audit.policies own.yaml may have changed: its content was not recorded"),
        ({"audit.policies": {"/p/own.yaml": "1"}, "gate.approvers": {"/p/who": "1"}}, None, "HOLD", "approvers who is"),
    ],
)
def test_the_content_of_the_files_that_judge_is_part_of_the_plan(
    recorded: dict | None, plan: dict | None, status: str, named: str
) -> None:
    found = ask(plan, BASE, files=(recorded, {"audit.policies": {"/p/own.yaml": "1"}}))
    assert found.status == status
    assert named in found.reason


def test_a_champion_recorded_without_digests_holds_only_where_a_file_judges() -> None:
    assert ask(None, BASE, files=(None, {})).status == "NOT APPLICABLE"
