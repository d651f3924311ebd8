"""Rows of one person are no evidence of their own: a stream of five to a person keeps the rates that are stated."""

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from evenhand.data.dataset import Dataset
from evenhand.data.people import PeopleRows, one_row_each
from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import Rule, load_policy
from evenhand.monitoring import (
    Observation,
    Outcomes,
    Reference,
    assess_signals,
    build_reference,
    judge_fairness,
    observe,
)
from evenhand.monitoring.rows import one_row_of_each
from tests.evenhand.monitoring.worlds import LAYOUT, World, as_batch

EACH, REFERENCE, PEOPLE, LOOKS, LEVEL = 5, 1000, 250, 24, 0.05
FEATURES = [*(f"x{number}" for number in range(6)), "count", "region"]


def visits(people: int, seed: int) -> pd.DataFrame:
    """Five rows a person, alike but for a little noise, in any order."""
    rng = np.random.default_rng(seed)
    frame = World().frame(people, seed)
    frame = frame.loc[np.repeat(frame.index, EACH)].reset_index(drop=True)
    frame[FEATURES[:6]] += 0.1 * rng.normal(size=(len(frame), 6))
    frame = frame.assign(person=frame["id"], id=np.arange(len(frame)) + seed * len(frame))
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)


def reference_of(frame: pd.DataFrame, people: PeopleRows) -> Reference:
    """As a retrain leaves it, whose test part has one row a person already."""
    whole = Dataset(frame[FEATURES], frame["paid"], frame[["sex"]], favorable_label=1, group=frame["person"])
    drawn = one_row_each(whole) if people == "one" else np.ones(len(frame), dtype=bool)
    test = frame[drawn]
    proba = np.column_stack([1 - test["score"], test["score"]])
    return build_reference(whole, whole.take(drawn), test["prediction"], proba, classes=[0, 1], people=people)


def look(frame: pd.DataFrame, reference: Reference) -> tuple[Observation, Outcomes]:
    """What a look counts, and the outcomes that its rows have."""
    kept: list[pd.DataFrame] = []
    layout = replace(LAYOUT, person="person" if reference.people == "one" else None)
    observation = observe(as_batch(frame), reference, layout, keep=kept.append)
    rows = pd.concat(kept, ignore_index=True)
    if "person" in rows.columns:
        rows = rows[one_row_of_each(rows["person"], rows["key"])].reset_index(drop=True)
    people = rows[["group:sex"]].set_axis(["sex"], axis=1)
    return observation, Outcomes(rows["target"], rows["prediction"], rows["score"], people)


@dataclass(frozen=True)
class Errors:
    """How often looks at an unchanged world err at the level 0.05: any of the tests, an interval, a verdict."""

    alarmed: int
    missed: int
    failed: int


def errors(people: PeopleRows, looks: int) -> Errors:
    policy = replace(load_policy("statistical"), rules=(Rule("demographic_parity_difference", 0.01),))
    right = World().frame(50_000, 0).eval("paid == prediction").mean()
    seeds = count(1)
    alarmed = missed = failed = 0
    for number in range(looks):
        if number % 10 == 0:
            reference = reference_of(visits(REFERENCE, next(seeds)), people)
        observation, outcomes = look(visits(PEOPLE, next(seeds)), reference)
        found = assess_signals(reference, observation, outcomes, alpha=None, drift=0.0, drop=-1.0)
        alarmed += min(each.adjusted for each in found if each.adjusted is not None) <= LEVEL
        accuracy = next(each for each in found if each.name == "accuracy")
        missed += not accuracy.low <= right <= accuracy.high
        detector = BiasDetector.from_counts(observation.decisions, favorable_label="1")
        failed += judge_fairness(detector, [policy], looks=1, evidence="decisions")[0][0].verdict == "FAIL"
    return Errors(alarmed, missed, failed)


def test_a_stream_without_change_errs_no_more_often_than_stated() -> None:
    found = errors("one", LOOKS)
    # More than this has a probability of under 1 in 1,000 at the stated rate.
    assert max(found.alarmed, found.missed, found.failed) <= binom.ppf(0.999, LOOKS, LEVEL), found


def test_rows_that_are_taken_as_independent_err_in_most_looks() -> None:
    """What the test above could not see, were it blind."""
    found = errors("all", looks := 12)
    assert found.alarmed > 0.8 * looks, found
    assert min(found.missed, found.failed) > binom.ppf(0.99, looks, LEVEL), found


def test_who_is_missing_stands_for_himself_and_the_order_of_rows_does_not_matter() -> None:
    frame = visits(200, 1)
    frame.loc[frame["person"] < frame["person"].quantile(0.1), "person"] = np.nan
    reference = reference_of(visits(REFERENCE, 2), "one")
    found, _ = look(frame, reference)
    nobody = int(frame["person"].isna().sum())
    assert found.n == frame["person"].nunique() + nobody
    assert f"person names {found.n:,} people in 1,000 rows: one row of each counts" in found.notes
    turned, _ = look(frame.iloc[::-1].reset_index(drop=True), reference)
    assert turned.features == found.features
    assert np.array_equal(turned.decisions.counts, found.decisions.counts)


def test_a_row_that_is_sent_twice_and_a_person_who_comes_twice() -> None:
    """Each key counts once, and of what is left each person; what waits for outcomes is every key."""
    frame = visits(200, 1)
    kept: list[pd.DataFrame] = []
    reference = reference_of(visits(REFERENCE, 2), "one")
    layout = replace(LAYOUT, person="person")
    found = observe(as_batch(pd.concat([frame, frame[:300]])), reference, layout, keep=kept.append)
    assert found.n == found.features["x0"].n == int(found.decisions.counts.sum()) == 200
    assert pd.concat(kept)["key"].nunique() == sum(map(len, kept)) == len(frame)


def test_rows_that_do_not_say_whose_they_are_are_refused() -> None:
    reference = reference_of(visits(REFERENCE, 2), "one")
    with pytest.raises(DataError, match=r"no column 'person' \(data.group\).*split.people: all"):
        look(visits(200, 1).drop(columns="person"), reference)


def test_the_reference_counts_people_and_says_so() -> None:
    frame = visits(REFERENCE, 2)
    for people, n in (("one", REFERENCE), ("all", len(frame))):
        reference = reference_of(frame, people)
        assert reference.features["x0"].n == reference.groups["sex"].n == reference.rows == n
        assert Reference.from_dict(reference.to_dict()) == reference
