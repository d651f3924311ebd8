"""What every mitigation method keeps, whatever it does inside."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import methods
from evenhand.modeling.persistence import TRUSTED_TYPES
from evenhand.modeling.preprocessing import make_preprocessor

FACTORIES = {
    "reweighing": methods.Reweighing,
    "resampling": methods.BalancedResampling,
    "resampling-independent": lambda base: methods.BalancedResampling(base, target="independent"),
    "correlation": methods.CorrelationRemoval,
    "penalized": lambda base: methods.PenalizedRegression(strength=10.0),
    "penalized-odds": lambda base: methods.PenalizedRegression(strength=10.0, constraint="equalized_odds"),
    "exponentiated": lambda base: methods.ExponentiatedGradientReduction(base, max_iter=6),
    "exponentiated-majority": lambda base: methods.ExponentiatedGradientReduction(
        base, max_iter=6, combine="majority", constraint="equalized_odds"
    ),
    "grid": lambda base: methods.GridSearchReduction(base, grid_size=4),
    "bagging": lambda base: methods.BalancedBagging(base, n_estimators=3),
    "thresholds": methods.GroupThresholds,
    "thresholds-odds": lambda base: methods.GroupThresholds(base, constraint="equalized_odds", tolerance=0.05),
    "randomized": methods.RandomizedThresholds,
    "randomized-odds": lambda base: methods.RandomizedThresholds(base, constraint="equalized_odds"),
}
MULTICLASS = [name for name in FACTORIES if not name.startswith(("exponentiated", "grid", "randomized"))]

every_method = pytest.mark.parametrize("name", FACTORIES)


@pytest.fixture(scope="module")
def fitted(people):
    """Every method fitted once; tests read them and never fit them again."""
    made = {}
    for name, factory in FACTORIES.items():
        made[name] = factory(people.base()).fit(people.X, people.y, sensitive_features=people.sensitive)
    return made


def test_each_family_has_a_method_for_more_than_two_labels(people):
    families = {FACTORIES[name](people.base()).family for name in MULTICLASS}
    assert families == {"preprocessing", "regularization", "ensemble", "postprocessing"}
    assert families == {FACTORIES[name](people.base()).family for name in FACTORIES}


@every_method
def test_clones_with_its_parameters(name, people, fitted):
    made = clone(fitted[name])
    assert str(made.get_params(deep=False)) == str(FACTORIES[name](people.base()).get_params(deep=False))
    with pytest.raises(NotFittedError):
        made.predict(people.X, sensitive_features=people.sensitive)


@every_method
def test_pickles(name, people, fitted):
    again = pickle.loads(pickle.dumps(fitted[name]))
    expected = fitted[name].predict(people.X, sensitive_features=people.sensitive)
    assert (again.predict(people.X, sensitive_features=people.sensitive) == expected).all()


@every_method
def test_goes_through_skops_with_the_types_that_we_trust(name, people, fitted):
    import skops.io as sio

    trusted = [*TRUSTED_TYPES, *methods.TRUSTED_TYPES]
    stored = sio.dumps(fitted[name])
    assert set(sio.get_untrusted_types(data=stored)) <= set(trusted)
    again = sio.loads(stored, trusted=trusted)
    expected = fitted[name].predict(people.X, sensitive_features=people.sensitive)
    assert (again.predict(people.X, sensitive_features=people.sensitive) == expected).all()


@every_method
def test_the_same_seed_gives_the_same_answers_and_no_input_changes(name, people, fitted):
    X, y, sensitive = people.X.copy(deep=True), people.y.copy(), people.sensitive.copy(deep=True)
    base = people.base()
    again = FACTORIES[name](base).fit(X, y, sensitive_features=sensitive)
    expected = fitted[name].predict(people.X, sensitive_features=people.sensitive)
    assert (again.predict(X, sensitive_features=sensitive) == expected).all()
    pd.testing.assert_frame_equal(X, people.X)
    pd.testing.assert_frame_equal(sensitive, people.sensitive)
    assert (y == people.y).all()
    assert not hasattr(base.named_steps["classifier"], "coef_")


@every_method
def test_a_row_gets_the_same_answer_alone_in_any_order_and_again(name, people, fitted):
    model = fitted[name]
    expected = model.predict(people.X, sensitive_features=people.sensitive)
    order = np.random.default_rng(3).permutation(len(people.X))
    shuffled = model.predict(people.X.iloc[order], sensitive_features=people.sensitive.iloc[order])
    assert (shuffled == expected[order]).all()
    for at in (0, 7, 77):
        alone = model.predict(people.X.iloc[[at]], sensitive_features=people.sensitive.iloc[[at]])
        assert alone.tolist() == [expected[at]]


@every_method
def test_refuses_a_group_that_it_has_never_seen(name, people, fitted):
    strange = people.sensitive.copy()
    strange.loc[5, "race"] = "martian"
    with pytest.raises(DataError, match="not fitted on: 'martian'"):
        fitted[name].predict(people.X, sensitive_features=strange)


@every_method
def test_says_when_it_needs_the_groups(name, people, fitted):
    model = fitted[name]
    if model.needs_sensitive_features:
        with pytest.raises(ModelError, match="needs the sensitive attribute at prediction time"):
            model.predict(people.X)
    else:
        expected = model.predict(people.X, sensitive_features=people.sensitive)
        assert (model.predict(people.X) == expected).all()


@every_method
def test_probabilities_have_a_column_a_class_and_sum_to_one(name, people, fitted):
    proba = fitted[name].predict_proba(people.X, sensitive_features=people.sensitive)
    assert fitted[name].classes_.tolist() == ["approved", "denied"]
    assert proba.shape == (len(people.X), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() >= 0


@every_method
def test_learns_something(name, people, fitted):
    predicted = fitted[name].predict(people.X, sensitive_features=people.sensitive)
    assert (predicted == people.y).mean() > 0.5
    assert set(predicted) == {"approved", "denied"}


@every_method
def test_stands_in_a_pipeline_with_metadata_routing(name, people):
    with sklearn.config_context(enable_metadata_routing=True):
        step = FACTORIES[name](LogisticRegression())
        # A scaler would ask whether it is meant to take the weights, too.
        pipeline = Pipeline([("preprocess", make_preprocessor(people.X, scale=False)), ("mitigated", step)])
        weights = np.linspace(0.5, 1.5, len(people.y))
        pipeline.fit(people.X, people.y, sensitive_features=people.sensitive, sample_weight=weights)
        predicted = pipeline.predict(people.X, sensitive_features=people.sensitive)
    assert pipeline.named_steps["mitigated"].groups_.tolist() == ["a", "b", "unknown"]
    assert (predicted == people.y).mean() > 0.5


@pytest.mark.parametrize("name", ["reweighing", "correlation", "thresholds", "randomized"])
def test_is_searched_by_its_own_score(name, people):
    """One that needs the groups to predict could be scored by nothing, so that no search of scikit-learn took it."""
    with sklearn.config_context(enable_metadata_routing=True):
        step = FACTORIES[name](LogisticRegression())
        pipeline = Pipeline([("preprocess", make_preprocessor(people.X, scale=False)), ("mitigated", step)])
        search = GridSearchCV(pipeline, {"mitigated__estimator__C": [0.1, 1.0]}, cv=2, error_score="raise")
        found = search.fit(people.X, people.y, sensitive_features=people.sensitive).best_estimator_
        right = found.predict(people.X, sensitive_features=people.sensitive) == people.y
        assert found.score(people.X, people.y, sensitive_features=people.sensitive) == right.mean()


@every_method
def test_stands_in_a_pipeline_without_routing(name, people):
    step = FACTORIES[name](LogisticRegression())
    pipeline = Pipeline([("preprocess", make_preprocessor(people.X, scale=True)), ("mitigated", step)])
    pipeline.fit(people.X, people.y, mitigated__sensitive_features=people.sensitive)
    assert len(pipeline.predict(people.X, sensitive_features=people.sensitive)) == len(people.X)


@every_method
@pytest.mark.parametrize("inside", [True, False], ids=["its own pipeline's", "a step before it"])
def test_takes_a_sparse_encoding(name, inside, people):
    """What scikit-learn's one-hot encoder gives by itself."""
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), people.X.columns.tolist()), sparse_threshold=1.0
    )
    if inside:
        model = FACTORIES[name](Pipeline([("encode", encoder), ("classifier", LogisticRegression())]))
        model.fit(people.X, people.y, sensitive_features=people.sensitive)
        X = people.X
    else:
        X = encoder.fit_transform(people.X)
        assert issparse(X)
        model = FACTORIES[name](LogisticRegression()).fit(X, people.y, sensitive_features=people.sensitive)
    assert (model.predict(X, sensitive_features=people.sensitive) == people.y).mean() > 0.5
    assert model.predict_proba(X, sensitive_features=people.sensitive).shape == (len(people.y), 2)


