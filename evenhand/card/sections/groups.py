"""How the model treats each group: rates with intervals, and gaps with verdicts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evenhand.card.blocks import Block, Cell, Section, Table, Text, Tone
from evenhand.card.inputs import Inputs
from evenhand.card.sections.parity import class_of_ratio, parity_detail, share_of
from evenhand.card.text import count, join, metric_cell, number, percent, plain, words
from evenhand.disclosure import rests_on_few

__all__ = [
    "GAPS",
    "NOT_AUDITED",
    "few_groups",
    "four_fifths",
    "gap_cell",
    "groups_section",
    "headline_gap",
    "verdict_cell",
]

VERDICT_TONES: Mapping[str, Tone] = {"PASS": "good", "FAIL": "flag", "INCONCLUSIVE": "open"}
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy", "auc", "roc_auc")
GAPS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "predictive_parity_difference",
    "accuracy_equality_difference",
    "accuracy_equality_ratio",
)
FOUR_FIFTHS = 0.8
NOT_AUDITED = "The model's decisions were not compared between groups."


def verdict_cell(gap: Mapping[str, Any]) -> Cell:
    """A gap's verdict, or that no rule was declared for it."""
    verdict = gap.get("verdict")
    if not verdict:
        return Cell("no rule", tone="muted")
    return Cell(plain(verdict), tone=VERDICT_TONES.get(str(verdict), "plain"))


def headline_gap(audited: Mapping[str, Any], min_cell: int) -> tuple[str, Mapping[str, Any]] | None:
    """The gap of an attribute that a reader wants first: one with a verdict, the worst before the others."""
    gaps, few = audited.get("disparities") or {}, few_groups(audited, min_cell)
    named = [(name, gaps[name]) for name in _main(gaps)]
    shown = [(name, gap) for name, gap in named if not few & set(map(str, gap.get("between") or ()))]
    for wanted in ("FAIL", "INCONCLUSIVE", "PASS"):
        for name, gap in (*shown, *named):
            if gap.get("verdict") == wanted:
                return name, gap
    return next(iter((*shown, *named)), None)


def few_groups(audited: Mapping[str, Any], min_cell: int) -> set[str]:
    """Groups so small that a figure about them tells what happened to each."""
    return {str(group["group"]) for group in audited.get("groups") or () if group["n"] < min_cell}


def gap_cell(gap: Mapping[str, Any], audited: Mapping[str, Any], min_cell: int) -> Cell:
    """A gap with its interval, unless one side of it is a group whose rates are withheld: it would give them away."""
    withheld = few_groups(audited, min_cell) & set(map(str, gap.get("between") or ()))
    if withheld:
        detail = f"rests on {join(sorted(withheld))}, fewer than {min_cell} rows"
        return Cell("withheld", tone="muted", detail=detail)
    return metric_cell(gap)


def four_fifths(audited: Mapping[str, Any], min_cell: int) -> Mapping[str, Any]:
    """The four-fifths flag of an attribute, over the groups whose rates are shown.

    The audit takes it over every group. Where its lowest or highest rate is that of a group of very few rows, the ratio
    says nothing and gives that rate away, so it is taken here over the others.
    """
    found: Mapping[str, Any] = (audited.get("disparities") or {}).get("four_fifths") or {}
    few = few_groups(audited, min_cell)
    if not few & {str(found.get("group")), str(found.get("reference"))}:
        return found
    rates = {
        str(group["group"]): group["metrics"].get("selection_rate", {}).get("value")
        for group in audited.get("groups") or ()
        if str(group["group"]) not in few
    }
    known = {group: rate for group, rate in rates.items() if rate is not None}
    if len(known) < 2 or max(known.values()) == 0:
        return {}
    low, high = min(known, key=lambda group: known[group]), max(known, key=lambda group: known[group])
    ratio = known[low] / known[high]
    return {"ratio": ratio, "flag": ratio < FOUR_FIFTHS, "group": low, "reference": high, "among": min_cell}


def gap_rows(audited: Mapping[str, Any], min_cell: int) -> tuple[tuple[Cell, ...], ...]:
    """A row for each main gap and each with a verdict: verdict, value, interval, p-value, between whom."""
    gaps = audited.get("disparities") or {}
    few = few_groups(audited, min_cell)
    return tuple(
        _gap_row(name, gaps[name], gap_cell(gaps[name], audited, min_cell), parity_detail(name, audited, few))
        for name in _main(gaps)
    )


def _main(gaps: Mapping[str, Any]) -> list[str]:
    """The gaps that every reader wants, and any other that a policy has a rule for."""
    return [name for name in GAPS if name in gaps] + [
        name for name, gap in gaps.items() if name not in GAPS and gap.get("verdict")
    ]


def _gap_row(name: str, gap: Mapping[str, Any], cell: Cell, about: str) -> tuple[Cell, ...]:
    bounded = cell.value is not None and gap.get("low") is not None and gap.get("high") is not None
    left = gap.get("undefined") or {}
    details = "; ".join(said for said in (about, f"not defined for {join(list(left))}" if left else "") if said)
    return (
        Cell(words(name), detail=details),
        verdict_cell(gap),
        replace(cell, detail="") if bounded else cell,
        Cell(cell.detail) if bounded else Cell("none", tone="absent"),
        Cell("none" if gap.get("p_value") is None else number(gap["p_value"]), gap.get("p_value")),
        Cell(" and ".join(plain(group) for group in gap.get("between") or ()) or "none"),
    )


