"""Titles and alternative texts, from the numbers, for the figures that the steps draw."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evenhand.card.inputs import Inputs
from evenhand.card.text import count, join, number, plain, words
from evenhand.modeling.search_words import told_pool

__all__ = ["words_for"]

Words = tuple[str, str]


def words_for(name: str, inputs: Inputs) -> Words | None:
    """Title and alternative text of a known figure, or None where its numbers are not here.

    Names are those of the steps; what follows the first hyphen says which attribute, feature or class it is about.
    """
    kind, _, rest = name.partition("-")
    maker = _MAKERS.get(kind)
    return maker(inputs, rest) if maker else None


def _said(metric: Mapping[str, Any] | None) -> str:
    if not metric or metric.get("value") is None:
        return "undefined"
    if metric.get("low") is None or metric.get("high") is None:
        return number(metric["value"])
    return f"{number(metric['value'])} ({number(metric['low'])} to {number(metric['high'])})"


def _of_metric(title: str, *names: str) -> Callable[[Inputs, str], Words | None]:
    def make(inputs: Inputs, _: str) -> Words | None:
        name = next((name for name in names if name in inputs.metrics), None)
        if name is None:
            return None
        rows = count(inputs.evaluation.get("n"))
        return title, f"{title}. {words(name)} {_said(inputs.metrics[name])} on {rows} rows of the test part."

    return make


def _confusion(inputs: Inputs, _: str) -> Words | None:
    found = inputs.evaluation.get("confusion") or {}
    labels, counts = found.get("labels") or (), found.get("counts") or ()
    if not counts:
        return None
    said = "; ".join(
        f"truly {plain(label)}: "
        + ", ".join(f"{count(n)} predicted {plain(to)}" for to, n in zip(labels, line, strict=False))
        for label, line in zip(labels[:6], counts[:6], strict=False)
    )
    return "Rows by truth and prediction", f"{said}."


def _bar(inputs: Inputs, _: str) -> Words | None:
    found: Sequence[Mapping[str, Any]] = inputs.explanation.get("features") or ()
    said = ", ".join(f"{plain(item['feature'])} {number(item['mean_abs'])}" for item in found[:8])
    return ("How much each feature moves the answers", f"Mean size of attribution: {said}.") if found else None


def _importance(inputs: Inputs, _: str) -> Words | None:
    found = inputs.explanation.get("importance") or {}
    entries = sorted(found.get("features") or (), key=lambda item: -(item.get("value") or 0.0))
    said = ", ".join(f"{plain(item['feature'])} {_said(item)}" for item in entries[:8])
    title = f"How far {words(found.get('scorer') or 'the score')} falls when a feature is shuffled"
    return (title, f"{title}: {said}.") if entries else None


def _class_of(inputs: Inputs, rest: str) -> tuple[str, str]:
    """What comes before the class in the rest of a name, and the class that the figure is about; "" with one only."""
    labels = inputs.explanation.get("labels") or ()
    before, _, place = rest.rpartition("class-")
    if len(labels) < 2 or not place.isdigit() or not 0 < int(place) <= len(labels):
        return rest, ""
    return before.removesuffix("-"), plain(labels[int(place) - 1])


def _summary(inputs: Inputs, rest: str) -> Words | None:
    found = inputs.explanation.get("features") or ()
    label = _class_of(inputs, rest)[1]
    title = f"Attributions{_to(label)} by the value of each feature, in bands"
    said = [f"{plain(item['feature'])}{_mean_size(item, label)}" for item in found]
    sizes = "; the numbers are mean sizes" if label else ""
    return (title, f"{title}, for {join(said)}{sizes}.") if found else None


def _to(label: str) -> str:
    return f" to the class {label}" if label else ""


def _mean_size(feature: Mapping[str, Any], label: str) -> str:
    """The mean size of a feature's attributions to one class; "" where no class is asked for."""
    sizes = (one.get("mean_abs") for one in feature.get("by_label") or () if plain(one["label"]) == label)
    size = next(sizes, None) if label else None
    return "" if size is None else f" {number(size)}"


def _groups(inputs: Inputs, rest: str) -> Words | None:
    attribute, label = _class_of(inputs, rest)
    found = [group for group in inputs.explanation.get("groups") or () if group["attribute"] == attribute]
    title = f"Mean attribution{_to(label)} within each group of {plain(attribute)}"
    names = [f"{group['group']} ({count(group['n'])})" for group in found if group.get("n") is not None]
    return (title, f"{title}: {join(names)}; groups of few rows are withheld.") if found else None


def _dependence(inputs: Inputs, rest: str) -> Words | None:
    found = inputs.explanation.get("dependence") or ()
    place = int(rest) - 1 if rest.isdigit() else len(found)
    if not 0 <= place < len(found) or not found[place].get("curves"):
        return None
    each = found[place]
    grid, rows = each["grid"], count(each["rows"])
    ends = [
        f"of {plain(curve['label'])} from {number(curve['mean'][0])} at {plain(grid[0])} "
        f"to {number(curve['mean'][-1])} at {plain(grid[-1])}"
        for curve in each["curves"]
    ]
    return (
        f"Predicted probability by {plain(each['feature'])}",
        f"The mean probability goes: {'; '.join(ends)}. Over {rows} rows.",
    )


def _proxies(inputs: Inputs, rest: str) -> Words | None:
    found = [report for report in inputs.explanation.get("proxies") or () if report["attribute"] == rest]
    if not found or not found[0].get("together"):
        return None
    first = found[0]
    said = ", ".join(f"{plain(item['feature'])} {number(item['auc'])}" for item in first["features"][:6])
    title = f"How well features tell {plain(rest)}"
    return title, f"AUC, 0.5 being chance: all features together {number(first['together']['auc'])}; {said}."


def _robustness(inputs: Inputs, _: str) -> Words | None:
    shares = {name: found for name, found in inputs.robustness.items() if found.get("value") is not None}
    said = ", ".join(
        f"{words(name).lower()} {_said(found)}" for name, found in shares.items() if "distance" not in name
    )
    return ("How decisions hold on other rows", f"Over all groups: {said}.") if said else None


def _search(inputs: Inputs, _: str) -> Words | None:
    search = inputs.search
    if not search:
        return None
    best = (search.get("best") or {}).get("mean")
    trials = count(search.get("n_trials"))
    score = f"{words(search.get('scorer'))}{told_pool(search)}"
    return "Score of each trial", f"{trials} trials; the best cross-validated {score} is {number(best, 4)}."


_MAKERS: Mapping[str, Callable[[Inputs, str], Words | None]] = {
    "roc": _of_metric("Receiver operating characteristic", "roc_auc", "roc_auc_ovr"),
    "precision_recall": _of_metric("Precision against recall", "average_precision", "average_precision_macro"),
    "reliability": _of_metric("Predicted probability against observed frequency", "expected_calibration_error"),
    "scores": _of_metric("Distribution of the predicted probability", "log_loss"),
    "confusion": _confusion,
    "bar": _bar,
    "importance": _importance,
    "summary": _summary,
    "groups": _groups,
    "dependence": _dependence,
    "proxies": _proxies,
    "robustness": _robustness,
    "search": _search,
}
