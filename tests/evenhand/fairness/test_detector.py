"""The interface: what goes in, what comes out, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import BiasDetector, count_rows
from evenhand.fairness.figure_limits import figure_estimates
from evenhand.fairness.groups import encode_groups, encode_values
from evenhand.fairness.inference import _pairwise
from evenhand.fairness.metrics import Tables, binary_metrics
from evenhand.plotting import figure_to_svg


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    n = 600
    frame = pd.DataFrame(
        {
            "race": rng.choice(["white", "black", "unknown"], n, p=[0.6, 0.37, 0.03]),
            "sex": rng.choice(["f", "m"], n),
            "x": rng.normal(size=n),
        }
    )
    frame["y"] = (frame["x"] + rng.normal(size=n) > 0).astype(int)
    return frame


@pytest.fixture(scope="module")
def dataset(people):
    return Dataset(people[["x"]], people["y"], people[["race", "sex"]], favorable_label=1)


@pytest.fixture(scope="module")
def report(dataset):
    model = LogisticRegression().fit(dataset.X, dataset.y)
    return BiasDetector(model, dataset).detect_bias(reference={"race": "white"})


def test_a_classifier_a_function_and_a_pyfunc_audit_alike(dataset):
    model = LogisticRegression().fit(dataset.X, dataset.y)

    class Served:
        """What MLflow's pyfunc looks like from here: predict on a frame, and a frame back."""

        def predict(self, frame):
            return pd.DataFrame({"prediction": model.predict(frame)})

    reports = [BiasDetector(m, dataset).detect_bias(intervals=False) for m in (model, model.predict, Served())]
    values = [report.disparity("equalized_odds_difference", "race").value for report in reports]
    assert values[0] == values[1] == values[2]
    assert "roc_auc" in reports[0].overall
    assert "roc_auc" not in reports[1].overall


def test_a_model_that_cannot_predict_is_refused(dataset):
    with pytest.raises(ModelError, match="neither has predict"):
        BiasDetector("model", dataset)


def test_report(dataset, report):
    white = report.group("race", "white")
    assert white["selection_rate"].interval[0] < white.selection_rate.value < white["selection_rate"].interval[1]
    assert white["recall_score"] is white["true_positive_rate"]
    assert white.n == sum(white.counts.values()) == (dataset.sensitive_features["race"] == "white").sum()
    assert report.group("race", "unknown").unknown
    assert report.group("race", "unknown").small
    assert report.group("sex & race", ("white", "f")).n > 100
    assert report.disparity("selection_rate_ratio", "race") == report.disparity("demographic_parity_ratio", "race")
    assert report.disparity("demographic_parity_difference", "race", method="to_reference").between[1] == "white"
    ruled = report.disparity("demographic_parity_ratio", "race")
    assert ruled.verdict in {"PASS", "FAIL", "INCONCLUSIVE"}
    assert "unknown" in ruled.reason


