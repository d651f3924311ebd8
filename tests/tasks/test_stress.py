"""The step `stress` on real decisions: what it leaves, what it records, and that it is not repeated."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evenhand.events import Event
from evenhand.modeling.robustness import FIGURES
from evenhand.store import Ref
from tasks.step import listening, store
from tasks.stress import stress_model
from tasks.tracking import client

from .conftest import Steps


def found(robust: Ref) -> dict:
    return json.loads((store().folder(robust) / "robustness.json").read_text())


def test_every_figure_is_left_with_its_groups(robust: Ref, evidence: Ref) -> None:
    left = found(robust)
    assert list(left) == list(FIGURES)
    assert set(left["noise_agreement"]["groups"]) == {"race", "sex"}
    assert left["noise_agreement"]["groups"]["sex"]["unknown"]["value"] is None  # 3 applications do not say
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    denied = int((predictions["y_pred"] != 1).sum())
    assert left["flip_distance_median"]["n"] == min(denied, 100)
    assert left["shift_accuracy"]["value"] <= (predictions["y_pred"] == predictions["y_true"]).mean()


def test_what_is_left_and_recorded_holds_no_row_of_anybody(robust: Ref) -> None:
    files = {path.name for path in store().folder(robust).rglob("*") if path.is_file()}
    drawn = {f"robustness.{kind}" for kind in ("png", "svg", "json")}
    assert files - {"manifest.json"} == {"robustness.json", "robustness.csv"} | drawn


def test_figures_and_the_table_are_recorded(steps: Steps, robust: Ref) -> None:
    run = client().get_run(steps.run.run_id)
    left = found(robust)
    defined = {f"robustness/{name}": figure["value"] for name, figure in left.items() if figure["value"] is not None}
    assert {name: run.data.metrics.get(name) for name in defined} == pytest.approx(defined)
    assert "robustness/unseen_agreement" not in run.data.metrics  # every feature of these data is a number
    stored = {entry.path for entry in client().list_artifacts(steps.run.run_id, "robustness")}
    assert {"robustness/robustness.json", "robustness/figures.json", "robustness/robustness.png"} <= stored


def test_it_is_not_done_twice_and_a_changed_setting_is_another_result(steps: Steps, robust: Ref, evidence: Ref) -> None:
    parts = {"fitted": steps.fitted, "develop": steps.develop, "holdout": steps.holdout, "evidence": evidence}
    asked = {"min_cell": 10, "confidence": 0.95, "seed": steps.config.seed, "run": steps.run}
    events: list[Event] = []
    with listening(events.append):
        again = stress_model.fn(parts, steps.config.robustness, **asked)
    assert again == robust
    assert [event.kind for event in events if event.step == "stress"] == ["started", "reused"]
    other = steps.config.robustness.model_copy(update={"noise": 0.5})
    noisier = stress_model.fn(parts, other, **asked)
    assert found(noisier)["noise_agreement"]["value"] < found(robust)["noise_agreement"]["value"]


def test_the_card_shows_it(page: Ref) -> None:
    folder: Path = store().folder(page)
    text = (folder / "card.html").read_text(encoding="utf-8")
    assert "Every figure by the groups of race" in text
    assert "How decisions hold on other rows" in text
