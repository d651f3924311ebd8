"""What was tried against differences between groups: alternatives, before and after, and what closing a gap cost."""

from collections.abc import Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Items, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.sections.groups import gap_cell
from evenhand.card.text import count, join, metric_cell, number, plain, words

__all__ = ["mitigation_part"]

NOT_TRIED = "No less discriminatory alternatives to the model were searched."
FIGURES = ("accuracy", "balanced_accuracy", "roc_auc", "roc_auc_ovr", "f1", "f1_macro")
WHEN = ("before", "after")


def mitigation_part(inputs: Inputs) -> Section:
    """The part of the section on groups that says what was done about them."""
    found = inputs.mitigation
    blocks = _blocks(inputs, found) if found else (Text(NOT_TRIED, tone="absent"),)
    return Section("mitigation", "Alternatives with smaller differences", blocks)


def _blocks(inputs: Inputs, found: Mapping[str, Any]) -> tuple[Block, ...]:
    return (
        *_lead(found),
        *inputs.drawn(["alternatives"]),
        _compared(found, inputs.min_cell),
        *_changes(found, inputs.min_cell),
        _log(found),
        *_notes(found),
    )


def _lead(found: Mapping[str, Any]) -> tuple[Block, ...]:
    limits = join([_limit(limit) for limit in found["limits"]])
    tried = [one for one in found["alternatives"] if one["validation"] is not None]
    left = len(found["alternatives"]) - len(tried)
    text = (
        f"{count(len(tried))} models were compared on the {count(found['rows']['validation'])} rows of the validation "
        f"part{f', {left} more could not be tried' if left else ''}: the best {words(found['performance']).lower()} "
        f"among those with {limits}, for {join(list(found['attributes']))}, is taken."
    )
    lead: list[Block] = [Text(text)]
    if not found["met"]:
        lead.append(Text(f"None keeps the limit. {plain(found['selected'])} comes nearest and is used.", tone="flag"))
    elif found["selected"] == "unmitigated":
        lead.append(Text("The model as it was tuned is the best of them: it is not changed.", tone="good"))
    else:
        lead.append(Text(f"The model that this card is about is {plain(found['selected'])}, chosen that way.", "lead"))
    if found["needs_sensitive_features"]:
        lead.append(
            Text(
                f"It needs {join(list(found['attributes']))} of every person that it decides on, as columns of its "
                "input. Decisions that use such attributes are forbidden in many places: have that examined first.",
                tone="flag",
            )
        )
    lead += [
        Text(f"The gap by {plain(name)} became smaller by levelling down: no group was shown to be better off.", "flag")
        for name in found["levelling_down"]
    ]
    return tuple(lead)


def _limit(limit: Mapping[str, Any]) -> str:
    side = "of at least" if limit["metric"].endswith("_ratio") else "of at most"
    of = f" by {join(list(limit['attributes']))}" if limit["attributes"] else ""
    return f"a {words(limit['metric']).lower()}{of} {side} {number(limit['bound'])}"


def _compared(found: Mapping[str, Any], min_cell: int) -> Table:
    """Before and after on the test part, each with its interval."""
    from evenhand.fairness.tables import (  # imports pandas, which a card without mitigation does not need
        gap_of,
        view_of,
    )

    rows = []
    for limit in found["limits"]:
        for name in limit["attributes"] or found["attributes"]:
            audits = [found[when]["audit"] for when in WHEN]
            cells = [gap_cell(gap_of(audit, name, limit["metric"]), view_of(audit, name), min_cell) for audit in audits]
            rows.append((Cell(f"{words(limit['metric'])} by {plain(name)}"), *cells))
    known = [found[when]["evaluation"]["metrics"] for when in WHEN]
    rows += [
        (Cell(words(name)), *(metric_cell(one.get(name)) for one in known)) for name in FIGURES if name in known[0]
    ]
    caption = "The tuned model and the selected one on the test part"
    return Table(caption, ("Figure", "Before", "After"), tuple(rows))


def _changes(found: Mapping[str, Any], min_cell: int) -> tuple[Block, ...]:
    """What changed for each group; what rests on few people is withheld."""
    if found["selected"] == "unmitigated":
        return ()
    rows = tuple(
        (
            Cell(plain(one["attribute"])),
            Cell(plain(one["group"])),
            Cell(words(one["metric"])),
            Cell(count(one["n"]), float(one["n"])),
            *_change_cells(one, min_cell),
        )
        for one in found["changes"]
    )
    columns = ("Attribute", "Group", "Rate", "Rows", "Before", "After", "Change", "Interval")
    return (Table("Every group's own rates on the test part", columns, rows),)


def _change_cells(one: Mapping[str, Any], min_cell: int) -> tuple[Cell, ...]:
    if one["n"] < min_cell:
        return (Cell("withheld", tone="muted", detail=f"fewer than {min_cell} rows"), *(Cell("") for _ in range(3)))
    values = tuple(Cell(number(one[name]), one[name]) for name in ("before", "after", "change"))
    bounded = one["low"] is not None and one["high"] is not None
    return (*values, Cell(f"{number(one['low'])} to {number(one['high'])}" if bounded else "none"))


def _log(found: Mapping[str, Any]) -> Table:
    """Every alternative, its figures on the validation part, and why it lost."""
    limits = [limit["name"] for limit in found["limits"]]
    rows = []
    for one in found["alternatives"]:
        measured = one["validation"] or {"performance": None, "disparities": {}}
        gaps = [measured["disparities"].get(name, {}).get("value") for name in limits]
        figures = [measured["performance"], *gaps]
        shown = [Cell("none", tone="absent") if value is None else Cell(number(value), value) for value in figures]
        why = Cell(plain(one["reason"]), tone="good" if one["status"] == "selected" else "plain")
        rows.append((Cell(plain(one["label"]), detail=plain(one["family"])), *shown, Cell(plain(one["status"])), why))
    columns = ("Alternative", words(found["performance"]), *(plain(words(name)) for name in limits), "Outcome", "Why")
    note = (
        "Figures of the validation part, on which the choice was made; disparities are the worst over the attributes."
    )
    return Table("Log of every alternative", columns, tuple(rows), note)


def _notes(found: Mapping[str, Any]) -> tuple[Block, ...]:
    notes = [plain(note) for note in found["notes"]]
    if found.get("resample"):
        notes.append("Methods fit all training rows as they are: only the search and its trials drew rows anew.")
    return (Items(tuple(Cell(note) for note in notes)),) if notes else ()
