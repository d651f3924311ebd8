"""Reasons of denials: the features that lowered the favorable label's margin most, as a person is told them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand.exceptions import ConfigError, ModelError
from evenhand.explain import Attributions, make_explainer, top_reasons
from evenhand.modeling.fit import fit_candidate
from evenhand.scoring import Scorer
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


def test_of_several_denied_labels_the_sum_counts() -> None:
    values = np.zeros((1, 5, 3))
    values[0, :, 1], values[0, :, 2] = [-1, -3, 0, 2, -4], [-1, 2, 0, -5, 4]
    found = reason_texts(made(values, ("a", "b", "c")), 4, against=("b", "c"))
    assert found.tolist() == [["age", "income", "rent", None]]
    with pytest.raises(ConfigError, match="'d' is not explained"):
        reason_texts(made(values, ("a", "b", "c")), against=["b", "d"])


def test_a_row_is_told_reasons_when_it_is_given_none_of_several_favorable_labels() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=["income", "rent", "noise"])
    grade = np.array(["poor", "fair", "good"])[np.digitize(X["income"] - X["rent"] + rng.normal(size=300), [-1, 1])]
    model = fit_candidate("logistic", {}, X, pd.Series(grade), seed=0)
    explainer = make_explainer(model, X, favorable_label=["good", "fair"])
    scorer = Scorer.of(model, list(X.columns), favorable_label=["Good", "fair"], explainer=explainer, most_reasons=2)
    assert scorer.favorable_label == ("fair", "good")
    scored = scorer.score(X)
    denied = (scored["decision"] == "poor").to_numpy()
    assert 20 < denied.sum() < 280
    assert scored["reason_1"].notna().tolist() == denied.tolist()
    against = reason_texts(explainer.attribute(X[denied]), 2, against=["fair", "good"])
    told = scored.loc[denied, ["reason_1", "reason_2"]].astype(object)
    assert told.where(told.notna(), None).to_numpy().tolist() == against.tolist()
    each = ["probability_fair", "probability_good", "probability_poor"]
    assert list(scored.columns) == ["decision", "probability", *each, "reason_1", "reason_2"]
    np.testing.assert_allclose(scored["probability"], scored["probability_fair"] + scored["probability_good"])
    np.testing.assert_allclose(scored["probability"] + scored["probability_poor"], 1)
    everybody = Scorer.of(model, list(X.columns), favorable_label=["good", "fair"], explainer=explainer, explain="all")
    towards = reason_texts(explainer.attribute(X[~denied]), 1, towards=scored.loc[~denied, "decision"])
    told = everybody.score(X).loc[~denied, "reason_1"].astype(object)
    assert told.where(told.notna(), None).tolist() == towards[:, 0].tolist()
    with pytest.raises(ModelError, match="'great' is none of the model's"):
        Scorer.of(model, list(X.columns), favorable_label=["good", "great"])


def test_a_text_for_no_feature_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"score.reasons.rents: is no feature of the model \(did you mean 'rent'\?\)"):
        check_texts({"rents": "Housing costs"}, NAMES)
