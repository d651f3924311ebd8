"""Rows of one person: one of them is evidence, and who is on both sides is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from evenhand.data.dataset import Dataset
from evenhand.data.inspect import inspect_frame
from evenhand.data.people import evidence_rows, find_people, one_row_each
from evenhand.data.splits import split_dataset


def visits(people: list, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    n = len(people)
    return Dataset(
        pd.DataFrame({"a": rng.normal(size=n)}),
        pd.Series(rng.integers(0, 2, n), name="y"),
        pd.DataFrame({"sex": rng.choice(["f", "m"], n)}),
        group=pd.Series(people, name="person", dtype=object),
    )


@given(st.lists(st.sampled_from(["ann", "bob", "eve", 7, "7", None]), min_size=1, max_size=30), st.randoms())
def test_every_person_has_one_row_wherever_it_stands(people: list, draw) -> None:
    rows = visits(people)
    kept = rows.take(one_row_each(rows))
    known = [str(each) for each in kept.group if each is not None]
    assert sorted(known) == sorted({str(each) for each in people if each is not None})
    assert int(kept.group.isna().sum()) == people.count(None)
    order = list(range(len(people)))
    draw.shuffle(order)
    moved = rows.take(order)
    assert sorted(moved.take(one_row_each(moved)).X["a"]) == sorted(kept.X["a"])


def test_without_people_every_row_is_evidence() -> None:
    rows = visits(["ann"] * 6)
    assert one_row_each(Dataset(rows.X, rows.y, rows.sensitive_features)).all()


@pytest.mark.parametrize(("people", "told"), [("one", "one row of each"), ("all", "too narrow")])
def test_the_evidence_is_one_row_a_person_or_says_that_it_is_not(people: str, told: str) -> None:
    rows = visits(list(np.repeat(np.arange(200), 8)))
    split = split_dataset(rows, method="group")
    found = {finding.kind: finding for finding in find_people(rows, split, people)}
    assert set(found) == {"repeated_people"}
    assert told in found["repeated_people"].message
    tested = split.counts()["test"]
    assert len(evidence_rows(rows, split, people)) == (tested // 8 if people == "one" else tested)


def test_people_on_both_sides_are_counted() -> None:
    rows = visits(list(np.repeat(np.arange(200), 8)))
    found = {finding.kind: finding.value for finding in find_people(rows, split_dataset(rows), "one")}
    assert found["shared_people"] > 150
    alone = visits(list(range(300)))
    assert list(find_people(alone, split_dataset(alone), "one")) == []


def test_intervals_hold_their_level_on_one_row_a_person_and_not_on_all() -> None:
    """Persons who are all alike in themselves: 40 of them in 8 rows each, a true rate of one half, 400 times."""
    rng = np.random.default_rng(3)
    misses = {"one": 0, "all": 0}
    for seed in range(400):
        answers = np.repeat(rng.integers(0, 2, 40), 8)
        rows = visits(list(np.repeat(np.arange(40), 8)), seed)
        rows = Dataset(rows.X, pd.Series(answers, name="y"), rows.sensitive_features, group=rows.group)
        for people, taken in (("one", rows.y[one_row_each(rows)]), ("all", rows.y)):
            misses[people] += binomtest(int(taken.sum()), len(taken)).pvalue < 0.05
    assert misses["one"] <= 30, "a level of .05 with 400 data sets: 20 expected, 30 in one of 70 runs"
    assert misses["all"] > 150


@pytest.mark.parametrize(
    ("name", "values", "is_found"),
    [
        ("patient", np.arange(300) % 95, True),
        ("customerNo", [f"K{k % 95}" for k in range(300)], True),
        ("USER_ID", np.where(np.arange(300) == 7, np.nan, np.arange(300) % 95), True),
        ("case_id", np.arange(300) % 95, True),
        ("branch_id", np.arange(300) % 25, False),  # an id of few values may be anything
        ("patient", np.arange(300), False),  # names a row
        ("member", np.arange(300) % 2, False),
        ("applicant_income", np.arange(300) % 95, False),
        ("paid", np.arange(300) % 95, False),
        ("client_score", np.arange(300) % 95 / 7, False),
    ],
)
def test_a_feature_that_may_name_people_is_told(name: str, values: object, *, is_found: bool) -> None:
    rows = visits([None] * 300)
    X = pd.DataFrame({"a": rows.X["a"], name: values})
    whole = Dataset(X, rows.y, rows.sensitive_features)
    found = list(find_people(whole, split_dataset(whole), "one"))
    assert [finding.column for finding in found] == [name] * is_found
    assert inspect_frame(X.assign(y=rows.y), target="y").people == (name,) * is_found
