"""Calibration: where it helps, where it must not be tried, and what stays untouched."""

import json

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.naive_bayes import GaussianNB

from evenhand.data.dataset import Dataset
from evenhand.exceptions import ConfigError, ModelError
from evenhand.modeling.calibration import TRUSTED_TYPES, calibrate
from evenhand.modeling.decisions import Decisions, scorer_of_decisions
from evenhand.modeling.finish import finish_model
from evenhand.modeling.threshold import Rule

BINARY = np.array(["no", "yes"])
FOUR = np.array(["a", "b", "c", "d"])


def world(n: int, labels: np.ndarray, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    noisy = signal + rng.normal(size=n)
    edges = np.quantile(noisy, np.linspace(0, 1, len(labels) + 1)[1:-1])
    # Copies of one column make naive Bayes count the same evidence four times: far too sure of itself.
    return pd.DataFrame({f"copy{i}": signal for i in range(4)}), labels[np.digitize(noisy, edges)]


@pytest.mark.parametrize("labels", [BINARY, FOUR, np.array([0, 1]), np.array([False, True])], ids=str)
def test_an_overconfident_model_is_calibrated(labels: np.ndarray) -> None:
    X, y = world(6000, labels)
    model = GaussianNB().fit(X[:2000], y[:2000])
    calibrated, report = calibrate(model, X[2000:4000], pd.Series(y[2000:4000]))
    assert report.method in {"sigmoid", "isotonic"}
    before, after = (log_loss(y[4000:], m.predict_proba(X[4000:])) for m in (model, calibrated))
    assert after < before - 0.05
    assert calibrated.classes_.tolist() == model.classes_.tolist()
    figures = report.to_frame().set_index("method")
    assert list(figures.index) == ["none", "sigmoid", "isotonic"]
    assert figures.loc[report.method, "log_loss"] == figures["log_loss"].min()
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_figure_of_none_is_scikit_learns_log_loss() -> None:
    X, y = world(3000, BINARY)
    model = GaussianNB().fit(X[:1000], y[:1000])
    _, report = calibrate(model, X[1000:], y[1000:])
    assert report.candidates[0].log_loss == pytest.approx(log_loss(y[1000:], model.predict_proba(X[1000:])))


def test_a_calibrated_model_is_left_alone() -> None:
    X, y = world(6000, BINARY)
    model = LogisticRegression().fit(X[["copy0"]][:3000], y[:3000])
    result, report = calibrate(model, X[["copy0"]][3000:], y[3000:])
    assert report.method == "none"
    assert result is model
    assert "margin" in report.reason


def test_the_model_is_not_changed_and_the_seed_decides() -> None:
    X, y = world(3000, BINARY)
    model = GaussianNB().fit(X[:1000], y[:1000])
    before = model.predict_proba(X)
    rows = X[1000:].copy(), y[1000:].copy()
    _, one = calibrate(model, *rows, seed=3)
    _, two = calibrate(model, *rows, seed=3)
    assert one == two
    assert (model.predict_proba(X) == before).all()
    pd.testing.assert_frame_equal(rows[0], X[1000:])


@pytest.mark.parametrize("rare", [0, 1, 5, 19])
def test_few_rows_of_a_class_leave_it_alone(rare: int) -> None:
    X, y = world(2000, BINARY)
    model = GaussianNB().fit(X, y)
    keep = np.concatenate([np.flatnonzero(y == "no"), np.flatnonzero(y == "yes")[:rare]])
    result, report = calibrate(model, X.iloc[keep], y[keep])
    assert result is model
    assert report.reason == f"the rarest class has {rare} rows in validation and 20 are needed"


def test_isotonic_is_not_tried_on_few_rows() -> None:
    X, y = world(1500, BINARY)
    _, report = calibrate(GaussianNB().fit(X[:1000], y[:1000]), X[1000:], y[1000:])
    isotonic = report.candidates[2]
    assert np.isnan(isotonic.log_loss)
    assert "500" in isotonic.reason
    assert report.to_dict()["candidates"][2]["log_loss"] is None


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("labels", [BINARY, FOUR], ids=["binary", "four"])
def test_what_is_asked_for_is_applied_and_goes_through_skops(method: str, labels: np.ndarray) -> None:
    X, y = world(400, labels)
    model, report = calibrate(LogisticRegression().fit(X[:200], y[:200]), X[200:], y[200:], method=method)
    assert (report.method, report.reason) == (method, "asked for")
    data = sio.dumps(model)
    assert set(sio.get_untrusted_types(data=data)) <= set(TRUSTED_TYPES)
    loaded = sio.loads(data, trusted=list(TRUSTED_TYPES))
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    assert isinstance(loaded.estimator, FrozenEstimator)


def test_asked_for_with_three_rows_a_class_has_no_figures() -> None:
    X, y = world(400, BINARY)
    keep = np.concatenate([np.flatnonzero(y == label)[:3] for label in BINARY])
    model, report = calibrate(LogisticRegression().fit(X, y), X.iloc[keep], y[keep], method="sigmoid")
    assert report.method == "sigmoid"
    assert report.candidates == ()
    assert np.isfinite(model.predict_proba(X)).all()


def test_errors_name_the_value() -> None:
    X, y = world(100, BINARY)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ConfigError, match="did you mean 'sigmoid'"):
        calibrate(model, X, y, method="sigmod")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="'maybe'"):
        calibrate(model, X, np.where(y == "no", "maybe", y))


