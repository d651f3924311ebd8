"""What changed over time, as pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.monitoring.looks import Look
from evenhand.plotting import INK, MUTED, PALETTE, figure_style, new_figure, plain_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Chart", "draw_charts"]

_MOST_LINES, _MOST_RULES = 6, 8
_MARKS = {"PASS": ("o", PALETTE[2]), "INCONCLUSIVE": ("s", MUTED), "FAIL": ("D", PALETTE[1])}


@dataclass(frozen=True)
class Chart:
    """A figure with its title and what it shows, in words."""

    name: str
    title: str
    alt: str
    figure: "Figure"


def draw_charts(looks: Sequence[Look], *, drift: float) -> tuple[Chart, ...]:
    """Drift, performance, verdicts, unknown groups and latency over the looks; what no look has is left out.

    Parameters
    ----------
    looks
        In their order, the newest last.
    drift
        The limit of the population stability index.
    """
    makers: Sequence[Callable[[], Chart | None]] = (
        lambda: _drift(looks, drift),
        lambda: _performance(looks),
        lambda: _verdicts(looks),
        lambda: _unknown(looks),
        lambda: _latency(looks),
    )
    return tuple(chart for make in makers if (chart := make()) is not None)


def _place(axes: Any, looks: Sequence[Look]) -> None:
    """Looks stand at equal distances, with their days; a few of them are named."""
    step = max(1, int(np.ceil(len(looks) / 6)))
    shown = sorted({*range(len(looks) - 1, -1, -step)})
    axes.set_xticks(shown, [f"{looks[at].when:%d %b %Y}" for at in shown])
    axes.set_xlim(-0.5, len(looks) - 0.5)
    before = [at for at in range(1, len(looks)) if looks[at].version != looks[at - 1].version]
    for number, at in enumerate(before):
        label = "another version" if number == 0 else None
        axes.axvline(at - 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), label=label)


def _drift(looks: Sequence[Look], limit: float) -> Chart | None:
    lines: dict[str, list[tuple[int, float, bool]]] = {}
    for at, look in enumerate(looks):
        for signal in look.signals:
            if signal["kind"] != "performance" and signal["effect"] is not None:
                name = signal["name"] if signal["kind"] == signal["name"] else f"{signal['name']} ({signal['kind']})"
                lines.setdefault(name, []).append((at, signal["effect"], signal["alarm"]))
    if not lines:
        return None
    largest = sorted(lines, key=lambda name: -max(value for _, value, _ in lines[name]))[:_MOST_LINES]
    figure, axes = new_figure(width=6.4, height=3.4)
    with figure_style():
        for colour, name in zip(PALETTE, largest, strict=False):
            places, values, alarms = zip(*lines[name], strict=True)
            axes.plot(places, values, "o-", markersize=3.5, color=colour, label=plain_label(name, limit=28))
            _circle(axes, places, values, alarms)
        axes.axhline(limit, color=INK, linewidth=1, linestyle="--", label=f"limit {limit:g}")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("population stability index")
        _place(axes, looks)
        figure.legend(loc="outside lower center", ncols=2)
    said = ", ".join(plain_label(name) for name in largest[:3])
    return Chart("drift", "Drift over time", f"Largest changes: {said}; circles mark alarms.", figure)


def _circle(axes: Any, places: Sequence[int], values: Sequence[float], alarms: Sequence[bool]) -> None:
    at = [place for place, alarm in zip(places, alarms, strict=True) if alarm]
    found = [value for value, alarm in zip(values, alarms, strict=True) if alarm]
    axes.plot(at, found, "o", markersize=9, markerfacecolor="none", markeredgecolor=PALETTE[1], markeredgewidth=1.6)


def _performance(looks: Sequence[Look]) -> Chart | None:
    names = list(dict.fromkeys(name for look in looks for name in look.metrics))
    if not names:
        return None
    figure, axes = new_figure(width=6.4, height=3.0)
    with figure_style():
        for shift, (colour, name) in enumerate(zip(PALETTE, names, strict=False)):
            there = [(at, look.metrics[name]) for at, look in enumerate(looks) if name in look.metrics]
            for at, found in there:
                axes.plot([at + 0.06 * shift] * 2, (found["low"], found["high"]), color=colour, linewidth=1.2)
            places = [at + 0.06 * shift for at, _ in there]
            axes.plot(places, [found["value"] for _, found in there], "o-", color=colour, markersize=4, label=name)
            before = there[-1][1]["before"]
            axes.axhline(before, color=colour, linewidth=1, linestyle="--", label=f"{name} at registration")
        axes.set_ylabel("value with 95% interval")
        _place(axes, looks)
        figure.legend(loc="outside lower center", ncols=2)
    last = ", ".join(f"{name} {looks[-1].metrics[name]['value']:.3f}" for name in looks[-1].metrics)
    return Chart("performance", "Performance over time", f"At the last look: {last or 'no outcomes'}.", figure)


def _rules(looks: Sequence[Look]) -> Iterator[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for at, look in enumerate(looks):
        for policy in look.policies:
            for rule in policy["rules"]:
                name = f"{policy['policy']}: {rule['metric'].replace('_', ' ')} by {rule['attribute']}"
                found.setdefault(name, []).append((at, rule))
    yield from list(found.items())[:_MOST_RULES]


def _verdicts(looks: Sequence[Look]) -> Chart | None:
    rules = [(name, rule) for name, rule in _rules(looks) if any(each["value"] is not None for _, each in rule)]
    if not rules:
        return None
    figure, axes = new_figure(width=6.4, height=0.7 + 1.25 * len(rules), nrows=len(rules), squeeze=False, sharex=True)
    column: list[Any] = list(axes[:, 0])  # type: ignore[index]  # matplotlib gives an array where squeeze is False
    with figure_style():
        for panel, (name, each) in zip(column, rules, strict=True):
            _draw_rule(panel, each)
            panel.set_title(plain_label(name, limit=70), fontsize=9)
        _place(column[-1], looks)
        handles = [
            column[0].plot([], [], mark, color=colour, linestyle="none", label=name)[0]
            for name, (mark, colour) in _MARKS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    failed = sum(rule["verdict"] == "FAIL" for _, each in rules for at, rule in each if at == len(looks) - 1)
    alt = f"Every declared limit with its interval; dashed: the limit. {failed} of {len(rules)} fail at the last look."
    return Chart("verdicts", "Verdicts over time", alt, figure)


def _draw_rule(panel: Any, each: Sequence[tuple[int, dict[str, Any]]]) -> None:
    for at, rule in each:
        if rule["value"] is None:
            continue
        mark, colour = _MARKS[rule["verdict"]]
        low, high = (rule[end] if rule[end] is not None else rule["value"] for end in ("low", "high"))
        panel.plot([at, at], (low, high), color=colour, linewidth=1.4)
        panel.plot([at], [rule["value"]], mark, color=colour, markersize=4.5)
    panel.axhline(each[-1][1]["limit"], color=INK, linewidth=1, linestyle="--")
    panel.margins(y=0.15)


def _unknown(looks: Sequence[Look]) -> Chart | None:
    names = list(dict.fromkeys(name for look in looks for name, share in look.unknown.items() if share > 0))
    if not names:
        return None
    figure, axes = new_figure(width=6.4, height=2.6)
    with figure_style():
        for colour, name in zip(PALETTE, names, strict=False):
            there = [(at, look.unknown[name]) for at, look in enumerate(looks) if name in look.unknown]
            places, shares = zip(*there, strict=True)
            axes.plot(
                places, [100 * share for share in shares], "o-", markersize=4, color=colour, label=plain_label(name)
            )
        axes.set_ylim(bottom=0)
        axes.set_ylabel("rows without a group, %")
        _place(axes, looks)
        figure.legend(loc="outside lower center", ncols=3)
    said = ", ".join(f"{name} {share:.1%}" for name, share in looks[-1].unknown.items())
    return Chart("unknown", "Rows whose group is unknown", f"At the last look: {said or 'not watched'}.", figure)


def _latency(looks: Sequence[Look]) -> Chart | None:
    there = [(at, {each["percentile"]: each for each in look.latency}) for at, look in enumerate(looks) if look.latency]
    if not there:
        return None
    figure, axes = new_figure(width=6.4, height=2.6)
    with figure_style():
        for colour, percentile in zip(PALETTE, (50, 95, 99), strict=False):
            found = [(at, each[percentile]) for at, each in there if percentile in each]
            for at, each in found:
                ends = (each["low"], each["high"])
                if None not in ends:
                    axes.plot([at, at], [1e3 * end for end in ends], color=colour, linewidth=1.2)
            values = [1e3 * each["value"] for _, each in found]
            axes.plot([at for at, _ in found], values, "o-", markersize=4, color=colour, label=f"{percentile}%")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("answer within, ms")
        _place(axes, looks)
        figure.legend(loc="outside lower center", ncols=3)
    last = ", ".join(f"{percentile}% {1e3 * each['value']:.1f} ms" for percentile, each in there[-1][1].items())
    return Chart("latency", "Latency of single answers", f"At the last look: {last}.", figure)
