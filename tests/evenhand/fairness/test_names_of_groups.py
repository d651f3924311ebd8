"""Groups keep their names and their rows, whatever their values and columns are called and in which order they come."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.methods import GroupThresholds


def audited(people: pd.DataFrame, **options: object):
    rng = np.random.default_rng(1)
    y, decided = rng.integers(0, 2, (2, len(people)))
    detector = BiasDetector.from_predictions(y, decided, sensitive_features=people, favorable_label=1, **options)
    return detector.detect_bias(intervals=False)


@pytest.mark.parametrize(
    "edges", [[1_000_000, 1_000_001, 1_000_002], [19_800_101, 19_800_110, 19_850_101], [0.1234567, 0.1234569], [1e-9]]
)
def test_bands_of_long_numbers_have_names_of_their_own(edges: list[float]) -> None:
    values = np.repeat([edges[0] - 1, *edges], 25)
    groups = audited(pd.DataFrame({"b": values}), bins={"b": edges}).audit("b").groups
    assert [group.n for group in groups.values()] == [25] * (len(edges) + 1)
    assert not any("e+" in name for name in groups)


def test_intersections_of_values_that_hold_the_joint_lose_no_row() -> None:
    people = pd.DataFrame({"a": ["x", "x & y"] * 200, "b": ["y & z", "z"] * 200})
    report = audited(people)
    assert {name: group.n for name, group in report.audit("a & b").groups.items()} == {
        'x & "y & z"': 200,
        '"x & y" & z': 200,
    }
    assert report.group("a & b", ("x & y", "z")).n == 200
    assert set(report.audit("a").groups) == {"x", "x & y"}


def test_a_column_of_the_name_of_an_intersection_is_refused() -> None:
    """It stood in the report under the intersection's groups, and a policy about it passed by theirs."""
    people = pd.DataFrame({"a": ["x", "y"] * 100, "b": ["p", "q"] * 100, "a & b": ["north", "south"] * 100})
    with pytest.raises(DataError, match=r"'a & b' has the name of the intersection of .*rename"):
        audited(people)
    assert set(audited(people.drop(columns="b")).audit("a & b").groups) == {"north", "south"}


def test_a_group_is_found_by_the_order_in_which_its_attributes_are_named() -> None:
    people = pd.DataFrame({"disabled": ["yes"] * 30 + ["no"] * 70, "veteran": (["yes"] + ["no"] * 4) * 20})
    report = audited(people)
    true = int(((people["veteran"] == "yes") & (people["disabled"] == "no")).sum())
    assert report.group("veteran & disabled", ("yes", "no")).n == true
    assert report.group("veteran & disabled", "yes & no").n == true
    assert report.group("disabled & veteran", ("no", "yes")).n == true
    assert report.group("disabled & veteran", "no & yes").n == true


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_a_blank_group_is_unknown_as_in_training(kind: str) -> None:
    """The same people with gaps: a blank names nobody, and is judged as nobody's group."""
    blank = audited(pd.DataFrame({"race": ["a", "b", "", "  ", "\t", "unknown"] * 50}, dtype=kind))
    gaps = audited(pd.DataFrame({"race": ["a", "b", None, None, None, "unknown"] * 50}))
    assert {name: group.n for name, group in blank.audit("race").groups.items()} == {"a": 50, "b": 50, "unknown": 200}
    assert blank.to_dict() == gaps.to_dict()


def fitted() -> tuple[GroupThresholds, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    people = pd.DataFrame({"disabled": rng.choice(["yes", "no"], 400), "veteran": rng.choice(["yes", "no"], 400)})
    y = (X["a"] + (people["disabled"] == "yes") + rng.normal(size=400) > 0).astype(int)
    return GroupThresholds(LogisticRegression()).fit(X, y, sensitive_features=people), X, people


def test_a_mitigated_model_takes_sensitive_columns_by_name() -> None:
    model, X, people = fitted()
    expected = model.predict(X, sensitive_features=people)
    np.testing.assert_array_equal(model.predict(X, sensitive_features=people[["veteran", "disabled"]]), expected)
    np.testing.assert_array_equal(model.predict(X, sensitive_features=people.to_numpy()), expected)


@pytest.mark.parametrize("columns", [["disabled", "citizen"], ["disabled"]])
def test_a_mitigated_model_refuses_other_sensitive_columns(columns: list[str]) -> None:
    model, X, people = fitted()
    other = people.rename(columns={"veteran": "citizen"})[columns]
    with pytest.raises(DataError, match="fitted on"):
        model.predict(X, sensitive_features=other)
