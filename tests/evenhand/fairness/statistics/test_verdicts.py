"""PASS, FAIL and INCONCLUSIVE."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics import Claim, Rates, holm, judge
from evenhand.fairness.statistics.margins import beyond_p_values, within_p_values
from evenhand.fairness.statistics.power import detectable_gap
from evenhand.fairness.statistics.rates_by_group import Pairs, pairs_of
from evenhand.fairness.statistics.verdicts import reversible

unhurried = settings(deadline=None, max_examples=15)


def claim(k, n, kind="ratio", limit=0.8, **options):
    names = tuple("abcdefghij"[: len(k)])
    return Claim("demographic_parity", "race", (Rates(np.asarray(k), np.asarray(n), names),), kind, limit, **options)


def verdict(*args, **options):
    return judge([claim(*args, **options)])[0]


tables = st.lists(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=4
)


def test_holm_as_in_its_paper():
    # Holm (1979): the i-th smallest of m is compared with alpha / (m - i + 1).
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


@pytest.mark.parametrize(
    ("k", "n", "kind", "limit", "expected"),
    [
        ([500, 500, 500], [1000, 1000, 1000], "ratio", 0.8, "PASS"),
        ([250, 500, 500], [1000, 1000, 1000], "ratio", 0.8, "FAIL"),
        ([5, 3], [10, 10], "ratio", 0.8, "INCONCLUSIVE"),
        ([400, 500], [1000, 1000], "ratio", 0.8, "INCONCLUSIVE"),
        ([300, 500], [1000, 1000], "difference", 0.1, "FAIL"),
        ([490, 500], [1000, 1000], "difference", 0.1, "PASS"),
        ([0, 30], [30, 30], "difference", 0.1, "FAIL"),
        ([0, 0], [30, 30], "difference", 0.2, "PASS"),
        ([0, 0], [5, 5], "difference", 0.2, "INCONCLUSIVE"),
        ([0, 0], [30, 30], "ratio", 0.8, "INCONCLUSIVE"),
    ],
)
def test_known_situations(k, n, kind, limit, expected):
    assert verdict(k, n, kind=kind, limit=limit).verdict == expected


@given(tables, st.sampled_from(["difference", "ratio"]), st.floats(0.05, 0.9))
@unhurried
def test_interval_and_verdict_are_one_statement(table, kind, limit):
    k, n = zip(*table, strict=True)
    found = verdict(k, n, kind=kind, limit=limit)
    if found.value is None:
        assert found.verdict == "INCONCLUSIVE"
        assert found.reason
        return
    assert found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9
    excluded = not (found.low < limit < found.high)
    assert excluded == (found.verdict != "INCONCLUSIVE")
    if found.verdict == "PASS":
        assert found.value <= limit if kind == "difference" else found.value >= limit
        assert found.p_within <= 0.05
    if found.verdict == "FAIL":
        assert found.value >= limit if kind == "difference" else found.value <= limit
        assert found.p_beyond <= 0.05


@given(tables, st.sampled_from(["difference", "ratio"]), st.integers(2, 30))
@unhurried
def test_more_rows_at_the_same_rates_never_turn_a_verdict(table, kind, factor):
    k, n = (np.array(column) for column in zip(*table, strict=True))
    before = verdict(k, n, kind=kind, limit=0.3)
    after = verdict(k * factor, n * factor, kind=kind, limit=0.3)
    if before.verdict != "INCONCLUSIVE":
        assert after.verdict == before.verdict


@given(tables, st.sampled_from(["difference", "ratio"]))
@unhurried
def test_order_of_groups_does_not_matter(table, kind):
    k, n = (np.array(column) for column in zip(*table, strict=True))
    first, second = verdict(k, n, kind=kind, limit=0.4), verdict(k[::-1], n[::-1], kind=kind, limit=0.4)
    assert (first.verdict, first.value) == (second.verdict, second.value)


def test_undefined_group_never_passes_and_is_named():
    found = verdict([500, 500, 0], [1000, 1000, 0])
    assert found.verdict == "INCONCLUSIVE"
    assert found.undefined == {"c": "no rows that this rate is taken over"}
    assert "undefined for c" in found.reason
    assert verdict([250, 500, 0], [1000, 1000, 0]).verdict == "FAIL"
    assert verdict([5], [10]).verdict == "INCONCLUSIVE"


def test_holm_runs_over_the_declared_rules_only():
    clear, close = claim([300, 500], [1000, 1000]), claim([345, 500], [1000, 1000])
    assert judge([close])[0].verdict == "FAIL"
    many = [claim([500, 500], [1000, 1000]) for _ in range(40)]
    assert judge([close, *many])[0].verdict == "INCONCLUSIVE"
    # A clearly failing rule is stepped over: the next is compared with the level that is left.
    first, second = judge([clear, close])
    assert first.verdict == second.verdict == "FAIL"
    assert second.p_beyond == pytest.approx(judge([close])[0].p_beyond, rel=1e-9)


def test_an_open_rule_says_what_would_settle_it():
    for k, n, kind, limit in (
        ([45, 41], [100, 100], "ratio", 0.8),
        ([60, 12], [120, 40], "difference", 0.1),
        ([50, 9], [100, 20], "difference", 0.2),
    ):
        found = verdict(k, n, kind=kind, limit=limit)
        assert found.verdict == "INCONCLUSIVE"
        assert found.more_rows
        sizes = np.array(n) + [found.more_rows.get(name, 0) for name in "ab"]
        settled = verdict(np.rint(np.array(k) / n * sizes * 1.02), np.rint(sizes * 1.02), kind=kind, limit=limit)
        assert settled.verdict != "INCONCLUSIVE"
    assert found.more_rows.keys() == {"b"}
    # On the limit itself nothing settles it.
    assert verdict([400, 500], [1000, 1000]).more_rows is None


def test_the_sentence_of_what_would_settle_it_says_what_the_figures_say():
    def told(k, n, unit="no rows", **options):
        rate = Rates(np.array(k), np.array(n), tuple("abcde"[: len(k)]), undefined=unit)
        return judge([Claim("m", "race", (rate,) * options.pop("times", 1), **options)])[0]

    rule = {"kind": "difference", "limit": 0.1}
    found = told([50, 9], [100, 20], kind="difference", limit=0.2)
    assert found.settles == (
        f"to settle it: of b about {found.more_rows['b']:,} more rows; "
        f"a difference of at least {found.detectable:.3g} would have shown"
    )
    favorable = told([45, 41], [100, 100], unit="no rows with a favorable label", kind="ratio", limit=0.8)
    assert "more rows with a favorable label, of " in favorable.settles
    assert favorable.settles.endswith(f"; a ratio of at most {favorable.detectable:.3g} would have shown")
    assert "more rows that each rate is taken over" in told([50, 9], [100, 20], times=2, **rule).settles
    five = told([17, 18, 16, 17, 18], [30, 30, 30, 30, 30], kind="difference", limit=0.2)
    assert len(five.more_rows) == 5
    assert ", and some of further groups; a difference" in five.settles
    # On the limit no number of rows helps; a group without the rate needs rows that have it.
    assert "no number of rows" in told([400, 500], [1000, 1000], kind="ratio", limit=0.8).settles
    assert told([500, 510, 0], [1000, 1000, 0], kind="ratio", limit=0.8).settles == "to settle it: of c some rows"
    assert "no ratio, however small, would have shown" in told([2, 2], [4, 4], kind="ratio", limit=0.8).settles
    # What is settled, or compares nothing, has none.
    assert {told([500, 510], [1000, 1000], kind="ratio", limit=0.8).settles, told([1], [2], **rule).settles} == {""}


def test_detectable_gap_is_shown_with_the_promised_power():
    rng = np.random.default_rng(2)
    for kind, limit in (("difference", 0.1), ("ratio", 0.8)):
        base = pairs_of([Rates([150, 150], [300, 300], ("a", "b"))])
        gap = detectable_gap(base, limit, kind, 0.05)
        low = 0.5 - gap / 2 if kind == "difference" else 0.5 * gap
        high = 0.5 + gap / 2 if kind == "difference" else 0.5
        k1, k2 = rng.binomial(300, low, 4000).astype(float), rng.binomial(300, high, 4000).astype(float)
        n = np.full(4000, 300.0)
        pairs = Pairs(k1, n, k2, n, (), (), (), np.ones(4000, dtype=bool))
        assert np.mean(beyond_p_values(pairs, limit, kind) <= 0.05) == pytest.approx(0.8, abs=0.04)
    assert detectable_gap(pairs_of([Rates([2, 2], [4, 4], ("a", "b"))]), 0.8, "ratio", 0.01) is None


def test_one_different_selection():
    # 10 of 12 against 6 of 9: with one different selection it is 9 of 12 against 7 of 9.
    assert reversible(pairs_of([Rates([10, 6], [12, 9], ("a", "b"))])).tolist() == [True]
    assert reversible(pairs_of([Rates([30, 10], [50, 50], ("a", "b"))])).tolist() == [False]


def test_no_failure_that_one_different_selection_reverses():
    assert reversible(pairs_of([Rates([1, 0], [3, 300], ("a", "b"))])).tolist() == [True]
    assert verdict([1, 0], [3, 300], limit=0.8, alpha=0.2).verdict == "FAIL"
    guarded = verdict([1, 0], [3, 300], limit=0.8, alpha=0.2, reversal=True)
    assert guarded.verdict == "INCONCLUSIVE"
    assert guarded.low <= 0.8 <= guarded.high


@pytest.mark.parametrize(("n", "p"), [(30, 0.9), (60, 0.5), (100, 0.3)])
def test_errors_at_the_limit_by_enumeration(n, p):
    """Two groups exactly at the limit: every table with its probability, so no Monte Carlo error."""
    from scipy import stats

    for kind, limit, low in (("ratio", 0.8, 0.8 * p), ("difference", 0.1, p - 0.1)):
        i, j = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"))
        weight = stats.binom.pmf(i, n, low) * stats.binom.pmf(j, n, p)
        keep = weight > 1e-9
        size = np.full(int(keep.sum()), float(n))
        pairs = Pairs(i[keep], size, j[keep], size, (), (), (), np.ones(size.size, dtype=bool))
        for test in (within_p_values, beyond_p_values):
            assert weight[keep] @ (test(pairs, limit, kind, level=0.05, exact_below=500.0) <= 0.05) <= 0.05


def test_equal_groups_rarely_fail_where_the_bare_rule_often_does():
    rng = np.random.default_rng(0)
    failed = bare = 0
    for _ in range(60):
        k = rng.binomial(50, 0.2, 8)
        failed += verdict(k, [50] * 8).verdict == "FAIL"
        bare += k.min() < 0.8 * k.max()
    assert failed <= 6
    assert bare >= 57


def test_dictionary_is_json():
    for k, n in (([5, 3, 0], [10, 10, 0]), ([0, 0], [4, 4]), ([250, 500], [1000, 1000])):
        assert json.loads(json.dumps(verdict(k, n).to_dict(), allow_nan=False))["metric"] == "demographic_parity"


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1.2}, {"alpha": 0.6}])
def test_impossible_rules(options):
    with pytest.raises(ConfigError, match="strictly between"):
        claim([1, 2], [3, 4], **options)
