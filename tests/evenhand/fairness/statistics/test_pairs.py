"""Intervals of differences and ratios."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import optimize, stats

from evenhand.fairness.statistics import koopman, miettinen_nurminen, newcombe
from evenhand.fairness.statistics._score import difference_moments, ratio_moments

# Newcombe (1998), Statistics in Medicine 17:873-890, Table II: methods 6 (Miettinen-Nurminen) and 10 (hybrid score).
PUBLISHED = [
    ((56, 70, 48, 80), (0.0528, 0.3382), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1700, 0.8406), (0.1705, 0.8090)),
    ((0, 10, 0, 10), (-0.2879, 0.2879), (-0.2775, 0.2775)),
    ((10, 10, 0, 10), (0.6636, 1.0000), (0.6075, 1.0000)),
]

pair = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)

# A noisy machine is no defect of the code.
unhurried = settings(deadline=None, max_examples=40)


@pytest.mark.parametrize(("counts", "score", "hybrid"), PUBLISHED)
def test_published_differences(counts, score, hybrid):
    assert np.allclose(miettinen_nurminen(*counts), score, atol=5.1e-5)
    assert np.allclose(newcombe(*counts), hybrid, atol=5.1e-5)


def test_published_ratio():
    # Koopman (1984), Biometrics 40:513-517: 36 of 40 against 16 of 80.
    assert np.round(koopman(36, 40, 16, 80), 2).tolist() == [2.94, 7.15]


@given(pair)
@unhurried
def test_groups_swap(counts):
    k1, n1, k2, n2 = counts
    swapped = (k2, n2, k1, n1)
    for method in (miettinen_nurminen, newcombe):
        low, high = method(*counts)
        assert np.allclose(method(*swapped), (-high, -low), atol=1e-8)
    low, high = koopman(*counts)
    other_low, other_high = koopman(*swapped)
    assert (low == 0 and np.isinf(other_high)) or np.isclose(low * other_high, 1, rtol=1e-6)
    assert (other_low == 0 and np.isinf(high)) or np.isclose(high * other_low, 1, rtol=1e-6)


@given(pair)
@unhurried
def test_outcomes_swap_mirrors_differences(counts):
    k1, n1, k2, n2 = counts
    for method in (miettinen_nurminen, newcombe):
        low, high = method(*counts)
        assert np.allclose(method(n1 - k1, n1, n2 - k2, n2), (-high, -low), atol=1e-8)


@given(pair)
@unhurried
def test_contain_the_estimate_and_keep_a_width(counts):
    k1, n1, k2, n2 = counts
    for method in (miettinen_nurminen, newcombe):
        low, high = method(*counts)
        assert -1 <= low <= k1 / n1 - k2 / n2 <= high <= 1
        assert high - low > 0.01
    low, high = koopman(*counts)
    if k1 or k2:
        ratio = np.inf if k2 == 0 else (k1 / n1) / (k2 / n2)
        assert low <= ratio * (1 + 1e-9)
        assert ratio <= high * (1 + 1e-9)
        assert high > low
    else:
        assert (low, high) == (0, np.inf)


@given(pair, st.floats(-0.95, 0.95), st.floats(0.05, 20))
@unhurried
def test_restricted_estimates_maximise_the_likelihood(counts, delta, ratio):
    """The closed forms against a numerical search of the nuisance rate."""
    k1, n1, k2, n2 = (np.array([float(value)]) for value in counts)

    def error(first, low, high):
        def loss(q2):
            q1 = np.clip(first(q2), 1e-15, 1 - 1e-15)
            q2 = np.clip(q2, 1e-15, 1 - 1e-15)
            return -(stats.binom.logpmf(k1, n1, q1) + stats.binom.logpmf(k2, n2, q2)).item()

        inside = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
        q2 = min((inside, low, high), key=loss)  # the search never tries the ends themselves
        q1 = first(q2)
        return q1 * (1 - q1) / n1[0], q2 * (1 - q2) / n2[0]

    one, two = error(lambda q2: q2 + delta, max(0, -delta), min(1, 1 - delta))
    total = n1[0] + n2[0]
    expected = np.sqrt((one + two) * total / (total - 1))
    assert difference_moments(k1, n1, k2, n2, np.array([delta]))[1][0] == pytest.approx(expected, abs=2e-4)
    one, two = error(lambda q2: q2 * ratio, 0, min(1, 1 / ratio))
    found = ratio_moments(k1, n1, k2, n2, np.array([ratio / (1 + ratio)]))[1][0] * (1 + ratio)
    assert found == pytest.approx(np.sqrt(one + ratio**2 * two), abs=2e-4 * (1 + ratio))


def test_limits_are_where_the_statistic_reaches_its_quantile():
    counts = tuple(np.array([value]) for value in (12.0, 40.0, 25.0, 50.0))
    for limit in miettinen_nurminen(*counts):
        distance, error = difference_moments(*counts, limit)
        assert abs(distance / error)[0] == pytest.approx(1.959964, abs=1e-5)
    for limit in koopman(*counts):
        distance, error = ratio_moments(*counts, limit / (1 + limit))
        assert abs(distance / error)[0] == pytest.approx(1.959964, abs=1e-5)


def test_one_sided_bounds_are_those_of_the_wider_error():
    assert np.allclose(koopman(10, 30, 12, 40, 0.95, sided=1), koopman(10, 30, 12, 40, 0.90))
    assert np.allclose(miettinen_nurminen(10, 30, 12, 40, 0.95, sided=1), miettinen_nurminen(10, 30, 12, 40, 0.90))


@pytest.mark.parametrize("method", [miettinen_nurminen, newcombe, koopman])
def test_empty_groups_are_undefined_and_arrays_broadcast(method):
    low, high = method([5, 0], [10, 0], 4, 10)
    assert np.isnan(low[1])
    assert np.isnan(high[1])
    assert (low[0], high[0]) == tuple(float(x) for x in method(5, 10, 4, 10))


def test_huge_counts_keep_their_precision():
    low, high = miettinen_nurminen(5e8, 1e9, 5e8, 1e9)
    assert high - low == pytest.approx(2 * 1.959964 * np.sqrt(0.5 / 1e9), rel=1e-4)
