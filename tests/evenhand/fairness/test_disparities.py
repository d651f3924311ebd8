"""What a disparity says of itself: the two groups that it stands between, and the rates that it rests on."""

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import ConfusionCounts, assess, parse_policy

POLICY = """
{name: own, title: own, description: own, source: own, jurisdiction: none, effective: 2026-01-01,
 rules: [{metric: equalized_odds_ratio, limit: 0.2}]}
"""


def audited(tables, labels=("refused", "granted"), favorable="granted", **options):
    """The report of groups with these counts by label and predicted label."""
    rows = [
        (group, labels[y], labels[p])
        for group, table in tables.items()
        for (y, p), n in np.ndenumerate(np.array(table))
        for _ in range(n)
    ]
    group, true, predicted = zip(*rows, strict=True)
    people = pd.DataFrame({"group": group})
    given = {"sensitive_features": people, "favorable_label": favorable}
    return BiasDetector.from_predictions(true, predicted, **given).detect_bias(**options)


SAME = [[30, 20], [10, 40]]


@pytest.mark.parametrize("labels", [("refused", "granted"), ("a", "b", "granted")])
def test_equal_groups_are_two(labels):
    same = SAME if len(labels) == 2 else [[20, 5, 5], [5, 20, 5], [5, 5, 20]]
    tables = dict.fromkeys("xyz", same)
    report = audited(tables, labels, policies=[], reference={"group": "x"}, intervals=False)
    for method in ("between_groups", "to_reference"):
        for form, value in (("difference", 0), ("ratio", 1)):
            found = report.disparity(f"accuracy_equality_{form}", "group", method=method)
            assert found.value == value
            assert len(set(found.between)) == 2
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        for method in ("between_groups", "to_reference"):
            assert len(set(report.disparity(name, "group", method=method).between)) == 2


def test_a_reference_alone_is_compared_with_nobody():
    # The true positive rate is defined in the reference only: its distance of 0 to itself says nothing of the others.
    report = audited({"x": SAME, "y": [[30, 20], [0, 0]]}, policies=[], reference={"group": "x"})
    for form in ("difference", "ratio"):
        found = report.disparity(f"equal_opportunity_{form}", "group", method="to_reference")
        assert np.isnan(found.value)
        assert found.reason == "defined in 1 of 2 groups: two are needed"
        assert found.undefined == {"y": "no rows with the favorable label"}
    three = audited(
        {"x": [[5, 5, 0], [0, 0, 0], [0, 0, 9]], "y": [[0, 0, 0], [4, 4, 0], [0, 0, 0]]},
        ("a", "b", "granted"),
        policies=[],
        reference={"group": "x"},
    )
    assert np.isnan(three.disparity("equalized_odds_difference", "group", method="to_reference").value)


@pytest.mark.parametrize("labels", [("refused", "granted"), ("a", "b", "granted")])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_group_is_not_compared_with_itself_as_everybody(labels, weighted):
    same = SAME if len(labels) == 2 else [[20, 5, 5], [5, 20, 5], [5, 5, 20]]
    rows = [(labels[y], labels[p]) for (y, p), n in np.ndenumerate(np.array(same)) for _ in range(n)]
    true, predicted = zip(*rows, strict=True)
    weights = np.random.default_rng(0).random(len(rows)) if weighted else None
    given = {"sensitive_features": pd.Series(["x"] * len(rows), name="group"), "favorable_label": "granted"}
    report = BiasDetector.from_predictions(true, predicted, **given, sample_weight=weights).detect_bias(policies=[])
    for name, found in report.audit("group").to_overall.items():
        assert np.isnan(found.value), name
        assert found.between is None, name
        assert found.reason == "there is only one group", name


def test_everybody_who_has_a_rate_may_be_one_group():
    # Nobody of y has the favorable label: everybody's true positive rate is x's own.
    report = audited({"x": SAME, "y": [[30, 20], [0, 0]]}, policies=[])
    for name in ("equal_opportunity_difference", "equal_opportunity_ratio"):
        found = report.disparity(name, "group", method="to_overall")
        assert np.isnan(found.value)
        assert found.reason == "defined in 1 of 2 groups: two are needed"
    assert report.disparity("predictive_equality_difference", "group", method="to_overall").value == 0


def test_a_mean_is_refused_where_there_is_one_rate():
    report = audited({"x": SAME, "y": [[40, 10], [20, 30]]}, policies=[], intervals=False)
    mean = report.disparity("equalized_odds_difference", "group", agg="mean")
    assert mean == report.disparity("average_odds_difference", "group", agg="mean")
    assert mean.value == pytest.approx((0.2 + 0.2) / 2)
    with pytest.raises(DataError, match="'demographic_parity_difference' has one: leave agg out"):
        report.disparity("demographic_parity_difference", "group", agg="mean")
    with pytest.raises(DataError, match="agg is 'worst': did you mean 'worst_case'"):
        report.disparity("equalized_odds_difference", "group", agg="worst")


def test_equalized_odds_says_when_it_rests_on_one_rate():
    # Nobody is wrongly granted: the ratio of false positive rates is 0/0.
    report = audited({"x": [[500, 0], [50, 450]], "y": [[500, 0], [50, 450]]}, policies=[])
    for method in ("between_groups", "to_overall"):
        found = report.disparity("equalized_odds_ratio", "group", method=method)
        assert found.value == 1
        assert "it rests on true_positive_rate alone; of false_positive_rate: every value is 0" in found.reason
    assert np.isnan(report.disparity("average_odds_ratio", "group").value)
    whole = audited({"x": SAME, "y": SAME}, policies=[]).disparity("equalized_odds_ratio", "group")
    assert whole.reason == ""


def test_what_rests_on_one_rate_never_passes():
    # However many rows and however lenient the limit: a ratio of 0/0 is not shown to be at least 0.2.
    table = [[50_000, 0], [5_000, 45_000]]
    found = assess(parse_policy(POLICY), {"group": ConfusionCounts(("x", "y"), np.array([table, table]), (1,))})
    assert found.verdict == "INCONCLUSIVE"
