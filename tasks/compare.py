"""Compare a training with the registered version that it repeats, step by step."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.fairness.served import as_taken
from evenhand.modeling.persistence import load_model
from evenhand.provenance import code_version, machine, packages
from evenhand.reproduction import (
    Check,
    Reproduction,
    check_environment,
    check_figures,
    check_parameters,
    check_predictions,
    check_same,
    check_trials,
    model_parameters,
)
from evenhand.store import Ref, write_text
from tasks.step import home, load_part, markdown, note, read_json, step, store, table
from tasks.tracking import File, Metrics, RunRef, Tags, log
from tasks.tracking.reading import Registered, fetch_model, read_artifact, read_metrics

__all__ = ["compare_training"]

_FIGURES = ("test/", "fairness/", "group/")
"""The figures that a training leaves of its model; times and costs are others at every run."""


@step(
    "compare", "Compares data, split, trials, parameters, predictions and figures with those of the registered version."
)
def compare_training(known: Registered, results: Mapping[str, Ref], tolerance: float, *, run: RunRef) -> dict[str, Any]:
    """What the second training came to: ``identical``, ``within tolerance`` or ``different``, and where first.

    Parameters
    ----------
    known
        The registered version.
    results
        What the second training left: rows, develop, holdout, found, fitted.
    tolerance
        How far numbers may differ.
    run
        The run of the second training, whose figures are compared.
    """
    checks = (
        _data(known, results),
        _split(known, results),
        check_trials(
            read_artifact(known.run_id, "search/search.json"),
            read_json(store().folder(results["found"]) / "search.json"),
            tolerance,
        ),
        *_models(known, results, tolerance),
        check_figures(_figures(known.run_id), _figures(run.run_id), tolerance),
    )
    found = Reproduction(_environment(known), checks, tolerance)
    said = {"model": known.model, "version": known.version, "run_id": known.run_id, **found.to_dict()}
    _leave(said, run)
    first = found.first_difference
    note(found.verdict + ("" if first is None else f", first in {first.name}: {first.detail}"))
    return said


def _environment(known: Registered) -> tuple[Check, ...]:
    before = known.provenance
    return (
        check_same("code", before["code_version"], code_version(), "the version of the code"),
        check_environment("packages", read_artifact(known.run_id, "provenance/packages.json"), packages()),
        check_environment("machine", before["machine"], machine()),
    )


def _data(known: Registered, results: Mapping[str, Ref]) -> Check:
    about = read_json(store().folder(results["rows"]) / "about.json")
    return check_same("data", known.tags.get("evenhand.data_digest"), about["digest"], "the content digest")


def _split(known: Registered, results: Mapping[str, Ref]) -> Check:
    """Whether every row is in the same part: by the digest of the test part, and by the table of the others."""
    before = known.provenance["results"].get("holdout", {}).get("digest")
    found = check_same("split", before, results["holdout"].digest, "the digest of the test part")
    if found.found != "identical":
        return found
    counts = read_artifact(known.run_id, "data/split.json")
    now = read_json(store().folder(results["develop"]) / "split.json")
    if counts != now:
        return Check("split", "different", "classes and groups are divided otherwise between train and validation")
    return Check("split", "identical", ", ".join(f"{part} {n:,}" for part, n in now["counts"].items()))


def _models(known: Registered, results: Mapping[str, Ref], tolerance: float) -> tuple[Check, Check]:
    """The models' values, and what they make of the test part."""
    file = store().folder(results["fitted"]) / "model.skops"
    with tempfile.TemporaryDirectory() as scratch:
        first = fetch_model(known, Path(scratch))
        parameters = check_parameters(model_parameters(first), model_parameters(file), tolerance)
        before = load_model(first)
    now, test = load_model(file), load_part(results["holdout"], "test")
    X = as_taken(now, test).X
    if list(before.classes_) != list(now.classes_) or not set(known.inputs) <= set(X.columns):
        return parameters, Check("predictions", "different", "the models take other columns, or know other labels")
    mine = as_taken(before, test).X
    return parameters, check_predictions(
        np.asarray(before.predict_proba(mine)),
        np.asarray(now.predict_proba(X)),
        np.asarray(before.predict(mine)),
        np.asarray(now.predict(X)),
        tolerance,
    )


def _figures(run_id: str) -> dict[str, float]:
    found = read_metrics(run_id)
    return {name: value for name, value in found.items() if name.startswith(_FIGURES)}


def _leave(said: dict[str, Any], run: RunRef) -> None:
    """The comparison as a file, in MLflow and on Prefect's page."""
    path = home() / "reproduced" / run.name / "reproduction.json"
    write_text(path, json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False))
    tags = {"evenhand.reproduces": said["run_id"], "evenhand.reproduction": said["verdict"]}
    log(run, [Tags(tags), File(path, "reproduction"), Metrics({"reproduction/different": _different(said)})])
    rows = [
        {"step": check["name"], "found": check["found"], "detail": check["detail"], "largest": _shown(check["largest"])}
        for check in (*said["environment"], *said["checks"])
    ]
    table("reproduction", rows, "Each step beside that of the registered version")
    markdown("reproduction-verdict", f"**{said['verdict']}** (tolerance {said['tolerance']:g})", "What came out")


def _different(said: dict[str, Any]) -> float:
    return float(sum(check["found"] == "different" for check in said["checks"]))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
