"""The engine against definitions read row by row, and against Fairlearn where it defines the same."""

import math

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score

from evenhand.fairness import BiasDetector, count_rows
from evenhand.fairness.groups import encode_groups, encode_values
from tests.evenhand.fairness import slow_definitions as slow

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables(draw, labels=(0, 1), most_rows=40):
    """Rows of a few groups, some of them with empty cells, one label or one row."""
    n = draw(st.integers(1, most_rows))
    groups = draw(st.lists(st.sampled_from("abcd"[: draw(st.integers(1, 4))]), min_size=n, max_size=n))
    y = draw(st.lists(st.sampled_from(labels[: draw(st.integers(1, len(labels)))]), min_size=n, max_size=n))
    p = draw(st.lists(st.sampled_from(labels), min_size=n, max_size=n))
    return groups, y, p


def audit(groups, y, p, **options):
    options = {"favorable_label": 1, **options}
    return BiasDetector.from_predictions(y, p, sensitive_features=pd.DataFrame({"g": groups}), **options)


def same(found, expected):
    return (math.isnan(found) and math.isnan(expected)) or math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)


@QUIET
@given(tables())
def test_every_metric_of_every_group(rows):
    groups, y, p = rows
    if set(y) | set(p) == {0}:
        y = [1, *y[1:]]
    report = audit(groups, y, p).detect_bias(intervals=False)
    for name in set(groups):
        at = [i for i, g in enumerate(groups) if g == name]
        expected = slow.group_metrics([y[i] for i in at], [p[i] for i in at])
        found = report.group("g", name)
        assert found.n == len(at)
        for metric, value in expected.items():
            assert same(found[metric].value, value), (metric, found[metric].value, value)
            assert bool(found[metric].reason) == math.isnan(value), metric


@QUIET
@given(tables(), st.lists(st.sampled_from([0.5, 1.0, 2.5, 7.0]), min_size=40, max_size=40))
def test_sampling_weights(rows, weights):
    groups, y, p = rows
    if set(y) | set(p) == {0}:
        y = [1, *y[1:]]
    w = weights[: len(y)]
    report = audit(groups, y, p, sample_weight=w).detect_bias(intervals=False)
    for name in set(groups):
        at = [i for i, g in enumerate(groups) if g == name]
        expected = slow.group_metrics(*([column[i] for i in at] for column in (y, p, w)))
        for metric, value in expected.items():
            assert same(report.group("g", name)[metric].value, value), metric


@QUIET
@given(tables(), st.lists(st.integers(1, 5), min_size=40, max_size=40))
def test_a_frequency_is_a_repeated_row(rows, often):
    groups, y, p = rows
    if set(y) | set(p) == {0}:
        y = [1, *y[1:]]
    times = often[: len(y)]
    once = audit(groups, y, p, frequency_weight=times)
    repeated = audit(*(np.repeat(np.array(column), times).tolist() for column in (groups, y, p)))
    assert once.counts.counts.tolist() == repeated.counts.counts.tolist()


FAIRLEARN = {
    "demographic_parity_difference": fairlearn.demographic_parity_difference,
    "demographic_parity_ratio": fairlearn.demographic_parity_ratio,
    "equalized_odds_difference": fairlearn.equalized_odds_difference,
    "equalized_odds_ratio": fairlearn.equalized_odds_ratio,
    "equal_opportunity_difference": fairlearn.equal_opportunity_difference,
    "equal_opportunity_ratio": fairlearn.equal_opportunity_ratio,
}


@settings(QUIET, max_examples=25)
@given(tables(most_rows=25))
def test_disparities_are_fairlearns_where_all_rates_are_defined(rows):
    groups, y, p = rows
    counted = {g: {y_ for g_, y_ in zip(groups, y, strict=True) if g_ == g} for g in groups}
    if len(counted) < 2 or any(seen != {0, 1} for seen in counted.values()):
        return
    report = audit(groups, y, p).detect_bias(intervals=False)
    for method in ("between_groups", "to_overall"):
        for name, peer in FAIRLEARN.items():
            expected = float(peer(y, p, sensitive_features=groups, method=method))
            found = report.disparity(name, "g", method=method)
            if not math.isnan(found.value) and not math.isnan(expected):
                assert same(found.value, expected), (name, method)
            assert found.reason or not math.isnan(found.value)
    mean = fairlearn.equalized_odds_difference(y, p, sensitive_features=groups, agg="mean")
    assert same(report.disparity("equalized_odds_difference", "g", agg="mean").value, float(mean))


