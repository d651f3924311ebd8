"""BiasMitigator: what it chooses, on which rows, and what it says about it."""

import json
from dataclasses import replace
from datetime import date
from html import escape

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from evenhand.data.dataset import Dataset
from evenhand.data.splits import split_dataset
from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import BiasDetector, BiasMitigator, MitigationResult, as_groups
from evenhand.fairness.mitigation_alternatives import _standard_error
from evenhand.fairness.mitigation_changes import GroupChange, levelled_down, paired_difference
from evenhand.fairness.mitigation_limits import Limit, Reading, as_limits, as_policy, read_disparities, steering
from evenhand.fairness.mitigation_plans import METHODS
from evenhand.fairness.mitigation_report import _smaller
from evenhand.fairness.policies import Policy
from evenhand.fairness.policies.model import Rule
from evenhand.fairness.report import Disparity

QUICK = {"replicates": 200, "depth": 1}
CHEAP = ["reweighing", "group_thresholds", "penalized_regression", "correlation_removal"]


@pytest.fixture(scope="module")
def dataset(many_people):
    p = many_people
    return Dataset(p.X, pd.Series(p.y), p.sensitive, favorable_label="approved")


@pytest.fixture(scope="module")
def parts(dataset):
    divided = split_dataset(dataset, method="stratified")
    return {name: dataset.take(divided.rows(name)) for name in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def result(many_people, dataset) -> MitigationResult:
    limits = {"demographic_parity_difference": 0.1}
    return BiasMitigator(many_people.base(), dataset).mitigate_bias(limits=limits, **QUICK)


def test_the_best_performer_inside_the_limit_on_validation_rows_is_selected(result):
    rated = [one for one in result.alternatives if one.validation is not None]
    inside = [o for o in rated if o.validation.readings["demographic_parity_difference"].value <= 0.1]
    assert result.met
    assert 1 < len(inside) < len(rated)
    assert result.selected.validation.performance == max(one.validation.performance for one in inside)
    assert result.selected.status == "selected"
    assert result.model is result.selected.model


def test_every_method_is_in_the_log_with_a_reason(result):
    assert {one.name for one in result.alternatives} == {"unmitigated", *METHODS}
    assert sum(one.status == "selected" for one in result.alternatives) == 1
    assert all(one.reason for one in result.alternatives)
    assert all(one.status in ("selected", "lost") for one in result.alternatives), result.to_frame()[
        ["method", "reason"]
    ]
    given = result.alternatives[0]
    assert "outside the limit of 0.1" in given.reason


def test_before_and_after_are_the_audits_of_the_test_part(result, dataset):
    divided = split_dataset(dataset, method="stratified")
    test = dataset.take(divided.rows("test"))
    assert result.rows["test"] == len(test) == result.after.audit.n
    for assessment, chosen in ((result.before, result.alternatives[0]), (result.after, result.selected)):
        detector = BiasDetector.from_predictions(
            test.y,
            chosen.model.predict(test.X, **_groups(chosen, test)),
            sensitive_features=test.sensitive_features,
            favorable_label="approved",
        )
        # With a verdict on the limit a disparity is of the groups that take part in it, which leaves out `unknown`.
        limit = Limit("demographic_parity_difference", 0.1)
        attributes = list(test.sensitive_features)
        policy = as_policy({limit.metric: 0.1}, [limit], attributes, minimum_group=None, depth=1)
        expected = detector.detect_bias(depth=1, policies=[policy])
        for name in ("demographic_parity_difference", "equalized_odds_difference"):
            found = assessment.audit.disparity(name, "race")
            assert found.value == expected.disparity(name, "race").value
            assert found.low < found.high
        assert assessment.evaluation["accuracy"].low < assessment.evaluation["accuracy"].value
    gap = "demographic_parity_difference"
    assert result.after.audit.disparity(gap, "race").value < result.before.audit.disparity(gap, "race").value
    assert result.after.audit.disparity(gap, "race").verdict in ("PASS", "FAIL", "INCONCLUSIVE")


def _groups(one, test):
    return {"sensitive_features": test.sensitive_features} if one.needs_sensitive_features else {}


def test_the_result_shows_itself(result):
    frame = result.to_frame()
    assert len(frame) == len(result.alternatives)
    assert frame["validation_balanced_accuracy"].notna().all()
    assert {"test_demographic_parity_difference", "reason", "pareto", "needs_sensitive_features"} <= set(frame)
    stored = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert stored["selected"] == result.selected.label
    assert len(stored["alternatives"]) == len(frame)
    assert stored["after"]["audit"]["n"] == result.rows["test"]
    assert {"race"} == set(result.changes_frame()["attribute"])
    axes = result.plot().axes[0]
    assert axes.get_xlabel() == "demographic_parity_difference"
    assert "selected" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_notebook_shows_the_result_and_a_terminal_a_line_of_it(result):
    page = result._repr_html_()
    assert len(repr(result)) < 300
    assert "\n" not in repr(result)
    for said in (result.selected.label, "demographic_parity_difference <= 0.1", str(len(result.alternatives))):
        assert said in repr(result)
    for said in (result.selected.label, *(one.label for one in result.alternatives), *result.notes):
        assert escape(said) in page
    for change in result.changes:
        assert f"<td>{change.before:.3f}</td><td>{change.after:.3f}</td><td>{change.change:.3f} [" in page
    gap = result.after.audit.disparity("demographic_parity_difference", "race")
    assert f"<td>{gap.value:.3f} [{gap.low:.3f}, {gap.high:.3f}]</td><td>{gap.verdict}</td>" in page


def test_names_are_text_on_the_page_of_a_result(many_people, parts):
    evil = "<script>alert(1)</script>"
    people = {name: part.sensitive_features.replace("b", evil).set_axis([evil], axis=1) for name, part in parts.items()}
    given = {name: replace(part, sensitive_features=people[name]) for name, part in parts.items()}
    model = many_people.base().fit(parts["train"].X, parts["train"].y)
    found = BiasMitigator(many_people.base(), **given).mitigate_bias(methods=[], candidates={evil: model}, **QUICK)
    page = found._repr_html_()
    assert "<script" not in page
    assert page.count(escape(evil)) > 5


def test_the_mixture_that_was_fitted_once_decides_in_both_ways(result):
    draw, majority = (one.model for one in result.alternatives if one.name == "exponentiated_gradient")
    assert (draw.combine, majority.combine) == ("draw", "majority")
    assert draw.estimators_ is majority.estimators_


def test_no_alternative_beats_one_of_the_pareto_front(result):
    points = {
        one.label: (
            one.validation.performance,
            one.validation.readings["demographic_parity_difference"].value,
            one.pareto,
        )
        for one in result.alternatives
    }
    for performance, gap, front in points.values():
        beaten = any(p >= performance and g <= gap and (p, g) != (performance, gap) for p, g, _ in points.values())
        assert front is not beaten


def test_it_says_that_the_model_needs_the_sensitive_attribute(many_people, dataset):
    mitigator = BiasMitigator(many_people.base(), dataset)
    limits = {"demographic_parity_difference": 0.1}
    needing = mitigator.mitigate_bias(methods=["group_thresholds"], limits=limits, **QUICK)
    assert needing.needs_sensitive_features
    assert any("needs the sensitive attribute at prediction time" in note for note in needing.notes)
    assert set(needing.predict(dataset)) == {"approved", "denied"}
    refused = mitigator.mitigate_bias(methods=CHEAP, limits=limits, allow_sensitive_features=False, **QUICK)
    assert not refused.needs_sensitive_features
    skipped = {one.name for one in refused.alternatives if one.status == "skipped"}
    assert skipped == {"group_thresholds", "correlation_removal"}


def test_the_given_model_stays_when_nothing_is_wrong_with_it(many_people, parts):
    rng = np.random.default_rng(0)
    blind = {
        name: replace(part, sensitive_features=pd.DataFrame({"coin": rng.choice(["h", "t"], len(part))}))
        for name, part in parts.items()
    }
    model = many_people.base().fit(blind["train"].X, blind["train"].y)
    found = BiasMitigator(model, **blind).mitigate_bias(
        limits={"demographic_parity_difference": 0.3}, methods=[], **QUICK
    )
    assert found.met
    assert found.model is model  # the parts are the caller's: it is not fitted again
    assert any("it is not changed" in note for note in found.notes)
    judged = [note for note in found.notes if note.startswith("on the test part")]
    assert judged, "the limits have verdicts"
    assert all("at level 0.05 of this mitigation's limit" in note for note in judged), "no verdict of a gate"
    assert all(change.change == 0 for change in found.changes)


def test_no_alternative_inside_is_said(many_people, dataset):
    found = BiasMitigator(many_people.base(), dataset).mitigate_bias(
        limits={"demographic_parity_difference": 0.01}, methods=["reweighing"], **QUICK
    )
    assert not found.met
    assert "no alternative keeps the limit" in found.notes[0]
    assert "comes nearest" in found.selected.reason


def test_levelling_down_is_said(many_people, parts):
    """A model that approves nobody has equal groups, and nobody is better off."""
    found = BiasMitigator(many_people.base(), **parts).mitigate_bias(
        limits={"demographic_parity_difference": 0.1},
        methods=[],
        candidates={"nobody": lambda X: np.full(len(X), "denied")},
        performance="accuracy",
        **QUICK,
    )
    assert found.selected.name == "nobody"
    assert found.selected.family == "candidate"
    assert found.levelling_down == ("race",)
    assert any("levelling down: no group's selection_rate" in note for note in found.notes)
    assert all(c.after == 0 for c in found.changes if c.metric == "selection_rate")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(-0.1, -0.2, -0.05), (0.0, -0.01, 0.01)], True),
        ([(-0.1, -0.2, -0.05), (0.01, -0.03, 0.05)], True),
        ([(-0.1, -0.2, -0.05), (0.1, 0.05, 0.2)], False),
        ([(0.0, -0.1, 0.1), (0.1, -0.05, 0.2)], False),
        ([(-0.01, -0.1, 0.1), (0.1, -0.05, 0.2)], False),
        # The rise may well be as large as the fall.
        ([(-0.146, -0.209, -0.079), (0.071, -0.012, 0.15)], False),
    ],
)
def test_who_is_better_off(rows, expected):
    changes = [
        GroupChange("sex", str(i), 50, "selection_rate", 0.5, 0.5 + c, c, lo, hi) for i, (c, lo, hi) in enumerate(rows)
    ]
    assert levelled_down(changes, "sex", "selection_rate") is expected


