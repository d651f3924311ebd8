"""A year of looks errs no more often than one look should."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.decision.spending import share_of_error
from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics.margins import beyond_p_values, within_p_values
from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of


@given(st.integers(1, 400), st.integers(1, 400))
def test_the_shares_add_up_to_one_at_most(looks: int, planned: int) -> None:
    for method in ("open_ended", "planned"):
        shares = [share_of_error(k, method, planned) for k in range(1, looks + 1)]
        assert sum(shares) <= 1 + 1e-12
        assert all(before >= after for before, after in pairwise(shares))


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
