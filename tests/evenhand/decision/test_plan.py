"""The change plan: what is not declared holds, and is named."""

from typing import Any

import pytest

from evenhand.config import Config, parse_config
from evenhand.decision.plan import about_plan, changed_paths
from evenhand.exceptions import ConfigError

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


def test_no_plan_lets_another_test_set_pass() -> None:
    found = ask({"may_change": ["seed", "split"]}, {**BASE, "seed": 4}, renewed=("seed",))
    assert found.status == "HOLD"
    assert found.reason.startswith("outside the change plan: seed made this another test set than the champion's")


RANGE = {"low": 0.2, "high": 0.8, "log": True}


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"low": 0.1, "high": 1.0, "log": False}, "PASS"),
        ({"low": 1e-9, "high": 0.8, "log": True}, "HOLD"),
        ({"low": 0.2, "high": 1e6, "log": True}, "HOLD"),
        ([0.1, 0.5, 1], "PASS"),
        ([0.1, 5], "HOLD"),
        (["l1", "l2"], "HOLD"),
        (0.3, "PASS"),
        (2, "HOLD"),
        (None, "HOLD"),  # the default range, whatever that is by now
    ],
)
@pytest.mark.parametrize("bound", ["search.space.logistic.C", "search.space.logistic", "search.space"])
def test_a_range_or_a_list_lies_in_its_bounds_with_all_that_it_has(value: Any, status: str, bound: str) -> None:
    plan = {"may_change": ["search"], "within": {bound: [0.1, 1]}}
    before = changed(search={"space": {"logistic": {"C": RANGE}}})
    after = changed(search={"space": {"logistic": {"C": value}} if value is not None else {}})
    found = about_plan(plan, before, after, features=(["a"], ["a"]), rows=(10, 10), candidate="logistic")
    assert found.status == status, found.reason
    assert status == "PASS" or f"{bound} is " in found.reason
    same = about_plan(plan, after, after, features=(["a"], ["a"]), rows=(10, 10), candidate="logistic")
    assert same.status == "PASS", "what does not change is the champion's"


@pytest.mark.parametrize("bound", ["gate.floors.roc_auc", "gate.floors"])
@pytest.mark.parametrize(("floor", "status"), [(0.6, "PASS"), (0.1, "HOLD"), (None, "HOLD")])
def test_a_floor_lies_in_its_bounds(bound: str, floor: float | None, status: str) -> None:
    plan = {"may_change": ["gate.floors"], "floors": "any", "within": {bound: [0.5, 0.9]}}
    floors = {"roc_auc": floor, "log_loss": 0.5} if floor is not None else {}
    assert ask(plan, changed(gate={"floors": floors})).status == status


def test_no_bound_of_an_earlier_plan_is_passed_over() -> None:
    """Plans took bounds of sections, and of what changes neither the model nor how it is judged."""
    assert (
        ask({"may_change": ["search"], "within": {"search": [1, 2]}}, changed(search={"trials": 50})).status == "HOLD"
    )
    plan = {"may_change": ["monitor"], "within": {"monitor.looks": [1, 20]}}
    assert ask(plan, {**BASE, "monitor": {"looks": 50}}).status == "HOLD"
    assert ask(plan, {**BASE, "monitor": {"looks": 20}}).status == "PASS"


def _loaded(**more: Any) -> Config:
    data = {"source": {"path": "a.csv"}, "target": "y", "favorable_label": 1, "sensitive": {"age": {"bins": [40]}}}
    space = {"logistic": {"C": {"low": 0.1, "high": 1}}}
    sections = {"model": "m", "data": data, "search": {"space": space}, "mitigate": {"limits": LIMITS}, **more}
    return parse_config(sections)


LIMITS = {"demographic_parity_difference": 0.1}


def _paths(value: dict[str, Any], above: str = "") -> list[str]:
    """Every path of a configuration, those of sections, mappings and ranges too."""
    found = []
    for name, each in value.items():
        found += [f"{above}{name}", *(_paths(each, f"{above}{name}.") if isinstance(each, dict) else [])]
    return found


def _put(whole: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {**whole, name: _put(whole.get(name) or {}, rest, value) if rest else value}


def test_every_bound_that_a_configuration_takes_is_kept() -> None:
    whole = _loaded().model_dump(mode="json")
    whole["gate"]["plan"] = {"rows": []}
    taken = []
    for path in [*_paths(whole), "gate.floors.accuracy", "search.space.boosting.max_depth.low"]:
        plan = {"may_change": [path], "floors": "any", "within": {path: [-2, -1]}}
        try:
            _loaded(gate={"plan": plan})
        except ConfigError:
            continue
        taken.append(path)
        for value in (99, [-1.5, 99], {"low": -1.5, "high": 99}, "99", 0.5):
            after = _put(whole, path, value)
            told = about_plan(plan, whole, after, features=(["a"], ["a"]), rows=(10, 10), candidate="logistic").reason
            assert after == whole or f"{path} is " in told, (path, value)
    assert {"search.trials", "search.space.logistic.C", "gate.floors", "gate.floors.accuracy"} < set(taken)
    assert not {"search", "data.source", "search.scorer", "search.prune", "record.tags"} & set(taken)


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


def test_a_contract_that_was_renewed_for_one_run_is_kept_by_the_next_without_a_second_answer() -> None:
    renewed, held = ({**BASE, "data": {"contract": how}} for how in ("renew", "enforce"))
    same = {"features": (["a"], ["a"]), "rows": (10, 10), "candidate": "logistic"}
    assert about_plan(None, renewed, held, **same).status == "NOT APPLICABLE"
    assert "data.contract went from 'enforce' to 'renew'" in about_plan(None, held, renewed, **same).reason
