"""Policies as data, and what they make of counts."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import (
    ConfusionCounts,
    Policy,
    Rule,
    assess,
    available_policies,
    families,
    impact_table,
    load_policy,
    metric_names,
    parse_policy,
    scoring_rates,
    set_aside,
)
from evenhand.fairness.statistics import Rates, largest_gap

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "policies").glob("*.yaml"))

# Clarify, tests/unit/bias/metrics/test_metrics.py, dfBinary: groups MFFMFMFFMMFF, y 011110001000, y^ 111000110100.
CLARIFY = ("MFFMFMFFMMFF", "011110001000", "111000110100")


def counts_of(groups, y, predicted, favorable=(1,), **options):
    names = tuple(sorted(set(groups)))
    classes = int(max(*y, *predicted)) + 1
    table = np.zeros((len(names), classes, classes), dtype=np.int64)
    for group, true, guess in zip(groups, y, predicted, strict=True):
        table[names.index(group), int(true), int(guess)] += 1
    return ConfusionCounts(names, table, favorable, **options)


def selections(k, n, names, **options):
    """Counts with given selections and no true favorable label."""
    table = np.zeros((len(k), 2, 2), dtype=np.int64)
    table[:, 0, 1], table[:, 0, 0] = k, np.array(n) - k
    return ConfusionCounts(tuple(names), table, (1,), **options)


def policy(**changes):
    base = {"name": "mine", "title": "t", "description": "d", "source": "s", "jurisdiction": "j"}
    return Policy(
        **(base | {"effective": date(2025, 1, 1), "rules": (Rule("demographic_parity_ratio", 0.8),)} | changes)
    )


@pytest.mark.parametrize("name", available_policies())
def test_every_policy_of_the_package_has_its_source_and_date(name):
    found = load_policy(name)
    assert found.name == name
    assert found.source
    assert found.jurisdiction
    assert isinstance(found.effective, date)
    assert json.loads(json.dumps(found.to_dict()))["effective"] == found.effective.isoformat()


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[4] / "examples" / "policies").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_policy_among_the_examples_loads_and_limits_something(path):
    assert load_policy(path).rules


def test_facts_of_the_law():
    uniform = load_policy("us-four-fifths")
    # 29 CFR 1607.4D; in force since 25 September 1978 (43 FR 38290).
    assert (uniform.rules[0].metric, uniform.rules[0].limit) == ("demographic_parity_ratio", 0.8)
    assert uniform.effective == date(1978, 9, 25)
    assert uniform.rules[0].reversal
    city = load_policy("nyc-ll144")
    # 6 RCNY 5-301; enforced since 5 July 2023.
    assert (city.rules, city.effective, city.may_leave_out_under) == ((), date(2023, 7, 5), 0.02)


def test_own_policy_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: T\ndescription: D\nsource: S\njurisdiction: J\neffective: 2025-02-01\n"
        "rules:\n  - metric: equalized_odds_difference\n    limit: 0.05\n    attributes: [sex]\n    alpha: 0.01\n",
        encoding="utf-8",
    )
    found = load_policy(path)
    assert found == load_policy(str(path))
    assert found.rules == (Rule("equalized_odds_difference", 0.05, ("sex",), 0.01),)


def test_every_mistake_at_once_with_the_nearest_name():
    text = (
        "name: mine\ntitel: T\ndescription: 3\nsource: S\njurisdiction: J\neffective: soon\nunknown: rapport\n"
        "minimum_group: 0\nalpha: 5\ntables: [impact_ratios]\n"
        "rules:\n  - metric: demografic_parity_ratio\n    limit: 80\n  - limit: 0.1\n    reversal: maybe\n  - 4\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_policy(text, origin="mine.yaml")
    told = str(caught.value)
    for piece in (
        "mine.yaml has",
        "titel: unknown key",
        "title: is missing",
        "description: must be a text",
        "effective: must be a day",
        "unknown: must be one of report, require",
        "minimum_group",
        "alpha: must lie strictly between 0 and 0.5",
        "impact_ratio",
        "rules[0].metric: unknown disparity",
        "demographic_parity_ratio",
        "rules[0].limit: must lie strictly between 0 and 1",
        "rules[1].metric: is missing",
        "rules[1].reversal",
        "rules[2]: must be a mapping",
    ):
        assert piece in told


def test_a_key_given_twice_is_a_mistake_wherever_it_stands():
    # Keys of a mapping are unique (YAML 1.2.2, section 3.2.1.3): of two limits neither may win in silence.
    text = (
        "name: mine\ntitle: T\ndescription: D\nsource: S\njurisdiction: J\neffective: 2025-02-01\n"
        "alpha: 0.05\nrules:\n  - metric: accuracy_equality_difference\n    limit: 0.05\n    limit: 0.5\nalpha: 0.4\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_policy(text)
    assert {(problem.where, problem.message) for problem in caught.value.problems} == {
        ("rules.0.limit", "given twice, on lines 10 and 11"),
        ("alpha", "given twice, on lines 7 and 12"),
    }


HEAD = "name: mine\ntitle: T\ndescription: D\nsource: S\njurisdiction: J\neffective: 2025-02-01\n"
RULE = "  - metric: accuracy_equality_difference\n    limit: 0.05\n"


def problems_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_policy(text)
    return [(problem.where, problem.message, problem.remedy) for problem in caught.value.problems]


@pytest.mark.parametrize("written", ["", " null", " ~", " ''", " 0", " false", " {}", " none"])
def test_rules_that_are_no_list_are_no_policy_without_limits(written):
    # Whoever comments out the last rule would get no verdict in place of a word about it.
    (where, message, _), *others = problems_of(f"{HEAD}rules:{written}\n")
    assert (where, others) == ("rules", [])
    assert message.startswith("must be a list, got")


@pytest.mark.parametrize("written", ["", " ''", " {}", " false"])
@pytest.mark.parametrize(
    ("key", "where"), [("    attributes", "rules[0].attributes"), ("tables", "tables"), ("notes", "notes")]
)
def test_a_list_that_says_nothing_is_a_mistake(key, where, written):
    told = problems_of(f"{HEAD}rules:\n{RULE}{key}:{written}\n")
    assert [place for place, *_ in told] == [where]
    assert told[0][2].startswith("leave it out for")


def test_one_attribute_without_brackets_is_told_with_its_rule_and_how_to_write_it():
    told = problems_of(f"{HEAD}rules:\n{RULE}    attributes: race\n")
    assert told == [("rules[0].attributes", "must be a list, got 'race'", "in brackets, as in attributes: [race]")]


def test_what_is_named_twice_is_a_mistake_since_each_comparison_costs_the_others_power():
    twice = f"{RULE}    attributes: [race, race]\n"
    assert problems_of(f"{HEAD}rules:\n{twice}") == [("rules[0].attributes", "has 'race' twice", "keep one")]
    assert problems_of(f"{HEAD}rules:\n{RULE}{RULE}") == [("rules[1]", "is the same as rules[0]", "keep one")]


def test_a_policy_made_in_python_judges_what_is_named_twice_once():
    counts = {"race": selections([60, 30, 45], [100, 100, 100], "abc")}
    rule = Rule("demographic_parity_ratio", 0.8)
    once = assess(policy(rules=(rule,)), counts)
    for rules in (
        (rule, rule),
        (replace(rule, attributes=("race", "race")),),
        (rule, replace(rule, attributes=("race",))),
    ):
        found = assess(policy(rules=rules), counts)
        assert [each.to_dict() for each in found.rules] == [each.to_dict() for each in once.rules]


@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "20260201", "2026-W05-1", "2026-02-01T00:00:00", "2026"])
def test_a_day_that_the_calendar_lacks_is_told_with_every_other_mistake(day):
    text = (
        "name: mine\ntitle: T\ndescription: D\nsource: S\njurisdiction: J\n"
        f"effective: {day}\nrules: []\nminimum_group: 0\n"
    )
    with pytest.raises(ConfigError, match="effective: must be a day such as 2025-01-31, got") as caught:
        parse_policy(text)
    assert [problem.where for problem in caught.value.problems] == ["effective", "minimum_group"]


@pytest.mark.parametrize(
    ("name", "told"),
    [("statistcal", "statistical"), ("nowhere.yaml", "there is no policy file"), ("", "unknown policy")],
)
def test_unknown_policies(name, told):
    with pytest.raises(ConfigError, match=told):
        load_policy(name)


@pytest.mark.parametrize(
    ("text", "told"), [("- 1\n", "must be a mapping"), ("a: [\n", "line 2, column 1: not valid YAML")]
)
def test_what_is_no_policy(text, told):
    with pytest.raises(ConfigError, match=told):
        parse_policy(text)


def test_disparities_of_clarify():
    counts = counts_of(*CLARIFY)
    values = {
        name: largest_gap(families(name, counts), kind="ratio" if name.endswith("ratio") else "difference").value
        for name in metric_names()
    }
    assert values["demographic_parity_difference"] == pytest.approx(6 / 35)
    assert values["demographic_parity_ratio"] == pytest.approx(0.7)
    assert values["equalized_odds_difference"] == pytest.approx(2 / 3)
    assert values["accuracy_equality_difference"] == pytest.approx(13 / 35)
    assert values["equal_opportunity_difference"] == pytest.approx(2 / 3)
    assert values["true_negative_rate_difference"] == pytest.approx(values["predictive_equality_difference"])
    assert values["false_negative_rate_difference"] == pytest.approx(values["equal_opportunity_difference"])
    assert values["false_discovery_rate_difference"] == pytest.approx(values["predictive_parity_difference"])
    assert values["false_omission_rate_difference"] == pytest.approx(values["negative_predictive_value_difference"])
    assert values["base_rate_difference"] == pytest.approx(abs(2 / 5 - 3 / 7))


def test_classes_compare_whole_distributions():
    # holisticai, tests/bias/metrics/test_bias_multiclass.py.
    counts = counts_of("AAAABBBBCC", "0120120120", "0120120120", favorable=())
    assert largest_gap(families("demographic_parity_difference", counts)).value == pytest.approx(0.5)
    odds = families("equalized_odds_difference", counts)
    assert len(odds) == 3
    gap = largest_gap(odds)
    assert gap.value == 0
    assert gap.undefined == {"prediction given class 1: C": "no rows that this rate is taken over"}
    with pytest.raises(ConfigError, match="declare"):
        families("equal_opportunity_difference", counts)


def test_recall_of_each_favorable_label():
    table = np.zeros((2, 3, 3), dtype=np.int64)
    table[0], table[1] = [[8, 2, 0], [1, 9, 0], [0, 0, 10]], [[4, 6, 0], [1, 9, 0], [5, 0, 5]]
    gap = largest_gap(families("equal_opportunity_difference", ConfusionCounts(("a", "b"), table, (0, 2))))
    assert gap.value == pytest.approx(0.5)
    assert gap.rate == "recall of class 2"


@pytest.mark.parametrize("metric", ["demographic_parity_difference", "equalized_odds_difference", "accuracy_ratio"])
@pytest.mark.parametrize("classes", [2, 3])
def test_equal_weights_change_no_estimate(metric, classes):
    table = np.random.default_rng(0).integers(5, 40, (3, classes, classes))
    favorable = (1,) if classes == 2 else ()
    plain = ConfusionCounts(("a", "b", "c"), table, favorable)
    weighted = ConfusionCounts(("a", "b", "c"), table, favorable, weights=2.0 * table, squares=4.0 * table)
    kind = "ratio" if metric.endswith("ratio") else "difference"
    first, second = (largest_gap(families(metric, counts), kind=kind) for counts in (plain, weighted))
    assert (second.value, second.low, second.high) == pytest.approx((first.value, first.low, first.high), abs=1e-6)


def test_two_classes_need_a_favorable_label():
    with pytest.raises(ConfigError, match="exactly one favorable label"):
        families("demographic_parity_ratio", counts_of(*CLARIFY, favorable=()))
    with pytest.raises(ConfigError, match="unknown disparity"):
        families("demographic_parity", counts_of(*CLARIFY))
    with pytest.raises(DataError, match="axes"):
        ConfusionCounts(("a",), np.ones((2, 2, 2), dtype=np.int64))


def test_four_fifths_example_of_the_agencies():
    # Questions and Answers, 44 FR 11996 (1979), Q&A 12: 48 of 80 against 12 of 40, a ratio of one half.
    counts = selections([48, 12], [80, 40], ["white", "black"])
    found = assess(load_policy("us-four-fifths"), {"race": counts})
    assert found.rules[0].value == pytest.approx(0.5)
    assert found.rules[0].pair == ("black", "white")
    assert found.verdict == "FAIL"


def test_small_numbers_are_no_finding():
    found = assess(load_policy("us-four-fifths"), {"sex": selections([6, 2], [10, 6], ["m", "f"])})
    assert found.verdict == "INCONCLUSIVE"
    assert any("no two rates differ significantly" in note for note in found.rules[0].notes)


def test_a_significant_difference_over_four_fifths_is_noted():
    found = assess(load_policy("us-four-fifths"), {"sex": selections([9000, 8500], [10_000, 10_000], ["m", "f"])})
    assert found.verdict == "PASS"
    assert any("significantly" in note for note in found.rules[0].notes)


def test_unknown_and_small_groups_are_reported_or_required():
    counts = selections([500, 495, 100, 1], [1000, 1000, 1000, 4], ["a", "b", "unknown", "c"])
    shown = assess(policy(), {"race": counts})
    assert shown.verdict == "PASS"
    assert shown.rules[0].reported == {"unknown": "rows without a value", "c": "4 rows are fewer than 20"}
    assert set_aside(policy(unknown="require", small_groups="require"), counts) == {}
    assert assess(policy(unknown="require"), {"race": counts}).verdict == "FAIL"
    assert assess(policy(small_groups="require"), {"race": counts}).verdict == "INCONCLUSIVE"


def test_an_undefined_group_never_passes():
    table = np.array([[[400, 100], [100, 400]], [[400, 100], [100, 400]], [[500, 100], [0, 0]]])
    counts = ConfusionCounts(("a", "b", "c"), table, (1,))
    found = assess(policy(rules=(Rule("equal_opportunity_difference", 0.2),)), {"race": counts})
    assert found.verdict == "INCONCLUSIVE"
    assert found.rules[0].undefined == {"c": "no rows with a favorable label"}


def test_rules_meet_their_attributes_and_are_judged_together():
    rules = (Rule("demographic_parity_ratio", 0.8), Rule("accuracy_equality_difference", 0.1, ("sex",)))
    counts = {
        "sex": selections([500, 500], [1000, 1000], ["f", "m"]),
        "race": selections([250, 500], [1000, 1000], ["a", "b"]),
    }
    found = assess(policy(rules=rules), counts)
    assert [(rule.metric, rule.attribute, rule.verdict) for rule in found.rules] == [
        ("demographic_parity_ratio", "sex", "PASS"),
        ("demographic_parity_ratio", "race", "FAIL"),
        ("accuracy_equality_difference", "sex", "PASS"),
    ]
    assert found.verdict == "FAIL"
    assert found.reason.startswith("demographic_parity_ratio by race")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["verdict"] == "FAIL"
    with pytest.raises(ConfigError, match="was not counted"):
        assess(policy(rules=(Rule("demographic_parity_ratio", 0.8, ("sexx",)),)), counts)


def test_a_policy_without_limits_gives_no_verdict():
    found = assess(load_policy("nyc-ll144"), {"sex": selections([5, 5], [10, 10], ["f", "m"])})
    assert (found.verdict, found.rules) == (None, ())
    assert "no limit" in found.reason


def test_impact_ratios_by_hand():
    # The rule is that of 6 RCNY 5-300; the counts are ours (those of the rules' own example tables could not be
    # checked against their text). By hand: (555 / 1181) / (667 / 1390) = 771450 / 787727 = 0.97934.
    male, female = impact_table(Rates(np.array([667, 555]), np.array([1390, 1181]), ("male", "female")))
    assert (male.impact_ratio, male.ratio_low, male.ratio_high) == (1.0, None, None)
    assert round(male.rate, 2) == 0.48
    assert female.impact_ratio == pytest.approx(771450 / 787727)
    assert female.ratio_low < female.impact_ratio < female.ratio_high


def test_table_shows_unknown_and_tiny_categories():
    rates = Rates(np.array([40, 30, 1, 9]), np.array([100, 100, 1, 20]), ("a", "b", "tiny", "unknown"))
    a, b, tiny, unknown = impact_table(rates, may_leave_out_under=0.02)
    assert (a.impact_ratio, b.impact_ratio) == (1.0, pytest.approx(0.75))
    assert tiny.may_leave_out
    assert tiny.impact_ratio == pytest.approx(2.5)
    assert unknown.impact_ratio is None
    assert unknown.rate == pytest.approx(0.45)
    assert "without a value" in unknown.reason
    json.dumps([row.to_dict() for row in (a, b, tiny, unknown)], allow_nan=False)


def test_a_table_of_a_weighted_sample_counts_rows_and_gives_rates_of_people():
    """Shares, the 2 % mark and the category that sets the ratio are of the data that was used (6 RCNY 5-301)."""
    rng = np.random.default_rng(1)
    group = np.repeat(["a", "b", "c", "d", "e"], [1000, 900, 100, 38, 10])
    chosen = (rng.random(len(group)) < np.where(group == "c", 0.6, 0.4)).astype(int)
    # A few heavy rows of c are worth so few rows that it would be under 2 %; those of e weigh nothing.
    weight = np.where(group == "c", np.exp(1.5 * rng.normal(size=len(group))), np.where(group == "e", 0.0, 1.0))
    given = {"sensitive_features": pd.DataFrame({"g": group}), "favorable_label": 1, "sample_weight": weight}
    report = BiasDetector.from_predictions(chosen, chosen, **given).detect_bias(policies="nyc-ll144", replicates=20)
    table = {row["name"]: row for row in report.to_dict()["policies"][0]["tables"]["impact_ratio"]["g"]}
    rates = {}
    for name, row in table.items():
        own = group == name
        assert (row["n"], row["selected"], row["share"]) == (own.sum(), chosen[own].sum(), own.sum() / len(group))
        assert row["may_leave_out"] == (own.sum() < 0.02 * len(group))
        assert row["weighted"]
        if weight[own].any():
            rates[name] = float(np.average(chosen[own], weights=weight[own]))
            assert row["rate"] == pytest.approx(rates[name])
    best = max(rates[name] for name in "abc")
    assert best == rates["c"]
    assert {name: table[name]["impact_ratio"] for name in "abcd"} == pytest.approx(
        {name: rates[name] / best for name in "abcd"}
    )
    assert (table["e"]["rate"], table["e"]["reason"]) == (None, "its rows weigh nothing")
    assert "of the people whom the rows stand for by their weights" in report._repr_html_()


def test_table_without_any_selection():
    rows = impact_table(Rates(np.array([0, 0]), np.array([10, 0]), ("a", "b")))
    assert [row.impact_ratio for row in rows] == [None, None]
    assert [row.reason for row in rows] == ["the highest rate is 0", "no rows"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_scoring_rates_of_rows_observed_often_are_those_of_the_repeated_rows(rows):
    assume(any(often for _, often in rows))
    scores, often = np.array(rows, dtype=float).T
    groups = np.array(["a", "b", "a"] * 4)[: len(rows)]
    at = np.repeat(np.arange(len(rows)), often.astype(int))
    found = scoring_rates(scores, groups, often)
    expected = scoring_rates(scores[at], groups[at])
    counted = {name: (k, n) for name, k, n in zip(found.names, found.k[:, 0], found.n, strict=True) if n}
    assert counted == {name: (k, n) for name, k, n in zip(expected.names, expected.k[:, 0], expected.n, strict=True)}


def test_frequency_weights_give_the_table_of_scoring_rates():
    rng = np.random.default_rng(0)
    y, score, often = rng.integers(0, 2, 60), rng.integers(0, 9, 60) / 10, rng.integers(0, 4, 60)
    people, at = pd.DataFrame({"sex": rng.choice(["f", "m", None], 60)}), np.repeat(np.arange(60), often)
    given_ = {"favorable_label": 1, "sensitive_features": people}
    found = BiasDetector.from_predictions(y, y, **given_, y_score=score, frequency_weight=often)
    repeated = BiasDetector.from_predictions(
        y[at], y[at], sensitive_features=people.iloc[at], favorable_label=1, y_score=score[at]
    )
    (own,), (expected,) = found.judge(policies="nyc-ll144"), repeated.judge(policies="nyc-ll144")
    assert set(own.tables) == {"impact_ratio", "scoring_rate"}
    assert own.to_dict() == expected.to_dict()


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({}, "the rows have no scores"),
        ({"y_score": 1}, ""),
        ({"y_score": 1, "sample_weight": np.ones(40)}, "no median is taken under sampling weights"),
        ({"y_score": 1, "score_bins": 10}, "only a histogram of the scores is kept, which has no exact median"),
    ],
    ids=["none", "scores", "weights", "bins"],
)
def test_a_table_that_cannot_be_made_is_named_with_the_reason(given_, reason):
    y, people = [1, 0] * 20, pd.DataFrame({"sex": ["f", "m", "m", "f"] * 10})
    given_ = given_ | ({"y_score": np.linspace(0, 1, 40)} if given_ else {})
    detector = BiasDetector.from_predictions(y, y, sensitive_features=people, favorable_label=1, **given_)
    report = detector.detect_bias(policies="nyc-ll144", replicates=20)
    judged = report.to_dict()["policies"][0]
    assert judged["tables_left_out"] == ({"scoring_rate": reason} if reason else {})
    assert ("scoring_rate" in judged["tables"]) is not bool(reason)
    assert (f"No table of scoring rates: {reason}." in report._repr_html_()) is bool(reason)
    (again,) = BiasDetector.from_counts(detector.counts, favorable_label=1).judge(policies="nyc-ll144")
    assert set(again.left_out) == {"scoring_rate"}


def test_a_table_of_selections_needs_a_favorable_label():
    people, y = pd.DataFrame({"sex": ["f", "m"] * 15}), [0, 1, 2] * 10
    (judged,) = BiasDetector.from_predictions(y, y, sensitive_features=people).judge(policies="nyc-ll144")
    assert judged.left_out == {"impact_ratio": "no label is favorable", "scoring_rate": "the rows have no scores"}


def test_scoring_rate_is_above_the_full_samples_median():
    rates = scoring_rates([1, 2, 2, 3, 9], ["a", "a", "b", "b", "unknown"])
    assert rates.values.ravel().tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(DataError, match="must agree"):
        scoring_rates([1], ["a", "b"])
    with pytest.raises(DataError, match="finite"):
        scoring_rates([np.nan], ["a"])


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("average_odds_difference", "limit equalized_odds"),
        ("roc_auc_ratio", "limit roc_auc_difference"),
        ("f1_ratio", "limit f1_difference"),
        ("calibration_in_the_large_ratio", "a ratio of signed errors"),
        ("roc_auc/b_difference", "for two labels"),
        ("conditional_demographic_disparity", "hides the strata"),
        ("treatment_equality_ratio", "limit equalized_odds"),
    ],
)
def test_a_disparity_without_a_sound_verdict_is_refused_with_the_reason(metric, reason):
    text = f"""