@pytest.mark.parametrize("name", MULTICLASS)
def test_works_for_four_labels(name, people):
    model = FACTORIES[name](people.base()).fit(people.X, people.y4, sensitive_features=people.sensitive)
    predicted = model.predict(people.X, sensitive_features=people.sensitive)
    assert model.predict_proba(people.X, sensitive_features=people.sensitive).shape == (len(people.X), 4)
    assert (predicted == people.y4).mean() > 0.35  # a constant answer gets less than .3
    assert set(predicted) <= set("pqrs")


@pytest.mark.parametrize("name", sorted(set(FACTORIES) - set(MULTICLASS)))
def test_refuses_four_labels_where_it_is_for_two(name, people):
    with pytest.raises(ModelError, match="is for two labels and the target has 4"):
        FACTORIES[name](people.base()).fit(people.X, people.y4, sensitive_features=people.sensitive)


@every_method
def test_refuses_what_it_cannot_compare(name, people):
    model = FACTORIES[name](people.base())
    with pytest.raises(DataError, match="pass sensitive_features"):
        model.fit(people.X, people.y)
    with pytest.raises(DataError, match="has 10 rows and X has 300"):
        model.fit(people.X, people.y, sensitive_features=people.sensitive[:10])
    with pytest.raises(DataError, match="all rows are of one group"):
        model.fit(people.X, people.y, sensitive_features=pd.Series(["a"] * len(people.X)))
    with pytest.raises(DataError, match="y has 10 rows"):
        model.fit(people.X, people.y[:10], sensitive_features=people.sensitive)


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [-1, 1], [1.0, 2.0]], ids=str)
@pytest.mark.parametrize("name", ["reweighing", "exponentiated", "grid", "randomized", "thresholds", "penalized"])
def test_labels_of_any_kind(name, labels, people):
    y = np.array(labels)[(people.y == "approved").astype(int)]
    model = FACTORIES[name](people.base()).fit(people.X, y, sensitive_features=people.sensitive)
    predicted = model.predict(people.X, sensitive_features=people.sensitive)
    assert predicted.dtype == y.dtype
    assert (predicted == y).mean() > 0.5


def test_a_bare_classifier_gets_our_preprocessing_for_mixed_frames(people):
    model = methods.Reweighing(LogisticRegression()).fit(people.X, people.y, sensitive_features=people.sensitive)
    assert (model.predict(people.X) == people.y).mean() > 0.6


def test_missing_group_values_are_the_group_unknown(people):
    holes = people.sensitive.replace("unknown", None)
    model = methods.Reweighing(people.base()).fit(people.X, people.y, sensitive_features=holes)
    assert model.groups_.tolist() == ["a", "b", "unknown"]


def test_several_attributes_make_intersections(people):
    both = people.sensitive.assign(sex=np.where(np.arange(len(people.X)) % 2, "f", "m"))
    model = methods.Reweighing(people.base()).fit(people.X, people.y, sensitive_features=both)
    assert "b & f" in model.groups_
