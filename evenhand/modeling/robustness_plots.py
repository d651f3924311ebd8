"""The picture of the robustness checks: everybody's figure with its interval, and where each group lies."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.plotting import INK, MUTED, PALETTE, figure_style, new_figure, plain_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evenhand.modeling.robustness import Finding, Robustness

__all__ = ["plot_robustness"]

ROW = 0.42
"""Inches that a figure takes."""
MOST_ATTRIBUTES = 4


def plot_robustness(robustness: "Robustness") -> "Figure":
    """Every defined share as a dot with its interval, and below it a mark for each group that is not withheld.

    Parameters
    ----------
    robustness
        What :func:`evenhand.modeling.robustness.assess_robustness` gave.
    """
    shown = {
        name: found for name, found in robustness.findings.items() if found.unit == "share" and np.isfinite(found.value)
    }
    attributes = list(dict.fromkeys(name for found in shown.values() for name in found.groups))[:MOST_ATTRIBUTES]
    figure, axes = new_figure(width=5.2, height=1.05 + ROW * max(len(shown), 1))
    with figure_style():
        for place, found in enumerate(shown.values()):
            _row(axes, place, found, attributes)
        axes.set_yticks(range(len(shown)), [plain_label(name.replace("_", " ")).capitalize() for name in shown])
        axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        axes.set_xlim(_left(list(shown.values())), 1.005)
        axes.set_xlabel("share of rows")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        _legend(figure, attributes)
    return figure


def _row(axes: "Axes", place: int, found: "Finding", attributes: list[str]) -> None:
    axes.plot([found.low, found.high], [place, place], color=INK, linewidth=2.2, alpha=0.55)
    axes.plot([found.value], [place], "o", color=INK, markersize=5.5, clip_on=False)
    for colour, name in zip(PALETTE, attributes, strict=False):
        values = [one.value for one in found.groups.get(name, {}).values() if np.isfinite(one.value)]
        axes.plot(
            values, [place + 0.24] * len(values), "|", color=colour, markersize=8, markeredgewidth=2, clip_on=False
        )


def _left(shown: "list[Finding]") -> float:
    """Where the axis begins: below everything that is drawn, at a tenth."""
    ends = [one.low for one in shown] + [
        one.value for found in shown for g in found.groups.values() for one in g.values()
    ]
    lowest = min((end for end in ends if np.isfinite(end)), default=0.0)
    return float(max(np.floor(lowest * 10 - 0.2) / 10, 0.0))


def _legend(figure: "Figure", attributes: list[str]) -> None:
    from matplotlib.lines import Line2D

    marks: list[Any] = [Line2D([], [], color=INK, marker="o", linewidth=2.2)]
    marks += [
        Line2D([], [], color=colour, marker="|", linestyle="", markersize=8, markeredgewidth=2)
        for colour, _ in zip(PALETTE, attributes, strict=False)
    ]
    labels = ["everybody, with interval", *(f"groups of {plain_label(name, limit=20)}" for name in attributes)]
    legend = figure.legend(marks, labels, loc="outside lower center", ncols=min(len(labels), 3))
    legend.set_zorder(5)
    for text in legend.get_texts():
        text.set_color(MUTED)
