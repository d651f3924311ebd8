"""The declared policies: where each comes from, its verdicts, and the tables that it asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Items, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.sections.groups import few_groups, gap_cell, verdict_cell
from evenhand.card.text import count, metric_cell, number, percent, plain, words

__all__ = ["policy_parts"]

Values = Mapping[str, Any]

NO_POLICY = "No policy was declared, so there is no verdict on any disparity."
# Kind of a table: what its rate is called, and what that is the share of.
RATES: Mapping[str, tuple[str, str]] = {
    "impact_ratio": ("Selection rate", "the share of a category that is given the favorable outcome"),
    "scoring_rate": ("Scoring rate", "the share of a category that scores above the median of all rows"),
}


def policy_parts(inputs: Inputs) -> tuple[Section, ...]:
    """A part that lists the verdicts, and one for each policy with its rules and tables."""
    judged: Sequence[Values] = inputs.audit.get("policies") or ()
    if not judged:
        return (Section("policies", "Policies and verdicts", (Text(NO_POLICY, tone="absent"),)),)
    rows = tuple((Cell(_title(one)), _verdict(one), Cell(_why(one))) for one in judged)
    overview = Table("The declared policies", ("Policy", "Verdict", "Why"), rows)
    parts = (Section(f"policy-{k}", _title(one), tuple(_policy(one, inputs))) for k, one in enumerate(judged, 1))
    return (Section("policies", "Policies and verdicts", (overview,)), *parts)


def _about(judged: Values) -> Values:
    found: Values = judged.get("policy") or judged
    return found


def _title(judged: Values) -> str:
    policy = _about(judged)
    return plain(policy.get("title") or policy.get("name") or "A policy without a name")


def _verdict(judged: Values) -> Cell:
    return verdict_cell(judged) if judged.get("verdict") else Cell("no verdict", tone="muted")


def _why(judged: Values) -> str:
    """The reason with the disparity's name as words; it begins with the name."""
    reason = plain(judged.get("reason") or "")
    for rule in judged.get("rules") or ():
        metric = str(rule.get("metric", "?"))
        if reason.startswith(f"{metric} "):
            return words(metric) + reason.removeprefix(metric)
    return reason


def _policy(judged: Values, inputs: Inputs) -> Iterator[Block]:
    policy = _about(judged)
    if policy.get("description"):
        yield Text(plain(policy["description"]))
    yield _origin(judged, inputs)
    rules = [rule for rule in judged.get("rules") or () if rule.get("verdict")]
    if rules:
        columns = ("Rule", "Verdict", "Over", "Value", "Interval", "Why")
        yield Table(f"Verdicts of {_title(judged)}", columns, tuple(_rule_row(rule, inputs) for rule in rules))
    made: Mapping[str, Mapping[str, Sequence[Values]]] = judged.get("tables") or {}
    for kind, by_attribute in made.items():
        for attribute, listed in by_attribute.items():
            yield _table(kind, attribute, listed, policy, inputs.min_cell)
    for kind in policy.get("tables") or ():
        if kind not in made:
            said = f"The table of {_rate_name(kind).lower()}s that this policy asks for could not be made: "
            why = (judged.get("tables_left_out") or {}).get(kind, "these rows have no score or no favorable outcome")
            yield Text(f"{said}{plain(why)}.", tone="absent")
    if policy.get("notes"):
        yield Items(tuple(Cell(plain(note)) for note in policy["notes"]))


def _origin(judged: Values, inputs: Inputs) -> Facts:
    policy = _about(judged)
    level = (("Level", _level(judged, inputs)),) if judged.get("rules") and policy.get("alpha") is not None else ()
    jurisdiction = plain(policy.get("jurisdiction") or "none")
    return Facts(
        (
            ("Source", Cell(plain(policy.get("source") or "not stated"))),
            ("Jurisdiction", Cell(jurisdiction, detail="no law" if jurisdiction == "none" else "")),
            ("In effect from", Cell(plain(policy.get("effective") or "not stated"))),
            *level,
        )
    )


def _level(judged: Values, inputs: Inputs) -> Cell:
    """The level of the verdicts, and what part of the policy's own it is: the later the look, the smaller the part."""
    alpha, share = _about(judged)["alpha"], judged.get("share")
    look = inputs.look.get("number")
    which = "this look" if look is None else f"look {look} at this test set"
    if share is None or share == 1:
        return Cell(f"{alpha:.3g}", detail="the policy's own")
    if not share:
        return Cell("none left", tone="open", detail=f"the error is spent: {which} may spend nothing")
    return Cell(f"{alpha:.3g}", detail=f"{which} may spend {share:.3g} of the policy's own {alpha / share:.3g}")


