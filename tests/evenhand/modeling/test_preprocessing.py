"""Preprocessing: what each kind of column becomes, and where each encoded column comes from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.exceptions import DataError
from evenhand.modeling.preprocessing import MAX_CATEGORIES, check_features, make_preprocessor, source_columns

MIXED = pd.DataFrame(
    {
        "age": [20.0, None, 40.0, 60.0],
        "rooms": pd.Series([1, 2, None, 3], dtype="Int64"),
        "job": ["clerk", None, "smith", "clerk"],
        "owner": [True, False, True, True],
        "maybe": pd.Series([True, None, False, None], dtype=object),
        "flag": pd.Series([True, None, False, None], dtype="boolean"),
        "kind": pd.Series(["a", None, "b", "c"], dtype="category"),
        "empty": [np.nan] * 4,
        "nothing": pd.Series([None] * 4, dtype=object),
    }
)


@pytest.mark.parametrize("scale", [False, True])
def test_every_kind_of_column_becomes_finite_float64(scale):
    before = MIXED.copy(deep=True)
    check_features(MIXED)
    preprocessor = make_preprocessor(MIXED, scale=scale).fit(MIXED)
    encoded = preprocessor.transform(MIXED)
    assert encoded.dtype == np.float64
    assert np.isfinite(encoded).all()
    assert encoded.shape[1] == len(source_columns(preprocessor)) == len(preprocessor.get_feature_names_out())
    assert set(source_columns(preprocessor)) == set(MIXED.columns)
    pd.testing.assert_frame_equal(MIXED, before)


def test_missing_is_a_category_of_its_own_and_an_indicator_of_a_number():
    preprocessor = make_preprocessor(MIXED, scale=False).fit(MIXED)
    encoded = pd.DataFrame(preprocessor.transform(MIXED), columns=preprocessor.get_feature_names_out())
    assert encoded["numeric__age"].tolist() == [20, 40, 40, 60]  # the median of 20, 40, 60
    assert encoded["numeric__missingindicator_age"].tolist() == [0, 1, 0, 0]
    assert encoded["categorical__job_nan"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("column", ["age", "job"])
def test_a_feature_of_one_kind_only(column):
    X = MIXED[[column]]
    preprocessor = make_preprocessor(X, scale=True).fit(X)
    assert set(source_columns(preprocessor)) == {column}


def test_ten_thousand_categories_do_not_explode_and_unseen_ones_go_to_the_rare():
    X = pd.DataFrame({"city": [f"c{i}" for i in range(10_000)] + ["c1"] * 50})
    preprocessor = make_preprocessor(X, scale=False).fit(X)
    unseen = preprocessor.transform(pd.DataFrame({"city": ["never seen", "c1"]}))
    assert unseen.shape == (2, MAX_CATEGORIES)
    assert source_columns(preprocessor) == ["city"] * MAX_CATEGORIES
    assert unseen.sum(axis=1).tolist() == [1, 1]
    assert unseen[0, -1] == 1


@given(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=1, max_size=30), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_every_row_has_one_category_a_column(values, copies):
    X = pd.DataFrame({f"c{i}": pd.Series(values, dtype=object) for i in range(copies)})
    encoded = make_preprocessor(X, scale=False).fit_transform(X)
    assert (encoded.sum(axis=1) == copies).all()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": []}), "0 rows"),
        (pd.DataFrame(index=[0, 1]), "0 columns"),
        (pd.DataFrame({1: [1.0]}), "names must be strings"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "twice"),
        (pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}), "'when' holds dates"),
        (pd.DataFrame({"span": pd.to_timedelta(["1D"])}), "'span' holds dates or durations"),
        (pd.DataFrame({"z": [1 + 2j]}), "'z' holds complex"),
        (pd.DataFrame({"pay": [1.0, np.inf]}), "'pay' holds infinities"),
        (pd.DataFrame({"pay": [1.0, 1e300]}), "'pay' holds numbers beyond"),
        (pd.DataFrame({"s": pd.Series(["a", None], dtype="string")}), "'s' is of the nullable dtype"),
    ],
)
def test_what_no_candidate_can_use_is_refused_by_name(frame, message):
    with pytest.raises(DataError, match=message):
        check_features(frame)


def test_all_bad_columns_are_named_at_once():
    with pytest.raises(DataError, match=r"'a' holds infinities.*'b' holds dates"):
        check_features(pd.DataFrame({"a": [np.inf], "b": pd.to_datetime(["2020-01-01"])}))
