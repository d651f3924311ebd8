"""Write the model card from what the steps left."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.card import build_card, render_html, render_json, render_markdown
from evenhand.data.dataset import Dataset
from evenhand.data.frames import value_text, value_texts
from evenhand.modeling.costs import priced
from evenhand.provenance import code_version, git_commit, machine, packages
from evenhand.store import Ref
from tasks.step import load_part, note, once, read_json, step, store, write_json
from tasks.tracking import RunRef, current, run_url, started_on

__all__ = ["shown_contract", "write_card"]


@step("card", "Writes the model card as a page, as Markdown and as JSON.")
def write_card(results: dict[str, Ref], config: dict[str, Any], *, run: RunRef) -> Ref:
    """The card in three forms, and what a person has not yet said.

    Parameters
    ----------
    results
        Results of the earlier steps by name: rows, develop, found, fitted, evidence, groups, reasons, and robust where
        the model was tried on other rows.
    config
        The whole configuration.
    run
        The run that the card names.
    """
    digests = {name: ref.digest for name, ref in results.items()}
    run = current(run)
    parts = {"results": digests, "config": config, "run": run.to_dict()}
    ref = once("card", parts, lambda folder: _write(folder, results, config, run))
    missing = read_json(store().folder(ref) / "missing.json")
    note(f"{len(missing)} statements of people are missing" if missing else "complete")
    return ref


def _write(folder: Path, results: dict[str, Ref], config: dict[str, Any], run: RunRef) -> None:
    at = {name: store().folder(ref) for name, ref in results.items()}
    card = build_card(
        model=_about_model(at, config),
        human=config["card"],
        data=_about_data(at, config, load_part(results["develop"], "train")),
        search=read_json(at["found"] / "search.json"),
        calibration=read_json(at["fitted"] / "calibration.json"),
        threshold=read_json(at["fitted"] / "threshold.json"),
        mitigation=_if_there(at["fitted"] / "mitigation.json"),
        evaluation=read_json(at["evidence"] / "evaluation.json"),
        costs=_about_costs(at, config["evaluate"]),
        audit=read_json(at["groups"] / "audit.json"),
        explanation=read_json(at["reasons"] / "explanation.json"),
        robustness=_if_there(at["robust"] / "robustness.json") if "robust" in at else None,
        run=_about_run(config, run),
        decision=_about_decision(at),
        min_cell=config["explain"]["min_cell"],
        figures=_figures(at),
    )
    (folder / "card.html").write_text(render_html(card), encoding="utf-8")
    (folder / "card.md").write_text(render_markdown(card), encoding="utf-8")
    (folder / "card.json").write_text(render_json(card), encoding="utf-8")
    write_json(folder / "missing.json", list(card.missing))


def _if_there(path: Path) -> dict[str, Any] | None:
    """The result of a step that only runs when it is asked for."""
    return read_json(path) if path.is_file() else None


def _about_costs(at: dict[str, Path], asked: dict[str, Any]) -> dict[str, Any]:
    """What decisions cost, and what each part of the development did: search, final fit, mitigation."""
    spent = {"search": read_json(at["found"] / "cost.json"), "training": read_json(at["fitted"] / "training.json")}
    alternatives = _if_there(at["fitted"] / "mitigation.json")
    if alternatives is not None:
        spent["mitigation"] = alternatives["training"]
    price, currency = asked["price_per_hour"], asked["currency"]
    return {
        **read_json(at["evidence"] / "costs.json"),
        **{name: priced(reading, price, currency) for name, reading in spent.items()},
    }


def _about_model(at: dict[str, Path], config: dict[str, Any]) -> dict[str, Any]:
    chosen = read_json(at["found"] / "search.json")["selected"]
    return {
        "name": config["model"],
        "algorithm": chosen["candidate"],
        "params": chosen["params"],
        "weighting": config["weight"]["method"],
        "target": config["data"]["target"],
        "favorable_label": _favorable(config["data"]["favorable_label"]),
    }


def _favorable(label: Any) -> Any:
    """The favorable label, several of them in a row."""
    return ", ".join(map(str, label)) if isinstance(label, list) else label


def _about_data(at: dict[str, Path], config: dict[str, Any], train: Dataset) -> dict[str, Any]:
    return {
        **read_json(at["rows"] / "about.json"),
        "excluded": config["data"]["exclude"],
        "split": read_json(at["develop"] / "split.json"),
        "contract": shown_contract(read_json(at["contract"] / "contract.json"), train, config["explain"]["min_cell"]),
        "findings": read_json(at["develop"] / "findings.json"),
    }


def shown_contract(contract: dict[str, Any], train: Dataset, min_cell: int) -> dict[str, Any]:
    """The contract for a card that anybody may read: a value that few people have would say who they are.

    Parameters
    ----------
    contract
        As JSON values.
    train
        The rows that it was made from.
    min_cell
        Values of fewer rows are counted as ``withheld`` and not named; a range of numbers begins and ends where so many
        rows lie at or beyond it, and is marked as ``inner`` where some lie beyond.
    """
    return {**contract, "columns": [_shown_column(each, train.X, min_cell) for each in contract["columns"]]}


def _shown_column(column: dict[str, Any], rows: pd.DataFrame, min_cell: int) -> dict[str, Any]:
    if column["name"] not in rows.columns:
        return column
    if column.get("values") is None:
        return {**column, **_inner_range(column, rows[column["name"]].dropna(), min_cell)}
    counts = value_texts(rows[column["name"]]).value_counts()
    common = [value for value in column["values"] if counts.get(value_text(value), 0) >= min_cell]
    return {**column, "values": common, "withheld": len(column["values"]) - len(common)}


def _inner_range(column: dict[str, Any], values: pd.Series, min_cell: int) -> dict[str, Any]:
    if column.get("low") is None or column.get("high") is None:
        return {}
    if len(values) < 2 * min_cell:
        return {"low": None, "high": None, "inner": True}
    numbers = np.sort(values.to_numpy(dtype=float))
    low, high = float(numbers[min_cell - 1]), float(numbers[-min_cell])
    return {"low": low, "high": high, "inner": True} if low > numbers[0] or high < numbers[-1] else {}


def _about_decision(at: dict[str, Path]) -> dict[str, Any] | None:
    if "decision" not in at:
        return None
    found = read_json(at["decision"] / "decision.json")
    champion = f"version {found['champion']}" if found["champion"] else "none: the first model of this name"
    difference = at["decision"] / "difference.json"
    told = {f"{rule['rule']}: {rule['reason']}" for rule in found["rules"]}
    return {
        **found,
        "champion": champion,
        "decider": "the gate, by the rules below",
        "summary": [reason for reason in found["reasons"] if reason not in told],
        "reasons": found["rules"],
        "difference": read_json(difference) if difference.is_file() else (),
    }


def _about_run(config: dict[str, Any], run: RunRef) -> dict[str, Any]:
    return {
        "run_id": run.name,
        "experiment_id": run.experiment_id,
        "model": run.model,
        "url": run_url(run),
        "date": started_on(run),
        "code_version": code_version(),
        "git_commit": git_commit(),
        "machine": machine(),
        "packages": packages(),
        "seed": config["seed"],
        "config": config,
    }


def _figures(at: dict[str, Path]) -> dict[str, dict[str, str]]:
    """Every figure that a step left: SVG, title and alternative text, by name."""
    found = {}
    for folder in at.values():
        for path in sorted((folder / "figures").glob("*.svg")):
            found[path.stem] = {"svg": path.read_text(encoding="utf-8"), **read_json(path.with_suffix(".json"))}
    return found
