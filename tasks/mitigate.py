"""Search less discriminatory alternatives to the fitted model, on the validation part."""

import base64
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import EvaluateConfig, MitigateConfig, WeightConfig
from evenhand.data.dataset import Dataset
from evenhand.events import Event
from evenhand.fairness import BiasMitigator, MitigationResult
from evenhand.fairness.policies import load_policy
from evenhand.fairness.served import as_served
from evenhand.fairness.tables import gap_of
from evenhand.modeling.decisions import scorer_of_decisions
from evenhand.modeling.finish import Finished, finish_model, unfinished
from evenhand.modeling.fit import fit_candidate
from evenhand.modeling.meter import Meter
from evenhand.modeling.persistence import save_model
from evenhand.modeling.search_results import Trial, near_optimal
from evenhand.store import Ref, digest_file
from tasks.step import (
    emit,
    keep_figure,
    load_fitted,
    load_part,
    load_weights,
    markdown,
    note,
    once,
    read_json,
    step,
    store,
    table,
    write_json,
)
from tasks.tracking import File, Metrics, RunRef, Table, log, metric_name

__all__ = ["mitigate_model"]

WHEN = ("before", "after")


@step("mitigate", "Tries alternatives with smaller disparities and takes the best one that keeps the limit.")
def mitigate_model(
    parts: dict[str, Ref],
    found: Ref,
    fitted: Ref,
    mitigate: MitigateConfig,
    evaluate: EvaluateConfig,
    weight: WeightConfig,
    *,
    seed: int,
    run: RunRef,
) -> Ref:
    """The model to go on with, in the files of the step `fit`, and the log of every alternative.

    Parameters
    ----------
    parts
        Results of earlier steps: `develop`, `holdout` and `weights`.
    found, fitted
        The search, whose near-optimal trials are alternatives, and the model to beat.
    mitigate, evaluate, weight
        Sections of the configuration.
    seed
        Of every method.
    run
        Where the alternatives are recorded.
    """
    resample = weight.resampler if weight.method == "resample" else None
    own = [digest_file(Path(mitigate.policy))] if Path(mitigate.policy).is_file() else []
    asked = {
        **{name: ref.digest for name, ref in parts.items()},
        "found": found.digest,
        "fitted": fitted.digest,
        "mitigate": mitigate.model_dump(mode="json"),
        "policy": own,
        "evaluate": evaluate.model_dump(mode="json"),
        "resample": resample,
        "seed": seed,
    }

    def write(folder: Path) -> None:
        scorer = read_json(store().folder(found) / "search.json")["scorer"]
        finish = _Finisher(evaluate, scorer_of_decisions(scorer, weight.method), seed)
        with Meter(country=evaluate.country) as meter:
            candidates = _near_optimal(found, parts, mitigate.near_optimal, resample, seed)
            result = _search(fitted, parts, candidates, mitigate, finish)
        kept = {**result.to_dict(), "training": meter.reading.to_dict(), "resample": resample}
        write_json(folder / "mitigation.json", kept)
        _keep_model(folder, result, fitted, parts, finish)
        keep_figure(
            folder,
            "alternatives",
            result.plot(),
            title="Performance and disparity of every alternative, on the validation part",
            alt=_sentence(kept),
        )

    ref = once("mitigate", asked, write)
    folder = store().folder(ref)
    result = read_json(folder / "mitigation.json")
    rows = _rows(result)
    table("alternatives", rows, "Every alternative that was considered")
    markdown("pareto", _picture(folder, result), "Performance and disparity of every alternative")
    log(run, _items(folder, result, rows))
    note(_sentence(result))
    return ref


def _near_optimal(found: Ref, parts: dict[str, Ref], most: int, resample: Any, seed: int) -> dict[str, Any]:
    """Further trials of the search within one standard error of its best, fitted like the selected one."""
    search = read_json(store().folder(found) / "search.json")
    trials = [Trial.from_dict(trial) for trial in search["trials"]]
    train, weights = load_part(parts["develop"], "train"), load_weights(parts["weights"])
    return {
        f"trial {trial.number} ({trial.candidate})": fit_candidate(
            trial.candidate, trial.params, train.X, train.y, sample_weight=weights, resample=resample, seed=seed
        )
        for trial in near_optimal(trials, search["selected"]["number"], most)
    }


@dataclass
class _Finisher:
    """Calibrates and cuts like the step `fit`, and remembers the reports of each model."""

    evaluate: EvaluateConfig
    decisions: str
    seed: int
    done: list[Finished] = field(default_factory=list)

    def __call__(self, model: Any, validation: Dataset) -> Any:
        asked = self.evaluate
        finished = finish_model(
            model,
            validation,
            calibration=asked.calibration,
            rule=asked.threshold_rule,
            scorer=asked.threshold_scorer,
            costs={"false_positive": asked.cost_false_positive, "false_negative": asked.cost_false_negative},
            threshold=asked.threshold,
            seed=self.seed,
            decisions=self.decisions,
        )
        self.done.append(finished)
        return finished.model

    def reports(self, model: Any, validation: Dataset) -> Finished:
        """What a model was finished with."""
        own = "the method decides by itself: its answers are not those of a threshold on its probabilities"
        return next((one for one in self.done if one.model is model), unfinished(model, validation, own))


