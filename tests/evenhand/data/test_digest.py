"""The digest knows the content of a table, and nothing else about it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from evenhand.data.digest import content_digest, key_digests, mix, row_digests

TABLES = data_frames(
    [
        column("i", elements=st.integers(-(2**62), 2**62)),
        column("f", elements=st.floats(allow_infinity=True, allow_nan=True)),
        column("s", elements=st.one_of(st.text(max_size=5), st.none()), dtype=object),
    ],
    index=range_indexes(min_size=1, max_size=12),
)


@settings(max_examples=25, deadline=None)
@given(table=TABLES, seed=st.integers(0, 1000))
def test_order_and_index_change_nothing(table, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    moved = table.iloc[order].set_axis([f"row {i}" for i in range(len(table))])
    assert content_digest(moved) == content_digest(table)
    assert (row_digests(moved) == row_digests(table)[order]).all()


@settings(max_examples=25, deadline=None)
@given(table=TABLES, data=st.data())
def test_one_changed_cell_changes_it(table, data):
    row = data.draw(st.integers(0, len(table) - 1))
    changed = table.copy()
    changed["i"] = changed["i"].to_numpy() + np.where(np.arange(len(table)) == row, 1, 0)
    assert content_digest(changed) != content_digest(table)
    assert np.flatnonzero(row_digests(changed) != row_digests(table)).tolist() == [row]


@settings(max_examples=15, deadline=None)
@given(table=TABLES, data=st.data())
def test_duplicates_count(table, data):
    row = data.draw(st.integers(0, len(table) - 1))
    assert content_digest(pd.concat([table, table.iloc[[row]]])) != content_digest(table)


def test_a_pair_of_equal_rows_is_not_another_pair():
    one = pd.DataFrame({"a": [1, 1, 2, 2]})
    assert content_digest(one) != content_digest(pd.DataFrame({"a": [1, 2, 2, 2]}))
    assert content_digest(one) != content_digest(pd.DataFrame({"a": [3, 3, 2, 2]}))


def test_values_cannot_change_columns():
    assert content_digest(pd.DataFrame({"a": [1], "b": [2]})) != content_digest(pd.DataFrame({"a": [2], "b": [1]}))
    left, right = pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [2], "b": [1]})
    assert row_digests(left)[0] != row_digests(right)[0]


def test_names_order_and_dtypes_of_columns_matter():
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    others = [table.rename(columns={"a": "c"}), table[["b", "a"]], table.astype({"a": "float64"}), table[["a"]]]
    digests = {content_digest(each) for each in [table, *others]}
    assert len(digests) == 5


def test_row_digests_outlive_a_change_of_storage():
    """A column becomes float as soon as one value goes missing: the other rows must not move."""
    whole, gaps = pd.DataFrame({"a": [1, 2, 3]}), pd.DataFrame({"a": [1, 2, np.nan]})
    assert (row_digests(whole) == row_digests(gaps)).tolist() == [True, True, False]
    assert row_digests(pd.DataFrame({"a": [True]}))[0] == row_digests(pd.DataFrame({"a": [1.0]}))[0]
    assert row_digests(pd.DataFrame({"a": [0.0]}))[0] == row_digests(pd.DataFrame({"a": [-0.0]}))[0]


def test_row_digests_ignore_the_order_of_columns():
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert (row_digests(table) == row_digests(table[["b", "a"]])).all()


def test_large_neighbouring_integers_differ():
    """2**53 and 2**53 + 1 are one float."""
    first, second, third = row_digests(pd.DataFrame({"a": [2**53, 2**53 + 1, 2**62 + 1]}))
    assert len({first, second, third}) == 3
    assert row_digests(pd.DataFrame({"a": [2.0**53]}))[0] == first


def test_text_is_not_its_number():
    assert row_digests(pd.DataFrame({"a": ["1"]}))[0] != row_digests(pd.DataFrame({"a": [1]}))[0]


def test_none_and_nan_are_both_missing():
    table = pd.DataFrame({"a": pd.Series([None, np.nan], dtype=object)})
    assert len(set(row_digests(table))) == 1


def test_the_format_is_frozen():
    """Every registered model and every hash split rests on these values: a change is a new format."""
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan], "d": [True, False]})
    assert content_digest(table) == "728cad01bc36833355238ca8620cf65bcb590b50f074b0d73a094b0ab761eba0"
    assert row_digests(table).tolist() == [5701602627927043527, 2302183386686307548]


def test_mix_is_splitmix64():
    """First output of SplitMix64 from seed 0: mix of the golden increment, as in Vigna's reference splitmix64.c."""
    assert int(mix(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_no_accidental_collisions():
    table = pd.DataFrame({"a": np.arange(200_000), "b": np.arange(200_000)[::-1]})
    assert len(np.unique(row_digests(table))) == 200_000


@pytest.mark.parametrize("text", ["", "é", "🙂", "a\x00b", "\ud800"])
def test_odd_texts_have_digests_of_their_own(text):
    odd = row_digests(pd.DataFrame({"a": pd.Series([text, "plain"], dtype=object)}))
    assert odd[0] != odd[1]
    assert odd[1] == row_digests(pd.DataFrame({"a": ["plain"]}))[0]


@pytest.mark.parametrize(
    "texts",
    [
        ["17", "-3", "0", "007", "1.0", "", "a", None, "999999999999999999", "٣", "17\n"],
        pd.Categorical(["17", "-3", "0", "007", "1.0", "", "a", None, "999999999999999999", "٣", "17\n"]),
    ],
)
def test_a_key_is_the_same_as_a_number_and_as_text(texts):
    digests = key_digests(pd.Series(texts), "key")
    numbers = key_digests(pd.Series([17, -3, 0, 999999999999999999]), "key")
    assert digests[[0, 1, 2, 8]].tolist() == numbers.tolist()
    assert len(set(digests.tolist())) == len(texts), "and others stay apart"
    mixed = key_digests(pd.Series([17, "17", "x"], dtype=object), "key")
    assert mixed[0] == mixed[1] == numbers[0]
    assert (key_digests(pd.Series([17]), "group") != numbers[0]).all()
