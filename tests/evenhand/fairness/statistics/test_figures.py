"""Verdicts on areas, balanced accuracies, F1 and mean errors: how often they err, and that they decide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from evenhand.exceptions import ConfigError
from evenhand.fairness.areas import RisingRows
from evenhand.fairness.statistics._score import corrected_difference_z, difference_z
from evenhand.fairness.statistics.figures import (
    area_rates,
    balanced_rates,
    f1_rates,
    mean_error_interval,
    mean_error_rates,
    no_figure,
)
from evenhand.fairness.statistics.margins import beyond_p_values, too_few, within_p_values
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of
from evenhand.fairness.statistics.verdicts import Claim, judge
from evenhand.fairness.statistics.weighted import effective_rates

DRAWS = 4000


def at_most(p_values, level):
    """No more p-values reach the level than a binomial share of it explains, once in a thousand."""
    return int((p_values <= level).sum()) <= stats.binom.ppf(0.999, p_values.size, level)


def against_each_other(first, second):
    """Every group of one against the same of the other: a pair for each draw."""
    n = first.n.size
    slack, growth = first.figure.slack + second.figure.slack, np.maximum(first.figure.growth, second.figure.growth)
    none = np.zeros(n, dtype=bool)
    return Pairs(first.k[:, 0], first.n, second.k[:, 0], second.n, (), (), (), none, slack, growth)


def drawn_areas(rng, draws, area, positives, negatives, spread=1.0):
    """Areas of normal scores, the favorable ones with this standard deviation, and DeLong's variances."""
    mean = np.sqrt(1 + spread**2) * special.ndtri(area)
    score = np.concatenate([rng.normal(mean, spread, (draws, positives)), rng.normal(0, 1, (draws, negatives))], axis=1)
    negative = np.argsort(score, axis=1) >= positives
    beaten = np.cumsum(negative, axis=1)[~negative].reshape(draws, positives) / negatives
    beating = 1 - np.cumsum(~negative, axis=1)[negative].reshape(draws, negatives) / positives
    variance = beaten.var(axis=1, ddof=1) / positives + beating.var(axis=1, ddof=1) / negatives
    full = [np.full(draws, size) for size in (positives, negatives)]
    return area_rates([""] * draws, beaten.mean(axis=1), variance, *full)


def drawn_decisions(rng, kind, draws, tpr, fpr, n, base):
    positives = rng.binomial(n, base, draws)
    tp, fp = rng.binomial(positives, tpr), rng.binomial(n - positives, fpr)
    names = [""] * draws
    if kind == "balanced_accuracy":
        return balanced_rates(Rates(tp, positives, names), Rates(n - positives - fp, n - positives, names))
    return f1_rates(Rates(tp, positives + fp, names), np.full(draws, float(n)))


def true_figure(kind, tpr, fpr, base):
    if kind == "balanced_accuracy":
        return (tpr + 1 - fpr) / 2
    return 2 * tpr * base / (tpr * base + base + fpr * (1 - base))


def test_the_drawn_variance_is_that_of_the_audit():
    rng = np.random.default_rng(3)
    score, label = rng.normal(size=60), np.arange(60) < 25
    (found,) = RisingRows(score, label, {}).areas([60])
    above = score[label][:, None] > score[~label][None, :]
    variance = above.mean(axis=1).var(ddof=1) / 25 + above.mean(axis=0).var(ddof=1) / 35
    assert found.value == pytest.approx(above.mean())
    assert found.variance == pytest.approx(variance)


