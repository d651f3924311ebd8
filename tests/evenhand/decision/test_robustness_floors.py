"""The contract between the step `stress` and the gate: every figure can have a floor, and more is better."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.decision.floors import about_robustness
from evenhand.modeling.robustness import FIGURES, assess_robustness

RNG = np.random.default_rng(0)
X = pd.DataFrame({"income": RNG.normal(50, 10, 400), "debt": RNG.normal(20, 5, 400)})
Y = (X["income"] - X["debt"] + RNG.normal(0, 4, 400) > 30).astype(int)
SEX = pd.DataFrame({"sex": ["female"] * 150 + ["male"] * 245 + [None] * 5})
MODEL = LogisticRegression().fit(X, Y)
# So wide a band that every figure is defined for the women and the men.
FOUND = assess_robustness(MODEL, X, Y, SEX, background=X, favorable_label=1, noise=0.05, band=0.2).to_dict()
DEFINED = [name for name in FIGURES if FOUND[name]["value"] is not None]


def status(name, floor):
    (result,) = about_robustness({name: floor}, FOUND)
    return result.status


@pytest.mark.parametrize("name", DEFINED)
def test_a_floor_below_everything_passes_and_one_above_everything_fails(name):
    assert status(name, -1.0) == "PASS"
    assert status(name, 1000.0) == "FAIL"


@pytest.mark.parametrize("name", DEFINED)
def test_a_higher_floor_is_never_easier(name):
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    found = [order.index(status(name, floor)) for floor in np.linspace(0, 1.2, 25)]
    assert found == sorted(found, reverse=True)


def test_the_worst_group_decides():
    groups = FOUND["shift_accuracy"]["groups"]["sex"]
    assert groups["unknown"]["value"] is None  # five rows: it takes no part
    worst = min(groups[name]["low"] for name in ("female", "male"))
    lowest = min(worst, FOUND["shift_accuracy"]["low"])
    assert status("shift_accuracy", lowest - 1e-6) == "PASS"
    assert status("shift_accuracy", lowest + 1e-6) != "PASS"


def test_what_is_undefined_never_passes():
    (result,) = about_robustness({"unseen_agreement": 0.0}, FOUND)
    assert result.status == "MISSING"
    assert "no feature is a category" in result.reason


def test_a_large_group_without_a_figure_never_passes():
    """Of 150 women only 4 are denied: how far their denials hold is not known, and men's do not stand in for it."""
    few = {"value": None, "low": None, "high": None, "n": 4, "reason": "4 rows are fewer than 10"}
    found = {**FOUND, "flip_possible_share": {**FOUND["flip_possible_share"], "groups": {"sex": {"female": few}}}}
    (result,) = about_robustness({"flip_possible_share": -1.0}, found)
    assert result.status == "MISSING"
    assert "sex female is undefined: 4 rows are fewer than 10" in result.reason


def test_a_large_group_of_which_no_row_was_drawn_never_passes():
    found = {**FOUND, "noise_agreement": {**FOUND["noise_agreement"], "groups": {"sex": {}}}}
    (result,) = about_robustness({"noise_agreement": -1.0}, found)
    assert result.status == "MISSING"
    assert "robustness.rows" in result.reason


def test_a_group_of_few_rows_takes_no_part_until_it_is_asked_for():
    assert status("noise_agreement", -1.0) == "PASS"
    (result,) = about_robustness({"noise_agreement": -1.0}, FOUND, least=5)
    assert result.status == "MISSING"
    assert "sex unknown" in result.reason