@pytest.mark.parametrize(("group", "n"), [("unknown", 50), ("f", 8)])
def test_groups_that_are_no_part_of_the_gap_outweigh_a_fall_only_where_they_surely_rose(group, n):
    fall = GroupChange("sex", "m", 50, "selection_rate", 0.6, 0.5, -0.1, -0.16, -0.04)
    rise = GroupChange("sex", group, n, "selection_rate", 0.5, 0.875, 0.375, -0.097, 0.697)
    assert levelled_down([fall, rise], "sex", "selection_rate")
    assert not levelled_down([fall, replace(rise, low=0.01)], "sex", "selection_rate")
    assert not levelled_down([fall, replace(rise, group="f", n=50)], "sex", "selection_rate")


def _gap(value, low=None, high=None):
    return Disparity("demographic_parity_ratio", "race", value, low, high)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (_gap(0.6, 0.5, 0.7), _gap(0.82, 0.7, 0.9), True),  # inside the limit now
        (_gap(0.85, 0.5, 0.9), _gap(0.86, 0.7, 0.9), False),  # it was inside before
        (_gap(0.476, 0.36, 0.6), _gap(0.488, 0.37, 0.61), False),  # a row or two of 179
        (_gap(0.3, 0.2, 0.4), _gap(0.6, 0.5, 0.7), True),  # outside the limit, and surely smaller
        (_gap(0.3, 0.2, 0.4), _gap(0.45, 0.29, 0.6), False),
        (_gap(0.6, 0.5, 0.7), _gap(0.5, 0.4, 0.6), False),
        (_gap(float("nan")), _gap(0.9), False),
        (_gap(0.6), _gap(float("nan")), False),
        (_gap(0.6), _gap(0.7), False),  # no interval, as with many labels
    ],
)
def test_a_gap_was_closed_where_the_rows_show_it(old, new, expected):
    assert _smaller(Limit("demographic_parity_ratio", 0.8), old, new) is expected


