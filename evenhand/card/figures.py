"""The figures that the card draws itself, each with words made from its numbers."""

from collections.abc import Mapping, Sequence
from functools import partial
from textwrap import fill
from typing import TYPE_CHECKING, Any

from evenhand.card.blocks import Picture
from evenhand.card.inputs import Inputs
from evenhand.card.sections.data import PARTS, split_rows
from evenhand.card.sections.performance import LOWER_IS_BETTER
from evenhand.card.text import number, percent, plain, words
from evenhand.disclosure import rests_on_few
from evenhand.plotting import GRID, INK, MUTED, PALETTE, figure_style, figure_to_svg, new_figure, plain_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_composition", "draw_group_rates", "draw_metrics", "own_pictures"]

Point = tuple[float, float | None, float | None]
SHOWN_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
SHOWN_RATES_MULTICLASS = ("accuracy", "selection_rate")
MOST_GROUPS = 24
ROW = 0.28
"""Inches that a row of a dot plot takes."""


def own_pictures(inputs: Inputs) -> dict[str, Picture]:
    """Every figure that the card can draw from its inputs, by name."""
    drawn = [draw_metrics(inputs), draw_composition(inputs)]
    for kind in ("attributes", "intersections"):
        drawn += [draw_group_rates(name, found, inputs.min_cell) for name, found in inputs.audits(kind).items()]
    return {picture.name: picture for picture in drawn if picture is not None}


def draw_metrics(inputs: Inputs) -> Picture | None:
    """Each metric between 0 and 1 as a dot with its interval."""
    shown = {
        words(name): metric
        for name, metric in inputs.metrics.items()
        if metric.get("value") is not None and 0 <= metric["value"] <= 1 and name not in LOWER_IS_BETTER
        if not name.startswith("calibration")
    }
    if not shown:
        return None
    said = ", ".join(f"{name} {_said(metric)}" for name, metric in shown.items())
    draw = partial(_metrics_svg, tuple(shown), tuple(map(_point, shown.values())))
    return Picture("metrics", "Figures on the test part with their intervals", f"{said}.", svg=draw)


def _metrics_svg(names: Sequence[str], points: Sequence[Point | None]) -> str:
    figure, axes = new_figure(width=5.0, height=0.75 + ROW * len(names))
    with figure_style():
        _dots(axes, points, PALETTE[0])
        _rows(axes, names)
        axes.set_xlim(0, 1)
    return figure_to_svg(figure)


def draw_group_rates(name: str, audited: Mapping[str, Any], min_cell: int) -> Picture | None:
    """Rates of each group as dots with intervals, a panel for each rate; what rests on too few rows is left out."""
    groups = list(audited.get("groups") or ())[:MOST_GROUPS]
    rates = [rate for rate in SHOWN_RATES if any(_showable(group, rate, min_cell) for group in groups)]
    rates = rates or [rate for rate in SHOWN_RATES_MULTICLASS if any(_showable(g, rate, min_cell) for g in groups)]
    if not groups or not rates:
        return None
    panels = {words(rate): tuple(_point(_showable(group, rate, min_cell)) for group in groups) for rate in rates}
    labels = tuple(f"{plain_label(group['group'], limit=22)} ({group['n']:,})" for group in groups)
    alt = "; ".join(_group_words(rate, groups, min_cell) for rate in rates) + "."
    title = f"Rates of each group of {plain(name)} with their intervals"
    caption = "Rows in brackets. No dot: undefined, or withheld because it rests on too few rows."
    return Picture(f"rates:{plain(name)}", title, alt, caption, partial(_group_rates_svg, panels, labels))


def _group_rates_svg(panels: Mapping[str, Sequence[Point | None]], labels: Sequence[str]) -> str:
    height = 1.1 + ROW * len(labels)
    figure, made = new_figure(width=5.4, height=height, ncols=len(panels), sharey=True, sharex=True, squeeze=False)
    row: Any = made
    with figure_style():
        for (title, points), axes, colour in zip(panels.items(), row[0], PALETTE, strict=False):
            _dots(axes, points, colour)
            axes.set_title(fill(title, 13), fontsize=9.5)  # beside long names of groups a panel is an inch wide
            axes.set_xlim(0, 1)
            axes.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
        _rows(row[0][0], labels)
    return figure_to_svg(figure)


def _showable(group: Mapping[str, Any], rate: str, min_cell: int) -> Mapping[str, Any] | None:
    metric: Mapping[str, Any] | None = group["metrics"].get(rate)
    shown = metric is not None and metric.get("value") is not None and not rests_on_few(metric, min_cell)
    return metric if shown else None


def _group_words(rate: str, groups: Sequence[Mapping[str, Any]], min_cell: int) -> str:
    shown = ((group, _showable(group, rate, min_cell)) for group in groups)
    return f"{words(rate)}: " + ", ".join(
        f"{plain(group['group'])} {_said(metric) if metric else 'not shown'}" for group, metric in shown
    )


def _said(metric: Mapping[str, Any]) -> str:
    if metric.get("low") is None or metric.get("high") is None:
        return number(metric["value"])
    return f"{number(metric['value'])} ({number(metric['low'])} to {number(metric['high'])})"


def _point(metric: Mapping[str, Any] | None) -> Point | None:
    return None if metric is None else (metric["value"], metric.get("low"), metric.get("high"))


def _dots(axes: "Axes", points: Sequence[Point | None], colour: str) -> None:
    for place, point in enumerate(points):
        if point is None:
            continue
        value, low, high = point
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, alpha=0.55)
        axes.plot([value], [place], "o", color=colour, markersize=5.5, clip_on=False)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _rows(axes: "Axes", labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels=list(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)


def draw_composition(inputs: Inputs) -> Picture | None:
    """What share of each part every group makes up: one bar for each attribute and part."""
    rows = split_rows(inputs)
    attributes = list(dict.fromkeys(str(row["attribute"]) for row in rows))
    if not rows:
        return None
    bars = {
        f"{plain_label(attribute, limit=20)}, {part}": tuple(
            row["parts"].get(part, (0, None))[1] or 0.0 for row in rows if str(row["attribute"]) == attribute
        )
        for attribute in attributes
        for part in PARTS
    }
    said = "; ".join(_composition_words(attribute, rows) for attribute in attributes)
    caption = "From left to right in the order of the table; shares of one attribute should look alike in every part."
    alt = f"Share of the test part: {said}."
    return Picture("composition", "How the parts are composed", alt, caption, partial(_composition_svg, bars))


def _composition_svg(bars: Mapping[str, Sequence[float]]) -> str:
    figure, axes = new_figure(width=5.0, height=0.7 + 0.26 * len(bars))
    with figure_style():
        for place, shares in enumerate(bars.values()):
            _bar(axes, place, shares)
        _rows(axes, list(bars))
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0%", "25%", "50%", "75%", "100%"])
    return figure_to_svg(figure)


def _bar(axes: "Axes", place: int, shares: Sequence[float]) -> None:
    left = 0.0
    for k, share in enumerate(shares):
        colour = PALETTE[k] if k < len(PALETTE) else (MUTED if k % 2 else GRID)
        axes.barh(place, share, left=left, color=colour, height=0.7, alpha=0.85)
        left += share
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _composition_words(attribute: str, rows: Sequence[Mapping[str, Any]]) -> str:
    own = [row for row in rows if str(row["attribute"]) == attribute]
    shares = ", ".join(f"{plain(row['value'])} {percent(row['parts'].get('test', (0, None))[1])}" for row in own)
    return f"{plain(attribute)}: {shares}"
