"""The picture of a search."""

from typing import TYPE_CHECKING

import numpy as np

from evenhand.exceptions import SearchError
from evenhand.modeling.search_results import SearchResult, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_front", "plot_search"]

_MARKS = {"complete": "o", "pruned": "x"}


def plot_search(result: SearchResult) -> "Figure":
    """Score by trial: one colour a candidate, bars of one standard error, crosses for pruned, and the best so far.

    Failed trials have no score and are counted in the title.

    Parameters
    ----------
    result
        A finished search.

    Returns
    -------
    matplotlib.figure.Figure
        With one pair of axes; not registered with pyplot.
    """
    from evenhand.plotting import INK, MUTED, PALETTE, new_figure

    figure, axes = new_figure(height=4.0)
    for index, name in enumerate(sorted({trial.candidate for trial in result.trials})):
        own = [trial for trial in result.trials if trial.candidate == name]
        _draw_candidate(axes, own, name, PALETTE[index % len(PALETTE)])
    complete = [trial for trial in result.trials if trial.status == "complete"]
    best = np.maximum.accumulate([trial.mean for trial in complete])
    axes.step([trial.number for trial in complete], best, where="post", color=MUTED, label="best so far")
    axes.plot(result.selected.number, result.selected.mean, "*", markersize=16, color=INK, label="selected")
    failed = sum(trial.status == "failed" for trial in result.trials)
    axes.set_title(f"{len(result.trials)} trials" + (f", {failed} of them failed" if failed else ""))
    axes.set_xlabel("trial")
    axes.set_ylabel(f"{result.scorer} ({result.folds} folds)")
    axes.legend()
    return figure


def _draw_candidate(axes: "Axes", trials: list[Trial], name: str, color: str) -> None:
    label = name
    for status, mark in _MARKS.items():
        drawn = [trial for trial in trials if trial.status == status]
        if drawn:
            numbers, means = [trial.number for trial in drawn], [trial.mean for trial in drawn]
            errors = np.nan_to_num([trial.standard_error for trial in drawn])
            axes.errorbar(
                numbers, means, yerr=errors, fmt=mark, color=color, label=label, markersize=5, capsize=2, alpha=0.8
            )
            label = f"{name} (pruned)"


def plot_front(result: SearchResult) -> "Figure":
    """Score by disparity of every complete trial: one colour a candidate, the front as a line, the limit dotted.

    Parameters
    ----------
    result
        A finished search with a limit on a disparity.

    Raises
    ------
    SearchError
        The search had no limit.
    """
    from evenhand.plotting import INK, MUTED, PALETTE, new_figure, plain_label

    limited = result.fairness
    if limited is None:
        raise SearchError("the search had no limit on a disparity, so there is no front to draw")
    known = {t.number: (t.fairness.value, t.mean) for t in result.trials if t.fairness is not None}
    figure, axes = new_figure(height=4.0)
    for index, name in enumerate(sorted({trial.candidate for trial in result.trials})):
        own = [known[t.number] for t in result.trials if t.candidate == name and t.number in known]
        if own:
            axes.plot(*zip(*own, strict=True), "o", color=PALETTE[index % len(PALETTE)], markersize=5, label=name)
    front = [known[number] for number in limited["front"]]
    if front:
        axes.plot(*zip(*front, strict=True), color=MUTED, linewidth=1, zorder=1, label="no other beats both")
    if result.selected.number in known:
        axes.plot(*known[result.selected.number], "*", markersize=16, color=INK, label="selected")
    axes.axvline(limited["limit"], color=MUTED, linestyle=":", label=f"limit {limited['limit']:g}")
    axes.set_xlabel(plain_label(limited["metric"]) + " (held-out rows)")
    axes.set_ylabel(f"{result.scorer} ({result.folds} folds)")
    axes.set_title(f"{len(known)} complete trials" + ("" if limited["met"] else ", none of which keeps the limit"))
    if str(limited["metric"]).endswith("_ratio"):
        axes.invert_xaxis()
    axes.legend()
    return figure
