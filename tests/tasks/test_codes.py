"""Codes stay codes in every step that reads a CSV file of a model, whatever the file at hand looks like."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig, MonitorConfig, SourceConfig
from evenhand.data.contract import contract_of
from evenhand.exceptions import ContractError
from evenhand.monitoring.plain import hash_keys
from tasks.observe import kinds_of
from tasks.outcomes import _outcomes
from tasks.rows import load_rows


def write(folder: Path, ids: list[str], name: str = "a.csv") -> DataConfig:
    n = len(ids)
    frame = pd.DataFrame({"id": ids, "dist": np.where(np.arange(n) % 3, "007", "7"), "x": np.arange(n), "paid": 0})
    frame.assign(paid=np.arange(n) % 2).to_csv(folder / name, index=False)
    source = SourceConfig(path=str(folder / name))
    return DataConfig(source=source, target="paid", favorable_label=1, key="id", sensitive={"dist": {}})


@pytest.fixture
def first(tmp_path: Path) -> DataConfig:
    return write(tmp_path, [f"{n:04d}" for n in range(100)])


def test_groups_that_differ_by_a_leading_zero_are_two(first: DataConfig) -> None:
    assert load_rows(first).sensitive_features["dist"].value_counts().to_dict() == {"007": 66, "7": 34}


def test_once_text_a_key_need_not_look_like_it(first: DataConfig, tmp_path: Path) -> None:
    contract = contract_of(load_rows(first)).to_dict()
    key = load_rows(write(tmp_path, [str(n) for n in range(5000, 5100)], "b.csv"), contract).key
    assert key is not None
    assert key.tolist()[0].startswith("50")


def test_an_old_contract_reads_its_file_as_it_was_and_a_column_of_words_says_so(first: DataConfig, tmp_path) -> None:
    numbers = first.model_copy(update={"source": first.source.model_copy(update={"numbers": ["id", "dist"]})})
    contract = contract_of(load_rows(numbers)).to_dict()
    del contract["codes"]
    assert sorted(load_rows(first, contract).key) == list(range(100))  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="id: holds text and the contract says integer"):
        load_rows(write(tmp_path, [*(f"{n:04d}" for n in range(99)), "X1"], "b.csv"), contract)


@pytest.mark.parametrize("is_old", [False, True])
def test_outcomes_find_their_rows(first: DataConfig, tmp_path: Path, *, is_old: bool) -> None:
    how = {"numbers": ["id", "dist"]} if is_old else {}
    rows = load_rows(first.model_copy(update={"source": first.source.model_copy(update=how)}))
    contract = contract_of(rows).to_dict()
    if is_old:
        del contract["codes"]
    (tmp_path / "labels.csv").write_text("id,late\n0007,1\n0010,0\n", encoding="utf-8")
    known = kinds_of({"contract": contract}, first)
    monitor = MonitorConfig(labels="late")
    found, _ = _outcomes(SourceConfig(path=str(tmp_path / "labels.csv")), first, monitor, ("0", "1"), known)
    assert found["key"].isin(hash_keys(rows.key)).all()  # type: ignore[arg-type]


def test_a_column_that_is_asked_to_be_text(tmp_path: Path) -> None:
    data = write(tmp_path, [str(n) for n in range(100)])
    asked = data.model_copy(update={"source": data.source.model_copy(update={"text": ["x"]})})
    assert load_rows(asked).X["x"].dtype == "str"
    assert load_rows(data).X["x"].dtype == "int64"
