"""Every disparity of a share of rows has the inverted score tests' interval, also without a name of its own."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize_scalar

from evenhand import BiasDetector
from evenhand.fairness.statistics import Rates, largest_gap
from evenhand.fairness.statistics.limits import _Rows

# Rates of two labels, each with its complement, whose disparities as differences are the same.
COMPLEMENTS = {
    "true_positive_rate": "false_negative_rate",
    "false_positive_rate": "true_negative_rate",
    "precision": "false_discovery_rate",
    "negative_predictive_value": "false_omission_rate",
}
RATES = (*COMPLEMENTS, *COMPLEMENTS.values(), "accuracy", "base_rate", "selection_rate")


def audit(tables, **more):
    """An audit of groups with the counts [[tn, fp], [fn, tp]]."""
    y, p, group = [], [], []
    for name, table in tables.items():
        for (label, predicted), count in np.ndenumerate(np.array(table)):
            y += [label] * count
            p += [predicted] * count
            group += [name] * count
    people = pd.DataFrame({"g": group})
    return BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=1, **more).detect_bias(
        policies=[]
    )


def slow_koopman(k1, n1, k2, n2, z=1.959963984540054):
    """Koopman's limits of p1 / p2 (1984, Biometrics 40:513-517): his chi-square, with p2 found by searching."""

    def excess(log_ratio):
        ratio = np.exp(log_ratio)

        def deviance(p2):
            parts = [(k1, n1, ratio * p2), (k2, n2, p2)]
            return -sum(k * np.log(p) + (n - k) * np.log1p(-p) for k, n, p in parts)

        p2 = minimize_scalar(deviance, bounds=(1e-12, min(1, 1 / ratio) - 1e-12), options={"xatol": 1e-13}).x
        p1 = ratio * p2
        return (k1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1)) + (k2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2)) - z**2

    own = np.log(k1 / n1 / (k2 / n2)) if k1 else -12.0
    low = np.exp(brentq(excess, own - 6, own)) if k1 else 0.0
    return low, float(np.exp(brentq(excess, own, own + 12)))


def test_ratios_of_error_rates_are_koopmans():
    report = audit({"a": [[450, 50], [60, 440]], "b": [[170, 130], [200, 300]]})
    asked = {
        "false_negative_rate": (60, 500, 200, 500),
        "true_negative_rate": (170, 300, 450, 500),
        "base_rate": (500, 1000, 500, 800),
        "false_discovery_rate": (50, 490, 130, 430),
        "false_omission_rate": (60, 510, 200, 370),
        "negative_predictive_value": (170, 370, 450, 510),
    }
    for name, (k1, n1, k2, n2) in asked.items():
        found = report.disparity(f"{name}_ratio", "g")
        low, high = slow_koopman(k1, n1, k2, n2)
        assert found.value == pytest.approx(k1 * n2 / (k2 * n1))
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5), name


def test_a_rate_of_0_has_an_interval_of_its_ratio():
    """The groups' own limits gave none, since one reaches 0."""
    report = audit({"a": [[50, 50], [0, 100]], "b": [[50, 50], [30, 70]]})
    found = report.disparity("false_negative_rate_ratio", "g")
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(slow_koopman(0, 100, 30, 100)[1], abs=0.02)
    assert found.high >= slow_koopman(0, 100, 30, 100)[1] - 1e-6  # few are expected: the exact test has a say
    mirrored = audit({"a": [[50, 50], [100, 0]], "b": [[50, 50], [70, 30]]}).disparity("equal_opportunity_ratio", "g")
    assert (found.low, found.high) == (mirrored.low, mirrored.high)


@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weights"])
def test_complements_have_the_same_differences(weighted):
    tables = {"a": [[80, 21], [7, 33]], "b": [[64, 37], [15, 26]], "c": [[70, 4], [12, 12]]}
    rows = int(sum(np.sum(table) for table in tables.values()))
    more = {"sample_weight": np.random.default_rng(3).uniform(0.5, 2, rows)} if weighted else {}
    report = audit(tables, **more)
    near = 1e-6 if weighted else 0  # sums of weights are rounded, each in its own way
    for rate, complement in COMPLEMENTS.items():
        one, other = (report.disparity(f"{name}_difference", "g") for name in (rate, complement))
        assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=0, abs=near), rate


def test_every_rate_of_rows_has_the_interval_of_its_largest_gap():
    tables = {"a": [[80, 21], [7, 33]], "b": [[64, 37], [15, 26]], "c": [[70, 4], [12, 12]]}
    report = audit(tables)
    for name in RATES:
        k, n = [], []
        for group in tables:
            value = report.group("g", group)[name]
            k.append(round(value.value * value.n))
            n.append(value.n)
        for kind in ("difference", "ratio"):
            gap, found = largest_gap(Rates(k, n, tuple(tables)), kind=kind), report.disparity(f"{name}_{kind}", "g")
            assert (found.low, found.high) == pytest.approx((gap.low, gap.high), abs=1e-3), (name, kind)


def test_rates_of_single_labels_have_it_too():
    generator = np.random.default_rng(8)
    y, group = generator.integers(0, 3, 600), generator.integers(0, 2, 600)
    p = np.where(generator.random(600) < 0.7, y, generator.integers(0, 3, 600))
    people = pd.DataFrame({"g": group})
    report = BiasDetector.from_predictions(y, p, sensitive_features=people).detect_bias(policies=[])
    missed = [int(((y == 1) & (p != 1) & (group == at)).sum()) for at in (0, 1)]
    rows = [int(((y == 1) & (group == at)).sum()) for at in (0, 1)]
    gap = largest_gap(Rates(missed, rows, ("0", "1")), kind="ratio")
    found = report.disparity("false_negative_rate/1_ratio", "g")
    assert (found.low, found.high) == pytest.approx((gap.low, gap.high), abs=1e-9)


def test_only_searching_what_can_set_the_answer_gives_the_same_answer(monkeypatch):
    """The limits of a family are those of all of its comparisons, each searched to its end."""
    generator = np.random.default_rng(4)
    cases = []
    for effective in (False, True):
        for top in (40, 400, 40_000):
            n = generator.integers(top // 4, top, 7).astype(float)
            k = np.floor(n * generator.choice([0.0, 0.02, 0.3, 0.5, 0.97, 1.0], 7))
            cases.append(Rates(k, n, tuple("abcdefg"), effective=effective))

    def found():
        gaps = [largest_gap(rates, kind=kind) for rates in cases for kind in ("difference", "ratio")]
        return [(gap.low, gap.high) for gap in gaps]

    quick = found()
    monkeypatch.setattr(_Rows, "score_crossings", lambda rows: rows._crossings(np.arange(rows.own.size)))
    np.testing.assert_allclose(quick, found(), atol=1e-9)
