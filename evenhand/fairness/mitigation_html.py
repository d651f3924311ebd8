"""What a mitigation came to as HTML for a notebook: fetched from nowhere, every name escaped."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import isnan
from typing import TYPE_CHECKING

from evenhand.fairness.scrolled import narrow, scrolled

if TYPE_CHECKING:
    from evenhand.fairness.mitigation_alternatives import Alternative, Measure
    from evenhand.fairness.mitigation_changes import GroupChange
    from evenhand.fairness.mitigation_result import Assessment, MitigationResult

__all__ = ["result_html"]


def result_html(result: "MitigationResult") -> str:
    """The choice and its notes, before and after, every group's own rates, and the log of all alternatives."""
    limits = escape(", ".join(map(str, result.limits)))
    kept = "kept" if result.met else "<b>not kept</b>"
    return narrow(
        f"<p><b>Mitigation</b> for {escape(', '.join(result.attributes))}: {escape(result.selected.label)} out of "
        f"{len(result.alternatives)} models; {limits} is {kept} on the {result.rows['validation']:,} rows of the "
        f"validation part.</p><ul>{''.join(f'<li>{escape(note)}</li>' for note in result.notes)}</ul>"
        f"<h4>Before and after on the {result.rows['test']:,} rows of the test part</h4>"
        f"{_table(('figure', 'before', 'after', 'verdict'), _compared(result))}"
        f"<h4>Every group's own rates on the test part</h4>"
        f"{_table(('attribute', 'group', 'rate', 'rows', 'before', 'after', 'change'), map(_change, result.changes))}"
        f"<h4>Every alternative, on the validation part</h4>{_log(result)}"
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, which are escaped here."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _compared(result: "MitigationResult") -> Iterator[Sequence[str]]:
    models = ((result.alternatives[0], result.before), (result.selected, result.after))
    yield (_words(result.performance), *(_performance(one, seen, result.performance) for one, seen in models), "")
    for limit in result.limits:
        for name in limit.attributes or result.attributes:
            old, new = (seen.audit.disparity(limit.metric, name) for _, seen in models)
            shown = (_figure(gap.value, gap.low, gap.high) for gap in (old, new))
            yield (f"{_words(limit.metric)} by {name}", *shown, new.verdict or "")


def _performance(one: "Alternative", seen: "Assessment", name: str) -> str:
    metric = seen.evaluation.metrics.get(name)
    if metric is not None:
        return _figure(metric.value, metric.low, metric.high)
    return "undefined" if one.test is None else _figure(one.test.performance)


def _change(change: "GroupChange") -> Sequence[str]:
    rates = (_figure(change.before), _figure(change.after), _figure(change.change, change.low, change.high))
    return (change.attribute, change.group, _words(change.metric), f"{change.n:,}", *rates)


def _log(result: "MitigationResult") -> str:
    limits = [limit.name for limit in result.limits]
    names = ("model", _words(result.performance), *map(_words, limits), "status", "reason")
    return _table(
        names, ((one.label, *_measured(one.validation, limits), one.status, one.reason) for one in _all(result))
    )


def _all(result: "MitigationResult") -> "Iterable[Alternative]":
    """The selected one first, then in the order in which they were tried."""
    return sorted(result.alternatives, key=lambda one: one.status != "selected")


def _measured(measure: "Measure | None", limits: Sequence[str]) -> Sequence[str]:
    if measure is None:
        return ("",) * (1 + len(limits))
    return (_figure(measure.performance), *(_figure(measure.readings[name].value) for name in limits))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: float | None, low: float | None = None, high: float | None = None) -> str:
    if value is None or isnan(value):
        return "undefined"
    return f"{value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")
