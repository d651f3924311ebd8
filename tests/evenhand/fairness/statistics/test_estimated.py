"""Shares and medians with intervals: published values, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenhand.fairness.statistics import Estimated, median, share


def test_a_share_is_newcombes():
    """Newcombe (1998), Statistics in Medicine 17:857-872, table I, case (a): 81 of 263."""
    found = share(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(
    ("n", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (25, 8), (50, 18), (100, 40)]
)
def test_the_ranks_of_a_medians_limits_are_those_of_the_sign_test(n, rank):
    """Conover, Practical Nonparametric Statistics, 3rd edition, table A3 (p = .5), and any table of the sign test."""
    found = median(np.arange(1.0, n + 1))
    assert (found.low, found.high) == (rank, n + 1 - rank)
    assert 1 - 2 * stats.binom.cdf(rank - 1, n, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(rank, n, 0.5) < 0.95


def test_too_few_values_bound_nothing():
    found = median([1.0, 2.0, 3.0])
    assert (found.value, found.low, found.high) == (2.0, 0.0, math.inf)


def test_the_interval_of_a_median_covers():
    rng = np.random.default_rng(0)
    samples = rng.exponential(size=(2000, 25))
    hits = [found.low <= math.log(2) <= found.high for found in map(median, samples)]
    assert np.mean(hits) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 2000)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=60))
def test_a_median_is_one_of_the_values_and_lies_between_its_limits(values):
    found = median(values)
    assert found.value in values
    assert found.low <= found.value <= found.high
    assert sum(value <= found.value for value in values) * 2 >= len(values)


def test_what_rests_on_few_rows_is_withheld():
    assert median([1.0] * 9, least=10).reason == share(1, 9, least=10).reason == "fewer than 10 rows"
    assert math.isnan(median([], least=0).value)
    assert share(0, 0).reason == "there is no row"
    assert share(0, 5, least=10, reason="undefined for all").reason == "undefined for all"
    assert isinstance(share(1, 2), Estimated)
