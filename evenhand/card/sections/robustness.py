"""How the model's decisions hold when rows come otherwise than expected."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import count, metric_cell, plain, words
from evenhand.modeling.robustness_names import FIGURES

__all__ = ["NOT_TRIED", "robustness_section"]

NOT_TRIED = "The model was not tried on noisy, incomplete or shifted rows."
INTRO = (
    "The model decided again on test rows that were changed a little, and of each figure more is better. Figures that "
    "rest on fewer than {min_cell} rows are withheld."
)


def robustness_section(inputs: Inputs) -> Section:
    """Every figure with its interval, then every group's."""
    found = inputs.robustness
    blocks = _blocks(inputs, found) if found else (Text(NOT_TRIED, tone="absent"),)
    parts = tuple(_by_group(name, place, found, inputs.min_cell) for place, name in enumerate(_attributes(found), 1))
    return Section(
        "robustness",
        "Robustness",
        blocks,
        parts,
        covers={
            "mitchell": ("Quantitative Analyses",),
            "annex_iv": ("2(g) validation and testing, accuracy, robustness, discriminatory impacts",),
        },
    )


def _blocks(inputs: Inputs, found: Mapping[str, Any]) -> tuple[Block, ...]:
    rows = tuple(_row(name, figure, inputs.min_cell) for name, figure in found.items())
    table = Table("Every figure on the test part", ("Figure", "Value", "Rows"), rows)
    said = Facts(tuple((words(name), Cell(FIGURES[name])) for name in found if name in FIGURES))
    return (Text(INTRO.format(min_cell=inputs.min_cell)), *inputs.drawn(["robustness"]), table, said)


def _row(name: str, figure: Mapping[str, Any], min_cell: int) -> tuple[Cell, ...]:
    setting = plain(figure.get("setting") or "")
    done = plain(figure.get("check") or "") + (f": {setting}" if setting else "")
    rows = figure.get("n")
    return (
        Cell(words(name), detail=done),
        _noted(_value(figure, min_cell), figure),
        Cell(count(rows), None if rows is None else float(rows)),
    )


def _noted(cell: Cell, figure: Mapping[str, Any]) -> Cell:
    """A value with what a reader must know about it."""
    reason = plain(figure.get("reason") or "")
    return replace(cell, detail=f"{cell.detail}; {reason}") if cell.value is not None and reason else cell


def _value(figure: Mapping[str, Any] | None, min_cell: int) -> Cell:
    """A figure with its interval, unless so few people stand behind it that it would tell what happened to each."""
    if figure is not None and figure.get("value") is not None and (figure.get("n") or 0) < min_cell:
        return Cell("withheld", tone="muted", detail=f"fewer than {min_cell} rows")
    if figure is not None and figure.get("value") is None and str(figure.get("reason")).startswith("fewer than"):
        return Cell("withheld", tone="muted", detail=plain(figure["reason"]))
    return metric_cell(figure)


def _attributes(found: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for figure in found.values() for name in figure.get("groups") or ()))


def _by_group(attribute: str, place: int, found: Mapping[str, Any], min_cell: int) -> Section:
    """A table of every figure by the groups of an attribute."""
    groups = list(dict.fromkeys(name for figure in found.values() for name in _of(figure, attribute)))
    rows = tuple(
        (Cell(words(name)), *(_value(_of(figure, attribute).get(group), min_cell) for group in groups))
        for name, figure in _defined(found)
    )
    columns = ("Figure", *map(plain, groups))
    return Section(
        f"robust-{place}",
        f"By {plain(attribute)}",
        (Table(f"Every figure by the groups of {plain(attribute)}", columns, rows),),
    )


def _of(figure: Mapping[str, Any], attribute: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (figure.get("groups") or {}).get(attribute) or {}
    return found


def _defined(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The figures that everybody has: one that is nowhere defined says so once, above."""
    yield from ((name, figure) for name, figure in found.items() if figure.get("value") is not None)
