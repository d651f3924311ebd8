"""Keep what the model's data and predictions look like, for the time that it is live."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.config import MonitorConfig
from evenhand.data.dataset import Dataset
from evenhand.data.people import PeopleRows
from evenhand.data.snapshot import read_dataset
from evenhand.explain import Attributions
from evenhand.fairness.served import as_taken
from evenhand.monitoring import build_reference, make_watcher
from evenhand.store import Ref
from tasks.step import load_fitted, load_part, note, once, read_json, step, store, write_json
from tasks.tracking import File, RunRef, log

__all__ = ["keep_reference"]


@step("reference", "Counts what the data, the predictions and their reasons look like, for later comparison.")
def keep_reference(
    rows: Ref,
    fitted: Ref,
    develop: Ref,
    holdout: Ref,
    evidence: Ref,
    monitor: MonitorConfig,
    *,
    people: PeopleRows = "one",
    seed: int,
    run: RunRef,
) -> Ref:
    """Histograms of features, groups, predictions and attributions, as an artifact of the run: no row is in it.

    Parameters
    ----------
    rows, fitted, develop, holdout, evidence
        Results of earlier steps.
    monitor
        The configuration's section: cells, and how many rows are explained.
    people
        Which rows of a person count, as in the split.
    seed
        Of the sample that is explained.
    run
        Where the reference is recorded, as ``monitor/reference.json``.
    """
    asked = monitor.model_dump(mode="json", include={"bins", "min_cell", "attribution_rows"})
    inputs = {"rows": rows, "fitted": fitted, "holdout": holdout, "develop": develop, "evidence": evidence}
    parts = {name: ref.digest for name, ref in inputs.items()} | {"monitor": asked, "people": people, "seed": seed}
    ref = once("reference", parts, lambda folder: _write(folder, inputs, monitor, people, seed))
    folder = store().folder(ref)
    log(run, [File(folder / "reference.json", "monitor")])
    found = read_json(folder / "reference.json")
    note(f"{len(found['features'])} features, attributions to {len(found['attributions'])} columns")
    return ref


def _write(folder: Path, inputs: dict[str, Ref], monitor: MonitorConfig, people: PeopleRows, seed: int) -> None:
    model = load_fitted(inputs["fitted"])
    whole = read_dataset(store().folder(inputs["rows"]) / "rows.parquet")
    test = as_taken(model, load_part(inputs["holdout"], "test"))
    predictions = pd.read_parquet(store().folder(inputs["evidence"]) / "predictions.parquet")
    proba = predictions[[name for name in predictions.columns if name.startswith("probability_")]].to_numpy()
    train = as_taken(model, load_part(inputs["develop"], "train"))
    reference = build_reference(
        whole,
        test,
        predictions["y_pred"],
        proba if proba.shape[1] else None,
        classes=list(model.classes_),
        attributions=_attributions(model, test, train, monitor.attribution_rows, seed),
        bins=monitor.bins,
        min_cell=monitor.min_cell,
        people=people,
    )
    write_json(folder / "reference.json", reference.to_dict())


def _attributions(model: Any, test: Dataset, train: Dataset, rows: int, seed: int) -> Attributions | None:
    """Of a sample of the test part, by the explainer that a look uses later on."""
    if not rows:
        return None
    places = np.random.default_rng(seed).permutation(len(test))[:rows]
    explainer = make_watcher(model, train.X, favorable_label=test.favorable_label, seed=seed)
    return explainer.attribute(test.X.iloc[np.sort(places)].reset_index(drop=True))
