"""Turn the evidence into a decision: what every rule of the gate says, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.config import Config, GateConfig
from evenhand.data.dataset import Dataset
from evenhand.data.snapshot import read_dataset
from evenhand.decision import rules as gate_rules
from evenhand.decision.change import change_for_people
from evenhand.decision.comparison import Comparison, compare, unseen_rows
from evenhand.decision.decide import Decision, decide
from evenhand.decision.difference import difference
from evenhand.decision.difference_page import render_difference_html
from evenhand.decision.paired import Decisions
from evenhand.decision.plan import about_plan
from evenhand.decision.rules import RuleResult
from evenhand.exceptions import DataError, EvenhandError, ModelError, ServiceError, StoreError
from evenhand.fairness import BiasDetector
from evenhand.fairness.served import as_taken
from evenhand.modeling.persistence import load_model
from evenhand.provenance import code_version
from evenhand.store import Ref, digest_file
from tasks.ledger import checked_standing, head, take_look
from tasks.registry import find_version, load_registered, run_files
from tasks.step import load_part, markdown, note, once, plain_markdown, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, Tags, log

__all__ = ["decide_model"]

_FILES = (
    "provenance/config.json",
    "provenance/about.json",
    "provenance/provenance.json",
    "data/contract.json",
    "data/split.json",
    "search/search.json",
    "model/calibration.json",
    "model/threshold.json",
    "evaluation/evaluation.json",
    "audit/audit.json",
    "robustness/robustness.json",
    "explain/explanation.json",
)


@dataclass(frozen=True, eq=False)
class _Champion:
    """What the challenger is compared with; `problem` says why some of it is not there."""

    version: str | None
    model: Any = None
    files: Mapping[str, Any] | None = None
    problem: str = ""


@step("decide", "Turns the evidence into a decision: promote, hold for a person, or block, and says why.")
def decide_model(results: dict[str, Ref], holdout: Ref, config: Config, missing: list[str], *, run: RunRef) -> Ref:
    """What becomes of the model, by the rules of the configuration.

    Parameters
    ----------
    results
        Results of the earlier steps by name.
    holdout
        The test part.
    config
        The whole configuration.
    missing
        Statements on the card that only a person can make and nobody has made.
    run
        The run that asks; asked again, it is not counted twice.
    """
    champion = _champion(config.model)
    look, share = _look(results, config, run)
    parts = {
        **{name: ref.digest for name, ref in results.items()},
        "holdout": holdout.digest,
        "gate": config.model_dump(mode="json"),
        "champion": [champion.version, champion.problem],
        "look": [look, share],
        "missing": missing,
    }

    def fill(folder: Path) -> None:
        _write(folder, results, holdout, config, missing, champion, look, share)

    ref = once("decide", parts, fill)
    found = read_json(store().folder(ref) / "decision.json")
    _show(run, store().folder(ref), found)
    note(f"{found['outcome']}: {found['reasons'][0]}")
    return ref


def _champion(model: str) -> _Champion:
    """The live version; that MLflow does not answer is missing evidence, that the ledger does not is an error."""
    try:
        standing, moved = checked_standing(model)
    except ServiceError as error:
        head()  # the ledger itself has to answer: without it nothing is decided
        return _Champion(None, problem=str(error))
    if moved:
        return _Champion(standing.champion.version if standing.champion else None, problem=moved)
    if standing.champion is None:
        return _Champion(None)
    version = standing.champion.version
    try:
        entry = find_version(model, version)
        files = run_files(entry.tags.get("evenhand.run_id") or entry.run_id, _FILES)
        return _Champion(version, load_registered(model, version), files)
    except EvenhandError as error:
        return _Champion(version, problem=str(error))


def _look(results: dict[str, Ref], config: Config, run: RunRef) -> tuple[int, float]:
    """The number of this look at the test set, kept in the ledger before anything is seen, and its share of alpha."""
    whole = config.model_dump(mode="json")
    predictions = digest_file(store().folder(results["evidence"]) / "predictions.parquet")
    by = {"run": run.key}
    return take_look(config.model, whole, rows=whole["split"], seen=predictions, policies=config.audit.policies, by=by)


def _write(
    folder: Path,
    results: dict[str, Ref],
    holdout: Ref,
    config: Config,
    missing: list[str],
    champion: _Champion,
    look: int,
    share: float,
) -> None:
    at = {name: store().folder(ref) for name, ref in results.items()}
    test, gate = load_part(holdout, "test"), config.gate
    challenger = _challenger(at, test)
    judged = _judged(test, config, challenger, share)
    compared = _against(champion, challenger, test, config, alpha=gate.alpha * share)
    rules = [
        *gate_rules.about_floors(
            gate.floors,
            read_json(at["evidence"] / "evaluation.json")["metrics"],
            by_interval=gate.floors_by == "interval",
        ),
        *gate_rules.about_policies(judged, look=look, share=share),
        *_budgets(at, gate),
        *gate_rules.about_robustness(gate.robustness, _robustness(at)),
        *([gate_rules.about_card(missing)] if gate.complete_card else []),
        *_about_champion(champion, compared, at, config),
    ]
    decision = decide(
        rules,
        first=champion.version is None and not champion.problem,
        first_may_promote=gate.first == "rules_only",
        fail=gate.fail,
        inconclusive=gate.inconclusive,
    )
    write_json(folder / "decision.json", _told(decision, champion, look, share, config, judged))
    if isinstance(compared, Comparison):
        write_json(folder / "comparison.json", compared.to_dict())
        _write_difference(folder, champion, challenger, test, at, config)


def _challenger(at: Mapping[str, Path], test: Dataset) -> Decisions:
    predictions = pd.read_parquet(at["evidence"] / "predictions.parquet")
    classes = read_json(at["evidence"] / "evaluation.json")["classes"]
    if len(predictions) != len(test):
        raise StoreError("the predictions are not those of the test part: remove the store and run again")
    proba = predictions[[name for name in predictions.columns if name.startswith("probability_")]].to_numpy()
    return Decisions(predictions["y_pred"].to_numpy(), proba, _labels(classes, test))


def _labels(classes: list[Any], test: Dataset) -> list[Any]:
    """The labels as the rows have them: JSON knows no other spelling of a number, but of much else."""
    known = {str(label): label for label in test.classes}
    return [known.get(str(label), label) for label in classes]


def _judged(test: Dataset, config: Config, challenger: Decisions, share: float) -> list[dict[str, Any]]:
    """Every verdict of the declared policies at the share of alpha that this look may spend."""
    score = None
    if len(challenger.classes) == 2 and test.favorable_label is not None:
        score = challenger.proba[:, list(challenger.classes).index(test.favorable_label)]
    detector = BiasDetector.from_predictions(
        test.y,
        challenger.predicted,
        sensitive_features=test.sensitive_features,
        favorable_label=test.favorable_label,
        y_score=score,
    )
    found = detector.judge(depth=config.audit.depth, policies=config.audit.policies or None, share=share or 1.0)
    return [policy.to_dict() for policy in found]


def _budgets(at: Mapping[str, Path], gate: GateConfig) -> list[RuleResult]:
    costs = read_json(at["evidence"] / "costs.json")
    found = []
    if gate.latency_p99_ms is not None:
        seconds = costs.get("latency_p99_seconds")
        value = None if seconds is None else 1000 * seconds
        what = "99th percentile of the time of one decision"
        found.append(gate_rules.about_budget("latency", value, gate.latency_p99_ms, "ms", what))
    if gate.size_mb is not None:
        size = costs.get("model_bytes")
        value = None if size is None else size / 1e6
        found.append(gate_rules.about_budget("size", value, gate.size_mb, "MB", "the model file"))
    return found


def _robustness(at: Mapping[str, Path]) -> dict[str, Any]:
    file = at["robust"] / "robustness.json" if "robust" in at else None
    found: dict[str, Any] = read_json(file) if file is not None else {}
    return found


def _against(
    champion: _Champion, challenger: Decisions, test: Dataset, config: Config, *, alpha: float
) -> Comparison | str:
    """The comparison on rows that neither has learned from, or why there is none."""
    if champion.problem or champion.version is None:
        return champion.problem
    if alpha <= 0:
        return "the error of this test set is spent: renew it"
    try:
        unseen = unseen_rows(test, _learned(champion))
        rows = test.take(unseen)
        made = _decisions(champion.model, rows, challenger.classes)
    except EvenhandError as error:
        return f"the champion cannot be compared with on these rows: {error}"
    gate = config.gate
    return compare(
        rows.y,
        made,
        challenger.take(unseen),
        rows.sensitive_features,
        metric=gate.compare,
        group_metrics=gate.group_metrics,
        favorable=test.favorable_label,
        minimum_group=gate.minimum_group,
        alpha=alpha,
        left_out=int((~unseen).sum()),
    )


def _learned(champion: _Champion) -> list[Dataset]:
    """The rows that the champion trained, tuned or was calibrated on, from the store."""
    provenance = (champion.files or {}).get("provenance")
    if provenance is None:
        raise ModelError(f"version {champion.version} has no provenance in MLflow: what it learned from is not known")
    develop = Ref.from_dict(provenance["results"]["develop"])
    return [load_part(develop, name) for name in ("train", "validation")]


def _decisions(model: Any, rows: Dataset, classes: Any) -> Decisions:
    """What the champion makes of the rows."""
    taken = as_taken(model, rows)
    if [str(label) for label in model.classes_] != [str(label) for label in classes]:
        raise ModelError("it knows other labels")
    try:
        proba, predicted = np.asarray(model.predict_proba(taken.X)), np.asarray(model.predict(taken.X))
    except (KeyError, ValueError) as error:
        raise DataError("its features are not among the columns of these rows") from error
    return Decisions(predicted, proba, classes)


def _about_champion(
    champion: _Champion, compared: Comparison | str, at: Mapping[str, Path], config: Config
) -> list[RuleResult]:
    """The rules that a champion is needed for."""
    names = ("non-inferiority", "group loss", "change plan")
    if champion.problem:
        return [gate_rules.missing("champion", champion.problem)]
    if champion.version is None:
        return [gate_rules.not_applicable(name, "there is no champion yet") for name in names]
    gate, found = config.gate, [_planned(champion, at, config)]
    if isinstance(compared, str):
        return [*found, *(gate_rules.missing(name, compared) for name in names[:2])]
    found.append(gate_rules.about_comparison(compared, margin=gate.margin, minimum_rows=gate.minimum_rows))
    if gate.group_loss is not None:
        found.append(gate_rules.about_groups(compared, loss=gate.group_loss, minimum_rows=gate.minimum_rows))
    return found


def _planned(champion: _Champion, at: Mapping[str, Path], config: Config) -> RuleResult:
    files = champion.files or {}
    if "config" not in files or "about" not in files:
        return gate_rules.missing("change plan", f"what version {champion.version} was made from is not in MLflow")
    before, about = files["config"], read_json(at["rows"] / "about.json")
    return about_plan(
        (before.get("gate") or {}).get("plan"),
        before,
        config.model_dump(mode="json"),
        features=(files["about"]["features"], about["features"]),
        rows=(files["about"]["rows"], about["rows"]),
        candidate=read_json(at["found"] / "search.json")["selected"]["candidate"],
    )


def _told(
    decision: Decision, champion: _Champion, look: int, share: float, config: Config, judged: list[dict[str, Any]]
) -> dict[str, Any]:
    verdicts = {
        f"{policy['policy']['name']}: {rule['metric']} by {rule['attribute']}": rule["verdict"]
        if share
        else "INCONCLUSIVE"
        for policy in judged
        for rule in policy["rules"]
    }
    return {
        **decision.to_dict(),
        "champion": champion.version,
        "look": look,
        "share_of_error": share,
        "policies": sorted({policy["policy"]["name"] for policy in judged}),
        "verdicts": verdicts,
        "approval_hours": config.gate.approval_hours,
        "ledger_head": head(),
    }


def _write_difference(
    folder: Path,
    champion: _Champion,
    challenger: Decisions,
    test: Dataset,
    at: Mapping[str, Path],
    config: Config,
) -> None:
    """How many decisions change, for whom, and one page on all that differs."""
    made = _decisions(champion.model, test, challenger.classes)
    changed = change_for_people(
        champion.model,
        load_model(at["fitted"] / "model.skops"),
        test,
        decided=(made.predicted, challenger.predicted),
        background=read_dataset(at["develop"] / "train.parquet"),
        min_cell=config.explain.min_cell,
        seed=config.seed,
    ).to_dict()
    write_json(folder / "churn.json", changed)
    rows = difference(champion.files or {}, _left(at, config), churn=changed, min_cell=config.explain.min_cell)
    write_json(folder / "difference.json", list(rows))
    named = {"champion": f"Version {champion.version}", "challenger": "This model"}
    page = render_difference_html(rows, title=f"{config.model}: what changes", **named)
    (folder / "difference.html").write_text(page, encoding="utf-8")


def _left(at: Mapping[str, Path], config: Config) -> dict[str, Any]:
    """What this run has left so far, by the names of :data:`_FILES`."""
    files = [path for folder in at.values() for path in folder.glob("*.json")]
    wanted = {name.rpartition("/")[2].removesuffix(".json") for name in _FILES}
    left = {path.stem: read_json(path) for path in files if path.stem in wanted}
    return {**left, "config": config.model_dump(mode="json"), "provenance": {"code_version": code_version()}}


def _show(run: RunRef, folder: Path, found: dict[str, Any]) -> None:
    rows = [{key: rule[key] for key in ("rule", "subject", "status", "reason")} for rule in found["rules"]]
    table("decision", rows, "What every rule of the gate says")
    lines = [f"**{found['outcome']}**", "", *(f"- {plain_markdown(reason)}" for reason in found["reasons"])]
    markdown("decision-reasons", "\n".join(lines), "The decision and its reasons")
    log(
        run,
        [
            Tags({"evenhand.decision": found["outcome"]}),
            Metrics({"decision/look": found["look"], "decision/share_of_error": found["share_of_error"]}),
            Table("decision/rules.json", pd.DataFrame(rows)),
            *(File(path, "decision") for path in sorted(folder.glob("*.*")) if path.name != "manifest.json"),
        ],
    )
