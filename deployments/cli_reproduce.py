"""`evenhand reproduce`: a registered version trained again in this process, and compared."""

import json
import os
import re
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.cli_show import find_run
from deployments.local import default_addresses, home_folder, services
from deployments.screen import console, plain, watch
from deployments.signals import stoppable
from evenhand.events import Event
from evenhand.exceptions import ConfigError, ServiceError, shorten

__all__ = ["named_version", "reproduce_run"]

_DIFFERENT = 4


def reproduce_run(name: str, *, tolerance: float, as_json: bool) -> int:
    """Find out which version is meant, run the flow, and say how the second training compares."""
    if not 0 <= tolerance < 1:
        raise ConfigError(f"--tolerance is {tolerance:g}: give a number from 0 to below 1, such as 1e-6")
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    with stoppable(), watch(console(stderr=True)) as tell:
        tell(Event("started", "start-up"))
        with services():
            from flows.reproduce import run_reproduce

            model, version = named_version(name)
            tell(Event("finished", "start-up"))
            found = run_reproduce(model, version, tolerance=tolerance, on_event=tell)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        _print(found, console())
    return _DIFFERENT if found["verdict"] == "different" else 0


def named_version(name: str) -> tuple[str, str]:
    """The model and version that a person means: MODEL@VERSION, a run's identifier or its start, or MODEL.

    Raises
    ------
    ConfigError
        When it is none of them.
    ServiceError
        When the run waits for MLflow and so has no version yet.
    """
    model, at, version = name.rpartition("@")
    if at:
        if not (model and version.isdigit()):
            raise ConfigError(f"{shorten(name)} names no version: write MODEL@VERSION, such as loans@3")
        return model, version
    if re.fullmatch(r"[0-9a-f]{4,32}", name):
        return _version_of_run(name)
    return name, ""


def _version_of_run(run: str) -> tuple[str, str]:
    if len(run) == 32:  # a whole identifier: MLflow knows it wherever it was made
        from tasks.tracking.reading import version_of_run

        return version_of_run(run)
    outcome = find_run(run)
    if not outcome.model_version:
        raise ServiceError(f"run {run} waits for MLflow and has no version yet: `evenhand sync` delivers it")
    return outcome.model_name, outcome.model_version


def _print(found: dict[str, Any], out: Console) -> None:
    style = {"identical": "bold green", "within tolerance": "bold green", "different": "bold red"}[found["verdict"]]
    head = Text(f"{plain(found['model'])} version {found['version']}, trained again: ", style="bold")
    out.print(head.append(found["verdict"], style=style))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in (*found["checks"], *found["environment"]):
        table.add_row(check["name"], check["found"], Text(plain(check["detail"]), style="dim"))
    out.print(table)
    first = found["first_difference"]
    if first is not None:
        out.print(Text(f"First difference: {first['name']}. What comes after it follows from it."))
