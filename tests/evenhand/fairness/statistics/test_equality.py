"""Permutation tests on counts."""

from itertools import combinations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from evenhand.exceptions import DataError
from evenhand.fairness.statistics import equality_p_value, exact_pair_p_values, pairwise_p_values
from evenhand.fairness.statistics.equality import _draw, _permuted_chi_square

# A noisy machine is no defect of the code.
unhurried = settings(deadline=None, max_examples=40)


def rows(table):
    """Group and outcome of every row of a table."""
    groups, outcomes = np.indices(np.shape(table))
    times = np.ravel(table)
    return np.repeat(groups.ravel(), times), np.repeat(outcomes.ravel(), times)


def widest(group, outcome):
    shares = [np.bincount(outcome[group == g], minlength=3) / (group == g).sum() for g in np.unique(group)]
    return max(np.abs(a - b).sum() / 2 for a in shares for b in shares)


@pytest.mark.parametrize("table", [[[3, 1], [1, 3]], [[2, 0], [1, 4]], [[1, 2], [3, 1]]])
def test_two_groups_are_all_permutations(table):
    group, outcome = rows(table)
    seen = widest(group, outcome)
    reached = []
    for first in combinations(range(group.size), int((group == 0).sum())):
        relabelled = np.ones_like(group)
        relabelled[list(first)] = 0
        reached.append(widest(relabelled, outcome) >= seen - 1e-12)
    found = equality_p_value(table)
    assert found.method == "exact"
    assert found.value == pytest.approx(np.mean(reached), abs=1e-10)


def test_tea_tasting():
    # Fisher (1935), The Design of Experiments, chapter II: 17/70 one-sided, so 34/70 for both sides.
    assert equality_p_value([[3, 1], [1, 3]]).value == pytest.approx(34 / 70)


@given(st.tuples(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1)))
@unhurried
def test_equal_sizes_are_fishers_test(sizes):
    n, _, p1, p2 = sizes
    k1, k2 = round(p1 * n), round(p2 * n)
    found = exact_pair_p_values(*(np.array([float(v)]) for v in (k1, n, k2, n)))[0]
    assert found == pytest.approx(stats.fisher_exact([[k1, n - k1], [k2, n - k2]]).pvalue, abs=1e-7)


def test_a_large_pair_is_close_to_its_normal_limit():
    found = exact_pair_p_values(*(np.array([v]) for v in (50_400.0, 100_000.0, 50_000.0, 100_000.0)))[0]
    z = 0.004 / np.sqrt(0.502 * 0.498 * 2 / 100_000)
    assert found == pytest.approx(2 * stats.norm.sf(z), rel=0.02)


@pytest.mark.parametrize("table", [[[4, 1, 0], [0, 2, 3]], [[3, 1], [1, 2], [0, 3]]])
def test_draws_agree_with_all_permutations(table):
    group, outcome = rows(table)
    rng = np.random.default_rng(0)
    seen = widest(group, outcome)
    shuffled = np.mean([widest(rng.permutation(group), outcome) >= seen - 1e-12 for _ in range(4000)])
    found = equality_p_value(table, replicates=20_000)
    assert found.method == "permutation"
    assert found.value == pytest.approx(shuffled, abs=0.03)


@pytest.mark.parametrize("shape", [(4, 2), (3, 4)])
def test_draws_keep_both_margins_and_have_the_right_mean(shape):
    table = np.random.default_rng(3).integers(0, 30, shape)
    drawn = _draw(table, 4000, np.random.default_rng(0))
    assert (drawn >= 0).all()
    assert (drawn.sum(axis=2) == table.sum(axis=1)).all()
    assert (drawn.sum(axis=1) == table.sum(axis=0)).all()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    assert np.allclose(drawn.mean(axis=0), expected, atol=0.35)


def test_strata_are_permuted_apart():
    """Simpson's situation: unequal overall, equal within each stratum."""
    stratum_a, stratum_b = np.array([[80, 20], [40, 10]]), np.array([[5, 45], [10, 90]])
    assert equality_p_value(stratum_a + stratum_b).value < 0.001
    assert equality_p_value(np.stack([stratum_a, stratum_b])).value > 0.5


