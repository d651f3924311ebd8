"""A registered version scores rows: by its own file, contract, signature and attributions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.config import ScoreConfig, SourceConfig
from evenhand.config.load import parse_config
from evenhand.data.contract import Contract
from evenhand.data.snapshot import read_dataset
from evenhand.decision.ledger import LedgerError
from evenhand.exceptions import ContractError, ModelError, StoreError
from evenhand.scoring import Inputs
from evenhand.store import Ref
from tasks.ledger import append, move_champion
from tasks.registry import Version, load_registered
from tasks.score import _explainer, score_rows
from tasks.step import read_json, store
from tasks.tracking import client
from tasks.tracking.reading import read_registered

from .conftest import Steps


@pytest.fixture(scope="session")
def rows(steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The features of the test part in a file, in the order of the snapshot, and nothing else."""
    path = tmp_path_factory.mktemp("new") / "rows.parquet"
    read_dataset(store().folder(steps.holdout) / "test.parquet").X.to_parquet(path)
    return path


def test_it_decides_as_the_evidence_says(steps: Steps, version: Version, rows: Path, evidence: Ref, tmp_path) -> None:
    out = tmp_path / "out.parquet"
    found = score_rows.fn("small", SourceConfig(path=str(rows)), str(out), version=version.version)
    scored = pd.read_parquet(out)
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    np.testing.assert_array_equal(scored["decision"], predictions["y_pred"])
    np.testing.assert_allclose(scored["probability"], predictions["probability_1"], rtol=0, atol=1e-12)
    assert set(scored["version"]) == {version.version}
    assert (found["rows"], found["version"]) == (len(predictions), version.version)


def test_its_reasons_are_those_of_the_step_explain(
    steps: Steps, version: Version, rows: Path, reasons: Ref, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    score_rows.fn("small", SourceConfig(path=str(rows)), str(out), version=version.version)
    scored = pd.read_parquet(out)
    local = pd.read_parquet(store().folder(reasons) / "restricted" / "local.parquet")
    wide = local.pivot_table(index="row", columns="feature", values="attribution")
    denied = [row for row in wide.index if scored["decision"].iloc[row] == 0]
    assert denied
    for row in denied:
        strongest = wide.loc[row].idxmin()
        if wide.loc[row, strongest] < 0:
            assert scored["reason_1"].iloc[row] == strongest


def test_the_live_version_is_the_one_that_scores(steps: Steps, version: Version, rows: Path, tmp_path: Path) -> None:
    """By the ledger and not by the alias, which anybody can move."""
    call = ("small", SourceConfig(path=str(rows)), str(tmp_path / "out.parquet"))
    with pytest.raises(ModelError, match="no version of small is live: name one of its versions \\(1\\)"):
        score_rows.fn(*call)
    client().set_registered_model_alias("small", "champion", version.version)
    with pytest.raises(LedgerError, match="moved by hand"):
        score_rows.fn(*call)
    client().delete_registered_model_alias("small", "champion")
    because = append("decision", "small", lambda _standing, _mine: {"decision": "promote"})
    move_champion("small", version.version, because, expected=None)
    assert score_rows.fn(*call)["version"] == version.version


def test_a_model_that_is_not_there_names_the_nearest(version: Version, rows: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out.parquet")
    with pytest.raises(ModelError, match="did you mean 'small'"):
        score_rows.fn("smal", SourceConfig(path=str(rows)), out)
    with pytest.raises(ModelError, match="small has no version '99': it has 1"):
        score_rows.fn("small", SourceConfig(path=str(rows)), out, version="99")


def test_the_sensitive_columns_are_not_needed(steps: Steps, version: Version, rows: Path) -> None:
    present = set(pd.read_parquet(rows).columns)
    assert not present & {"black", "hispan", "male", "approve"}
    assert set(read_registered("small", version.version).inputs) == present


def test_rows_that_break_the_stored_contract_are_refused(version: Version, rows: Path, tmp_path: Path) -> None:
    broken = pd.read_parquet(rows).drop(columns="cons").assign(hrat=10.0**9)
    broken.to_parquet(tmp_path / "broken.parquet")
    with pytest.raises(ContractError) as error:
        score_rows.fn(
            "small",
            SourceConfig(path=str(tmp_path / "broken.parquet")),
            str(tmp_path / "out.parquet"),
            version=version.version,
        )
    assert {each.where for each in error.value.problems} == {"cons", "hrat"}
    assert not (tmp_path / "out.parquet").exists()


def test_texts_stand_in_for_features(steps: Steps, version: Version, rows: Path, tmp_path: Path) -> None:
    names = list(pd.read_parquet(rows).columns)
    asked = ScoreConfig(reasons=dict.fromkeys(names, "Everything together"), explain="all")
    out = tmp_path / "out.parquet"
    score_rows.fn("small", SourceConfig(path=str(rows)), str(out), version=version.version, score=asked)
    scored = pd.read_parquet(out)
    assert set(scored["reason_1"].dropna()) == {"Everything together"}
    assert scored["reason_2"].isna().all()


def test_without_the_training_rows(steps: Steps, version: Version, rows: Path, tmp_path: Path, monkeypatch) -> None:
    """Trees know their average case; another model says what is missing, and scores without reasons."""
    chosen = read_json(store().folder(steps.found) / "search.json")["selected"]["candidate"]
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "elsewhere"))
    call = ("small", SourceConfig(path=str(rows)), str(tmp_path / "out.parquet"))
    if chosen == "boosting":
        assert score_rows.fn(*call, version=version.version)["rows"]
    else:
        with pytest.raises(StoreError, match="training rows"):
            score_rows.fn(*call, version=version.version)
    assert score_rows.fn(*call, version=version.version, most_reasons=0, replace=True)["rows"]


def test_the_favorable_label_is_found_however_the_configuration_writes_it(steps: Steps, version: Version) -> None:
    """Of the other label the reasons would be those for an approval, told as those against it."""
    known = read_registered("small", version.version)
    config = parse_config(known.config)
    config = config.model_copy(update={"data": config.data.model_copy(update={"favorable_label": "0"})})
    model = load_registered("small", version.version)
    inputs = Inputs.of(known.inputs, Contract.from_dict(known.contract), {})
    explainer = _explainer(model, known, config, inputs, None)  # type: ignore[arg-type]  # read without training rows
    assert explainer is not None
    some = read_dataset(store().folder(steps.holdout) / "test.parquet").X.head(2)
    assert explainer.attribute(some).unit == "log-odds of '0' before calibration"
