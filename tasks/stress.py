"""Try the model on rows that come otherwise than expected."""

from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import RobustnessConfig
from evenhand.decision.spending import LookLevel
from evenhand.fairness.served import as_taken
from evenhand.modeling.robustness import assess_robustness
from evenhand.store import Ref
from tasks.step import keep_figure, load_fitted, load_part, note, once, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, log, metric_name

__all__ = ["stress_model"]


@step("stress", "Tries the model on noisy, incomplete and shifted rows and near its threshold, for each group.")
def stress_model(
    parts: dict[str, Ref],
    robustness: RobustnessConfig,
    *,
    min_cell: int,
    confidence: float,
    seed: int,
    run: RunRef,
    groups: Ref | None = None,
) -> Ref:
    """How the decisions hold: every figure with its interval, for everybody and for each group.

    Parameters
    ----------
    parts
        Results of earlier steps: `fitted`, `develop`, `holdout` and `evidence`.
    robustness
        The configuration's section.
    min_cell
        Groups with fewer rows are withheld.
    confidence
        Of the intervals.
    seed
        Of the sample and the perturbations.
    run
        Where the figures are recorded.
    groups
        Result of the audit, which has taken the look at the test set: the figures are left a second time, with limits
        at its level, for the floors of the gate.
    """
    asked = robustness.model_dump(mode="json", exclude={"enabled"})
    digests = {name: ref.digest for name, ref in parts.items()}
    key = {**digests, "robustness": asked, "min_cell": min_cell, "confidence": confidence, "seed": seed}
    shown = {**asked, "min_cell": min_cell, "confidence": confidence, "seed": seed}
    level = None if groups is None else _level(groups, confidence)
    key |= {} if level is None else {"alpha": level.alpha}
    ref = once("stress", key, lambda folder: _write(folder, parts, shown, level))
    folder = store().folder(ref)
    found, figures = (
        read_json(folder / "robustness.json"),
        pd.read_csv(folder / "robustness.csv", keep_default_na=False),
    )
    table("robustness", _page_rows(found), "How decisions hold on other rows")
    log(run, _items(folder, found, figures))
    note(_sentence(found))
    return ref


def _level(groups: Ref, confidence: float) -> LookLevel:
    look = read_json(store().folder(groups) / "audit.json")["look"]
    return LookLevel.of(look["number"], look["share"], confidence=confidence)


def _write(folder: Path, parts: dict[str, Ref], asked: dict[str, Any], level: LookLevel | None) -> None:
    model = load_fitted(parts["fitted"])
    test = load_part(parts["holdout"], "test")
    predictions = pd.read_parquet(store().folder(parts["evidence"]) / "predictions.parquet")
    result = assess_robustness(
        model,
        as_taken(model, test).X,
        test.y,
        test.sensitive_features,
        background=as_taken(model, load_part(parts["develop"], "train")).X,
        favorable_label=test.favorable_label,
        decided=predictions["y_pred"],
        **asked,
    )
    found = result.to_dict()
    write_json(folder / "robustness.json", found)
    if level is not None and not level.spent:
        judged = result.at(level.confidence, exact=True).to_dict()
        write_json(folder / "judged.json", {"alpha": level.alpha, "figures": judged})
    result.to_frame().to_csv(folder / "robustness.csv", index=False)
    title = "How decisions hold on other rows"
    keep_figure(folder, "robustness", result.plot(), title=title, alt=f"{title}: {_sentence(found)}.")


def _shown(found: dict[str, Any]) -> str:
    return "undefined" if found["value"] is None else f"{found['value']:.3f}"


def _page_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "figure": name.replace("_", " "),
            "check": figure["check"],
            "setting": figure["setting"],
            "value": _shown(figure),
            "interval": "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}",
            "reason": figure["reason"],
        }
        for name, figure in found.items()
    ]


def _sentence(found: dict[str, Any]) -> str:
    """How many decisions stay under each kind of change."""
    kinds = {"noise": "noise", "missing": "missing values", "unseen": "unseen categories"}
    values = {said: found[f"{kind}_agreement"]["value"] for kind, said in kinds.items()}
    said = [f"{value:.1%} with {kind}" for kind, value in values.items() if value is not None]
    return f"decided alike: {', '.join(said)}" if said else "no feature could be changed"


def _items(folder: Path, found: dict[str, Any], figures: pd.DataFrame) -> list[Any]:
    return [
        Metrics({metric_name("robustness", name): figure["value"] for name, figure in found.items()}),
        Table("robustness/figures.json", figures),
        File(folder / "robustness.json", "robustness"),
        File(folder / "figures" / "robustness.png", "robustness"),
    ]
