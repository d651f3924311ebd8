"""The decision threshold: brute force, known optima, ties, string labels, and what stays as it was."""

import json

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, get_scorer
from sklearn.model_selection import FixedThresholdClassifier

from evenhand.exceptions import ConfigError, ModelError
from evenhand.modeling.calibration import calibrate
from evenhand.modeling.threshold import choose_threshold


class Told(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model whose probability of the last class is the column p."""

    def __init__(self, labels: tuple = (0, 1)) -> None:
        self.labels = labels
        self.classes_ = np.array(labels)

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "Told":
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return np.column_stack([1 - X["p"], X["p"]])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.classes_[(X["p"] > 0.5).astype(int)]


def told(p: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"p": p})


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=40).filter(
        lambda rows: len({truth for _, truth in rows}) == 2
    ),
    scorer=st.sampled_from(
        ["balanced_accuracy", "accuracy", "f1", "f1_macro", "matthews_corrcoef", "adjusted_rand_score"]
    ),
)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.UndefinedMetricWarning"
)  # the brute force asks precision of nothing
def test_no_threshold_scores_better(rows: list[tuple[int, bool]], scorer: str) -> None:
    X, y = told([p / 20 for p, _ in rows]), np.array([int(truth) for _, truth in rows])
    model, report = choose_threshold(Told(), X, y, favorable_label=1, scorer=scorer)
    asked = get_scorer(scorer)
    tried = [
        asked(
            FixedThresholdClassifier(Told(), threshold=t, pos_label=1, response_method="predict_proba").fit(X, y), X, y
        )
        for t in np.linspace(0.025, 0.975, 20)
    ]
    assert report.score == pytest.approx(max(tried))
    assert asked(model, X, y) == pytest.approx(report.score)
    low, high = report.plateau
    assert low < report.threshold <= high
    for inside in (low + 1e-9, high):  # everything in the plateau decides alike
        again = FixedThresholdClassifier(Told(), threshold=inside, pos_label=1, response_method="predict_proba").fit(
            X, y
        )
        assert asked(again, X, y) == pytest.approx(report.score)


def test_expected_cost_finds_elkans_threshold() -> None:
    """For calibrated probabilities the best threshold is c_fp / (c_fp + c_fn): Elkan (2001), IJCAI, eq. 2."""
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    y = (rng.random(200_000) < p).astype(int)
    _, report = choose_threshold(
        Told(), told(list(p)), y, favorable_label=1, rule="cost", costs={"false_positive": 1, "false_negative": 3}
    )
    assert report.threshold == pytest.approx(0.25, abs=0.03)
    assert report.score > report.score_at_half


def test_cost_counts_by_hand() -> None:
    X, y = told([0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1])
    _, report = choose_threshold(
        Told(), X, y, favorable_label=1, rule="cost", costs={"false_positive": 5, "false_negative": 1}
    )
    # Only .8 is favored: one false negative among four rows.
    assert report.score == pytest.approx(-0.25)
    assert report.plateau == (0.6, 0.8)
    assert report.threshold == pytest.approx(0.7)
    assert report.score_at_half == pytest.approx(-6 / 4)


@pytest.mark.parametrize(
    ("p", "expected"),
    [([0.1, 0.2, 0.8, 0.9], 0.5), ([0.6, 0.7, 0.8, 0.9], 0.75), ([0.1, 0.2, 0.4, 0.45], 0.3)],
)
def test_ties_go_to_half_or_the_middle_of_the_plateau(p: list[float], expected: float) -> None:
    _, report = choose_threshold(Told(), told(p), np.array([0, 0, 1, 1]), favorable_label=1)
    assert report.score == 1.0
    assert report.threshold == pytest.approx(expected)


def test_of_two_best_plateaus_the_nearer_to_half_wins() -> None:
    # Accuracy 3/4 in (.1, .2], wherever else: thresholds under .2 and over .55 make one error each.
    X, y = told([0.1, 0.2, 0.55, 0.6]), np.array([0, 1, 0, 1])
    _, report = choose_threshold(Told(), X, y, favorable_label=1, scorer="accuracy")
    assert report.plateau == (0.55, 0.6)


@pytest.mark.parametrize("favorable", ["granted", "denied"])
def test_string_labels_and_either_favorable_label(favorable: str) -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=800)})
    y = pd.Series(np.where(X["a"] + rng.normal(size=800) > 1.2, "granted", "denied"))
    base = LogisticRegression().fit(X, y)
    model, report = choose_threshold(base, X, y, favorable_label=favorable)
    assert report.positive_label == favorable
    column = base.classes_.tolist().index(favorable)
    by_hand = np.where(
        base.predict_proba(X)[:, column] >= report.threshold, favorable, ({"granted", "denied"} - {favorable}).pop()
    )
    assert (model.predict(X) == by_hand).all()
    assert (model.predict_proba(X) == base.predict_proba(X)).all()
    assert report.score == pytest.approx(balanced_accuracy_score(y, model.predict(X)))
    assert report.score > balanced_accuracy_score(y, base.predict(X))
    assert len(report.to_frame()) <= 200
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_wrapped_model_goes_through_skops() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=400)})
    y = np.where(X["a"] > 0.3, "granted", "denied")
    calibrated, _ = calibrate(LogisticRegression().fit(X, y), X, y, method="isotonic")
    model, _ = choose_threshold(calibrated, X, y, favorable_label="granted", rule="fixed", threshold=0.3)
    data = sio.dumps(model)
    loaded = sio.loads(data, trusted=["sklearn.calibration._CalibratedClassifier"])
    assert (loaded.predict(X) == model.predict(X)).all()
    assert loaded.classes_.tolist() == ["denied", "granted"]


def test_multi_class_is_left_alone() -> None:
    X = pd.DataFrame({"a": np.arange(30.0)})
    base = LogisticRegression().fit(X, np.repeat(["a", "b", "c"], 10))
    model, report = choose_threshold(base, X, np.repeat(["a", "b", "c"], 10), favorable_label=None)
    assert model is base
    assert not report.applied
    assert "there are 3" in report.reason
    assert report.to_dict()["threshold"] is None


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_in_validation_leaves_half(label: int) -> None:
    base = Told()
    model, report = choose_threshold(base, told([0.1, 0.9]), np.array([label, label]), favorable_label=1)
    assert model is base
    assert ".5 stays" in report.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "scores"}, "did you mean 'scorer'"),
        ({"scorer": "balanced_acuracy"}, "did you mean 'balanced_accuracy'"),
        ({"scorer": "roc_auc"}, "does not depend on a threshold"),
        ({"rule": "cost"}, "the cost of an error is missing"),
        ({"rule": "cost", "costs": {"false_positive": -1, "false_negative": 1}}, "-1 is no cost"),
        ({"rule": "cost", "costs": {"false_positive": 1, "false_negatives": 1}}, "did you mean 'false_negative'"),
        ({"rule": "fixed", "threshold": 1.5}, "1.5 is no probability"),
        ({"rule": "fixed", "threshold": float("nan")}, "nan is no probability"),
    ],
)
def test_wrong_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_threshold(Told(), told([0.1, 0.9]), np.array([0, 1]), favorable_label=1, **options)


def test_a_favorable_label_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(ModelError, match="favorable_label 2"):
        choose_threshold(Told(), told([0.1, 0.9]), np.array([0, 1]), favorable_label=2)
