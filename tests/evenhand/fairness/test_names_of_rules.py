"""Whatever a policy can limit is read from the report by the name that the rule calls it."""

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import figure_names, metric_names, parse_policy
from evenhand.fairness.report_values import resolve
from tests.evenhand.fairness import slow_definitions as slow

WITHOUT_FAVORABLE = ("demographic_parity", "equalized_odds", "accuracy", "accuracy_equality")


def policy(metrics, limit=0.5):
    rules = "".join(f"  - {{metric: {metric}, limit: {limit}}}\n" for metric in metrics)
    return parse_policy(
        "name: own\ntitle: own\ndescription: own\nsource: own\njurisdiction: none\neffective: 2026-02-01\n"
        f"rules:\n{rules}"
    )


def rows(labels, n=900, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, labels, n)
    decided = np.where(rng.random(n) < 0.6, y, rng.integers(0, labels, n))
    return pd.DataFrame({"group": rng.choice(list("abc"), n), "y": y, "decided": decided})


def detector(found, favorable, **options):
    return BiasDetector.from_predictions(
        found["y"], found["decided"], sensitive_features=found[["group"]], favorable_label=favorable, **options
    )


@pytest.mark.parametrize(
    ("labels", "favorable", "metrics"),
    [
        (2, 1, metric_names()),
        (3, 1, metric_names()),
        (3, [0, 2], metric_names()),
        (4, None, [name for name in metric_names() if name.rpartition("_")[0] in WITHOUT_FAVORABLE]),
    ],
)
def test_every_name_has_its_verdict_value_interval_and_p_value(labels, favorable, metrics):
    found = detector(rows(labels), favorable)
    judged, bare = found.detect_bias(policies=[policy(metrics)]), found.detect_bias(policies=[])
    rules = judged.policies[0].assessment.rules
    assert [rule.metric for rule in rules] == list(metrics)
    for rule in rules:
        ruled, plain = judged.disparity(rule.metric, "group"), bare.disparity(rule.metric, "group")
        assert ruled.verdict == rule.verdict, rule.metric
        assert ruled.interval == (rule.low, rule.high), rule.metric
        assert "policy own" in ruled.reason
        # The same definition, the same groups and nearly the same interval without a policy.
        assert plain.value == pytest.approx(rule.value, abs=1e-12), rule.metric
        assert ruled.value == rule.value
        assert set(plain.between) == set(rule.pair), rule.metric
        assert plain.high >= rule.high if rule.kind == "difference" else plain.low <= rule.low, rule.metric
        assert plain.p_value is not None, rule.metric


def test_a_rule_that_fails_is_seen_where_the_documents_say():
    group = ["a"] * 500 + ["b"] * 500
    decided = [1] * 100 + [0] * 400 + [1] * 400 + [0] * 100
    found = pd.DataFrame({"group": group, "y": [1, 0] * 500, "decided": decided})
    report = detector(found, 1).detect_bias(policies=[policy(["selection_rate_ratio"], 0.8)])
    gap = report.disparity("selection_rate_ratio", "group")
    assert (gap.verdict, gap.value) == ("FAIL", 0.25)
    assert gap == report.disparity("demographic_parity_ratio", "group")
    assert report.to_dict()["attributes"]["group"]["disparities"]["demographic_parity_ratio"]["verdict"] == "FAIL"


def test_two_names_of_one_disparity_have_the_worse_verdict():
    found = detector(rows(2), 1)
    alone = {limit: policy(["selection_rate_difference"], limit) for limit in (0.5, 0.0001)}
    both = found.detect_bias(policies=[policy(["demographic_parity_difference"], 0.5), alone[0.0001]])
    assert found.detect_bias(policies=[alone[0.5]]).disparity("selection_rate_difference", "group").verdict == "PASS"
    for name in ("demographic_parity_difference", "selection_rate_difference"):
        assert both.disparity(name, "group").verdict != "PASS"


def test_a_rule_on_scores_that_are_not_there_is_read_with_its_reason():
    report = detector(rows(2), 1).detect_bias(policies=[policy(figure_names())])
    for name in ("roc_auc_difference", "calibration_in_the_large_difference"):
        gap = report.disparity(name, "group")
        assert (gap.verdict, gap.interval) == ("INCONCLUSIVE", None)
        assert np.isnan(gap.value)
        assert "no scores" in gap.reason


