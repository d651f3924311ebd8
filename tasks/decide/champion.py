"""The live version as the new model is compared with it: on rows that neither has learned from, and in all it left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evenhand.config import Config, DataConfig
from evenhand.data.dataset import Dataset
from evenhand.data.snapshot import read_dataset
from evenhand.decision import rules as gate_rules
from evenhand.decision.change import change_for_people
from evenhand.decision.comparison import Comparison, compare, unseen_rows
from evenhand.decision.difference import difference
from evenhand.decision.difference_page import render_difference_html
from evenhand.decision.paired import Decisions
from evenhand.decision.plan import about_plan
from evenhand.decision.rule_files import rule_files
from evenhand.decision.rules import RuleResult
from evenhand.decision.selection import renewed_by
from evenhand.exceptions import DataError, EvenhandError, ModelError, ServiceError, shorten
from evenhand.fairness.served import as_taken
from evenhand.modeling.persistence import load_model
from evenhand.provenance import code_version
from evenhand.store import Ref
from tasks.decide.columns import with_features
from tasks.ledger import (
    another_ledger,
    checked_standing,
    head,
    identity,
    load_decided,
    looked_elsewhere,
    refuse_altered,
)
from tasks.registry import find_version, run_files
from tasks.step import load_part, read_json, write_json

__all__ = ["Champion", "ask_champion", "compare_with", "find_champion", "rules_about", "write_difference"]

_FILES = (
    "provenance/config.json",
    "provenance/about.json",
    "provenance/provenance.json",
    "data/contract.json",
    "data/split.json",
    "search/search.json",
    "model/calibration.json",
    "model/threshold.json",
    "mitigation/mitigation.json",
    "evaluation/evaluation.json",
    "audit/audit.json",
    "robustness/robustness.json",
    "explain/explanation.json",
    "decision/decision.json",
)


@dataclass(frozen=True, eq=False)
class Champion:
    """What the challenger is compared with; `problem` says why some of it is not there."""

    version: str | None
    model: Any = None
    files: Mapping[str, Any] | None = None
    problem: str = ""


class Asked(NamedTuple):
    """The test rows as the champion takes them, and what it makes of them."""

    rows: Dataset
    made: Decisions


def find_champion(model: str) -> Champion:
    """The live version; that MLflow does not answer is missing evidence, that the ledger does not is an error."""
    try:
        standing, moved = checked_standing(model)
    except ServiceError as error:
        head()  # the ledger itself has to answer: without it nothing is decided
        return Champion(None, problem=str(error))
    ledger = identity()
    if problem := moved or another_ledger(model, ledger) or looked_elsewhere(model, ledger):
        return Champion(standing.champion.version if standing.champion else None, problem=problem)
    if standing.champion is None:
        return Champion(None)
    version = standing.champion.version
    try:
        entry = find_version(model, version)
        files = run_files(entry.tags.get("evenhand.run_id") or entry.run_id, _FILES)
        refuse_altered(model, version, files)
        return Champion(version, load_decided(model, version), files)
    except EvenhandError as error:
        return Champion(version, problem=str(error))


def ask_champion(champion: Champion, test: Dataset, classes: Sequence[Any], data: DataConfig) -> Asked | str:
    """The champion's decisions on the test rows, or why there are none; "" without a champion."""
    if champion.problem or champion.version is None:
        return champion.problem
    files = champion.files or {}
    try:
        needed = files["about"]["features"] if "about" in files else ()
        rows = with_features(test, needed, data, files.get("contract"))
        return Asked(rows, _decisions(champion.model, rows, classes))
    except EvenhandError as error:
        return f"the champion cannot be compared with on these rows: {error}"


def compare_with(
    champion: Champion, asked: Asked | str, challenger: Decisions, test: Dataset, config: Config, *, alpha: float
) -> Comparison | str:
    """The comparison on rows that neither has learned from, or why there is none."""
    if isinstance(asked, str):
        return asked
    if alpha <= 0:
        return "the error of this test set is spent: renew it"
    try:
        unseen = unseen_rows(test, _learned(champion))
        rows, known = test.take(unseen), _assessed(champion)
    except EvenhandError as error:
        return f"the champion cannot be compared with on these rows: {error}"
    gate = config.gate
    return compare(
        rows.y,
        asked.made.take(unseen),
        challenger.take(unseen),
        rows.sensitive_features,
        metric=gate.compare,
        group_metrics=gate.group_metrics,
        favorable=test.favorable_label,
        depth=config.audit.depth,
        minimum_group=gate.minimum_group,
        alpha=alpha,
        everybody=test.sensitive_features,
        known=known.sensitive_features,
    )


def _learned(champion: Champion) -> list[Dataset]:
    """The rows that the champion trained, tuned or was calibrated on, from the store."""
    return [load_part(_result(champion, "develop"), name) for name in ("train", "validation")]