def rare_answers(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Three answers, of which one is rare and between the others: found when weighted, gone when calibrated."""
    rng = np.random.default_rng(seed)
    y = rng.choice(FOUR[:3], size=n, p=[0.47, 0.06, 0.47])
    place = np.select([y == "a", y == "b"], [-1.0, 0.0], 1.0)
    return pd.DataFrame({"x": place + rng.normal(scale=0.8, size=n), "z": rng.normal(size=n)}), y


def weighted(X: pd.DataFrame, y: np.ndarray) -> LogisticRegression:
    return LogisticRegression(class_weight="balanced").fit(X, y)


def test_auto_keeps_the_decisions_that_the_weights_asked_for() -> None:
    X, y = rare_answers(4000)
    model = weighted(X[:2000], y[:2000])
    unheld, _ = calibrate(model, X[2000:], y[2000:])
    assert (unheld.predict(X) == "b").sum() < (model.predict(X) == "b").sum() / 10  # what it would come to
    held, report = calibrate(model, X[2000:], y[2000:], decisions=Decisions("balanced_accuracy"))
    assert held is model
    assert report.method == "none"
    assert "would make the decisions worse, balanced_accuracy of the decisions" in report.reason
    none, sigmoid, _ = report.candidates
    assert none.score == pytest.approx(balanced_accuracy_score(y[2000:], model.predict(X[2000:])))
    assert none.score - sigmoid.score > sigmoid.score_error > 0
    assert sigmoid.log_loss < none.log_loss
    assert "balanced_accuracy" in report.rule


def test_auto_calibrates_where_the_decisions_stay_as_good() -> None:
    X, y = world(6000, FOUR)
    model = GaussianNB().fit(X[:2000], y[:2000])
    _, report = calibrate(model, X[2000:], y[2000:], decisions=Decisions("accuracy"))
    assert report.method != "none"
    assert report.scorer == "accuracy"
    assert "accuracy of the decisions" in report.reason


def test_what_is_asked_for_is_applied_and_says_what_it_does_to_the_decisions() -> None:
    X, y = rare_answers(2000)
    decisions = Decisions("f1_macro")
    _, report = calibrate(weighted(X, y), X, y, method="sigmoid", decisions=decisions)
    assert report.method == "sigmoid"
    assert report.reason.startswith("asked for, f1_macro of the decisions 0.")


@pytest.mark.parametrize(("rule", "kept"), [("fixed", True), ("scorer", False)])
def test_two_classes_are_held_to_it_only_where_the_threshold_does_not_follow(rule: Rule, *, kept: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    X, y = pd.DataFrame({"x": x}), pd.Series(np.where(x + rng.normal(size=4000) > 2.2, "yes", "no"))
    part = Dataset(X[2000:], y[2000:], pd.DataFrame(index=X.index[2000:]), favorable_label="yes")
    model = weighted(X[:2000], y[:2000].to_numpy())
    finished = finish_model(model, part, rule=rule, decisions="balanced_accuracy")
    assert (finished.calibration.method == "none") is kept
    lost = balanced_accuracy_score(y, model.predict(X)) - balanced_accuracy_score(y, finished.model.predict(X))
    assert lost < 0.02


def test_a_scorer_of_probabilities_leaves_the_word_to_the_weights() -> None:
    asked = {weighting: scorer_of_decisions("roc_auc_ovr", weighting) for weighting in ("none", "balanced", "resample")}
    assert asked == {"none": "", "balanced": "balanced_accuracy", "resample": "balanced_accuracy"}
    assert scorer_of_decisions("f1_weighted", "balanced") == "f1_weighted"


def test_the_error_of_a_difference_is_that_of_many_samples() -> None:
    rng = np.random.default_rng(0)
    differences, errors = [], []
    for seed in range(60):
        truth = rng.integers(0, 3, size=600)
        before, after = (np.where(rng.random(600) < share, truth, rng.integers(0, 3, 600)) for share in (0.6, 0.5))
        was, now, error = Decisions("accuracy").compare(truth, before, after, list("abc"), seed=seed)
        differences.append(now - was)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.25)
