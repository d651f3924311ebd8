"""Groups stand in one order wherever they are shown: bands by their numbers, then names."""

import numpy as np
import pandas as pd

from evenhand.data.sensitive import _band_names
from evenhand.decision.churn import churn
from evenhand.fairness import BiasDetector, merge
from evenhand.fairness.groups import band_labels, encode_groups
from evenhand.order import group_order
from evenhand.plotting import figure_to_svg

EDGES = [-5, 9.5, 40, 100]
BANDS = ["under -5", "-5 to under 9.5", "9.5 to under 40", "40 to under 100", "100 and over"]


def audited(ages, sex, **options):
    n = len(ages)
    given = {"sensitive_features": pd.DataFrame({"age": ages, "sex": sex}), "favorable_label": 1, **options}
    return BiasDetector.from_predictions([0, 1] * (n // 2), [1, 0, 1, 1] * (n // 4), **given)


def test_bands_of_both_makers_are_in_the_order_of_their_numbers():
    for names in (band_labels(EDGES), _band_names(EDGES)):
        assert names == BANDS == sorted(sorted(BANDS), key=group_order)


def test_tables_plots_and_policies_have_the_bands_in_order():
    rng = np.random.default_rng(0)
    ages, sex = rng.choice([-9, 0, 20, 50, 200, np.nan], 800), rng.choice(["m", "f"], 800)
    expected = [*BANDS, "unknown"]
    detector = audited(ages, sex, bins={"age": EDGES})
    report = detector.detect_bias(policies=["nyc-ll144"], replicates=50)
    assert list(report.audit("age").groups) == expected
    assert list(report.audit("age & sex").groups) == [f"{band} & {each}" for band in expected for each in "fm"]
    rows = report.to_dict()["policies"][0]["tables"]["impact_ratio"]["age"]
    assert [row["name"] for row in rows] == expected
    svg = figure_to_svg(report.plot(attribute="age"))
    assert sorted(BANDS, key=svg.index) in (BANDS, BANDS[::-1])
    # Texts of bands, as a retrain reads them, and any order of the parts: the same.
    texts = np.array(expected, dtype=object)[np.searchsorted(EDGES, ages, side="right")]
    texts[np.isnan(ages)] = None
    halves = [audited(texts[at], sex[at]).counts for at in (slice(400, 800), slice(400))]
    assert list(merge(halves).marginal(["age"]).labels) == expected
    assert list(encode_groups(pd.DataFrame({"age": texts}))["age"].labels) == expected
    found = audited(texts, sex).detect_bias(policies=[], intervals=False)
    for group in expected:
        assert found.group("age", group).n == report.group("age", group).n
    changed = churn([0, 1] * 400, [1] * 800, sensitive_features=pd.DataFrame({"age": texts}), favorable_label=1)
    assert list(changed.groups["age"]) == expected


def test_numbers_are_groups_in_order():
    report = audited(np.array([2, 10, 1, 9] * 10), ["f"] * 40).detect_bias(policies=[], intervals=False)
    assert list(report.audit("age").groups) == ["1", "2", "9", "10"]
