"""Integers of more than 64 bits stay what they are: as floats, different ones would be the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.data.build import build_dataset
from evenhand.data.contract import infer_contract
from evenhand.data.frames import plain_frame
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError


def accounts(first: int, step: int = 1, n: int = 300) -> pd.DataFrame:
    return pd.DataFrame({"id": [first + step * i for i in range(n)], "x": np.arange(n) % 7, "y": np.arange(n) % 2})


@pytest.mark.parametrize("first", [10**20, 2**63, 10**400], ids=["21 digits", "64 bits", "401 digits"])
@pytest.mark.parametrize("step", [1, 4000])
def test_every_one_of_them_is_told_apart(tmp_path: Path, first: int, step: int) -> None:
    accounts(first, step).to_csv(tmp_path / "accounts.csv", index=False)
    frame = plain_frame(read_source(path=str(tmp_path / "accounts.csv")))
    assert frame["id"].nunique() == 300
    data = build_dataset(frame, target="y", favorable_label=1, key="id")
    assert data.key is not None
    assert data.key.nunique() == 300


def test_two_sets_that_differ_in_their_last_digit_have_two_digests() -> None:
    one, other = accounts(10**20), accounts(10**20 + 1)
    digests = {build_dataset(frame, target="y", favorable_label=1).digest for frame in (one, other)}
    assert len(digests) == 2


def test_of_an_unsigned_column_too() -> None:
    ids = pd.Series([2**63 + 1, 2**63 + 2, 5], dtype="uint64")
    assert plain_frame(pd.DataFrame({"id": ids}))["id"].tolist() == [str(value) for value in ids]


@pytest.mark.parametrize("digits", [20, 320])
@pytest.mark.parametrize("others", [[1, 2, 3], [1, None, 3], [1.5, 2.5, 3.5]])
def test_one_among_ordinary_numbers_is_refused_with_its_column_and_count(digits: int, others: list[float]) -> None:
    column = pd.Series([*others, int("9" * digits)], dtype=object)
    with pytest.raises(DataError, match=r"column 'c': 1 of \d values are integers of more than 64 bits: correct them"):
        plain_frame(pd.DataFrame({"c": column}))


def test_a_key_that_does_not_tell_rows_apart_is_refused_at_first_sight() -> None:
    frame = accounts(0)
    frame["id"] //= 2
    with pytest.raises(DataError, match="key 'id': 300 of 300 rows share their key"):
        infer_contract(frame, target="y", key="id")
