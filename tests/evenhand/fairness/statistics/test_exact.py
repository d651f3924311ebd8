"""Exact unconditional tests and intervals."""

import numpy as np
import pytest
from scipy import stats

from evenhand.fairness.statistics import clopper_pearson, exact_difference, exact_ratio, koopman, miettinen_nurminen
from evenhand.fairness.statistics._score import difference_z, ratio_z
from evenhand.fairness.statistics.exact import exact_tail


def arrays(*values):
    return [np.array([float(value)]) for value in values]


@pytest.mark.parametrize("counts", [(7, 12, 1, 12), (9, 15, 3, 14), (20, 25, 10, 20), (5, 8, 1, 30)])
def test_equality_is_barnards_test(counts):
    k1, n1, k2, n2 = counts
    peer = stats.barnard_exact([[k1, k2], [n1 - k1, n2 - k2]], alternative="greater", pooled=True, n=256).pvalue
    found = exact_tail(*arrays(*counts, 0.0), "difference")[0]
    assert found == pytest.approx(peer, rel=0.03, abs=2e-5)


@pytest.mark.parametrize("kind", ["difference", "ratio"])
@pytest.mark.parametrize("counts", [(3, 6, 1, 9), (0, 5, 2, 8), (6, 6, 2, 7), (2, 7, 2, 7)])
@pytest.mark.parametrize("limit", [0.1, 0.8, 1.25, -0.2])
def test_against_the_definition(kind, counts, limit):
    """Every table enumerated, the nuisance rate on a fine grid over its exact interval."""
    if kind == "ratio" and limit < 0:
        limit = 0.3
    if kind == "difference" and limit > 1:
        limit = 0.0
    _, n1, k2, n2 = counts
    statistic = difference_z if kind == "difference" else ratio_z
    i, j = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    full = np.full_like(i, 1.0)
    z = statistic(i, n1 * full, j, n2 * full, limit * full)
    seen = statistic(*arrays(*counts), np.array([limit]))[0]
    extreme = z >= seen - 1e-9
    worst = 0.0
    for p2 in np.linspace(*clopper_pearson(k2, n2, 1 - 1e-6), 1001):
        p1 = p2 + limit if kind == "difference" else p2 * limit
        if 0 <= p1 <= 1:
            pmf = stats.binom.pmf(i, n1, p1) * stats.binom.pmf(j, n2, p2)
            worst = max(worst, float(pmf[extreme].sum()))
    found = exact_tail(*arrays(*counts, limit), kind)[0]
    assert found == pytest.approx(worst + 1e-6, rel=2e-3, abs=1e-5)


@pytest.mark.parametrize(("n1", "n2"), [(6, 9), (12, 12)])
def test_intervals_cover_everywhere(n1, n2):
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    difference = exact_difference(i, n1, j, n2)
    ratio = exact_ratio(i, n1, j, n2)
    for p1 in (0.02, 0.1, 0.3, 0.5, 0.9):
        for p2 in (0.05, 0.2, 0.5, 0.97):
            pmf = stats.binom.pmf(i, n1, p1) * stats.binom.pmf(j, n2, p2)
            assert pmf @ ((difference[0] <= p1 - p2) & (p1 - p2 <= difference[1])) >= 0.95 - 1e-6
            assert pmf @ ((ratio[0] <= p1 / p2) & (p1 / p2 <= ratio[1])) >= 0.95 - 1e-6


def test_groups_swap_and_widths():
    low, high = exact_difference([1, 0], [20, 10], [6, 0], [15, 12])
    other = exact_difference([6, 0], [15, 12], [1, 0], [20, 10])
    assert np.allclose(other[0], -high, atol=1e-5)
    assert (high - low > 0.1).all()
    low, high = exact_ratio([1, 0], [20, 10], [6, 0], [15, 12])
    assert (low[1], high[1]) == (0, np.inf)


def test_close_to_the_score_interval_where_counts_are_large():
    for exact, score in ((exact_difference, miettinen_nurminen), (exact_ratio, koopman)):
        assert np.allclose(exact(60, 150, 90, 160), score(60, 150, 90, 160), atol=0.02)


def test_empty_group_is_undefined():
    assert np.isnan(exact_difference(0, 0, 1, 3)).all()


def test_many_tables_at_once_are_the_same_tables_one_by_one():
    k1, k2 = np.array([0.0, 3.0, 9.0, 3.0]), np.array([4.0, 4.0, 200.0, 4.0])
    n1, n2 = np.array([10.0, 12.0, 30.0, 12.0]), np.array([15.0, 15.0, 400.0, 15.0])
    together = exact_tail(k1, n1, k2, n2, np.full(4, 0.8), "ratio")
    for at in range(4):
        alone = exact_tail(*arrays(k1[at], n1[at], k2[at], n2[at], 0.8), "ratio")
        assert alone[0] == pytest.approx(together[at], abs=1e-8)
