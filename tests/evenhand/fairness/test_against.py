"""Intervals of disparities to everybody and to a reference group."""

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness import BiasDetector
from evenhand.fairness.against import _carried
from evenhand.fairness.statistics import koopman, miettinen_nurminen


def detector(k, n, names="abc"):
    groups = np.repeat(list(names)[: len(n)], n)
    predicted = np.concatenate([np.arange(size) < hits for hits, size in zip(k, n, strict=True)]).astype(int)
    people = pd.DataFrame({"group": groups})
    return BiasDetector.from_predictions(np.ones(len(groups)), predicted, sensitive_features=people, favorable_label=1)


def test_two_groups_to_the_reference_are_two_groups():
    report = detector([80, 50], [100, 100]).detect_bias(reference={"group": "a"}, policies=[])
    for name in ("demographic_parity_difference", "demographic_parity_ratio"):
        between = report.disparity(name, "group")
        found = report.disparity(name, "group", method="to_reference")
        assert (found.value, found.low, found.high) == pytest.approx(
            (between.value, between.low, between.high), abs=1e-9
        )


def test_a_third_group_widens_no_comparison_that_is_not_with_the_reference():
    """Two comparisons with the reference, of three between groups."""
    report = detector([80, 50, 65], [100, 100, 100]).detect_bias(reference={"group": "a"}, policies=[])
    found = report.disparity("demographic_parity_difference", "group", method="to_reference")
    low, high = miettinen_nurminen(80, 100, 50, 100, 1 - 0.05 / 2)
    assert found.value == pytest.approx(0.3)
    assert found.low == pytest.approx(float(low), abs=1e-3)
    assert found.high < float(high)


def test_to_everybody_is_the_distance_to_the_rest_by_its_share():
    report = detector([80, 50], [100, 300]).detect_bias(policies=[])
    found = report.disparity("demographic_parity_difference", "group", method="to_overall")
    low, high = (float(limit) for limit in miettinen_nurminen(80, 100, 50, 300))
    assert found.value == pytest.approx(0.8 - 130 / 400)
    assert found.high == pytest.approx(0.75 * high, abs=1e-6)
    assert found.low <= 0.75 * low
    ratio = report.disparity("demographic_parity_ratio", "group", method="to_overall")
    nearest = float(koopman(50, 300, 80, 100)[0])
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio.low == pytest.approx(_carried(nearest, 1.0, "ratio", 0.25)[0], rel=0.2)


def test_it_covers_the_true_distance_to_everybody():
    """Also of a group of ten, whose limits are at least the exact ones."""
    rng = np.random.default_rng(4)
    sizes, p = np.array([120, 200, 10]), np.array([0.3, 0.5, 0.9])
    true = np.abs(p - (sizes * p).sum() / sizes.sum()).max()
    covered = 0
    for _ in range(20):
        found = detector(rng.binomial(sizes, p), sizes).detect_bias(policies=[], replicates=100, depth=1)
        gap = found.disparity("demographic_parity_difference", "group", method="to_overall")
        assert gap.low <= gap.value <= gap.high
        covered += gap.low <= true <= gap.high
    assert covered >= 18


def test_equal_groups_reach_no_gap_and_one_group_has_none():
    report = detector([50, 50], [100, 100]).detect_bias(policies=[])
    found = report.disparity("demographic_parity_difference", "group", method="to_overall")
    assert (found.value, found.low) == (0.0, 0.0)
    assert "everybody else" in found.reason
    alone = detector([50], [100]).detect_bias(policies=[])
    assert alone.disparity("demographic_parity_difference", "group", method="to_overall").interval is None
