"""Flips between two models: counted by hand, and what must hold for any decisions."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.decision.churn import churn
from evenhand.exceptions import DataError

SEX = pd.DataFrame({"sex": ["female"] * 20 + ["male"] * 20 + [None] * 5})
CHAMPION = [0] * 10 + [1] * 10 + [1] * 20 + [0] * 5
CHALLENGER = [1] * 4 + [0] * 6 + [1] * 7 + [0] * 3 + [1] * 20 + [1] * 5


def test_flips_are_counted_by_direction_and_group():
    found = churn(CHAMPION, CHALLENGER, sensitive_features=SEX, favorable_label=1)
    assert found.overall.table == ((6, 9), (3, 27))
    assert found.overall.flipped.value == pytest.approx(12 / 45)
    assert found.overall.to_favorable.value == pytest.approx(9 / 45)
    assert found.overall.to_unfavorable.value == pytest.approx(3 / 45)
    women, men = found.groups["sex"]["female"], found.groups["sex"]["male"]
    assert (women.flipped.value, women.to_favorable.value, women.to_unfavorable.value) == (0.35, 0.2, 0.15)
    assert (men.flipped.value, men.table) == (0.0, ((0, 0), (0, 20)))


def test_an_interval_is_wilsons():
    """Newcombe (1998), Statistics in Medicine 17:857-872, table I, case (a): 81 of 263."""
    changed = np.r_[np.ones(81), np.zeros(182)].astype(int)
    found = churn(np.zeros(263, dtype=int), changed, sensitive_features=pd.DataFrame({"a": ["x"] * 263}))
    assert (round(found.overall.flipped.low, 4), round(found.overall.flipped.high, 4)) == (0.2553, 0.3662)


def test_what_rests_on_few_people_is_withheld_with_its_table():
    few = churn(CHAMPION, CHALLENGER, sensitive_features=SEX, favorable_label=1).groups["sex"]["unknown"]
    assert few.withheld
    assert few.table == ()
    assert np.isnan([few.flipped.value, few.to_favorable.value, few.to_unfavorable.low]).all()
    assert few.flipped.reason == "fewer than 10 rows"
    shown = churn(CHAMPION, CHALLENGER, sensitive_features=SEX, favorable_label=1, min_cell=5).groups["sex"]["unknown"]
    assert shown.to_favorable.value == 1.0


def test_only_flips_into_and_out_of_several_favorable_labels_have_a_direction():
    sex = pd.DataFrame({"sex": ["f"] * 20})
    champion = ["bad"] * 5 + ["fair"] * 7 + ["good"] * 8
    challenger = ["bad", "fair", "good", "good", "bad"] + ["good"] * 5 + ["bad"] * 2 + ["good"] * 7 + ["bad"]
    for good in (["fair", "good"], ("good", "fair")):
        found = churn(champion, challenger, sensitive_features=sex, favorable_label=good).overall
        assert found.flipped.value == pytest.approx(11 / 20)
        assert (found.to_favorable.value, found.to_unfavorable.value) == (pytest.approx(3 / 20), pytest.approx(3 / 20))
    with pytest.raises(DataError, match="favorable_label 1 is no label of these models"):
        churn(champion, challenger, sensitive_features=sex, favorable_label=["good", 1])


def test_several_labels_flip_among_themselves_too():
    sex = pd.DataFrame({"sex": ["f"] * 12})
    found = churn(["a", "b", "c"] * 4, ["b", "b", "a"] * 4, sensitive_features=sex, favorable_label="a")
    assert found.classes == ("a", "b", "c")
    assert found.overall.table == ((0, 4, 0), (0, 4, 0), (4, 0, 0))
    assert found.overall.flipped.value == pytest.approx(2 / 3)
    assert found.overall.to_favorable.value == found.overall.to_unfavorable.value == pytest.approx(1 / 3)


def test_without_a_favorable_label_flips_have_no_direction():
    found = churn([0, 1] * 10, [1, 1] * 10, sensitive_features=pd.DataFrame({"a": ["x"] * 20}))
    assert found.overall.flipped.value == 0.5
    assert np.isnan(found.overall.to_favorable.value)
    assert found.overall.to_favorable.reason == "no label is declared favorable"


def test_a_favorable_label_that_nobody_is_given_is_no_error():
    found = churn([0] * 12, [0] * 12, sensitive_features=pd.DataFrame({"a": ["x"] * 12}), favorable_label=1)
    assert found.overall.to_favorable.value == 0.0


def test_it_becomes_json_and_a_table():
    found = churn(CHAMPION, CHALLENGER, sensitive_features=SEX, favorable_label=1)
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["groups"]["sex"]["unknown"]["flipped"]["value"] is None
    assert said["overall"]["table"] == [[6, 9], [3, 27]]
    assert said["reasons"] is None
    frame = found.to_frame()
    assert list(frame["group"]) == ["", "female", "male", "unknown"]
    assert list(frame["withheld"]) == [False, False, False, True]


@pytest.mark.parametrize(
    ("champion", "challenger", "favorable", "said"),
    [
        ([0, 1], [0], None, "champion_pred has 2 rows and challenger_pred 1"),
        ([], [], None, "0 rows"),
        ([0, 1], ["0", "1"], None, "give both the same type"),
        ([0, 1], [0, None], None, "challenger_pred has 1 missing values"),
        ([0, 1], [0, 1], "1", "favorable_label '1' is no label of these models"),
    ],
)
def test_what_cannot_be_compared_is_refused(champion, challenger, favorable, said):
    sex = pd.DataFrame({"sex": ["f"] * len(champion)})
    with pytest.raises(DataError, match=said):
        churn(champion, challenger, sensitive_features=sex, favorable_label=favorable)


def test_groups_of_other_rows_are_refused():
    with pytest.raises(DataError, match="sensitive_features has 3 rows and the predictions 2"):
        churn([0, 1], [0, 1], sensitive_features=pd.DataFrame({"sex": ["f"] * 3}))


rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from("fmx")), min_size=1, max_size=60)


def run(pairs, **asked):
    champion, challenger, sex = map(list, zip(*pairs, strict=True))
    return churn(champion, challenger, sensitive_features=pd.DataFrame({"sex": sex}), favorable_label=1, **asked)


@settings(deadline=None)  # a busy machine is no failure
@given(rows)
def test_the_parts_add_up(pairs):
    found = run(pairs, min_cell=1)
    groups = found.groups["sex"].values()
    assert sum(group.n for group in groups) == found.overall.n == len(pairs)
    for name in ("flipped", "to_favorable", "to_unfavorable"):
        whole = getattr(found.overall, name)
        assert sum(getattr(group, name).value * group.n for group in groups) == pytest.approx(whole.value * whole.n)
        assert 0 <= whole.low <= whole.value <= whole.high <= 1
    assert found.overall.to_favorable.value + found.overall.to_unfavorable.value <= found.overall.flipped.value + 1e-12


@settings(deadline=None)  # a busy machine is no failure
@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter_and_turning_round_swaps_directions(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert run(shuffled).to_dict() == run(pairs).to_dict()
    there, back = run(pairs), run([(second, first, sex) for first, second, sex in pairs])
    assert there.overall.flipped == back.overall.flipped
    assert there.overall.to_favorable == back.overall.to_unfavorable


def test_inputs_stay_as_they_are():
    before = SEX.copy(deep=True)
    champion = np.array(CHAMPION)
    churn(champion, CHALLENGER, sensitive_features=SEX, favorable_label=1)
    pd.testing.assert_frame_equal(SEX, before)
    assert champion.tolist() == CHAMPION