def test_dict_is_json_and_shaped_for_a_card(dataset, report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["task"] == "binary"
    assert found["n"] == len(dataset)
    assert found["positive_rate"] == pytest.approx(dataset.y.mean())
    group = found["attributes"]["race"]["groups"][0]
    assert set(group) >= {"group", "n", "small", "metrics", "counts"}
    assert set(group["metrics"]["selection_rate"]) == {"value", "low", "high", "n", "reason"}
    disparity = found["attributes"]["race"]["disparities"]["demographic_parity_difference"]
    assert set(disparity) >= {"value", "low", "high", "p_value", "verdict", "reason", "between", "undefined"}
    assert set(found["attributes"]["race"]["disparities"]["four_fifths"]) >= {"ratio", "flag", "group", "reference"}
    assert list(found["intersections"]) == ["race & sex"]
    assert found["policies"][0]["policy"]["name"] == "statistical"


def test_frames_page_and_figure(report):
    assert len(report.to_frame()) == 3 + 2 + 6
    assert set(report.disparities_frame()["method"]) == {"between_groups", "to_overall", "to_reference"}
    svg = figure_to_svg(report.plot(limit=0.8))
    assert "white (n=" in svg
    assert "0.8 of the highest" in svg
    page = report._repr_html_()
    assert "white" in page
    assert "demographic parity ratio" in page


def test_names_are_escaped():
    frame = pd.DataFrame({"<b>": ["<script>", "x"]})
    report = BiasDetector.from_predictions([0, 1], [1, 1], sensitive_features=frame, favorable_label=1).detect_bias()
    page = report._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_row_reaches_a_report(dataset):
    marked = Dataset(
        dataset.X.set_axis([f"person-{i}" for i in range(len(dataset))]),
        dataset.y.set_axis([f"person-{i}" for i in range(len(dataset))]),
        dataset.sensitive_features,
        favorable_label=1,
        key=pd.Series([f"key-{i}" for i in range(len(dataset))]),
    )
    text = json.dumps(BiasDetector(lambda X: (X["x"] > 0).astype(int), marked).detect_bias(depth=1).to_dict())
    assert "person-" not in text
    assert "key-" not in text


def test_inputs_are_left_alone(people):
    before = people.copy(deep=True)
    y, p = people["y"].to_numpy(), (people["x"] > 0).to_numpy().astype(int)
    kept = y.copy(), p.copy()
    BiasDetector.from_predictions(
        y, p, sensitive_features=people[["race", "sex"]], favorable_label=1, y_score=people["x"]
    ).detect_bias(depth=1)
    pd.testing.assert_frame_equal(people, before)
    assert (y == kept[0]).all()
    assert (p == kept[1]).all()


@pytest.mark.parametrize(
    ("labels", "favorable"), [((0, 1), 1), ((False, True), True), (("no", "yes"), "yes"), ((2, 1), 1), ((-1, 1), 1)]
)
def test_labels_of_any_kind_give_the_same_audit(people, labels, favorable):
    def named(values):
        return [labels[int(value)] for value in values]

    report = BiasDetector.from_predictions(
        named(people["y"]), named(people["x"] > 0), sensitive_features=people[["race"]], favorable_label=favorable
    ).detect_bias(intervals=False)
    plain = BiasDetector.from_predictions(
        people["y"], (people["x"] > 0).astype(int), sensitive_features=people[["race"]], favorable_label=1
    ).detect_bias(intervals=False)
    for name in ("equalized_odds_difference", "predictive_parity_ratio", "treatment_equality_difference"):
        assert report.disparity(name, "race").value == plain.disparity(name, "race").value
    assert report.classes[1] == favorable


def test_a_perfect_model_has_no_error_gap(people):
    report = BiasDetector.from_predictions(
        people["y"], people["y"], sensitive_features=people[["race", "sex"]], favorable_label=1
    ).detect_bias(intervals=False)
    for audit in report.audits.values():
        assert audit.disparities["equalized_odds_difference"].value == 0
        assert audit.disparities["accuracy_equality_ratio"].value == 1
        # No false positive anywhere: their ratio is 0/0 and no number stands for it.
        assert np.isnan(audit.disparities["predictive_equality_ratio"].value)
        assert "every value is 0" in audit.disparities["predictive_equality_ratio"].reason


def test_undefined_is_named_and_never_passes():
    """Group c has no favorable label: no true positive rate, and no 0 in its place."""
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], 3000)
    y = np.where(groups == "c", 0, rng.integers(0, 2, 9000))
    report = BiasDetector.from_predictions(
        y, y, sensitive_features=pd.DataFrame({"g": groups}), favorable_label=1
    ).detect_bias()
    rate = report.group("g", "c")["true_positive_rate"]
    assert np.isnan(rate.value)
    assert rate.reason == "no rows with the favorable label"
    assert rate.interval is None
    found = report.disparity("equalized_odds_difference", "g")
    assert found.value == 0
    assert "c" in found.undefined
    assert found.verdict == "INCONCLUSIVE"
    assert report.to_dict()["attributes"]["g"]["groups"][2]["metrics"]["true_positive_rate"]["value"] is None


def test_one_group_has_no_disparity():
    report = BiasDetector.from_predictions(
        [0, 1], [0, 1], sensitive_features=pd.DataFrame({"g": ["a", "a"]}), favorable_label=1
    ).detect_bias()
    found = report.disparity("demographic_parity_difference", "g")
    assert np.isnan(found.value)
    assert found.reason.startswith("policy") is False or found.verdict == "INCONCLUSIVE"
    assert report.audit("g").four_fifths.flag is None


def test_unknown_is_counted_and_ages_are_banded():
    frame = pd.DataFrame({"age": [20, 30, np.nan, 70], "sex": ["f", None, "m", "f"]})
    report = BiasDetector.from_predictions(
        [0, 1, 1, 0], [1, 1, 0, 0], sensitive_features=frame, favorable_label=1, bins={"age": [30, 62]}
    ).detect_bias(intervals=False)
    assert {name: group.n for name, group in report.audit("age").groups.items()} == {
        "30 to under 62": 1,
        "62 and over": 1,
        "under 30": 1,
        "unknown": 1,
    }
    assert report.group("sex", "unknown").n == 1


