"""Reasons of denials: the features that lowered the favorable label's margin most, as a person is told them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand.exceptions import ConfigError
from evenhand.explain import Attributions, top_reasons
from evenhand.scoring.reasons import check_texts, reason_texts

NAMES = ("income", "rent", "loans", "age", "years")
VALUES = arrays(np.float64, (4, 5), elements=st.floats(-3, 3).map(lambda value: round(value, 3)))


def made(values: np.ndarray, labels: tuple[str, ...] = ("yes",)) -> Attributions:
    base = np.zeros((len(values), *values.shape[2:]))
    return Attributions(values, base, NAMES, labels, "log-odds", "linear")


@given(values=VALUES, most=st.integers(1, 7))
def test_without_texts_they_are_the_top_reasons(values: np.ndarray, most: int) -> None:
    found = reason_texts(made(values), most, against="yes")
    assert found.shape == (4, most)
    for row, expected in zip(found, top_reasons(made(values), most, label="yes"), strict=True):
        assert [text for text in row if text is not None] == [reason.feature for reason in expected]


@given(values=VALUES)
def test_features_of_one_text_are_one_reason_of_their_sum(values: np.ndarray) -> None:
    found = reason_texts(made(values), 5, texts={"rent": "debts", "loans": "debts"}, against="yes")
    debts = values[:, 1] + values[:, 2]
    np.testing.assert_array_equal([("debts" in row) for row in found.tolist()], debts < 0)


@given(values=VALUES)
def test_no_reason_comes_twice_and_none_speaks_for_the_person(values: np.ndarray) -> None:
    for row, own in zip(reason_texts(made(values), 5, against="yes"), values, strict=True):
        told = [text for text in row if text is not None]
        assert len(told) == len(set(told))
        assert all(own[NAMES.index(text)] < 0 for text in told)


def test_towards_the_label_that_a_row_got() -> None:
    values = np.array([[1.0, -2.0, 0, 0, 0], [1.0, -2.0, 0, 0, 0]])
    found = reason_texts(made(values), 1, towards=["yes", "no"])
    assert found.tolist() == [["income"], ["rent"]]
    three = np.stack([values, -values, 3 * values], axis=2)
    found = reason_texts(made(three, ("a", "b", "c")), 2, towards=["b", "c"])
    assert found.tolist() == [["rent", None], ["income", None]]


def test_of_more_labels_the_denied_one_counts() -> None:
    values = np.zeros((1, 5, 3))
    values[0, :, 2] = [-1, -3, 0, 2, 0]
    assert reason_texts(made(values, ("a", "b", "c")), 2, against="c").tolist() == [["rent", "income"]]
    with pytest.raises(ConfigError, match="'d' is not explained"):
        reason_texts(made(values, ("a", "b", "c")), against="d")


def test_a_text_for_no_feature_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"score.reasons.rents: is no feature of the model \(did you mean 'rent'\?\)"):
        check_texts({"rents": "Housing costs"}, NAMES)
