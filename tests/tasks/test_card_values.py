"""A value that few people have is in the contract, which needs it, and on no card."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.contract import contract_of
from evenhand.data.dataset import Dataset
from tasks.card import shown_contract

ROWS = 400
WITHHELD = {"low": None, "high": None, "inner": True}


@pytest.fixture
def rows() -> Dataset:
    rng = np.random.default_rng(0)
    town = rng.choice(["Ulm", "Jena"], ROWS).astype(object)
    town[:3] = ["CANARY-77", "Rare", "Rare"]
    X = pd.DataFrame({"town": town, "age": rng.integers(18, 80, ROWS), "level": rng.choice([True, False], ROWS)})
    y = pd.Series(rng.integers(0, 2, ROWS))
    return Dataset(X, y, pd.DataFrame({"sex": rng.choice(["f", "m"], ROWS)}), 1)


def test_values_of_few_people_are_counted_and_not_named(rows: Dataset) -> None:
    contract = contract_of(rows).to_dict()
    assert "CANARY-77" in str(contract)
    columns = {each["name"]: each for each in shown_contract(contract, rows, 10)["columns"]}
    assert sorted(columns["town"]["values"]) == ["Jena", "Ulm"]
    assert columns["town"]["withheld"] == 2


def test_a_range_does_not_say_how_rich_the_richest_is(rows: Dataset) -> None:
    rows.X["income"] = np.r_[9_876_543.0, np.full(8, 50.0), np.linspace(10, 40, ROWS - 9)]
    rows.X.loc[9, "income"] = -777.0
    contract = contract_of(rows).to_dict()
    columns = {each["name"]: each for each in shown_contract(contract, rows, 10)["columns"]}
    income = np.sort(rows.X["income"])
    assert (columns["income"]["low"], columns["income"]["high"]) == (income[9], income[-10])
    assert columns["income"]["inner"]
    ends = rows.X["age"].value_counts()
    few = ends[18] < 10 or ends[79] < 10
    assert columns["age"].get("inner", False) == few
    assert shown_contract(contract, rows, 201)["columns"][1] == {**contract["columns"][1], **WITHHELD}


def test_ends_that_many_have_are_shown(rows: Dataset) -> None:
    rows.X["age"] = np.r_[np.full(200, 18), np.full(200, 79)]
    contract = contract_of(rows).to_dict()
    shown = {each["name"]: each for each in shown_contract(contract, rows, 10)["columns"]}
    assert shown["age"] == next(each for each in contract["columns"] if each["name"] == "age")
