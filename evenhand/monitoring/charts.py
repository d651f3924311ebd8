"""What changed over time, as pictures."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.monitoring.looks import Look
from evenhand.plotting import INK, MUTED, PALETTE, figure_style, new_figure, plain_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Chart", "draw_charts"]

_MOST_LINES, _MOST_RULES = 6, 8
_FAR = 10.0
_MARKS = {"PASS": ("o", PALETTE[2]), "INCONCLUSIVE": ("s", MUTED), "FAIL": ("D", PALETTE[1])}


@dataclass(frozen=True)
class Chart:
    """A figure with its title and what it shows, in words.

    Attributes
    ----------
    name, title, alt
        What it is called, and what it shows.
    figure
        For a page.
    narrow
        The same for a phone, as wide as its screen: the one above would be scrolled there, or shrunk past reading.
    """

    name: str
    title: str
    alt: str
    figure: "Figure"
    narrow: "Figure | None" = None


@dataclass(frozen=True)
class _Sheet:
    """What there is room for: inches, days on the axis, columns of a legend and signs in it, lines of a title."""

    width: float
    days: int
    columns: int
    label: int
    title: int

    def headed(self, name: str) -> str:
        """The name of a rule as a title: its policy stands on a line of its own where one line is too short."""
        return "\n".join(plain_label(part, limit=70 // self.title) for part in name.split(": ", self.title - 1))

    def figure(self, height: float, entries: int = 0, **subplots: Any) -> Any:
        """A figure and its axes; below them there is room for the legend's entries beyond two lines."""
        lines = max(0, -(-entries // self.columns) - 2)
        return new_figure(width=self.width, height=height + _LINE * lines, **subplots)


_LINE = 0.19
_PAGE, _PHONE = _Sheet(6.4, 6, 2, 28, 1), _Sheet(3.5, 3, 1, 40, 2)


def draw_charts(looks: Sequence[Look], *, drift: float) -> tuple[Chart, ...]:
    """Drift, performance, verdicts, unknown groups and latency over the looks; what no look has is left out.

    Parameters
    ----------
    looks
        In their order, the newest last.
    drift
        The limit of the population stability index.
    """
    makers: Sequence[Callable[[_Sheet], Chart | None]] = (
        lambda sheet: _drift(looks, drift, sheet),
        lambda sheet: _performance(looks, sheet),
        *(partial(_verdicts, looks, part) for part in _parts(_rules(looks), len(looks) - 1)),
        lambda sheet: _unknown(looks, sheet),
        lambda sheet: _latency(looks, sheet),
    )
    both = ((make(_PAGE), make(_PHONE)) for make in makers)
    return tuple(replace(page, narrow=phone.figure) for page, phone in both if page is not None and phone is not None)


def _when(looks: Sequence[Look]) -> list[str]:
    """The day of each look, and below it the time where several looks have the day."""
    found = [f"{look.when:%d %b %Y}" for look in looks]
    for more in ("\n%H:%M", ":%S"):
        often, named = Counter(found), list(zip(found, looks, strict=True))
        found = [f"{name}{look.when:{more}}" if often[name] > 1 else name for name, look in named]
    return found


def _place(axes: Any, looks: Sequence[Look], sheet: _Sheet) -> None:
    """Looks stand at equal distances, with their days; a few of them are named, the newest always."""
    step = max(1, int(np.ceil(len(looks) / sheet.days)))
    shown, names = sorted({*range(len(looks) - 1, -1, -step)}), _when(looks)
    axes.set_xticks(shown, [names[at] for at in shown])
    axes.set_xlim(-0.5, len(looks) - 0.5)
    before = [at for at in range(1, len(looks)) if looks[at].version != looks[at - 1].version]
    for number, at in enumerate(before):
        label = "another version" if number == 0 else None
        axes.axvline(at - 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), label=label)


def _drift(looks: Sequence[Look], limit: float, sheet: _Sheet) -> Chart | None:
    lines: dict[str, list[tuple[int, float, bool]]] = {}
    for at, look in enumerate(looks):
        for signal in look.signals:
            if signal["kind"] != "performance" and signal["effect"] is not None:
                name = signal["name"] if signal["kind"] == signal["name"] else f"{signal['name']} ({signal['kind']})"
                lines.setdefault(name, []).append((at, signal["effect"], signal["alarm"]))
    if not lines:
        return None
    largest = sorted(lines, key=lambda name: -max(value for _, value, _ in lines[name]))[:_MOST_LINES]
    figure, axes = sheet.figure(3.4, len(largest) + 1)
    with figure_style():
        for colour, name in zip(PALETTE, largest, strict=False):
            places, values, alarms = zip(*lines[name], strict=True)
            axes.plot(places, values, "o-", markersize=3.5, color=colour, label=plain_label(name, limit=sheet.label))
            _circle(axes, places, values, alarms)
        axes.axhline(limit, color=INK, linewidth=1, linestyle="--", label=f"limit {limit:g}")
        axes.set_ylabel("population stability index")
        bent = _bend(axes, limit, max(value for name in largest for _, value, _ in lines[name]))
        _place(axes, looks, sheet)
        figure.legend(loc="outside lower center", ncols=sheet.columns)
    said = ", ".join(plain_label(name) for name in largest[:3])
    return Chart("drift", "Drift over time", f"Largest changes: {said}; circles mark alarms.{bent}", figure)


def _bend(axes: Any, limit: float, largest: float) -> str:
    """Room for the limit beside an index that is many times as large; what is said of the axis."""
    straight = limit or 0.1
    if largest <= _FAR * straight:
        axes.set_ylim(bottom=0)
        return ""
    axes.set_yscale("symlog", linthresh=straight)
    powers = range(int(np.ceil(np.log10(largest / straight))) + 1)
    ticks = [0.0, straight / 2, *(straight * 10.0**power for power in powers)]
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(0, 1.4 * largest)
    return f" From {straight:g} on each step of the axis is ten times the last."


def _circle(axes: Any, places: Sequence[int], values: Sequence[float], alarms: Sequence[bool]) -> None:
    if not any(alarms):
        return  # an empty line that is not clipped has no place, and the second layout of its figure fails
    at = [place for place, alarm in zip(places, alarms, strict=True) if alarm]
    found = [value for value, alarm in zip(values, alarms, strict=True) if alarm]
    axes.plot(at, found, "o", markersize=9, markerfacecolor="none", markeredgecolor=PALETTE[1], markeredgewidth=1.6)


def _performance(looks: Sequence[Look], sheet: _Sheet) -> Chart | None:
    names = list(dict.fromkeys(name for look in looks for name in look.metrics))
    if not names:
        return None
    figure, axes = sheet.figure(3.0, 2 * len(names))
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
        _place(axes, looks, sheet)
        figure.legend(loc="outside lower center", ncols=sheet.columns)
    last = ", ".join(f"{name} {looks[-1].metrics[name]['value']:.3f}" for name in looks[-1].metrics)
    return Chart("performance", "Performance over time", f"At the last look: {last or 'no outcomes'}.", figure)


Marks = list[tuple[float, dict[str, Any]]]

_BESIDE = 0.2
"""Where a look has judged a rule by outcomes, too, their mark stands so far to the right of that by decisions."""


@dataclass(frozen=True)
class _Rules:
    """Some of the rules that were judged, which ones of how many, and what became of all at the last look."""

    shown: Sequence[tuple[str, Marks]]
    first: int
    of: int
    said: str


def _rules(looks: Sequence[Look]) -> list[tuple[str, Marks]]:
    """Every rule by its name, those that fail at the last look first."""
    found: dict[str, Marks] = {}
    for at, look in enumerate(looks):
        for policy in look.policies:
            for rule in policy["rules"]:
                name = f"{policy['policy']}: {rule['metric'].replace('_', ' ')} by {rule['attribute']}"
                marks = found.setdefault(name, [])
                marks.append((at + _BESIDE if marks and marks[-1][0] == at else at, rule))
    last = len(looks) - 1
    return sorted(
        found.items(), key=lambda each: not any(rule["verdict"] == "FAIL" for at, rule in each[1] if at >= last)
    )


def _parts(rules: Sequence[tuple[str, Marks]], newest: int) -> list[_Rules]:
    """As many pictures as the rules need; what has no value at any look is counted and not drawn."""
    last = [rule["verdict"] for _, marks in rules for at, rule in marks if at >= newest]
    drawn = [each for each in rules if any(rule["value"] is not None for _, rule in each[1])]
    said = f"{last.count('FAIL')} of {len(last)} fail at the last look."
    if len(drawn) < len(rules):
        said += f" {len(rules) - len(drawn)} of {len(rules)} limits have no value at any look."
    return [
        _Rules(drawn[start : start + _MOST_RULES], start + 1, len(drawn), said)
        for start in range(0, len(drawn), _MOST_RULES)
    ]


def _verdicts(looks: Sequence[Look], part: _Rules, sheet: _Sheet) -> Chart:
    rules = part.shown
    figure, axes = sheet.figure(
        0.7 + (1.1 + 0.15 * sheet.title) * len(rules), nrows=len(rules), squeeze=False, sharex=True
    )
    column: list[Any] = list(axes[:, 0])
    with figure_style():
        for panel, (name, each) in zip(column, rules, strict=True):
            _draw_rule(panel, each)
            panel.set_title(sheet.headed(name), fontsize=9)
        _place(column[-1], looks, sheet)
        handles = [
            column[0].plot([], [], mark, color=colour, linestyle="none", label=name)[0]
            for name, (mark, colour) in _MARKS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    number, which = 1 + part.first // _MOST_RULES, f"{part.first} to {part.first + len(rules) - 1} of {part.of}"
    whole = part.of <= _MOST_RULES
    alt = f"{'Every declared limit' if whole else f'Limits {which}'} with its interval; dashed: the limit. {part.said}"
    if any(at % 1 for _, each in rules for at, _ in each):
        alt += " A look's second mark is by outcomes, its first by the decisions of the new rows."
    title = "Verdicts over time" if whole else f"Verdicts over time, {which}"
    return Chart("verdicts" if number == 1 else f"verdicts-{number}", title, alt, figure)


def _draw_rule(panel: Any, each: Sequence[tuple[float, dict[str, Any]]]) -> None:
    for at, rule in each:
        if rule["value"] is None:
            continue
        mark, colour = _MARKS[rule["verdict"]]
        low, high = (rule[end] if rule[end] is not None else rule["value"] for end in ("low", "high"))
        panel.plot([at, at], (low, high), color=colour, linewidth=1.4)
        panel.plot([at], [rule["value"]], mark, color=colour, markersize=4.5)
    panel.axhline(each[-1][1]["limit"], color=INK, linewidth=1, linestyle="--")
    panel.margins(y=0.15)


def _unknown(looks: Sequence[Look], sheet: _Sheet) -> Chart | None:
    names = list(dict.fromkeys(name for look in looks for name, share in look.unknown.items() if share > 0))
    if not names:
        return None
    figure, axes = sheet.figure(2.6)
    with figure_style():
        for colour, name in zip(PALETTE, names, strict=False):
            there = [(at, look.unknown[name]) for at, look in enumerate(looks) if name in look.unknown]
            places, shares = zip(*there, strict=True)
            axes.plot(
                places, [100 * share for share in shares], "o-", markersize=4, color=colour, label=plain_label(name)
            )
        axes.set_ylim(bottom=0)
        axes.set_ylabel("rows without a group, %")
        _place(axes, looks, sheet)
        figure.legend(loc="outside lower center", ncols=3)
    said = ", ".join(f"{name} {share:.1%}" for name, share in looks[-1].unknown.items())
    return Chart("unknown", "Rows whose group is unknown", f"At the last look: {said or 'not watched'}.", figure)


def _latency(looks: Sequence[Look], sheet: _Sheet) -> Chart | None:
    there = [(at, {each["percentile"]: each for each in look.latency}) for at, look in enumerate(looks) if look.latency]
    if not there:
        return None
    figure, axes = sheet.figure(2.6)
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
        _place(axes, looks, sheet)
        figure.legend(loc="outside lower center", ncols=3)
    last = ", ".join(f"{percentile}% {1e3 * each['value']:.1f} ms" for percentile, each in there[-1][1].items())
    return Chart("latency", "Latency of single answers", f"At the last look: {last}.", figure)
