"""Calibration: where it helps, where it must not be tried, and what stays untouched."""

import json

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from evenhand.exceptions import ConfigError, ModelError
from evenhand.modeling.calibration import TRUSTED_TYPES, calibrate

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
