"""Figures of single people's rows: for the restricted artifact only."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evenhand.exceptions import DataError
from evenhand.explain._shap import import_shap
from evenhand.explain.bands import is_numeric
from evenhand.explain.explanation import LocalExplanation
from evenhand.explain.plots import class_unit
from evenhand.plotting import MUTED, PALETTE, figure_style, label_below, new_figure, plain_label, wrapped_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["force_html", "plot_beeswarm", "plot_ice", "plot_waterfall"]

_TOP = 12


def plot_beeswarm(local: LocalExplanation, label: str) -> "Figure":
    """Every sampled row as a point in each feature's line, coloured by the rank of its value (grey for categories)."""
    made = local.attributions
    values = made.by_label[: local.sampled, :, _place(made.labels, label)]
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:_TOP]
    figure, axes = new_figure(height=1.1 + 0.36 * max(2, len(order)))
    with figure_style():
        for y, j in enumerate(order):
            colours = _ranks(local.rows.iloc[: local.sampled, j])
            offset = _swarm(values[:, j])
            if colours is None:
                axes.scatter(values[:, j], y + offset, s=7, color="#8a919b", linewidths=0)
            else:
                axes.scatter(values[:, j], y + offset, s=7, c=colours, cmap="coolwarm", vmin=0, vmax=1, linewidths=0)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(np.arange(len(order)), [plain_label(made.features[j], limit=28) for j in order])
        axes.set_ylim(len(order) - 0.5, -0.5)
        label_below(axes, "attribution", f"({class_unit(made.unit, label)})")
    return figure


def _ranks(column: pd.Series) -> Any:
    """Ranks from 0 to 1, missing values in the middle; None for what has no order."""
    return column.rank(pct=True).fillna(0.5).to_numpy() if is_numeric(column) else None


def _swarm(values: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Offsets in (-.4, .4) that spread the points of the same hundredth of the range, alternately up and down."""
    spread = float(np.ptp(values)) or 1.0
    bins = np.floor((values - values.min()) / spread * 100).astype(int)
    seen = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    side = np.where(seen % 2 == 0, 1, -1) * ((seen + 1) // 2)
    return np.asarray(side * 0.4 / max(1, int(np.abs(side).max())), dtype=np.float64)


def plot_waterfall(local: LocalExplanation, row: int, label: str) -> "Figure":
    """How one row's attributions lead from the base to its margin.

    Parameters
    ----------
    row
        The position in the test part, among the rows that are kept.
    """
    made, at = local.attributions, _row(local, row)
    place = _place(made.labels, label)
    values, base = made.by_label[at, :, place], float(made.base.reshape(len(made), -1)[at, place])
    order = np.argsort(-np.abs(values), kind="stable")
    steps = [(_told(made.features[j], local.rows.iloc[at, j]), float(values[j])) for j in order[:_TOP]]
    if len(order) > _TOP:
        steps.append((f"{len(order) - _TOP} other features", float(values[order[_TOP:]].sum())))
    figure, axes = new_figure(height=1.2 + 0.32 * max(2, len(steps)))
    with figure_style():
        start = base
        for y, (_, step) in enumerate(steps):
            axes.barh(y, step, left=start, color=PALETTE[0 if step >= 0 else 1], height=0.6)
            axes.annotate(
                f"{step:+.2f}",
                (start + step, y),
                xytext=(3 if step >= 0 else -3, 0),
                textcoords="offset points",
                va="center",
                ha="left" if step >= 0 else "right",
            )
            start += step
        axes.axvline(base, color=MUTED, linewidth=0.8)
        axes.axvline(start, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_yticks(np.arange(len(steps)), [name for name, _ in steps])
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.use_sticky_edges = False  # the largest step begins or ends the axes, and its number stands beside it
        axes.margins(x=0.12)
        label_below(axes, class_unit(made.unit, label), f"base {base:.2f}, row {start:.2f}")
    return figure


def plot_ice(local: LocalExplanation, feature: str, grid: Sequence[float | str], label: str) -> "Figure":
    """The curve of every sampled row along the grid of the feature's dependence."""
    curves = local.ice[feature][:, :, _place(local.attributions.labels, label)]
    figure, axes = new_figure(height=3.0)
    xs = np.arange(len(grid)) if any(isinstance(value, str) for value in grid) else np.array(grid, dtype=float)
    with figure_style():
        axes.plot(xs, curves.T, color=PALETTE[0], alpha=0.15, linewidth=0.7)
        axes.plot(xs, curves.mean(axis=0), color=PALETTE[1])
        axes.set_ylim(0, 1)
        axes.set_xlabel(plain_label(feature))
        axes.set_ylabel(wrapped_label(f"probability of {label}", width=22, limit=72))
        if len(grid) and isinstance(grid[0], str):
            axes.set_xticks(xs, [plain_label(value, limit=14) for value in grid], rotation=30, ha="right")
    return figure


def force_html(local: LocalExplanation, rows: Sequence[int], label: str) -> str:
    """SHAP's force plots of these rows (positions in the test part) as one self-contained page of some 400 kB."""
    shap = import_shap()
    made, place = local.attributions, _place(local.attributions.labels, label)
    parts = []
    for row in rows:
        at = _row(local, row)
        # Names and values go into a script: escaped, since they are other people's text.
        names = [escape(plain_label(name)) for name in made.features]
        texts = [escape(plain_label(value)) for value in local.rows.iloc[at].tolist()]
        base = float(made.base.reshape(len(made), -1)[at, place])
        force = shap.force_plot(base, made.by_label[at, :, place], texts, feature_names=names, matplotlib=False)
        parts.append(f"<h2>Row {int(row)}</h2>{force.html()}")
    head = f"<meta charset='utf-8'><title>Restricted: single rows</title>{shap.getjs()}"
    unit = escape(f"{made.unit}: {label}")
    return f"<!doctype html><html lang='en'><head>{head}</head><body><p>{unit}</p>{''.join(parts)}</body></html>"


def _told(feature: str, value: Any) -> str:
    shown = "missing" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"{plain_label(feature, limit=20)} = {plain_label(shown, limit=16)}"


def _row(local: LocalExplanation, row: int) -> int:
    places = np.flatnonzero(local.rows.index.to_numpy() == row)
    if not len(places):
        raise DataError(f"row {row} is not among the rows that the explanation keeps")
    return int(places[0])


def _place(labels: Sequence[str], label: str) -> int:
    if label not in labels:
        raise DataError(f"label {label!r} is not explained: choose one of {', '.join(map(repr, labels))}")
    return list(labels).index(label)
