"""Splits: nobody on two sides, and nobody moves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.dataset import Dataset
from evenhand.data.splits import PARTS, split_dataset
from evenhand.exceptions import ConfigError, DataError

from .conftest import make_dataset

METHODS = ["hash", "stratified", "time", "group"]


def full(n=600, seed=0, **options):
    rng = np.random.default_rng(seed)
    return make_dataset(
        n,
        seed=seed,
        key=pd.Series([f"k{i}" for i in range(n)], name="id"),
        time=pd.Series(rng.integers(0, 60, n), name="day"),
        group=pd.Series(rng.integers(0, n // 4, n), name="person"),
        **options,
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_row_is_in_one_part_and_input_stays(method):
    data = full()
    before = data.to_frame()
    split = split_dataset(data, method=method)
    rows = np.concatenate([split.rows(part) for part in PARTS])
    assert sorted(rows.tolist()) == list(range(600))
    assert sum(split.counts().values()) == 600
    pd.testing.assert_frame_equal(data.to_frame(), before)


@pytest.mark.parametrize("method", METHODS)
def test_shares_are_met(method):
    counts = split_dataset(full(6000), method=method, train=0.5, validation=0.2, test=0.3).counts()
    assert counts["train"] == pytest.approx(3000, abs=200)
    assert counts["test"] == pytest.approx(1800, abs=200)


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_moves_nobody(method):
    data = full()
    order = np.random.default_rng(5).permutation(600)
    assert (split_dataset(data.take(order), method=method).part == split_dataset(data, method=method).part[order]).all()


@settings(max_examples=25, deadline=None)
@given(old=st.integers(200, 400), new=st.integers(1, 300), seed=st.integers(0, 10_000), keyed=st.booleans())
def test_hash_keeps_every_row_where_it_was_when_data_grow(old, new, seed, keyed):
    data = full(old + new, seed=seed)
    if not keyed:
        data = Dataset(data.X, data.y, data.sensitive_features)
    before = split_dataset(data.take(np.arange(old)))
    assert (split_dataset(data).part[:old] == before.part).all()


def test_hash_by_content_survives_a_first_missing_value_and_a_corrected_label():
    data = make_dataset(500)
    before = split_dataset(data).part
    X = data.X.copy()
    X["dependents"] = X["dependents"].astype(float)
    X.loc[7, "dependents"] = np.nan
    y = data.y.copy()
    y[3] = "yes" if y[3] == "no" else "no"
    after = split_dataset(Dataset(X, y, data.sensitive_features)).part
    assert (np.delete(after, 7) == np.delete(before, 7)).all()


def test_hash_by_key_ignores_the_content():
    data = full()
    changed = Dataset(data.X.assign(income=0.0), data.y, data.sensitive_features, key=data.key)
    assert (split_dataset(changed).part == split_dataset(data).part).all()


@pytest.mark.parametrize(("method", "role"), [("hash", "key"), ("group", "group")])
def test_whole_numbers_that_became_text_stay_where_they_were(method, role):
    data = full()
    names = pd.Series(np.arange(len(data)) // (1 if role == "key" else 3))
    split = [
        split_dataset(Dataset(data.X, data.y, data.sensitive_features, **{role: kept}), method=method).part
        for kept in (names, names.astype(str), names.astype(str).astype("category"))
    ]
    assert (split[0] == split[1]).all()
    assert (split[0] == split[2]).all()


def test_identical_rows_land_together():
    data = make_dataset(300)
    twice = data.take(np.concatenate([np.arange(300), np.arange(300)]))
    part = split_dataset(twice).part
    assert (part[:300] == part[300:]).all()


def test_test_part_does_not_depend_on_the_share_of_validation():
    data = full(2000)
    few = split_dataset(data, train=0.7, validation=0.1, test=0.2)
    many = split_dataset(data, train=0.5, validation=0.3, test=0.2)
    assert few.rows("test").tolist() == many.rows("test").tolist()


def test_salt_and_seed_change_the_draw():
    data = full()
    assert (split_dataset(data, salt="a").part != split_dataset(data, salt="b").part).any()
    first, second = (split_dataset(data, method="stratified", seed=seed).part for seed in (0, 1))
    assert (first != second).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(40, 300))
def test_a_person_is_never_on_both_sides(seed, people):
    data = full(800, seed=seed)
    group = pd.Series(np.random.default_rng(seed).integers(0, people, 800), name="person")
    data = Dataset(data.X, data.y, data.sensitive_features, group=group)
    sides = pd.DataFrame({"person": group, "part": split_dataset(data, method="group").part})
    assert len(sides.drop_duplicates()) == group.nunique()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), moments=st.integers(5, 400))
def test_time_never_straddles_and_test_is_latest(seed, moments):
    data = full(600, seed=seed)
    time = pd.Series(np.random.default_rng(seed).integers(0, moments, 600), name="day")
    split = split_dataset(Dataset(data.X, data.y, data.sensitive_features, time=time), method="time")
    train, validation, test = (time.iloc[split.rows(part)] for part in PARTS)
    assert train.max() < validation.min()
    assert validation.max() < test.min()


def test_time_reads_iso_text_and_dates():
    data = make_dataset(120)
    days = pd.date_range("2025-01-01", periods=120)
    by_date = split_dataset(Dataset(data.X, data.y, data.sensitive_features, time=pd.Series(days)), method="time")
    text = pd.Series(days.strftime("%Y-%m-%d"))
    by_text = split_dataset(Dataset(data.X, data.y, data.sensitive_features, time=text), method="time")
    assert by_date.rows("test").tolist() == list(range(96, 120))
    assert (by_text.part == by_date.part).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(60, 400), k=st.integers(2, 4))
def test_stratified_is_proportional_in_each_class_and_group(seed, n, k):
    data = make_dataset(n, seed=seed, classes="wxyz"[:k])
    if data.y.value_counts().min() < 5:
        return
    part = pd.Series(split_dataset(data, method="stratified", seed=seed).part)
    by_class = pd.crosstab(data.y, part)
    assert (by_class["train"] - 0.6 * by_class.sum(axis=1)).abs().max() <= 1
    assert (by_class["test"] - 0.2 * by_class.sum(axis=1)).abs().max() <= 1
    stratum = data.y + "/" + data.sensitive_features["sex"] + "/" + data.sensitive_features["race"]
    by_stratum = pd.crosstab(stratum, part).reindex(columns=list(PARTS), fill_value=0)
    assert (by_stratum["test"] - 0.2 * by_stratum.sum(axis=1)).abs().max() < 2


def test_a_class_of_three_rows_reaches_every_part():
    data = make_dataset(200)
    y = pd.Series(["rare"] * 3 + ["common"] * 197)
    split = split_dataset(Dataset(data.X, y, data.sensitive_features), method="stratified")
    assert sorted(split.part[:3]) == sorted(PARTS)


@pytest.mark.parametrize("method", METHODS)
def test_a_part_without_a_class_is_an_error(method):
    data = full(300)
    y = pd.Series(["rare"] * 2 + ["common"] * 298, name="paid")
    lacking = Dataset(data.X, y, data.sensitive_features, key=data.key, time=data.time, group=data.group)
    with pytest.raises(DataError, match=r"no row of class 'rare'.*'rare': 2") as error:
        split_dataset(lacking, method=method)
    assert ("use split.method 'stratified'" in str(error.value)) == (method == "hash")


@pytest.mark.parametrize("method", ["time", "group"])
def test_missing_and_absent_columns_are_named(method):
    data = make_dataset(100)
    with pytest.raises(DataError, match=f"data.{method}"):
        split_dataset(data, method=method)
    gaps = pd.Series([1.0, np.nan] * 50, name="when")
    with pytest.raises(DataError, match=r"'when' is missing in 50 of 100 rows"):
        split_dataset(Dataset(data.X, data.y, data.sensitive_features, **{method: gaps}), method=method)


def test_unreadable_time_is_counted_not_shown():
    data = make_dataset(50)
    time = pd.Series(["secret"] * 50, name="when")
    with pytest.raises(DataError, match="no date in 50 of 50 rows") as error:
        split_dataset(Dataset(data.X, data.y, data.sensitive_features, time=time), method="time")
    assert "secret" not in str(error.value)


def test_two_moments_cannot_make_three_parts():
    data = make_dataset(50)
    with pytest.raises(DataError, match="2 different moments"):
        split_dataset(Dataset(data.X, data.y, data.sensitive_features, time=pd.Series([1, 2] * 25)), method="time")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hsh"}, "did you mean 'hash'"),
        ({"train": 0.9}, "together 1"),
        ({"train": 1.0, "validation": 0.0, "test": 0.0}, "above 0"),
        ({"train": -0.2, "validation": 0.6, "test": 0.6}, "above 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        split_dataset(make_dataset(100), **options)


def test_unknown_part():
    with pytest.raises(DataError, match="did you mean 'train'"):
        split_dataset(make_dataset(100)).rows("trian")


def test_table_counts_every_class_and_group(dataset):
    split = split_dataset(dataset)
    table = split.table(dataset)
    assert set(table["attribute"]) == {"paid", "sex", "race"}
    for _, row in table.iterrows():
        values = dataset.y if row["target"] else dataset.sensitive_features[row["attribute"]]
        assert row["n"] == int(((values == row["value"]).to_numpy() & (split.part == row["part"])).sum())
    assert table.groupby(["attribute", "part"])["share"].sum().to_numpy() == pytest.approx(1.0)