def test_sampling_weights_show_their_design_effect(people):
    weights = np.where(people["race"] == "white", 1.0, 3.0) * np.linspace(0.5, 2, len(people))
    report = BiasDetector.from_predictions(
        people["y"],
        (people["x"] > 0).astype(int),
        sensitive_features=people[["race"]],
        favorable_label=1,
        sample_weight=weights,
    ).detect_bias()
    found = report.group("race", "white")["selection_rate"]
    assert found.design_effect > 1
    assert found.interval[0] < found.value < found.interval[1]
    assert report.disparity("demographic_parity_difference", "race").p_value is None
    assert report.disparity("demographic_parity_difference", "race").interval is not None
    assert report.group("race", "white")["f1"].interval is None


@pytest.mark.parametrize("factor", [1e-90, 1e90])
def test_only_ratios_of_sampling_weights_count(people, factor):
    def audit(weights):
        given = {"sensitive_features": people[["race"]], "favorable_label": 1, "sample_weight": weights}
        return BiasDetector.from_predictions(people["y"], people["x"] > 0, **given).detect_bias().to_frame()

    people = people.assign(y=people["y"].astype(bool))
    weights = np.linspace(0.5, 2, len(people))
    pd.testing.assert_frame_equal(audit(weights * factor), audit(weights), rtol=1e-9)


@pytest.mark.parametrize("often", [10**9, 10**15])
def test_as_many_rows_as_are_told_apart_are_audited(often):
    """Eight cells of up to 2**53 rows in all: rates as of eight rows, intervals of no more than the rows' width."""
    given = {"sensitive_features": pd.DataFrame({"g": list("aabbaabb")}), "favorable_label": 1}
    report = BiasDetector.from_predictions([0, 1] * 4, [0, 1, 1, 1, 0, 0, 1, 1], frequency_weight=[often] * 8, **given)
    found = report.detect_bias()
    rate = found.group("g", "a")["selection_rate"]
    assert (found.n, rate.value) == (8 * often, 0.25)
    assert rate.high - rate.low == pytest.approx(2 * 1.959964 * np.sqrt(0.1875 / (4 * often)), rel=1e-3)
    assert found.disparity("demographic_parity_difference", "g").p_value == pytest.approx(0, abs=1e-9)


def test_tables_do_not_add_up_past_what_is_told_apart():
    people = pd.DataFrame({"g": ["a", "b"]})
    given = {"sensitive_features": people, "favorable_label": 1, "frequency_weight": [2**52, 2**51]}
    table = BiasDetector.from_predictions([0, 1], [0, 1], **given).counts
    with pytest.raises(DataError, match=r"from 2\*\*53 on they are not told apart"):
        table + table


def test_same_seed_same_report(dataset):
    detector = BiasDetector(lambda X: (X["x"] > 0.3).astype(int), dataset)
    one, other = (detector.detect_bias(depth=1, seed=3).to_dict() for _ in range(2))
    assert one == other


def test_sparse_crossings_count_only_what_occurs():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({f"a{i}": [f"v{v}" for v in rng.integers(0, 60, 500)] for i in range(4)})
    y, p = rng.integers(0, 2, (2, 500))
    table = count_rows(encode_groups(frame), encode_values(y, name="y"), encode_values(p, name="p"))
    assert len(table.cells) <= 500
    assert table.n == 500
    for name in frame:
        marginal = table.marginal([name])
        expected = frame.groupby(name).size()
        assert dict(zip(marginal.labels, marginal.n.tolist(), strict=True)) == expected.to_dict()


def test_the_flag_is_about_groups_of_known_value():
    groups = ["a"] * 50 + ["b"] * 50 + ["unknown"] * 2
    chosen = [1] * 50 + [1] * 45 + [0] * 7
    found = BiasDetector.from_predictions(
        chosen, chosen, sensitive_features=pd.DataFrame({"g": groups}), favorable_label=1
    ).detect_bias(intervals=False, min_group_size=51)
    flag = found.audit("g").four_fifths
    assert (flag.ratio, flag.flag) == (pytest.approx(0.9), False)
    assert flag.reason == "b has 50 rows, a has 50 rows"
    assert found.disparity("demographic_parity_ratio", "g").value == 0


def test_many_categories_are_counted():
    frame = pd.DataFrame({"town": [f"t{i}" for i in range(2000)] * 2})
    y = [0, 1] * 2000
    found = BiasDetector.from_predictions(y, y, sensitive_features=frame, favorable_label=1).detect_bias(
        intervals=False
    )
    assert len(found.audit("town").groups) == 2000


