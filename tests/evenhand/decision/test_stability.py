"""The stability of top reasons: counted by hand, and what must hold for any attributions."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand.decision.churn import churn
from evenhand.decision.stability import reason_stability
from evenhand.exceptions import DataError

SEX = pd.DataFrame({"sex": ["f"] * 10 + ["m"] * 2})


def frame(*rows, names=("income", "debt", "age", "term")):
    return pd.DataFrame(list(rows), columns=list(names))


def test_agreement_is_counted_by_row_and_group():
    """Of the first three each row of women shares two of four, that of the men all."""
    champion = frame(*[(4, 3, 2, 1)] * 12)
    challenger = frame(*[(4, 3, 1, 2)] * 10, *[(3, 4, 2, 1)] * 2)
    found = reason_stability(champion, challenger, sensitive_features=SEX, min_cell=2)
    women, men = found.groups["sex"]["f"], found.groups["sex"]["m"]
    assert (women[1].same.value, women[3].same.value, women[3].jaccard.value) == (1.0, 0.0, 0.5)
    assert (men[1].same.value, men[1].jaccard.value, men[3].same.value) == (0.0, 0.0, 1.0)
    assert found.overall[1].same.value == pytest.approx(10 / 12)
    assert found.overall[3].jaccard.value == pytest.approx((10 * 0.5 + 2) / 12)


def test_few_people_are_withheld():
    made = frame(*[(1, 2, 3, 4)] * 12)
    few = reason_stability(made, made, sensitive_features=SEX).groups["sex"]["m"][1]
    assert np.isnan(few.same.value)
    assert few.same.reason == "fewer than 10 rows"


def test_a_direction_takes_only_what_speaks_that_way():
    champion, challenger = frame(*[(-1, 5, 0, 0)] * 12), frame(*[(-2, -1, 9, 0)] * 12)
    against = reason_stability(champion, challenger, sensitive_features=SEX, direction="against")
    assert (against.overall[1].same.value, against.overall[3].jaccard.value) == (1.0, 0.5)
    assert reason_stability(champion, challenger, sensitive_features=SEX, direction="for").overall[1].same.value == 0.0
    assert reason_stability(champion, challenger, sensitive_features=SEX).overall[1].same.value == 0.0


def test_features_may_differ_between_the_models():
    champion = frame(*[(5, 1)] * 12, names=("income", "debt"))
    challenger = frame(*[(1, 5, 9)] * 12, names=("debt", "income", "savings"))
    found = reason_stability(champion, challenger, sensitive_features=SEX)
    assert found.overall[1].same.value == 0.0
    assert found.overall[3].jaccard.value == pytest.approx(2 / 3)


def test_rows_without_any_reason_agree():
    nothing = np.zeros((12, 3))
    found = reason_stability(nothing, nothing, sensitive_features=SEX)
    assert found.overall[3].same.value == found.overall[3].jaccard.value == 1.0


def test_of_classes_the_largest_attribution_counts():
    champion = np.zeros((12, 2, 3))
    champion[:, 0, 0], champion[:, 1, 2] = 1.0, -2.0
    challenger = champion.copy()
    challenger[:, 0, 1] = 3.0
    assert reason_stability(champion, challenger, sensitive_features=SEX).overall[1].same.value == 0.0
    with pytest.raises(DataError, match="give those of one class"):
        reason_stability(champion, challenger, sensitive_features=SEX, direction="against")


@pytest.mark.parametrize(
    ("champion", "challenger", "asked", "said"),
    [
        (np.zeros((12, 2)), np.zeros((12, 3)), {}, r"\(12, 2\) and \(12, 3\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), {}, "explain the same rows"),
        (np.full((12, 2), np.nan), np.zeros((12, 2)), {}, "not finite"),
        (np.zeros((12, 2)), np.zeros((12, 2)), {"ks": (0,)}, "give numbers of reasons from 1"),
        (np.zeros((3, 2)), np.zeros((3, 2)), {}, "sensitive_features has 12 rows and the attributions 3"),
    ],
)
def test_what_cannot_be_compared_is_refused(champion, challenger, asked, said):
    with pytest.raises(DataError, match=said):
        reason_stability(champion, challenger, sensitive_features=SEX, **asked)


values = arrays(float, (12, 5), elements=st.integers(-4, 4).map(float))


@settings(deadline=None)  # a busy machine is no failure
@given(values, values)
def test_agreement_is_symmetric_and_a_jaccard_index_is_at_least_the_share_of_equal_sets(first, second):
    asked = {"sensitive_features": SEX, "ks": (1, 2, 5), "min_cell": 1}
    there = reason_stability(first, second, **asked)
    assert there == reason_stability(second, first, **asked)
    assert all(found.same.value <= found.jaccard.value + 1e-12 for found in there.overall.values())


@settings(deadline=None)  # a busy machine is no failure
@given(values, st.floats(0.001, 1000))
def test_a_model_agrees_with_itself_and_with_another_unit(made, unit):
    found = reason_stability(made, made * unit, sensitive_features=SEX)
    assert all(each.same.value == 1.0 for each in found.overall.values())


def test_churn_carries_it_into_json():
    made = frame(*[(1, 2, 3, 4)] * 12)
    stable = reason_stability(made, made, sensitive_features=SEX)
    said = churn([0] * 12, [0] * 12, sensitive_features=SEX, reasons=stable).to_dict()
    assert said["reasons"]["overall"]["3"]["same"]["value"] == 1.0
    assert json.loads(json.dumps(said, allow_nan=False))["reasons"]["groups"]["sex"]["m"]["1"]["same"]["value"] is None
