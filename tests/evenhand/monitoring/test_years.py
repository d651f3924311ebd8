"""Years of weekly looks: an unchanged world raises no more alarms than stated, a changed one is found."""

from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest
from scipy.stats import binom

from evenhand.monitoring import Observation, Outcomes, Reference, assess_signals, level_of
from tests.evenhand.monitoring.worlds import World

LOOKS, YEARS, ALARMS = 52, 24, 0.05
REFERENCE, ROWS = 1500, 300


def p_values(reference: Reference, observation: Observation, outcomes: Outcomes) -> float:
    """The smallest adjusted p-value of a look, whatever the size of the change."""
    found = assess_signals(reference, observation, outcomes, alpha=None, drift=0.0, drop=-1.0)
    return min(signal.adjusted for signal in found if signal.adjusted is not None)


@pytest.fixture(scope="module")
def unchanged() -> np.ndarray:
    """The smallest adjusted p-value of each look, shape (years, looks); every year has a reference of its own."""
    world, seeds = World(), count(1)
    years = []
    for _ in range(YEARS):
        reference = world.reference(REFERENCE, next(seeds))
        years.append([p_values(reference, *world.quick_look(ROWS, next(seeds), reference)) for _ in range(LOOKS)])
    return np.array(years)


def test_an_unchanged_world_alarms_in_no_more_years_than_stated(unchanged: np.ndarray) -> None:
    alarmed = int((unchanged <= ALARMS / LOOKS).any(axis=1).sum())
    # More than this has a probability of under 1 in 1,000 at the stated rate.
    assert alarmed <= binom.ppf(0.999, YEARS, ALARMS)


def test_looks_that_do_not_share_the_error_alarm_in_most_years(unchanged: np.ndarray) -> None:
    assert (unchanged <= ALARMS).any(axis=1).mean() > 0.6


def test_the_p_values_of_single_looks_keep_their_level(unchanged: np.ndarray) -> None:
    for level in (0.05, 0.01):
        found = int((unchanged <= level).sum())
        # Looks of a year share a reference and so are related: the bound is four standard errors of independent ones.
        assert found <= level * unchanged.size + 4 * np.sqrt(level * unchanged.size)
    assert (unchanged < 0.9).mean() > 0.3  # Holm's p-values are large, and not all 1


@pytest.mark.parametrize(
    ("world", "names"),
    [(World(shift=0.6), {"x0"}), (World(noise=0.8), {"accuracy", "roc_auc"})],
    ids=["a shifted feature", "outcomes that no longer follow"],
)
def test_a_changed_world_is_found_at_its_first_look(world: World, names: set[str]) -> None:
    alpha = level_of(ALARMS, LOOKS, [], datetime(2026, 1, 5, tzinfo=UTC)).alpha
    found = 0
    for seed in range(6):
        reference = World().reference(REFERENCE, 1000 + seed)
        signals = assess_signals(reference, *world.quick_look(800, 2000 + seed, reference), alpha=alpha)
        found += names <= {signal.name for signal in signals if signal.alarm}
    assert found >= 5


def test_a_significant_but_small_change_is_no_alarm() -> None:
    reference = World().reference(40_000, 1)
    signals = assess_signals(reference, *World(shift=0.1).quick_look(40_000, 2, reference), alpha=0.001)
    moved = next(signal for signal in signals if signal.name == "x0")
    assert moved.adjusted is not None
    assert moved.adjusted < 1e-6
    assert not moved.alarm


def test_the_quick_look_of_these_tests_counts_what_the_real_one_does() -> None:
    reference = World().reference(1000, 1)
    quick, _ = World().quick_look(400, 2, reference)
    real, _ = World().look(400, 2, reference)
    for role in ("features", "groups", "prediction", "score", "target"):
        assert getattr(quick, role) == getattr(real, role)
