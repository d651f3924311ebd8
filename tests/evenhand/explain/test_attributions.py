"""Attributions add up, have known answers, and belong to the raw features."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from evenhand.exceptions import DataError, ModelError
from evenhand.explain import Attributions, LocalExplainer, make_explainer, top_reasons
from evenhand.explain._model import margin, unwrap
from evenhand.explain._shap import check_additivity

FORMS = [("logistic", "linear"), ("boosting", "tree"), ("perceptron", "permutation")]


@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_values_and_base_add_up_to_the_margin(data, models, name, form, task):
    train, test = data[task]
    made = make_explainer(models[name, task], train.X, background_rows=20).attribute(test.X[:30])
    assert made.method == form
    assert made.features == tuple(train.X.columns)
    assert made.values.shape == ((30, 7) if task == "binary" else (30, 7, 4))
    expected = margin(models[name, task], test.X[:30])
    np.testing.assert_allclose(made.total, expected, atol=1e-8)
    assert np.ptp(made.base, axis=0).max() == 0


def test_linear_values_are_coefficient_times_distance_from_the_mean(data):
    # Lundberg and Lee 2017, corollary 1.
    train, _ = data["binary"]
    X = train.X[["income", "noise"]]
    from evenhand.modeling.fit import fit_candidate

    model = fit_candidate("logistic", {}, X, train.y, seed=0)
    made = make_explainer(model, X).attribute(X)
    scaled = (X - X.mean()) / X.std(ddof=0)
    np.testing.assert_allclose(made.values, scaled.to_numpy() * model[-1].coef_[0], atol=1e-9)
    np.testing.assert_allclose(made.base, model[-1].intercept_[0], atol=1e-9)


def test_linear_takes_every_background_row(data, models):
    # shap draws 100 rows in silence unless told otherwise; the base is then that of a sample.
    train, test = data["binary"]
    model = models["logistic", "binary"]
    made = make_explainer(model, train.X).attribute(test.X[:2])
    np.testing.assert_allclose(made.base, model.decision_function(train.X).mean())


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_permutation_agrees_with_linear_on_a_linear_model(data, models, task):
    # Without interactions every order gives the same contributions, so a single order is exact.
    train, test = data[task]
    model, background = models["logistic", task], train.X[:40]
    exact = make_explainer(model, background, method="linear").attribute(test.X[:10])
    sampled = make_explainer(model, background, method="permutation", orders=1, seed=3).attribute(test.X[:10])
    np.testing.assert_allclose(sampled.values, exact.values, atol=1e-9)
    np.testing.assert_allclose(sampled.base, exact.base, atol=1e-9)


class Product(ClassifierMixin, BaseEstimator):
    """A margin with interactions of three features."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.columns_ = list(X.columns)
        return self

    def decision_function(self, X):
        a, b, c = (X[name].to_numpy(dtype=float) for name in self.columns_)
        return a * b + b * c**2 - a * b * c

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.column_stack([1 - p, p])


def shapley(f, row, background):
    """Shapley values by their definition: every order of the features (Shapley 1953)."""
    values = np.zeros(len(row))
    for order in itertools.permutations(range(len(row))):
        mixed = background.copy()
        before = f(mixed).mean()
        for j in order:
            mixed.iloc[:, j] = row.iloc[j]
            after = f(mixed).mean()
            values[j] += after - before
            before = after
    return values / math.factorial(len(row))


@pytest.mark.parametrize("columns", [["a", "b", "c"]])
def test_permutation_converges_to_the_definition(columns):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12, 3)), columns=columns)
    model = Product().fit(X, rng.integers(0, 2, 12))
    expected = np.array([shapley(model.decision_function, X.iloc[i], X) for i in range(4)])
    made = make_explainer(model, X, orders=400).attribute(X[:4])
    np.testing.assert_allclose(made.values, expected, atol=0.05 * np.abs(expected).max())


def test_tree_values_match_the_definition_where_features_are_independent(data):
    # On a full grid the features are independent, and path-dependent and interventional values agree.
    grid = pd.DataFrame(list(itertools.product([0.0, 1.0], repeat=3)) * 30, columns=["a", "b", "c"])
    y = ((grid["a"] * grid["b"] + grid["c"]) > 0.5).astype(int)
    from evenhand.modeling.fit import fit_candidate

    model = fit_candidate("boosting", {"max_iter": 20}, grid, y, seed=0)
    made = make_explainer(model, grid).attribute(grid[:8])
    expected = np.array([shapley(model.decision_function, grid.iloc[i], grid[:8]) for i in range(8)])
    np.testing.assert_allclose(made.values, expected, atol=1e-6)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_the_favorable_label_gives_the_sign(data, models, name, form):
    train, test = data["binary"]
    yes = make_explainer(models[name, "binary"], train.X, favorable_label="yes", background_rows=10)
    no = make_explainer(models[name, "binary"], train.X, favorable_label="no", background_rows=10)
    up, down = yes.attribute(test.X[:5]), no.attribute(test.X[:5])
    assert (up.labels, down.labels) == (("yes",), ("no",))
    assert "'no'" in down.unit
    np.testing.assert_allclose(down.values, -up.values)
    np.testing.assert_allclose(down.base, -up.base)


