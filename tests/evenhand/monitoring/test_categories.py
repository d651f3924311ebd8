"""Text of many values: what has a cell was not chosen by chance, and no change among the rest is out of sight."""

import json

import numpy as np
import pandas as pd
import pytest

from evenhand.monitoring import ColumnProfile, measure_drift, profile_column
from evenhand.monitoring.categories import choose_cells, place_of
from evenhand.monitoring.profile import MISSING, OTHER, profile_groups

ALPHA, DRIFT = 0.05 / 52, 0.1
WORLDS = {
    "equally common": (np.full(150, 1 / 150), 1500, 400),
    "common ones and many at the border": (np.r_[np.full(3, 2 / 9), np.full(40, 1 / 120)], 1200, 400),
    "ever rarer": (1 / np.arange(1, 301) / np.sum(1 / np.arange(1, 301)), 4000, 600),
    "nearly all different": (np.full(50_000, 1 / 50_000), 2000, 400),
}


def draw(rng: np.random.Generator, shares: np.ndarray, n: int) -> pd.Series:
    names = np.array([f"value {at}" for at in range(len(shares))], dtype=object)
    return pd.Series(names[rng.choice(len(shares), n, p=shares)], name="zip")


@pytest.mark.parametrize("world", WORLDS)
def test_many_values_alarm_no_more_often_than_stated(world: str) -> None:
    """Cells that the reference's own counts had chosen gave p-values under 0.05 in up to 99% of the looks."""
    rng = np.random.default_rng(17)
    shares, reference, rows = WORLDS[world]
    p_values, alarms = [], 0
    for _ in range(60):
        before = profile_column(draw(rng, shares, reference))
        for _ in range(6):
            drift = measure_drift(before, before.count(draw(rng, shares, rows)))
            assert drift.p_value is not None
            assert drift.psi is not None
            p_values.append(drift.p_value)
            alarms += drift.p_value <= ALPHA and drift.psi >= DRIFT
    for level in (0.05, 0.01):  # looks share a reference and so are related: four standard errors of independent ones
        assert np.mean(np.array(p_values) <= level) <= level + 4 * np.sqrt(level / len(p_values))
    assert alarms <= 3  # more has a probability of under 1 in 1,000 at that level
    assert np.mean(np.array(p_values) <= 0.5) > 0.3  # and the level is used


@pytest.mark.parametrize("world", WORLDS)
def test_a_tenth_of_the_rows_with_one_value_is_found_among_many(world: str) -> None:
    rng = np.random.default_rng(18)
    shares, reference, rows = WORLDS[world]
    found = 0
    for _ in range(20):
        before = profile_column(draw(rng, shares, reference))
        now = draw(rng, shares, rows)
        now[rng.random(rows) < 0.15] = rng.choice(["value 20", "a new one"])
        drift = measure_drift(before, before.count(now))
        found += drift.p_value is not None and drift.p_value <= ALPHA and (drift.psi or 0) >= DRIFT
    assert found >= 16


def test_the_stability_index_of_many_cells_is_small_without_a_change() -> None:
    rng = np.random.default_rng(19)
    before = profile_column(draw(rng, np.full(40, 1 / 40), 4000))
    assert len(before.categories) == 40
    found = [measure_drift(before, before.count(draw(rng, np.full(40, 1 / 40), 300))).psi for _ in range(200)]
    # Over all 40 cells of 7 or 8 rows it is 0.14 in the mean, above its limit in nine looks of ten.
    assert np.mean(np.array(found) >= DRIFT) < 0.05


def test_common_values_are_named_and_the_others_cut_without_telling_of_few() -> None:
    many = [f"rare {at}" for at in range(400) for _ in range(3)]
    profile = profile_column(pd.Series(["north"] * 900 + ["south"] * 500 + many, name="region"), min_cell=10)
    assert profile.categories == ("north", "south")
    assert len(profile.parts) > 20
    assert min(profile.counts[:-1]) >= 10
    assert profile.labels[2] == f"(other, part 1 of {len(profile.parts) + 1})"
    assert not any("rare" in label for label in profile.labels)
    assert ColumnProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_a_value_that_is_one_of_many_is_named_by_its_cell() -> None:
    values = [f"value {at}" for at in range(100) for _ in range(20 + at % 3)]
    profile = profile_column(pd.Series(values, name="zip"), min_cell=10)
    assert not profile.categories
    assert all(label.endswith(" and others") for label in profile.labels[:-1])


