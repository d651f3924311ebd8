"""The search for the limits at which tests would just not decide."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from evenhand.fairness.statistics import Rates, exact, largest_gap, largest_gaps
from evenhand.fairness.statistics.limits import Question, crossings
from evenhand.fairness.statistics.margins import beyond_p_values, within_p_values
from evenhand.fairness.statistics.rates_by_group import pairs_of

unhurried = settings(deadline=None, max_examples=20)

tables = st.lists(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=4
)


def rates(table):
    k, n = zip(*table, strict=True)
    return Rates(np.array(k), np.array(n), tuple("abcdefghij"[: len(k)]))


def test_the_plain_bisection_over_all_comparisons_gave_the_same():
    """Values of the search that asked all exact tests at each of its steps, one limit after the other."""
    table = [(171, 286), (24, 73), (9, 11), (2, 3), (1, 4)]
    gap, ratio = largest_gaps([([rates(table)], "difference"), ([rates(table)], "ratio")])
    assert (gap.low, gap.high) == pytest.approx((0.0852877, 0.9166712), abs=1e-3)
    assert (ratio.low, ratio.high) == pytest.approx((0.0100503, 0.8481655), abs=1e-3)


@given(tables, st.sampled_from(["difference", "ratio"]))
@unhurried
def test_many_at_once_are_each_alone(table, kind):
    other = [(k + 3, n + 5) for k, n in table]
    together = largest_gaps([([rates(table)], kind), ([rates(other)], kind)])
    for found, one in zip(together, (table, other), strict=True):
        alone = largest_gap(rates(one), kind=kind)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=1e-9, nan_ok=True)


@given(tables, st.sampled_from(["difference", "ratio"]), st.booleans())
@unhurried
def test_the_tests_decide_at_the_limit(table, kind, inside):
    """The limit given is on the side where the tests of the verdicts decide, unless none does."""
    pairs = pairs_of([rates(table)])
    if np.isnan(pairs.gaps(kind)).all():
        return
    level = 0.025 if inside else 0.025 / len(pairs)
    limit = float(crossings([Question(pairs, level, inside)], kind)[0])
    end = 1.0 if inside == (kind == "difference") else 0.0
    if limit == end:
        return
    limit += 1e-6 if end > 0 else -1e-6
    p = (within_p_values if inside else beyond_p_values)(pairs, limit, kind, level=level)
    # p-values are refined only near their level, by less than this.
    assert (p.max() if inside else p.min()) <= level * 1.02


def test_few_exact_tests_serve_many_limits(monkeypatch):
    """An audit of some hundred rows with a group of three took seconds: by 706 batches of exact tests."""
    batches = []
    original = exact._maximal_tail
    monkeypatch.setattr(exact, "_maximal_tail", lambda *given: batches.append(1) or original(*given))
    table = [(171, 286), (24, 73), (9, 11), (2, 3)]
    asked = [
        ([rates([(k // part + 1, n) for k, n in table])], kind)
        for part in (1, 2, 3)
        for kind in ("difference", "ratio")
    ]
    largest_gaps(asked)
    assert 0 < len(batches) < 60
