"""Put what a person may want to open into one folder, and say what came out."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact
from prefect.context import FlowRunContext

from evenhand.disclosure import rests_on_few
from evenhand.modeling.search_words import told_choice, told_limit
from evenhand.store import Ref, write_text
from tasks.registry import Version
from tasks.step import home, in_flow, markdown, note, plain_markdown, read_json, step, store
from tasks.tracking import RunRef, Tags, current, log, run_url, waiting

__all__ = ["conclude_run"]

HEADLINE = (
    "accuracy",
    "balanced_accuracy",
    "roc_auc",
    "roc_auc_ovr",
    "precision",
    "precision_macro",
    "recall",
    "recall_macro",
    "f1",
    "f1_macro",
    "brier_score",
    "log_loss",
)
SHOWN_RATES = ("selection_rate", "true_positive_rate", "accuracy")
ALGORITHMS = {
    "logistic": "logistic regression",
    "boosting": "histogram gradient boosting",
    "perceptron": "two-layer perceptron",
}


@step("conclude", "Puts the results into one folder and says what came out.")
def conclude_run(
    results: dict[str, Ref], page: Ref, version: Version, decided: dict[str, Any], *, min_cell: int, run: RunRef
) -> dict[str, Any]:
    """What the screen, Prefect's page and `evenhand show` tell of the run.

    Parameters
    ----------
    results, page
        Results of the earlier steps, and the card.
    version
        The registered version.
    decided
        The decision as it stands in the ledger.
    min_cell
        Nothing is told of a group that rests on fewer rows.
    run
        The run.
    """
    at = {name: store().folder(ref) for name, ref in {**results, "page": page}.items()}
    waits, run = waiting(run), current(run)
    folder = home() / "runs" / run.name
    _collect(folder, at)
    outcome = {
        "run_id": run.name,
        "run_url": run_url(run),
        "model_name": version.model,
        "model_version": version.version,
        "alias": version.alias,
        "folder": str(folder),
        "card_path": str(folder / "card.html"),
        "summary": _summary(at, min_cell),
        "waiting": waits,
        "decision": decided["outcome"],
        "decision_reasons": decided["reasons"],
        "decision_record": decided["record"],
        "answer_until": decided.get("answer_until", ""),
        **_prefect_run(),
    }
    write_text(folder / "outcome.json", json.dumps(outcome, indent=1, ensure_ascii=False, allow_nan=False))
    _come_last(folder / "outcome.json")
    said = _summary_page(outcome)
    log(run, [Tags({"mlflow.note.content": said})])
    markdown("summary", said + (f"\n\n{plain_markdown(waits)}" if waits else ""), "What came out")
    if in_flow() and run_url(run).startswith("http"):
        create_link_artifact(link=run_url(run), link_text="The run in MLflow", key="mlflow-run")
    note(f"everything is in {folder}")
    return outcome


def _come_last(file: Path) -> None:
    """Be newer than every earlier run also when the clock was set back: `evenhand show` takes the newest."""
    others = [path.stat().st_mtime_ns for path in file.parent.parent.glob("*/outcome.json") if path != file]
    if (latest := max(others, default=0)) >= file.stat().st_mtime_ns:
        os.utime(file, ns=(latest + 1, latest + 1))


def _collect(folder: Path, at: dict[str, Path]) -> None:
    """Copies of the card, the figures and the tables; rows of people are not among them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in at["page"].glob("card.*"):
        shutil.copyfile(path, folder / path.name)
    for path in at["decision"].glob("difference.html"):
        shutil.copyfile(path, folder / path.name)
    for source in at.values():
        for path in sorted(source.glob("figures/*.png")):
            (folder / "figures").mkdir(exist_ok=True)
            shutil.copyfile(path, folder / "figures" / path.name)
        for path in sorted(source.glob("*.json")):
            if path.name != "manifest.json" and source != at["page"]:
                (folder / "results").mkdir(exist_ok=True)
                shutil.copyfile(path, folder / "results" / path.name)


def _summary(at: dict[str, Path], min_cell: int) -> dict[str, Any]:
    search = read_json(at["found"] / "search.json")
    evaluation = read_json(at["evidence"] / "evaluation.json")
    split = read_json(at["develop"] / "split.json")
    findings = read_json(at["develop"] / "findings.json")
    return {
        "algorithm": ALGORITHMS.get(search["selected"]["candidate"], search["selected"]["candidate"]),
        "metrics": [
            {"name": name, **{key: metric[key] for key in ("value", "low", "high", "reason")}}
            for name in HEADLINE
            if (metric := evaluation["metrics"].get(name)) is not None
        ],
        "groups": _groups(read_json(at["groups"] / "audit.json"), min_cell),
        "findings": [f"{finding['column']} {finding['message']}" for finding in findings],
        "rows": split["counts"],
        "trials": search["n_trials"],
        "choice": _told_choice(at["fitted"] / "mitigation.json", search),
        "confidence": evaluation["confidence"],
        "notes": [*_notes(at, search), *_about_mitigation(at["fitted"] / "mitigation.json")],
        "missing_statements": read_json(at["page"] / "missing.json"),
    }


def _notes(at: dict[str, Path], search: dict[str, Any]) -> list[str]:
    calibration, threshold = (read_json(at["fitted"] / f"{name}.json") for name in ("calibration", "threshold"))
    limited = told_limit(search)
    notes = [f"search: {limited}"] if limited else []
    notes.append(f"calibration {calibration['method']}: {calibration['reason']}")
    if threshold["applied"]:
        notes.append(f"threshold {threshold['threshold']:.3f} by {threshold['rule']}")
    selected, best = search["selected"], search["best"]
    if selected["number"] != best["number"]:
        notes.append(f"preferring the simplest cost {best['mean'] - selected['mean']:.4f} of {search['scorer']}")
    return notes