def _group_row(group: Mapping[str, Any], names: tuple[str, ...], min_cell: int) -> tuple[Cell, ...]:
    mark = "small" if group.get("small") else ""
    head = (Cell(plain(group["group"]), detail=mark), Cell(count(group["n"]), float(group["n"])))
    return head + tuple(_rate(group["metrics"].get(name), min_cell) for name in names)


def _rate(metric: Mapping[str, Any] | None, min_cell: int) -> Cell:
    """A rate, unless it rests on so few people that it would tell what happened to each."""
    if metric is not None and rests_on_few(metric, min_cell):
        return Cell("withheld", tone="muted", detail=f"fewer than {min_cell} rows")
    return metric_cell(metric)


def _groups_table(name: str, audited: Mapping[str, Any], min_cell: int) -> Table:
    groups = audited.get("groups") or ()
    names = tuple(metric for metric in RATES if any(metric in group["metrics"] for group in groups))
    headings = ["Group", "Rows", *map(words, names)]
    label = class_of_ratio(audited, few_groups(audited, min_cell))
    if label is not None:
        names += (share_of(label),)
        headings.append(f"Share given class {plain(label)}")
    rows = tuple(_group_row(group, names, min_cell) for group in groups)
    return Table(f"Every group of {plain(name)} on the test part", tuple(headings), rows)


def _flag(audited: Mapping[str, Any], min_cell: int) -> tuple[Block, ...]:
    found = four_fifths(audited, min_cell)
    if found.get("ratio") is None:
        return ()
    between = f"{plain(found.get('group'))} to {plain(found.get('reference'))}"
    between += f", among groups of at least {min_cell} rows" if found.get("among") else ""
    text = f"Lowest over highest selection rate: {number(found['ratio'])} ({between})."
    if found.get("flag"):
        return (Text(f"{text} Under four fifths (29 CFR 1607.4D): a flag, not a verdict.", tone="flag"),)
    return (Text(f"{text} Not under four fifths (29 CFR 1607.4D); that alone shows nothing."),)


def _reason(gap: Mapping[str, Any], audited: Mapping[str, Any], min_cell: int) -> str:
    """Why a verdict is what it is; where rates are withheld, without what rests on them.

    These are the value over everybody, and the rows that would settle the verdict at the rates seen.
    """
    told = plain(gap["reason"])
    if not few_groups(audited, min_cell):
        return told
    return told.partition("; the value with them is ")[0].partition("; to settle it: ")[0]


def _attribute(inputs: Inputs, name: str, audited: Mapping[str, Any], place: int, kind: str) -> Section:
    # The verdict stands where a narrow screen shows it before the table is moved.
    columns = ("Disparity", "Verdict", "Value", "Interval", "p of equality", "Between")
    reasons = tuple(
        Text(f"{words(gap)}: {_reason(found, audited, inputs.min_cell)}.".replace("..", "."), tone="muted")
        for gap, found in (audited.get("disparities") or {}).items()
        if found.get("verdict") and found.get("reason")
    )
    blocks: tuple[Block, ...] = (
        *_flag(audited, inputs.min_cell),
        *inputs.drawn([f"rates:{plain(name)}"]),
        _groups_table(name, audited, inputs.min_cell),
        Table(f"Disparities of {plain(name)} between groups", columns, gap_rows(audited, inputs.min_cell)),
        *reasons,
    )
    return Section(f"{kind}-{place}", f"By {plain(name)}", blocks)


def _factors(inputs: Inputs) -> tuple[Block, ...]:
    audit = inputs.audit
    if not audit:
        return (Text(NOT_AUDITED, tone="absent"),)
    least = (audit.get("settings") or {}).get("min_group_size") or (audit.get("settings") or {}).get("minimum")
    confidence = percent((audit.get("settings") or {}).get("confidence", 0.95), 0)
    favorable = audit.get("favorable_label")
    about = f" The favorable outcome is {plain(favorable)}." if favorable not in (None, [], ()) else ""
    small = f" Groups under {plain(least)} rows are shown and marked as small." if least else ""
    text = (
        f"Decisions on the {count(audit.get('n'))} rows of the test part, compared over {join(list(inputs.audits()))}"
        f" and their intersections.{about} Intervals hold with {confidence} confidence each, those beside a verdict at "
        f"its level.{small} Rates that rest on "
        f"fewer than {inputs.min_cell} rows are withheld, since they would tell of single people. Rows without a value "
        "are the group unknown."
    )
    return (Text(text), *inputs.drawn(["gaps"]))


def groups_section(inputs: Inputs) -> Section:
    """Every attribute, and the intersections."""
    parts = [_attribute(inputs, name, found, k, "group") for k, (name, found) in enumerate(inputs.audits().items(), 1)]
    crossed = inputs.audits("intersections")
    parts += [_attribute(inputs, name, found, k, "intersection") for k, (name, found) in enumerate(crossed.items(), 1)]
    return Section(
        "groups",
        "Groups",
        _factors(inputs),
        tuple(parts),
        covers={
            "mitchell": ("Factors", "Quantitative Analyses"),
            "toolkit": ("quantitative_analysis: performance_metrics", "quantitative_analysis: graphics"),
            "hugging_face": ("Factors", "Bias, Risks, and Limitations"),
            "annex_iv": ("2(g) validation and testing, accuracy, robustness, discriminatory impacts",),
        },
    )
