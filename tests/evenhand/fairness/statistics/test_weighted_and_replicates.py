"""Sampling weights as effective counts, and bootstrap intervals."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness.statistics import Claim, Rates, bootstrap_interval, effective_rates, judge, wilson
from evenhand.fairness.statistics.margins import beyond_p_values, score_p_values, within_p_values
from evenhand.fairness.statistics.rates_by_group import Pairs


def sums(hit, weight):
    return hit.size, weight[hit].sum(), (weight[hit] ** 2).sum(), weight.sum(), (weight**2).sum()


@given(st.integers(5, 200), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_linearised_variance_by_rows(n, seed):
    rng = np.random.default_rng(seed)
    hit, weight = rng.random(n) < 0.4, rng.lognormal(0, 1, n)
    found = effective_rates(*sums(hit, weight))
    p = weight[hit].sum() / weight.sum()
    assert found.value == pytest.approx(p)
    if 0 < hit.sum() < n:
        variance = np.sum((weight * (hit - p)) ** 2) / weight.sum() ** 2
        kish = weight.sum() ** 2 / np.sum(weight**2)
        assert found.n == pytest.approx(min(n, p * (1 - p) / variance, kish))
        assert found.design_effect == pytest.approx(n / found.n)
    else:
        assert found.n == pytest.approx(weight.sum() ** 2 / np.sum(weight**2))


def test_intervals_cover_under_informative_weights():
    rng = np.random.default_rng(3)
    population = rng.random(200_000) < np.where(np.arange(200_000) < 100_000, 0.2, 0.6)
    chance = np.where(np.arange(200_000) < 100_000, 0.0006, 0.003)
    truth, covered, naive = population.mean(), 0, 0
    for _ in range(300):
        chosen = rng.random(population.size) < chance
        hit, weight = population[chosen], 1 / chance[chosen]
        found = effective_rates(*sums(hit, weight))
        low, high = wilson(found.k, found.n)
        covered += low <= truth <= high
        low, high = wilson(hit.sum(), hit.size)
        naive += low <= truth <= high
    assert covered / 300 >= 0.92
    assert naive / 300 < 0.6


def test_rescaling_weights_changes_nothing_and_zero_stays_wide():
    a = effective_rates(50, 10.0, 20.0, 60.0, 90.0)
    b = effective_rates(50, 10.0 * 7, 20.0 * 49, 60.0 * 7, 90.0 * 49)
    assert np.allclose([a.k, a.n], [b.k, b.n])
    none = effective_rates(50, 0.0, 0.0, 60.0, 90.0)
    assert wilson(none.k, none.n)[1] > 0.05
    empty = effective_rates(0, 0.0, 0.0, 0.0, 0.0)
    assert np.isnan(empty.value)
    assert empty.n == 0


def test_effective_counts_go_into_verdicts():
    found = effective_rates([2000, 2000], [900.0, 1000.0], [1400.0, 1500.0], [2000.0, 2000.0], [3000.0, 3000.0])
    rates = Rates(found.k, found.n, ("a", "b"), effective=True)
    assert judge([Claim("demographic_parity_ratio", "sex", (rates,), "ratio", 0.8)])[0].verdict == "PASS"


def drawn(rng, chance, n, spread, tilt, times=4000):
    """Samples of n rows of a population in which a share of `chance` succeeds; successes weigh exp(tilt) times more."""
    hit = rng.random((times, n)) < chance / (chance + (1 - chance) * np.exp(tilt))
    weight = rng.lognormal(0, spread, (times, n)) * np.exp(tilt * hit)
    square = weight**2
    found = effective_rates(
        n, (weight * hit).sum(axis=1), (square * hit).sum(axis=1), weight.sum(axis=1), square.sum(axis=1)
    )
    return found.k, found.n


@pytest.mark.parametrize("tilt", [0.0, 1.0], ids=["weights by chance", "weights that tell"])
@pytest.mark.parametrize("spread", [0.5, 1.0, 1.5])
@pytest.mark.parametrize(("kind", "limit"), [("difference", 0.1), ("ratio", 0.8)])
def test_verdicts_at_the_limit_are_seldom_however_unequal_the_weights(kind, limit, spread, tilt):
    """At a gap of exactly the limit."""
    rng = np.random.default_rng(17)
    decided = 0
    for n in (30, 100, 300):
        for high in (0.2, 0.5, 0.9, 0.97):
            low = high - limit if kind == "difference" else high * limit
            (k1, n1), (k2, n2) = drawn(rng, high, n, spread, tilt), drawn(rng, low, n, spread, tilt)
            names = ("",) * k1.size
            pairs = Pairs(k1, n1, k2, n2, names, names, names, np.zeros(k1.size, dtype=bool))
            for p in (within_p_values(pairs, limit, kind), beyond_p_values(pairs, limit, kind)):
                assert (p <= 0.05).mean() <= 0.08, (n, high)
                decided += int((p <= 0.05).sum())
    assert decided, "it does decide"


def test_the_linearised_variance_alone_would_decide_three_times_too_often():
    """Why the size is not Taylor's alone: a true ratio of exactly .8, 100 rows a group, few of them heavy."""
    rng = np.random.default_rng(17)

    def taylor(chance):
        hit = rng.random((4000, 100)) < chance / (chance + (1 - chance) * np.e)
        weight = rng.lognormal(0, 1.5, hit.shape) * np.exp(hit)
        p = (weight * hit).sum(axis=1) / weight.sum(axis=1)
        variance = (weight**2 * (hit - p[:, None]) ** 2).sum(axis=1) / weight.sum(axis=1) ** 2
        size = np.minimum(100, p * (1 - p) / np.where(variance > 0, variance, np.inf))
        return p * size, size

    (k1, n1), (k2, n2) = taylor(0.3), taylor(0.24)
    some = (n1 > 0) & (n2 > 0)
    beyond = score_p_values(k1[some], n1[some], k2[some], n2[some], np.full(some.sum(), 0.8), "ratio")[1]
    assert (beyond <= 0.05).mean() > 0.15