def test_a_change_of_a_few_rows_is_no_levelling_down(many_people, parts):
    """Nobody better off, few worse off, and the gap as large as before, but for noise."""
    model = many_people.base().fit(parts["train"].X, parts["train"].y)

    def fewer(X):
        calls = model.predict(X)
        chosen = np.flatnonzero(calls == "approved")
        calls[chosen[np.argsort(X["income"].to_numpy()[chosen])[-3:]]] = "denied"  # the richest are of group a
        return calls

    found = BiasMitigator(model, **parts).mitigate_bias(
        limits={"demographic_parity_difference": 0.01}, methods=[], candidates={"fewer": fewer}, **QUICK
    )
    gap = "demographic_parity_difference"
    assert found.selected.name == "fewer"
    assert found.after.audit.disparity(gap, "race").value < found.before.audit.disparity(gap, "race").value
    assert all(change.change <= 0 for change in found.changes if change.metric == "selection_rate")
    assert found.levelling_down == ()
    assert not any("levelling" in note for note in found.notes)


def test_the_paired_interval_covers():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        before = rng.random(60) < 0.5
        after = np.where(rng.random(60) < 0.2, rng.random(60) < 0.8, before)
        low, high = paired_difference(before, after)
        hits += low <= 0.2 * 0.3 <= high
    assert hits >= 0.93 * 400
    low, high = paired_difference(np.ones(10, dtype=bool), np.ones(10, dtype=bool))
    assert low < 0 < high


def test_it_says_when_weights_do_not_reach_the_fit(many_people, dataset):
    found = BiasMitigator(KNeighborsClassifier(), dataset, sample_weight=np.ones(len(dataset))).mitigate_bias(
        methods=["reweighing", "balanced_resampling", "grid_search"], **QUICK
    )
    by_name = {one.name: one for one in found.alternatives}
    assert by_name["reweighing"].status == "failed"
    assert "its weights did not reach fit" in by_name["reweighing"].reason
    assert by_name["unmitigated"].weights_reached_fit is False
    assert by_name["balanced_resampling"].weights_reached_fit is False
    assert "takes no sample_weight" in by_name["grid_search"].reason
    assert any("did not reach the fit of" in note for note in found.notes)


