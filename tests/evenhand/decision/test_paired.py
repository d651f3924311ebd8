"""Paired differences against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial, norm
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score

from evenhand.decision import paired
from evenhand.decision.paired import PAIRED_METRICS, Decisions, paired_difference, paired_limits, paired_rate
from evenhand.exceptions import DataError
from evenhand.fairness.statistics.auc import auc_delong


def slow_statistics(gained: int, lost: int, n: int, d: float) -> tuple[float, float]:
    """Tango's (1998) score and the signed root of the likelihood ratio, with the likelihood maximized numerically."""

    def minus_log(only_new: float, only_old: float) -> float:
        cells = [(gained, only_new), (lost, only_old), (n - gained - lost, 1 - only_new - only_old)]
        return -sum(k * np.log(max(p, 1e-300)) for k, p in cells if k)

    low, high = max(0.0, -d), (1 - d) / 2
    found = minimize_scalar(
        lambda q: minus_log(q + d, q), bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    score = (gained - lost - n * d) / np.sqrt(n * (2 * found.x + d - d * d))
    return score, np.sign(score) * np.sqrt(2 * (found.fun - minus_log(gained / n, lost / n)))


@pytest.mark.parametrize("alpha", [0.05, 1e-4])
@pytest.mark.parametrize(("gained", "lost", "n"), [(12, 2, 50), (3, 9, 80), (1, 1, 30), (0, 5, 40), (7, 0, 25)])
def test_limits_are_where_the_more_careful_statistic_reaches_its_quantile(
    gained: int, lost: int, n: int, alpha: float
) -> None:
    found, z = paired_rate(gained, lost, n, alpha=alpha), norm.isf(alpha)
    assert min(slow_statistics(gained, lost, n, found.low)) == pytest.approx(z, abs=2e-3)
    assert max(slow_statistics(gained, lost, n, found.high)) == pytest.approx(-z, abs=2e-3)


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
    y, _, challenger = made(7, 30_000)
    nothing = Decisions(challenger.predicted, np.full((30_000, 2), 0.5), (0, 1))
    found = paired_difference("roc_auc", y, nothing, challenger, alpha=0.05)
    known = auc_delong(y == 1, challenger.proba[:, 1])
    assert (found.value - found.low) / norm.isf(0.05) == pytest.approx(np.sqrt(known.variance), rel=0.02)


def all_pairs(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Which positive is above which negative, ties one half: shape (positives, negatives)."""
    above, below = score[positive][:, None], score[~positive][None, :]
    return (above > below) + (above == below) / 2


def slow_delong(y: np.ndarray, champion: Decisions, challenger: Decisions) -> tuple[float, float, float]:
    """DeLong's paired difference over all pairs, from the covariance matrix of both areas' components, and degrees."""
    won = [all_pairs(y == 1, model.proba[:, 1]) for model in (champion, challenger)]
    s10, s01 = np.cov([pairs.mean(axis=1) for pairs in won]), np.cov([pairs.mean(axis=0) for pairs in won])
    m, n = won[0].shape
    contrast = np.array([-1, 1])
    first, second = contrast @ s10 @ contrast / m, contrast @ s01 @ contrast / n
    degrees = (first + second) ** 2 / (first**2 / (m - 1) + second**2 / (n - 1))
    return won[1].mean() - won[0].mean(), first + second, degrees


def told_to_the_limits(monkeypatch: pytest.MonkeyPatch, *given: object) -> tuple[float, float, float]:
    """Difference, variance and degrees of freedom that the limits of an area are made of."""
    seen = []
    monkeypatch.setattr(paired, "_bounded", lambda *told: seen.append(told[:3]))
    paired_difference("roc_auc", *given)
    return seen[0]


@pytest.mark.parametrize("positives", [2, 5, 20, 150])
@pytest.mark.parametrize("digits", [1, 15])
def test_an_area_has_the_paired_variance_of_all_pairs(
    positives: int, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(positives)
    y = rng.permutation(np.arange(300) < positives).astype(int)
    scores = np.round(norm.cdf(rng.normal(size=(2, 300)) + y), digits)
    models = [Decisions(y, np.column_stack([1 - score, score]), (0, 1)) for score in scores]
    found = told_to_the_limits(monkeypatch, y, *models)
    assert found == pytest.approx(slow_delong(y, *models), rel=1e-9)


def test_a_mean_of_areas_has_the_variance_of_its_rows_by_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of each row by definition, summed over all areas; the spread of draws is what they say."""
    y, champion, challenger = made(8, 90, k=3)
    parts = np.zeros(90)
    for label in range(3):
        rows = y == label
        gain = all_pairs(rows, challenger.proba[:, label]) - all_pairs(rows, champion.proba[:, label])
        parts[rows] += (gain.mean(axis=1) - gain.mean()) / rows.sum() / 3
        parts[~rows] += (gain.mean(axis=0) - gain.mean()) / (~rows).sum() / 3
    of_label = [parts[y == label] for label in range(3)]
    truth = sum(own.size * own.var(ddof=1) + own.size * own.mean() ** 2 for own in of_label)
    assert told_to_the_limits(monkeypatch, y, champion, challenger)[1] == pytest.approx(truth, rel=1e-9)
    draws = [told_to_the_limits(monkeypatch, *made(seed, 120, k=3))[:2] for seed in range(600)]
    values, variances = np.transpose(draws)
    assert variances.mean() == pytest.approx(values.var(), rel=4 * np.sqrt(2 / 600))


def drawn(
    rng: np.random.Generator, few: int, skills: tuple[float, float], lost: float = 0.0, rows: int = 600
) -> tuple[object, ...]:
    """Rows, `few` of them favorable, and two models with these areas; the challenger puts a share of the few last."""
    y = (np.arange(rows) < few).astype(int)
    normal = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], rows).T
    scores = [norm.cdf(z + y * norm.ppf(skill) * np.sqrt(2)) for z, skill in zip(normal, skills, strict=True)]
    scores[1][: rng.binomial(few, lost)] = 0
    return y, *(Decisions((score > 0.5).astype(int), np.column_stack([1 - score, score]), (0, 1)) for score in scores)


