"""Permutation importance and partial dependence against known answers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence as reference
from sklearn.inspection import permutation_importance
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils import resample

from evenhand.explain.dependence import partial_dependence
from evenhand.explain.importance import permutation_importances


class Rule(ClassifierMixin, BaseEstimator):
    """Says yes with probability `a` (a number in 0..1) and does not look at `b`."""

    def fit(self, X=None, y=None):
        self.classes_ = np.array(["no", "yes"], dtype=object)
        return self

    def predict_proba(self, X):
        p = X["a"].to_numpy(dtype=float)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(X["a"].to_numpy() >= 0.5).astype(int)]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.random(300), "b": rng.random(300)})


def test_an_unused_feature_has_no_importance_and_the_used_one_all(rows):
    y = pd.Series(np.where(rows["a"] >= 0.5, "yes", "no"))
    made = permutation_importances(Rule().fit(), rows, y, scorer="accuracy", repeats=20)
    first, second = made.features
    assert (first.feature, second.feature) == ("a", "b")
    assert (second.value, second.low, second.high) == (0, 0, 0)
    # Shuffled, the rule is right by chance: the score falls from 1 to about one half.
    assert first.low < 0.5 < first.high
    assert first.value == pytest.approx(0.5, abs=0.05)


def test_the_interval_covers_the_sampling_of_rows(rows):
    # Its width is that of a sample of so many rows, and does not shrink with the repeats.
    y = pd.Series(np.where(rows["a"] >= 0.5, "yes", "no"))
    widths = []
    for repeats in (10, 60):
        first = permutation_importances(Rule().fit(), rows, y, scorer="accuracy", repeats=repeats).features[0]
        widths.append(first.high - first.low)
    assert widths[1] > 0.5 * widths[0]
    assert widths[1] > 2 * 1.96 * np.sqrt(0.25 / 300) * 0.7


@pytest.mark.parametrize("scorer", ["roc_auc", "neg_log_loss", "balanced_accuracy"])
def test_encoding_once_changes_nothing(data, models, scorer):
    # The reference shuffles raw columns of the same resample and encodes each time.
    train, test = data["binary"]
    inner = CalibratedClassifierCV(FrozenEstimator(models["boosting", "binary"]), method="sigmoid")
    model = FixedThresholdClassifier(inner.fit(train.X, train.y.to_numpy(object)), threshold=0.4, pos_label="yes")
    model.fit(train.X, train.y.to_numpy(object))
    y = test.y.to_numpy(object)
    expected = []
    for state in np.random.SeedSequence(3).generate_state(2).tolist():
        rows = resample(np.arange(len(y)), stratify=y, random_state=state)
        told = permutation_importance(
            model, test.X.iloc[rows], y[rows], scoring=scorer, n_repeats=1, random_state=state
        )
        expected.append(told.importances[:, 0])
    made = permutation_importances(model, test.X, test.y, scorer=scorer, repeats=2, seed=3)
    found = {item.feature: item.value for item in made.features}
    np.testing.assert_allclose([found[name] for name in test.X.columns], np.mean(expected, axis=0), atol=1e-6)


def test_a_missing_class_is_undefined(rows):
    made = permutation_importances(Rule().fit(), rows, pd.Series(["yes"] * 300), repeats=2)
    assert made.reason == "the test rows have no row of class no"
    assert {item.value for item in made.features} == {None}


def test_dependence_of_the_rule_is_the_identity(rows):
    made, ice = partial_dependence(Rule().fit(), rows, "a", labels=("yes",), places=(1,))
    (curve,) = made.curves
    np.testing.assert_allclose(curve.mean, made.grid)
    np.testing.assert_allclose(curve.q10, curve.q90)
    assert ice.shape == (300, len(made.grid), 1)
    flat, _ = partial_dependence(Rule().fit(), rows, "b", labels=("yes",), places=(1,))
    np.testing.assert_allclose(flat.curves[0].mean, rows["a"].mean())


def test_dependence_is_that_of_scikit_learn(data, models):
    _, test = data["binary"]
    X = test.X[["income", "debt", "noise", "children", "job", "owner", "town"]]
    model = models["boosting", "binary"]
    made, ice = partial_dependence(model, X, "income", labels=("yes",), places=(1,))
    grid = {0: list(made.grid)}
    other = reference(model, X, [0], custom_values=grid, method="brute", kind="both", response_method="predict_proba")
    np.testing.assert_allclose(made.curves[0].mean, other["average"][0])
    np.testing.assert_allclose(ice[:, :, 0], other["individual"][0])


@pytest.mark.parametrize("column", ["job", "town", "owner", "children", "debt"])
def test_every_kind_of_column_has_a_grid(data, models, column):
    _, test = data["binary"]
    made, _ = partial_dependence(models["logistic", "binary"], test.X, column, labels=("yes",), places=(1,))
    assert made.reason is None
    assert len(made.grid) >= 2
    assert made.kind == ("numeric" if column in {"children", "debt"} else "categorical")


def test_a_column_of_single_people_has_no_grid():
    rows = pd.DataFrame({"a": np.linspace(0, 1, 30), "b": [f"person {i}" for i in range(30)]})
    made, ice = partial_dependence(Rule().fit(), rows, "b", labels=("yes",), places=(1,))
    assert made.grid == ()
    assert made.curves == ()
    assert "shared by 10 rows" in made.reason
    assert ice.shape == (30, 0, 1)
