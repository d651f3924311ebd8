"""The first screen: what it is, for whom, on which data, how good, who differs, what is missing, what was decided."""

from collections.abc import Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Items, Section, Table, Text
from evenhand.card.inputs import HUMAN_FIELDS, Inputs
from evenhand.card.sections.data import parts_of, rows_of
from evenhand.card.sections.governance import OUTCOMES, decision_of
from evenhand.card.sections.groups import NOT_AUDITED, few_groups, four_fifths, gap_cell, headline_gap, verdict_cell
from evenhand.card.sections.limits import limitations
from evenhand.card.sections.parity import parity_detail
from evenhand.card.sections.performance import NOT_EVALUATED, headline_metrics
from evenhand.card.text import count, join, metric_cell, name_of, number, plain, words

__all__ = ["summary_section"]

SHORT = 260


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1].rsplit(" ", 1)[0] + " …"


def _what(inputs: Inputs) -> tuple[Block, ...]:
    model = inputs.model
    favorable = model.get("favorable_label", inputs.audit.get("favorable_label"))
    named = {
        "Kind": name_of(model["algorithm"]) if model.get("algorithm") else "not recorded",
        "Predicts": model.get("target") or inputs.data.get("target") or "not recorded",
        "Favorable": favorable if favorable not in (None, [], ()) else None,
        "Threshold": inputs.threshold.get("threshold"),
    }
    return (Facts(tuple((name, Cell(plain(value))) for name, value in named.items() if value is not None)),)


def _whom(inputs: Inputs) -> tuple[Block, ...]:
    said = inputs.statement("intended_use")[0]
    return (Text(_short(said.text), tone=said.tone, field=said.field),)


def _data(inputs: Inputs) -> tuple[Block, ...]:
    if not inputs.data:
        return (Text("Nothing was recorded about the data.", tone="absent"),)
    sizes = parts_of(inputs)
    features = inputs.data.get("features") or inputs.data.get("columns") or ()
    rows = rows_of(inputs)
    named = {
        "Data": inputs.data.get("name"),
        "Rows": count(rows) + (f" ({count(sizes['test'])} for this evidence)" if "test" in sizes else "")
        if rows
        else None,
        "Features": count(len(features)) if features else None,
        "Sensitive": join(list(inputs.data.get("sensitive") or ())) or None,
    }
    return (Facts(tuple((name, Cell(plain(value))) for name, value in named.items() if value)),)


def _good(inputs: Inputs) -> tuple[Block, ...]:
    if not inputs.metrics:
        return (Text(NOT_EVALUATED, tone="absent"),)
    rows = tuple((words(name), metric_cell(metric)) for name, metric in headline_metrics(inputs))
    return (Facts(rows),)


def _differ(inputs: Inputs) -> tuple[Block, ...]:
    if not inputs.audits():
        return (Text(NOT_AUDITED, tone="absent"),)
    rows = []
    for name, audited in inputs.audits().items():
        gap = headline_gap(audited, inputs.min_cell)
        if gap is None:
            rows.append((Cell(plain(name)), Cell("no disparity is defined", tone="absent"), Cell("none", tone="muted")))
            continue
        cell, between = (
            gap_cell(gap[1], audited, inputs.min_cell),
            " and ".join(map(plain, gap[1].get("between") or ())),
        )
        about = parity_detail(gap[0], audited, few_groups(audited, inputs.min_cell))
        said = f"{words(gap[0])} ({about})" if about else words(gap[0])
        said = f"{said}: {cell.detail}" if cell.detail else said
        value = Cell(cell.text, cell.value, cell.tone, said)
        rows.append((Cell(plain(name), detail=between), value, _verdicts(audited, inputs.min_cell)))
    look, note = inputs.look, ""
    if look.get("number") is not None:
        note = f"Verdicts as in the decision: look {look['number']} at this test set may spend {look['share']:.3g} of "
        note += "each policy's level."
    return (Table("Largest differences between groups", ("Over", "Difference", "Verdict"), tuple(rows), note),)


def _verdicts(audited: Mapping[str, Any], min_cell: int) -> Cell:
    """The worst verdict of the attribute, and the four-fifths flag beside it."""
    gap = headline_gap(audited, min_cell)
    cell = verdict_cell(gap[1] if gap else {})
    flag = four_fifths(audited, min_cell)
    if not flag.get("flag"):
        return cell
    tone = cell.tone if cell.tone == "flag" else "open"
    return Cell(cell.text, tone=tone, detail=f"selection ratio {number(flag['ratio'])}, under 4/5")


def _missing(inputs: Inputs) -> tuple[Block, ...]:
    missing = inputs.missing()
    if not missing:
        return (Text("Every statement that people owe is made.", tone="good"),)
    return (Items(tuple(Cell(HUMAN_FIELDS[name].label, tone="missing") for name in missing)),)


def _decided(inputs: Inputs) -> tuple[Block, ...]:
    label, tone = OUTCOMES[decision_of(inputs)]
    flags = sum(cell.tone == "flag" for cell in limitations(inputs))
    opens = sum(cell.tone == "open" for cell in limitations(inputs))
    found = f"{flags} finding{'s' * (flags != 1)} against it, {opens} open question{'s' * (opens != 1)}"
    said = f"{found}; see Limitations and risks."
    return (Text(label, tone=tone), Text(said, tone="muted"))


def summary_section(inputs: Inputs) -> Section:
    """The tiles of the first screen."""
    return Section(
        "summary",
        "Summary",
        inputs.statement("overview")[:1],
        (
            Section("summary-what", "What it is", _what(inputs)),
            Section("summary-whom", "For whom", _whom(inputs)),
            Section("summary-data", "On which data", _data(inputs)),
            Section("summary-good", "How good", _good(inputs)),
            Section("summary-differ", "Who is treated differently", _differ(inputs)),
            Section("summary-missing", "What people have not said", _missing(inputs)),
            Section("summary-decision", "Decision", _decided(inputs)),
        ),
        covers={
            "mitchell": ("Model Details", "Intended Use"),
            "hugging_face": ("Summary",),
            "annex_iv": ("1(a) intended purpose, provider, version",),
        },
    )
