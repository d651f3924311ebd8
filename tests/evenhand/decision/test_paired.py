"""Paired differences against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score

from evenhand.decision.paired import PAIRED_METRICS, Decisions, paired_difference, paired_rate
from evenhand.exceptions import DataError
from evenhand.fairness.statistics.auc import auc_delong


def slow_statistic(gained: int, lost: int, n: int, d: float) -> float:
    """The score statistic by maximizing the likelihood of the other cells numerically, as Tango (1998) defines it."""

    def minus_log(q: float) -> float:
        cells = [(gained, q + d), (lost, q), (n - gained - lost, 1 - 2 * q - d)]
        return -sum(k * np.log(max(p, 1e-300)) for k, p in cells if k)

    low, high = max(0.0, -d), (1 - d) / 2
    q = minimize_scalar(minus_log, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * d) / np.sqrt(n * (2 * q + d - d * d))


@pytest.mark.parametrize(("gained", "lost", "n"), [(12, 2, 50), (3, 9, 80), (1, 1, 30), (0, 5, 40), (7, 0, 25)])
def test_limits_are_where_the_score_statistic_reaches_its_quantile(gained: int, lost: int, n: int) -> None:
    found, z = paired_rate(gained, lost, n, alpha=0.05), norm.isf(0.05)
    assert slow_statistic(gained, lost, n, found.low) == pytest.approx(z, abs=2e-3)
    assert slow_statistic(gained, lost, n, found.high) == pytest.approx(-z, abs=2e-3)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
def test_limits_surround_the_estimate_and_mirror(table: tuple[int, int, int]) -> None:
    n, gained, lost = table
    lost = min(lost, n - gained)
    found, mirrored = paired_rate(gained, lost, n), paired_rate(lost, gained, n)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.high > found.low
    assert mirrored.low == pytest.approx(-found.high, abs=1e-6)


def made(seed: int, n: int, k: int = 2) -> tuple[np.ndarray, Decisions, Decisions]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)

    def model(skill: float) -> Decisions:
        score = rng.normal(size=(n, k)) + skill * (y[:, None] == np.arange(k))
        proba = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        return Decisions(proba.argmax(axis=1), proba, tuple(range(k)))

    return y, model(0.8), model(1.2)


FIGURES = {
    "accuracy": lambda y, m: (m.predicted == y).mean(),
    "balanced_accuracy": lambda y, m: balanced_accuracy_score(y, m.predicted),
    "recall": lambda y, m: (m.predicted == y)[y == 1].mean(),
    "roc_auc": lambda y, m: roc_auc_score(y, m.proba[:, 1]),
    "log_loss": lambda y, m: -log_loss(y, m.proba),
    "brier_score": lambda y, m: -brier_score_loss(y, m.proba[:, 1]),
}


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_estimates_are_those_of_scikit_learn(metric: str) -> None:
    y, champion, challenger = made(3, 400)
    found = paired_difference(metric, y, champion, challenger, favorable=1)
    assert found.value == pytest.approx(FIGURES[metric](y, challenger) - FIGURES[metric](y, champion), abs=1e-12)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "roc_auc", "log_loss", "brier_score"])
def test_many_labels(metric: str) -> None:
    y, champion, challenger = made(5, 600, k=4)
    found = paired_difference(metric, y, champion, challenger)
    assert found.low < found.value < found.high
    if metric == "roc_auc":
        truth = [roc_auc_score(y, m.proba, multi_class="ovr", average="macro") for m in (champion, challenger)]
        assert found.value == pytest.approx(truth[1] - truth[0], abs=1e-12)


def test_the_variance_of_an_area_is_delongs() -> None:
    y, _, challenger = made(7, 300)
    nothing = Decisions(challenger.predicted, np.full((300, 2), 0.5), (0, 1))
    found = paired_difference("roc_auc", y, nothing, challenger, alpha=0.05)
    known = auc_delong(y == 1, challenger.proba[:, 1])
    assert (found.value - found.low) / norm.isf(0.05) == pytest.approx(np.sqrt(known.variance), rel=0.02)


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_limits_hold_their_level(metric: str) -> None:
    """Over 400 draws the true difference lies below the lower limit about as often as alpha says."""
    y, champion, challenger = made(11, 20_000)
    truth = paired_difference(metric, y, champion, challenger, favorable=1).value
    rng, misses = np.random.default_rng(0), 0
    for _ in range(400):
        rows = rng.integers(0, len(y), 250)
        found = paired_difference(metric, y[rows], champion.take(rows), challenger.take(rows), favorable=1, alpha=0.1)
        misses += found.low > truth
    assert misses / 400 < 0.1 + 4 * np.sqrt(0.1 * 0.9 / 400)
    assert misses / 400 > 0.1 - 4 * np.sqrt(0.1 * 0.9 / 400)


@settings(max_examples=25)
@given(st.sampled_from(PAIRED_METRICS), st.integers(0, 50))
def test_the_same_model_differs_by_nothing(metric: str, seed: int) -> None:
    y, champion, _ = made(seed, 60)
    found = paired_difference(metric, y, champion, champion, favorable=1)
    assert found.value == 0
    assert found.low <= 0 <= found.high


def test_what_is_undefined_says_why() -> None:
    y = np.zeros(10, dtype=int)
    model = Decisions(y, np.full((10, 2), 0.5), (0, 1))
    assert "label" in paired_difference("roc_auc", y, model, model).reason
    assert "no such rows" in paired_difference("recall", y, model, model, favorable=1).reason
    assert paired_difference("accuracy", y[:0], model.take(y[:0]), model.take(y[:0])).n == 0
    with pytest.raises(DataError, match="did you mean 'accuracy'"):
        paired_difference("acuracy", y, model, model)
