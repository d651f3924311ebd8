"""Floors spend error as verdicts do: whatever the number of looks, a false PASS or FAIL comes with alpha at most."""

import json

import numpy as np
import pytest
from scipy.stats import binom

from evenhand.decision.decide import decide
from evenhand.decision.floors import about_floors, about_robustness
from evenhand.decision.rules import about_looks
from evenhand.decision.spending import LookLevel, share_of_error
from evenhand.modeling.evaluation import evaluate
from evenhand.modeling.floor_figures import floor_figures

N, LOOKS = 100, range(1, 53)


def labels_with(right: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Decisions of which so many are right, as many of either label as can be."""
    truth = np.arange(n) % 2
    return truth, np.where(np.arange(n) < right, truth, 1 - truth)


def accuracy_at(right: int, level: LookLevel) -> dict:
    truth, decided = labels_with(right)
    sure = np.column_stack([1 - decided, decided]).astype(float)
    return floor_figures(["accuracy"], truth, decided, y_proba=sure, classes=[0, 1], confidence=level.confidence)


def told(right: int, floor: float, level: LookLevel) -> str:
    (found,) = about_floors({"accuracy": floor}, accuracy_at(right, level), level=level)
    return found.status


@pytest.mark.parametrize("method", ["open_ended", "planned"])
@pytest.mark.parametrize("floor", [0.8, 0.95])
def test_a_model_exactly_at_its_floor_is_misjudged_in_at_most_alpha_of_the_years(method: str, floor: float) -> None:
    """At 95 % each week .7 of such years had a false PASS or FAIL; now either comes in .05 of them at most."""
    years = 2000
    right = np.random.default_rng(52).binomial(N, floor, (years, len(LOOKS)))
    seen = range(right.min(), right.max() + 1)
    said = np.empty(right.shape, dtype="<U12")
    for look in LOOKS:
        level = LookLevel.of(look, share_of_error(look, method, 52), confidence=0.95)
        verdicts = np.array([told(k, floor, level) for k in seen])
        said[:, look - 1] = verdicts[right[:, look - 1] - right.min()]
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / years)
    assert (said == "PASS").any(axis=1).mean() <= allowed
    assert (said == "FAIL").any(axis=1).mean() <= allowed
    shown = []
    for k in seen:
        figure = evaluate(*labels_with(k), y_proba=None, classes=[0, 1]).to_dict()["metrics"]["accuracy"]
        shown.append(next(iter(about_floors({"accuracy": floor}, {"accuracy": figure}))).status)
    unspent = np.array(shown)[right - right.min()]
    assert (unspent != "INCONCLUSIVE").any(axis=1).mean() > 0.5


@pytest.mark.parametrize("floor", [0.02, 0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("look", [1, 10, 52])
def test_either_error_of_a_look_is_half_its_level_at_most(floor: float, look: int) -> None:
    """Summed over all counts; by Wilson's limits, which the pages show, up to eight times as often."""
    level = LookLevel.of(look, share_of_error(look), confidence=0.95)
    said = np.array([told(k, floor, level) for k in range(N + 1)])
    chance = binom.pmf(np.arange(N + 1), N, floor)
    assert chance[said == "PASS"].sum() <= level.alpha / 2
    assert chance[said == "FAIL"].sum() <= level.alpha / 2


def test_a_good_model_still_passes_at_its_fifty_second_look() -> None:
    level = LookLevel.of(52, share_of_error(52), confidence=0.95)
    assert [told(k, 0.6, level) for k in (90, 60, 20)] == ["PASS", "INCONCLUSIVE", "FAIL"]


def test_the_reason_says_interval_level_and_look() -> None:
    level = LookLevel.of(2, 1 / 6, confidence=0.95)
    (found,) = about_floors({"accuracy": 0.5}, accuracy_at(81, level), level=level)
    assert found.reason == "accuracy 0.81 (0.6872 to 0.9009) keeps at least 0.5; look 2 at level 0.00833"
    assert binom.sf(80, N, found.figures["low"]) == pytest.approx(level.alpha / 2)
    assert binom.cdf(81, N, found.figures["high"]) == pytest.approx(level.alpha / 2)
    assert found.figures["alpha"] == level.alpha


SPENT = LookLevel.of(53, 0.0, confidence=0.95)
SURE = {"value": 0.95, "low": 0.93, "high": 0.97, "n": 80, "reason": ""}
NONE = {"value": None, "low": None, "high": None, "n": 80, "reason": "one class"}


def test_without_error_left_nothing_is_shown_and_a_person_decides() -> None:
    found = [
        *about_floors({"accuracy": 0.1, "f1": 0.1}, {"accuracy": SURE, "f1": NONE}, level=SPENT),
        *about_robustness({"noise_agreement": 0.1}, {"noise_agreement": {**SURE, "groups": {}}}, level=SPENT),
    ]
    assert [each.status for each in found] == ["INCONCLUSIVE", "MISSING", "INCONCLUSIVE"]
    assert found[0].reason == "look 53 at this test set may spend nothing: its error is spent, renew the test set"
    (kept,) = about_floors({"recall": 0.5}, {"recall": SURE}, by_interval=False, level=SPENT)
    assert (kept.status, kept.reason) == ("PASS", "recall 0.95 keeps at least 0.5"), "a value spends nothing"
    judged = [found[0], kept]
    assert decide(judged, first=False, inconclusive="promote").outcome == "promote"
    judged += about_looks(judged, look=53, share=0.0)
    assert decide(judged, first=False, inconclusive="promote").outcome == "hold", "looks beyond the plan are free"
    assert not list(about_looks([kept], look=53, share=0.0)), "what spends nothing needs no error"


def test_a_figure_without_an_upper_limit_may_pass_and_never_fails() -> None:
    open_ = {**SURE, "high": None, "groups": {}}
    said = {}
    for floor in (0.9, 0.94, 5.0):
        (found,) = about_robustness({"flip_distance_median": floor}, {"flip_distance_median": open_})
        said[floor] = found.status
        json.dumps(found.to_dict(), allow_nan=False)
    assert said == {0.9: "PASS", 0.94: "INCONCLUSIVE", 5.0: "INCONCLUSIVE"}
    assert "(0.93 and above)" in found.reason


def test_a_figure_without_limits_at_this_level_is_missing() -> None:
    few = {**SURE, "low": None, "high": None, "reason": "12 rows are too few", "groups": {}}
    (found,) = about_robustness({"flip_distance_median": -1.0}, {"flip_distance_median": few})
    assert (found.status, found.reason) == ("MISSING", "flip_distance_median has no interval: 12 rows are too few")
