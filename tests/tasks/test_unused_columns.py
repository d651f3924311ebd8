"""Columns that the configuration leaves out may hold anything; the others may not."""

import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig
from evenhand.exceptions import DataError
from tasks.ingest import load_rows

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


def section(source, **more):
    about = {"source": {"path": str(source)}, "target": "approve", "favorable_label": 1, "sensitive": {"sex": {}}}
    return DataConfig.model_validate({**about, **more})


@pytest.mark.parametrize("sampled", [{}, {"sample_rows": 100}])
@pytest.mark.parametrize("chosen", [{"exclude": ["tags", "photo", "calls"]}, {"features": ["age"]}])
def test_a_column_that_is_left_out_may_be_of_any_type(source, chosen, sampled):
    rows = load_rows(section(source, **chosen, **sampled))
    assert list(rows.X.columns) == ["age"]
    assert len(rows) == sampled.get("sample_rows", ROWS)


def test_the_others_are_named_with_the_remedy(source):
    with pytest.raises(DataError, match=r"'calls'.*name the column in data\.exclude") as told:
        load_rows(section(source, exclude=["tags"]))
    assert "'tags'" not in str(told.value)
