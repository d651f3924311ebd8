"""Evaluation: equal to scikit-learn where both are defined, honest where it is not."""

import json
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from evenhand.exceptions import DataError, ModelError
from evenhand.modeling import evaluation_plots as plots
from evenhand.modeling.evaluation import Evaluation, evaluate
from evenhand.modeling.figure_names import FIGURES
from evenhand.plotting import figure_to_png, figure_to_svg, laid_out

LABELS = {2: ["no", "yes"], 4: ["a", "b", "c", "d"]}


def world(n: int, k: int, seed: int = 0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels as codes, and probabilities that are calibrated when the slope is 1."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, k))
    true, said = (np.exp(logits * factor) for factor in (slope, 1.0))
    true, said = (p / p.sum(axis=1, keepdims=True) for p in (true, said))
    return (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(0, k - 1), said


def assess(codes: np.ndarray, p: np.ndarray, **options: object) -> Evaluation:
    labels = np.array(LABELS[p.shape[1]])
    return evaluate(labels[codes], labels[p.argmax(axis=1)], y_proba=p, classes=labels, **options)


@pytest.mark.parametrize("favorable", ["yes", "no"])
def test_two_classes_equal_scikit_learn(favorable: str) -> None:
    codes, p = world(700, 2)
    result = assess(codes, p, favorable_label=favorable)
    y, decided = (np.array(LABELS[2])[c] == favorable for c in (codes, p.argmax(axis=1)))
    score = p[:, LABELS[2].index(favorable)]
    expected = {
        "accuracy": sk.accuracy_score(y, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(y, decided),
        "precision": sk.precision_score(y, decided),
        "recall": sk.recall_score(y, decided),
        "f1": sk.f1_score(y, decided),
        "roc_auc": sk.roc_auc_score(y, score),
        "average_precision": sk.average_precision_score(y, score),
        "log_loss": sk.log_loss(y, score),
        "brier_score": sk.brier_score_loss(y, score),
    }
    assert {name: result[name].value for name in expected} == pytest.approx(expected)
    assert result.positive_label == favorable


def test_four_classes_equal_scikit_learn() -> None:
    codes, p = world(700, 4)
    result, decided = assess(codes, p), p.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(codes, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(codes, decided),
        "precision_macro": sk.precision_score(codes, decided, average="macro"),
        "recall_macro": sk.recall_score(codes, decided, average="macro"),
        "f1_macro": sk.f1_score(codes, decided, average="macro"),
        "roc_auc_ovr": sk.roc_auc_score(codes, p, multi_class="ovr"),
        "average_precision_macro": sk.average_precision_score(codes, p),
        "log_loss": sk.log_loss(codes, p),
        "brier_score": sk.brier_score_loss(codes, p),
    }
    assert {name: result[name].value for name in expected} == pytest.approx(expected)
    assert (result.confusion == sk.confusion_matrix(codes, decided)).all()
    per_class = [part.metrics["f1"].value for part in result.per_class]
    assert per_class == pytest.approx(sk.f1_score(codes, decided, average=None).tolist())
    assert [part.n for part in result.per_class] == np.bincount(codes).tolist()


def test_floors_know_every_figure_of_an_evaluation_by_its_name() -> None:
    found = {name for k in (2, 4) for name in assess(*world(400, k)).metrics}
    assert set(FIGURES) == found - {"calibration_intercept", "calibration_slope"}


def test_calibration_line_equals_an_unpenalized_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    codes, p = world(2000, 2, slope=0.5)
    result = assess(codes, p)
    logit = np.log(p[:, 1] / p[:, 0])[:, None]
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, codes)
    assert result["calibration_slope"].value == pytest.approx(other.coef_[0, 0], abs=1e-4)
    assert result["calibration_intercept"].value == pytest.approx(other.intercept_[0], abs=1e-4)
    assert result["calibration_slope"].high < 1  # half the slope: too extreme


def test_expected_calibration_error_by_hand() -> None:
    # Bin [.1, .2): mean .15, none of 2; bin [.8, .9): mean .85, 1 of 2: (2 * .15 + 2 * .35) / 4.
    result = evaluate([0, 0, 1, 0], [0, 0, 1, 1], y_proba=[0.1, 0.2 - 1e-9, 0.8, 0.9 - 1e-9], classes=[0, 1])
    assert result["expected_calibration_error"].value == pytest.approx(0.25)


def test_wilson_is_newcombes_published_interval() -> None:
    """81 of 263: .2553 to .3662, case (a) of table I in Newcombe (1998), Statistics in Medicine 17:857-872."""
    y = np.repeat([1, 0], [81, 182])
    result = evaluate(np.ones(263, dtype=int), y, y_proba=None, classes=[0, 1])
    assert (round(result["recall"].low, 4), round(result["recall"].high, 4)) == (0.2553, 0.3662)


def test_average_precision_interval_has_the_bootstraps_width() -> None:
    codes, p = world(800, 2)
    metric = assess(codes, p)["average_precision"]
    rng = np.random.default_rng(0)
    draws = [
        sk.average_precision_score(codes[rows], p[rows, 1]) for rows in (rng.integers(0, 800, 800) for _ in range(400))
    ]
    assert metric.high - metric.low == pytest.approx(np.diff(np.quantile(draws, [0.025, 0.975]))[0], rel=0.15)


def test_perfect_predictions_keep_a_width() -> None:
    for k in (2, 4):
        codes = np.arange(40) % k
        result = assess(codes, np.eye(k)[codes])
        for name, metric in result.metrics.items():
            if name == "log_loss":
                assert (metric.value, metric.reason) == (0.0, "every row has the same loss: no spread to judge by")
            elif name.startswith("calibration_"):
                assert "separate" in metric.reason
            else:
                assert metric.value == pytest.approx(
                    0.0 if name in {"brier_score", "expected_calibration_error"} else 1
                )
                assert metric.high - metric.low > 0.01, name


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), k=st.sampled_from([2, 4]), seed=st.integers(0, 10_000), ties=st.booleans())
def test_values_lie_in_their_intervals_and_in_range(n: int, k: int, seed: int, ties: bool) -> None:
    codes, p = world(n, k, seed)
    p = np.eye(k)[p.argmax(axis=1)] * 0.5 + 0.5 / k if ties else p
    result = assess(codes, p, replicates=200)
    parts = [metric for part in result.per_class for metric in part.metrics.values()]
    for metric in [*result.metrics.values(), *parts]:
        if not metric.defined:
            assert metric.reason
            assert isnan(metric.low)
        elif not isnan(metric.low):
            assert metric.method
            assert metric.low <= metric.value + 1e-12
            assert metric.value <= metric.high + 1e-12
    bounded = [
        m for name, m in result.metrics.items() if name not in {"log_loss", "brier_score"} and "ation_" not in name
    ]
    assert all(isnan(m.low) or (m.low >= -1e-12 and m.high <= 1 + 1e-12) for m in bounded)
    json.dumps(result.to_dict(), allow_nan=False)


