"""What people bring: labels and groups of every kind give the same audit, or a refusal that names what is wrong."""

import numpy as np
import pandas as pd
import pytest

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
    ],
)
def test_what_cannot_be_audited_is_named(true, predicted, message):
    with pytest.raises(DataError, match=message):
        audited(true, predicted, pd.DataFrame({"sex": SEX[: len(true)]}), 1)
