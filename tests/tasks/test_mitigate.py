"""The step that searches less discriminatory alternatives, between `fit` and `evaluate`."""

from typing import Any

import pandas as pd
import pytest

from evenhand.config import MitigateConfig
from evenhand.fairness.served import GroupAwareModel, as_taken
from evenhand.modeling.persistence import load_model
from evenhand.store import Ref, digest_file
from tasks.card import write_card
from tasks.conclude import _about_mitigation
from tasks.evaluate import evaluate_model
from tasks.mitigate import mitigate_model
from tasks.registry import model_signature
from tasks.step import load_part, read_json, store


def mitigate(steps: Any, **asked: Any) -> Ref:
    config = steps.config
    parts = {"develop": steps.develop, "holdout": steps.holdout, "weights": steps.weights}
    section = MitigateConfig(method="auto", candidates=["group_thresholds"], attributes=["race"], **asked)
    given = (steps.found, steps.fitted, section, config.evaluate, config.weight)
    return mitigate_model.fn(parts, *given, seed=config.seed, run=steps.run)


@pytest.fixture(scope="module")
def moved(steps: Any) -> Ref:
    """A model that needs the groups: thresholds by race."""
    return mitigate(
        steps,
        allow_sensitive_features=True,
        limits={"demographic_parity_difference": 0.05},
        performance="accuracy",
        near_optimal=1,
    )


def test_the_log_holds_methods_and_near_optimal_trials_with_the_reason_of_each(moved: Ref) -> None:
    found = read_json(store().folder(moved) / "mitigation.json")
    families = [one["family"] for one in found["alternatives"]]
    assert families[0] == "none"
    assert set(families) <= {"none", "postprocessing", "candidate"}
    assert all(one["reason"] for one in found["alternatives"])
    assert [one["status"] for one in found["alternatives"]].count("selected") == 1
    for when in ("before", "after"):
        gap = found[when]["audit"]["attributes"]["race"]["disparities"]["demographic_parity_difference"]
        assert gap["low"] <= gap["value"] <= gap["high"]
    assert (store().folder(moved) / "figures" / "alternatives.png").is_file()


def test_later_steps_take_its_model_also_when_it_needs_the_groups(steps: Any, moved: Ref) -> None:
    found = read_json(store().folder(moved) / "mitigation.json")
    assert found["selected"].startswith("group_thresholds")
    model = load_model(store().folder(moved) / "model.skops")
    assert isinstance(model, GroupAwareModel)
    evidence = evaluate_model.fn(moved, steps.holdout, steps.config.evaluate, seed=1, run=steps.run)
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    test = load_part(steps.holdout, "test")
    assert predictions["y_pred"].tolist() == model.predict(as_taken(model, test).X).tolist()
    evaluated = read_json(store().folder(evidence) / "evaluation.json")
    after = found["after"]["evaluation"]["metrics"]["accuracy"]["value"]
    assert evaluated["metrics"]["accuracy"]["value"] == pytest.approx(after)
    signature = model_signature(as_taken(model, test).X, test.y)
    assert "sensitive:race" in signature.inputs.input_names()


def test_the_screen_says_what_took_the_tuned_models_place(moved: Ref) -> None:
    path = store().folder(moved) / "mitigation.json"
    found = read_json(path)
    before, after = (found[when]["evaluation"]["metrics"]["accuracy"]["value"] for when in ("before", "after"))
    first, *rest = _about_mitigation(path)
    assert first == (
        f"mitigation: {found['selected']} took the place of the tuned model: "
        f"accuracy {before:.3f} before, {after:.3f} after"
    )
    assert any("needs the sensitive attribute at prediction time" in sentence for sentence in rest)
    assert not any("of this mitigation's limit" in sentence for sentence in rest), "verdicts are the gate's"
    assert _about_mitigation(path.parent / "none.json") == []


def test_the_card_says_what_was_tried_and_that_the_model_needs_the_groups(
    steps: Any, results: dict[str, Ref], moved: Ref
) -> None:
    page = write_card.fn({**results, "fitted": moved}, steps.config.model_dump(mode="json"), run=steps.run)
    text = (store().folder(page) / "card.md").read_text(encoding="utf-8")
    assert "Alternatives with smaller differences" in text
    assert "It needs race of every person that it decides on" in text
    assert "Log of every alternative" in text


def test_where_the_given_model_is_the_best_inside_the_limit_its_very_file_goes_on(steps: Any) -> None:
    kept = mitigate(steps, limits={"demographic_parity_ratio": 0.01}, near_optimal=0)
    found = read_json(store().folder(kept) / "mitigation.json")
    assert (found["selected"], found["met"]) == ("unmitigated", True)
    assert [one["status"] for one in found["alternatives"][1:]] == ["skipped"] * 3
    (said,) = _about_mitigation(store().folder(kept) / "mitigation.json")
    assert said == "mitigation: the given model performs best inside the limit: it is not changed"
    before, after = (store().folder(ref) for ref in (steps.fitted, kept))
    for name in ("model.skops", "calibration.json", "threshold.json", "training.json"):
        assert digest_file(before / name) == digest_file(after / name)
