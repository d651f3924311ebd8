"""`evenhand monitor`: one look at the model that is live, shown as it goes."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from deployments.local import default_addresses, home_folder, services
from deployments.screen import console, plain, watch
from deployments.signals import stoppable
from evenhand.config import SourceConfig, load_config
from evenhand.events import Event
from evenhand.exceptions import ConfigError

__all__ = ["print_look", "watch_model"]

_TONES = {"flag": "bold red", "open": "yellow", "good": "green"}
_MOST_ROWS = 12


def watch_model(
    path: Path,
    overrides: Sequence[str],
    *,
    data: str,
    labels: str | None,
    log: Path | None,
    version: str,
    gate: bool,
    as_json: bool,
) -> int:
    """Run the flow and show what it found."""
    config = load_config(path, overrides)
    if log is not None and not log.is_file():
        raise ConfigError(f"there is no latency log {log}")
    given: dict[str, Any] = {"new": _source(data), "labels": None if labels is None else _source(labels)}
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    with stoppable(), watch(console(stderr=True)) as tell:
        tell(Event("started", "start-up"))
        with services():
            from flows.monitor import run_monitor

            tell(Event("finished", "start-up"))
            found = run_monitor(
                config, **given, log="" if log is None else str(log.resolve()), version=version, on_event=tell
            )
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        print_look(found)
    return _code(found) if gate else 0


def _source(place: str) -> SourceConfig:
    """A file or an address; a path is relative to the working folder."""
    return SourceConfig(path=place if "://" in place or "::" in place else str(Path(place).expanduser().absolute()))


def _code(found: dict[str, Any]) -> int:
    if found["alarms"]:
        return 4
    undecided = any(policy["verdict"] == "INCONCLUSIVE" for policy in found["policies"])
    return 3 if undecided or found["unjudged"] or not found["counted"] else 0


def print_look(found: dict[str, Any]) -> None:
    """Print a look: what it came to, the largest changes, performance, the verdicts, and where the page is."""
    from evenhand.monitoring.looks import Look
    from evenhand.monitoring.page import headline, performance_lines, signal_rows

    out = console()
    look = Look.from_dict({name: value for name, value in found.items() if name != "folder"})
    said, tone = headline(look)
    out.print(Text(f"{plain(look.model)}, version {look.version}, look {look.number}", style="bold"))
    out.print(Text(plain(said), style=_TONES[tone]))
    rows = signal_rows(look)
    table = Table("compared", "size", "adjusted p", "changed most", "", box=None, pad_edge=False, header_style="dim")
    for row in rows[:_MOST_ROWS]:
        cells = (row["what"], row["size"], row["adjusted p"], row["changed most"], row["alarm"])
        table.add_row(*(Text(plain(cell)) for cell in cells))
    if rows:
        out.print(table)
    for each in performance_lines(look):
        out.print(Text(plain(each)))
    for policy in look.policies:
        said = f"{policy['policy']}, by {policy['evidence']}: {policy['reason']}"
        out.print(Text(plain(f"{policy['verdict'] or 'no limit'}  {said}")))
    if look.latency:
        told = (f"{each['percentile']}% within {1e3 * each['value']:.1f} ms" for each in look.latency)
        out.print(Text(f"latency of {look.latency[0]['n']:,} answers: {', '.join(told)}"))
    for each in look.unjudged:
        out.print(Text(plain(each), style=_TONES["open"]))
    for each in (*look.schema, *look.notes):
        out.print(Text(plain(f"- {each}"), style="dim"))
    out.print(Text(f"page: {plain(found['folder'])}/monitor.html"))
