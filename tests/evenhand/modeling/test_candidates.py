"""One contract for every candidate, and what a person may change about its space."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from evenhand.exceptions import ConfigError, DataError, ModelError
from evenhand.modeling.candidates import CANDIDATES, HIDDEN_UNITS, get_candidates
from evenhand.modeling.fit import fit_candidate
from evenhand.modeling.space import Choice, Range, parse_dimension

QUICK = {"logistic": {}, "boosting": {"max_iter": 10}, "perceptron": {"max_iter": 5}}


def people(n=240, classes=("no", "yes"), seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"income": rng.normal(size=n), "job": rng.choice(["clerk", "smith", "nurse"], n)})
    X.loc[::9, "income"] = np.nan
    signal = X["income"].fillna(0) + (X["job"] == "smith") + rng.normal(scale=0.5, size=n)
    codes = pd.qcut(signal, len(classes), labels=False)
    return X, pd.Series(np.array(classes, dtype=object)[codes])


@pytest.fixture(params=sorted(CANDIDATES))
def name(request):
    return request.param


def test_same_seed_same_model_whatever_the_threads(name):
    X, y = people()
    with threadpool_limits(1):
        one = fit_candidate(name, QUICK[name], X, y, seed=3).predict_proba(X)
    with threadpool_limits(2):
        two = fit_candidate(name, QUICK[name], X, y, seed=3).predict_proba(X)
    np.testing.assert_array_equal(one, two)


def test_inputs_stay_as_they_were(name):
    X, y = people()
    weights = np.linspace(0.5, 1.5, len(X))
    before = X.copy(deep=True), y.copy(deep=True), weights.copy()
    fit_candidate(name, QUICK[name], X, y, sample_weight=weights, resample="over").predict(X)
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_series_equal(y, before[1])
    np.testing.assert_array_equal(weights, before[2])


def test_weights_reach_the_fit(name):
    X, y = people()
    heavy = np.where(y == "yes", 10.0, 0.1)
    plain = fit_candidate(name, QUICK[name], X, y).predict_proba(X)[:, 1].mean()
    weighted = fit_candidate(name, QUICK[name], X, y, sample_weight=heavy).predict_proba(X)[:, 1].mean()
    assert weighted > plain + 0.05


def test_a_weight_of_two_equals_a_row_that_stands_twice():
    # Only the logistic regression is the same function of weights and of repetitions: the other two draw
    # mini-batches or bin edges from the rows. Its preprocessing sees the same medians and spreads here.
    X = pd.DataFrame({"a": [-2.0, -1.0, 1.0, 2.0] * 10})
    y = pd.Series([0, 1, 0, 1] * 10)
    again = np.concatenate([np.arange(40), np.arange(40)])
    doubled = fit_candidate("logistic", {"C": 1.0}, X.iloc[again].reset_index(drop=True), y.to_numpy()[again])
    weighted = fit_candidate("logistic", {"C": 1.0}, X, y, sample_weight=np.full(40, 2.0))
    np.testing.assert_allclose(doubled.predict_proba(X), weighted.predict_proba(X), atol=1e-4)


# A clone fitted by hand tells that five passes are few, which fit_candidate knows and does not repeat.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_model_goes_through_skops_and_clone(name):
    X, y = people()
    model = fit_candidate(name, QUICK[name], X, y)
    content = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=content)
    assert set(trusted) <= {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    }
    loaded = skops.io.loads(content, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert clone(model).fit(X, y).classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("classes", [("a", "b", "c", "d"), (3, 1, 7), (False, True), ("no", "yes")])
def test_any_number_and_kind_of_classes(name, classes):
    X, y = people(classes=classes)
    model = fit_candidate(name, QUICK[name], X, y)
    assert model.classes_.tolist() == sorted(classes)
    proba = model.predict_proba(X)
    assert proba.shape == (len(X), len(classes))
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert set(model.predict(X).tolist()) <= set(classes)
    assert (model.predict(X) == y.to_numpy()).mean() > 1.2 / len(classes)


def test_strings_of_pandas_are_labels_like_others(name):
    X, y = people()
    as_str = fit_candidate(name, QUICK[name], X, y.astype("str"))
    as_object = fit_candidate(name, QUICK[name], X, y)
    assert as_str.predict(X).tolist() == as_object.predict(X).tolist()


def test_columns_in_another_order_give_the_same_prediction(name):
    X, y = people()
    model = fit_candidate(name, QUICK[name], X, y)
    np.testing.assert_array_equal(model.predict_proba(X[["job", "income"]]), model.predict_proba(X))


def test_perceptron_has_two_layers():
    X, y = people(classes=("a", "b", "c"))
    network = fit_candidate("perceptron", QUICK["perceptron"], X, y)["classifier"]
    assert [weights.shape[1] for weights in network.coefs_] == [HIDDEN_UNITS, 3]
    assert network.activation == "relu"


def test_huge_values_below_the_limit_end_finite(name):
    X, y = people()
    X.loc[0, "income"] = 1e99
    assert np.isfinite(fit_candidate(name, QUICK[name], X, y).predict_proba(X)).all()


def test_resampling_balances_what_is_fitted():
    X, y = people(n=300)
    rare = np.r_[np.flatnonzero(y == "no"), np.flatnonzero(y == "yes")[:20]]
    X, y = X.iloc[rare].reset_index(drop=True), y.iloc[rare].reset_index(drop=True)
    share = {
        how: fit_candidate("logistic", {}, X, y, resample=how).predict_proba(X)[:, 1].mean() for how in (None, "over")
    }
    assert share["over"] > share[None] + 0.1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "logistik"}, ConfigError, "did you mean 'logistic'"),
        ({"params": {"CC": 1}}, ModelError, "CC"),
        ({"params": {"C": -1.0}}, ModelError, "cannot be fitted"),
        ({"resample": "sideways"}, ModelError, "'over', 'under' or None"),
        ({"sample_weight": [1.0]}, DataError, "one weight a row"),
        ({"sample_weight": np.full(240, np.nan)}, DataError, "finite"),
        ({"y": ["yes"] * 240}, DataError, "1 class"),
        ({"y": ["yes", None] * 120}, DataError, "misses 120 labels"),
        ({"y": ["yes", "no"]}, DataError, "2 rows"),
    ],
)
def test_one_clear_error(change, error, message):
    X, y = people()
    call = {"name": "logistic", "params": {}, "X": X, "y": y, **change}
    with pytest.raises(error, match=message):
        fit_candidate(**call)


def test_space_overrides_replace_add_and_fix():
    (candidate,) = get_candidates(
        ["boosting"], {"boosting": {"max_iter": {"low": 5, "high": 9}, "max_bins": [15, 31], "learning_rate": 0.1}}
    )
    assert candidate.space["max_iter"] == Range(5, 9, integer=True)
    assert candidate.space["max_bins"] == Choice((15, 31))
    assert candidate.space["learning_rate"] == Choice((0.1,))
    assert candidate.start()["max_iter"] in range(5, 10)
    assert CANDIDATES["boosting"].space["max_iter"] != candidate.space["max_iter"]


def test_all_wrong_names_and_ranges_are_told_at_once():
    wrong = {
        "bosting": {},
        "boosting": {"max_itr": 1, "max_iter": {"low": 9, "high": 1}, "max_bins": [], "learning_rate": {"lo": 1}},
        "logistic": {"C": {"low": 0, "high": 1, "log": True}, "random_state": 3},
    }
    with pytest.raises(ConfigError) as caught:
        get_candidates(["boosting", "logistic", "treee", "logistic"], wrong)
    wheres = {problem.where for problem in caught.value.problems}
    assert len(caught.value.problems) == 9
    assert {"space.bosting", "space.boosting.max_itr", "space.logistic.C", "candidates"} <= wheres
    assert "did you mean 'max_iter'" in str(caught.value)
    assert "did you mean 'boosting'" in str(caught.value)


@given(st.floats(0, 1), st.booleans(), st.booleans())
def test_a_range_stays_within_its_bounds_and_inverts(position, log, integer):
    dimension = Range(1, 50, log=log, integer=integer)
    value = dimension.at(position)
    assert dimension.contains(value)
    assert dimension.at(dimension.position(value)) == pytest.approx(value)
    assert all(dimension.contains(point) for point in dimension.grid(4))


def test_a_dimension_of_a_configuration_may_be_one_already():
    assert parse_dimension(Range(1.0, 2.0), "x") == (Range(1.0, 2.0), [])
    assert parse_dimension("l1", "x") == (Choice(("l1",)), [])
