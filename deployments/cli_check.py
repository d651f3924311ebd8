"""`evenhand check`: a configuration and its data, looked at before anything is trained."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from deployments.local import default_addresses, home_folder
from deployments.screen import console, plain
from evenhand.config import Config, check_rows, load_config
from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.data.findings import find_all
from evenhand.data.labels import find_alike_labels
from evenhand.data.people import find_people
from evenhand.data.splits import split_dataset
from evenhand.home import sqlite_file

__all__ = ["check_configuration"]


def check_configuration(path: Path, overrides: Sequence[str]) -> int:
    """Raise what is wrong; otherwise say what the data are and what is noteworthy in them."""
    config = load_config(path, overrides)
    out = console()
    _say(out, f"configuration: {path} is valid")
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    from tasks.rows import load_rows

    promised, held = _contract(config)
    rows = load_rows(config.data, promised)
    check_rows(config, list(rows.X.columns), len(rows.classes))
    for line in _about(rows, config):
        _say(out, line)
    split = split_dataset(rows, **config.split.drawn_by(), seed=config.seed)
    _say(out, f"split: {', '.join(f'{part} {count:,}' for part, count in split.counts().items())}")
    _say(out, held)
    findings = find_all(rows.take(split.rows("train")), seed=config.seed)
    people = find_people(rows, split, config.split.people)
    for finding in dict.fromkeys((*rows.findings, *find_alike_labels(rows), *people, *findings)):
        _say(out, f"look at {finding.column}: {finding.message}", style="yellow")
    _say(out, f"next: evenhand train {path}")
    return 0


def _say(out: Console, line: str, style: str = "") -> None:
    out.print(Text(plain(line), style=style), soft_wrap=True)


def _about(rows: Dataset, config: Config) -> Iterator[str]:
    yield f"data: {rows.name}, {len(rows):,} rows, {rows.X.shape[1]} features, digest {rows.digest[:12]}"
    counts = rows.y.value_counts(sort=False)
    shown = ", ".join(f"{label}: {counts[label]:,}" for label in rows.classes)
    good = favorable_labels(rows.favorable_label)
    said = f"; {', '.join(map(str, good))} {'is' if len(good) == 1 else 'are'} favorable" if good else ""
    yield f"target: {config.data.target}, {rows.task} ({shown}{said})"
    for name in rows.sensitive_features.columns:
        counted = rows.sensitive_features[name].value_counts()
        groups = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))
        few = config.audit.min_group_size
        parts = (f"{group}: {n:,}{' (few)' if n < few else ''}" for group, n in groups)
        yield f"sensitive: {name} ({', '.join(parts)})"


def _contract(config: Config) -> tuple[dict[str, Any] | None, str]:
    """The contract of the model's newest version, when the rows are held to one, and what to say once they keep it."""
    none = "contract: none yet; the first run makes one"
    file = sqlite_file(os.environ["MLFLOW_TRACKING_URI"])
    if file is not None and not file.is_file():
        return None, none
    from tasks.registry import latest_contract
    from tasks.step import listening

    silence: list[str] = []
    with listening(lambda event: silence.append(event.message)):
        found = latest_contract(config.model)
    if found is None:
        return None, f"contract: {silence[0]}" if silence else none
    if config.data.contract == "renew":
        return None, "contract: not compared, since data.contract is renew"
    return found, "contract: the rows keep it" + (f", as far as is known here: {silence[0]}" if silence else "")
