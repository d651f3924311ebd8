"""A year of looks errs no more often than one look should."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.decision.spending import next_share, share_of_error
from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics.margins import beyond_p_values, within_p_values
from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of


@given(st.integers(1, 400), st.integers(1, 400))
def test_the_shares_add_up_to_one_at_most(looks: int, planned: int) -> None:
    for method in ("open_ended", "planned"):
        shares = [share_of_error(k, method, planned) for k in range(1, looks + 1)]
        assert sum(shares) <= 1 + 1e-12
        assert all(before >= after for before, after in pairwise(shares))


@given(st.lists(st.tuples(st.sampled_from(["open_ended", "planned"]), st.integers(1, 60)), max_size=80))
def test_shares_of_plans_that_change_from_look_to_look_add_up_to_one_at_most(plans: list) -> None:
    spent: list[float] = []
    for method, planned in plans:
        share = next_share(spent, method, planned)
        assert 0 <= share <= share_of_error(len(spent) + 1, method, planned)
        spent.append(share)
    assert sum(spent) <= 1 + 1e-9


@given(st.integers(1, 400), st.sampled_from(["open_ended", "planned"]), st.integers(1, 400))
def test_a_plan_that_does_not_change_is_given_its_shares(looks: int, method: str, planned: int) -> None:
    spent: list[float] = []
    for _ in range(looks):
        spent.append(next_share(spent, method, planned))
    assert spent == [share_of_error(look, method, planned) for look in range(1, looks + 1)]


def test_a_look_whose_record_keeps_no_share_counts_with_the_larger_one() -> None:
    assert next_share([None], "planned", 52) == 1 / 52
    assert next_share([None, None], "open_ended") == 1 / 12
    assert next_share([None], "planned", 1) == 0
    assert next_share([None] * 6, "planned", 4) == 0, "1/2 and four times no less than 1/4"


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="look: 0"):
        share_of_error(0)
    with pytest.raises(ConfigError, match="planned_looks: 0"):
        share_of_error(1, "planned", 0)


def years_of_audits(years: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """P-values of PASS and of FAIL for the four-fifths limit, shape (years, 52): independent audits of 2 x 400 rows."""
    rng, n = np.random.default_rng(2026), np.full(years * 52, 400)
    selected = [rng.binomial(n, rate) for rate in (0.5, 0.5 * ratio)]
    pass_, fail = [], []
    for high, low in zip(*(np.split(k, 52) for k in selected), strict=True):
        rates = [Rates([a, b], [400, 400], ["a", "b"]) for a, b in zip(high.tolist(), low.tolist(), strict=True)]
        pairs = pairs_of(rates)
        pass_.append(within_p_values(pairs, 0.8, "ratio", level=0.0))
        fail.append(beyond_p_values(pairs, 0.8, "ratio", level=0.0))
    return np.concatenate(pass_).reshape(years, 52), np.concatenate(fail).reshape(years, 52)


@pytest.mark.parametrize("method", ["open_ended", "planned"])
def test_a_year_of_weekly_audits_at_the_limit(method: str) -> None:
    """At a ratio of exactly .8 either verdict is an error: each comes in at most 5% of years.

    At the whole level each week, 1 - .95^52 = 93% of years would err.
    """
    years = 1000
    levels = 0.05 * np.array([share_of_error(week, method, 52) for week in range(1, 53)])
    for p_values in years_of_audits(years, 0.8):
        assert 0.88 < (p_values <= 0.05).any(axis=1).mean() < 0.98
        assert (p_values <= levels).any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / years)


def test_it_still_decides() -> None:
    """Halved selection on 2 x 400 rows fails within the year, equal selection passes, nearly always."""
    levels = 0.05 * np.array([share_of_error(week) for week in range(1, 53)])
    assert (years_of_audits(100, 0.5)[1] <= levels).any(axis=1).mean() > 0.95
    assert (years_of_audits(100, 1.0)[0] <= levels).any(axis=1).mean() > 0.95
