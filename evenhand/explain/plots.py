"""Figures of an explanation that may be shown: nothing in them is about a single row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.explain.cases import Case
from evenhand.explain.dependence import Dependence
from evenhand.explain.explanation import Explanation
from evenhand.explain.proxies import ProxyReport
from evenhand.plotting import (
    GRID,
    MUTED,
    PALETTE,
    figure_style,
    label_below,
    new_figure,
    plain_label,
    wrapped_label,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "class_unit",
    "plot_bar",
    "plot_case",
    "plot_dependence",
    "plot_groups",
    "plot_importance",
    "plot_proxies",
    "plot_summary",
    "public_figures",
]

_TOP = 12
_WIDTH = 5.0
"""Inches: a phone shows the figure whole, with text that can be read; what an axis adds stands on a line of its own."""
_LOW, _HIGH, _NONE = "#56b4e9", "#d55e00", "#8a919b"


def public_figures(explanation: Explanation) -> "dict[str, Figure]":
    """Every figure that may be shown, by a name that files can have."""
    figures = {"bar": plot_bar(explanation), "importance": plot_importance(explanation)}
    for k, label in enumerate(explanation.labels):
        figures[_named("summary", k, explanation.labels)] = plot_summary(explanation, label)
        for attribute in dict.fromkeys(group.attribute for group in explanation.groups):
            name = _named(f"groups-{attribute}", k, explanation.labels)
            figures[name] = plot_groups(explanation, attribute, label)
    for place, dependence in enumerate(explanation.dependence):
        if dependence.curves:
            figures[f"dependence-{place + 1}"] = plot_dependence(dependence)
    for report in explanation.proxies:
        if report.features:
            figures[f"proxies-{report.attribute}"] = plot_proxies(report)
    for place, case in enumerate(explanation.cases):
        if case.features:
            figures[f"case-{place + 1}"] = plot_case(case, explanation.unit)
    return figures


def _named(name: str, place: int, labels: Sequence[str]) -> str:
    return name if len(labels) == 1 else f"{name}-class-{place + 1}"


def _rows(count: int, width: float = _WIDTH) -> "tuple[Figure, Any]":
    return new_figure(width=width, height=1.25 + 0.3 * max(count, 2))


def _ticks(axes: Any, names: Sequence[str]) -> None:
    """Feature names from the top down."""
    axes.set_yticks(np.arange(len(names)), [plain_label(name, limit=28) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def _whiskers(value: float, low: float, high: float) -> list[list[float]]:
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def plot_bar(explanation: Explanation) -> "Figure":
    """Mean size of attribution of each feature, with its interval."""
    shown = explanation.features[:_TOP]
    figure, axes = _rows(len(shown))
    with figure_style():
        for y, item in enumerate(shown):
            error = _whiskers(item.mean_abs, item.low, item.high)
            axes.barh(y, item.mean_abs, xerr=error, color=PALETTE[0], ecolor=MUTED, height=0.6)
        _ticks(axes, [item.feature for item in shown])
        label_below(axes, "mean size of attribution", f"({explanation.unit})")
    return figure


def plot_importance(explanation: Explanation) -> "Figure":
    """Fall of the score when each feature is shuffled, with its interval."""
    shown = [item for item in explanation.importance.features if item.value is not None][:_TOP]
    figure, axes = _rows(len(shown))
    with figure_style():
        for y, item in enumerate(shown):
            value, low, high = item.value or 0.0, item.low or 0.0, item.high or 0.0
            axes.errorbar(value, y, xerr=_whiskers(value, low, high), fmt="o", color=PALETTE[0], ecolor=MUTED)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _ticks(axes, [item.feature for item in shown])
        label_below(axes, f"fall of {explanation.importance.scorer}", "when the feature is shuffled")
        if explanation.importance.reason:
            axes.set_title(plain_label(explanation.importance.reason, limit=40))
    return figure


def plot_summary(explanation: Explanation, label: str) -> "Figure":
    """Attributions by band of each feature's values: the quartiles of the rows in it, from blue (low) to red (high).

    Categories have no order and are grey. A binned form of SHAP's beeswarm, in which each row would be a point.
    """
    shown = explanation.features[:_TOP]
    figure, axes = _rows(len(shown))
    with figure_style():
        for y, item in enumerate(shown):
            bands = next(one for one in item.by_label if one.label == label).bands
            for step, band in enumerate(bands):
                if band.q25 is None or band.q75 is None:
                    continue
                place = y + (0.0 if len(bands) == 1 else 0.56 * (step / (len(bands) - 1) - 0.5))
                colour = _shade(step, len(bands), missing=band.band == "missing", ordered=item.kind == "numeric")
                axes.plot([band.q25, band.q75], [place, place], color=colour, linewidth=2.4, solid_capstyle="round")
                axes.plot(band.mean, place, "o", color=colour, markersize=3.6)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _ticks(axes, [item.feature for item in shown])
        label_below(axes, "attribution", f"({class_unit(explanation.unit, label)})")
        axes.set_title("blue: low, red: high, grey: categories", fontweight="normal", fontsize=9)
    return figure


def class_unit(unit: str, label: str) -> str:
    """What attributions to a class are measured in; the class is named once."""
    return unit if repr(label) in unit else f"{unit}, {plain_label(label, limit=72)}"


def _shade(step: int, steps: int, *, missing: bool, ordered: bool) -> Any:
    if missing or not ordered:
        return _NONE
    from matplotlib.colors import to_rgb

    share = step / max(1, steps - 1)
    return tuple((1 - share) * low + share * high for low, high in zip(to_rgb(_LOW), to_rgb(_HIGH), strict=True))


def plot_groups(explanation: Explanation, attribute: str, label: str) -> "Figure":
    """Mean attribution of the first features in each group of one sensitive attribute."""
    groups = [group for group in explanation.groups if group.attribute == attribute and group.mean is not None]
    names = [item.feature for item in explanation.features[:8]]
    figure, axes = new_figure(width=_WIDTH, height=1.45 + 0.24 * max(3, len(names) * max(1, len(groups)) / 1.6))
    with figure_style():
        height = 0.8 / max(1, len(groups))
        for place, group in enumerate(groups):
            means = (group.mean or {})[label]
            ys = np.arange(len(names)) + (place + 0.5) * height - 0.4
            colour = PALETTE[place % len(PALETTE)]
            text = f"{plain_label(group.group, limit=20)} (n = {group.n})"
            axes.barh(ys, [means[name] for name in names], height=height * 0.9, color=colour, label=text)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _ticks(axes, names)
        label_below(axes, "mean attribution", f"({class_unit(explanation.unit, label)})")
        axes.set_title(plain_label(attribute, limit=32))
        if groups:
            axes.legend(loc="best")
    return figure


def plot_dependence(dependence: Dependence) -> "Figure":
    """Partial dependence of each explained class, with the middle half and the middle four fifths of ICE."""
    figure, axes = new_figure(width=_WIDTH, height=3.0)
    numeric = dependence.kind == "numeric"
    xs = np.array(dependence.grid if numeric else range(len(dependence.grid)), dtype=float)
    alone = len(dependence.curves) == 1
    with figure_style():
        for place, curve in enumerate(dependence.curves):
            colour = PALETTE[place % len(PALETTE)]
            if numeric:
                if alone:
                    axes.fill_between(xs, curve.q10, curve.q90, color=colour, alpha=0.12, linewidth=0)
                axes.fill_between(xs, curve.q25, curve.q75, color=colour, alpha=0.2, linewidth=0)
                axes.plot(xs, curve.mean, color=colour, label=plain_label(curve.label, limit=24))
            else:
                at = xs + 0.12 * (place - (len(dependence.curves) - 1) / 2)
                axes.vlines(at, curve.q25, curve.q75, color=colour, alpha=0.5, linewidth=3)
                axes.plot(at, curve.mean, "o", color=colour, label=plain_label(curve.label, limit=24))
        if not numeric:
            names = [plain_label(value, limit=14) for value in dependence.grid]
            tilted: dict[str, Any] = {"rotation": 30, "ha": "right"} if sum(map(len, names)) > 50 else {}
            axes.set_xticks(xs, names, **tilted)
            axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(0, 1)
        axes.set_xlabel(plain_label(dependence.feature))
        what = f"probability of {dependence.curves[0].label}" if alone else "probability"
        axes.set_ylabel(wrapped_label(what, width=22, limit=72))
        if not alone:
            axes.legend(loc="best")
    return figure


def plot_proxies(report: ProxyReport) -> "Figure":
    """How well all features together and the strongest ones tell the groups of an attribute."""
    shown = [*([report.together] if report.together else []), *report.features[:_TOP]]
    figure, axes = _rows(len(shown))
    with figure_style():
        for y, proxy in enumerate(shown):
            colour = PALETTE[1] if proxy.above_chance else PALETTE[0]
            error = _whiskers(proxy.auc, proxy.low, proxy.high)
            axes.errorbar(proxy.auc, y, xerr=error, fmt="o", color=colour, ecolor=MUTED)
            if proxy.reference is not None:
                axes.plot(proxy.reference, y, "|", color=MUTED, markersize=9)
        axes.axvline(0.5, color=MUTED, linewidth=0.8)
        _ticks(axes, [proxy.feature or "all features together" for proxy in shown])
        axes.set_xlim(min(0.4, *(proxy.low for proxy in shown)) - 0.01, 1.01)
        said = "chance: .5; tick: best of 19 shuffles"
        label_below(axes, f"ROC-AUC for {plain_label(report.attribute)}", f"({said})")
        axes.set_title("red: above chance", fontweight="normal", fontsize=9)
    return figure


def plot_case(case: Case, unit: str) -> "Figure":
    """A case seen from afar: the bands it shares with others and their mean attributions."""
    figure, axes = _rows(len(case.features), 6.4)  # in a file of its own, and not on the card
    with figure_style():
        for y, item in enumerate(case.features):
            axes.barh(y, item.attribution, color=PALETTE[0 if item.attribution >= 0 else 1], height=0.6)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        names = [f"{plain_label(item.feature, limit=20)}: {plain_label(item.band, limit=20)}" for item in case.features]
        axes.set_yticks(np.arange(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        label_below(axes, "mean attribution of rows in the band", f"({class_unit(unit, case.label or '')})")
        title = f"{plain_label(case.attribute, limit=20)} = {plain_label(case.group, limit=20)}: {case.kind}"
        axes.set_title(title)
        axes.tick_params(axis="y", color=GRID)
    return figure
