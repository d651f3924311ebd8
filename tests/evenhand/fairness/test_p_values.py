"""A p-value belongs to the metric that it stands beside."""

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness import BiasDetector
from evenhand.fairness.statistics import equality_p_value


def test_equal_selection_is_not_given_the_p_value_of_unequal_base_rates() -> None:
    g = ["a"] * 100 + ["b"] * 100
    y = [1] * 30 + [0] * 70 + [1] * 70 + [0] * 30
    decided = ([1] * 30 + [0] * 70) * 2
    people = pd.DataFrame({"g": g})
    report = BiasDetector.from_predictions(y, decided, sensitive_features=people, favorable_label=1).detect_bias()
    for kind in ("difference", "ratio"):
        assert report.disparity(f"demographic_parity_{kind}", "g").p_value == 1.0
    assert report.disparity("base_rate_difference", "g").p_value < 1e-6


def test_every_metric_has_the_p_value_of_its_own_table() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        n = int(rng.integers(20, 80))
        people = pd.DataFrame({"g": rng.choice(["a", "b"], n)})
        y, decided = rng.integers(0, 2, (2, n))
        report = BiasDetector.from_predictions(y, decided, sensitive_features=people, favorable_label=1).detect_bias()
        for name, given, hit in (
            ("demographic_parity", np.ones(n, bool), decided == 1),
            ("equal_opportunity", y == 1, decided == 1),
            ("predictive_equality", y == 0, decided == 1),
            ("predictive_parity", decided == 1, y == 1),
            ("accuracy_equality", np.ones(n, bool), y == decided),
        ):
            found = report.disparity(f"{name}_difference", "g")
            table = np.array([[(hit[given & (people["g"] == one)] == k).sum() for k in (0, 1)] for one in ("a", "b")])
            if found.p_value is not None and (table.sum(axis=1) > 0).all():
                expected = equality_p_value(table, alpha=0.05, replicates=1000, seed=0).value
                assert found.p_value == pytest.approx(expected, rel=1e-9), name


def test_sampling_weights_give_conditional_disparity_no_draws_whatever_strata_are_left_out() -> None:
    rng = np.random.default_rng(0)
    n = 400
    people = pd.DataFrame({"g": rng.choice(["a", "b"], n)})
    y, decided = rng.integers(0, 2, (2, n))
    branch = pd.DataFrame({"branch": rng.choice(["north", "south", "all"], n)})
    decided[branch["branch"] == "all"] = 1
    report = BiasDetector.from_predictions(
        y,
        decided,
        sensitive_features=people,
        favorable_label=1,
        legitimate_factors=branch,
        sample_weight=rng.random(n),
    ).detect_bias()
    found = report.disparity("conditional_demographic_disparity", "g")
    assert found.p_value is None
    reason = report.group("g", "a")["conditional_demographic_disparity"].reason
    assert "left out" in reason
    assert "sampling weights" in reason
