"""From rows to a registered model with its evidence: the steps, in order."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from evenhand.card import missing_statements
from evenhand.config import (
    AuditConfig,
    CardConfig,
    Config,
    DataConfig,
    EvaluateConfig,
    ExplainConfig,
    GateConfig,
    MitigateConfig,
    MonitorConfig,
    RecordConfig,
    RobustnessConfig,
    ScoreConfig,
    SearchConfig,
    SplitConfig,
    WeightConfig,
    check_rows,
)
from flows.again import finished_already
from flows.lock import one_at_a_time
from flows.outcome import Event, Outcome
from flows.session import tracked_run, watched
from tasks.audit import audit_groups
from tasks.card import write_card
from tasks.conclude import conclude_run
from tasks.decide import decide_model
from tasks.enact import enact_decision
from tasks.evaluate import evaluate_model
from tasks.explain import explain_model
from tasks.fit import fit_model
from tasks.ingest import ingest_data
from tasks.mitigate import mitigate_model
from tasks.reference import keep_reference
from tasks.register import register_model
from tasks.registry import latest_contract
from tasks.split import split_rows
from tasks.step import read_json, store
from tasks.stress import stress_model
from tasks.tracking import deliver_all
from tasks.tune import tune_model
from tasks.weight import weigh_rows

__all__ = ["retrain", "retrain_model", "run_retrain"]


def _run_name() -> str:
    """The model and the minute: what tells one run from another in a list."""
    return f"{flow_run.parameters['model']} {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@flow(name="retrain", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def retrain(
    model: str,
    data: DataConfig,
    seed: int = 0,
    split: SplitConfig = SplitConfig(),
    weight: WeightConfig = WeightConfig(),
    search: SearchConfig = SearchConfig(),
    mitigate: MitigateConfig = MitigateConfig(),
    evaluate: EvaluateConfig = EvaluateConfig(),
    explain: ExplainConfig = ExplainConfig(),
    audit: AuditConfig = AuditConfig(),
    robustness: RobustnessConfig = RobustnessConfig(),
    gate: GateConfig = GateConfig(),
    score: ScoreConfig = ScoreConfig(),
    monitor: MonitorConfig = MonitorConfig(),
    card: CardConfig = CardConfig(),
    record: RecordConfig = RecordConfig(),
) -> dict[str, Any]:
    """Retrain a model: tuned, explained, audited by group, documented and registered.

    Args:
        model: The name under which the model is registered.
        data: Where the rows come from and what their columns mean.
        seed: The seed that every random draw derives from.
        split: How the rows are divided.
        weight: How much each training row counts.
        search: How the model is chosen.
        mitigate: Whether and how alternatives with smaller disparities are searched.
        evaluate: How it is calibrated, given a threshold, and assessed.
        explain: How it is explained.
        audit: How its decisions are compared between groups.
        robustness: How it is tried on rows that come otherwise than expected.
        gate: When the model may go live by itself, and when a person must answer.
        score: How new rows are scored by the version, once it is registered.
        monitor: How it is watched once it is live.
        card: What only a person can say.
        record: Where the run and the model are recorded.
    """
    config = Config(
        model=model,
        seed=seed,
        data=data,
        split=split,
        weight=weight,
        search=search,
        mitigate=mitigate,
        evaluate=evaluate,
        explain=explain,
        audit=audit,
        robustness=robustness,
        gate=gate,
        score=score,
        monitor=monitor,
        card=card,
        record=record,
    )
    return retrain_model(config)


def retrain_model(config: Config) -> dict[str, Any]:
    """The steps of a retrain, in order, within whichever flow runs.

    Parameters
    ----------
    config
        What to do. While another retrain of the model is under way, it waits.
    """
    with one_at_a_time(config.model):
        deliver_all()  # what earlier runs could not: their versions come before this run's
        return finished_already() or _steps(config)


def _steps(config: Config) -> dict[str, Any]:
    data, split, weight, seed = config.data, config.split, config.weight, config.seed
    promised = latest_contract(config.model) if data.contract == "enforce" else None
    rows = ingest_data(data, promised)
    about = read_json(store().folder(rows) / "about.json")
    check_rows(config, about["features"], len(about["classes"]))
    with tracked_run(config, rows) as run:
        parts = split_rows(rows, split, promised, seed)
        develop, holdout = parts["develop"], parts["holdout"]
        weights = weigh_rows(develop, weight)
        found = tune_model(
            develop,
            weights,
            config.search,
            weight,
            grouped=split.method == "group",
            seed=seed,
            run=run,
            country=config.evaluate.country,
        )
        fitted = fit_model(develop, weights, found, config.evaluate, weight, seed=seed, run=run)
        if config.mitigate.method != "none":
            mine = {"develop": develop, "holdout": holdout, "weights": weights}
            asked = (config.mitigate, config.evaluate, weight)
            fitted = mitigate_model(mine, found, fitted, *asked, seed=seed, run=run)
        evidence = evaluate_model(fitted, holdout, config.evaluate, seed=seed, run=run)
        groups = audit_groups(evidence, holdout, config, run=run)
        reasons = explain_model(fitted, develop, holdout, config.explain, seed=seed, run=run)
        kept = (rows, fitted, develop, holdout, evidence, config.monitor)
        keep_reference(*kept, people=split.people, seed=seed, run=run)
        results = {
            "rows": rows,
            "develop": develop,
            "contract": parts["contract"],
            "found": found,
            "fitted": fitted,
            "evidence": evidence,
            "groups": groups,
            "reasons": reasons,
        }
        if config.robustness.enabled:
            tried = {"fitted": fitted, "develop": develop, "holdout": holdout, "evidence": evidence}
            least, level = config.explain.min_cell, config.evaluate.confidence
            results["robust"] = stress_model(
                tried, config.robustness, min_cell=least, confidence=level, seed=seed, run=run, groups=groups
            )
        whole = config.model_dump(mode="json")
        decision = decide_model(results, holdout, config, list(missing_statements(whole["card"])), run=run)
        page = write_card({**results, "decision": decision}, whole, run=run)
        version = register_model(rows, parts, fitted, page, config.record, config=whole, run=run)
        decided = enact_decision(results, decision, page, version, config, run=run)
        return conclude_run(
            {**results, "decision": decision}, page, version, decided, min_cell=config.explain.min_cell, run=run
        )


def run_retrain(config: Config, *, on_event: Callable[[Event], None] | None = None) -> Outcome:
    """Run the flow in this process.

    Parameters
    ----------
    config
        What to do.
    on_event
        Called with each event, in this thread.
    """
    began = time.perf_counter()
    with watched(on_event):
        found = retrain(**{name: getattr(config, name) for name in type(config).model_fields})
    # The run's end is recorded after its last step: only now is it known whether records wait.
    found = json.loads((Path(found["folder"]) / "outcome.json").read_text(encoding="utf-8"))
    return Outcome.from_dict({**found, "seconds": time.perf_counter() - began})
