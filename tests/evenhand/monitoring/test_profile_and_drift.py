"""Profiles count exactly, add up, and tell of no small cell; the test of drift is the field's own."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from evenhand.exceptions import DataError
from evenhand.monitoring import ColumnProfile, measure_drift, population_stability_index, profile_column
from evenhand.monitoring.profile import MISSING, OTHER

numbers = st.lists(
    st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, allow_nan=False)), min_size=1, max_size=200
)
texts = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "dd", ""])), min_size=1, max_size=200)


def series(values: list) -> pd.Series:
    kind = "float64" if not any(isinstance(value, str) for value in values) else "str"
    return pd.Series(values, name="x", dtype=kind)


@given(numbers, numbers, st.integers(1, 5))
def test_the_cells_of_numbers_hold_each_row_once_and_parts_add_up(first: list, second: list, min_cell: int) -> None:
    profile = profile_column(series(first), bins=7, min_cell=min_cell)
    found = profile.count(series(second))
    values = np.array([value for value in second if value is not None])
    cells = np.searchsorted(profile.edges, values, side="left")
    assert found.counts[:-1] == tuple(np.bincount(cells, minlength=len(profile.edges) + 1))
    assert found.share(MISSING) == second.count(None) / len(second)
    half = len(second) // 2
    parts = [profile.count(series(part)) for part in (second[:half], second[half:]) if part]
    whole = parts[0] if len(parts) == 1 else parts[0].merge(parts[1])
    assert whole == found


@given(texts, texts)
def test_text_is_counted_the_same_as_codes_and_as_text(first: list, second: list) -> None:
    profile = profile_column(pd.Series(first, name="x", dtype="str"), min_cell=1)
    plain = pd.Series(second, dtype="str")
    assert profile.count(plain) == profile.count(plain.astype("category"))
    assert profile.count(plain).n == len(second)


@given(st.one_of(numbers, texts), st.integers(2, 20))
def test_no_cell_of_a_reference_tells_of_few_people(values: list, min_cell: int) -> None:
    profile = profile_column(series(values), min_cell=min_cell)
    if len(profile.counts) > 2:  # with one cell and the missing ones there is nothing left to join
        assert all(count == 0 or count >= min_cell for count in profile.counts)
    assert ColumnProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_an_edge_is_no_ones_own_value() -> None:
    incomes = pd.Series(np.random.default_rng(0).lognormal(10, 1, 5000), name="income")
    assert not set(profile_column(incomes).edges) & set(incomes)


def test_rare_values_are_not_named() -> None:
    values = pd.Series(["common"] * 50 + ["known"] * 20 + [f"somebody {at}" for at in range(12)])
    profile = profile_column(values, min_cell=10)
    assert profile.categories == ("common", "known")
    assert profile.counts == (50, 20, 12, 0)
    assert profile.labels == ("common", "known", OTHER, MISSING)


def test_the_p_value_is_pearsons_and_fishers() -> None:
    before = ColumnProfile("x", "categorical", (500, 300, 200, 0), categories=("a", "b"))
    now = ColumnProfile("x", "categorical", (90, 80, 30, 0), categories=("a", "b"))
    known = chi2_contingency([[500, 300, 200], [90, 80, 30]], correction=False).pvalue
    assert measure_drift(before, now).p_value == pytest.approx(known, rel=1e-12)
    two = ColumnProfile("x", "numeric", (500, 500, 0), edges=(1.0,))
    other = ColumnProfile("x", "numeric", (70, 30, 0), edges=(1.0,))
    assert measure_drift(two, other).p_value == pytest.approx(fisher_exact([[500, 500], [70, 30]]).pvalue)


def test_the_stability_index_of_a_worked_table() -> None:
    # 0.1 ln 1.2 + 0.1 ln 1.25 = 0.0406: half of each cell's rows moves to the next; with a million rows the half row
    # that is added to each cell does not show.
    found = population_stability_index([500_000, 500_000], [600_000, 400_000])
    assert found == pytest.approx(0.1 * np.log(0.6 / 0.5) + 0.1 * np.log(0.5 / 0.4), abs=1e-6)


def test_a_category_that_is_new_counts_as_another() -> None:
    before = profile_column(pd.Series(["a", "b"] * 200, name="x"))
    drift = measure_drift(before, before.count(pd.Series(["a"] * 100 + ["new"] * 100)))
    assert drift.p_value is not None
    assert drift.p_value < 1e-20
    assert drift.cell in ("b", OTHER)


@pytest.mark.parametrize("kind", ["new group", "gaps among numbers"])
def test_what_was_rare_or_never_there_is_seen_before_it_fills_a_cell(kind: str) -> None:
    """A tenth of a batch, by turns from either half, so that the cell it would be joined to changes by nothing."""
    if kind == "new group":
        before = ColumnProfile("sex", "categorical", (600, 600, 0, 0), categories=("f", "m"))
        now = ColumnProfile("sex", "categorical", (180, 180, 40, 0), categories=("f", "m"))
    else:
        before = ColumnProfile("age", "numeric", (600, 600, 0), edges=(40.0,))
        now = ColumnProfile("age", "numeric", (200, 160, 40), edges=(40.0,))
    found = measure_drift(before, now)
    assert found.p_value == pytest.approx(2 * fisher_exact([[0, 1200], [40, 360]]).pvalue)
    assert found.p_value < 1e-15


def test_what_is_rare_costs_no_more_false_alarms_than_the_level() -> None:
    rng = np.random.default_rng(3)
    shares = [0.5, 0.47, 0.02, 0.01]
    found = 0
    for _ in range(2000):
        before, now = (tuple(rng.multinomial(n, shares).tolist()) for n in (1200, 400))
        drift = measure_drift(
            *(ColumnProfile("sex", "categorical", each, categories=("f", "m")) for each in (before, now))
        )
        found += drift.p_value is not None and drift.p_value <= 0.05
    assert found / 2000 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("kind", ["missing", "gaps among numbers"])
def test_what_a_reference_withholds_is_no_change(kind: str) -> None:
    """A share of 3% of 300 rows is mostly under 10 rows, which the reference does not tell of."""
    rng = np.random.default_rng(5)
    rare = {"missing": None, "gaps among numbers": np.nan}[kind]
    common = [1.0, 2.0, 3.0] if kind == "gaps among numbers" else ["a", "b", "c"]

    def sample(n: int, share: float) -> pd.Series:
        values = pd.Series(rng.choice(common, n), name="x", dtype="float64" if kind.startswith("gaps") else "object")
        values[rng.random(n) < share] = rare
        return values

    found = withheld = 0
    for _ in range(400):
        before = profile_column(sample(300, 0.03))
        withheld += before.withheld > 0
        drift = measure_drift(before, before.count(sample(400, 0.03)))
        assert drift.p_value is not None
        found += drift.p_value <= 0.05
    assert withheld > 100
    assert found / 400 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 400)
    changed = measure_drift(before, before.count(sample(400, 0.3)))
    assert changed.p_value is not None
    assert changed.p_value < 1e-6


@pytest.mark.parametrize("others", [0, 6])
@pytest.mark.parametrize("common", [0.0, 1.0, -0.1])
def test_a_number_that_nearly_all_rows_have_keeps_its_cell(common: float, others: int) -> None:
    """A flag with six ones was one cell of any number, and all ones no change."""
    before = profile_column(pd.Series([common] * 4000 + [2.0] * others, name="x"))
    text = f"{common:g}"
    assert before.labels == (f"under {text}", text, f"over {text}", MISSING)
    assert (before.counts, before.withheld) == ((0, 4000, 0, 0), 9 if others else 0)
    assert before.count(pd.Series([common], dtype="float32")).counts == (0, 1, 0, 0)
    alike = measure_drift(before, before.count(pd.Series([common] * 599 + [2.0])))
    assert alike.p_value is None or alike.p_value > 0.05
    for share in (0.05, 0.5, 1.0):
        now = pd.Series([common] * 1000)
        now[: int(share * 1000)] = 2.0
        drift = measure_drift(before, before.count(now))
        assert drift.p_value is not None
        assert drift.p_value < 1e-10
        assert (drift.psi or 0) > 0.1


def test_the_numbers_beside_one_that_most_rows_have_are_cut_by_themselves() -> None:
    """Of 95% zeros the others were one cell, and no change among them was seen."""
    rng = np.random.default_rng(8)

    def gains(n: int, scale: float = 8.0) -> pd.Series:
        return pd.Series(np.where(rng.random(n) < 0.95, 0.0, rng.lognormal(scale, 1, n)), name="gain")

    before, found = profile_column(gains(4000)), 0
    assert before.labels[:2] == ("under 0", "0")
    assert len(before.counts) > 8
    for _ in range(200):
        drift = measure_drift(before, before.count(gains(1000)))
        found += drift.p_value is not None and drift.p_value <= 0.05
    assert found / 200 <= 0.05 + 3 * np.sqrt(0.05 / 200)
    more = measure_drift(before, before.count(gains(4000, scale=10.0)))
    assert more.p_value is not None
    assert more.p_value < 1e-6


def test_what_cannot_be_compared_says_why() -> None:
    before = profile_column(pd.Series([1.0] * 50, name="x"))
    assert measure_drift(before, before.empty()).reason == "no rows in the new data"
    assert measure_drift(before, before.count(pd.Series([1.0] * 40))).reason == "all rows are in one cell"
    with pytest.raises(DataError, match="other cells"):
        measure_drift(before, ColumnProfile("x", "numeric", (1, 1, 0), edges=(5.0,)))
    with pytest.raises(DataError, match="holds text and its reference numbers"):
        before.count(pd.Series(["many", "few"]))