name: own
title: own
description: own
source: own
jurisdiction: none
effective: 2026-01-01
rules:
  - {{metric: {metric}, limit: 0.1}}
"""
    with pytest.raises(ConfigError, match="there is no verdict on") as caught:
        parse_policy(text)
    assert reason in str(caught.value)
    counts = ConfusionCounts(("a", "b"), np.full((2, 2, 2), 50), (1,))
    with pytest.raises(ConfigError, match=reason):
        families(metric, counts)


def test_value_interval_and_verdict_of_a_disparity_are_of_the_same_groups():
    """Unknown rows are reported: shown and named, and no part of what the verdict says."""
    people = pd.DataFrame({"sex": ["f"] * 200 + ["m"] * 200 + [None] * 100})
    predicted = [1, 0] * 100 + [1, 0] * 100 + [0] * 100
    detector = BiasDetector.from_predictions([1, 0] * 250, predicted, sensitive_features=people, favorable_label=1)
    found = detector.detect_bias(policies=["statistical"]).disparity("demographic_parity_ratio", "sex")
    bare = detector.detect_bias(policies=[]).disparity("demographic_parity_ratio", "sex")
    assert (bare.value, "unknown" in bare.between) == (0.0, True)
    assert found.value == 1.0
    assert found.low <= found.value <= found.high
    assert set(found.between) == {"f", "m"}
    assert "the value with them is 0" in found.reason
    assert found.verdict == "INCONCLUSIVE" or found.low >= 0.8


def test_a_policy_may_be_given_by_the_path_of_its_file():
    data = {"sensitive_features": {"gender": ["f", "m"] * 30}, "favorable_label": 1}
    detector = BiasDetector.from_predictions([0, 1, 1] * 20, [0, 1] * 30, **data)
    (path,) = (path for path in EXAMPLES if path.stem == "gender")
    expected = [load_policy(path).name]
    for policies in (path, [path], str(path), [load_policy(path)]):
        assert [each.assessment.policy.name for each in detector.judge(policies=policies)] == expected
        assert [each.assessment.policy.name for each in detector.detect_bias(policies=policies).policies] == expected
    with pytest.raises(ConfigError, match="policies holds 4: give names, paths"):
        detector.judge(policies=[4])
