"""Rows that no data set can be built of: the error has the reason and every violation of the contract beside it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evenhand.data.build import build_dataset
from evenhand.data.contract import Contract, contract_of
from evenhand.data.sensitive import Sensitive
from evenhand.data.unbuilt import refuse_with_contract
from evenhand.exceptions import ContractError, DataError

ROLES: dict[str, Any] = {
    "target": "ok",
    "sensitive": {"sex": Sensitive(column="male", labels={1: "male", 0: "female"})},
    "key": "id",
    "time": "day",
    "exclude": ["note"],
}


def people(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "day": pd.date_range("2026-01-01", periods=n),
            "age": rng.integers(20, 60, n),
            "born": pd.date_range("1970-01-01", periods=n),
            "male": rng.integers(0, 2, n),
            "ok": rng.choice(["yes", "no"], n),
            "note": "x",
        }
    )


@pytest.fixture(scope="module")
def contract() -> Contract:
    return contract_of(build_dataset(people(), favorable_label="yes", **ROLES))


def refused(contract: Contract, frame: pd.DataFrame) -> DataError:
    with pytest.raises(DataError) as caught:
        build_dataset(frame, favorable_label="yes", **ROLES)
    with pytest.raises((DataError, ContractError)) as both:
        refuse_with_contract(caught.value, contract, frame, **ROLES)
    assert str(caught.value) in str(both.value)
    return both.value


def test_a_single_class_hides_no_other_violation(contract: Contract) -> None:
    bad = people().assign(ok="yes", more=1, age=lambda f: f["age"].where(f.index > 2)).drop(columns="born")
    error = refused(contract, bad)
    assert isinstance(error, ContractError)
    assert {problem.where for problem in error.problems} == {"ok", "more", "age", "born"}
    assert "one class in all 200 rows" in str(error)


CASES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], set[str]]] = {
    "no target": (lambda f: f.drop(columns="ok").assign(more=1), {"ok", "more"}),
    "gaps in the target": (lambda f: f.assign(ok=f["ok"].where(f.index > 2), more=1), {"ok", "more"}),
    "no sensitive column": (lambda f: f.drop(columns="male").assign(age="old"), {"sex", "age"}),
    "another kind of sensitive column": (lambda f: f.assign(male="x", more=1), {"sex", "more"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_read_hides_no_violation(contract: Contract, case: str) -> None:
    spoil, expected = CASES[case]
    error = refused(contract, spoil(people()))
    assert isinstance(error, ContractError)
    assert {problem.where for problem in error.problems} >= expected - {"sex"}
    assert {problem.where for problem in error.problems} <= expected


def test_without_a_violation_the_reason_stands_alone(contract: Contract) -> None:
    frame = people().assign(age=lambda f: f["age"].astype(float).where(f.index > 0, np.inf))
    with pytest.raises(DataError, match="reason") as caught:
        refuse_with_contract(DataError("the reason"), contract, people(), **ROLES)
    assert not isinstance(caught.value, ContractError)
    assert isinstance(refused(contract, frame), ContractError)


def test_all_columns_are_listed_a_single_time(contract: Contract) -> None:
    error = refused(contract, people().rename(columns=lambda name: f"x_{name[::-1]}_{len(name)}" * 3))
    assert str(error).count("choose one of") == 1
