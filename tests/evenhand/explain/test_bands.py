"""Bands hide what fewer than `min_cell` rows share."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.explain._public import public
from evenhand.explain.bands import MISSING, OTHER, fit_bands, rounded, shown_cells


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.none()), min_size=1, max_size=200), st.integers(2, 10))
def test_every_value_has_a_band_and_order_is_kept(values, bands):
    column = pd.Series(values, dtype="float64", name="x")
    fitted = fit_bands(column, bands=bands, min_cell=2)
    codes = fitted.codes(column)
    assert len(codes) == len(column)
    assert set(codes) <= set(range(len(fitted.labels)))
    assert ((codes == len(fitted.labels) - 1) == column.isna()).all()
    if fitted.kind == "numeric":
        present = column.dropna().sort_values()
        assert (np.diff(fitted.codes(present)) >= 0).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 20))
def test_hidden_cells_are_none_or_enough_to_hide_in(counts, least):
    shown = shown_cells(counts, least)
    assert all(count >= least for count, show in zip(counts, shown, strict=True) if show)
    hidden = sum(count for count, show in zip(counts, shown, strict=True) if not show)
    assert hidden == 0 or hidden >= least or not any(shown)


def test_rare_categories_share_a_band():
    column = pd.Series(["a"] * 20 + ["b"] * 12 + ["rare"] * 3 + [None], name="job", dtype="str")
    fitted = fit_bands(column, min_cell=10)
    assert fitted.labels == ("a", "b", OTHER, MISSING)
    assert fitted.codes(pd.Series(["b", "rare", "unseen", None], dtype="str")).tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize("values", [[True, False] * 20, [1, 2] * 20, [1.0, 2.0] * 20])
def test_few_values_are_shown_by_value_whatever_their_type(values):
    column = pd.Series(values, name="x")
    fitted = fit_bands(column)
    assert len(fitted.values) == 2
    assert set(fitted.codes(column)) == {0, 1}


def test_whole_numbers_keep_their_bands_when_a_missing_value_makes_them_floats():
    fitted = fit_bands(pd.Series([1, 2, 3] * 20, name="x"))
    assert fitted.codes(pd.Series([3.0, np.nan, 1.0])).tolist() == [2, 4, 0]


def test_an_empty_column_is_missing():
    column = pd.Series([np.nan] * 5, name="x")
    fitted = fit_bands(column)
    assert fitted.labels[fitted.codes(column)[0]] == MISSING


def test_edges_stand_on_a_grid_of_the_spread():
    edges = fit_bands(pd.Series(np.random.default_rng(0).normal(50, 12, 501), name="age")).edges
    assert all(edge == round(edge) for edge in edges)
    assert rounded(-0.001, 3.0) == 0
    assert str(rounded(-0.001, 3.0)) == "0.0"


def test_public_values_are_plain():
    assert public({"a": (np.float64("inf"), np.bool_(True), np.int8(3), "x", None)}) == {
        "a": [None, True, 3, "x", None]
    }
