"""Figures for floors: the evaluation's values, each computed alone, with limits that hold at any level."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from evenhand.exceptions import ModelError
from evenhand.fairness.statistics import clopper_pearson
from evenhand.modeling.evaluation import evaluate
from evenhand.modeling.figure_names import FIGURES, figures_of
from evenhand.modeling.floor_figures import floor_figures

SMALL = 0.05 / (52 * 53)
"""What the 52nd look may spend of .05."""


def world(n: int, k: int, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    odds = np.exp(1.5 * rng.normal(size=(n, k)))
    p = odds / odds.sum(axis=1, keepdims=True)
    truth = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(0, k - 1)
    labels = np.array(["a", "b", "c", "d"][:k])
    return {"y_true": labels[truth], "y_pred": labels[p.argmax(axis=1)], "y_proba": p, "classes": labels}


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("confidence", [0.975, 1 - SMALL])
def test_values_are_the_evaluations_and_limits_enclose_them(k: int, confidence: float) -> None:
    given = world(400, k)
    shown = evaluate(**given, confidence=confidence).to_dict()["metrics"]
    found = floor_figures(FIGURES, **given, confidence=confidence)
    assert tuple(found) == figures_of(k), "one that a model of so many labels has not is left out"
    for name, figure in found.items():
        assert figure["value"] == pytest.approx(shown[name]["value"]), name
        assert figure["low"] < figure["value"] < figure["high"], name
        alone = floor_figures([name], **given, confidence=confidence)
        assert alone == {name: figure}, "alone as among others"
    for name in ("roc_auc", "roc_auc_ovr", "average_precision", "average_precision_macro", "log_loss", "brier_score"):
        if name in found:
            assert found[name] == shown[name], name


def test_rates_are_exact() -> None:
    """81 of 263: .2527 to .3676, method 4 in table I of Newcombe (1998), Statistics in Medicine 17:857-872."""
    truth, decided = np.repeat([1, 0], [263, 40]), np.repeat([1, 0], [81, 222])
    given = {"y_proba": np.full((303, 2), 0.5), "classes": [0, 1]}
    found = floor_figures(["recall", "accuracy", "f1", "balanced_accuracy"], truth, decided, **given)
    assert (round(found["recall"]["low"], 4), round(found["recall"]["high"], 4)) == (0.2527, 0.3676)
    spent = floor_figures(["recall"], truth, decided, **given, confidence=1 - SMALL)["recall"]
    assert binom.sf(80, 263, spent["low"]) == pytest.approx(SMALL / 2)
    assert binom.cdf(81, 263, spent["high"]) == pytest.approx(SMALL / 2)
    # Both rates' distances, each for a standard error: specificity is 40 of 40.
    low, high = ([float(x) for x in side] for side in clopper_pearson([81, 40], [263, 40]))
    mean, down, up = (81 / 263 + 1) / 2, 81 / 263 - low[0], high[0] - 81 / 263
    expected = (mean - math.hypot(down, 1 - low[1]) / 2, mean + up / 2)
    assert (found["balanced_accuracy"]["low"], found["balanced_accuracy"]["high"]) == pytest.approx(expected)
    share = clopper_pearson(81, 263)
    assert found["f1"]["low"] == pytest.approx(float(2 * share[0] / (1 + share[0])))


class _Untouched:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise AssertionError("a count needs no score")


def test_a_floor_on_counts_reads_no_score() -> None:
    given = {**world(200, 2), "y_proba": _Untouched()}
    assert set(floor_figures(["accuracy", "f1"], **given)) == {"accuracy", "f1"}
    with pytest.raises(AssertionError, match="needs no score"):
        floor_figures(["roc_auc"], **given)


@pytest.mark.parametrize("name", [*figures_of(2), *figures_of(4)])
def test_what_is_undefined_says_so_as_the_evaluation_does(name: str) -> None:
    for given in (
        {"y_true": ["a"] * 5, "y_pred": ["a"] * 5, "y_proba": np.full((5, 2), 0.5), "classes": ["a", "b"]},
        {"y_true": ["a", "b", "new"], "y_pred": list("aba"), "y_proba": np.full((3, 2), 0.5), "classes": ["a", "b"]},
    ):
        shown = evaluate(**given).to_dict()["metrics"]
        for figure in floor_figures([name], **given).values():
            assert figure["value"] == pytest.approx(shown[name]["value"])
            assert figure["reason"] == shown[name]["reason"]


def test_wrong_input_is_refused_as_the_evaluation_refuses_it() -> None:
    with pytest.raises(ModelError, match="no class of the model: 2"):
        floor_figures(["accuracy"], [0, 1], [0, 2], y_proba=None, classes=[0, 1])
    with pytest.raises(ModelError, match="no class of the model"):
        floor_figures(["accuracy"], [0.0, 1.0], [0.0, float("nan")], y_proba=None, classes=[0, 1])


def calibration(n: int, slope: float, seed: int, confidence: float) -> tuple[float, dict]:
    """The true calibration error of these scores, and the figure; a slope below 1 makes probabilities too extreme."""
    rng = np.random.default_rng(seed)
    logit = 1.5 * rng.normal(size=n)
    said, true = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-slope * logit))
    happened = (rng.random(n) < true).astype(int)
    gap = np.bincount(np.minimum((said * 10).astype(int), 9), weights=true - said)
    name = "expected_calibration_error"
    proba = np.column_stack([1 - said, said])
    found = floor_figures([name], happened, happened, y_proba=proba, classes=[0, 1], confidence=confidence)
    return float(np.abs(gap).sum()) / n, found[name]


@pytest.mark.parametrize("slope", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("n", [60, 400])
def test_a_calibration_errors_limits_are_passed_no_more_often_than_they_say(n: int, slope: float) -> None:
    """At tails of .1, so that 500 samples tell: the limits come of the same formula at every level."""
    low = high = 0
    for seed in range(500):
        truth, found = calibration(n, slope, seed, 0.8)
        low += found["low"] > truth
        high += found["high"] < truth
    assert max(low, high) <= 50 + 3 * math.sqrt(500 * 0.1 * 0.9)


def test_a_calibration_error_is_told_at_levels_where_replicates_say_nothing() -> None:
    """The 52nd look's level: a bootstrap of a thousand has its last replicate at .001."""
    widths = []
    for confidence in (0.95, 0.999, 1 - SMALL):
        _, found = calibration(20_000, 1.0, 0, confidence)
        assert found["low"] == 0.0 < found["value"] < found["high"]
        widths.append(found["high"] - found["value"])
    assert widths == sorted(widths)
    assert widths[-1] < 0.03
    assert calibration(20_000, 0.3, 0, 1 - SMALL)[1]["low"] > 0.05, "a bad one is still shown"
