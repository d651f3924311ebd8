"""What steps hand to the tracked run: typed items that become one record, as JSON and files."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = [
    "Child",
    "File",
    "Item",
    "Metrics",
    "Params",
    "RunRef",
    "Series",
    "Table",
    "Tags",
    "Text",
    "lay_out",
    "link",
    "metric_name",
    "to_body",
]

_PARAM_LENGTH = 6000


@dataclass(frozen=True)
class RunRef:
    """A run by name: small and JSON-able, so that tasks can pass it on.

    Attributes
    ----------
    run_id, experiment_id
        MLflow's identifiers; "" as long as the run waits for MLflow.
    model
        The registered model's name.
    key
        Ours, from the first moment: the run's outbox and its tag ``evenhand.run_key``.
    started
        When the run began, in UTC, as ISO 8601 has it.
    """

    run_id: str
    experiment_id: str
    model: str
    key: str = ""
    started: str = ""

    @property
    def name(self) -> str:
        """MLflow's identifier, or ours as long as there is none."""
        return self.run_id or self.key

    def to_dict(self) -> dict[str, str]:
        """As a dictionary of strings."""
        return asdict(self)


@dataclass(frozen=True)
class Params:
    """Parameters of the run: what was asked for."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Metrics:
    """Figures of the run, one value each; what is undefined (None, NaN) is left out."""

    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Series:
    """Figures with steps: name to (step, value) pairs."""

    values: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Tags:
    """Tags of the run."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table that MLflow's page shows; `name` ends in .json."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Text:
    """A text artifact."""

    name: str
    text: str


@dataclass(frozen=True)
class File:
    """A file or a folder as artifact, below `folder` of the run."""

    path: Path
    folder: str = ""


@dataclass(frozen=True)
class Child:
    """A child run, known by its `key` below its parent."""

    key: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


Item = Params | Metrics | Series | Tags | Table | Text | File | Child


def metric_name(*parts: str) -> str:
    """A name that MLflow accepts, from any text: parts joined by `/`, other signs replaced by `_`.

    Examples
    --------
    >>> metric_name("group", "race=black & sex=<b>", "true_positive_rate")
    'group/race_black _ sex__b_/true_positive_rate'
    """
    return "/".join(re.sub(r"[^\w\-. ]", "_", part).strip() or "_" for part in parts)[:250]


def to_body(items: Iterable[Item]) -> dict[str, Any]:
    """The figures, parameters, tags and child runs of items as JSON values: files are :func:`lay_out`'s.

    Examples
    --------
    >>> to_body([Metrics({"auc": 0.5, "undefined": None}), Params({"depth": 3})])
    {'metrics': [['auc', 0.5, 0]], 'params': {'depth': '3'}, 'tags': {}, 'children': []}
    """
    body: dict[str, Any] = {"metrics": [], "params": {}, "tags": {}, "children": []}
    for item in items:
        if isinstance(item, Metrics):
            body["metrics"] += _points(item.values)
        elif isinstance(item, Series):
            for name, pairs in item.values.items():
                body["metrics"] += [[name, float(value), int(at)] for at, value in pairs if math.isfinite(value)]
        elif isinstance(item, Params):
            body["params"] |= _params(item.values)
        elif isinstance(item, Tags):
            body["tags"] |= dict(item.values)
        elif isinstance(item, Child):
            body["children"].append(
                {
                    "key": item.key,
                    "name": item.name,
                    "metrics": _points(item.metrics),
                    "params": _params(item.params),
                    "tags": dict(item.tags),
                }
            )
    return body


def _points(values: Mapping[str, float | None]) -> list[list[Any]]:
    return [[name, float(value), 0] for name, value in values.items() if value is not None and math.isfinite(value)]


def _params(values: Mapping[str, Any]) -> dict[str, str]:
    return {metric_name(name): _param(value) for name, value in values.items()}


def _param(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _PARAM_LENGTH else text[: _PARAM_LENGTH - 3] + "..."


def lay_out(items: Iterable[Item], folder: Path) -> None:
    """Put the files of items below `folder` as they are to stand below the run's artifacts.

    Files are hard links, so that nothing is copied and nothing is lost when the store is cleaned up meanwhile.
    """
    for item in items:
        if isinstance(item, Table):
            split = item.frame.astype(object).where(item.frame.notna(), None).to_dict("split")
            text = json.dumps({"columns": split["columns"], "data": split["data"]}, default=str)
            _write(folder / item.name, text)
        elif isinstance(item, Text):
            _write(folder / item.name, item.text)
        elif isinstance(item, File) and item.path.is_dir():
            for path in sorted(item.path.rglob("*")):
                if path.is_file():
                    link(path, folder / item.folder / path.relative_to(item.path))
        elif isinstance(item, File):
            link(item.path, folder / item.folder / item.path.name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy of it where the file system has no such thing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