def test_few_effective_events_decide_nothing_and_say_so():
    rates = Rates([2.0, 30.0], [12.0, 40.0], ("a", "b"), name="selection_rate", effective=True)
    found = judge([Claim("demographic_parity_ratio", "sex", (rates,), "ratio", 0.8)])[0]
    assert found.verdict == "INCONCLUSIVE"
    assert found.low == 0
    assert found.reason.endswith("too few for a test of a and b")
    assert found.more_rows is not None
    assert found.more_rows["a"] > 0
    many = Rates([20.0, 300.0], [120.0, 400.0], ("a", "b"), name="selection_rate", effective=True)
    assert judge([Claim("demographic_parity_ratio", "sex", (many,), "ratio", 0.8)])[0].verdict == "FAIL"


def test_designs_are_refused_by_name():
    with pytest.raises(ConfigError, match="clusters of a survey"):
        effective_rates(5, 1.0, 1.0, 5.0, 5.0, clusters=["a"])
    with pytest.raises(ConfigError, match="strata of a survey"):
        effective_rates(5, 1.0, 1.0, 5.0, 5.0, strata=["a"])
    with pytest.raises(DataError, match="sums of weights"):
        effective_rates(5, 6.0, 1.0, 5.0, 5.0)


def f1(counts):
    return 2 * counts[..., 3] / (2 * counts[..., 3] + counts[..., 1] + counts[..., 2])


def test_replicates_are_bootstraps_of_rows():
    counts = np.array([400, 60, 50, 90])
    found = bootstrap_interval(counts, f1, replicates=4000, method="percentile", seed=1)
    rng = np.random.default_rng(2)
    cells = np.repeat(np.arange(4), counts)
    slow = [f1(np.bincount(rng.choice(cells, cells.size), minlength=4)) for _ in range(2000)]
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.008)


def test_bca_of_a_mean_is_skewed_to_the_longer_tail_and_covers():
    rng = np.random.default_rng(3)
    covered = {"bca": 0, "percentile": 0}
    p = np.array([0.6, 0.1, 0.1, 0.2])
    truth = f1(p)
    for seed in range(200):
        counts = rng.multinomial(80, p)
        for method in covered:
            found = bootstrap_interval(counts, f1, replicates=400, method=method, seed=seed)
            covered[method] += found.low <= truth <= found.high
    assert covered["bca"] / 200 >= 0.9
    assert covered["percentile"] / 200 >= 0.9


def test_groups_are_separate_and_seeded():
    table = np.array([[40, 5, 6, 20], [10, 5, 5, 10]])
    both = bootstrap_interval(table, f1, seed=5)
    assert both.low.shape == (2,)
    assert (both.low < both.value).all()
    assert (both.value < both.high).all()
    again = bootstrap_interval(table, f1, seed=5)
    assert (both.low == again.low).all()


def test_no_interval_of_width_zero():
    found = bootstrap_interval([[5, 0, 0, 20], [0, 0, 0, 0], [9, 0, 0, 0], [40, 0, 1, 0]], f1)
    assert np.isnan(found.low).all()
    assert found.reason.tolist() == [
        "all replicates agree, so they tell no interval",
        "no rows",
        "undefined",
        "all replicates agree, so they tell no interval",
    ]
    assert found.undefined[3] == pytest.approx(0.37, abs=0.05)


def test_bad_input_is_named():
    with pytest.raises(DataError, match="whole counts"):
        bootstrap_interval([0.5, 1], f1)
    with pytest.raises(ConfigError, match="'bca' or 'percentile'"):
        bootstrap_interval([5, 1, 2, 3], f1, method="basic")


def test_many_cells_are_drawn_and_left_out_a_part_at_a_time():
    largest = 0

    def share(cells):
        nonlocal largest
        largest = max(largest, cells.size)
        return cells[..., 0] / cells.sum(axis=-1)

    counts = np.zeros(50_000)
    counts[:3] = 60, 30, 10
    found = bootstrap_interval(counts, share)
    assert largest <= 2e7
    assert 0.45 < found.low < 0.6 < found.high < 0.75
