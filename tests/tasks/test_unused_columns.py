"""Columns that the configuration leaves out may hold anything; the others may not."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig
from evenhand.data.build import build_dataset
from evenhand.data.contract import contract_of
from evenhand.data.sensitive import Sensitive
from evenhand.exceptions import ContractError, DataError
from tasks.rows import load_rows

ROWS = 400


@pytest.fixture
def source(tmp_path):
    """Applications with a list, bytes and a map beside what a model may know."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, ROWS),
            "sex": rng.choice(["f", "m"], ROWS),
            "tags": [["a", "b"]] * ROWS,
            "photo": [b"\x00\x01"] * ROWS,
            "calls": [{"monday": 2}] * ROWS,
            "approve": rng.integers(0, 2, ROWS),
        }
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def section(path, **more):
    about = {"source": {"path": str(path)}, "target": "approve", "favorable_label": 1, "sensitive": {"sex": {}}}
    return DataConfig.model_validate({**about, **more})


@pytest.mark.parametrize("sampled", [{}, {"sample_rows": 100}])
@pytest.mark.parametrize("chosen", [{"exclude": ["tags", "photo", "calls"]}, {"features": ["age"]}])
def test_a_column_that_is_left_out_may_be_of_any_type(source, chosen, sampled):
    rows = load_rows(section(source, **chosen, **sampled))
    assert list(rows.X.columns) == ["age"]
    assert len(rows) == sampled.get("sample_rows", ROWS)


def test_so_may_one_of_a_query_and_of_a_frame(tmp_path):
    """The remedy of the error is data.exclude, whatever the rows come from."""
    with closing(sqlite3.connect(tmp_path / "rows.db")) as database, database:
        database.execute("CREATE TABLE people (age INTEGER, sex TEXT, photo BLOB, approve INTEGER)")
        rows = [(20 + at % 50, "fm"[at % 2], b"\x00", at % 3 % 2) for at in range(ROWS)]
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    asked = {"sql": "SELECT * FROM people", "url": f"sqlite:///{tmp_path}/rows.db"}
    assert list(load_rows(section("", source=asked, exclude=["photo"])).X.columns) == ["age"]
    with pytest.raises(DataError, match=r"name the column in data\.exclude"):
        load_rows(section("", source=asked))
    frame = pd.DataFrame(rows, columns=["age", "sex", "photo", "approve"])
    built = build_dataset(
        frame, target="approve", favorable_label=1, sensitive={"sex": Sensitive.described("sex")}, exclude=["photo"]
    )
    assert list(built.X.columns) == ["age"]


def test_the_others_are_named_with_the_remedy(source):
    with pytest.raises(DataError, match=r"'calls'.*name the column in data\.exclude") as told:
        load_rows(section(source, exclude=["tags"]))
    assert "'tags'" not in str(told.value)


def test_a_promised_column_that_the_configuration_gives_up_is_not_called_missing(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"age": rng.integers(18, 80, 60), "debt": rng.normal(size=60), "sex": ["f", "m"] * 30}
    file = tmp_path / "rows.csv"
    pd.DataFrame({**columns, "approve": [0, 1, 1] * 20}).to_csv(file, index=False)
    contract = contract_of(load_rows(section(file))).to_dict()
    with pytest.raises(ContractError, match="debt: the column is in the data, and the configuration takes"):
        load_rows(section(file, exclude=["debt"]), contract)
    pd.read_csv(file).drop(columns="debt").to_csv(file, index=False)
    with pytest.raises(ContractError, match="debt: the column is missing"):
        load_rows(section(file), contract)