@pytest.mark.parametrize(("skills", "lost"), [((0.97, 0.95), 0.0), ((0.99, 0.97), 0.0), ((0.97, 0.97), 0.03)])
@pytest.mark.parametrize("few", [2, 5, 10, 20, 50, 300])
def test_few_rows_of_a_label_do_not_show_an_area_that_is_not_there(
    few: int, skills: tuple[float, float], lost: float
) -> None:
    """Of 600 rows few are favorable: an area worse by exactly the margin keeps it no more often than alpha says."""
    rng, passed, margin = np.random.default_rng(few), 0, skills[0] - skills[1] * (1 - lost)
    for _ in range(200):
        passed += paired_difference("roc_auc", *drawn(rng, few, skills, lost), alpha=0.025).low > -margin
    assert passed / 200 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 200)


def test_enough_rows_show_an_area(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 3,000 rows of each label the limits are at most a tenth wider than DeLong's own."""
    given = drawn(np.random.default_rng(1), 3_000, (0.9, 0.9), rows=6_000)
    found = paired_difference("roc_auc", *given, alpha=0.025)
    _, variance, _ = told_to_the_limits(monkeypatch, *given)
    assert 1 < (found.value - found.low) / (norm.isf(0.025) * np.sqrt(variance)) < 1.1


@pytest.mark.parametrize("rows", [100, 200, 600])
def test_a_brier_score_that_few_rows_carry_is_not_shown_without_them(rows: int) -> None:
    """Three rows of a hundred go wholly wrong under the challenger, the others gain a little."""
    rng, passed = np.random.default_rng(rows), 0
    truth = 0.01 - 0.97 * 0.05**2 - 0.03 * 0.95**2
    for _ in range(400):
        y, wrong = rng.integers(0, 2, rows), rng.random(rows) < 0.03
        right = (np.full(rows, 0.9), np.where(wrong, 0.05, 0.95))
        old, new = (Decisions(y, np.where(np.eye(2)[y] == 1, p[:, None], 1 - p[:, None]), (0, 1)) for p in right)
        passed += paired_difference("brier_score", y, old, new, alpha=0.025).low > truth
    assert passed / 400 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 400)


@pytest.mark.parametrize("k", [2, 3])
def test_a_label_with_one_row_leaves_the_area_undefined(k: int) -> None:
    y, champion, challenger = made(4, 200, k)
    y[:] = np.where(y == 1, 0, y)
    y[7] = 1
    found = paired_difference("roc_auc", y, champion, challenger, favorable=1)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.reason == "label 1 has 1 of 200 rows, and fewer than two show no spread"


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


@pytest.mark.parametrize("alpha", [0.05, 0.025, 1e-3, 1e-5])
@pytest.mark.parametrize(("margin", "gains"), [(0.02, (0.0, 0.003, 0.01, 0.05)), (0.1, (0.0, 0.01, 0.05))])
def test_the_levels_of_a_rate_s_limits_are_those_that_the_page_states(
    margin: float, gains: tuple, alpha: float
) -> None:
    """Every outcome of 100 rows whose true loss is the margin, with its probability, up to 31 gained and 59 lost."""
    n = 100
    gained, lost = (each.ravel() for each in np.meshgrid(range(32), range(60), indexing="ij"))
    gained, lost = gained[gained + lost <= n], lost[gained + lost <= n]
    low, high = paired_limits(gained, lost, np.full(gained.size, n), alpha=alpha)
    for p in gains:
        chance = multinomial.pmf(np.stack([gained, lost, n - gained - lost], 1), n, [p, p + margin, 1 - 2 * p - margin])
        assert chance.sum() > 1 - 1e-10
        assert chance[low > -margin].sum() < 1.4 * alpha
        assert chance[high < -margin].sum() < 1.6 * alpha
