"""Fit the selected candidate, calibrate it and choose its threshold."""

from pathlib import Path
from typing import Any

from evenhand.config import EvaluateConfig, WeightConfig
from evenhand.modeling.decisions import scorer_of_decisions
from evenhand.modeling.finish import finish_model
from evenhand.modeling.fit import fit_candidate
from evenhand.modeling.meter import Meter
from evenhand.modeling.persistence import save_model
from evenhand.store import Ref
from tasks.step import load_part, load_weights, note, once, read_json, step, store, write_json
from tasks.tracking import File, Metrics, RunRef, log

__all__ = ["fit_model"]


@step("fit", "Fits the selected candidate on the training part, calibrates it and chooses its threshold on validation.")
def fit_model(
    develop: Ref, weights: Ref, found: Ref, evaluate: EvaluateConfig, weight: WeightConfig, *, seed: int, run: RunRef
) -> Ref:
    """The model that is assessed and registered.

    Parameters
    ----------
    develop, weights, found
        Results of earlier steps.
    evaluate, weight
        Sections of the configuration.
    seed
        Of the fit and of the calibration's folds.
    run
        Where the figures are recorded.
    """
    search = read_json(store().folder(found) / "search.json")
    chosen = search["selected"]
    resample = weight.resampler if weight.method == "resample" else None
    asked = evaluate.model_dump(mode="json", exclude={"confidence", "replicates"})
    selected = {"candidate": chosen["candidate"], "params": chosen["params"], "resample": resample, "seed": seed}
    decisions = scorer_of_decisions(search["scorer"], weight.method)
    parts = {
        "develop": develop.digest,
        "weights": weights.digest,
        "selected": selected,
        "evaluate": asked,
        "decisions": decisions,
    }

    def write(folder: Path) -> None:
        train = load_part(develop, "train")
        with _meter(evaluate) as meter:
            model = fit_candidate(
                chosen["candidate"],
                chosen["params"],
                train.X,
                train.y,
                sample_weight=load_weights(weights),
                resample=resample,
                seed=seed,
            )
        write_json(folder / "training.json", meter.reading.to_dict())
        _finish(folder, model, develop, evaluate, decisions, seed)

    ref = once("fit", parts, write)
    folder = store().folder(ref)
    calibration, threshold = (read_json(folder / f"{name}.json") for name in ("calibration", "threshold"))
    training = read_json(folder / "training.json")
    log(
        run,
        [
            File(folder / "calibration.json", "model"),
            File(folder / "threshold.json", "model"),
            Metrics({f"training/{name}": training[name] for name in ("cpu_seconds", "peak_memory_bytes", "money")}),
            Metrics({"model/threshold": threshold["threshold"]}),
        ],
    )
    applied = f", threshold {threshold['threshold']:.3f}" if threshold["applied"] else ""
    note(f"{chosen['candidate']}, calibration: {calibration['method']}{applied}")
    return ref


def _meter(evaluate: EvaluateConfig) -> Meter:
    return Meter(price_per_hour=evaluate.price_per_hour, currency=evaluate.currency, country=evaluate.country)


def _finish(folder: Path, model: Any, develop: Ref, evaluate: EvaluateConfig, decisions: str, seed: int) -> None:
    """Calibration, then the threshold, both on the validation part; then the file."""
    finished = finish_model(
        model,
        load_part(develop, "validation"),
        calibration=evaluate.calibration,
        rule=evaluate.threshold_rule,
        scorer=evaluate.threshold_scorer,
        costs={"false_positive": evaluate.cost_false_positive, "false_negative": evaluate.cost_false_negative},
        threshold=evaluate.threshold,
        seed=seed,
        decisions=decisions,
    )
    write_json(folder / "calibration.json", finished.calibration.to_dict())
    write_json(folder / "threshold.json", finished.threshold.to_dict())
    save_model(finished.model, folder / "model.skops")
