"""A value that few people have is in the contract, which needs it, and on no card."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.contract import contract_of
from evenhand.data.dataset import Dataset
from tasks.card import shown_contract

ROWS = 400


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
    assert columns["age"] == next(each for each in contract["columns"] if each["name"] == "age")