REFUSED = [
    ({"y_pred": ["no", "yes", "yes", "yes"]}, "in the same terms"),
    ({"favorable_label": None}, "say which one is good"),
    ({"favorable_label": 2}, "2 is not a label"),
    ({"favorable_label": "1"}, "'1' is not a label"),
    ({"y_pred": [0, 1]}, "y_pred has 2 rows and y_true 4"),
    ({"y_true": [0, None, 1, 1]}, "1 missing values of 4"),
    ({"sensitive_features": pd.DataFrame()}, "no column"),
    ({"sensitive_features": pd.DataFrame(np.zeros((4, 2)), columns=["a", "a"])}, "one name"),
    ({"sensitive_features": np.zeros((4, 2))}, "must name its columns"),
    ({"bins": {"age": [1]}}, "no sensitive column"),
    ({"bins": {"sex": [2, 1]}}, "rising numbers"),
    ({"sample_weight": [1, 1, 1]}, "one weight a row"),
    ({"sample_weight": [1, 1, 1, -1]}, "not negative"),
    ({"frequency_weight": [1, 1, 1, 0.5]}, "whole numbers"),
    ({"frequency_weight": [10**18] * 3 + [9 * 10**18]}, "add up to 1.2e"),
    ({"frequency_weight": [2**53, 1, 1, 0]}, "divide the frequencies by a common factor"),
    ({"frequency_weight": [0] * 4}, "weights above 0"),
    ({"sample_weight": [1e308] * 4}, "add up to inf, and their squares would be too large"),
    ({"sample_weight": [1e-170] * 4}, "divide them by their mean"),
    ({"sample_weight": [0] * 4}, "weights above 0"),
    ({"frequency_weight": [1] * 4, "sample_weight": [1] * 4}, "not both"),
    ({"clusters": [1] * 4}, "clusters of a survey"),
    ({"strata": [1] * 4}, "strata of a survey"),
    ({"y_score": [0.1, 0.2]}, "y_score has shape"),
    ({"score_bins": 7, "y_score": [0.1] * 4}, "multiple of 10"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_wrong_input_is_one_clear_error(change, message):
    given = {
        "y_true": [0, 1, 0, 1],
        "y_pred": [0, 1, 1, 1],
        "sensitive_features": pd.DataFrame({"sex": ["f", "f", "m", "m"]}),
        "favorable_label": 1,
        **change,
    }
    with pytest.raises(DataError, match=message):
        BiasDetector.from_predictions(given.pop("y_true"), given.pop("y_pred"), **given)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.group("race", "f"), "choose one of 'sex'"),
        (lambda r: r.group("sex", "F"), "no group 'F'"),
        (lambda r: r.disparity("equal_odds_difference", "sex"), "did you mean 'equalized_odds_difference'"),
        (lambda r: r.disparity("equalized_odds_difference", "sex", method="to_reference"), "no reference group"),
        (lambda r: r.group("sex", "f")["accurracy"], "did you mean 'accuracy'"),
        (lambda r: r.plot("accurracy"), "did you mean 'accuracy'"),
    ],
)
def test_wrong_names_get_the_nearest(ask, message):
    report = BiasDetector.from_predictions(
        [0, 1, 0, 1], [0, 1, 1, 1], sensitive_features=pd.DataFrame({"sex": ["f", "f", "m", "m"]}), favorable_label=1
    ).detect_bias(intervals=False)
    with pytest.raises(DataError, match=message):
        ask(report)


def test_numbers_without_bands_are_refused():
    frame = pd.DataFrame({"age": np.arange(100)})
    with pytest.raises(DataError, match="say how to band them"):
        BiasDetector.from_predictions([0, 1] * 50, [0, 1] * 50, sensitive_features=frame, favorable_label=1)


def test_the_gap_of_balanced_accuracies_covers_where_positives_are_few():
    rng = np.random.default_rng(4)
    metric = next(metric for metric in binary_metrics() if metric.name == "balanced_accuracy")
    cells = [0.81, 0.09, 0.005, 0.095]  # one positive in ten, true positive rate .95, true negative rate .9
    covered = []
    for _ in range(400):
        tables = Tables(rng.multinomial(100, cells, 2).reshape(2, 2, 2))
        found = figure_estimates([metric], tables, 0.95)["balanced_accuracy"]
        low, high, why = _pairwise("balanced_accuracy", "difference", found, 0.95)
        assert not why
        covered.append(low <= 0 <= high)
    assert np.mean(covered) >= 0.95
