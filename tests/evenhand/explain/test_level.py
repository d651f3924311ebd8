"""Sampled effects are measured from the average training row, not from the few rows that were drawn for the walks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.explain import make_explainer
from evenhand.explain._level import level_shift


class Curves(ClassifierMixin, BaseEstimator):
    """A margin that is a sum of curves, without an encoder that could be reached."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return np.exp(X["a"].to_numpy()) + 2.0 * (X["b"] == "x").to_numpy() + np.abs(X["c"].to_numpy())

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=3000), "b": rng.choice(["x", "y", "z"], 3000), "c": rng.normal(size=3000)}
    )


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_of_a_linear_model_ten_drawn_rows_give_the_level_of_all(data, models, task):
    # Their own level is off by about a third of a standard deviation.
    train, test = data[task]
    exact = make_explainer(models["logistic", task], train.X, method="linear").attribute(test.X[:20])
    made = make_explainer(models["logistic", task], train.X, method="permutation", background_rows=10, orders=1)
    found = made.attribute(test.X[:20])
    np.testing.assert_allclose(found.values, exact.values, atol=0.01 * np.abs(exact.values).max())
    np.testing.assert_allclose(found.base, exact.base, atol=0.01 * np.abs(exact.values).max())
    np.testing.assert_allclose(found.total, exact.total, atol=1e-9)


def test_curves_and_categories_have_their_level_too(rows):
    model = Curves().fit(rows, None)
    exact = np.exp(rows["a"]) - np.exp(rows["a"]).mean(), 2.0 * ((rows["b"] == "x") - (rows["b"] == "x").mean())
    errors = []
    for seed in range(5):
        made = make_explainer(model, rows, background_rows=30, orders=1, seed=seed).attribute(rows[:4]).values
        errors.append([made[:, place] - exact[place][:4] for place in (0, 1)])
    # Thirty rows alone: 2.2 / sqrt(30) = .4 and 2 * .47 / sqrt(30) = .17.
    assert (np.sqrt(np.mean(np.square(errors), axis=(0, 2))) < [0.1, 0.01]).all()


def test_a_draw_that_is_all_rows_is_left_as_it_is(rows):
    model = Curves().fit(rows, None)
    made = make_explainer(model, rows[:20], background_rows=20, orders=1).attribute(rows[:2])
    np.testing.assert_allclose(made.base, model.decision_function(rows[:20]).mean())


def test_interactions_leave_the_level_right_on_average(rows):
    # The mean over draws is what all rows give, whatever the curves miss.
    numbers = rows[["a", "c"]]
    margins = (numbers["a"] * numbers["c"]).to_numpy() * 5 + numbers["a"].to_numpy()
    rng = np.random.default_rng(1)
    shifts = [level_shift(numbers, margins, numbers.iloc[rng.choice(3000, 50)]) for _ in range(200)]
    error = np.std(shifts, axis=0) / np.sqrt(200)
    assert (np.abs(np.mean(shifts, axis=0)) < 4 * error).all()


def test_constant_columns_have_no_level():
    alike = pd.DataFrame({"a": [1.0] * 50, "b": ["x"] * 50})
    assert level_shift(alike, np.arange(50.0), alike[:5]).tolist() == [0.0, 0.0]
