"""Published values, each with its source."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evenhand.fairness import BiasDetector, clarify_metrics
from evenhand.fairness.counts import CountTable
from evenhand.fairness.multiclass import prediction_distributions

# Clarify (github.com/aws/amazon-sagemaker-clarify), tests/unit/bias/metrics/test_metrics.py, dfBinary.
GROUPS = list("MFFMFMFFMMFF")
TRUE = [int(c) for c in "011110001000"]
PREDICTED = [int(c) for c in "111000110100"]


@pytest.fixture(scope="module")
def binary():
    people = pd.DataFrame({"facet": GROUPS})
    detector = BiasDetector.from_predictions(TRUE, PREDICTED, sensitive_features=people, favorable_label=1)
    return detector.detect_bias(intervals=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DI", 10 / 7),
        ("AD", -13 / 35),
        ("RD", -2 / 3),
        ("SD", 1 / 6),
        ("DAR", -1 / 2),
        ("DRR", 1 / 3),
        ("DCA", 1 / 4),
        ("DCR", 1 / 3),
        ("TE", -1 / 2),
        ("GE", 0.245562),
    ],
)
def test_clarify_after_training(name, value):
    found = clarify_metrics(TRUE, PREDICTED, facet=GROUPS, group="F", favorable_label=1)
    assert found[name].value == pytest.approx(value, abs=5e-7)


def test_clarify_before_training_by_hand():
    # F has 3 of 7 favorable labels, M 2 of 5: the definitions of the developer guide on these two shares.
    found = clarify_metrics(TRUE, facet=GROUPS, group="F", favorable_label=1)
    gap = 2 / 5 - 3 / 7
    assert found["CI"].value == pytest.approx((5 - 7) / 12)
    assert found["DPL"].value == pytest.approx(gap)
    assert found["KL"].value == pytest.approx(0.4 * np.log(0.4 / (3 / 7)) + 0.6 * np.log(0.6 / (4 / 7)))
    assert found["Lp"].value == pytest.approx(np.sqrt(2) * -gap)
    assert found["TVD"].value == pytest.approx(-gap)
    assert found["KS"].value == pytest.approx(-gap)
    assert "DI" not in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("demographic_parity_difference", 6 / 35),
        ("demographic_parity_ratio", 0.7),
        ("equalized_odds_difference", 2 / 3),
    ],
)
def test_fairlearn_names_on_clarify_rows(binary, name, value):
    assert binary.disparity(name, "facet").value == pytest.approx(value, abs=1e-15)


def test_average_odds_is_the_mean_of_the_gaps(binary):
    found = binary.disparity("equalized_odds_difference", "facet", agg="mean")
    assert found.value == pytest.approx((2 / 3 + 1 / 6) / 2)


def test_holisticai_multiclass():
    # github.com/holistic-ai/holisticai, tests/bias/metrics/test_bias_multiclass.py: frequencies of the predictions.
    people = pd.DataFrame({"group": list("AAAABBBBCC")})
    predicted = [int(c) for c in "0120120120"]
    detector = BiasDetector.from_predictions(predicted, predicted, sensitive_features=people)
    shares = prediction_distributions(detector.counts.marginal(["group"]).counts)
    assert shares.tolist() == [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0, 0.5]]
    report = detector.detect_bias(intervals=False)
    # B and C differ in label 1 alone by a half: total variation of (.25, .5, .25) and (.5, 0, .5).
    found = report.disparity("demographic_parity_difference", "group")
    assert found.value == 0.5
    assert set(found.between) == {"B", "C"}
    assert report.disparity("equalized_odds_difference", "group").value == 0


# "How We Analyzed the COMPAS Recidivism Algorithm", Larson, Mattu, Kirchner and Angwin, ProPublica 2016: the tables
# of all defendants. Rows: survived, recidivated; columns: low, high.
COMPAS = {"Black": [[990, 805], [532, 1369]], "White": [[1139, 349], [461, 505]]}


@pytest.fixture(scope="module")
def compas():
    table = CountTable(
        ("race",),
        (tuple(COMPAS),),
        np.array([[0], [1]]),
        ("recidivated", "survived"),
        # Surviving and a low score are what is good for the person.
        np.array([[[r[1], r[0]], [s[1], s[0]]] for s, r in COMPAS.values()]),
    )
    return BiasDetector.from_counts(table, favorable_label="survived").detect_bias()


@pytest.mark.parametrize(
    ("group", "false_high", "false_low", "precise_high", "precise_low"),
    [("Black", 0.4485, 0.2799, 0.63, 0.65), ("White", 0.2345, 0.4772, 0.59, 0.71)],
)
def test_compas(compas, group, false_high, false_low, precise_high, precise_low):
    found = compas.group("race", group)
    assert found["false_negative_rate"].value == pytest.approx(false_high, abs=6e-5)
    assert found["false_positive_rate"].value == pytest.approx(false_low, abs=6e-5)
    assert found["negative_predictive_value"].value == pytest.approx(precise_high, abs=5e-3)
    assert found["precision"].value == pytest.approx(precise_low, abs=5e-3)


def test_compas_is_no_accident(compas):
    found = compas.disparity("equalized_odds_difference", "race")
    assert found.verdict == "FAIL"
    assert found.interval[0] > 0.1
    assert found.p_value < 0.01


# Admissions of Berkeley's six largest departments in 1973: Bickel, Hammel and O'Connell (1975), Science 187:398-404;
# counts as in R's UCBAdmissions (men admitted, rejected, women admitted, rejected).
BERKELEY = {
    "A": (512, 313, 89, 19),
    "B": (353, 207, 17, 8),
    "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244),
    "E": (53, 138, 94, 299),
    "F": (22, 351, 24, 317),
}


@pytest.fixture(scope="module")
def berkeley():
    rows = [
        (sex, department, admitted)
        for department, (a, b, c, d) in BERKELEY.items()
        for sex, admitted, n in (("men", 1, a), ("men", 0, b), ("women", 1, c), ("women", 0, d))
        for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["sex", "department", "admitted"])


def test_berkeley_rates(berkeley):
    found = BiasDetector.from_predictions(
        berkeley["admitted"], berkeley["admitted"], sensitive_features=berkeley[["sex"]], favorable_label=1
    ).detect_bias()
    assert found.group("sex", "men")["selection_rate"].value == pytest.approx(1198 / 2691)
    assert found.group("sex", "women")["selection_rate"].value == pytest.approx(557 / 1835)
    assert found.audit("sex").four_fifths.flag is True
    assert found.disparity("demographic_parity_difference", "sex").p_value <= 1 / 1001 + 1e-9


def test_berkeley_given_departments(berkeley):
    """Simpson's paradox: within departments the disparity all but vanishes, and its sign is women's advantage."""
    found = BiasDetector.from_predictions(
        berkeley["admitted"],
        berkeley["admitted"],
        sensitive_features=berkeley[["sex"]],
        favorable_label=1,
        legitimate_factors=berkeley[["department"]],
    ).detect_bias()
    women = found.group("sex", "women")["conditional_demographic_disparity"]
    marginal = 1278 / 2771 - 557 / 1755
    assert marginal > 0.14
    assert -0.05 < women.value < 0
    assert women.interval[0] < women.value < women.interval[1]
    # A test of the same null hypothesis by another statistic: Cochran, Mantel and Haenszel's, here from its definition
    # (Agresti, Categorical Data Analysis, 2013, 6.4.2). Five standard errors of a thousand draws are .07.
    tables = (
        pd.crosstab([berkeley["department"], berkeley["sex"]], berkeley["admitted"]).to_numpy(float).reshape(-1, 2, 2)
    )
    rows, columns, n = tables.sum(axis=2), tables.sum(axis=1), tables.sum(axis=(1, 2))
    apart = (tables[:, 0, 1] - rows[:, 0] * columns[:, 1] / n).sum()
    variance = (rows.prod(axis=1) * columns.prod(axis=1) / n**2 / (n - 1)).sum()
    cmh = 2 * stats.norm.sf(abs(apart) / np.sqrt(variance))
    assert found.disparity("conditional_demographic_disparity", "sex").p_value == pytest.approx(cmh, abs=0.07)


def test_uniform_guidelines_question_12():
    # 44 FR 11996 (1979), Q&A 12: rates of 60, 45, 48 and 51 percent give ratios of 75, 80 and 85 percent.
    rates = {"White": 60, "American Indian": 45, "Hispanic": 48, "Black": 51}
    people = pd.DataFrame({"group": [name for name in rates for _ in range(100)]})
    chosen = [i < n for n in rates.values() for i in range(100)]
    report = BiasDetector.from_predictions(chosen, chosen, sensitive_features=people, favorable_label=True).detect_bias(
        reference={"group": "White"}, policies=["us-four-fifths"]
    )
    flag = report.audit("group").four_fifths
    assert (flag.flag, flag.group, flag.reference) == (True, "American Indian", "White")
    assert flag.ratio == pytest.approx(0.75)
    table = report.to_dict()["policies"][0]["tables"]["impact_ratio"]["group"]
    assert {row["name"]: row["impact_ratio"] for row in table} == pytest.approx(
        {"White": 1.0, "American Indian": 0.75, "Hispanic": 0.8, "Black": 0.85}
    )