def test_the_budget_ends_the_search(many_people, dataset):
    seen = []
    found = BiasMitigator(many_people.base(), dataset).mitigate_bias(
        seconds=0.0, on_alternative=lambda one, done, total: seen.append((done, total)), **QUICK
    )
    tried = [one for one in found.alternatives[1:] if one.status != "skipped"]
    assert len(tried) <= 1
    assert found.alternatives[-1].reason == "the budget of 0 s was spent"
    assert seen == [(at + 1, len(found.alternatives) - 1) for at in range(len(seen))]


def test_models_as_retrain_hands_them_over(many_people, parts):
    train = parts["train"]
    calibrated = CalibratedClassifierCV(
        FrozenEstimator(many_people.base().fit(train.X, train.y)), method="sigmoid", ensemble=False, cv=2
    ).fit(train.X, train.y)
    model = FixedThresholdClassifier(FrozenEstimator(calibrated), threshold=0.4, pos_label="approved").fit(
        train.X, train.y
    )
    found = BiasMitigator(model, **parts).mitigate_bias(methods=CHEAP, **QUICK)
    assert found.alternatives[0].model is model
    assert all(one.status in ("selected", "lost") for one in found.alternatives)
    assert found.met


def test_a_function_is_left_as_it_is(dataset):
    found = BiasMitigator(lambda X: np.where(X["income"] > 0, "approved", "denied"), dataset).mitigate_bias(**QUICK)
    assert {one.name for one in found.alternatives} == {"unmitigated", "penalized_regression"}
    assert "cannot be fitted again" in found.alternatives[0].notes[0]


def test_equalized_odds_can_be_the_limit(many_people, dataset):
    found = BiasMitigator(many_people.base(), dataset).mitigate_bias(
        limits={"equalized_odds_difference": 0.2}, methods=["group_thresholds", "randomized_thresholds"], **QUICK
    )
    assert found.settings["constraint"] == "equalized_odds"
    before = found.alternatives[0].validation.readings["equalized_odds_difference"].value
    assert min(o.validation.readings["equalized_odds_difference"].value for o in found.alternatives) < before


def test_a_group_without_a_rate_never_keeps_a_limit():
    y, sensitive = [1, 0] * 20 + [0] * 30, pd.DataFrame({"sex": ["f"] * 40 + ["m"] * 30})
    limit = Limit("equalized_odds_difference", 0.5)
    policy = as_policy({limit.metric: limit.bound}, [limit], ["sex"], minimum_group=20, depth=1)
    readings = read_disparities(y, y, sensitive, limits=[limit], policy=policy, favorable_label=1)
    reading = readings["equalized_odds_difference"]
    assert not reading.inside(limit)
    assert "m" in reading.reason


def test_small_and_unknown_groups_take_no_part_in_a_limit():
    sensitive = pd.DataFrame({"race": ["a"] * 40 + ["b"] * 40 + ["c"] * 5 + ["unknown"] * 40})
    predicted = [1, 0] * 20 + [1, 0] * 20 + [1] * 5 + [0] * 40
    y = [1, 0] * 62 + [1]
    limit = Limit("demographic_parity_difference", 0.5)

    def read(minimum_group: int = 20, **other: str) -> Reading:
        policy = as_policy({limit.metric: 0.5}, [limit], ["race"], minimum_group=minimum_group, depth=1)
        policy = replace(policy, **other)
        return read_disparities(y, predicted, sensitive, limits=[limit], policy=policy, favorable_label=1)[limit.name]

    assert read().value == 0
    assert np.isnan(read(60).value)
    assert not read(60).inside(limit)
    assert read(unknown="require").value == 0.5
    assert read(small_groups="require").value == 0.5
    assert read(unknown="require", small_groups="require").value == 1


def test_an_intersection_is_named_as_the_audit_names_it():
    people = pd.DataFrame({"race & origin": ["a", "b"] * 40, "sex": ["f", "f", "m", "m"] * 20})
    limit = Limit("demographic_parity_difference", 0.5, ('"race & origin" & sex',))
    asked = {limit.metric: limit.bound}
    policy = as_policy(asked, [limit], list(people), minimum_group=None, depth=2)
    readings = read_disparities(
        [1, 0] * 40, [1, 0, 0, 0] * 20, people, limits=[limit], policy=policy, favorable_label=1
    )
    assert readings[limit.name].value == 1


RULED = Policy(
    name="ours",
    title="Ours",
    description="Two attributes, each with a limit of its own.",
    source="this test",
    jurisdiction="none",
    effective=date(2026, 1, 1),
    rules=(
        Rule("demographic_parity_difference", 0.05, attributes=("sex",)),
        Rule("demographic_parity_difference", 0.4, attributes=("race & sex",)),
    ),
    alpha=0.01,
    minimum_group=30,
)


@pytest.fixture(scope="module")
def of_two(many_people):
    p, sex = many_people, np.random.default_rng(3).choice(["f", "m"], len(many_people.y))
    return Dataset(p.X, pd.Series(p.y), p.sensitive.assign(sex=sex), favorable_label="approved")


