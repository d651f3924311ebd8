"""Changed rows: what must stay, what must change, and by how much."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.modeling.perturbation import UNSEEN, learn_columns, with_floats, with_missing, with_noise, with_unseen

RNG = np.random.default_rng(0)
N = 400
TRAIN = pd.DataFrame(
    {
        "income": RNG.lognormal(8, 1, N),
        "rooms": RNG.integers(1, 9, N),
        "children": np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(0, 4, N)),
        "owner": RNG.random(N) < 0.5,
        "job": RNG.choice(["clerk", "smith", "nurse"], N, p=[0.6, 0.3, 0.1]),
        "region": pd.Categorical(RNG.choice(["north", "south"], N)),
        "constant": 3,
        "self": RNG.integers(0, 2, N),
        "sensitive:sex": RNG.choice(["female", "male"], N),
    }
)
COLUMNS = {column.name: column for column in learn_columns(TRAIN)}
X = with_floats(TRAIN.head(50), list(COLUMNS.values()))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_columns_are_told_apart_and_sensitive_ones_left_out():
    assert {name: column.kind for name, column in COLUMNS.items()} == {
        "income": "number",
        "rooms": "number",
        "children": "number",
        "owner": "flag",
        "job": "category",
        "region": "category",
        "constant": "number",
        "self": "number",
    }
    assert [name for name, column in COLUMNS.items() if column.whole] == ["rooms", "children", "constant", "self"]
    assert COLUMNS["income"].spread == pytest.approx(TRAIN["income"].std(ddof=0))
    assert COLUMNS["job"].levels == ("clerk", "smith", "nurse")
    assert COLUMNS["children"].levels == (0.0, 1.0, 2.0, 3.0)
    assert len(COLUMNS["income"].levels) == 12
    assert set(COLUMNS["income"].levels) <= set(TRAIN["income"])


def test_levels_do_not_depend_on_the_order_of_rows():
    again = learn_columns(TRAIN.sample(frac=1, random_state=1))
    assert [column.levels for column in again] == [column.levels for column in COLUMNS.values()]


@settings(deadline=None)  # a busy machine is no failure
@given(st.floats(0.001, 2), st.integers(0, 2**32 - 1))
def test_noise_keeps_what_a_number_is(scale, seed):
    moved = with_noise(X, list(COLUMNS.values()), scale=scale, rng=rng(seed))
    for name in ("rooms", "children", "self"):
        known = moved[name].dropna()
        assert (known == known.round()).all()
    for name, column in COLUMNS.items():
        if column.kind == "number":
            assert moved[name].dropna().between(column.low, column.high).all()
            assert (moved[name].isna() == X[name].isna()).all()
        else:
            pd.testing.assert_series_equal(moved[name], X[name])
    pd.testing.assert_series_equal(moved["sensitive:sex"], X["sensitive:sex"])
    pd.testing.assert_series_equal(moved["constant"], X["constant"])


def test_noise_has_the_stated_size():
    column = pd.DataFrame({"x": rng(1).normal(0, 7, 20_000)})
    middle = column[column["x"].abs() < 7].reset_index(drop=True)
    moved = with_noise(middle, learn_columns(column), scale=0.1, rng=rng())
    assert (moved["x"] - middle["x"]).std() == pytest.approx(0.1 * column["x"].std(), rel=0.03)


def test_a_number_outside_the_training_range_is_not_pulled_into_it():
    far = X.head(3).assign(income=[-5.0, 1e9, 1e9])
    moved = with_noise(far, list(COLUMNS.values()), scale=0.5, rng=rng())
    assert moved["income"].between(-5.0, 1e9).all()
    assert (moved["income"] > COLUMNS["income"].high).any()


def test_missing_values_come_at_the_stated_rate_everywhere_but_in_sensitive_columns():
    gone = with_missing(with_floats(TRAIN, list(COLUMNS.values())), list(COLUMNS.values()), share=0.3, rng=rng())
    for name in ("income", "rooms", "owner", "job", "region"):
        assert gone[name].isna().mean() == pytest.approx(0.3, abs=0.08), name
    assert not gone["sensitive:sex"].isna().any()
    kept = gone["job"].notna()
    assert (gone["job"][kept] == TRAIN["job"][kept]).all()


def test_one_category_of_each_row_is_new():
    changed = with_unseen(X, list(COLUMNS.values()), rng=rng())
    new = (changed[["job", "region"]].astype(object) == UNSEEN).to_numpy()
    assert (new.sum(axis=1) == 1).all()
    assert new.any(axis=0).all()
    pd.testing.assert_frame_equal(changed.drop(columns=["job", "region"]), X.drop(columns=["job", "region"]))
    assert changed["region"][~new[:, 1]].tolist() == X["region"][~new[:, 1]].tolist()


def test_what_cannot_be_changed_says_so():
    names = pd.DataFrame({"job": ["a", "b"], "flat": ["x", "x"]})
    numbers = pd.DataFrame({"x": [1.0, 1.0]})
    sensitive = pd.DataFrame({"sensitive:sex": ["f", "m"]})
    assert with_noise(names, learn_columns(names), scale=0.1, rng=rng()) is None
    assert with_noise(numbers, learn_columns(numbers), scale=0.1, rng=rng()) is None
    assert with_unseen(numbers, learn_columns(numbers), rng=rng()) is None
    assert with_missing(sensitive, learn_columns(sensitive), share=0.5, rng=rng()) is None


def test_a_column_without_any_value_has_no_levels():
    assert learn_columns(pd.DataFrame({"x": [np.nan, np.nan]}))[0].levels == ()


@pytest.mark.parametrize("change", ["noise", "missing", "unseen"])
def test_the_same_seed_gives_the_same_rows_and_inputs_stay(change):
    columns, before = list(COLUMNS.values()), X.copy(deep=True)
    make = {
        "noise": lambda: with_noise(X, columns, scale=0.1, rng=rng(3)),
        "missing": lambda: with_missing(X, columns, share=0.2, rng=rng(3)),
        "unseen": lambda: with_unseen(X, columns, rng=rng(3)),
    }[change]
    pd.testing.assert_frame_equal(make(), make())
    pd.testing.assert_frame_equal(X, before)