def test_the_rate_of_favorable_labels_is_not_the_distribution_of_all():
    found = rows(3)
    report = detector(found, [0, 2]).detect_bias(policies=[])
    groups = dict(list(found.groupby("group")))
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    decided = {name: part["decided"].tolist() for name, part in groups.items()}
    whole = slow.largest([slow.total_variation(decided[one], decided[two], [0, 1, 2]) for one, two in pairs])
    assert report.disparity("demographic_parity_difference", "group").value == pytest.approx(whole)
    for name, part in groups.items():
        expected = slow.group_metrics(part["y"].isin([0, 2]).tolist(), part["decided"].isin([0, 2]).tolist())
        for metric in ("selection_rate", "true_positive_rate", "false_omission_rate", "precision"):
            assert report.group("group", name)[metric].value == pytest.approx(expected[metric])
    rates = [np.isin(part["decided"], [0, 2]).mean() for part in groups.values()]
    assert report.disparity("selection_rate_difference", "group").value == pytest.approx(max(rates) - min(rates))


def test_without_favorable_labels_there_is_no_rate_of_them():
    found = detector(rows(3), None)
    report = found.detect_bias(policies=[])
    with pytest.raises(DataError, match="there is no disparity 'selection_rate_difference'"):
        report.disparity("selection_rate_difference", "group")
    with pytest.raises(ConfigError, match="declare the favorable labels"):
        found.detect_bias(policies=[policy(["selection_rate_difference"])])


@pytest.mark.parametrize("method", ["between_groups", "to_overall", "to_reference"])
def test_ratios_of_distributions_are_the_smallest_of_any_label(method):
    found = rows(3)
    found = found[~((found["group"] == "c") & (found["y"] == 2))]
    report = detector(found, None).detect_bias(policies=[], reference={"group": "a"}, intervals=False)

    def share(part, label):
        return (part["decided"] == label).mean() if len(part) else np.nan

    def smallest(part, label):
        shares = {name: share(part[part["group"] == name], label) for name in "abc"}
        known = {name: value for name, value in shares.items() if not np.isnan(value)}
        if method == "between_groups":
            return min(known.values()) / max(known.values())
        base = share(part, label) if method == "to_overall" else known.pop("a")
        return min(min(value, base) / max(value, base) for value in known.values())

    parity = report.disparity("demographic_parity_ratio", "group", method=method)
    assert parity.value == pytest.approx(min(smallest(found, label) for label in range(3)))
    given = [min(smallest(found[found["y"] == true], label) for label in range(3)) for true in range(3)]
    odds = report.disparity("equalized_odds_ratio", "group", method=method)
    assert odds.value == pytest.approx(min(given))
    assert odds.undefined == {"c": "no rows with the label 2"}
    mean = report.disparity("equalized_odds_ratio", "group", method=method, agg="mean")
    assert mean.value == pytest.approx(np.mean(given))


def test_the_ratio_of_one_group_is_undefined_with_its_reason():
    found = rows(3)
    report = detector(found.assign(group="a"), None).detect_bias(policies=[])
    for name in ("demographic_parity_ratio", "equalized_odds_ratio"):
        gap = report.disparity(name, "group")
        assert np.isnan(gap.value)
        assert gap.reason == "there is only one group"


def test_the_p_value_of_a_ratio_is_that_of_its_own_rate():
    # Label 1 is favorable and equally frequent; 0 and 2 are not.
    table = pd.DataFrame({"group": ["a"] * 200 + ["b"] * 200})
    decided = [1] * 100 + [0] * 90 + [2] * 10 + [1] * 100 + [0] * 10 + [2] * 90
    report = detector(table.assign(y=decided, decided=decided), 1).detect_bias(policies=[])
    assert report.disparity("demographic_parity_ratio", "group").p_value == pytest.approx(1)
    assert report.disparity("demographic_parity_difference", "group").p_value < 0.01


def test_names_resolve_by_the_kind_of_target():
    assert resolve("selection_rate_difference") == "demographic_parity_difference"
    assert resolve("selection_rate_difference", "multiclass") == "selection_rate_difference"
    assert resolve("recall_score_ratio", "multiclass") == "true_positive_rate_ratio"
    assert resolve("accuracy_score_ratio", "multiclass") == "accuracy_equality_ratio"
