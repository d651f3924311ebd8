"""Assess the model on the test part, and measure what it costs to use."""

from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import EvaluateConfig
from evenhand.data.dataset import Dataset
from evenhand.fairness.served import as_taken
from evenhand.modeling.costs import measure_costs
from evenhand.modeling.evaluation import evaluate as evaluate_predictions
from evenhand.store import Ref
from tasks.step import keep_figure, load_fitted, load_part, note, once, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, log, metric_name

__all__ = ["evaluate_model"]


@step("evaluate", "Assesses the model on the test part, each figure with its interval, and measures its costs.")
def evaluate_model(fitted: Ref, holdout: Ref, evaluate: EvaluateConfig, *, seed: int, run: RunRef) -> Ref:
    """The evidence on the test part: figures, curves, costs, and the predictions for the audit.

    Parameters
    ----------
    fitted, holdout
        Results of earlier steps.
    evaluate
        The configuration's section.
    seed
        Of the bootstrap.
    run
        Where the figures are recorded.
    """
    asked = evaluate.model_dump(mode="json", include={"confidence", "replicates", "price_per_hour", "currency"})
    parts = {"fitted": fitted.digest, "holdout": holdout.digest, "evaluate": asked, "seed": seed}
    ref = once("evaluate", parts, lambda folder: _write(folder, fitted, holdout, evaluate, seed))
    folder = store().folder(ref)
    found, costs = read_json(folder / "evaluation.json"), read_json(folder / "costs.json")
    table("evaluation", _page_rows(found), "Figures on the test part")
    log(run, _items(folder, found, costs))
    note(", ".join(f"{name} {found['metrics'][name]['value']:.3f}" for name in _headline(found)))
    return ref


def _headline(found: dict[str, Any]) -> list[str]:
    names = ("accuracy", "balanced_accuracy", "roc_auc", "roc_auc_ovr", "f1", "f1_macro")
    return [name for name in names if found["metrics"].get(name, {}).get("value") is not None]


def _write(folder: Path, fitted: Ref, holdout: Ref, evaluate: EvaluateConfig, seed: int) -> None:
    model = load_fitted(fitted)
    test = as_taken(model, load_part(holdout, "test"))
    proba = model.predict_proba(test.X)
    predicted = model.predict(test.X)
    result = evaluate_predictions(
        test.y,
        predicted,
        y_proba=proba,
        classes=model.classes_,
        favorable_label=test.favorable_label,
        confidence=evaluate.confidence,
        replicates=evaluate.replicates,
        seed=seed,
    )
    write_json(folder / "evaluation.json", result.to_dict())
    costs = measure_costs(
        model,
        test.X,
        price_per_hour=evaluate.price_per_hour,
        currency=evaluate.currency,
        file=store().folder(fitted) / "model.skops",
    )
    write_json(folder / "costs.json", costs.to_dict())
    _keep_predictions(folder, test, model, predicted, proba)
    _draw(folder, result)


def _keep_predictions(folder: Path, test: Dataset, model: Any, predicted: Any, proba: Any) -> None:
    """Label, prediction and probabilities of each test row; no feature and no sensitive value."""
    columns: dict[str, Any] = {"y_true": test.y.to_numpy(), "y_pred": predicted}
    columns |= {f"probability_{place}": proba[:, place] for place in range(len(model.classes_))}
    pd.DataFrame(columns).to_parquet(folder / "predictions.parquet")


def _draw(folder: Path, result: Any) -> None:
    from evenhand.modeling import evaluation_plots as plots

    drawings = {
        "roc": (plots.plot_roc, "Receiver operating characteristic on the test part", "roc_auc"),
        "precision_recall": (plots.plot_precision_recall, "Precision and recall on the test part", "average_precision"),
        "reliability": (plots.plot_reliability, "Predicted probability against observed frequency", "brier_score"),
        "scores": (plots.plot_scores, "Distribution of the predicted probability", "log_loss"),
        "confusion": (plots.plot_confusion, "Decisions against outcomes on the test part", "accuracy"),
    }
    for name, (plot, title, metric) in drawings.items():
        found = result.metrics.get(metric)
        value = "" if found is None or not isfinite(found.value) else f"; {metric} {found.value:.3f}"
        keep_figure(folder, name, plot(result), title=title, alt=f"{title}, {result.n} rows{value}.")


def _page_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    def shown(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.4f}"

    return [
        {
            "metric": name,
            "value": shown(metric["value"]),
            "interval": f"{shown(metric['low'])} to {shown(metric['high'])}" if metric["low"] is not None else "",
            "reason": metric["reason"],
        }
        for name, metric in found["metrics"].items()
    ]


def _items(folder: Path, found: dict[str, Any], costs: dict[str, Any]) -> list[Any]:
    figures = {}
    for name, metric in found["metrics"].items():
        figures[metric_name("test", name)] = metric["value"]
        figures[metric_name("test", f"{name}_low")] = metric["low"]
        figures[metric_name("test", f"{name}_high")] = metric["high"]
    numbers = {f"cost/{name}": value for name, value in costs.items() if isinstance(value, int | float)}
    return [
        Metrics(figures),
        Metrics(numbers),
        File(folder / "evaluation.json", "evaluation"),
        File(folder / "costs.json", "evaluation"),
        *(File(path, "evaluation") for path in sorted((folder / "figures").glob("*.png"))),
    ]