def test_a_policy_limits_what_its_rules_name_at_its_own_level(many_people, of_two):
    found = BiasMitigator(many_people.base(), of_two).mitigate_bias(
        limits=RULED, methods=["reweighing"], replicates=200
    )
    names = [f"demographic_parity_difference by {view}" for view in ("sex", "race & sex")]
    assert [limit.name for limit in found.limits] == names
    assert found.settings["minimum_group"] == 30
    given = found.alternatives[0]
    before = found.before.audit
    assert set(given.test.readings) == set(names)
    for name, view in zip(names, ("sex", "race & sex"), strict=True):
        assert given.test.readings[name].attribute == view
        assert given.test.readings[name].value == pytest.approx(
            before.disparity("demographic_parity_difference", view).value
        )
    judged = before.policies[0].to_dict()["rules"]
    assert [(rule["attribute"], rule["alpha"]) for rule in judged] == [("sex", 0.01), ("race & sex", 0.01)]
    assert f"test_{names[1]}" in found.to_frame().columns
    assert "by race &amp; sex" in found._repr_html_()
    assert names[0] in found.plot().axes[0].get_xlabel().replace(" ", "_").replace("_by_", " by ")


def test_levelling_down_is_said_of_every_limit(many_people, of_two):
    """Whichever limit comes first: a model that approves nobody closes both gaps that way."""
    limits = {"equal_opportunity_difference": 0.08, "demographic_parity_difference": 0.1}
    for order in (limits, dict(reversed(limits.items()))):
        found = BiasMitigator(many_people.base(), of_two).mitigate_bias(
            limits=order, methods=[], candidates={"nobody": lambda X: np.full(len(X), "denied")}, **QUICK
        )
        assert "race" in found.levelling_down
        for rate in ("true_positive_rate", "selection_rate"):
            assert any(f"levelling down: no group's {rate}" in note and "race" in note for note in found.notes), rate


def test_a_policy_about_what_is_not_looked_at_is_refused(many_people, of_two):
    rules = (Rule("demographic_parity_difference", 0.1, attributes=("rce",)),)
    with pytest.raises(DataError, match="'rce', which is not looked at: did you mean 'race'"):
        BiasMitigator(many_people.base(), of_two).mitigate_bias(limits=replace(RULED, rules=rules), **QUICK)
    with pytest.raises(DataError, match="'race & sex', which is not looked at"):
        BiasMitigator(many_people.base(), of_two).mitigate_bias(limits=RULED, **QUICK)


def test_a_group_of_the_test_part_alone_fails_what_needs_groups(many_people, parts):
    strange = parts["test"].sensitive_features.copy()
    strange.loc[0, "race"] = "martian"
    given = parts | {"test": replace(parts["test"], sensitive_features=strange)}
    found = BiasMitigator(many_people.base(), **given).mitigate_bias(
        methods=["reweighing", "group_thresholds"], **QUICK
    )
    status = {one.name: one.status for one in found.alternatives}
    assert status["group_thresholds"] == "failed"
    assert status["reweighing"] != "failed"


def _mixed(race, kind):
    """The same people with their race in a column of another type; codes are in the order of the names."""
    codes = pd.Series(pd.Categorical(race).codes)
    return {
        "unordered": pd.Series(pd.Categorical(race, categories=["unknown", "b", "q", "a"])),
        "ordered": pd.Series(pd.Categorical(race, ordered=True)),
        "missing": pd.Series(race).where(race != "unknown", None),
        "nan": pd.Series(race, dtype=object).where(race != "unknown", np.nan),
        "blank": pd.Series(race).where(race != "unknown", "  "),
        "floats": codes.where(race != "unknown", np.nan),
    }[kind]


