"""The live view of a running flow on a terminal: a spinner, bars, and a line for each finished step."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from deployments.screen import EventSink, duration, plain
from flows.outcome import Event

__all__ = ["live"]


@contextmanager
def live(out: Console, *, verbose: bool = False) -> Iterator[EventSink]:
    """A sink whose view disappears at the end; the lines of finished steps stay."""
    unicode = out.encoding.lower().startswith("utf")
    progress = Progress(
        SpinnerColumn("dots" if unicode else "line"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counted]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}", markup=False, style="dim"),
        console=out,
        transient=True,
    )
    with progress:
        yield _Live(progress, tick="✓" if unicode else "*", verbose=verbose)


class _Live:
    def __init__(self, progress: Progress, *, tick: str, verbose: bool) -> None:
        self.progress, self.tick, self.verbose = progress, tick, verbose
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event, /) -> None:
        if event.kind in ("started", "progress"):
            self._advance(event)
        elif event.kind in ("finished", "reused"):
            self._finish(event)
        else:
            self._say(Text(f"  {plain(event.message)}", style="dim"))

    def _advance(self, event: Event) -> None:
        task = self.tasks.get(event.step)
        if task is None:
            task = self.progress.add_task(plain(event.step), total=None, counted="", said="")
            self.tasks[event.step] = task
        counted = "" if event.done is None else f"{event.done}/{event.total}" if event.total else str(event.done)
        said = plain(event.message)
        self.progress.update(task, total=event.total, completed=event.done or 0, counted=counted, said=said)
        if self.verbose and event.message and event.kind == "progress":
            self._say(Text(f"  {counted} {said}".rstrip(), style="dim"))

    def _finish(self, event: Event) -> None:
        task = self.tasks.pop(event.step, None)
        if task is not None:
            self.progress.remove_task(task)
        took = duration(event.seconds) if event.seconds is not None else ""
        if event.kind == "reused":
            took = "kept from before"
        line = Text(f"{self.tick} ", style="green")
        line.append(f"{plain(event.step):<10} ", style="default")
        line.append(f"{took:>12}  ", style="dim")
        line.append(plain(event.message), style="default")
        self._say(line)

    def _say(self, line: Text) -> None:
        self.progress.console.print(line, soft_wrap=True)
