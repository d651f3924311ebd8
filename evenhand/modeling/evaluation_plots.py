"""Pictures of an evaluation; each function takes the result or its ``to_dict()`` and returns a matplotlib Figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from evenhand.exceptions import ModelError
from evenhand.modeling.costs import Costs
from evenhand.modeling.evaluation import Evaluation
from evenhand.modeling.threshold import ThresholdReport
from evenhand.plotting import INK, MUTED, PALETTE, figure_style, new_figure, plain_label, wrapped_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_confusion",
    "plot_latency",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_scores",
    "plot_threshold",
]

SQUARE = {"width": 4.6, "height": 4.2}
Place = Literal["best", "upper right", "lower right", "lower left"]
Result = Evaluation | Mapping[str, Any]
LINES = ("-", "--", ":", "-.")
"""More classes than colours are told apart by their dashes."""


def plot_roc(evaluation: Result) -> "Figure":
    """True against false positive rate, one line a class; the dotted line is chance.

    Examples
    --------
    >>> from evenhand.modeling.evaluation import evaluate
    >>> result = evaluate([0, 0, 1, 1], [0, 1, 1, 1], y_proba=[0.1, 0.6, 0.4, 0.9], classes=[0, 1])
    >>> plot_roc(result).axes[0].get_xlabel()
    'False positive rate'
    """
    data = _data(evaluation)
    figure, axes = new_figure(**SQUARE)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1)
    for position, curve in enumerate(data["curves"]["roc"]):
        if curve["fpr"]:
            axes.plot(
                curve["fpr"], curve["tpr"], **_line(position), label=_with_metric(data, curve["label"], "roc_auc")
            )
    _unit_square(axes, "False positive rate", "True positive rate")
    return _finish(figure, axes, "lower right", f"ROC-AUC [{data['confidence']:.0%} interval]")


def plot_precision_recall(evaluation: Result) -> "Figure":
    """Precision against recall, one line a class; the dotted lines are the classes' shares, which chance reaches."""
    data = _data(evaluation)
    figure, axes = new_figure(**SQUARE)
    rows = {part["label"]: part["n"] for part in data["per_class"]}
    for position, curve in enumerate(data["curves"]["precision_recall"]):
        if not curve["recall"]:
            continue
        style = _line(position)
        share = rows[curve["label"]] / data["n"]
        axes.axhline(share, color=style["color"], linestyle=":", linewidth=1)
        label = _with_metric(data, curve["label"], "average_precision")
        axes.plot(curve["recall"], curve["precision"], **style, label=label)
    _unit_square(axes, "Recall (true positive rate)", "Precision")
    return _finish(figure, axes, "lower left", f"Average precision [{data['confidence']:.0%} interval]")


def plot_reliability(evaluation: Result) -> "Figure":
    """Observed against predicted rate by bins, with the binomial intervals of the observed rate; below, rows a bin."""
    data = _data(evaluation)
    bins = data["calibration"].get("bins")
    if not bins:
        raise ModelError("there is no calibration to draw: the evaluation had no probabilities")
    figure, panels = new_figure(width=4.6, height=4.8, nrows=2, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
    axes, below = cast("Any", panels)
    columns = {name: np.array(values, dtype=float) for name, values in bins.items()}
    used = columns["n"] > 0
    x, y = columns["predicted"][used], columns["observed"][used]
    spread = [y - columns["observed_low"][used], columns["observed_high"][used] - y]
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1)
    axes.errorbar(x, y, yerr=np.clip(spread, 0, None), fmt="o", markersize=4, capsize=3, color=PALETTE[0])
    level = f"{data['confidence']:.0%}"
    if data["calibration"]["about"] == "top_label":
        _unit_square(axes, "", f"Share that was right ({level} interval)")
        below.set_xlabel("Probability of the predicted class")
    else:
        label = plain_label(data["positive_label"])
        _unit_square(axes, "", wrapped_label(f"Observed share of {label} ({level} interval)", width=32))
        below.set_xlabel(wrapped_label(f"Predicted probability of {label}"))
    below.bar(columns["low"], columns["n"], width=columns["high"] - columns["low"], align="edge", color=PALETTE[0])
    below.set_ylabel("Rows")
    return figure


