"""Clarify's names: strata, the flip test, and what is undefined."""

import numpy as np
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
    assert flip_test(features, [1, 0, 0, 0, 1], in_d) == pytest.approx((2 - 1) / 3)
    found = clarify_metrics(
        [1, 0, 1, 1, 0], [1, 0, 0, 0, 1], facet=in_d, group=True, favorable_label=1, features=features
    )
    assert found["FT"].value == pytest.approx(1 / 3)


def test_a_facet_that_is_nobody_or_everybody_is_refused():
    for facet in (["a", "a"], ["d", "d"]):
        with pytest.raises(DataError, match="facet has no 'd' beside others"):
            clarify_metrics([0, 1], facet=facet, group="d", favorable_label=1)
