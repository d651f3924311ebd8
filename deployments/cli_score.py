"""`evenhand score`: batch predictions in this process."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from deployments.local import default_addresses, home_folder, services
from deployments.screen import console, plain, watch
from deployments.signals import stoppable
from evenhand.config import SourceConfig, load_config
from evenhand.events import Event
from evenhand.scoring.output import check_output

__all__ = ["score_file"]


def score_file(
    model: str,
    data: str,
    output: str,
    *,
    version: str,
    config: Path | None,
    reasons: int | None,
    key: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Look at the places first, since that takes no time, then run the flow and say what came out."""
    check_output(output, replace=force)
    asked = None if config is None else load_config(config).score
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    with stoppable(), watch(console(stderr=True)) as tell:
        tell(Event("started", "start-up"))
        with services():
            from flows.score import run_score

            tell(Event("finished", "start-up"))
            found = run_score(
                model,
                SourceConfig(path=data),
                output,
                version=version,
                score_config=asked,
                most_reasons=reasons,
                key=key,
                replace=force,
                on_event=tell,
            )
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        _print(found, console())
    return 0


def _print(found: dict[str, Any], out: Console) -> None:
    out.print(Text(f"{plain(found['model'])} version {found['version']}: {found['rows']:,} rows", style="bold"))
    if found["unnamed"]:
        told = f"  {found['unnamed']:,} rows have no key, or one that other rows have too: whose are they?"
        out.print(Text(told, style="yellow"), soft_wrap=True)
    for label, n in sorted(found["decisions"].items()):
        out.print(Text(f"  decided {plain(label)}: {n:,} ({n / found['rows']:.1%})"))
    for text, n in found["reasons"].items():
        out.print(Text(f"  reason of {n:,} rows: {plain(text)}", style="dim"), soft_wrap=True)
    out.print(Text(f"{plain(found['output'])}, SHA-256 {found['output_digest'][:12]}"), soft_wrap=True)
