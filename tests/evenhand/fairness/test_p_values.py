"""A p-value belongs to the metric that it stands beside."""

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness import BiasDetector
from evenhand.fairness.conditional import _p_value, conditional_disparity
from evenhand.fairness.options import Options
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


def _given_branch(rng: np.random.Generator, groups: str, n: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    people = pd.DataFrame({"g": rng.choice(list(groups), n)})
    branch = pd.DataFrame({"branch": rng.choice(["north", "south"], n, p=[0.3, 0.7])})
    return people, branch, pd.Series(rng.random(n) < np.where(branch["branch"] == "north", 0.7, 0.3)).astype(int)


@pytest.mark.parametrize(("groups", "replicates"), [("ab", 1000), ("abc", 1000), ("ab", 100)])
def test_a_conditional_disparity_is_tested_by_permuting_within_its_strata(groups: str, replicates: int) -> None:
    rng = np.random.default_rng(11)
    people, branch, decided = _given_branch(rng, groups, 300)
    where = [np.flatnonzero(branch["branch"] == name) for name in ("north", "south")]

    def largest(labels: np.ndarray) -> float:
        total = dict.fromkeys(groups, 0.0)
        for rows in where:
            refused, accepted = labels[rows][decided[rows] == 0], labels[rows][decided[rows] == 1]
            for group in groups:
                total[group] += len(rows) / 300 * ((refused == group).mean() - (accepted == group).mean())
        return max(total.values())

    def shuffled() -> np.ndarray:
        labels = people["g"].to_numpy(dtype=object, copy=True)
        for rows in where:
            labels[rows] = rng.permutation(labels[rows])
        return labels

    report = BiasDetector.from_predictions(
        decided, decided, sensitive_features=people, favorable_label=1, legitimate_factors=branch
    ).detect_bias(replicates=replicates)
    found = report.disparity("conditional_demographic_disparity", "g")
    seen = largest(people["g"].to_numpy(dtype=object))
    assert found.value == pytest.approx(seen)
    expected = np.mean([largest(shuffled()) >= seen - 1e-12 for _ in range(3000)])
    assert found.p_value == pytest.approx(expected, abs=0.06)


def test_opposite_strata_cancel_in_the_p_value_of_a_conditional_disparity_too() -> None:
    """Of 5,000 rows a cell: one stratum favors a as much as the other favors b, and the mean is nought."""
    rows = [("a", "x", 2750), ("b", "x", 2250), ("a", "y", 2250), ("b", "y", 2750)]
    drawn = [(group, branch, int(at < accepted)) for group, branch, accepted in rows for at in range(5000)]
    frame = pd.DataFrame(drawn, columns=["g", "branch", "decided"])
    detector = BiasDetector.from_predictions(
        frame["decided"],
        frame["decided"],
        sensitive_features=frame[["g"]],
        favorable_label=1,
        legitimate_factors=frame[["branch"]],
    )
    for replicates in (100, 1000):
        found = detector.detect_bias(replicates=replicates).disparity("conditional_demographic_disparity", "g")
        assert found.value == pytest.approx(0, abs=1e-12)
        assert found.p_value > 0.95


@pytest.mark.parametrize("replicates", [400, 100])
def test_a_conditional_disparity_is_found_no_more_often_than_its_level(replicates: int) -> None:
    rng = np.random.default_rng(4)
    sizes = np.array([[40, 25, 30], [60, 80, 40]])
    found = 0
    for _ in range(600):
        accepted = rng.binomial(sizes, [[0.7], [0.3]])
        strata = np.stack([sizes - accepted, accepted], axis=-1).astype(float)
        largest = float(conditional_disparity(strata).max())
        found += _p_value(strata, largest, Options(replicates=replicates)) <= 0.05
    assert found / 600 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 600)


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
