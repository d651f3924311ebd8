"""`evenhand audit`: a registered version on any rows, by whomever, or files of predictions; nothing is trained."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from deployments.local import default_addresses, home_folder, services
from deployments.screen import console, plain, watch
from deployments.signals import stoppable
from evenhand.config import Config, SourceConfig, load_config
from evenhand.config.load import parse_config
from evenhand.events import Event
from evenhand.exceptions import ConfigError, DataError, Problem, nearest, shorten

__all__ = ["Asked", "audit"]

_CODES = {"PASS": 0, "INCONCLUSIVE": 3, "FAIL": 4, None: 3}
"""With --gate: no verdict is no evidence."""


@dataclass(frozen=True)
class Asked:
    """What stands on the command line, as `evenhand audit --help` explains it."""

    model: str = ""
    data: str = ""
    predictions: tuple[Path, ...] = ()
    y_true: str = ""
    y_pred: str = ""
    sensitive: str = ""
    favorable_label: tuple[str, ...] = ()
    score: str = ""
    weight: str = ""
    frequency: str = ""
    bins: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    trust_model: bool = False
    config: Path | None = None
    output: Path | None = None
    record: bool = True


def audit(asked: Asked, *, gate: bool, as_json: bool) -> int:
    """Check the words first, since that takes no time, then run the flow and say what came out."""
    _check(asked)
    bins = _bins(asked.bins)
    meant = _meant(asked, bins) if asked.trust_model else None
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    with stoppable(), watch(console(stderr=True)) as tell:
        tell(Event("started", "start-up"))
        with services():
            from flows.audit import run_audit_foreign, run_audit_predictions, run_audit_version

            tell(Event("finished", "start-up"))
            folder = "" if asked.output is None else str(asked.output)
            if meant is not None:
                found = _of_foreign(run_audit_foreign, asked, meant, folder, tell)
            elif asked.model:
                found = _of_version(run_audit_version, asked, folder, tell)
            else:
                found = _of_files(run_audit_predictions, asked, bins, folder, tell)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        _print(found, console())
    return _CODES[found["verdict"]] if gate else 0


def _of_version(run: Any, asked: Asked, folder: str, tell: Any) -> dict[str, Any]:
    from deployments.cli_reproduce import named_version

    model, version = named_version(asked.model)
    found: dict[str, Any] = run(
        model,
        SourceConfig(path=asked.data),
        version=version,
        policies=list(asked.policies) or None,
        folder=folder,
        record=asked.record,
        on_event=tell,
    )
    return found


def _of_foreign(run: Any, asked: Asked, meant: Config, folder: str, tell: Any) -> dict[str, Any]:
    from deployments.cli_reproduce import named_version

    model, version = named_version(asked.model)
    found: dict[str, Any] = run(
        model,
        meant,
        trust_model=asked.trust_model,
        version=version,
        weight=asked.weight,
        frequency=asked.frequency,
        classes=asked.classes,
        folder=folder,
        record=asked.record,
        on_event=tell,
    )
    return found


def _meant(asked: Asked, bins: dict[str, list[float]]) -> Config:
    """What the rows of a model that others made mean, and how they are judged: by a file, or by the options."""
    if asked.config is not None:
        found = load_config(asked.config)
        data = found.data.model_copy(update={"source": SourceConfig(path=asked.data), "name": ""} if asked.data else {})
        audit = found.audit.model_copy(update={"policies": list(asked.policies)} if asked.policies else {})
        return found.model_copy(update={"data": data, "audit": audit})
    names = [name.strip() for name in asked.sensitive.split(",")]
    if others := [name for name in bins if name not in names]:
        raise ConfigError(f"--bins names {shorten(others[0])}: {nearest(others[0], names)}")
    good = [label for label in asked.favorable_label if label]
    described = {
        "source": {"path": asked.data},
        "target": asked.y_true,
        "favorable_label": good if len(good) > 1 else next(iter(good), None),
        "sensitive": {name: {"bins": bins.get(name, [])} for name in names},
    }
    return parse_config({"model": "audit", "data": described, "audit": {"policies": list(asked.policies)}})


def _of_files(run: Any, asked: Asked, bins: dict[str, list[float]], folder: str, tell: Any) -> dict[str, Any]:
    from evenhand.config import AuditConfig
    from evenhand.fairness.columns import PredictionColumns

    columns = PredictionColumns(
        asked.y_true,
        asked.y_pred,
        tuple(name.strip() for name in asked.sensitive.split(",")),
        tuple(label for label in asked.favorable_label if label),
        asked.score,
        asked.weight,
        bins,
        asked.classes,
        asked.frequency,
    )
    found: dict[str, Any] = run(
        asked.predictions[0].stem,
        list(asked.predictions),
        columns,
        AuditConfig(policies=list(asked.policies)),
        folder=folder,
        record=asked.record,
        on_event=tell,
    )
    return found


def _check(asked: Asked) -> None:
    """Refuse what does not go together, all at once."""
    problems = []
    if bool(asked.model) == bool(asked.predictions):
        problems.append(Problem("audit", "give either a MODEL with --data, or --predictions with its columns"))
    columns = {"--y-true": asked.y_true, "--y-pred": asked.y_pred, "--sensitive": asked.sensitive}
    if asked.model and not asked.predictions:
        problems += _model_problems(asked)
    if asked.predictions and not asked.model:
        problems += [Problem(name, "is missing", "name the column") for name, value in columns.items() if not value]
        given = {"--trust-model": asked.trust_model, "--config": asked.config}
        problems += [Problem(name, "goes with a MODEL") for name, value in given.items() if value]
    places = () if asked.output is None else (asked.output, *asked.output.parents)
    problems += [
        Problem("--output", f"{plain(each)} is a file", "name a folder; it is made where it is missing")
        for each in places
        if each.exists() and not each.is_dir()
    ]
    if problems:
        raise ConfigError("this audit cannot start", problems)


def _model_problems(asked: Asked) -> Iterator[Problem]:
    """What does not go with a model: of Evenhand's own everything is known, of another's a person says it."""
    if not asked.data and asked.config is None:
        yield Problem("--data", "is missing", "name the rows, with target and sensitive columns")
    described = {
        "--y-true": asked.y_true,
        "--sensitive": asked.sensitive,
        "--favorable-label": asked.favorable_label,
        "--bins": asked.bins,
    }
    given = {"--y-pred": asked.y_pred, "--score": asked.score}
    yield from (Problem(name, "goes with --predictions") for name, value in given.items() if value)
    counted = {"--weight": asked.weight, "--frequency": asked.frequency, "--classes": asked.classes}
    if not asked.trust_model:
        which = "goes with --predictions, or with --trust-model for a model that Evenhand did not make"
        yield from (Problem(name, which) for name, value in {**described, **counted}.items() if value)
        if asked.config is not None:
            yield Problem("--config", "goes with --trust-model: the configuration of Evenhand's own models is known")
    elif asked.config is not None:
        yield from (Problem(name, "stands in --config") for name, value in described.items() if value)
    else:
        missing = [name for name in ("--y-true", "--sensitive") if not described[name]]
        yield from (Problem(name, "is missing", "name the column, or give --config") for name in missing)


def _bins(given: Sequence[str]) -> dict[str, list[float]]:
    """The edges of ``age=25,40,62``.

    Examples
    --------
    >>> _bins(["age=25,40"])
    {'age': [25.0, 40.0]}
    """
    found = {}
    for each in given:
        name, equals, edges = each.partition("=")
        try:
            found[name] = [float(edge) for edge in edges.split(",")]
        except ValueError:
            equals = ""
        if not equals or not name:
            raise DataError(f"--bins {shorten(each)} names no edges: write --bins age=25,40,62")
    return found


def _print(found: dict[str, Any], out: Console) -> None:
    styles = {"PASS": "bold green", "FAIL": "bold red"}
    head = Text(f"{plain(found['title'])}, {found['rows']:,} rows: ", style="bold")
    verdict = found["verdict"]
    out.print(head.append(verdict or "no verdict", style=styles.get(verdict, "bold yellow")), soft_wrap=True)
    for judged in found["policies"]:
        line = f"  {plain(judged['policy'])}: {judged['verdict'] or 'no limits'}"
        out.print(Text(line + (f" ({plain(judged['reason'])})" if judged["reason"] else "")), soft_wrap=True)
        for sentence in judged["settles"]:
            out.print(Text(f"    {plain(sentence)}"), soft_wrap=True)
    out.print(Text(f"  {plain(found['said'])}"), soft_wrap=True)
    for sentence in found["notes"]:
        out.print(Text(f"  {plain(sentence)}", style="dim"), soft_wrap=True)
    out.print(Text(plain(found["page"])), soft_wrap=True)