@pytest.mark.parametrize("kind", ["unordered", "ordered", "missing", "nan", "blank", "floats"])
def test_groups_of_any_kind_are_those_of_the_audit(many_people, parts, kind):
    """BiasDetector takes such columns; a mitigation compares the same groups and counts `unknown` in every table."""
    limits, methods = {"demographic_parity_ratio": 0.8}, ["reweighing", "group_thresholds"]
    given = {
        name: replace(part, sensitive_features=_mixed(part.sensitive_features["race"], kind).to_frame("race"))
        for name, part in parts.items()
    }
    plain = BiasMitigator(many_people.base(), **parts).mitigate_bias(limits=limits, methods=methods, **QUICK)
    found = BiasMitigator(many_people.base(), **given).mitigate_bias(limits=limits, methods=methods, **QUICK)
    assert [(one.label, one.status, one.reason) for one in found.alternatives] == [
        (one.label, one.status, one.reason) for one in plain.alternatives
    ]
    table = found.changes_frame()
    groups = found.after.audit.audit("race").groups
    assert set(table["group"]) == set(groups)
    assert "unknown" in groups
    rows = table.query("metric == 'selection_rate'").set_index("group")
    for name, group in groups.items():
        assert (rows.loc[name, "n"], rows.loc[name, "after"]) == (group.n, pytest.approx(group["selection_rate"].value))
    assert list(found.predict(given["test"])) == list(plain.predict(parts["test"]))
    assert list(found.model.predict(given["test"].X, **_groups(found.selected, given["test"]))) == list(
        plain.predict(parts["test"])
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few passes make the test quick
def test_the_two_layer_network_with_ten_classes():
    """A multilayer perceptron of 64 rectified units and ten outputs, detected and mitigated in two lines."""
    rng = np.random.default_rng(0)
    n = 600
    group = rng.choice(["a", "b"], n)
    Z = rng.normal(size=(n, 5))
    score = Z @ rng.normal(size=(5, 10)) + 2.0 * np.outer(group == "a", np.arange(10) < 3)
    X = pd.DataFrame(np.column_stack([Z, (group == "a") + 0.3 * rng.normal(size=n)]), columns=list("abcdef"))
    dataset = Dataset(X, pd.Series(np.argmax(score + rng.gumbel(size=(n, 10)), axis=1)), pd.DataFrame({"g": group}))
    model = MLPClassifier(hidden_layer_sizes=(64,), activation="relu", max_iter=8, random_state=0).fit(X, dataset.y)
    report = BiasDetector(model, dataset).detect_bias()
    assert report.task == "multiclass"
    assert len(report.classes) == 10
    result = BiasMitigator(model, dataset).mitigate_bias(methods=[*CHEAP, "balanced_resampling"], replicates=200)
    gap = "demographic_parity_difference"
    first, *others = (one.validation.readings[gap].value for one in result.alternatives)
    assert min(others) < first
    assert result.selected.validation.readings[gap].value == min(first, *others) or result.met
    assert len(result.predict(dataset)) == n
    json.dumps(result.to_dict(), allow_nan=False)


def test_inputs_stay_as_they_are(many_people):
    p = many_people
    model = LogisticRegression()
    dataset = Dataset(p.X.copy(), pd.Series(p.y), p.sensitive.copy(), favorable_label="approved")
    BiasMitigator(model, dataset).mitigate_bias(methods=["reweighing"], **QUICK)
    pd.testing.assert_frame_equal(dataset.X, p.X)
    pd.testing.assert_frame_equal(dataset.sensitive_features, p.sensitive)
    assert not hasattr(model, "coef_")


def test_the_same_seed_gives_the_same_result(many_people, dataset, result):
    again = BiasMitigator(many_people.base(), dataset).mitigate_bias(
        limits={"demographic_parity_difference": 0.1}, methods=CHEAP, **QUICK
    )
    known = {one.label: one.validation.performance for one in result.alternatives}
    for one in again.alternatives:
        assert known[one.label] == one.validation.performance


@pytest.mark.parametrize(
    ("limits", "task", "expected"),
    [
        (None, "binary", "demographic_parity_ratio >= 0.8"),
        (None, "multiclass", "demographic_parity_difference <= 0.1"),
        ({"equal_opportunity_difference": 0.05}, "binary", "equal_opportunity_difference <= 0.05"),
    ],
)
def test_limits(limits, task, expected):
    assert [str(limit) for limit in as_limits(limits, task)] == [expected]


def test_limits_steer_the_methods():
    assert steering([Limit("equal_opportunity_ratio", 0.9)]) == "equal_opportunity"
    assert steering([Limit("equalized_odds_difference", 0.1)]) == "equalized_odds"
    assert steering([Limit("selection_rate_difference", 0.1)]) == "demographic_parity"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"demographic_parity": 0.1}, "did you mean 'demographic_parity_ratio'|did you mean"),
        ({"demographic_parity_difference": 2}, "between 0 and 1"),
        ({}, "no limit is given"),
    ],
)
def test_wrong_limits_are_refused(limits, message, dataset):
    with pytest.raises(DataError, match=message):
        BiasMitigator(LogisticRegression(), dataset).mitigate_bias(limits=limits)


