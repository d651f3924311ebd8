"""Intervals of what is made of rates cover the truth also where a rate rests on few rows."""

import numpy as np
import pytest

from evenhand.fairness.metrics import Tables, binary_metrics
from evenhand.fairness.statistics import rate_interval
from evenhand.fairness.statistics.indices import index_interval
from evenhand.fairness.statistics.means import f1_interval, macro_f1_interval, mean_rate_interval, odds_interval

DRAWS = 1000
# What 1,000 draws at 95% stay above but once in a hundred times.
LEAST = 0.933
METRICS = {metric.name: metric for metric in binary_metrics()}
# Rows, share of positives, true positive and true negative rate: from 6 positives on.
DESIGNS = [
    (60, 0.1, 0.84, 0.84),
    (100, 0.1, 0.95, 0.9),
    (200, 0.1, 0.9, 0.9),
    (500, 0.04, 0.9, 0.9),
    (2000, 0.01, 0.9, 0.95),
    (500, 0.1, 0.95, 0.9),
    (100, 0.5, 0.97, 0.97),
    (1000, 0.1, 0.9, 0.9),
    (30, 0.5, 0.5, 0.5),
]


def drawn(n, base, tpr, tnr, seed=0):
    cells = np.array([[(1 - base) * tnr, (1 - base) * (1 - tnr)], [base * (1 - tpr), base * tpr]])
    draws = np.random.default_rng(seed).multinomial(n, cells.ravel(), DRAWS).reshape(-1, 2, 2).astype(float)
    return cells, draws[(draws.sum(axis=2) > 0).all(axis=1)]


def coverage(limits, truth):
    low, high = limits
    assert (low <= high).all()
    return ((low <= truth) & (truth <= high)).mean()


@pytest.mark.parametrize("design", DESIGNS)
def test_balanced_accuracy_covers_where_positives_are_few(design):
    _, tables = drawn(*design)
    hits = np.stack([tables[:, 0, 0], tables[:, 1, 1]], axis=1)
    assert coverage(mean_rate_interval(hits, tables.sum(axis=2)), (design[2] + design[3]) / 2) >= LEAST


@pytest.mark.parametrize(("index", "metric"), [("theil", "theil_index"), ("generalized_entropy",) * 2])
@pytest.mark.parametrize("design", DESIGNS)
def test_indices_cover_where_errors_are_few(design, index, metric):
    cells, tables = drawn(*design)
    favorable = tables[:, 0, 1]
    limits = index_interval(favorable + tables[:, 1, 0], favorable, design[0], index)
    assert coverage(limits, METRICS[metric].compute(cells)) >= LEAST
    value = METRICS[metric].compute(Tables(tables))
    assert ((limits[0] <= value + 1e-12) & (value <= limits[1] + 1e-12)).all()


@pytest.mark.parametrize("design", DESIGNS[:4])
def test_f1_and_the_odds_of_errors_cover(design):
    cells, tables = drawn(*design)
    both = tables[:, 1, 1]
    assert coverage(f1_interval(both, design[0] - tables[:, 0, 0]), METRICS["f1"].compute(cells)) >= LEAST
    errors = tables[:, 1, 0] + tables[:, 0, 1]
    low, high = odds_interval(tables[:, 1, 0], errors)
    seen = errors > 0
    assert coverage((low[seen], high[seen]), METRICS["treatment_equality"].compute(cells)) >= LEAST


@pytest.mark.parametrize(("labels", "rows", "rate"), [(3, 10, 0.9), (10, 5, 0.5), (50, 2, 0.9), (256, 1, 0.5)])
def test_a_mean_of_many_rates_of_few_rows_covers(labels, rows, rate):
    hits = np.random.default_rng(1).binomial(rows, rate, (800, labels))
    assert coverage(mean_rate_interval(hits, np.full(hits.shape, rows)), rate) >= 0.925


@pytest.mark.parametrize(("labels", "rows", "rate"), [(3, 60, 0.95), (3, 300, 0.6), (10, 100, 0.8), (30, 300, 0.5)])
def test_the_mean_of_f1_covers(labels, rows, rate):
    right = np.eye(labels, dtype=bool)
    cells = np.where(right, rate, (1 - rate) / (labels - 1)) / labels
    tables = np.random.default_rng(2).multinomial(rows, cells.ravel(), 400).reshape(-1, labels, labels)
    tables = tables[(tables.sum(axis=1) + tables.sum(axis=2) > 0).all(axis=1)]
    truth = (2 * np.diag(cells) / (cells.sum(axis=0) + cells.sum(axis=1))).mean()
    assert coverage(macro_f1_interval(tables), truth) >= 0.925


def test_a_single_rate_keeps_its_own_limits_and_large_samples_the_normal_ones():
    assert np.array(mean_rate_interval([[7]], [[20]])) == pytest.approx(np.array(rate_interval([7], [20])))
    low, high = mean_rate_interval([80_000, 30_000], [100_000, 50_000])
    error = np.sqrt(0.16 / 100_000 + 0.24 / 50_000) / 2
    assert (float(low), float(high)) == pytest.approx((0.7 - 1.96 * error, 0.7 + 1.96 * error), abs=1e-5)


def test_no_errors_leave_open_which_ones_there_would_be():
    low, high = index_interval(0, 0, 50, "theil")
    assert low == 0
    assert high == pytest.approx(-np.log(1 - rate_interval([0], [50])[1][0]))
    assert np.isnan(index_interval(0, 0, 0, "theil")).all()


def test_a_rate_without_rows_has_no_mean():
    assert np.isnan(mean_rate_interval([3, 0], [5, 0])).all()