def _told_choice(mitigation: Path, search: dict[str, Any]) -> str:
    """How the tuned model was chosen, and what took its place."""
    choice = told_choice(search)
    selected = read_json(mitigation)["selected"] if mitigation.is_file() else "unmitigated"
    return choice if selected == "unmitigated" else f"{choice}; in its place {selected}"


def _about_mitigation(path: Path) -> list[str]:
    """What the search for less discriminatory alternatives did to the model, its verdicts aside: the gate has its own.

    A model that took the tuned one's place may be a good deal worse, and nobody should have to look for that.
    """
    if not path.is_file():
        return []
    from evenhand.fairness.mitigation_report import VERDICT

    found = read_json(path)
    said = [f"mitigation: {note}" for note in found["notes"] if not note.startswith(VERDICT)]
    if found["selected"] == "unmitigated":
        return said
    metrics = [found[when]["evaluation"]["metrics"].get(found["performance"], {}) for when in ("before", "after")]
    known = [f"{metric['value']:.3f}" for metric in metrics if metric.get("value") is not None]
    figures = f": {found['performance'].replace('_', ' ')} {' before, '.join(known)} after" if len(known) == 2 else ""
    return [f"mitigation: {found['selected']} took the place of the tuned model{figures}", *said]


def _groups(audit: dict[str, Any], min_cell: int) -> list[dict[str, Any]]:
    rows = []
    for attribute, audited in {**audit["attributes"], **audit["intersections"]}.items():
        told = [_told(group["metrics"], min_cell) for group in audited["groups"]]
        known = [
            one["selection_rate"] for one, group in zip(told, audited["groups"], strict=True) if not group["unknown"]
        ]
        highest = max((rate for rate in known if rate is not None), default=None)
        for group, one in zip(audited["groups"], told, strict=True):
            rate = one["selection_rate"]
            ratio = rate / highest if rate is not None and highest else None
            rows.append(
                {
                    "attribute": attribute,
                    "group": group["group"],
                    "n": group["n"],
                    **one,
                    "impact_ratio": ratio,
                    "four_fifths": None if ratio is None else ratio < 0.8,
                    "small": group["small"],
                }
            )
    return rows


def _told(metrics: dict[str, Any], min_cell: int) -> dict[str, Any]:
    """The rates of a group that are shown, and why one is not."""
    found = {name: metrics.get(name) or {"value": None, "n": 0, "reason": ""} for name in SHOWN_RATES}
    few = [name for name, metric in found.items() if rests_on_few(metric, min_cell)]
    reason = found["true_positive_rate"]["reason"]
    if few:
        what = f"{few[0].replace('_', ' ')} " if len(few) == 1 else ""
        reason = f"{what}withheld: fewer than {min_cell} rows"
    return {name: None if name in few else metric["value"] for name, metric in found.items()} | {
        "withheld": bool(few),
        "reason": reason,
    }


def _prefect_run() -> dict[str, str]:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return {}
    from prefect.settings import PREFECT_UI_URL

    page = str(PREFECT_UI_URL.value() or "").rstrip("/")
    found = {"flow_run_id": str(context.flow_run.id), "flow_run_name": str(context.flow_run.name)}
    if page and not os.environ.get("EVENHAND_LOCAL_SERVER"):  # a server that ends with this command has no page
        found["flow_run_url"] = f"{page}/v2/runs/flow-run/{context.flow_run.id}"
    return found


def _summary_page(outcome: dict[str, Any]) -> str:
    """What came out, in Markdown, for Prefect's page and MLflow's."""
    summary = outcome["summary"]
    lines = [
        f"**{plain_markdown(summary['algorithm'])}**{_number(outcome)}, alias `{outcome['alias']}`",
        "",
        plain_markdown(summary["choice"]),
        *(f"- {plain_markdown(said)}" for said in summary["notes"]),
        "",
        f"Decision: **{outcome['decision']}**",
        *(f"- {plain_markdown(reason)}" for reason in outcome["decision_reasons"]),
        *([f"- A person can answer until {outcome['answer_until']}."] if outcome.get("answer_until") else []),
        "",
        "| metric | value | interval |",
        "|---|---|---|",
    ]
    for metric in summary["metrics"]:
        value = "undefined" if metric["value"] is None else f"{metric['value']:.3f}"
        ends = "" if metric["low"] is None else f"{metric['low']:.3f} to {metric['high']:.3f}"
        lines.append(f"| {plain_markdown(metric['name'])} | {value} | {ends} |")
    lines += ["", "| group | n | selection rate | ratio to the highest | |", "|---|---|---|---|---|"]
    for group in summary["groups"]:
        missing = "withheld" if group["withheld"] else "undefined"
        rate, ratio = (
            missing if group[key] is None else f"{group[key]:.3f}" for key in ("selection_rate", "impact_ratio")
        )
        flag = "under 4/5" if group["four_fifths"] else ""
        name = plain_markdown(f"{group['attribute']}: {group['group']}") + (" (small)" if group["small"] else "")
        lines.append(f"| {name} | {group['n']} | {rate} | {ratio} | {flag} |")
    return "\n".join(lines)


def _number(outcome: dict[str, Any]) -> str:
    return f", version {outcome['model_version']}" if outcome["model_version"] else ""
