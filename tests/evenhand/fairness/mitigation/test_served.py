"""Mitigated models as they are stored: plain where they can be, with the groups among their columns where they must."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import BiasDetector, BiasMitigator
from evenhand.fairness.methods import (
    BalancedBagging,
    BalancedResampling,
    ExponentiatedGradientReduction,
    GroupThresholds,
    PenalizedRegression,
    Reweighing,
)
from evenhand.fairness.served import GroupAwareModel, as_served, as_taken, decides_by_score, plain_model
from evenhand.modeling.finish import finish_model
from evenhand.modeling.persistence import load_model, save_model


@pytest.fixture(scope="module")
def data(people):
    return Dataset(people.X, pd.Series(people.y), people.sensitive, favorable_label="approved")


def fitted(method, people):
    return method.fit(people.X, people.y, sensitive_features=people.sensitive)


@pytest.mark.parametrize("kind", [Reweighing, BalancedResampling, PenalizedRegression])
def test_what_only_its_training_sets_apart_becomes_an_ordinary_pipeline(kind, people):
    method = kind() if kind is PenalizedRegression else kind(people.base())
    method = fitted(method, people)
    plain = plain_model(method)
    assert type(plain) is Pipeline
    assert [name for name, _ in plain.steps] == ["preprocess", "classifier"]
    assert plain.predict(people.X).tolist() == method.predict(people.X).tolist()
    np.testing.assert_allclose(plain.predict_proba(people.X), method.predict_proba(people.X), atol=1e-12)


def test_penalized_coefficients_of_four_labels_survive(people):
    method = PenalizedRegression(strength=10.0).fit(people.X, people.y4, sensitive_features=people.sensitive)
    np.testing.assert_allclose(plain_model(method).predict_proba(people.X), method.predict_proba(people.X), atol=1e-12)


def test_a_threshold_may_follow_only_where_scores_decide(people):
    base = people.base()
    yes = (Reweighing(base), BalancedBagging(base, n_estimators=2), PenalizedRegression())
    assert all(decides_by_score(fitted(method, people)) for method in yes)
    assert not decides_by_score(fitted(GroupThresholds(base), people))
    assert not decides_by_score(fitted(ExponentiatedGradientReduction(base, max_iter=3), people))


def test_a_model_that_needs_the_groups_takes_them_as_columns_and_from_its_file(people, data, tmp_path):
    method = fitted(GroupThresholds(people.base()), people)
    served = as_served(method, ["race"])
    assert isinstance(served, GroupAwareModel)
    taken = as_taken(served, data)
    assert list(taken.X.columns) == [*people.X.columns, "sensitive:race"]
    save_model(served, tmp_path / "model.skops")
    again = load_model(tmp_path / "model.skops")
    expected = method.predict(people.X, sensitive_features=people.sensitive).tolist()
    assert again.predict(taken.X).tolist() == expected
    assert list(again.classes_) == ["approved", "denied"]


def test_without_its_groups_it_names_the_missing_column_and_a_stranger_is_refused(people, data):
    served = as_served(fitted(GroupThresholds(people.base()), people), ["race"])
    with pytest.raises(ModelError, match="sensitive:race missing"):
        served.predict(people.X)
    with pytest.raises(DataError, match="a group that the model was not fitted on: 'martian'"):
        served.predict(as_taken(served, data).X.assign(**{"sensitive:race": "martian"}))
    with pytest.raises(ModelError, match="is fitted already"):
        served.fit(people.X, people.y)


def test_an_ordinary_model_stays_as_it_is(people, data):
    model = people.base().fit(people.X, people.y)
    assert as_served(model, ["race"]) is model
    assert as_taken(model, data) is data
    assert plain_model(model) is model


@pytest.mark.parametrize("kept", ["the method", "the stored model"])
def test_the_detector_gives_a_model_the_groups_that_it_needs(kept, people, data):
    method = fitted(GroupThresholds(people.base()), people)
    model = method if kept == "the method" else as_served(method, ["race"])
    found = BiasDetector(model, data).detect_bias(intervals=False)
    calls = method.predict(people.X, sensitive_features=people.sensitive)
    expected = BiasDetector.from_predictions(
        people.y, calls, sensitive_features=people.sensitive, favorable_label="approved"
    ).detect_bias(intervals=False)
    name = "demographic_parity_difference"
    assert found.disparity(name, "race").value == expected.disparity(name, "race").value
    assert "roc_auc" in found.group("race", "a").metrics


def test_alternatives_are_finished_like_the_given_model(people):
    """Before, a tuned threshold competed with alternatives that were cut at one half."""
    done = []

    def finish(model, validation):
        done.append(model)
        return finish_model(model, validation).model

    rows = np.arange(300)
    data = Dataset(people.X, pd.Series(people.y), people.sensitive, favorable_label="approved")
    parts = [data.take(rows[rows % 3 == at]) for at in range(3)]
    model = people.base().fit(parts[0].X, parts[0].y)
    result = BiasMitigator(model, train=parts[0], validation=parts[1], test=parts[2]).mitigate_bias(
        methods=["reweighing", "group_thresholds"], finish=finish, replicates=100
    )
    assert [type(one) for one in done] == [Pipeline]
    reweighed = next(one for one in result.alternatives if one.name == "reweighing")
    assert type(reweighed.model).__name__ == "FixedThresholdClassifier"


def test_many_fits_are_not_started_when_they_cannot_end_in_time(people):
    from evenhand.fairness.mitigation_plans import Plan
    from evenhand.fairness.mitigator import _too_long

    plan = Plan("exponentiated_gradient", "regularization", LogisticRegression(), fits=60)
    assert "60 fits of 2 s each" in _too_long(plan, seconds=100.0, spent=10.0, a_fit=2.0)
    assert _too_long(plan, seconds=200.0, spent=10.0, a_fit=2.0) == ""
    assert _too_long(plan, seconds=None, spent=10.0, a_fit=2.0) == ""
    assert "was spent" in _too_long(plan, seconds=5.0, spent=10.0, a_fit=float("inf"))
