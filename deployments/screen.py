"""What a person sees in the terminal: steps while they run, and one screen at the end.

A terminal gets ticks, colours and bars; a pipe gets plain lines. Names of columns and groups come from data, so
they are shown as text: neither Rich's markup nor a control sequence in them has any effect.
"""

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.outcome import Event, GroupRow, Metric, Outcome

__all__ = [
    "EventSink",
    "console",
    "duration",
    "figure",
    "harden_output",
    "plain",
    "print_outcome",
    "render_outcome",
    "watch",
]

_NAMES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "average_precision": "PR AUC",
    "f1": "F1",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "brier_score": "Brier score",
    "roc_auc_ovr": "ROC AUC (one against the rest)",
    "precision_macro": "precision (mean of classes)",
    "recall_macro": "recall (mean of classes)",
    "f1_macro": "F1 (mean of classes)",
}


class EventSink(Protocol):
    """What a flow tells its events to."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""


def console(*, stderr: bool = False) -> Console:
    """A console that has colour and bars on a terminal only; NO_COLOR and FORCE_COLOR are heard."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    # Rich takes 80 columns for a pipe and would cut addresses and paths there.
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, emoji=False, width=120)


def plain(value: object) -> str:
    r"""Text of unknown origin on one line, with control characters shown and not obeyed.

    Examples
    --------
    >>> print(plain("a\x1b[31mb\nc"))
    a\x1b[31mb\nc
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(value))


def duration(seconds: float) -> str:
    """Seconds as people read them.

    Examples
    --------
    >>> [duration(0.04), duration(7.25), duration(83), duration(7200)]
    ['0.0 s', '7.2 s', '1 min 23 s', '2 h 0 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def figure(value: float | None, digits: int = 3) -> str:
    """A figure, or the word for an undefined one."""
    return "undefined" if value is None else f"{value:.{digits}f}"


@contextmanager
def watch(out: Console, *, verbose: bool = False) -> Iterator[EventSink]:
    """A sink that shows events as they come: a live view on a terminal, plain lines elsewhere."""
    if out.is_terminal and not out.is_dumb_terminal:
        from deployments.live import live

        with live(out, verbose=verbose) as sink:
            yield sink
    else:
        yield Lines(out, verbose=verbose)


class Lines:
    """Events as plain lines; of a long step's progress only each quarter, unless all of it is asked for."""

    def __init__(self, out: Console, *, verbose: bool = False) -> None:
        self.out, self.verbose = out, verbose
        self._quarter: dict[str, int] = {}

    def __call__(self, event: Event, /) -> None:
        """Write the line of an event that deserves one."""
        line = self._line(event)
        if line is not None:
            self.out.print(Text(line), soft_wrap=True)

    def _line(self, event: Event) -> str | None:
        said = f": {plain(event.message)}" if event.message else ""
        if event.kind == "started":
            return f"{plain(event.step)} ..." if self.verbose else None
        if event.kind == "finished":
            took = f" ({duration(event.seconds)})" if event.seconds is not None else ""
            return f"{plain(event.step)}{said}{took}"
        if event.kind == "reused":
            return f"{plain(event.step)}{said} (kept from before)"
        if event.kind == "progress":
            return self._progress(event, said)
        return f"{plain(event.step)}{said}" if event.step else plain(event.message)

    def _progress(self, event: Event, said: str) -> str | None:
        if event.done is None:
            return f"{plain(event.step)}{said}" if self.verbose else None
        of = f" of {event.total}" if event.total else ""
        line = f"{plain(event.step)}: {event.done}{of}{said.replace(':', ',', 1)}"
        if self.verbose:
            return line
        quarter = 4 * event.done // event.total if event.total else 0
        before, self._quarter[event.step] = self._quarter.get(event.step, 0), quarter
        return line if before < quarter < 4 else None


def render_outcome(outcome: Outcome) -> RenderableType:
    """One screen: what came out, for whom it differs, what to read first, and where to look."""
    parts = [
        _headline(outcome),
        _metrics(outcome.summary.metrics, outcome.summary.confidence),
        *_groups(outcome.summary.groups),
        *_remarks(outcome),
        _places(outcome),
    ]
    return Group(*(part for each in parts for part in (each, Text())))


def print_outcome(outcome: Outcome, out: Console) -> None:
    """Print that screen."""
    out.print(render_outcome(outcome), crop=False)


def _headline(outcome: Outcome) -> Text:
    summary = outcome.summary
    alias = f", {outcome.alias}" if outcome.alias else ""
    number = f"version {plain(outcome.model_version)}{alias}" if outcome.model_version else "waits for MLflow"
    text = Text(f"{plain(outcome.model_name)} {number}", style="bold")
    choice = summary.choice or (f"the best of {summary.trials} trials" if summary.trials else "")
    text.append("\n" + ", ".join(plain(said) for said in (summary.algorithm, choice) if said), style="not bold")
    if summary.rows:
        rows = ", ".join(f"{count:,} {plain(part)}" for part, count in summary.rows.items())
        text.append(f"\nrows: {rows}", style="not bold dim")
    if outcome.decision is not None:
        style = {"promote": "bold green", "hold": "bold yellow", "block": "bold red"}[outcome.decision]
        text.append(f"\ndecision: {outcome.decision}", style=style)
    return text


def _table(*columns: str, title: str) -> Table:
    table = Table(box=None, title=title, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        text = index == 0 or column in ("", "group")
        table.add_column(column, justify="left" if text else "right", header_style="dim", overflow="fold")
    return table


def _metrics(metrics: Sequence[Metric], confidence: float) -> Table:
    table = _table("metric", "value", f"{100 * confidence:g}% interval", "", title="On the test part")
    for metric in metrics:
        interval = "" if metric.low is None or metric.high is None else f"{figure(metric.low)} to {figure(metric.high)}"
        name = _NAMES.get(metric.name, metric.name.replace("_", " "))
        table.add_row(Text(plain(name)), figure(metric.value), interval, Text(plain(metric.reason or ""), style="dim"))
    return table


def _groups(groups: Sequence[GroupRow]) -> list[RenderableType]:
    if not groups:
        return []
    title = "By group, on the test part"
    columns = {"selection rate": "selection_rate", "true positive rate": "true_positive_rate",
               "impact ratio": "impact_ratio"}  # fmt: skip
    if all(row.selection_rate is None for row in groups):
        columns = {"accuracy": "accuracy"}  # no label is favorable, so nothing is selected
    table = _table("attribute", "group", "n", *columns, "", title=title)
    for attribute, rows in groupby(groups, key=lambda row: row.attribute):
        name = plain(attribute)
        for row in rows:
            values = [getattr(row, field) for field in columns.values()]
            rates = ["withheld" if value is None and row.withheld else figure(value) for value in values]
            table.add_row(Text(name), Text(plain(row.group)), f"{row.n:,}", *rates, _flags(row))
            name = ""
    if any(row.four_fifths for row in groups):
        note = "A selection rate under four fifths of the highest one is a reason to look, not a verdict."
        return [Group(table, Text(note, style="dim"))]
    return [table]


def _flags(row: GroupRow) -> Text:
    flags = [
        ("under four fifths", "bold yellow") if row.four_fifths else None,
        ("few rows", "dim") if row.small and not row.withheld else None,
        (plain(row.reason), "dim") if row.reason else None,
    ]
    return Text(", ").join(Text(*flag) for flag in flags if flag is not None)


def _remarks(outcome: Outcome) -> list[RenderableType]:
    summary = outcome.summary
    missing = ", ".join(plain(name) for name in summary.missing_statements)
    said = [
        *([outcome.waiting] if outcome.waiting else []),
        *outcome.decision_reasons,
        *summary.findings,
        *summary.notes,
        *([f"Missing on the card, because only a person can say it: {missing}."] if missing else []),
    ]
    if not said:
        return []
    return [Group(Text("Read this first", style="bold"), *(Text(f"- {plain(sentence)}") for sentence in said))]


def _places(outcome: Outcome) -> Text:
    """Paths and commands, each whole on its own line however narrow the terminal is, to be copied."""
    text = Text("Where to look", style="bold", no_wrap=True, overflow="ignore")
    for name, place in _place_rows(outcome):
        text.append(f"\n{name:<14}", style="not bold dim").append(plain(place), style="not bold")
    return text


def _place_rows(outcome: Outcome) -> Iterable[tuple[str, str]]:
    yield "model card", outcome.card_path
    if (Path(outcome.folder) / "difference.html").is_file():
        yield "what changes", f"{outcome.folder}/difference.html"
    yield "all files", outcome.folder
    served = outcome.run_url.startswith("http")
    yield "MLflow run", outcome.run_url if served else outcome.run_id
    if outcome.run_url and not served:
        yield "", f"mlflow ui --backend-store-uri {shlex.quote(outcome.run_url.rpartition('#')[0])}"
    if outcome.flow_run_name or outcome.flow_run_id:
        yield "Prefect run", outcome.flow_run_url or outcome.flow_run_name or outcome.flow_run_id
    if outcome.decision == "hold" and outcome.answerable:
        yield "to answer", f"evenhand approve {outcome.run_id[:8]} --reason WHY (or reject)"
        if outcome.answer_until:
            yield "", f"until {outcome.answer_until}; after that nobody can, and only a retrain decides anew"
    yield "again", f"evenhand show {outcome.run_id[:8]}"
    yield "in a browser", f"evenhand show {outcome.run_id[:8]} --open"
    if outcome.seconds is not None:
        yield "took", duration(outcome.seconds)


def harden_output() -> None:
    """Let no character of a column's name stop the output of a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
