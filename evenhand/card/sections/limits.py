"""What the model cannot be trusted with: what the evidence shows, and what people say."""

from collections.abc import Iterator, Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Items, Section, Text
from evenhand.card.inputs import Inputs
from evenhand.card.sections.data import sampled
from evenhand.card.sections.groups import GAPS, four_fifths
from evenhand.card.text import count, join, number, plain, words
from evenhand.modeling.search_words import told_limit

__all__ = ["limitations", "limits_section"]

WIDE = 0.1
"""An interval of a rate wider than this is named as a limitation: a tenth is the usual limit of a difference."""


def _of_audit(inputs: Inputs) -> Iterator[Cell]:
    for kind in ("attributes", "intersections"):
        for name, audited in inputs.audits(kind).items():
            yield from _of_groups(plain(name), audited)
            yield from _of_gaps(plain(name), audited, inputs.min_cell)


def _of_groups(name: str, audited: Mapping[str, Any]) -> Iterator[Cell]:
    small = [group for group in audited.get("groups") or () if group.get("small")]
    if small:
        sizes = join([f"{group['group']} ({count(group['n'])})" for group in small])
        yield Cell(f"{name}: too few rows to say much about {sizes}.", tone="open")
    unknown = {
        words(metric).lower(): found.get("reason")
        for group in audited.get("groups") or ()
        for metric, found in group["metrics"].items()
        if metric in ("selection_rate", "true_positive_rate", "false_positive_rate") and found.get("value") is None
    }
    if unknown:
        yield Cell(f"{name}: {join(list(unknown))} undefined for at least one group.", tone="open")


def _of_gaps(name: str, audited: Mapping[str, Any], min_cell: int) -> Iterator[Cell]:
    ratio_found = four_fifths(audited, min_cell)
    if ratio_found.get("flag"):
        ratio = number(ratio_found["ratio"])
        yield Cell(f"{name}: the lowest selection rate is {ratio} of the highest, under four fifths.", tone="flag")
    for gap, found in (audited.get("disparities") or {}).items():
        if found.get("verdict") == "FAIL":
            yield Cell(f"{name}: {words(gap).lower()} lies beyond its declared limit.", tone="flag")
        elif found.get("verdict") == "INCONCLUSIVE":
            yield Cell(
                f"{name}: whether {words(gap).lower()} keeps its limit cannot be said from these rows.", tone="open"
            )
        elif gap in GAPS and found.get("value") is None:
            yield Cell(f"{name}: {words(gap).lower()} is undefined.", tone="open")


def _of_metrics(inputs: Inputs) -> Iterator[Cell]:
    undefined = [words(name) for name, metric in inputs.metrics.items() if metric.get("value") is None]
    if undefined:
        yield Cell(f"Undefined on the test part: {join(undefined)}.", tone="open")
    wide = [
        words(name)
        for name, metric in inputs.metrics.items()
        if metric.get("low") is not None
        and metric.get("high") is not None
        and metric["high"] <= 1
        and metric["high"] - metric["low"] > WIDE
    ]
    if wide:
        yield Cell(
            f"Uncertain by more than a tenth on {count(inputs.evaluation.get('n'))} rows: {join(wide)}.", tone="open"
        )


def _of_classes(inputs: Inputs) -> Iterator[Cell]:
    found = inputs.evaluation.get("confusion") or {}
    counts = found.get("counts") or ()
    never = [
        plain(label)
        for place, label in enumerate(found.get("labels") or ())
        if any(counts[place]) and not any(row[place] for row in counts)
    ]
    if never:
        yield Cell(f"Never predicted on the test part, though they occur there: {join(never)}.", tone="flag")


def _of_sample(inputs: Inputs) -> Iterator[Cell]:
    drawn = sampled(inputs)
    if drawn is not None:
        yield Cell(
            f"Trained and assessed on a sample: {count(drawn['rows'])} of {count(drawn['of'])} rows.", tone="open"
        )


def _of_search(inputs: Inputs) -> Iterator[Cell]:
    limited = inputs.search.get("fairness") or {}
    if limited.get("met", True):
        return
    said = f"Search: {plain(told_limit(inputs.search))}"
    changed = inputs.mitigation
    if changed.get("met") and changed.get("selected") != "unmitigated":
        yield Cell(f"{said} The model of this card is an alternative to it that keeps its own limits.", tone="open")
    else:
        yield Cell(said, tone="flag")


def _of_features(inputs: Inputs) -> Iterator[Cell]:
    for finding in inputs.data.get("findings") or ():
        if finding.get("kind") in (
            "leakage",
            "restates_sensitive",
            "shared_people",
            "repeated_people",
            "unnamed_people",
        ):
            yield Cell(f"Data: {plain(finding['column'])}: {plain(finding['message'])}", tone="flag")
    for report in inputs.explanation.get("proxies") or ():
        if (report.get("together") or {}).get("above_chance"):
            auc = number(report["together"]["auc"])
            yield Cell(
                f"{plain(report['attribute'])}: the features together tell it with an AUC of {auc}, so leaving it out "
                "does not keep the model from using it.",
                tone="open",
            )


def _of_gaps_in_evidence(inputs: Inputs) -> Iterator[Cell]:
    for name, result in (
        ("performance", inputs.evaluation),
        ("differences between groups", inputs.audit),
        ("reasons of the model's answers", inputs.explanation),
        ("costs", inputs.costs),
    ):
        if not result:
            yield Cell(f"Not measured: {name}.", tone="flag")


def limitations(inputs: Inputs) -> tuple[Cell, ...]:
    """Every limitation that the evidence itself shows."""
    found = [*_of_gaps_in_evidence(inputs), *_of_audit(inputs), *_of_metrics(inputs), *_of_classes(inputs)]
    found += [*_of_search(inputs), *_of_sample(inputs), *_of_features(inputs)]
    return tuple(sorted(found, key=lambda cell: cell.tone != "flag"))


def _evidence(inputs: Inputs) -> tuple[Block, ...]:
    found = limitations(inputs)
    if not found:
        return (Text("The evidence on this card shows none by itself; that is no proof that there are none."),)
    return (Items(found),)


def limits_section(inputs: Inputs) -> Section:
    """Limitations, ethical considerations, recommendations."""
    advice = Text(
        "Read every figure with its interval. Where a verdict is inconclusive, treat the difference as possible. "
        "Before the model is used on other people, places or years than those of its data, assess it there."
    )
    return Section(
        "limits",
        "Limitations and risks",
        (),
        (
            Section("limits-evidence", "Shown by the evidence", _evidence(inputs)),
            Section("limits-people", "Stated by people", inputs.statement("limitations")),
            Section("ethics", "Ethical considerations", inputs.statement("ethical_considerations")),
            Section("recommendations", "Recommendations", (advice,)),
        ),
        covers={
            "mitchell": ("Ethical Considerations", "Caveats and Recommendations"),
            "toolkit": ("considerations: limitations", "considerations: ethical_considerations"),
            "hugging_face": ("Bias, Risks, and Limitations", "Recommendations"),
            "annex_iv": ("3 monitoring, functioning and control",),
        },
    )