def _rule_row(rule: Values, inputs: Inputs) -> tuple[Cell, ...]:
    """A verdict with its figure, which is withheld where one of the two groups that it compares is."""
    side = "at most" if rule.get("kind") == "difference" else "at least"
    level = f"; level {rule['alpha']:.3g}" if rule.get("alpha") else ""
    name = str(rule.get("attribute", "?"))
    audited = inputs.audits().get(name) or inputs.audits("intersections").get(name) or {}
    gap = {"between": rule.get("pair"), **{key: rule.get(key) for key in ("value", "low", "high")}}
    cell = gap_cell(gap, audited, inputs.min_cell)
    # The remarks name the figure.
    remarks = () if cell.text == "withheld" else rule.get("notes") or ()
    return (
        Cell(words(rule.get("metric", "?")), detail=f"{side} {number(rule.get('limit'))}{level}"),
        verdict_cell(rule),
        Cell(plain(name)),
        replace(cell, detail=""),
        Cell(cell.detail or "none"),
        Cell(plain(rule.get("reason") or ""), detail="; ".join(map(plain, remarks))),
    )


def _rate_name(kind: str) -> str:
    return RATES[kind][0] if kind in RATES else words(kind)


def _table(kind: str, attribute: str, listed: Sequence[Values], policy: Values, min_cell: int) -> Table:
    """Rates and impact ratios of the categories of one attribute or intersection.

    A category of few rows keeps its count. Its rates are withheld, and where the highest rate is its own so are all the
    ratios: with the others' rates they would tell it.
    """
    rate, impact = _rate_name(kind), "Impact ratio"
    top = _highest(listed)
    few = few_groups({"groups": [{"group": row["name"], "n": row["n"]} for row in listed]}, min_cell)
    hidden = top if top is not None and top in few else None
    rows = tuple(
        (
            Cell(plain(row["name"]), detail=_mark(row)),
            Cell(count(row["n"]), float(row["n"])),
            Cell(percent(row["share"]), row["share"]),
            _rate(row, min_cell),
            _ratio(row, hidden, min_cell),
        )
        for row in listed
    )
    caption = f"{rate}s and impact ratios by {plain(attribute)}"
    note = " ".join(_notes(kind, listed, policy, None if hidden else top))
    return Table(caption, ("Category", "Rows", "Share of all rows", rate, impact), rows, note)


def _highest(listed: Sequence[Values]) -> str | None:
    """The category whose rate the ratios are over: the one whose own ratio is 1 by definition, without an interval.

    Another of the same rate tells the same, so the larger of them is named.
    """
    ones = [row for row in listed if row["impact_ratio"] == 1]
    return str(max(ones, key=lambda row: row["n"])["name"]) if ones else None


def _mark(row: Values) -> str:
    marks = (
        "unknown category" if row["unknown"] else "",
        "may be left out, shown all the same" if row["may_leave_out"] else "",
    )
    return "; ".join(mark for mark in marks if mark)


def _withheld(min_cell: int) -> Cell:
    return Cell("withheld", tone="muted", detail=f"fewer than {min_cell} rows")


def _rate(row: Values, min_cell: int) -> Cell:
    if row["n"] == 0:
        return Cell("undefined", tone="absent", detail="no rows")
    if row["n"] < min_cell:
        return _withheld(min_cell)
    return metric_cell({"value": row["rate"], "low": row["rate_low"], "high": row["rate_high"]})


def _ratio(row: Values, hidden: str | None, min_cell: int) -> Cell:
    if row["impact_ratio"] is None:
        return Cell("none" if row["unknown"] else "undefined", tone="absent", detail=plain(row["reason"]))
    if row["n"] < min_cell:
        return _withheld(min_cell)
    if hidden is not None:
        return Cell("withheld", tone="muted", detail=f"over the rate of {plain(hidden)}, fewer than {min_cell} rows")
    cell = metric_cell({"value": row["impact_ratio"], "low": row["ratio_low"], "high": row["ratio_high"]})
    if row["ratio_low"] is None:
        return replace(cell, detail="the highest rate")
    if row["ratio_high"] is None:
        return replace(cell, detail=f"{number(row['ratio_low'])} and above", interval=(row["ratio_low"], None))
    return cell


def _notes(kind: str, listed: Sequence[Values], policy: Values, top: str | None) -> Iterator[str]:
    if kind in RATES:
        yield f"{RATES[kind][0]}: {RATES[kind][1]}."
    if top is not None:
        yield f"Impact ratio: that rate over the rate of {plain(top)}."
    unknown, n = sum(row["n"] for row in listed if row["unknown"]), sum(row["n"] for row in listed)
    if unknown:
        yield f"{count(unknown)} of {count(n)} rows are of an unknown category: counted, without an impact ratio."
    else:
        yield f"None of {count(n)} rows is of an unknown category."
    if any(row.get("weighted") for row in listed):
        yield "Rates and ratios are of the people whom the rows stand for by their weights; rows are counted plainly."
    least = policy.get("may_leave_out_under")
    if least is not None and any(row["may_leave_out"] for row in listed):
        yield f"The source lets categories under {percent(least)} of all rows be left out; they are shown."
