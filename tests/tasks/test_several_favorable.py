"""Of three labels two are good for the person: every step goes on, and the audit and the card are about both."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from evenhand.config import Config
from evenhand.config.load import parse_config
from evenhand.monitoring import Reference
from evenhand.store import Ref
from tasks.audit import audit_groups
from tasks.card import write_card
from tasks.evaluate import evaluate_model
from tasks.explain import explain_model
from tasks.fit import fit_model
from tasks.ingest import ingest_data
from tasks.reference import keep_reference
from tasks.split import split_rows
from tasks.step import read_json, store
from tasks.stress import stress_model
from tasks.tracking import open_run
from tasks.tune import tune_model
from tasks.weight import weigh_rows


def config_of(path: Path) -> Config:
    rng = np.random.default_rng(0)
    sex, a = rng.choice(["f", "m"], 900), rng.normal(size=900)
    grade = np.array(["bad", "fair", "good"])[np.digitize(a + rng.normal(size=900), [-0.5, 0.8])]
    pd.DataFrame({"a": a, "b": rng.normal(size=900), "sex": sex, "grade": grade}).to_csv(path, index=False)
    return parse_config(
        {
            "model": "grades",
            "data": {
                "source": {"path": str(path)},
                "target": "grade",
                "favorable_label": ["good", "fair"],
                "sensitive": {"sex": {}},
            },
            "search": {
                "candidates": ["logistic"],
                "trials": 1,
                "folds": 2,
                "workers": 1,
                "fairness": {"metric": "selection_rate_difference", "limit": 0.5},
            },
            "explain": {"rows": 30, "background_rows": 20, "repeats": 2, "features": 1},
            "evaluate": {"replicates": 100},
            "audit": {"replicates": 100, "policies": ["us-four-fifths"]},
        }
    )


def test_a_retrain_audits_them_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    before = mlflow.get_tracking_uri()
    (tmp_path / "home").mkdir()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}")
    try:
        _retrain(config_of(tmp_path / "grades.csv"))
    finally:
        mlflow.set_tracking_uri(before)


def _retrain(config: Config) -> None:
    seed = config.seed
    run = open_run(experiment="grades", name="first", model="grades", tags={})
    rows = ingest_data.fn(config.data, None)
    parts = split_rows.fn(rows, config.split, None, seed)
    develop, holdout = parts["develop"], parts["holdout"]
    weights = weigh_rows.fn(develop, config.weight)
    found = tune_model.fn(develop, weights, config.search, config.weight, grouped=False, seed=seed, run=run)
    fitted = fit_model.fn(develop, weights, found, config.evaluate, config.weight, seed=seed, run=run)
    evidence = evaluate_model.fn(fitted, holdout, config.evaluate, seed=seed, run=run)
    groups = audit_groups.fn(evidence, holdout, config, run=run)
    reasons = explain_model.fn(fitted, develop, holdout, config.explain, seed=seed, run=run)
    given = {"fitted": fitted, "develop": develop, "holdout": holdout, "evidence": evidence}
    robust = stress_model.fn(given, config.robustness, min_cell=10, confidence=0.95, seed=seed, run=run)
    audit = read_json(store().folder(groups) / "audit.json")
    assert audit["favorable_label"] == ["fair", "good"]
    rate = audit["attributes"]["sex"]["disparities"]["demographic_parity_ratio"]
    assert rate["verdict"] in {"PASS", "FAIL", "INCONCLUSIVE"}
    _are_one_outcome(found, reasons, robust)
    watched = keep_reference.fn(rows, fitted, develop, holdout, evidence, config.monitor, seed=seed, run=run)
    reference = Reference.from_dict(read_json(store().folder(watched) / "reference.json"))
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    together = predictions["probability_1"] + predictions["probability_2"]
    assert reference.score is not None
    assert reference.score.count(together).counts == reference.score.counts
    told = {"rows": rows, "develop": develop, "found": found, "fitted": fitted, "evidence": evidence}
    told |= {"groups": groups, "reasons": reasons, "robust": robust, "contract": parts["contract"]}
    card = write_card.fn(told, config.model_dump(mode="json"), run=run)
    page = next(store().folder(card).glob("*.md")).read_text(encoding="utf-8")
    assert "good, fair" in page or "fair, good" in page


def _are_one_outcome(found: Ref, reasons: Ref, robust: Ref) -> None:
    """The search's limit, the closest denials and the flips are about both together."""
    limit = read_json(store().folder(found) / "search.json")["fairness"]
    assert (limit["metric"], limit["met"]) == ("selection_rate_difference", True)
    cases = read_json(store().folder(reasons) / "explanation.json")["cases"]
    denials = [case for case in cases if case["kind"] == "closest denial"]
    assert len(denials) == 2
    assert {(case["predicted"], case["label"]) for case in denials} == {("bad", "fair, good")}
    flips = read_json(store().folder(robust) / "robustness.json")
    assert flips["flip_possible_share"]["value"] is not None
    assert flips["flip_possible_share"]["reason"] == ""
