"""Turn the evidence into a decision: what every rule of the gate says, and what follows."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import Config, GateConfig
from evenhand.data.dataset import Dataset
from evenhand.decision import rules as gate_rules
from evenhand.decision.comparison import Comparison
from evenhand.decision.decide import Decision, decide
from evenhand.decision.floors import about_floors, about_robustness
from evenhand.decision.paired import Decisions
from evenhand.decision.rule_files import rule_files
from evenhand.decision.rules import RuleResult
from evenhand.decision.spending import LookLevel
from evenhand.exceptions import StoreError
from evenhand.fairness.tables import groups_of_few
from evenhand.modeling.floor_figures import floor_figures
from evenhand.store import Ref
from tasks.decide.champion import Champion, ask_champion, compare_with, find_champion, rules_about, write_difference
from tasks.ledger import Look, head
from tasks.step import load_part, markdown, note, once, plain_markdown, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, Tags, log

__all__ = ["decide_model"]


@step("decide", "Turns the evidence into a decision: promote, hold for a person, or block, and says why.")
def decide_model(results: dict[str, Ref], holdout: Ref, config: Config, missing: list[str], *, run: RunRef) -> Ref:
    """What becomes of the model, by the rules of the configuration.

    Parameters
    ----------
    results
        Results of the earlier steps by name; ``groups`` has taken the look at the test set, and its verdicts count.
    holdout
        The test part.
    config
        The whole configuration.
    missing
        Statements on the card that only a person can make and nobody has made.
    run
        The run that asks; asked again, it is not counted twice.
    """
    champion = find_champion(config.model)
    whole = config.model_dump(mode="json")
    parts = {
        **{name: ref.digest for name, ref in results.items()},
        "holdout": holdout.digest,
        "gate": whole,
        "rule_files": rule_files(whole),
        "champion": [champion.version, champion.problem],
        "missing": missing,
    }

    def fill(folder: Path) -> None:
        _write(folder, results, holdout, config, missing, champion)

    ref = once("decide", parts, fill)
    found = read_json(store().folder(ref) / "decision.json")
    _show(run, store().folder(ref), found)
    note(f"{found['outcome']}: {found['reasons'][0]}")
    return ref


def _write(
    folder: Path,
    results: dict[str, Ref],
    holdout: Ref,
    config: Config,
    missing: list[str],
    champion: Champion,
) -> None:
    at = {name: store().folder(ref) for name, ref in results.items()}
    test, gate = load_part(holdout, "test"), config.gate
    challenger = _challenger(at, test)
    audit = read_json(at["groups"] / "audit.json")
    judged, look = audit["policies"], Look(**audit["look"])
    asked = ask_champion(champion, test, challenger.classes, config.data)
    compared = compare_with(champion, asked, challenger, test, config, alpha=gate.alpha * look.share)
    few = groups_of_few(audit, config.explain.min_cell)
    level = LookLevel.of(look.number, look.share, confidence=config.evaluate.confidence)
    spending = [
        *_floors(at, challenger, test, config, level),
        *gate_rules.about_policies(judged, look=look.number, share=look.share, few=few),
        *about_robustness(gate.robustness, _robustness(at, level), least=config.explain.min_cell, level=level),
    ]
    rules = [
        *spending,
        *gate_rules.about_looks(spending, look=look.number, share=look.share),
        *_budgets(at, gate),
        *([gate_rules.about_card(missing)] if gate.complete_card else []),
        *rules_about(champion, compared, at, config, elsewhere=look.elsewhere),
    ]
    decision = decide(
        rules,
        first=champion.version is None and not champion.problem,
        first_may_promote=gate.first == "rules_only",
        fail=gate.fail,
        inconclusive=gate.inconclusive,
    )
    write_json(folder / "decision.json", _told(decision, champion, look, config, judged))
    if isinstance(compared, Comparison):
        write_json(folder / "comparison.json", compared.to_dict())
    if champion.files is not None:
        write_difference(folder, champion, asked, challenger, test, at, config)


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


def _floors(
    at: Mapping[str, Path], made: Decisions, test: Dataset, config: Config, level: LookLevel
) -> Iterable[RuleResult]:
    """Figures with limits at the level that this look may spend; those of the evaluation are there to be read."""
    gate, evaluate = config.gate, config.evaluate
    by_interval = gate.floors_by == "interval"
    metrics = read_json(at["evidence"] / "evaluation.json")["metrics"]
    if gate.floors and by_interval and not level.spent:
        metrics = floor_figures(
            gate.floors,
            test.y,
            made.predicted,
            y_proba=made.proba,
            classes=made.classes[: made.proba.shape[1]],
            favorable_label=test.favorable_label,
            confidence=level.confidence,
            replicates=evaluate.replicates,
            seed=config.seed,
        )
    return about_floors(gate.floors, metrics, by_interval=by_interval, level=level)


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


def _robustness(at: Mapping[str, Path], level: LookLevel) -> dict[str, Any]:
    """The figures of the step `stress` with limits at this look's level; without a level, those that it shows."""
    if "robust" not in at:
        return {}
    if level.spent:
        return dict(read_json(at["robust"] / "robustness.json"))
    file = at["robust"] / "judged.json"
    judged = read_json(file) if file.is_file() else {}
    return dict(judged["figures"]) if judged.get("alpha") == level.alpha else {}


def _told(
    decision: Decision, champion: Champion, look: Look, config: Config, judged: list[dict[str, Any]]
) -> dict[str, Any]:
    verdicts = {
        f"{policy['policy']['name']}: {rule['metric']} by {rule['attribute']}": rule["verdict"]
        for policy in judged
        for rule in policy["rules"]
    }
    return {
        **decision.to_dict(),
        "champion": champion.version,
        "look": look.number,
        "share_of_error": look.share,
        "policies": sorted({policy["policy"]["name"] for policy in judged}),
        "verdicts": verdicts,
        "approval_hours": config.gate.approval_hours,
        "ledger_head": head(),
    }


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
