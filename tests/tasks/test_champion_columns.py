"""What the champion takes and the challenger leaves out is read again from the source, row by row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig
from evenhand.data.contract import contract_of
from evenhand.exceptions import DataError
from tasks.decide.columns import with_features
from tasks.rows import load_rows


def rows(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    made = {
        "a": rng.integers(0, 5, n),
        "code": [f"{v:03d}" for v in rng.integers(0, 9, n)],
        "sex": ["f", "m"] * (n // 2),
    }
    return pd.DataFrame({"id": range(n), **made, "secret": [f"s{k}" for k in range(n)], "y": rng.integers(0, 2, n)})


def section(path: Path, **changes: object) -> DataConfig:
    asked = {"target": "y", "favorable_label": 1, "sensitive": {"sex": {}}, "key": "id", "exclude": ["secret"]}
    return DataConfig(**{"source": {"path": str(path)}, **asked, **changes})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows().to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def test_a_feature_that_was_given_up_comes_from_the_source_row_by_row(file: Path) -> None:
    before, now = section(file), section(file, exclude=["secret", "code"])
    contract = contract_of(load_rows(before)).to_dict()
    test = load_rows(now).take(np.array([7, 3, 41, 20]))
    assert "code" not in test.X
    found = with_features(test, ["a", "code"], now, contract)
    want = rows().set_index("id")
    assert found.key is not None
    assert found.X["code"].tolist() == want.loc[found.key.tolist(), "code"].tolist()
    assert found.X["a"].tolist() == test.X["a"].tolist()
    assert set(found.X) == {"a", "code"}, "no other column of the file is kept"
    assert with_features(test, ["a"], now, contract) is test


def test_a_code_stays_text_as_the_champion_knew_it(file: Path) -> None:
    contract = contract_of(load_rows(section(file))).to_dict()
    now = section(file, exclude=["secret", "code"])
    assert with_features(load_rows(now), ["code"], now, contract).X["code"].str.len().eq(3).all()


def test_without_a_key_rows_are_known_by_content_where_that_leaves_no_doubt(tmp_path: Path) -> None:
    frame = rows().assign(b=np.arange(60) / 7).drop(columns="id")
    frame.to_csv(tmp_path / "b.csv", index=False)
    now = section(tmp_path / "b.csv", key=None, exclude=["secret", "code"])
    test = load_rows(now)
    found = with_features(test, ["code"], now, None).X
    want = frame.set_index("b")["code"]
    assert [int(code) for code in found["code"]] == [int(want[b]) for b in found["b"]]
    frame.loc[1] = frame.loc[0]
    frame.loc[1, "code"] = "999"
    frame.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"2 of 60 rows are alike but for .*code.*data\.key"):
        with_features(load_rows(now), ["code"], now, None)


def test_what_the_source_lost_is_said(file: Path) -> None:
    now = section(file, exclude=["secret", "code"])
    test = load_rows(now)
    rows().iloc[:50].to_csv(file, index=False)
    with pytest.raises(DataError, match="10 of 60 rows are not in the source any more"):
        with_features(test, ["code"], now, None)
    rows().drop(columns="code").to_csv(file, index=False)
    with pytest.raises(DataError, match="code"):
        with_features(test, ["code"], section(file, exclude=["secret"]), None)
