"""The step `ingest` draws a sample and says so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig
from evenhand.events import Event
from tasks.ingest import ingest_data
from tasks.rows import load_rows
from tasks.step import listening, store


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    n = 3_000
    frame = pd.DataFrame(
        {"age": rng.integers(18, 80, n), "sex": rng.choice(["f", "m"], n), "paid": rng.integers(0, 2, n)}
    )
    frame.loc[:29, "paid"] = np.nan
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    return DataConfig.model_validate(
        {
            "source": {"path": str(tmp_path / "rows.parquet")},
            "target": "paid",
            "favorable_label": 1,
            "sensitive": {"sex": {}},
            "sample_rows": 500,
            "drop_missing_target": True,
        }
    )


def ingest(data: DataConfig) -> tuple[dict, str]:
    events: list[Event] = []
    with listening(events.append):
        ref = ingest_data.fn(data, None)
    about = json.loads((store().folder(ref) / "about.json").read_text())
    return about, events[-1].message


def test_the_note_and_the_snapshot_say_of_how_many_rows(data: DataConfig) -> None:
    about, said = ingest(data)
    assert about["rows"] == 500
    assert about["sampled"] == {"rows": 500, "of": 2_970, "by": ["paid", "sex"], "strata": 4, "without_target": 30}
    assert said.startswith("500 rows of 2,970, a stratified sample, ")
    rows = load_rows(data)
    assert rows.digest == about["digest"]
    assert [finding.message for finding in rows.findings] == ["30 of 3000 rows have no target and were left out"]


def test_a_sample_of_all_rows_is_not_called_one(data: DataConfig) -> None:
    about, said = ingest(data.model_copy(update={"sample_rows": 10_000}))
    assert about["rows"] == about["sampled"]["of"] == 2_970
    assert said.startswith("2,970 rows, ")


def test_the_whole_says_nothing_of_a_sample(data: DataConfig) -> None:
    about, said = ingest(data.model_copy(update={"sample_rows": None}))
    assert about["sampled"] is None
    assert said.startswith("2,970 rows, ")