@settings(max_examples=20, deadline=None)
@given(k=st.sampled_from([2, 4]), seed=st.integers(0, 1000))
def test_the_order_of_rows_never_matters(k: int, seed: int) -> None:
    codes, p = world(60, k, seed)
    order = np.random.default_rng(seed).permutation(60)
    one, two = assess(codes, p, replicates=100), assess(codes[order], p[order], replicates=100)
    for name, metric in one.metrics.items():
        other = two[name]
        expected = [metric.value, metric.low, metric.high]
        assert [other.value, other.low, other.high] == pytest.approx(expected, abs=1e-6, nan_ok=True), name


@pytest.mark.parametrize("types", [[0, 1], [False, True], ["0", "1"], [10, 20]])
def test_the_type_of_the_labels_never_matters(types: list) -> None:
    codes, p = world(100, 2)
    named = np.array(types, dtype=object)
    plain = assess(codes, p)
    other = evaluate(
        pd.Series(named[codes].tolist()),
        np.array(named[p.argmax(axis=1)].tolist()),
        y_proba=p,
        classes=np.array(types),
        favorable_label=types[1],
    )
    pd.testing.assert_frame_equal(other.to_frame(), plain.to_frame())


def test_one_column_of_probabilities_is_that_of_the_positive_label() -> None:
    codes, p = world(100, 2)
    labels = np.array(LABELS[2])
    result = evaluate(labels[codes], labels[p.argmax(axis=1)], y_proba=p[:, 0], classes=labels, favorable_label="no")
    pd.testing.assert_frame_equal(result.to_frame(), assess(codes, p, favorable_label="no").to_frame())


def test_one_row() -> None:
    result = evaluate(["yes"], ["yes"], y_proba=[[0.3, 0.7]], classes=["no", "yes"])
    assert result["accuracy"].value == 1.0
    assert result["accuracy"].low < 0.25
    assert "one class only, 'yes'" in result["balanced_accuracy"].reason
    assert result["roc_auc"].reason == "every row is 'yes'"
    assert result["log_loss"].reason == "one row has no spread"
    assert result.to_dict()["metrics"]["roc_auc"]["value"] is None


def test_no_predicted_positive_leaves_precision_undefined() -> None:
    result = evaluate([0, 1, 0, 1], [0, 0, 0, 0], y_proba=[0.1, 0.2, 0.3, 0.4], classes=[0, 1])
    assert result["precision"].reason == "no row is predicted 1"
    assert (result["recall"].value, result["f1"].value) == (0.0, 0.0)
    assert result["recall"].high > 0.3


