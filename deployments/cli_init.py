"""`evenhand init`: from a data file to a commented configuration."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.text import Text

from deployments.screen import console, plain
from evenhand.config import secret_in
from evenhand.config.draft import FILL_IN, Draft, draft_config, model_name
from evenhand.data.inspect import Inspection, inspect_frame
from evenhand.data.labels import alike_labels
from evenhand.data.sources import read_source
from evenhand.exceptions import ConfigError, DataError, nearest, shorten
from evenhand.store import write_text

__all__ = ["write_configuration"]

_MOST_DISTINCT = 20


def write_configuration(
    data: str,
    *,
    target: str | None,
    favorable_label: str | None,
    sensitive: Sequence[str],
    output: Path | None,
    model: str | None,
    force: bool,
) -> int:
    """Look at the data, write the file, and say what it leaves open."""
    if secret_in(data):
        raise ConfigError("the address holds a password or token in clear: write ${NAME} and set NAME")
    stem = model_name(model or Path(data.split("?", maxsplit=1)[0]).stem)
    file = output or Path(f"{stem.replace(' ', '-')}.yaml")
    if file.is_dir():
        raise ConfigError(f"{file} is a folder: name the file in it with --output")
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already: name another file with --output, or overwrite it with --force")
    if not file.parent.is_dir():
        raise ConfigError(f"{file.parent} is no folder: make it first, or name another file with --output")
    frame = read_source(path=data, unused=lambda _: True)
    draft = _draft(frame, data, file, target, favorable_label, sensitive, stem)
    write_text(file, draft_config(draft))
    _report(draft, file)
    return 0


def _draft(
    frame: pd.DataFrame,
    data: str,
    file: Path,
    target: str | None,
    favorable_label: str | None,
    sensitive: Sequence[str],
    model: str,
) -> Draft:
    if target is None:
        raise ConfigError(_which_target(inspect_frame(frame)))
    seen = inspect_frame(frame, target)
    _check_names(seen, target, sensitive)
    path = data if "://" in data or "::" in data else os.path.relpath(data, file.absolute().parent)
    draft = Draft(
        inspection=seen,
        source={"path": path},
        target=target,
        model=model,
        favorable_label=_as_written(favorable_label, seen.classes),
        sensitive=sensitive,
        bands=_bands(frame, {*seen.sensitive, *sensitive}),
    )
    _check_label(draft)
    return draft


def _as_written(label: str | None, known: Sequence[str]) -> str | None:
    """The label of the data; `true` of YAML and JSON is the `True` of a column of booleans."""
    if label is None or set(known) != {"True", "False"}:
        return label
    return label.capitalize() if label.lower() in ("true", "false") else label


def _which_target(seen: Inspection) -> str:
    likely = ", ".join(shorten(name) for name in seen.targets[:8])
    return "name the column to predict with --target" + (f"; it could be {likely}" if likely else "")


def _check_names(seen: Inspection, target: str, sensitive: Sequence[str]) -> None:
    names = [column.name for column in seen.columns]
    for name in sensitive:
        if name not in names:
            raise DataError(f"--sensitive {shorten(name)} is no column of the data: {nearest(name, names)}")
        if name == target:
            raise ConfigError(f"--sensitive {shorten(name)} is the target: name another column")


def _check_label(draft: Draft) -> None:
    label, labels = draft.favorable_label, draft.inspection.classes
    known = ("0", "1") if draft.numeric_target else labels
    if label is not None and label not in known:
        raise ConfigError(
            f"--favorable-label {shorten(label)} is no label of {shorten(draft.target)}: {nearest(label, known)}"
        )


def _bands(frame: pd.DataFrame, names: set[str]) -> dict[str, list[float]]:
    """For each sensitive number of many values the edges of four bands of about equal size, rounded to two digits."""
    edges = {}
    for name in names & set(frame.columns):
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > _MOST_DISTINCT:
            values = column.to_numpy(dtype=float, na_value=np.nan)
            quantiles = np.quantile(values[np.isfinite(values)], [0.25, 0.5, 0.75])
            edges[name] = sorted({float(f"{edge:.2g}") for edge in quantiles})
    return edges


def _noticed(seen: Inspection, target: str) -> Iterator[str]:
    """What the file says too, and nobody should overlook."""
    for same in alike_labels(seen.classes):
        yield f"look at {target}: {', '.join(map(repr, same))} differ only in case or spaces, and are several labels"
    distinct = {column.name: column.distinct for column in seen.columns}
    absent = next((column.missing for column in seen.columns if column.name == target), 0)
    if absent:
        rows = f"{absent:,} of {seen.rows:,} rows have none"
        yield f"look at {target}: {rows} (cells such as NA count so) and will be left out"
    for name in seen.people:
        many = f"{distinct[name]:,} values in {seen.rows:,} rows"
        yield f"look at {name}: {many}; if they name people, write data.group and split: {{method: group}}"


def _report(draft: Draft, file: Path) -> None:
    out = console()
    seen = draft.inspection
    shown = plain(file)
    out.print(
        Text(f"{shown}: a configuration for {seen.rows:,} rows and {len(seen.columns):,} columns"), soft_wrap=True
    )
    for question in draft.open_questions:
        out.print(Text(f"{FILL_IN} {question}: the file says how", style="bold yellow"), soft_wrap=True)
    for line in _noticed(seen, draft.target):
        out.print(Text(plain(line), style="yellow"), soft_wrap=True)
    if not seen.sensitive and not draft.sensitive:
        out.print(Text("no column looks sensitive by its name: add the attributes to compare"), soft_wrap=True)
    out.print(Text(f"next: read it, then\n  evenhand check {shown}\n  evenhand train {shown}"), soft_wrap=True)