def _search(
    fitted: Ref,
    parts: dict[str, Ref],
    candidates: dict[str, Any],
    mitigate: MitigateConfig,
    finish: _Finisher,
) -> MitigationResult:
    train, validation = (load_part(parts["develop"], name) for name in ("train", "validation"))
    mitigator = BiasMitigator(
        load_fitted(fitted),
        train=train,
        validation=validation,
        test=load_part(parts["holdout"], "test"),
        attributes=mitigate.attributes or None,
        sample_weight=load_weights(parts["weights"]),
        seed=finish.seed,
    )
    return mitigator.mitigate_bias(
        limits=mitigate.limits or (load_policy(mitigate.policy) if mitigate.policy else None),
        performance=mitigate.performance,
        methods=mitigate.candidates or None,
        candidates={name: finish(model, validation) for name, model in candidates.items()},
        seconds=mitigate.seconds,
        allow_sensitive_features=mitigate.allow_sensitive_features,
        minimum_group=mitigate.minimum_group,
        confidence=finish.evaluate.confidence,
        replicates=finish.evaluate.replicates,
        finish=finish,
        on_alternative=lambda one, done, total: emit(Event("progress", "mitigate", one.label, done=done, total=total)),
    )


def _keep_model(folder: Path, result: MitigationResult, fitted: Ref, parts: dict[str, Ref], finish: _Finisher) -> None:
    """The files that the step `fit` leaves: its own when the given model stays, else the selected one's."""
    before = store().folder(fitted)
    shutil.copyfile(before / "training.json", folder / "training.json")
    if result.selected.family == "none":
        for name in ("model.skops", "calibration.json", "threshold.json"):
            shutil.copyfile(before / name, folder / name)
        return
    reports = finish.reports(result.model, load_part(parts["develop"], "validation"))
    write_json(folder / "calibration.json", reports.calibration.to_dict())
    write_json(folder / "threshold.json", reports.threshold.to_dict())
    save_model(as_served(result.model, result.attributes), folder / "model.skops")


def _sentence(found: dict[str, Any]) -> str:
    """What was selected, and what that came to on the test part."""
    before, after = _selected(found, given=True), _selected(found, given=False)
    said = [f"{found['performance']} {_shown(before['performance'])} to {_shown(after['performance'])}"]
    for limit in found["limits"]:
        gaps = [_shown(one["disparities"][limit["name"]]["value"]) for one in (before, after)]
        said.append(f"{limit['name']} {' to '.join(gaps)}")
    kept = "" if found["met"] else "; no alternative keeps the limit"
    return f"{found['selected']} of {len(found['alternatives'])} alternatives: {', '.join(said)} on the test part{kept}"


def _selected(found: dict[str, Any], *, given: bool) -> dict[str, Any]:
    measured: dict[str, Any] = next(
        one["test"] for one in found["alternatives"] if given or one["status"] == "selected"
    )
    return measured


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A flat row an alternative."""
    rows = []
    for one in found["alternatives"]:
        row = {"alternative": one["label"], "family": one["family"], "status": one["status"]}
        for part in ("validation", "test"):
            measured = one[part] or {"performance": None, "disparities": {}}
            row[f"{found['performance']} ({part})"] = measured["performance"]
            for limit in found["limits"]:
                row[f"{limit['name']} ({part})"] = measured["disparities"].get(limit["name"], {}).get("value")
        row |= {"pareto": one["pareto"], "needs sensitive features": one["needs_sensitive_features"]}
        rows.append({**row, "seconds": round(one["seconds"], 2), "reason": one["reason"]})
    return rows


def _before_and_after(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each limited disparity of each attribute and each figure of performance, with intervals, on the test part."""
    rows = []
    for limit in found["limits"]:
        for attribute in limit["attributes"] or found["attributes"]:
            gaps = [gap_of(found[when]["audit"], attribute, limit["metric"]) for when in WHEN]
            rows.append({"figure": f"{limit['metric']} by {attribute}", **_pair(gaps)})
    for name in found["before"]["evaluation"]["metrics"]:
        metrics = [found[when]["evaluation"]["metrics"].get(name, {}) for when in WHEN]
        rows.append({"figure": name, **_pair(metrics)})
    return rows


def _pair(both: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"{when}{end and f' {end}'}": found.get(end or "value")
        for when, found in zip(WHEN, both, strict=True)
        for end in ("", "low", "high")
    }


def _picture(folder: Path, found: dict[str, Any]) -> str:
    """The picture as Markdown holds one, with its words."""
    drawn = base64.b64encode((folder / "figures" / "alternatives.png").read_bytes()).decode()
    return f"{_sentence(found)}.\n\n![Performance by disparity](data:image/png;base64,{drawn})"


def _items(folder: Path, found: dict[str, Any], rows: list[dict[str, Any]]) -> list[Any]:
    compared = _before_and_after(found)
    figures = {metric_name("mitigation", when, row["figure"]): row[when] for row in compared for when in WHEN}
    return [
        Metrics(figures),
        Table("mitigation/alternatives.json", pd.DataFrame(rows)),
        Table("mitigation/before_and_after.json", pd.DataFrame(compared)),
        File(folder / "mitigation.json", "mitigation"),
        *(File(folder / name, "model") for name in ("calibration.json", "threshold.json")),  # of the model that is kept
        File(folder / "figures" / "alternatives.png", "mitigation"),
    ]
