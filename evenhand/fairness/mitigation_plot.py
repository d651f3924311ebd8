"""The Pareto picture of a mitigation."""

from typing import TYPE_CHECKING

import numpy as np

from evenhand.plotting import INK, MUTED, PALETTE, figure_style, new_figure, plain_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evenhand.fairness.mitigation_alternatives import Alternative
    from evenhand.fairness.mitigation_result import MitigationResult

__all__ = ["plot_alternatives"]

_FAMILIES = ("preprocessing", "regularization", "ensemble", "postprocessing", "candidate")


def plot_alternatives(result: "MitigationResult") -> "Figure":
    """Performance by disparity on the validation part: one colour a family, a ring for the given model.

    The line joins the alternatives that no other beats in both; a star marks the selected one, the dotted line the
    first limit. Alternatives without figures are counted in the title.
    """
    limit = result.limits[0]
    rated = [one for one in result.alternatives if _known(one, limit.name)]
    figure, axes = new_figure(height=4.2)
    with figure_style():
        for color, family in zip(PALETTE, _FAMILIES, strict=False):
            own = [one for one in rated if one.family == family]
            if own:
                axes.plot(*_points(own, limit.name), "o", color=color, label=family, markersize=6)
        given = [one for one in rated if one.family == "none"]
        axes.plot(
            *_points(given, limit.name), "o", color=INK, markerfacecolor="none", markersize=10, label="unmitigated"
        )
        front = sorted((one for one in rated if one.pareto), key=lambda one: _point(one, limit.name))
        axes.plot(*_points(front, limit.name), color=MUTED, linewidth=1, zorder=1)
        _finish(axes, result, rated)
    return figure


def _finish(axes: "Axes", result: "MitigationResult", rated: "list[Alternative]") -> None:
    limit = result.limits[0]
    if _known(result.selected, limit.name):
        axes.plot(*_points([result.selected], limit.name), "*", color=INK, markersize=14, label="selected", zorder=5)
    axes.axvline(limit.bound, color=MUTED, linestyle=":", label=f"limit {limit.bound:g}")
    left = len(result.alternatives) - len(rated)
    axes.set_title(
        plain_label(f"{len(rated)} alternatives" + (f", {left} more without figures" if left else ""), limit=60)
    )
    axes.set_xlabel(plain_label(limit.name))
    axes.set_ylabel(plain_label(f"{result.performance} (validation)"))
    if limit.kind == "ratio":
        axes.invert_xaxis()
    axes.legend()


def _known(one: "Alternative", name: str) -> bool:
    return one.validation is not None and not np.isnan(one.validation.readings[name].value)


def _point(one: "Alternative", name: str) -> tuple[float, float]:
    assert one.validation is not None
    return one.validation.readings[name].value, one.validation.performance


def _points(found: "list[Alternative]", name: str) -> tuple[list[float], list[float]]:
    points = [_point(one, name) for one in found]
    return [x for x, _ in points], [y for _, y in points]
