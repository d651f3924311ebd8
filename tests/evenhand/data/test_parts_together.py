"""What is counted or digested in parts is what the rows in one piece give."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.contract import infer_contract
from evenhand.data.contract_parts import ContractTally
from evenhand.data.digest import ContentTally, content_digest
from evenhand.data.frames import plain_frame
from evenhand.exceptions import ContractError

COLUMNS = st.fixed_dictionaries(
    {
        "whole": st.lists(st.one_of(st.integers(-1000, 1000), st.none()), min_size=6, max_size=6),
        "number": st.lists(st.one_of(st.floats(-5, 5), st.none()), min_size=6, max_size=6),
        "flag": st.lists(st.one_of(st.booleans(), st.none()), min_size=6, max_size=6),
        "text": st.lists(st.one_of(st.sampled_from(["a", "b", ""]), st.none()), min_size=6, max_size=6),
    }
)


@settings(max_examples=60, deadline=None)
@given(columns=COLUMNS, cut=st.integers(1, 5))
def test_the_digest_of_parts_is_that_of_the_whole(columns: dict, cut: int) -> None:
    def plain(start: int, stop: int) -> pd.DataFrame:
        """A reader knows the type of a part from its own values only."""
        return plain_frame(pd.DataFrame({name: pd.Series(v[start:stop]) for name, v in columns.items()}))

    whole, tally = plain(0, 6), ContentTally()
    tally.add(plain(0, cut))
    tally.add(plain(cut, 6))
    assert tally.hexdigest() == content_digest(whole)


def first(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(20, 60, n),
            "city": rng.choice(["Paris", "Lyon"], n),
            "ratio": rng.normal(size=n),
            "paid": rng.choice(["yes", "no"], n),
        }
    )


def changed() -> pd.DataFrame:
    frame = first()
    frame.loc[[3, 150], "age"] = 10**6
    frame.loc[90:110, "city"] = "Rome"
    frame.loc[5, "city"] = "Somebody, Main Street 1"
    return frame.assign(ratio=frame["ratio"].mask(frame.index % 50 == 0))


@pytest.mark.parametrize("cuts", [[], [100], [1, 95, 199]])
def test_violations_in_parts_read_as_those_of_the_whole(cuts: list[int]) -> None:
    contract, frame = infer_contract(first(), target="paid"), changed()
    tally = ContractTally(contract.columns)
    for part in np.split(np.arange(len(frame)), cuts):
        tally.add(frame.iloc[part].reset_index(drop=True))
    assert {(each.where, each.message) for each in tally.problems()} == {
        (each.where, each.message) for each in contract.problems(frame)
    }
    assert "Main Street" not in str(tally.problems())


def test_missing_columns_stand_in_the_same_error() -> None:
    tally = ContractTally(infer_contract(first(), target="paid").columns[:2])
    tally.add(changed())
    with pytest.raises(ContractError) as error:
        tally.check(["ratio"], ["ratios", "age"])
    assert "3 violations" in str(error.value)
    assert "ratio: the column is missing (did you mean 'ratios'?)" in str(error.value)


def test_rows_that_keep_everything_pass() -> None:
    tally = ContractTally(infer_contract(first(), target="paid").columns)
    tally.add(first())
    tally.check()