def test_a_class_without_rows_is_named_and_left_out_of_the_mean() -> None:
    codes, p = world(300, 4)
    keep = codes != 3
    result = assess(codes[keep], p[keep])
    assert result["recall_macro"].reason == "over the classes where it is defined: not 'd'"
    recall = sk.recall_score(codes[keep], p[keep].argmax(axis=1), average=None, labels=[0, 1, 2])
    assert result["recall_macro"].value == pytest.approx(recall.mean())
    assert result["roc_auc_ovr"].reason.endswith("not 'd'")


def test_a_class_that_the_model_never_saw_counts_as_an_error() -> None:
    result = evaluate(
        ["a", "b", "new"], ["a", "b", "a"], y_proba=[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], classes=["a", "b"]
    )
    assert (result.task, result.classes) == ("multiclass", ("a", "b", "new"))
    assert result["accuracy"].value == pytest.approx(2 / 3)
    assert "does not know" in result["log_loss"].reason


def test_without_probabilities_their_metrics_are_undefined() -> None:
    result = evaluate([0, 1], [0, 1], y_proba=None, classes=[0, 1])
    assert result["accuracy"].value == 1.0
    assert result["roc_auc"].reason == result["brier_score"].reason == "no probabilities were given"
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("y", "decided", "p", "error", "message"),
    [
        ([], [], None, DataError, "no rows"),
        ([0, 1], [0], None, DataError, "one label a row"),
        ([0, None], [0, 1], None, DataError, "1 test rows have no label"),
        ([0, 1], [0, 2], None, ModelError, "no class of the model: 2"),
        ([0, 1], [0, 1], [[0.5, 0.5]], ModelError, "a column for each class"),
        ([0, 1], [0, 1], [[0.5, 0.5], [0.5, 0.6]], ModelError, "do not sum to 1"),
        ([0, 1], [0, 1], [0.5, float("nan")], ModelError, "must be finite"),
        ([0, 1], [0, 1], [0.5, 1.5], ModelError, "from 0 to 1"),
    ],
)
def test_wrong_input_is_named(y: list, decided: list, p: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(y, decided, y_proba=p, classes=[0, 1])


def test_curves_of_a_hundred_thousand_rows_are_thinned() -> None:
    codes, p = world(100_000, 4)
    result = assess(codes, p)
    assert all(len(curve["fpr"]) <= 200 for curve in result.curves["roc"])
    roc = result.curves["roc"][0]
    area = np.trapezoid(roc["tpr"], roc["fpr"])
    assert area == pytest.approx(result.per_class[0].metrics["roc_auc"].value, abs=1e-3)


@pytest.mark.parametrize("k", [2, 4])
def test_intervals_cover(k: int) -> None:
    """Of 150 samples 95% cover; 130 is 3.9 standard errors below what a true 95% gives."""
    names = ["accuracy", "balanced_accuracy", "log_loss", "brier_score"]
    names += ["f1", "roc_auc", "average_precision"] if k == 2 else ["f1_macro", "roc_auc_ovr", "precision_macro"]
    large = assess(*world(300_000, k, seed=1))
    truth = {name: large[name].value for name in names} | {"expected_calibration_error": 0.0}
    truth |= {"calibration_slope": 1.0, "calibration_intercept": 0.0} if k == 2 else {}
    hits = dict.fromkeys(truth, 0)
    for seed in range(150):
        result = assess(*world(200, k, seed=100 + seed), replicates=300)
        for name, value in truth.items():
            hits[name] += result[name].low <= value <= result[name].high
    assert min(hits.values()) >= 130, hits


@pytest.mark.parametrize("k", [2, 4])
def test_every_figure_draws_from_the_result_and_from_its_json(k: int) -> None:
    codes, p = world(200, k)
    result = assess(codes, p)
    loaded = json.loads(json.dumps(result.to_dict()))
    for plot in (
        plots.plot_roc,
        plots.plot_precision_recall,
        plots.plot_reliability,
        plots.plot_scores,
        plots.plot_confusion,
    ):
        assert figure_to_svg(plot(result)) == figure_to_svg(plot(loaded))
        assert all(axes.get_ylabel() for axes in plot(result).axes)


def test_a_long_label_is_not_cut_off() -> None:
    named = "approved for the whole amount after a review by two"
    figure = plots.plot_reliability({**assess(*world(200, 2)).to_dict(), "positive_label": named})
    with laid_out(figure):
        figure_to_png(figure, dpi=int(figure.dpi))
        boxes = [label.get_window_extent() for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label)]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)


def test_figures_of_undefined_parts() -> None:
    one_class = evaluate([1, 1], [1, 1], y_proba=[0.6, 0.7], classes=[0, 1])
    assert not plots.plot_roc(one_class).axes[0].get_legend()
    with pytest.raises(ModelError, match="no probabilities"):
        plots.plot_reliability(evaluate([0, 1], [0, 1], y_proba=None, classes=[0, 1]))