def _assessed(champion: Champion) -> Dataset:
    """The rows that the champion was assessed on."""
    return load_part(_result(champion, "holdout"), "test")


def _result(champion: Champion, name: str) -> Ref:
    provenance = (champion.files or {}).get("provenance")
    if provenance is None:
        raise ModelError(f"version {champion.version} has no provenance in MLflow: what it learned from is not known")
    return Ref.from_dict(provenance["results"][name])


def _decisions(model: Any, rows: Dataset, classes: Any) -> Decisions:
    """What the champion makes of the rows."""
    taken = as_taken(model, rows)
    if [str(label) for label in model.classes_] != [str(label) for label in classes]:
        both = " and not ".join(", ".join(shorten(str(label)) for label in each) for each in (model.classes_, classes))
        raise ModelError(f"it knows the labels {both}")
    try:
        proba, predicted = np.asarray(model.predict_proba(taken.X)), np.asarray(model.predict(taken.X))
    except (KeyError, ValueError) as error:
        raise DataError("it cannot decide on their columns") from error
    return Decisions(predicted, proba, classes)


def rules_about(
    champion: Champion, compared: Comparison | str, at: Mapping[str, Path], config: Config, *, elsewhere: bool
) -> list[RuleResult]:
    """The rules that a champion is needed for; test rows other than its own, or than at an earlier look, hold."""
    names = ("non-inferiority", "group loss", "change plan")
    if champion.problem:
        return [gate_rules.missing("champion", champion.problem)]
    if champion.version is None:
        found = [gate_rules.not_applicable(name, "there is no champion yet") for name in names]
        return [*found[:-1], gate_rules.about_other_rows()] if elsewhere else found
    gate, found = config.gate, [_planned(champion, at, config)]
    if isinstance(compared, str):
        return [*found, *(gate_rules.missing(name, compared) for name in names[:2])]
    found.append(gate_rules.about_comparison(compared, margin=gate.margin, minimum_rows=gate.minimum_rows))
    if gate.group_loss is not None:
        found.append(gate_rules.about_groups(compared, loss=gate.group_loss, minimum_rows=gate.minimum_rows))
    return found


def _planned(champion: Champion, at: Mapping[str, Path], config: Config) -> RuleResult:
    files = champion.files or {}
    if "config" not in files or "about" not in files:
        return gate_rules.missing("change plan", f"what version {champion.version} was made from is not in MLflow")
    before, about = files["config"], read_json(at["rows"] / "about.json")
    after = config.model_dump(mode="json")
    return about_plan(
        (before.get("gate") or {}).get("plan"),
        before,
        after,
        features=(files["about"]["features"], about["features"]),
        rows=(files["about"]["rows"], about["rows"]),
        candidate=read_json(at["found"] / "search.json")["selected"]["candidate"],
        files=((files.get("provenance") or {}).get("rule_files"), rule_files(after)),
        renewed=renewed_by(before, after),
    )


def write_difference(
    folder: Path,
    champion: Champion,
    asked: Asked | str,
    challenger: Decisions,
    test: Dataset,
    at: Mapping[str, Path],
    config: Config,
) -> None:
    """One page on all that differs, with how many decisions change, and whose, where the champion decides here, too."""
    changed = None
    if not isinstance(asked, str):
        changed = change_for_people(
            champion.model,
            load_model(at["fitted"] / "model.skops"),
            (asked.rows, test),
            decided=(asked.made.predicted, challenger.predicted),
            background=_backgrounds(champion, asked.rows, test, at),
            min_cell=config.explain.min_cell,
            seed=config.seed,
        ).to_dict()
        write_json(folder / "churn.json", changed)
    rows = difference(champion.files or {}, _left(at, config), churn=changed, min_cell=config.explain.min_cell)
    write_json(folder / "difference.json", list(rows))
    named = {"champion": f"Version {champion.version}", "challenger": "This model"}
    page = render_difference_html(rows, title=f"{config.model}: what changes", **named)
    (folder / "difference.html").write_text(page, encoding="utf-8")


def _backgrounds(champion: Champion, rows: Dataset, test: Dataset, at: Mapping[str, Path]) -> tuple[Dataset, Dataset]:
    """Training rows that stand for the average case of the reasons: the same for both where both can take them."""
    train = read_dataset(at["develop"] / "train.parquet")
    return train if rows is test else load_part(_result(champion, "develop"), "train"), train


def _left(at: Mapping[str, Path], config: Config) -> dict[str, Any]:
    """What this run has left so far, by the names of :data:`_FILES`."""
    files = [path for folder in at.values() for path in folder.glob("*.json")]
    wanted = {name.rpartition("/")[2].removesuffix(".json") for name in _FILES}
    left = {path.stem: read_json(path) for path in files if path.stem in wanted}
    return {**left, "config": config.model_dump(mode="json"), "provenance": {"code_version": code_version()}}
