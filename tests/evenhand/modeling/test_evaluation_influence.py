"""The rows' influence on areas is the derivative by a row's weight: what the intervals' standard errors come from."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evenhand.fairness.statistics import auc_delong
from evenhand.modeling._intervals import auc_influence, average_precision
from evenhand.modeling.curves import rank


@pytest.mark.parametrize("decimals", [1, 6])  # with and without ties
@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_influence_is_the_derivative_by_the_weight(name: str, decimals: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(40) < 0.3
    score = np.round(truth + rng.normal(size=40), decimals)
    ranking = rank(truth, score)
    counts = ranking.true_positives, ranking.false_positives, ranking.step, truth
    influence = auc_influence(*counts) if name == "roc_auc" else average_precision(*counts, 0.95)[1]
    metric = roc_auc_score if name == "roc_auc" else average_precision_score
    step = 1e-5
    for row in range(40):
        up, down = np.ones(40), np.ones(40)
        up[row] += step
        down[row] -= step
        slope = (metric(truth, score, sample_weight=up) - metric(truth, score, sample_weight=down)) / (2 * step)
        assert influence[row] == pytest.approx(slope, abs=1e-7)


def test_the_influence_on_the_auc_has_delongs_variance() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(5000) < 0.3
    score = truth + rng.normal(size=5000)
    ranking = rank(truth, score)
    influence = auc_influence(ranking.true_positives, ranking.false_positives, ranking.step, truth)
    assert influence @ influence == pytest.approx(auc_delong(truth, score).variance, rel=2e-3)
