"""The area under the ROC curve at a look: a rare label raises no false alarm, and a real fall is found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness.statistics import auc_delong
from evenhand.monitoring import Observation, Outcomes, Reference, assess_signals
from evenhand.monitoring.signals import Signal
from tests.evenhand.monitoring.worlds import World


@pytest.fixture(scope="module")
def any_reference() -> Reference:
    return World().reference(1000, 1)


def scored(rng: np.random.Generator, favorable: int, others: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    y = np.repeat([1, 0], [favorable, others])
    return y, rng.normal(size=y.size) + apart * y


def of(reference: Reference, y: np.ndarray, score: np.ndarray) -> Reference:
    """The reference of a test part with these outcomes and scores."""
    found = auc_delong(y == 1, score)
    target = replace(reference.target, counts=(int((y == 0).sum()), int(y.sum()), 0, 0))
    return replace(reference, target=target, rows=y.size, correct=y.size, auc=found.value, auc_variance=found.variance)


def area_at(reference: Reference, y: np.ndarray, score: np.ndarray) -> Signal:
    labels = pd.Series(y.astype(str))
    outcomes = Outcomes(labels, labels, pd.Series(score), pd.DataFrame(index=labels.index))
    found = assess_signals(reference, Observation(y.size, {}, {}), outcomes, alpha=0.001)
    return next(signal for signal in found if signal.name == "roc_auc")


@pytest.mark.parametrize(
    ("before", "now"),
    [((12, 300), (200, 2000)), ((40, 1500), (20, 300)), ((300, 1200), (10, 290)), ((200, 800), (60, 240))],
    ids=["few at registration", "few in both", "few at the look", "many"],
)
def test_an_area_that_has_not_changed_is_called_fallen_no_more_often_than_the_level(
    any_reference: Reference, before: tuple[int, int], now: tuple[int, int]
) -> None:
    """With DeLong's variance of few rows alone, up to 8 times as often at 0.01 and 350 times at 0.0002."""
    rng, n = np.random.default_rng(31), 400
    found = []
    for _ in range(n):
        reference = of(any_reference, *scored(rng, *before, 1.5))
        p_value = area_at(reference, *scored(rng, *now, 1.5)).p_value
        assert p_value is not None
        found.append(p_value)
    for level in (0.05, 0.01):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level / n)
    assert min(found) > 1e-4


def test_an_area_that_has_fallen_is_found(any_reference: Reference) -> None:
    rng, found = np.random.default_rng(32), 0
    for _ in range(40):
        reference = of(any_reference, *scored(rng, 200, 800, 1.5))
        found += area_at(reference, *scored(rng, 60, 240, 0.4)).alarm
    assert found >= 38


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ((40, 400), (9, 400), "9 outcomes have the rarer label, and 10 are needed"),
        ((5, 400), (40, 400), "5 rows at registration have the rarer label, and 10 are needed"),
        ((40, 400), (0, 400), "no positive rows"),
    ],
    ids=["at the look", "at registration", "none"],
)
def test_with_few_rows_of_a_label_an_area_is_told_and_not_tested(
    any_reference: Reference, before: tuple[int, int], now: tuple[int, int], said: str
) -> None:
    rng = np.random.default_rng(33)
    signal = area_at(of(any_reference, *scored(rng, *before, 1.5)), *scored(rng, *now, 0.0))
    assert (signal.p_value, signal.adjusted, signal.alarm, signal.reason) == (None, None, False, said)
    assert (signal.value is None) == (now[0] == 0)
