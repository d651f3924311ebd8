"""The largest gap and its simultaneous interval."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness.statistics import Rates, exact_difference, koopman, largest_gap, miettinen_nurminen

unhurried = settings(deadline=None, max_examples=15)

groups = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=4
)


def rates(k, n, name="rate"):
    return Rates(np.asarray(k), np.asarray(n), tuple("abcdefghij"[: len(k)]), name)


def test_two_groups_are_the_score_interval():
    """With one pair and no tail beyond the other end, both limits are Miettinen and Nurminen's or Koopman's."""
    gap = largest_gap(rates([800, 500], [1000, 1000]))
    assert (gap.low, gap.high) == pytest.approx([float(x) for x in miettinen_nurminen(800, 1000, 500, 1000)], abs=1e-6)
    gap = largest_gap(rates([800, 500], [1000, 1000]), kind="ratio")
    assert (gap.low, gap.high) == pytest.approx([float(x) for x in koopman(500, 1000, 800, 1000)], abs=1e-6)


def test_few_counts_bring_in_the_exact_interval():
    low, high = exact_difference(7, 12, 0, 12)
    gap = largest_gap(rates([7, 0], [12, 12]))
    assert gap.high >= high - 2e-3
    assert gap.low <= low + 2e-3


@given(groups)
@unhurried
def test_holds_its_estimate_and_ignores_order_and_names(table):
    k, n = zip(*table, strict=True)
    for kind in ("difference", "ratio"):
        gap = largest_gap(rates(k, n), kind=kind)
        if np.isnan(gap.value):
            assert gap.reason == "every rate is 0"
            continue
        assert 0 <= gap.low <= gap.value <= gap.high <= 1
        assert gap.high > gap.low
        order = np.random.default_rng(0).permutation(len(k))
        names = tuple(f"group {at}" for at in order)
        other = largest_gap(Rates(np.array(k)[order], np.array(n)[order], names), kind=kind)
        assert (other.value, other.low, other.high) == pytest.approx((gap.value, gap.low, gap.high), abs=2e-3)


@pytest.mark.parametrize(("sizes", "p"), [((60, 60, 60), 0.4), ((200, 50, 120, 80), 0.2)])
def test_covers_zero_when_all_groups_are_equal(sizes, p):
    """Where the percentile bootstrap of max - min never does."""
    rng = np.random.default_rng(5)
    covered = naive = 0
    for _ in range(150):
        k = rng.binomial(sizes, p)
        gap = largest_gap(rates(k, sizes))
        covered += gap.low == 0
        replicates = rng.binomial(sizes, k / sizes, (200, len(sizes))) / sizes
        naive += np.quantile(np.ptp(replicates, axis=1), 0.025) <= 0
    assert covered / 150 >= 0.95
    assert naive / 150 < 0.05


def test_covers_a_true_gap():
    rng = np.random.default_rng(6)
    sizes, p = np.array([150, 100, 200]), np.array([0.5, 0.35, 0.45])
    limits = [largest_gap(rates(rng.binomial(sizes, p), sizes)) for _ in range(120)]
    assert np.mean([gap.low <= 0.15 <= gap.high for gap in limits]) >= 0.95


def test_total_variation_of_classes():
    # holisticai, tests/bias/metrics/test_bias_multiclass.py: frequencies [[.5,.25,.25],[.25,.5,.25],[.5,0,.5]].
    table = [[2, 1, 1], [1, 2, 1], [1, 0, 1]]
    gap = largest_gap(Rates.from_classes(table, ["A", "B", "C"]))
    assert gap.value == pytest.approx(0.5)
    assert set(gap.pair) == {"B", "C"}
    assert gap.low == 0
    assert gap.high > 0.5


@given(st.lists(st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(any), min_size=2, max_size=4))
@unhurried
def test_events_of_classes_are_total_variation(table):
    shares = np.array(table) / np.sum(table, axis=1, keepdims=True)
    distance = max(np.abs(a - b).sum() / 2 for a in shares for b in shares)
    values = Rates.from_classes(table, ["a", "b", "c", "d"][: len(table)]).values
    assert np.abs(values[:, None] - values[None]).max() == pytest.approx(distance)


def test_two_classes_are_one_rate():
    two = Rates.from_classes([[30, 70], [50, 50]], ["a", "b"])
    assert two.k.tolist() == [[70.0], [50.0]]
    with pytest.raises(DataError, match="up to 10 classes"):
        Rates.from_classes(np.ones((2, 11)), ["a", "b"])


def test_several_rates_take_the_worst():
    tpr, fpr = rates([50, 45], [100, 100], "tpr"), rates([10, 40], [100, 100], "fpr")
    gap = largest_gap([tpr, fpr])
    assert (gap.rate, gap.pair, gap.comparisons) == ("fpr", ("a", "b"), 2)
    assert gap.low < largest_gap(fpr).low


def test_undefined_groups_are_named():
    gap = largest_gap(rates([10, 0, 20], [40, 0, 40]))
    assert gap.value == pytest.approx(0.25)
    assert gap.undefined == {"b": "no rows that this rate is taken over"}
    assert "b" in gap.reason
    alone = largest_gap(rates([10, 0], [40, 0]))
    assert np.isnan([alone.value, alone.low, alone.high]).all()
    assert alone.reason == "fewer than two groups have this rate"
    zero = largest_gap(rates([0, 0], [40, 30]), kind="ratio")
    assert np.isnan(zero.value)
    assert zero.reason == "every rate is 0"


def test_more_comparisons_widen_only_the_side_that_shows_a_gap():
    one, ten = (largest_gap(rates([60, 30], [100, 100]), family=family) for family in (1, 10))
    assert ten.low < one.low
    assert ten.high == one.high


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match="kind"):
        largest_gap(rates([1, 2], [3, 4]), kind="quotient")
    with pytest.raises(DataError, match="must count the same groups"):
        Rates(np.array([1, 2]), np.array([3, 4]), ("a",))
    with pytest.raises(DataError, match="0 <= k <= n"):
        rates([5, 2], [3, 4])
