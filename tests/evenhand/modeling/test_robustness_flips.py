"""The smallest change that flips a denial: against every move tried one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.modeling.perturbation import learn_columns, with_floats
from evenhand.modeling.robustness_flips import candidates_a_row, smallest_flips

RNG = np.random.default_rng(0)
TRAIN = pd.DataFrame(
    {
        "income": RNG.normal(50, 10, 300),
        "rooms": RNG.integers(1, 9, 300),
        "job": RNG.choice(["clerk", "smith", "nurse"], 300),
        "owner": RNG.random(300) < 0.5,
    }
)
COLUMNS = learn_columns(TRAIN)


def points(rows):
    return (
        (rows["income"].to_numpy(float) - 50) / 10
        + 0.4 * rows["rooms"].to_numpy(float)
        + 0.9 * (rows["job"].astype(object) == "nurse").to_numpy()
        + 0.5 * (rows["owner"].astype(object) == True).to_numpy()  # noqa: E712  # a missing flag is neither
    )


def brute(decide, row):
    """Every move of one row, one at a time."""
    best = np.inf
    for column in COLUMNS:
        known = row[column.name].iloc[0]
        for level in column.levels:
            if pd.isna(known) or known == level:
                continue
            moved = row.copy()
            moved[column.name] = [level]
            if decide(moved)[0]:
                far = abs(level - known) / column.spread if column.kind == "number" else 1.0
                best = min(best, far)
    return best


@settings(max_examples=10, deadline=None)
@given(st.floats(1.0, 6.0), st.integers(0, 10_000))
def test_it_finds_what_trying_every_move_finds(limit, seed):
    def decide(rows):
        return points(rows) >= limit

    rows = TRAIN.sample(12, random_state=seed).reset_index(drop=True)
    rows.loc[0, "income"] = np.nan
    denied = with_floats(rows[~decide(rows)], COLUMNS)
    found = smallest_flips(decide, denied, COLUMNS)
    wanted = [brute(decide, denied.iloc[[place]]) for place in range(len(denied))]
    np.testing.assert_allclose(found.distance, wanted)


def test_rows_that_nothing_flips_were_moved_as_far_as_training_rows_lie():
    asked = []

    def never(rows):
        asked.append(len(rows))
        return np.zeros(len(rows), dtype=bool)

    denied = with_floats(TRAIN.head(20), COLUMNS)
    found = smallest_flips(never, denied, COLUMNS)
    assert np.isinf(found.distance).all()
    levels = np.array(COLUMNS[0].levels)
    far = np.abs(denied["income"].to_numpy()[:, None] - levels).max(axis=1) / COLUMNS[0].spread
    assert (found.reached >= far - 1e-12).all()
    assert sum(asked) <= 20 * candidates_a_row(COLUMNS)


def test_rows_that_flip_are_not_asked_about_again():
    asked = []

    def always(rows):
        asked.append(len(rows))
        return np.ones(len(rows), dtype=bool)

    found = smallest_flips(always, with_floats(TRAIN.head(20), COLUMNS), COLUMNS)
    assert np.isfinite(found.distance).all()
    assert len(asked) == 1


def test_a_row_of_missing_values_has_no_move():
    empty = with_floats(TRAIN.head(1), COLUMNS).assign(
        income=[np.nan], rooms=[np.nan], job=pd.Series([None], dtype=object), owner=pd.Series([None], dtype=object)
    )
    found = smallest_flips(lambda rows: np.ones(len(rows), dtype=bool), empty, COLUMNS)
    assert found.distance.tolist() == [np.inf]
    assert found.reached.tolist() == [0.0]


def test_no_row_and_no_feature_are_no_error():
    assert smallest_flips(points, with_floats(TRAIN.head(0), COLUMNS), COLUMNS).distance.shape == (0,)
    assert smallest_flips(points, TRAIN.head(2), ()).distance.tolist() == [np.inf, np.inf]


def test_a_category_counts_as_one_standard_deviation():
    def nurses(rows):
        return (rows["job"] == "nurse").to_numpy()

    denied = with_floats(TRAIN[TRAIN["job"] != "nurse"].head(5), COLUMNS)
    assert smallest_flips(nurses, denied, COLUMNS).distance.tolist() == [1.0] * 5


@pytest.mark.parametrize("dtype", ["str", "category", object])
def test_names_may_be_kept_in_any_dtype(dtype):
    rows = TRAIN.assign(job=TRAIN["job"].astype(dtype))
    columns = learn_columns(rows)
    found = smallest_flips(
        lambda moved: (moved["job"].astype(object) == "nurse").to_numpy(), with_floats(rows.head(20), columns), columns
    )
    assert (found.distance <= 1.0).all()