def test_a_metric_frame_of_many_rows():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, (2, 1000))
    people = pd.DataFrame({"race": rng.choice(list("wbh"), 1000), "sex": rng.choice(["f", "m"], 1000)})
    names = {
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "accuracy": accuracy_score,
        "precision": precision_score,
        "balanced_accuracy": balanced_accuracy_score,
        "f1": f1_score,
    }
    frame = fairlearn.MetricFrame(metrics=names, y_true=y, y_pred=p, sensitive_features=people)
    report = BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=1).detect_bias()
    for group, row in frame.by_group.iterrows():
        found = report.group("race & sex", group)
        for name in names:
            assert found[name].value == pytest.approx(row[name], abs=1e-12)
            assert found[name].interval[0] < row[name] < found[name].interval[1]


@QUIET
@given(tables(labels=("a", "b", "c", "d")))
def test_multiclass_by_all_sets_of_labels(rows):
    groups, y, p = rows
    y, p = [*y, "a", "b", "c"], [*p, "a", "b", "c"]
    groups = [*groups, "a", "a", "a"]
    labels = sorted(set(y) | set(p))
    report = audit(groups, y, p, favorable_label=None).detect_bias(intervals=False)
    names = sorted(set(groups))
    pairs = [(a, b) for a in names for b in names if a < b]

    def tv(label=None):
        own = {g: [q for g_, y_, q in zip(groups, y, p, strict=True) if g_ == g and label in (None, y_)] for g in names}
        return slow.largest([slow.total_variation(own[a], own[b], labels) for a, b in pairs])

    assert same(report.disparity("demographic_parity_difference", "g").value, tv())
    assert same(report.disparity("equalized_odds_difference", "g").value, slow.largest([tv(k) for k in labels]))
    assert "selection_rate" not in report.overall
    for label in labels:
        for g in names:
            own = [(y_ == label, q == label) for g_, y_, q in zip(groups, y, p, strict=True) if g_ == g]
            expected = slow.group_metrics(*zip(*own, strict=True))
            for metric in ("selection_rate", "true_positive_rate", "precision"):
                assert same(report.group("g", g)[f"{metric}/{label}"].value, expected[metric])


@QUIET
@given(tables())
def test_two_labels_are_the_multiclass_definition_too(rows):
    """Adding a third label that nobody in these groups has changes neither definition."""
    groups, y, p = rows
    if len(set(groups)) < 2 or set(y) != {0, 1}:
        return
    two = audit(groups, y, p).detect_bias(intervals=False)
    three = BiasDetector.from_counts(audit(groups, y, p).counts.with_classes([0, 1, 2]), favorable_label=1).detect_bias(
        intervals=False
    )
    assert three.task == "binary"  # a label without rows is none
    chosen = ["demographic_parity_difference", "equalized_odds_difference", "average_odds_difference"]
    for name in chosen:
        assert same(two.disparity(name, "g").value, three.disparity(name, "g").value)


def test_equal_opportunity_over_declared_labels():
    people = pd.DataFrame({"g": list("aaaabbbb")})
    y = ["good", "good", "fair", "bad"] * 2
    p = ["good", "good", "fair", "bad", "good", "bad", "bad", "bad"]
    found = BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=["good", "fair"])
    report = found.detect_bias()
    assert report.disparity("equal_opportunity_difference", "g").value == 1.0
    assert report.group("g", "a")["selection_rate"].value == 0.75
    assert report.audit("g").four_fifths.ratio == pytest.approx(1 / 3)
    assert report.disparity("demographic_parity_difference", "g").p_value is not None


@QUIET
@given(tables(), st.randoms(use_true_random=False))
def test_order_names_and_chunks_never_change_an_estimate(rows, random):
    groups, y, p = rows
    whole = _count(groups, y, p)
    order = list(range(len(y)))
    random.shuffle(order)
    shuffled = _count(*([column[i] for i in order] for column in (groups, y, p)))
    cut = random.randint(0, len(y))
    parts = [_count(groups[a:b], y[a:b], p[a:b]) for a, b in ((0, cut), (cut, len(y))) if a < b]
    merged = parts[0] if len(parts) == 1 else parts[1] + parts[0]
    renamed = _count([{"a": "z", "b": "y", "c": "x", "d": "w"}[g] for g in groups], y, p)
    marginals = [table.with_classes([0, 1]).marginal(["g"]) for table in (whole, shuffled, merged, renamed)]
    assert marginals[0].groups == marginals[1].groups == marginals[2].groups
    for other in marginals[1:3]:
        assert other.counts.tolist() == marginals[0].counts.tolist()
    assert sorted(marginals[3].counts.tolist()) == sorted(marginals[0].counts.tolist())


def _count(groups, y, p):
    return count_rows(
        encode_groups(pd.DataFrame({"g": groups})), encode_values(y, name="y"), encode_values(p, name="p")
    )


def test_huge_counts_stay_exact():
    table = _count(list("ab"), [0, 1], [1, 1])
    for _ in range(40):
        table = table + table
    assert table.n == 2**41
    report = BiasDetector.from_counts(table, favorable_label=1).detect_bias()
    assert report.disparity("demographic_parity_difference", "g").value == 0