@pytest.mark.parametrize("area", [0.6, 0.75, 0.95])
@pytest.mark.parametrize("n", [30, 100, 500])
def test_areas_exactly_at_the_limit_decide_in_at_most_alpha(area, n):
    rng = np.random.default_rng([n, round(100 * area)])
    for sizes, spread in (((n // 2, n - n // 2), 1.0), ((n * 3 // 10, n - n * 3 // 10), 2.5)):
        first, second = (drawn_areas(rng, DRAWS, true, *sizes, spread) for true in (area, area - 0.1))
        pairs = against_each_other(first, second)
        assert at_most(within_p_values(pairs, 0.1, "difference"), 0.05)
        for level in (0.05, 0.005):  # as after Holm's correction
            assert at_most(beyond_p_values(pairs, 0.1, "difference"), level)


@pytest.mark.parametrize(("first", "second"), [((500, 500), (10, 10)), ((10, 10), (500, 500)), ((500, 500), (20, 80))])
@pytest.mark.parametrize("areas", [(0.7, 0.6), (0.95, 0.85), (0.98, 0.78)])
def test_areas_of_unequal_groups_at_the_limit(first, second, areas):
    rng = np.random.default_rng(5)
    limit = areas[0] - areas[1]
    pairs = against_each_other(drawn_areas(rng, 2000, areas[0], *first), drawn_areas(rng, 2000, areas[1], *second, 2.5))
    assert at_most(within_p_values(pairs, limit, "difference"), 0.05)
    for level in (0.05, 0.005):
        assert at_most(beyond_p_values(pairs, limit, "difference"), level)


@pytest.mark.parametrize("area", [0.6, 0.75, 0.95])
@pytest.mark.parametrize("n", [30, 100, 500])
def test_equal_areas_hardly_ever_fail(area, n):
    rng = np.random.default_rng([7, n])
    first, second = (drawn_areas(rng, DRAWS, area, n // 2, n - n // 2) for _ in range(2))
    assert at_most(beyond_p_values(against_each_other(first, second), 0.02, "difference"), 0.05)


def test_areas_are_decided_with_many_rows():
    rng = np.random.default_rng(11)
    equal = against_each_other(*(drawn_areas(rng, 200, 0.75, 1000, 1000) for _ in range(2)))
    assert (within_p_values(equal, 0.1, "difference") <= 0.05).mean() >= 0.95
    apart = against_each_other(*(drawn_areas(rng, 200, area, 500, 500) for area in (0.8, 0.6)))
    assert (beyond_p_values(apart, 0.1, "difference") <= 0.05).mean() >= 0.9
    perfect = area_rates(["a", "b"], [1.0, 1.0], [0.0, 0.0], [100, 100], [100, 100])
    assert judge([Claim("roc_auc_difference", "sex", (perfect,), "difference", 0.1)])[0].verdict == "PASS"


# (true and false positive rate) of both groups; the last is of groups that nearly every decision is right in.
CASES = [((0.9, 0.2), (0.8, 0.3)), ((0.6, 0.4), (0.6, 0.2)), ((0.3, 0.1), (0.1, 0.1)), ((0.999, 0.02), (0.9, 0.12))]


@pytest.mark.parametrize("kind", ["balanced_accuracy", "f1"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("sizes", [(30, 30), (100, 100), (500, 500), (500, 50), (50, 500)])
def test_decisions_exactly_at_the_limit_decide_in_at_most_alpha(kind, case, sizes):
    rng = np.random.default_rng(13)
    for base in (0.5, 0.2):
        limit = abs(np.subtract(*(true_figure(kind, *rates, base) for rates in case)))
        first, second = (
            drawn_decisions(rng, kind, 10_000, *rates, n, base) for rates, n in zip(case, sizes, strict=True)
        )
        pairs = pairs_without_empty(first, second)
        assert at_most(within_p_values(pairs, limit, "difference"), 0.05)
        for level in (0.05, 0.005):
            assert at_most(beyond_p_values(pairs, limit, "difference"), level)


def pairs_without_empty(first, second):
    keep = (first.n > 0) & (second.n > 0)
    whole = against_each_other(first, second)
    parts = (whole.k1, whole.n1, whole.k2, whole.n2)
    return Pairs(
        *(part[keep] for part in parts), (), (), (), whole.exactable[keep], whole.slack[keep], whole.growth[keep]
    )


@pytest.mark.parametrize("kind", ["balanced_accuracy", "f1"])
def test_decisions_are_decided_with_many_rows(kind):
    rng = np.random.default_rng(17)
    equal = [drawn_decisions(rng, kind, 500, 0.8, 0.2, 2000, 0.5) for _ in range(2)]
    assert (within_p_values(against_each_other(*equal), 0.1, "difference") <= 0.05).mean() >= 0.95
    assert at_most(beyond_p_values(against_each_other(*equal), 0.02, "difference"), 0.05)
    apart = [drawn_decisions(rng, kind, 500, rate, 0.2, 2000, 0.5) for rate in (0.9, 0.5)]
    assert (beyond_p_values(against_each_other(*apart), 0.1, "difference") <= 0.05).mean() >= 0.9


def drawn_errors(rng, draws, n, base, factor):
    """Mean errors of probabilities where the favorable label is `factor` times as likely as they say."""
    score = rng.beta(5 * base, 5 * (1 - base), (draws, n))
    label = rng.random((draws, n)) < score * factor
    error = score - label
    variance = error.var(axis=1, ddof=1) / n
    return mean_error_rates([""] * draws, error.mean(axis=1), variance, label.sum(axis=1), np.full(draws, n))


@pytest.mark.parametrize("base", [0.5, 0.2, 0.05])
@pytest.mark.parametrize("sizes", [(30, 30), (100, 100), (500, 500), (1000, 100), (100, 1000)])
def test_mean_errors_exactly_at_the_limit_decide_in_at_most_alpha(base, sizes):
    rng = np.random.default_rng(19)
    for share in (0.25, 0.5):
        limit = base * share
        first = drawn_errors(rng, 2000, sizes[0], base, 1.0)
        pairs = against_each_other(first, drawn_errors(rng, 2000, sizes[1], base, 1 - share))
        # A mean from -1 to 1 is told as a share of that range: so is its limit.
        assert at_most(within_p_values(pairs, limit / 2, "difference"), 0.05)
        for level in (0.05, 0.005):
            assert at_most(beyond_p_values(pairs, limit / 2, "difference"), level)


@pytest.mark.parametrize("base", [0.5, 0.2, 0.05])
@pytest.mark.parametrize("n", [12, 30, 100, 500])
def test_the_interval_of_mean_errors_covers(base, n):
    """Of 4,000 samples 95%, less three Monte Carlo errors, for scores that tell labels well and that hardly do."""
    rng = np.random.default_rng(3)
    for precision in (2.0, 1000.0):
        truth = rng.beta(base * precision, (1 - base) * precision, (DRAWS, n))
        y = rng.random((DRAWS, n)) < truth
        mean, variance = (truth - y).mean(axis=1), (truth - y).var(axis=1, ddof=1) / n
        low, high = mean_error_interval(mean, variance, y.sum(axis=1), np.full(DRAWS, n))
        assert ((low <= 0) & (high >= 0)).mean() >= 0.94


def test_mean_errors_are_decided_with_many_rows():
    rng = np.random.default_rng(23)
    first, equal, apart = (drawn_errors(rng, 200, 2000, 0.5, factor) for factor in (1.0, 1.0, 0.6))
    assert (within_p_values(against_each_other(first, equal), 0.05, "difference") <= 0.05).mean() >= 0.95
    assert (beyond_p_values(against_each_other(first, apart), 0.05, "difference") <= 0.05).mean() >= 0.9


def test_no_scores_have_a_larger_variance_than_that_drawn_towards():
    """Scores that are right for a share of one label's rows and wrong for the rest: Birnbaum and Klose's bound."""
    # 20 positives, 16 of them above all 1,000 negatives and 4 below: the variance is that of the share 16/20.
    rates = area_rates(["a"], [0.8], [0.8 * 0.2 / 19], [20], [1000])
    assert rates.n[0] == 20.0
    assert rates.values[0, 0] == pytest.approx(0.8)


def test_the_correction_brings_a_skewed_tail_to_its_size():
    """By the binomials themselves: 100 rows each, rates of .99 and .89, and the limit between them."""
    n = 100
    first, second = (part.ravel() for part in np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij"))
    chance = stats.binom.pmf(first, n, 0.99) * stats.binom.pmf(second, n, 0.89)
    size, limit = np.full(first.size, float(n)), np.full(first.size, 0.1)
    plain, corrected = (
        float(chance[special.ndtr(-z(first, size, second, size, limit)) <= 0.05].sum())
        for z in (difference_z, corrected_difference_z)
    )
    assert plain > 0.065
    assert corrected <= 0.05
    even = [np.array([30.0]), np.array([60.0]), np.array([30.0]), np.array([60.0]), np.array([0.0])]
    assert corrected_difference_z(*even) == difference_z(*even) == 0


counts = st.integers(0, 60)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 1), st.floats(0.0001, 0.02), counts, counts), min_size=2, max_size=4),
    st.floats(0.02, 0.4),
    st.randoms(use_true_random=False),
)
def test_verdict_and_interval_agree_whatever_the_order_and_names(groups, limit, random):
    def verdict(order, names):
        value, variance, m, n = (np.array([groups[at][part] for at in order], dtype=float) for part in range(4))
        value = np.where((m == 0) | (n == 0), np.nan, value)
        rates = area_rates([names[at] for at in order], value, variance, 20 * m, 20 * n)
        return judge([Claim("roc_auc_difference", "sex", (rates,), "difference", limit)])[0]

    order = list(range(len(groups)))
    found = verdict(order, "abcd")
    if found.value is not None:
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9 or found.verdict == "INCONCLUSIVE"
        assert (found.low > limit - 1e-12 and found.low > 0) or found.verdict != "FAIL"
        assert found.high <= limit or found.verdict != "PASS"
        if found.verdict == "INCONCLUSIVE" and not found.undefined:
            assert found.low <= limit <= found.high
    random.shuffle(order)
    again = verdict(order, "wxyz")
    assert again.verdict == found.verdict
    # The roots of the cubic in the test of two shares are good to about 1e-8 where two of them nearly meet.
    assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high), abs=1e-5)


def test_too_few_rows_decide_nothing_and_say_what_is_missing():
    rates = area_rates(["a", "b", "c"], [0.95, 0.2, 0.9], [0.0002, 0.01, 0.0002], [300, 6, 300], [300, 400, 300])
    found = judge([Claim("roc_auc_difference", "sex", (rates,), "difference", 0.1)])[0]
    assert (found.verdict, found.high, found.p_within) == ("INCONCLUSIVE", 1.0, 1.0)
    assert found.value == pytest.approx(0.75)
    assert "(b: fewer than 10 rows of a label)" in found.reason
    assert found.more_rows is None or found.more_rows["b"] >= 270  # 4 more of 6 positives, the same share of them
    # The others decide all the same.
    apart = area_rates(["a", "b", "c"], [0.95, 0.2, 0.6], [0.0002, 0.01, 0.0002], [300, 6, 300], [300, 400, 300])
    failed = judge([Claim("roc_auc_difference", "sex", (apart,), "difference", 0.1)])[0]
    assert (failed.verdict, failed.comparisons) == ("FAIL", 3)
    assert failed.low > 0.1


def test_few_expected_events_are_not_tested():
    pairs = pairs_of([area_rates(["a", "b"], [0.99, 0.98], [1e-4, 1e-4], [20, 20], [20, 20])])
    assert too_few(pairs, 0.05, "difference").all()
    assert not too_few(pairs, 0.3, "difference").any()
    assert not too_few(pairs_of([Rates([1, 0], [2, 2], ["a", "b"])]), 0.05, "difference").any()


def test_the_error_of_a_histogram_counts_against_every_verdict():
    def p_values(error):
        rates = area_rates(["a", "b"], [0.8, 0.75], [1e-4, 1e-4], [900, 900], [900, 900], errors=error)
        pairs = pairs_of([rates])
        return within_p_values(pairs, 0.1, "difference")[0], beyond_p_values(pairs, 0.01, "difference")[0]

    exact, coarse = p_values(0.0), p_values([0.02, 0.03])
    assert (exact[0] < 0.001, exact[1] < 0.01) == (True, True)
    # All of the distance to the limit may be the histogram's.
    assert coarse[0] == pytest.approx(0.5, abs=0.01)
    assert coarse[1] > 0.5


def test_more_rows_settle_it():
    groups = {"names": ["a", "b"], "values": [0.8, 0.78], "variances": [0.001, 0.002]}
    small = area_rates(*groups.values(), [100, 50], [100, 50])
    found = judge([Claim("roc_auc_difference", "sex", (small,), "difference", 0.08)])[0]
    assert found.verdict == "INCONCLUSIVE"
    assert found.detectable > 0.08
    grown = [
        size * (rows + found.more_rows.get(name, 0)) / rows
        for name, size, rows in zip("ab", small.n, small.figure.rows, strict=True)
    ]
    again = judge([Claim("roc_auc_difference", "sex", (small.scaled(np.array(grown)),), "difference", 0.08)])[0]
    assert again.verdict == "PASS"


def test_a_group_without_the_figure_keeps_it_from_passing():
    rates = area_rates(["a", "b", "c"], [0.8, 0.8, np.nan], [1e-5, 1e-5, np.nan], [5000, 5000, 0], [5000, 5000, 9])
    found = judge([Claim("roc_auc_difference", "sex", (rates,), "difference", 0.1)])[0]
    assert (found.verdict, found.undefined) == ("INCONCLUSIVE", {"c": "no rows of one of the labels"})
    nobody = no_figure(["a", "b"], "roc_auc", "the rows have no scores")
    found = judge([Claim("roc_auc_difference", "sex", (nobody,), "difference", 0.1)])[0]
    assert found.reason == "fewer than two groups have this figure: the rows have no scores"


def test_a_figure_has_neither_ratio_nor_reversal():
    rates = area_rates(["a", "b"], [0.8, 0.8], [1e-5, 1e-5], [50, 50], [50, 50])
    for kind, reversal in (("ratio", False), ("difference", True)):
        with pytest.raises(ConfigError, match="a limit on its difference, and no reversal"):
            Claim("roc_auc", "sex", (rates,), kind, 0.1, reversal=reversal)


def test_rows_are_asked_of_the_pair_that_would_fail_even_where_none_is_tested_yet():
    rates = area_rates(["a", "b", "c"], [0.7, 0.71, 0.99], [0.01, 0.01, 0.001], [8, 8, 8], [30, 30, 30])
    found = judge([Claim("roc_auc_difference", "sex", (rates,), "difference", 0.1)])[0]
    assert (found.verdict, found.detectable) == ("INCONCLUSIVE", None)
    assert found.more_rows["c"] >= 10


@pytest.mark.parametrize("digits", [0, 1])
def test_tied_scores_at_the_limit_decide_in_at_most_alpha(digits):
    """Scores rounded until most of them tie: about half of all pairs at 0 digits."""
    rng = np.random.default_rng([29, digits])

    def draw(apart, positives, negatives):
        rows = [
            np.round(rng.normal(mean, 0.7, (2000, size)), digits) for mean, size in ((apart, positives), (0, negatives))
        ]
        whole = stats.rankdata(np.concatenate(rows, axis=1), axis=1)
        own = [stats.rankdata(part, axis=1) for part in rows]
        beaten = (whole[:, :positives] - own[0]) / negatives
        beating = 1 - (whole[:, positives:] - own[1]) / positives
        variance = beaten.var(axis=1, ddof=1) / positives + beating.var(axis=1, ddof=1) / negatives
        sizes = [np.full(2000, size) for size in (positives, negatives)]
        return area_rates([""] * 2000, beaten.mean(axis=1), variance, *sizes)

    # Both true areas are of the rounded scores, by a large sample of each.
    large = [draw(apart, 500, 500).values.mean() for apart in (1.2, 0.8)]
    limit = large[0] - large[1]
    for sizes in ((15, 15), (50, 50), (200, 100)):
        pairs = against_each_other(draw(1.2, *sizes), draw(0.8, *sizes))
        assert at_most(within_p_values(pairs, limit, "difference"), 0.05)
        for level in (0.05, 0.005):
            assert at_most(beyond_p_values(pairs, limit, "difference"), level)


def test_unequal_sampling_weights_at_the_limit_decide_in_at_most_alpha():
    """Balanced accuracy of a sample in which some rows stand for five, by effective counts of both rates."""
    rng = np.random.default_rng(31)

    def rate(chance, n):
        weight = np.where(rng.random((5000, n)) < 0.3, 5.0, 1.0)
        hit = rng.random((5000, n)) < chance
        sums = ((weight * hit).sum(axis=1), (weight**2 * hit).sum(axis=1), weight.sum(axis=1), (weight**2).sum(axis=1))
        found = effective_rates(n, *sums)
        return Rates(found.k, found.n, [""] * 5000, effective=True)

    for n in (50, 250):
        first, second = balanced_rates(rate(0.9, n), rate(0.8, n)), balanced_rates(rate(0.8, n), rate(0.7, n))
        pairs = against_each_other(first, second)
        assert at_most(within_p_values(pairs, 0.1, "difference"), 0.05)
        for level in (0.05, 0.005):
            assert at_most(beyond_p_values(pairs, 0.1, "difference"), level)
