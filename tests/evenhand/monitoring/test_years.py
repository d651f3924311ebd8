"""Years of weekly looks: an unchanged world raises no more alarms than stated, a changed one is found."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from evenhand.fairness.groups import encode_groups, encode_values
from evenhand.fairness.policies import Rule, load_policy
from evenhand.fairness.rows import count_rows
from evenhand.monitoring import Observation, Outcomes, Reference, assess_signals, judge_look, level_of
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


def decided(sizes: dict[str, int], rates: dict[str, float], seed: int) -> pd.DataFrame:
    """People with their group and a decision, selected at the rates."""
    rng = np.random.default_rng(seed)
    parts = [pd.DataFrame({"sex": sex, "said": rng.random(n) < rates[sex]}) for sex, n in sizes.items()]
    return pd.concat(parts, ignore_index=True).astype({"said": "int"}).astype("str")


def test_decisions_and_outcomes_of_a_look_err_together_no_more_than_the_look_may() -> None:
    """At the limit itself a FAIL is an error: judged twice at the whole level, looks err almost twice as often."""
    reference, seeds, looks, level = World().reference(REFERENCE, 0), count(1), 120, 0.2
    rules = (Rule("demographic_parity_ratio", 0.8, attributes=("sex",)),)
    policy = replace(load_policy("statistical"), rules=rules, alpha=level)
    sizes, rates = {"f": 1500, "m": 1500}, {"f": 0.4, "m": 0.5}
    failed = both = 0
    for _ in range(looks):
        new, old = (decided(sizes, rates, next(seeds)) for _ in range(2))
        coded = encode_values(new["said"], name="prediction")
        table = count_rows(encode_groups(new[["sex"]]), coded, coded)
        observation = Observation(len(new), features={}, groups={}, decisions=table)
        outcomes = Outcomes(old["said"], old["said"], None, old[["sex"]])
        found = judge_look(observation, outcomes, reference, [policy], looks=1, min_rows=200)
        assert [each.evidence for each in found.policies] == ["decisions", "outcomes"]
        verdicts = [each.verdict == "FAIL" for each in found.policies]
        failed, both = failed + any(verdicts), both + sum(verdicts)
    assert failed <= binom.ppf(0.999, looks, level)
    assert both > 0.3 * level * looks  # and the level is used