def test_wrong_input_is_refused(dataset, parts):
    with pytest.raises(DataError, match="either one dataset or all of"):
        BiasMitigator(LogisticRegression())
    with pytest.raises(DataError, match="either one dataset or all of"):
        BiasMitigator(LogisticRegression(), train=parts["train"])
    with pytest.raises(DataError, match="attributes names 'rase': did you mean 'race'"):
        BiasMitigator(LogisticRegression(), dataset, attributes=["rase"])
    with pytest.raises(DataError, match="no mitigation method is called 'reweighting': did you mean 'reweighing'"):
        BiasMitigator(LogisticRegression(), dataset).mitigate_bias(methods=["reweighting"])
    with pytest.raises(ModelError, match="performance is 'acuracy'"):
        BiasMitigator(LogisticRegression(), dataset).mitigate_bias(performance="acuracy")
    with pytest.raises(DataError, match="favorable_label"):
        BiasMitigator(LogisticRegression(), replace(dataset, favorable_label=None))
    with pytest.raises(DataError, match="ratio is for two labels"):
        as_limits({"demographic_parity_ratio": 0.8}, "multiclass")
    with pytest.raises(ModelError, match="the model cannot be assessed"):
        BiasMitigator(object(), dataset).mitigate_bias()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limits": {"demographic_parity_ratio": "x"}}, "the limit of demographic_parity_ratio is 'x': give a number"),
        (
            {"limits": {"demographic_parity_ratio": True}},
            "the limit of demographic_parity_ratio is True: give a number",
        ),
        ({"seconds": "x"}, "seconds is 'x': give a number from 0 on, or None for no budget"),
        ({"seconds": -5}, "seconds is -5: give a number from 0 on"),
        ({"seconds": float("nan")}, "seconds is nan: give a number from 0 on"),
        ({"minimum_group": "x"}, "minimum_group is 'x': give a whole number from 0 on"),
        ({"minimum_group": -1}, "minimum_group is -1: give a whole number from 0 on"),
        ({"depth": 0}, "depth is 0: give 1"),
        ({"confidence": 95}, "confidence is 95: give a number between 0 and 1"),
        ({"replicates": 0}, "replicates is 0: give a whole number from 1 on"),
    ],
)
def test_options_are_checked_before_anything_is_fitted(dataset, options, told):
    class Never(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("fitted")

    with pytest.raises(DataError, match=told):
        BiasMitigator(Never(), dataset).mitigate_bias(**options)


@pytest.fixture(scope="module")
def of_ages():
    rng = np.random.default_rng(0)
    n = 900
    age = pd.Series(rng.integers(18, 90, n)).astype("Int64")
    x = rng.normal(size=n) + age.to_numpy(dtype=float) / 30
    age[:20] = pd.NA
    people = pd.DataFrame({"age": age, "sex": rng.choice(["f", "m"], n)})
    return Dataset(
        pd.DataFrame({"x": x}), pd.Series((x + rng.normal(size=n) > 2).astype(int)), people, favorable_label=1
    )


def _divided(data):
    return {name: data.take(np.arange(at, len(data), 3)) for at, name in enumerate(("train", "validation", "test"))}


@pytest.mark.parametrize("in_parts", [False, True])
def test_ages_are_banded_as_in_an_audit(of_ages, in_parts):
    bins, methods = {"age": [30, 60]}, ["group_thresholds"]
    given = _divided(of_ages) if in_parts else {"dataset": of_ages}
    found = BiasMitigator(LogisticRegression(), **given, attributes=["age"], bins=bins).mitigate_bias(
        methods=methods, **QUICK
    )
    bands = ["under 30", "30 to under 60", "60 and over", "unknown"]
    assert list(found.after.audit.audit("age").groups) == bands
    assert list(dict.fromkeys(found.changes_frame()["group"])) == bands
    assert found.settings["bins"] == bins
    banded = replace(of_ages, sensitive_features=as_groups(of_ages.sensitive_features, bins=bins))
    assert banded.sensitive_features["age"].isin(bands).all()
    # Numbers and the bands that they are in are decided on alike.
    assert list(found.predict(of_ages)) == list(found.predict(banded))
    # The same people, banded beforehand: the same result.
    given = _divided(banded) if in_parts else {"dataset": banded}
    plain = BiasMitigator(LogisticRegression(), **given, attributes=["age"]).mitigate_bias(methods=methods, **QUICK)
    assert [one.reason for one in plain.alternatives] == [one.reason for one in found.alternatives]


@pytest.mark.parametrize("in_parts", [False, True])
def test_ages_without_bands_are_refused_as_by_the_detector(of_ages, in_parts):
    with pytest.raises(DataError) as expected:
        BiasDetector(lambda X: (X["x"] > 2).astype(int), of_ages)
    given = _divided(of_ages) if in_parts else {"dataset": of_ages}
    with pytest.raises(DataError) as told:
        BiasMitigator(LogisticRegression(), **given)
    assert str(told.value) == str(expected.value)
    assert "say how to band them, as in bins={'age'" in str(told.value)
    with pytest.raises(DataError, match="bins names 'ago'"):
        BiasMitigator(LogisticRegression(), **given, bins={"ago": [40]})
    BiasMitigator(LogisticRegression(), **given, attributes=["sex"])  # what is not asked for is not looked at


@pytest.mark.parametrize("labels", [2, 3])
def test_one_person_of_unknown_sex_does_not_make_the_choice_a_constant(labels):
    """It had recalls of 0 and 1, so that only decisions that are the same for all kept the limit."""
    rng = np.random.default_rng(1)
    n = 3000
    sex = rng.choice(["f", "m"], n).astype(object)
    X = pd.DataFrame({"x": rng.normal(size=n) + (sex == "m"), "z": rng.normal(size=n)})
    score = X["x"] + X["z"] + rng.normal(size=n)
    y = pd.Series(np.digitize(score, np.quantile(score, np.linspace(0, 1, labels + 1)[1:-1])))
    sex[0] = None
    groups = pd.DataFrame({"sex": sex})

    def part(first, last):
        X_part, y_part, own = (each[first:last].reset_index(drop=True) for each in (X, y, groups))
        return Dataset(X_part, y_part, own, favorable_label=labels - 1)

    parts = {"train": part(0, 1500), "validation": part(1500, 2200), "test": part(2200, n)}
    chosen = ["group_thresholds", "randomized_thresholds"]
    limits = {"equalized_odds_difference": 0.1}
    result = BiasMitigator(LogisticRegression(), **parts).mitigate_bias(limits=limits, methods=chosen, replicates=100)
    assert result.met
    assert result.selected.validation.performance > (0.75 if labels == 2 else 0.5)
    assert {one.status for one in result.alternatives} == {"selected", "lost"}


def test_a_model_that_says_the_same_to_everybody_is_called_so(people):
    data = Dataset(people.X, pd.Series(people.y), people.sensitive, favorable_label="approved")
    constant = DummyClassifier(strategy="most_frequent")
    result = BiasMitigator(constant, data).mitigate_bias(
        limits={"demographic_parity_difference": 0.5}, methods=["reweighing"], replicates=100
    )
    assert any("not shown to be better than the same label for all" in note for note in result.notes)


class Answers:
    """A model that says what a column says."""

    def __init__(self, column):
        self.column, self.classes_ = column, np.array([0, 1])

    def predict(self, X):
        return X[self.column].to_numpy()


def test_an_intersection_can_be_levelled_down():
    """Its groups stood in no table of changes, and nothing was said where only the best off of them lost."""
    rng = np.random.default_rng(11)
    n = 6000
    people = pd.DataFrame({"race": rng.choice(["b", "w"], n), "sex": rng.choice(["f", "m"], n)})
    favored = (people["race"] == "w") & (people["sex"] == "m")
    given = rng.random(n) < np.where(favored, 0.8, 0.5)
    X = pd.DataFrame({"given": given.astype(int), "cut": (given & ~(favored & (rng.random(n) < 0.4))).astype(int)})
    y = pd.Series((rng.random(n) < np.where(given, 0.7, 0.3)).astype(int))
    policy = Policy(
        name="both",
        title="Both together",
        description="An intersection.",
        source="a test",
        jurisdiction="none",
        effective=date(2020, 1, 1),
        rules=(Rule("demographic_parity_difference", 0.1, attributes=("race & sex",)),),
    )
    rows = {"train": (0, 2000), "validation": (2000, 4000), "test": (4000, n)}
    parts = {
        name: Dataset(*(each[first:last].reset_index(drop=True) for each in (X, y, people)), favorable_label=1)
        for name, (first, last) in rows.items()
    }
    mitigator = BiasMitigator(Answers("given"), **parts)
    result = mitigator.mitigate_bias(limits=policy, methods=[], candidates={"down": Answers("cut")}, replicates=100)
    assert (result.selected.label, result.met) == ("down", True)
    assert result.levelling_down == ("race & sex",)
    assert any("the gap by race & sex became smaller by levelling down" in note for note in result.notes)
    changes = result.changes_frame().query("metric == 'selection_rate' and attribute == 'race & sex'")
    test = parts["test"]
    names = (test.sensitive_features["race"] + " & " + test.sensitive_features["sex"]).to_numpy()
    for column, when in (("given", "before"), ("cut", "after")):
        expected = test.X[column].groupby(names).mean()
        assert dict(zip(changes["group"], changes[when], strict=True)) == pytest.approx(expected.to_dict())


def test_what_is_no_better_than_the_same_label_for_all_is_called_so():
    """It keeps every limit, and took the place of a model that was of use."""
    rng = np.random.default_rng(3)
    n = 3000
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], n)})
    y = rng.integers(0, 2, n)
    favored = (people["sex"] == "m").to_numpy()
    X = pd.DataFrame({"good": np.where(rng.random(n) < 0.2, favored, y).astype(int), "coin": rng.integers(0, 2, n)})
    data = Dataset(X, pd.Series(y), people, favorable_label=1)
    result = BiasMitigator(Answers("good"), data).mitigate_bias(
        limits={"demographic_parity_difference": 0.05},
        methods=[],
        candidates={"coin": Answers("coin")},
        replicates=100,
    )
    assert (result.selected.label, result.met) == ("coin", True)
    said = [note for note in result.notes if "not shown to be better than the same label for all" in note]
    assert len(said) == 1
    assert said[0].startswith("coin: ")


def test_the_error_of_a_mean_recall():
    truth, called = np.array([0] * 80 + [1] * 20), np.array([0] * 60 + [1] * 35 + [0] * 5)
    recalls = 0.75 * 0.25 / 80 + 0.75 * 0.25 / 20
    assert _standard_error(truth, called, "balanced_accuracy") == pytest.approx(np.sqrt(recalls) / 2)
    assert _standard_error(truth, called, "accuracy") == pytest.approx(np.sqrt(0.75 * 0.25 / 100))
