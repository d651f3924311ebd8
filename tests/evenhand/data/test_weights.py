"""Training weights."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from evenhand.data.weights import compute_weights
from evenhand.exceptions import ConfigError, DataError


def test_reweighing_known_answer():
    """The worked example of Kamiran and Calders 2012, table 1 and section 5.2: job applicants by sex.

    Ten applicants: of five women two are positive, of five men four are; P(sex=f) = .5, P(+) = .6,
    P(f, +) = .2, so that the weight of a positive woman is .5 * .6 / .2 = 1.5; likewise .67, .75 and 2.
    """
    sex = ["m"] * 5 + ["f"] * 5
    label = ["+", "+", "+", "+", "-", "-", "+", "-", "-", "+"]
    weights = compute_weights(pd.Series(label), pd.DataFrame({"sex": sex}), method="reweighing")
    expected = {("m", "+"): 0.75, ("m", "-"): 2.0, ("f", "-"): 2 / 3, ("f", "+"): 1.5}
    assert weights == pytest.approx([expected[cell] for cell in zip(sex, label, strict=True)])


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 3)), min_size=1, max_size=80)
)
def test_reweighing_makes_class_and_group_independent(rows):
    frame = pd.DataFrame(rows, columns=["s1", "s2", "y"])
    weights = compute_weights(frame["y"], frame[["s1", "s2"]], method="reweighing")
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()
    group = frame["s1"] + frame["s2"]
    full = pd.crosstab(group, frame["y"])
    if (full > 0).all().all():
        table = (
            frame.assign(w=weights, g=group).pivot_table(index="g", columns="y", values="w", aggfunc="sum").to_numpy()
        )
        outer = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        assert table == pytest.approx(outer)


@settings(max_examples=50, deadline=None)
@given(y=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=60))
def test_balanced_is_scikit_learns(y):
    weights = compute_weights(y, method="balanced")
    assert weights == pytest.approx(compute_sample_weight("balanced", y))
    assert weights.mean() == pytest.approx(1)


def test_attributes_choose_the_groups():
    frame = pd.DataFrame({"sex": list("ffmm"), "race": list("abab")})
    y = pd.Series([1, 0, 1, 0])
    assert compute_weights(y, frame, method="reweighing", attributes=["sex"]) == pytest.approx(np.ones(4))
    with pytest.raises(DataError, match="did you mean 'sex'"):
        compute_weights(y, frame, method="reweighing", attributes=["sexx"])


@pytest.mark.parametrize("method", ["none", "resample"])
def test_some_methods_weight_nothing(method):
    assert compute_weights([0, 1], method=method) is None


def test_errors():
    with pytest.raises(ConfigError, match="did you mean 'reweighing'"):
        compute_weights([0, 1], method="reweigh")
    with pytest.raises(DataError, match="needs a sensitive attribute"):
        compute_weights([0, 1], method="reweighing")
    with pytest.raises(DataError, match="1 rows and y has 2"):
        compute_weights([0, 1], pd.DataFrame({"s": ["a"]}), method="reweighing")
    with pytest.raises(DataError, match="no rows"):
        compute_weights([], method="balanced")
