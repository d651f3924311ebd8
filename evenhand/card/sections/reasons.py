"""What drives the model's answers: binned and summed, never a person's row."""

from collections.abc import Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Items, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import count, join, metric_cell, number, percent, plain, words

__all__ = ["reasons_section"]

TOP = 15


def _global(inputs: Inputs) -> tuple[Block, ...]:
    found = inputs.explanation
    if not found:
        return (Text("The model was not explained.", tone="absent"),)
    fall = {item["feature"]: item for item in (found.get("importance") or {}).get("features") or ()}
    rows = tuple(
        (Cell(plain(item["feature"])), metric_cell(_mean_size(item)), metric_cell(fall.get(item["feature"])))
        for item in (found.get("features") or ())[:TOP]
    )
    scorer = words((found.get("importance") or {}).get("scorer") or "score")
    total = len(found.get("features") or ())
    sizes = found.get("sizes") or {}
    text = f"Attributions by {plain(found.get('method', '?'))}, measured in {plain(found.get('unit', '?'))}"
    text += f" ({', '.join(f'{words(name).lower()} {plain(n)}' for name, n in sizes.items())})." if sizes else "."
    columns = ("Feature", "Mean size of attribution", f"Fall of {scorer} when shuffled")
    note = f"The first {TOP} of {total} features." if total > TOP else ""
    notes = tuple(Text(plain(note), tone="muted") for note in found.get("notes") or ())
    summaries = [name for name in inputs.pictures if name.startswith("summary")]
    pictures = inputs.drawn(["bar", "importance", *summaries])
    table = Table("What matters most to the model", columns, rows, note)
    return (Text(text), *_fidelity(found), *notes, *pictures, table)


def _fidelity(found: Mapping[str, Any]) -> tuple[Block, ...]:
    """How far LIME's local explanations reach; SHAP's add up to the score and have no such figure."""
    fidelity = found.get("fidelity")
    if fidelity is None:
        return ()
    text = (
        f"Fidelity of the local explanations: R2 {number(fidelity, 2)} on average. Of the way in which the model's "
        f"score varies around a row, the attributions account for {percent(fidelity, 0)}; the rest they do not explain."
    )
    return (Text(text),)


def _mean_size(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": item.get("mean_abs"), "low": item.get("low"), "high": item.get("high")}


def _subgroups(inputs: Inputs) -> tuple[Block, ...]:
    """For each group the features that count most: one class, since the mean over classes would cancel out."""
    rows = []
    for group in inputs.explanation.get("groups") or ():
        head = Cell(f"{plain(group['attribute'])}: {plain(group['group'])}")
        if group.get("mean_abs") is None:
            reason = plain(group.get("reason") or f"fewer than {inputs.min_cell} rows")
            rows.append((head, Cell("few"), Cell("withheld", tone="muted", detail=reason)))
            continue
        sums: dict[str, float] = {}
        for of_label in group["mean_abs"].values():
            for feature, value in of_label.items():
                sums[feature] = sums.get(feature, 0.0) + (value or 0.0)
        first = sorted(sums, key=lambda name: -sums[name])[:5]
        rows.append((head, Cell(count(group["n"]), float(group["n"])), Cell(join(first))))
    pictures = inputs.drawn([name for name in inputs.pictures if name.startswith("groups-")])
    return (
        *pictures,
        Table("The strongest features within each group", ("Group", "Rows", "Strongest first"), tuple(rows)),
    )


def _proxies(inputs: Inputs) -> tuple[Block, ...]:
    blocks: list[Block] = [
        Text(
            "How well the features tell a sensitive attribute that the model is never given: 0.5 is chance, 1 gives "
            "the group away."
        )
    ]
    for report in inputs.explanation.get("proxies") or ():
        name = plain(report["attribute"])
        if report.get("together") is None:
            blocks.append(Text(f"{name}: {plain(report.get('reason') or 'not measured')}", tone="absent"))
            continue
        entries = [{**report["together"], "feature": "All features together"}, *(report.get("features") or ())[:6]]
        rows = tuple((Cell(plain(e["feature"])), _auc(e), _chance(e)) for e in entries)
        blocks += inputs.drawn([f"proxies-{report['attribute']}"])
        blocks.append(Table(f"Proxies of {name}", ("Feature", "AUC", "Above chance"), rows))
    return tuple(blocks)


def _auc(entry: Mapping[str, Any]) -> Cell:
    return metric_cell({"value": entry.get("auc"), "low": entry.get("low"), "high": entry.get("high")})


def _chance(entry: Mapping[str, Any]) -> Cell:
    return Cell("yes", tone="open") if entry.get("above_chance") else Cell("no")


def _dependence(inputs: Inputs) -> tuple[Block, ...]:
    pictures = inputs.drawn([name for name in inputs.pictures if name.startswith("dependence")])
    absent = tuple(
        Text(f"{plain(each['feature'])}: {plain(each['reason'])}", tone="absent")
        for each in inputs.explanation.get("dependence") or ()
        if each.get("reason")
    )
    return (*pictures, *absent) or (Text("Partial dependence was not computed.", tone="absent"),)


def _cases(inputs: Inputs) -> tuple[Block, ...]:
    items = []
    for case in inputs.explanation.get("cases") or ():
        head = f"{plain(case['attribute'])}: {plain(case['group'])}, {words(case['kind']).lower()}"
        if not case.get("features"):
            items.append(Cell(f"{head}: withheld. {plain(case.get('reason') or 'Too few people share its features.')}"))
            continue
        drivers = "; ".join(
            f"{plain(f['feature'])} {plain(f['band'])} ({number(f['attribution'])})" for f in case["features"][:4]
        )
        score = plain(case.get("score") or "withheld")
        items.append(Cell(f"{head}: probability {score}, predicted {plain(case.get('predicted'))}. {drivers}"))
    intro = Text("For each group the closest denial and the most confident error, in bands that several people share.")
    if not items:
        return (Text("No cases were chosen.", tone="absent"),)
    return (intro, *_fidelity(inputs.explanation), Items(tuple(items)))


def reasons_section(inputs: Inputs) -> Section:
    """Importance, subgroups, proxies, dependence, cases."""
    parts = (
        Section("reasons-groups", "Within each group", _subgroups(inputs)),
        Section("proxies", "Proxies of sensitive attributes", _proxies(inputs)),
        Section("dependence", "How answers move with a feature", _dependence(inputs)),
        Section("cases", "Typical hard cases", _cases(inputs)),
    )
    return Section(
        "reasons",
        "What drives its answers",
        _global(inputs),
        parts if inputs.explanation else (),
        covers={
            "hugging_face": ("Model Examination",),
            "annex_iv": ("2(e) human oversight measures", "3 monitoring, functioning and control"),
        },
    )