@pytest.mark.parametrize("strata", [1, 2])
def test_rejects_no_more_often_than_its_level(strata):
    rng = np.random.default_rng(8)
    rejected = 0
    for seed in range(300):
        k = rng.binomial([30, 40, 25], 0.3, (strata, 3))
        table = np.stack([np.array([30, 40, 25]) - k, k], axis=-1)
        rejected += equality_p_value(table, replicates=400, alpha=0.05, seed=seed).value <= 0.05
    assert rejected / 300 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 300)


def test_too_few_replicates_fall_back_to_chi_square():
    table = np.array([[30, 20], [25, 30], [40, 10]])
    found = equality_p_value(table, alpha=0.001, replicates=1000)
    assert (found.method, found.replicates) == ("analytic", 0)
    assert "fewer than 20/alpha = 20000" in found.reason
    assert found.value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


def test_large_differences_can_reach_a_small_level():
    table = [[900, 100], [100, 900], [500, 500]]
    assert equality_p_value(table, alpha=0.0001).value < 0.0001


def test_pairwise_permutes_only_the_pair():
    table = np.array([[30, 20], [25, 30], [5, 95]])
    found = pairwise_p_values(table)
    assert np.isnan(np.diag(found)).all()
    assert np.allclose(found, found.T, equal_nan=True)
    assert found[0, 1] == equality_p_value(table[:2]).value
    three = pairwise_p_values(np.array([[3, 4, 5], [4, 4, 4], [0, 0, 0]]))
    assert 0.2 < three[0, 1] <= 1
    assert np.isnan(three[0, 2])


def test_seed_repeats_and_order_of_groups_does_not_matter():
    table = np.array([[12, 20], [25, 30], [9, 30]])
    assert equality_p_value(table, seed=4) == equality_p_value(table, seed=4)
    first, second = (equality_p_value(t, replicates=20_000).value for t in (table, table[[2, 0, 1]]))
    assert first == pytest.approx(second, abs=0.02)


def test_what_has_no_test():
    assert equality_p_value([[3, 4], [0, 0]]).value is None
    assert "fewer than two groups" in equality_p_value([[3, 4], [0, 0]]).reason
    assert equality_p_value([[3, 0], [5, 0]]).value == 1.0
    with pytest.raises(DataError, match="whole counts"):
        equality_p_value([[0.5, 1], [2, 3]])
    with pytest.raises(DataError, match="axes"):
        equality_p_value([1, 2])


def test_many_labels_and_groups_are_left_to_moments_that_agree_with_permutations():
    rng = np.random.default_rng(5)
    table = rng.poisson(0.7, (4, 6, 30))
    table[0, :, 0] += np.array([3, 0, 0, 0, 2, 0])

    def pearson(tables):
        rows, columns = (tables.sum(axis=axis, keepdims=True).astype(float) for axis in (-1, -2))
        expected = np.maximum(rows * columns / rows.sum(axis=-2, keepdims=True), 1e-300)
        return ((tables - expected) ** 2 / expected).sum(axis=(-2, -1))

    drawn = sum(pearson(_draw(stratum, 4000, rng)) for stratum in table)
    exact = (drawn >= pearson(table).sum() - 1e-9).mean()
    assert _permuted_chi_square(table) == pytest.approx(exact, abs=0.03)
    found = equality_p_value(np.full((256, 20, 256), 5))
    assert (found.method, found.reason) == ("analytic", "too many labels and groups to permute")
    assert found.value == pytest.approx(1.0)


def test_few_rows_are_shuffled_row_by_row_with_the_same_law():
    stratum = np.array([[2, 1, 0, 1], [0, 1, 2, 0]])
    drawn = _draw(stratum, 20_000, np.random.default_rng(6))
    assert (drawn.sum(axis=2) == stratum.sum(axis=1)).all()
    assert (drawn.sum(axis=1) == stratum.sum(axis=0)).all()
    n, (a, _), (b, *_) = stratum.sum(), stratum.sum(axis=1), stratum.sum(axis=0)
    assert drawn[:, 0, 0].mean() == pytest.approx(a * b / n, abs=0.02)
    assert drawn[:, 0, 0].var() == pytest.approx(a * b * (n - a) * (n - b) / n**2 / (n - 1), abs=0.02)
