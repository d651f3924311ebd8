"""What people bring: labels and groups of every kind give the same audit, or a refusal that names what is wrong."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector

rng = np.random.default_rng(0)
TRUE, PREDICTED = rng.integers(0, 2, 120), rng.integers(0, 2, 120)
SEX = rng.choice(["f", "m"], 120)
WORDS = np.array(["denied", "approved"])


def audited(true, predicted, groups, favorable):
    detector = BiasDetector.from_predictions(true, predicted, sensitive_features=groups, favorable_label=favorable)
    return detector.detect_bias(intervals=False)


EXPECTED = audited(TRUE, PREDICTED, pd.DataFrame({"sex": SEX}), 1)


@pytest.mark.parametrize(
    ("true", "predicted", "favorable"),
    [
        (TRUE.astype(bool), PREDICTED.astype(bool), True),
        (WORDS[TRUE], WORDS[PREDICTED], "approved"),
        (pd.Categorical(WORDS[TRUE]), pd.Series(WORDS[PREDICTED], dtype="category"), "approved"),
        (pd.array(TRUE, dtype="Int64"), PREDICTED.astype(np.int8), 1),
        (TRUE.tolist(), PREDICTED.astype(float), 1),
        (pd.Series(TRUE, index=range(500, 620)), PREDICTED, 1),
    ],
    ids=["booleans", "words", "categories", "nullable", "lists and floats", "another index"],
)
def test_labels_of_any_kind(true, predicted, favorable):
    found = audited(true, predicted, pd.DataFrame({"sex": SEX}), favorable)
    for name, disparity in EXPECTED.audit("sex").disparities.items():
        assert found.disparity(name, "sex").value == pytest.approx(disparity.value, nan_ok=True)


@pytest.mark.parametrize(
    "groups",
    [
        pd.DataFrame({"sex": pd.Categorical(SEX, categories=["m", "f", "x"])}),
        pd.DataFrame({"sex": pd.array(SEX, dtype="string")}, index=range(7, 127)),
        pd.Series(SEX, name="sex"),
        {"sex": SEX.tolist()},
    ],
    ids=["unused category", "strings", "series", "dict"],
)
def test_groups_of_any_kind(groups):
    found = audited(TRUE, PREDICTED, groups, 1).disparity("equalized_odds_difference", "sex")
    assert found.value == EXPECTED.disparity("equalized_odds_difference", "sex").value


def test_missing_groups_are_unknown_and_counted():
    groups = pd.DataFrame({"sex": np.where(np.arange(120) < 20, None, SEX)})
    assert audited(TRUE, PREDICTED, groups, 1).group("sex", "unknown").n == 20


def test_one_group_and_one_row_have_no_disparity_and_say_why():
    for rows in (120, 1):
        groups = pd.DataFrame({"sex": ["f"] * rows})
        found = audited(TRUE[:rows], PREDICTED[:rows], groups, int(TRUE[0])).disparity(
            "demographic_parity_difference", "sex"
        )
        assert np.isnan(found.value)
        assert found.reason == "there is only one group"


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "no rows to audit"),
        (TRUE, PREDICTED.astype(str), "in the same terms"),
        (np.where(TRUE == 1, 1.0, np.nan), PREDICTED, "missing values"),
        (
            [1] * 120,
            ["1"] * 120,
            r"labels are \[1\] \(int\) and the predicted ones \['1'\] \(str\): give both in the same",
        ),
        (pd.DataFrame({"y": TRUE}), PREDICTED, r"y_true has shape \(120, 1\): give one label a row"),
        (TRUE, [[label] for label in PREDICTED], "y_pred holds lists or the like: give one label a row"),
    ],
)
def test_what_cannot_be_audited_is_named(true, predicted, message):
    with pytest.raises(DataError, match=message):
        audited(true, predicted, pd.DataFrame({"sex": SEX[: len(true)]}), 1)


def test_one_label_of_each_kind_is_a_binary_target_where_the_kinds_agree():
    for true, predicted in (([0] * 120, [1] * 120), ([False] * 120, [1.0] * 120), (["no"] * 120, ["yes"] * 120)):
        assert audited(true, predicted, pd.DataFrame({"sex": SEX}), predicted[0]).overall["accuracy"].value == 0


def test_a_favorable_label_of_another_type_is_told_by_its_type():
    with pytest.raises(DataError, match=r"'1' is not a label: did you mean 1 \(int, not str\)\?"):
        audited(TRUE, PREDICTED, pd.DataFrame({"sex": SEX}), "1")


SHUFFLED = np.random.default_rng(1).permutation(120)


@pytest.mark.parametrize("part", ["true", "predicted", "groups", "score", "weight", "factor"])
def test_an_index_in_another_order_is_refused_where_position_would_mix_up_people(part):
    given = {
        "true": pd.Series(TRUE),
        "predicted": pd.Series(PREDICTED),
        "groups": pd.DataFrame({"sex": SEX}),
        "score": pd.Series(np.linspace(0, 1, 120)),
        "weight": pd.Series(np.ones(120)),
        "factor": pd.DataFrame({"job": SEX}),
    }

    def audit():
        return BiasDetector.from_predictions(
            given["true"],
            given["predicted"],
            sensitive_features=given["groups"],
            favorable_label=1,
            y_score=given["score"],
            sample_weight=given["weight"],
            legitimate_factors=given["factor"],
        ).counts.n

    assert audit() == 120
    given[part] = given[part].iloc[SHUFFLED]
    with pytest.raises(DataError, match="same index in another order, and rows are matched by position"):
        audit()
    given[part] = given[part].set_axis(range(500, 620))
    assert audit() == 120  # names that the others do not have say nothing about the order


def test_a_dict_of_series_is_not_moved_to_where_its_indexes_meet():
    # pandas sorts the union of indexes: rows would leave the place of their label.
    groups = {"sex": pd.Series(SEX, index=range(119, -1, -1)), "same": pd.Series(SEX, index=range(60, 180))}
    found = audited(TRUE, PREDICTED, groups, 1)
    for name in groups:
        expected = EXPECTED.disparity("equalized_odds_difference", "sex").value
        assert found.disparity("equalized_odds_difference", name).value == expected
    with pytest.raises(DataError, match="sex and other have the same index in another order"):
        audited(TRUE, PREDICTED, {"sex": pd.Series(SEX), "other": pd.Series(SEX).iloc[SHUFFLED]}, 1)
    with pytest.raises(DataError, match="'other': 119"):
        audited(TRUE, PREDICTED, {"sex": SEX, "other": SEX[1:]}, 1)


def test_a_dataset_refuses_parts_in_another_order():
    parts = {"X": pd.DataFrame({"x": TRUE}), "y": pd.Series(TRUE), "sensitive_features": pd.DataFrame({"sex": SEX})}
    data = Dataset(**parts, favorable_label=1)
    for part in parts:
        with pytest.raises(DataError, match=f"{part} .*same index in another order|and {part} have the same index"):
            Dataset(**{**parts, part: parts[part].iloc[SHUFFLED]}, favorable_label=1)
    with pytest.raises(DataError, match="y and sample_weight have the same index in another order"):
        BiasDetector(lambda X: X["x"], data, sample_weight=pd.Series(np.ones(120)).iloc[SHUFFLED])