def test_a_cell_of_the_others_does_not_depend_on_how_common_its_values_are() -> None:
    counts = pd.Series([30, 29, 28, 5] * 10, index=[f"value {at}" for at in range(40)])
    assert place_of(counts.index).tolist() == place_of(counts.index[::-1]).tolist()[::-1]
    assert choose_cells(counts, min_cell=10) == choose_cells(counts.sample(frac=1, random_state=0), min_cell=10)


@pytest.mark.parametrize("values", [["US"] * 3994 + ["CA"] * 6, ["US"] * 4000], ids=["six others", "one value"])
def test_one_common_value_keeps_its_cell(values: list[str]) -> None:
    before = profile_column(pd.Series(values, name="country"))
    assert (before.categories, before.counts) == (("US",), (len(values) - values.count("CA"), 0, 0))
    assert before.withheld == (9 if "CA" in values else 0)
    drift = measure_drift(before, before.count(pd.Series(["CA"] * 1200)))
    assert drift.p_value is not None
    assert drift.p_value < 1e-100


def test_groups_of_few_people_are_not_told_and_those_without_a_group_have_their_cell() -> None:
    people = pd.Series(["f"] * 500 + ["m"] * 480 + ["x"] * 4 + ["unknown"] * 3, name="sex")
    profile = profile_groups(people, unknown="unknown", min_cell=10)
    assert (profile.categories, profile.counts) == (("f", "m", "unknown"), (500, 480, 0, 0, 0))
    assert profile.withheld == 9
    again = profile.count(people.repeat(2))
    assert again.share("unknown") == 6 / 1974
    assert measure_drift(profile, again).p_value == pytest.approx(1.0)


def of_earlier(own: dict[str, int], others: int, **rest: int) -> ColumnProfile:
    """As a champion carries it whose version was trained before the cells were chosen as they are now."""
    counts = [*own.values(), others, 0]
    value = {"name": "zip", "kind": "categorical", "counts": counts, "categories": list(own), **rest}
    return ColumnProfile.from_dict(json.loads(json.dumps(value)))


def test_a_reference_of_an_earlier_version_keeps_the_values_that_chance_has_not_chosen() -> None:
    lucky = of_earlier({"a": 900, "b": 21, "c": 700, "d": 19}, 800)
    assert (lucky.categories, lucky.counts) == (("a", "c"), (900, 700, 840, 0))
    assert lucky.labels == ("a", "c", OTHER, MISSING)
    whole = of_earlier({"a": 900, "b": 21, "d": 19}, 0)  # no value was left over: nothing was chosen
    assert whole.categories == ("a", "b", "d")
    assert of_earlier({"a": 900, "b": 21}, 0, withheld=9).categories == ("a",)
    blind = of_earlier({"b": 21, "d": 19}, 800)
    drift = measure_drift(blind, blind.count(pd.Series(["new"] * 500)))
    assert (drift.p_value, drift.psi, drift.reason) == (None, None, "the reference has one cell for all values")


def test_a_reference_of_an_earlier_version_alarms_no_more_often_than_stated() -> None:
    rng, found = np.random.default_rng(20), []
    shares, reference, rows = WORLDS["common ones and many at the border"]
    for _ in range(60):
        counts = draw(rng, shares, reference).value_counts()
        kept = counts[counts >= 10].head(50)
        before = of_earlier(kept.to_dict(), int(counts.sum() - kept.sum()))
        assert len(before.categories) == 3
        found += [measure_drift(before, before.count(draw(rng, shares, rows))).p_value for _ in range(6)]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 / len(found))