def test_one_hot_and_indicator_columns_are_added_back(data, models):
    train, test = data["binary"]
    model = models["logistic", "binary"]
    made = make_explainer(model, train.X).attribute(test.X)
    encoded = np.asarray(model[0].transform(test.X))
    centred = (encoded - np.asarray(model[0].transform(train.X)).mean(axis=0)) * model[-1].coef_[0]
    names = model[0].get_feature_names_out()
    job = centred[:, [i for i, name in enumerate(names) if name.startswith("categorical__job")]].sum(axis=1)
    debt = centred[:, [i for i, name in enumerate(names) if name.endswith("debt")]].sum(axis=1)
    np.testing.assert_allclose(made.values[:, list(made.features).index("job")], job, atol=1e-9)
    np.testing.assert_allclose(made.values[:, list(made.features).index("debt")], debt, atol=1e-9)
    assert sum(name.endswith("debt") for name in names) == 2  # the value and its missing indicator


def wrap(model, train):
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid").fit(train.X, train.y.to_numpy(object))
    return FixedThresholdClassifier(FrozenEstimator(calibrated), threshold=0.3, pos_label="yes").fit(train.X, train.y)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_wrappers_are_taken_off(data, models, name, form):
    train, test = data["binary"]
    wrapped = wrap(models[name, "binary"], train)
    plain = make_explainer(models[name, "binary"], train.X, background_rows=10).attribute(test.X[:5])
    made = make_explainer(wrapped, train.X, background_rows=10).attribute(test.X[:5])
    assert made.method == form
    np.testing.assert_array_equal(made.values, plain.values)
    chances, labels = unwrap(wrapped, list(train.X.columns)).answer(test.X)
    np.testing.assert_allclose(chances, wrapped.predict_proba(test.X))
    np.testing.assert_array_equal(labels, wrapped.predict(test.X))


def test_a_foreign_pipeline_is_explained_as_a_whole(data):
    train, test = data["binary"]
    columns = ["income", "children"]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.X[columns], train.y.to_numpy(object))
    made = make_explainer(model, train.X[columns], background_rows=10).attribute(test.X[columns][:5])
    assert made.method == "permutation"
    np.testing.assert_allclose(made.total, model.decision_function(test.X[columns][:5]))


def test_native_categories_never_reach_treeshap(data):
    # TreeSHAP is wrong there in silence: shap issue 3436.
    train, _ = data["binary"]
    encode = ColumnTransformer([("categorical", OrdinalEncoder(), ["town"])], remainder="drop")
    trees = HistGradientBoostingClassifier(categorical_features=[0], max_iter=5, min_samples_leaf=5)
    model = Pipeline([("preprocess", encode), ("classifier", trees)]).fit(train.X, train.y.to_numpy(object))
    with pytest.raises(ModelError, match="permutation"):
        make_explainer(model, train.X, method="tree")


@pytest.mark.parametrize("method", ["auto", "permutation", "lime"])
def test_a_row_is_explained_alike_in_every_batch(data, models, method):
    train, test = data["binary"]
    explainer = make_explainer(models["boosting", "binary"], train.X, method=method, background_rows=15, seed=5)
    assert isinstance(explainer, LocalExplainer)
    together = explainer.attribute(test.X[:6])
    alone = explainer.attribute(test.X[4:5])
    np.testing.assert_allclose(together.values[4], alone.values[0], atol=1e-9)
    turned = explainer.attribute(test.X[:6].iloc[::-1])
    np.testing.assert_allclose(turned.values[::-1], together.values, atol=1e-9)


def test_seeds_decide_the_sampled_values(data, models):
    train, test = data["binary"]
    model = models["perceptron", "binary"]

    def values(seed):
        return make_explainer(model, train.X, background_rows=10, seed=seed).attribute(test.X[:3]).values

    np.testing.assert_array_equal(values(1), values(1))
    assert np.abs(values(1) - values(2)).max() > 1e-6


def test_the_check_refuses_what_does_not_add_up(data, models):
    train, test = data["binary"]
    made = make_explainer(models["logistic", "binary"], train.X).attribute(test.X[:4])
    check_additivity(made, made.total)
    with pytest.raises(ModelError, match="miss the model's margin"):
        check_additivity(made, made.total + 0.01)
    with pytest.raises(ModelError, match="miss the model's margin"):
        check_additivity(made, np.full(4, np.nan))


def test_wrong_arguments_are_named(data, models):
    train, _ = data["binary"]
    model = models["logistic", "binary"]
    with pytest.raises(ModelError, match="did you mean 'linear'"):
        make_explainer(model, train.X, method="linar")
    with pytest.raises(ModelError, match="does not fit LogisticRegression"):
        make_explainer(model, train.X, method="tree")
    with pytest.raises(DataError, match="no rows"):
        make_explainer(model, train.X[:0])
    with pytest.raises(ModelError, match="income"):
        make_explainer(model, train.X.drop(columns="income"))


@given(
    st.lists(st.lists(st.floats(-5, 5).map(lambda v: round(v, 3)), min_size=3, max_size=3), min_size=1, max_size=6),
    st.integers(1, 5),
)
@settings(max_examples=50, deadline=None)
def test_reasons_are_the_strongest_and_of_the_asked_sign(rows, k):
    values = np.array(rows)
    made = Attributions(values, np.zeros(len(rows)), ("a", "b", "c"), ("yes",), "log-odds", "linear")
    for row, against, both in zip(values, top_reasons(made, k), top_reasons(made, k, direction="both"), strict=True):
        assert len(against) == min(k, int((row < 0).sum()))
        assert [reason.value for reason in against] == sorted(row[row < 0])[:k]
        assert [abs(reason.value) for reason in both] == sorted(np.abs(row[row != 0]), reverse=True)[:k]


def test_reasons_need_a_label_among_several():
    made = Attributions(np.ones((1, 2, 3)), np.zeros((1, 3)), ("x", "y"), ("a", "b", "c"), "score", "tree")
    with pytest.raises(DataError, match="choose one of 'a', 'b', 'c'"):
        top_reasons(made)
    assert len(top_reasons(made, label="b", direction="for")[0]) == 2
