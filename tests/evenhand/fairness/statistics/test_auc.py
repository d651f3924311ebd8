"""The AUC and its interval."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import roc_auc_score

from evenhand.exceptions import DataError
from evenhand.fairness.statistics import auc_delong, auc_from_counts

# A noisy machine is no defect of the code.
unhurried = settings(deadline=None, max_examples=25)

samples = st.tuples(st.integers(2, 25), st.integers(2, 25), st.integers(0, 2**32 - 1), st.integers(1, 30))


def drawn(sample):
    positives, negatives, seed, levels = sample
    rng = np.random.default_rng(seed)
    scores = np.r_[rng.normal(1, 1, positives), rng.normal(0, 1, negatives)]
    return np.repeat([True, False], [positives, negatives]), np.round(scores * levels / 10, 1)


def test_ratings_of_hanley_and_mcneil():
    # Hanley and McNeil (1982), Radiology 143:29-36, Table I: 51 abnormal and 58 normal images, W = 0.893.
    result = auc_from_counts([3, 2, 2, 11, 33], [33, 6, 6, 11, 2])
    assert round(result.value, 3) == 0.893
    assert np.sqrt(result.variance) == pytest.approx(0.032, abs=0.002)
    assert (result.n_positive, result.n_negative) == (51, 58)


@given(samples)
@unhurried
def test_value_and_variance_by_their_definitions(sample):
    y, score = drawn(sample)
    positives, negatives = score[y], score[~y]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    m, n = wins.shape
    variance = wins.mean(axis=1).var(ddof=1) / m + wins.mean(axis=0).var(ddof=1) / n
    found = auc_delong(y, score)
    assert found.value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert found.variance == pytest.approx(variance, abs=1e-12)


@given(samples)
@unhurried
def test_mirrors_shuffles_and_keeps_a_width(sample):
    y, score = drawn(sample)
    found, mirrored = auc_delong(y, score), auc_delong(y, -score)
    order = np.random.default_rng(0).permutation(y.size)
    shuffled = auc_delong(y[order], score[order])
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)
    assert (shuffled.low, shuffled.high) == pytest.approx((found.low, found.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.02


def test_separated_classes_do_not_claim_certainty():
    found = auc_delong([0] * 10 + [1] * 10, np.arange(20))
    assert (found.value, found.variance, found.high) == (1.0, 0.0, 1.0)
    assert 0.7 < found.low < 0.95


@pytest.mark.parametrize(("m", "n", "shift"), [(15, 15, 2.5), (40, 40, 0.0), (10, 80, 1.5), (30, 30, 3.0)])
def test_covers(m, n, shift):
    rng = np.random.default_rng(4)
    truth = float(np.mean(rng.normal(shift, 1, 400_000) > rng.normal(0, 1, 400_000)))
    y = np.repeat([True, False], [m, n])
    draws = 300
    covered = 0
    for _ in range(draws):
        found = auc_delong(y, np.r_[rng.normal(shift, 1, m), rng.normal(0, 1, n)])
        covered += found.low <= truth <= found.high
    assert covered / draws >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / draws)


def test_for_many_rows_it_is_delongs_interval():
    rng = np.random.default_rng(1)
    y = np.repeat([True, False], 20_000)
    found = auc_delong(y, np.r_[rng.normal(1, 1, 20_000), rng.normal(0, 1, 20_000)])
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(found.variance), rel=0.01)


@pytest.mark.parametrize(("y", "missing"), [([1, 1], "negative"), ([0, 0], "positive"), ([], "positive")])
def test_undefined_says_why(y, missing):
    found = auc_delong(y, np.zeros(len(y)))
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.reason == f"no {missing} rows"


def test_bad_scores_are_refused():
    with pytest.raises(DataError, match="1 values that are not finite"):
        auc_delong([0, 1], [0.5, np.nan])
    with pytest.raises(DataError, match="must agree"):
        auc_delong([0, 1], [0.5])
