"""Clarify's names: strata, the flip test, and what is undefined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.exceptions import DataError
from evenhand.fairness import clarify_metrics
from evenhand.fairness.clarify import flip_test
from tests.evenhand.fairness import slow_definitions as slow


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.sampled_from("xyz")), min_size=2, max_size=40)
)
def test_conditional_disparity_by_its_formula(rows):
    y, p, d, strata = zip(*[*rows, (True, True, True, "x"), (False, False, False, "x")], strict=True)
    found = clarify_metrics(y, p, facet=d, group=True, favorable_label=True, group_variable=strata)
    assert found["CDDL"].value == pytest.approx(slow.conditional_disparity(y, d, strata), abs=1e-12)
    assert found["CDDPL"].value == pytest.approx(slow.conditional_disparity(p, d, strata), abs=1e-12)


def test_zero_over_zero_is_undefined():
    found = clarify_metrics([1, 1, 0, 0], [1, 0, 0, 0], facet=list("aadd"), group="d", favorable_label=1)
    for name in ("RD", "DAR", "DCA", "TE"):
        assert np.isnan(found[name].value), name
        assert found[name].reason
    assert found["DI"].value == 0
    assert found["DPPL"].value == 0.5
    assert np.isnan(found["KL"].value)
    assert found["JS"].value == pytest.approx(np.log(2))


def test_flip_test_both_ways():
    features = [[0.0], [1.0], [0.1], [0.2], [0.9]]
    in_d = [False, False, True, True, True]
    # Nearest to two of d is one who got it where they did not; nearest to the third one who did not, and they did.
    assert flip_test(features, [1, 0, 0, 0, 1], in_d) == pytest.approx((1 - 2) / 3)
    found = clarify_metrics(
        [1, 0, 1, 1, 0], [1, 0, 0, 0, 1], facet=in_d, group=True, favorable_label=1, features=features
    )
    assert found["FT"].value == pytest.approx(-1 / 3)


def test_the_published_flip_test():
    """Data and value of smclarify's ``test_FT`` (tests/unit/bias/metrics/test_metrics.py); column 0 is facet d."""
    rows = """
        0000111 1000101 1010101 0000011 1001101 0010111 1000111 1100111 0010111 1011110 1000110 1010111
        1000011 0000111 0010101 0010111 0101001 1000011 0010011 1000110 1010011 0100011 1010101 0001110
    """
    features = np.array([[int(digit) for digit in row] for row in rows.split()], dtype=float)
    predicted = [int(digit) for digit in "111011111111011100110011"]
    in_d = features[:, 0] == 1
    assert flip_test(features, predicted, in_d) == pytest.approx(-0.230769, abs=1e-6)


def test_a_facet_that_is_nobody_or_everybody_is_refused():
    for facet in (["a", "a"], ["d", "d"]):
        with pytest.raises(DataError, match="facet has no 'd' beside others"):
            clarify_metrics([0, 1], facet=facet, group="d", favorable_label=1)


def clarify(y_true=(1, 0, 1, 1, 0, 1), y_pred=(1, 0, 0, 1, 1, 1), facet=tuple("ddaada"), **options):
    return clarify_metrics(y_true, y_pred, **{"facet": facet, "group": "d", "favorable_label": 1} | options)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_rows_without_a_stratum_are_a_stratum_of_their_own(missing):
    # Their own stratum, by the formula: sum over strata of n_i * (share of d in the refused - in the accepted) / n
    # (whitepaper 2021, section 2.1.8).
    strata = pd.Series(["x", "x", "y", missing, missing, "y"], dtype=object)
    truth, d = [1, 0, 1, 1, 0, 1], [group == "d" for group in "ddaada"]
    expected = slow.conditional_disparity([value == 1 for value in truth], d, strata.fillna("z").tolist())
    assert expected == 0.5  # (2 rows * 0 + 2 rows * 1) / 4; y has nobody refused
    assert clarify(truth, group_variable=strata)["CDDL"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"y_pred": list("100111")}, r"labels are \[0, 1\] \(int\) and the predicted ones \['0', '1'\] \(str\)"),
        ({"y_true": [1] * 6, "y_pred": ["1"] * 6}, "in the same terms"),
        ({"y_pred": [2, 3] * 3}, "in the same terms"),
        ({"y_true": [1, 0, None, 1, 0, 1]}, "y_true has 1 missing values of 6"),
        ({"y_pred": [1, 0, np.nan, 1, 0, 1]}, "y_pred has 1 missing values of 6"),
        ({"facet": ["d", "a", None, "d", "a", "a"]}, "facet has 1 missing values of 6"),
        ({"facet": pd.array(["d", "a", None, "d", None, "a"], dtype="string")}, "facet has 2 missing values of 6"),
        ({"facet": pd.array([True, False, None] * 2, dtype="boolean"), "group": True}, "facet has 2 missing values"),
        ({"facet": pd.DataFrame({"f": list("ddaada")})}, r"facet has shape \(6, 1\)"),
        ({"y_pred": [1, 0, 1]}, "y_pred has 3 rows and y_true 6"),
        ({"facet": list("dda")}, "facet has 3 rows and y_true 6"),
        ({"group_variable": list("xy")}, "group_variable has 2 rows and y_true 6"),
        ({"features": [[1.0]] * 5}, r"features have shape \(5, 1\) and there are 6 rows"),
        ({"features": [1.0] * 6}, r"features have shape \(6,\)"),
        ({"features": [["u"]] * 6}, "features hold what is no number"),
        ({"features": [[np.nan]] * 6}, "features have 6 values that are not finite"),
        ({"favorable_label": "1"}, r"favorable_label '1' is not a label: did you mean 1 \(int, not str\)"),
        ({"facet": [0, 0, 1, 1, 0, 1], "group": "1"}, r"facet has no '1' beside others: did you mean 1 \(int, not str"),
        ({"y_true": pd.Series([1, 0, 1, 1, 0, 1]), "facet": pd.Series(list("ddaada"))[::-1]}, "index in another order"),
    ],
)
def test_what_clarify_cannot_compare_is_one_refusal(given_, told):
    with pytest.raises(DataError, match=told):
        clarify(**given_)
