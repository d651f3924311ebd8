"""What a model predicts has to be labels of the target, or another task would be audited without a word."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import BiasDetector, BiasMitigator

rng = np.random.default_rng(0)
N = 400
X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N)})
SEX = pd.DataFrame({"sex": rng.choice(["f", "m"], N)})
Y = pd.Series((X["a"] + rng.normal(size=N) > 0).astype(int), name="y")
THREE = pd.Series(rng.integers(0, 3, N), name="y")
DATA = Dataset(X, Y, SEX, favorable_label=1)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            IsolationForest(n_estimators=5, random_state=0),
            r"\[-1\] \(int\) is predicted, and the labels .* \[0, 1\] \(int",
        ),
        (make_pipeline(StandardScaler(), IsolationForest(n_estimators=5)), "turn the predictions into labels of the"),
        (KMeans(3, n_init=1, random_state=0), r"\[2\] \(int\) is predicted"),
        (
            RandomForestRegressor(5, random_state=0),
            r"\(float\) are predicted.*as of a regression; cut them into labels",
        ),
        (LinearRegression(), "there are 4.. labels: a classifier has at most 256, so cut numbers such as scores"),
    ],
    ids=["outliers", "outliers in a pipeline", "clusters", "regression", "many numbers"],
)
def test_what_is_no_classifier_of_the_target_is_refused(model, said):
    fitted = model.fit(X, Y)
    with pytest.raises(DataError, match=said):
        BiasDetector(fitted, DATA)
    with pytest.raises((DataError, ModelError)):
        BiasMitigator(fitted, DATA).mitigate_bias(methods=["reweighing"], seconds=0)


def test_outliers_of_a_target_of_three_labels_are_refused_too():
    data = Dataset(X, THREE, SEX)
    with pytest.raises(DataError, match=r"\[-1\] \(int\) is predicted"):
        BiasDetector(IsolationForest(n_estimators=5, random_state=0).fit(X), data)


def test_a_regression_that_answers_in_labels_is_audited():
    found = BiasDetector(DecisionTreeRegressor(random_state=0).fit(X, Y), DATA).detect_bias(intervals=False)
    assert (found.task, found.overall["accuracy"].value) == ("binary", 1)


def test_a_classifier_may_predict_a_label_that_these_rows_lack():
    model = LogisticRegression().fit(X, THREE)
    some = np.flatnonzero((THREE != 2).to_numpy())
    part = Dataset(X, THREE, SEX, favorable_label=1).take(some)
    assert 2 in model.predict(part.X)
    found = BiasDetector(model, part).detect_bias(intervals=False)
    assert (found.task, found.classes) == ("multiclass", (0, 1, 2))
    given = {"sensitive_features": part.sensitive_features, "favorable_label": 1}
    predicted = model.predict(part.X)
    with pytest.raises(DataError, match=r"\[2\] \(int\) is predicted.*that may be predicted, is named by classes"):
        BiasDetector.from_predictions(part.y, predicted, **given)
    named = BiasDetector.from_predictions(part.y, predicted, **given, classes=[0, 1, 2])
    assert named.detect_bias(intervals=False).classes == (0, 1, 2)
    again = BiasDetector.from_counts(named.counts, favorable_label=1, classes=[0, 1, 2])
    assert again.detect_bias(intervals=False).task == "multiclass"
    with pytest.raises(DataError, match=r"\[2\] \(int\) is predicted"):
        BiasDetector.from_counts(named.counts, favorable_label=1)


def test_rows_of_several_labels_may_lack_another_one():
    y, predicted = ["a", "b", "c"] * 20, ["a", "b", "d"] * 20
    people = pd.Series(["f", "m"] * 30, name="sex")
    for favorable in (None, "a"):
        found = BiasDetector.from_predictions(y, predicted, sensitive_features=people, favorable_label=favorable)
        assert found.detect_bias(intervals=False).classes == ("a", "b", "c", "d")
    with pytest.raises(DataError, match=r"\['d'\] \(str\) is predicted"):
        BiasDetector.from_predictions(y, predicted, sensitive_features=people, classes=["a", "b", "c"])


@pytest.mark.parametrize("stray", [2, -1, np.inf, 0.5])
def test_a_stray_label_does_not_turn_two_labels_into_three(stray):
    predicted = Y.astype(float).to_numpy().copy()
    predicted[7] = stray
    with pytest.raises(DataError, match="is predicted, and the labels of the target are"):
        BiasDetector.from_predictions(Y, predicted, sensitive_features=SEX, favorable_label=1)


def test_one_label_and_another_are_two():
    for y, predicted in (([1] * 20, [0, 1] * 10), ([0] * 20, [0, 1] * 10), ([1.5] * 20, [1.5, 2.5] * 10)):
        people = pd.Series(["f", "f", "m", "m"] * 5, name="sex")
        found = BiasDetector.from_predictions(y, predicted, sensitive_features=people, favorable_label=predicted[1])
        assert found.detect_bias(intervals=False).task == "binary"