def plot_scores(evaluation: Result) -> "Figure":
    """How the probabilities of each class are spread, for the rows of that class and for the rest."""
    data = _data(evaluation)
    curves = data["curves"]["scores"]
    if not curves:
        raise ModelError("there are no scores to draw: the evaluation had no probabilities")
    figure, panels = new_figure(height=1.2 + 1.6 * len(curves), nrows=len(curves), sharex=True, squeeze=False)
    column = cast("Any", panels)[:, 0]
    for axes, curve in zip(column, curves, strict=True):
        label = plain_label(curve["label"])
        edges = [*curve["low"], curve["high"][-1]]
        axes.stairs(curve["rest"], edges, fill=True, alpha=0.5, color=PALETTE[1], label=f"not {label}")
        axes.stairs(curve["positive"], edges, fill=True, alpha=0.5, color=PALETTE[0], label=label)
        axes.set_ylabel("Rows")
        _legend(axes, "best")
    column[-1].set_xlabel("Predicted probability of the class")
    return figure


def plot_confusion(evaluation: Result) -> "Figure":
    """Rows by truth and prediction; the shade is the share of the true class."""
    data = _data(evaluation)
    labels = [plain_label(label, limit=16) for label in data["confusion"]["labels"]]
    counts = np.array(data["confusion"]["counts"], dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    size = 2.6 + 0.7 * len(labels)
    figure, axes = new_figure(width=size + 0.6, height=size)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    for row, column in np.ndindex(*counts.shape):
        text = f"{counts[row, column]:,.0f}\n{shares[row, column]:.0%}" if totals[row] else "0"
        color = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8.5)
    axes.set_xticks(range(len(labels)), labels, rotation=30 if len(labels) > 3 else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("Predicted label (rows; % of the true label)")
    axes.set_ylabel("True label")
    return figure


def plot_threshold(report: ThresholdReport | Mapping[str, Any]) -> "Figure":
    """The rule's score on validation over the thresholds; the line marks the chosen one."""
    data = report if isinstance(report, Mapping) else report.to_dict()
    if not data["curve"]["threshold"]:
        raise ModelError(f"there is no threshold curve to draw: {data['reason']}")
    figure, axes = new_figure()
    cost = data["scorer"] == "expected_cost"
    score = np.array(data["curve"]["score"], dtype=float) * (-1 if cost else 1)
    axes.step(data["curve"]["threshold"], score, where="mid", color=PALETTE[0])
    label = f"chosen: {data['threshold']:.3f}"
    axes.axvline(data["threshold"], color=PALETTE[1], linestyle="--", linewidth=1.2, label=label)
    axes.set_xlim(0, 1)
    axes.set_xlabel(wrapped_label(f"Threshold on the probability of {plain_label(data['positive_label'])}", width=48))
    axes.set_ylabel("Expected cost of a row" if cost else plain_label(data["scorer"]))
    return _finish(figure, axes, "best")


def plot_latency(costs: Costs | Mapping[str, Any]) -> "Figure":
    """How long single-row decisions took, with the median and the 99th percentile."""
    data = costs if isinstance(costs, Mapping) else costs.to_dict()
    milliseconds = np.array(data["latency_seconds"], dtype=float) * 1000
    figure, axes = new_figure()
    axes.hist(milliseconds, bins=min(40, max(5, len(milliseconds) // 5)), color=PALETTE[0], alpha=0.8)
    marks = (("median", "latency_median_seconds", "-"), ("99th percentile", "latency_p99_seconds", "--"))
    for name, key, dashes in marks:
        value = data[key] * 1000
        axes.axvline(value, color=PALETTE[1], linestyle=dashes, label=f"{name}: {value:.2f} ms")
    axes.set_xlabel("Latency of one row (ms)")
    axes.set_ylabel("Calls")
    return _finish(figure, axes, "upper right")


def _data(evaluation: Result) -> Mapping[str, Any]:
    return evaluation.to_dict() if isinstance(evaluation, Evaluation) else evaluation


def _line(position: int) -> dict[str, Any]:
    dashes = LINES[position // len(PALETTE) % len(LINES)]
    return {"color": PALETTE[position % len(PALETTE)], "linestyle": dashes}


def _with_metric(data: Mapping[str, Any], label: Any, name: str) -> str:
    """A class with its area and the area's interval, as a legend says it."""
    parts: Sequence[Mapping[str, Any]] = data["per_class"]
    metric = next(part["metrics"][name] for part in parts if part["label"] == label)
    text = plain_label(label, limit=24)
    if metric["value"] is None:
        return text
    return f"{text}: {metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


def _unit_square(axes: "Axes", x: str, y: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _legend(axes: "Axes", place: Place, title: str | None = None) -> None:
    with figure_style():
        axes.legend(loc=place, title=title, title_fontsize=9)


def _finish(figure: "Figure", axes: "Axes", place: Place, title: str | None = None) -> "Figure":
    if axes.get_legend_handles_labels()[0]:
        _legend(axes, place, title)
    return figure
