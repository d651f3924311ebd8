"""The worst mixture of groups against a linear program, and label noise against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from evenhand.fairness.statistics import Estimated, wilson
from evenhand.modeling.robustness_mixtures import Hits, after_label_noise, worst_mixture, worst_mixture_accuracy

groups = st.integers(2, 6)
# The solver takes costs that differ by less than its tolerance, 1e-7, for equal, and misses the minimum by as much.
accuracies = st.integers(0, 100_000).map(lambda k: k / 100_000)


@settings(deadline=None)
@given(
    groups.flatmap(
        lambda g: st.tuples(arrays(float, g, elements=accuracies), arrays(float, g, elements=st.floats(0.01, 1)))
    ),
    st.floats(1.01, 20),
)
def test_it_is_the_solution_of_the_linear_program(made, factor):
    values, sizes = made
    shares = sizes / sizes.sum()
    found = worst_mixture(values, shares, factor)
    assert found.sum() == pytest.approx(1)
    assert (found >= shares / factor - 1e-12).all()
    assert (found <= shares * factor + 1e-12).all()
    bounds = list(zip(shares / factor, shares * factor, strict=True))
    solved = linprog(values, A_eq=np.ones((1, len(values))), b_eq=[1.0], bounds=bounds)
    assert solved.status == 0
    assert found @ values == pytest.approx(solved.fun, abs=1e-9)


def test_a_factor_of_almost_one_leaves_the_mixture_and_a_huge_one_leaves_the_worst_group():
    values, shares = [0.9, 0.6, 0.8], [0.5, 0.2, 0.3]
    assert worst_mixture(values, shares, 1 + 1e-9) @ values == pytest.approx(np.dot(values, shares))
    assert worst_mixture(values, shares, 1e9).round(6).tolist() == [0, 1, 0]


def test_the_worst_attribute_counts_and_small_groups_take_no_part():
    hits = {
        "sex": Hits(np.array([45, 90]), np.array([50, 100])),
        "race": Hits(np.array([0, 60, 80]), np.array([5, 100, 100])),
    }
    found, attribute = worst_mixture_accuracy(hits, factor=2, least=10, confidence=0.95)
    assert attribute == "race"
    assert found.value == pytest.approx(0.75 * 0.6 + 0.25 * 0.8)
    assert found.n == 200
    assert found.low < found.value < found.high
    # Four of the five groups take part: each limit is taken at a fourth of the error.
    low, _ = wilson([60, 80], [100, 100], 1 - 0.05 / 4)
    assert found.low == pytest.approx(0.75 * low[0] + 0.25 * low[1])


def test_one_group_is_no_mixture():
    found, attribute = worst_mixture_accuracy(
        {"sex": Hits(np.array([8, 1]), np.array([10, 2]))}, factor=2, least=10, confidence=0.95
    )
    assert math.isnan(found.value)
    assert (found.reason, attribute) == ("no attribute has two groups of at least 10 rows", "")


def test_the_interval_covers_the_true_minimum():
    """Three groups whose accuracies are nearly equal: the minimum is picked after the fact, and still covered."""
    rng, truth, n = np.random.default_rng(0), np.array([0.8, 0.81, 0.82]), np.array([60, 80, 120])
    wanted = worst_mixture(truth, n / n.sum(), 2) @ truth
    hits = 0
    for _ in range(400):
        found, _ = worst_mixture_accuracy(
            {"race": Hits(rng.binomial(n, truth), n)}, factor=2, least=10, confidence=0.95
        )
        hits += found.low <= wanted <= found.high
    assert hits / 400 >= 0.95


@pytest.mark.parametrize("classes", [2, 4])
def test_label_noise_is_what_a_simulation_shows(classes):
    rng, n, share = np.random.default_rng(1), 400_000, 0.2
    truth = rng.integers(0, classes, n)
    decided = np.where(rng.random(n) < 0.85, truth, (truth + 1) % classes)
    noisy = np.where(rng.random(n) < share, (truth + rng.integers(1, classes, n)) % classes, truth)
    accuracy = float((decided == truth).mean())
    found = after_label_noise(Estimated(accuracy, accuracy - 0.1, accuracy + 0.1, n), share=share, classes=classes)
    assert found.value == pytest.approx(float((decided == noisy).mean()), abs=0.004)
    assert found.low < found.value < found.high


def test_undefined_stays_undefined():
    nan = float("nan")
    found = after_label_noise(Estimated(nan, nan, nan, 3, "fewer than 10 rows"), share=0.1, classes=2)
    assert math.isnan(found.value)
    assert found.reason == "fewer than 10 rows"
