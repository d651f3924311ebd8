"""How well the model does on rows that it has never seen."""

from collections.abc import Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import count, metric_cell, percent, plain, words

__all__ = ["headline_metrics", "performance_section"]

HEADLINES = (
    ("balanced_accuracy",),
    ("roc_auc", "roc_auc_ovr"),
    ("accuracy",),
    ("precision", "precision_macro"),
    ("recall", "recall_macro"),
    ("brier_score", "brier", "expected_calibration_error"),
)
LOWER_IS_BETTER = {"log_loss", "brier_score", "brier", "expected_calibration_error"}
PICTURES = ("metrics", "roc", "precision_recall", "reliability", "scores", "confusion")
NOT_EVALUATED = "The model was not evaluated, so nothing is known about its performance."


def headline_metrics(inputs: Inputs, limit: int = 4) -> list[tuple[str, Mapping[str, Any]]]:
    """The few figures that a reader wants first, of those that were measured."""
    found = []
    for names in HEADLINES:
        name = next((name for name in names if name in inputs.metrics), None)
        if name is not None:
            found.append((name, inputs.metrics[name]))
    return found[:limit]


def _metrics(inputs: Inputs) -> tuple[Block, ...]:
    if not inputs.metrics:
        return (Text(NOT_EVALUATED, tone="absent"),)
    confidence = percent(inputs.evaluation.get("confidence", 0.95), 0)
    rows = []
    for name, metric in inputs.metrics.items():
        cell = metric_cell(metric)
        low, high = metric.get("low"), metric.get("high")
        interval = Cell(cell.detail) if low is not None and high is not None else Cell("none", tone="absent")
        remark = plain(metric.get("reason") or "") or ("lower is better" if name in LOWER_IS_BETTER else "")
        rows.append((Cell(words(name)), Cell(cell.text, cell.value, cell.tone), interval, Cell(remark)))
    intro = (
        f"{count(inputs.evaluation.get('n'))} rows of the test part, which took no part in training, search, "
        f"calibration or the choice of the threshold. Intervals hold with {confidence} confidence."
    )
    positive = inputs.evaluation.get("positive_label")
    about = f" Precision, recall and F1 are about the outcome {plain(positive)}." if positive is not None else ""
    table = Table("Figures on the test part", ("Metric", "Value", f"{confidence} interval", "Remark"), tuple(rows))
    return (Text(intro + about), *inputs.drawn(["metrics"]), table, *inputs.statement("metric_choice"))


def _by_class(inputs: Inputs) -> tuple[Block, ...]:
    classes = inputs.evaluation.get("per_class") or ()
    if not classes:
        return (Text("No figures by class were recorded.", tone="absent"),)
    names = tuple(name for name in ("precision", "recall", "f1", "roc_auc") if name in classes[0]["metrics"])
    rows = tuple(
        (
            Cell(plain(each["label"])),
            Cell(count(each["n"]), float(each["n"])),
            *(metric_cell(each["metrics"].get(name)) for name in names),
        )
        for each in classes
    )
    return (Table("Each class against the rest", ("Class", "Rows", *map(words, names)), rows),)


def _confusion(inputs: Inputs) -> tuple[Block, ...]:
    found = inputs.evaluation.get("confusion") or {}
    labels, counts = found.get("labels") or (), found.get("counts") or ()
    if not counts:
        return (Text("No confusion matrix was recorded.", tone="absent"),)
    rows = tuple(
        (Cell(f"Truly {plain(label)}"), *(Cell(count(n), float(n)) for n in line))
        for label, line in zip(labels, counts, strict=False)
    )
    columns = ("Truth", *(f"Predicted {plain(label)}" for label in labels))
    return (*inputs.drawn(["confusion"]), Table("Rows by truth and prediction", columns, rows))


def performance_section(inputs: Inputs) -> Section:
    """Metrics with intervals, by class, confusion, curves."""
    curves = inputs.drawn(["roc", "precision_recall", "reliability", "scores"])
    return Section(
        "performance",
        "Performance",
        _metrics(inputs),
        (
            Section("by-class", "By class", _by_class(inputs)),
            Section("confusion", "Decisions against outcomes", _confusion(inputs)),
            *((Section("curves", "Curves and calibration", curves),) if curves else ()),
        ),
        covers={
            "mitchell": ("Metrics", "Quantitative Analyses"),
            "toolkit": ("quantitative_analysis: performance_metrics", "quantitative_analysis: graphics"),
            "hugging_face": ("Evaluation", "Testing Data, Factors & Metrics", "Metrics", "Results"),
            "annex_iv": (
                "2(g) validation and testing, accuracy, robustness, discriminatory impacts",
                "4 appropriateness of the performance metrics",
            ),
        },
    )
