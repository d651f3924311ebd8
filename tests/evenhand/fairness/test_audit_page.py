"""An audit's page, its table and its verdict: complete, escaped, and never better than its worst rule."""

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.exceptions import DataError
from evenhand.fairness import AuditReport, BiasDetector
from evenhand.fairness.columns import PredictionColumns, detector_of
from evenhand.fairness.page import render_page
from evenhand.fairness.tables import audit_figures, group_table, policy_table, worst_verdict

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Three groups of which one, with a hostile name, is selected far less often."""
    rng = np.random.default_rng(0)
    n = 3000
    group = rng.choice(["a", "b", EVIL], n)
    decided = (rng.random(n) < np.where(group == EVIL, 0.2, 0.7)).astype(int)
    age = rng.integers(18, 90, n)
    return pd.DataFrame({"race": group, "age": age, "y": rng.integers(0, 2, n), "decided": decided})


@pytest.fixture(scope="module")
def report(frame: pd.DataFrame) -> AuditReport:
    given_ = {"sensitive_features": frame[["race"]], "favorable_label": 1}
    return BiasDetector.from_predictions(frame["y"], frame["decided"], **given_).detect_bias(replicates=100)


def test_the_page_has_every_group_and_verdict_and_runs_nothing(report: AuditReport) -> None:
    page = render_page(report, title=f"Audit of {EVIL}", facts={"rows": EVIL}, notes=[EVIL], picture="<svg></svg>")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("&lt;script&gt;") > 4
    assert 'class="mark FAIL"' in page
    for judged in report.to_dict()["policies"]:
        assert judged["policy"]["title"] in page
    assert page.count('overflow-wrap:break-word"><table>') == page.count("</table></div>") == page.count("<table>")


def test_the_tables_that_a_policy_asks_for_stand_on_the_page(frame: pd.DataFrame) -> None:
    """Local Law 144 sets no limit and asks for impact ratios by category (6 RCNY 5-301)."""
    given_ = {"sensitive_features": frame[["race"]], "favorable_label": 1}
    found = BiasDetector.from_predictions(frame["y"], frame["decided"], **given_)
    report = found.detect_bias(policies=["nyc-ll144"], replicates=100)
    page = render_page(report, title="t", facts={})
    assert "New York City, in effect from 2023-07-05" in page
    notebook = report._repr_html_()
    [rows] = report.to_dict()["policies"][0]["tables"]["impact_ratio"].values()
    assert len(rows) == 3
    for row in rows:
        assert f"<td>{row['n']:,} ({row['share']:.1%})</td><td>{row['selected']:,}</td>" in page
        assert f"<td>{row['impact_ratio']:.3f}" in page
        assert f"<td>{row['impact_ratio']:.3f}" in notebook
    assert page.count("<h3>") == notebook.count("<h3>") == 1, "each policy once"
    assert "<script" not in page


def test_what_would_settle_a_verdict_stands_once_on_the_page(frame: pd.DataFrame) -> None:
    few = frame[:60]
    given_ = {"sensitive_features": few[["race"]], "favorable_label": 1}
    found = BiasDetector.from_predictions(few["y"], few["decided"], **given_).detect_bias(replicates=100)
    open_ = [rule for rule in found.to_dict()["policies"][0]["rules"] if rule["verdict"] == "INCONCLUSIVE"]
    assert open_
    for rule in open_:
        assert rule["settles"].startswith("to settle it: of ")
        assert found.disparity(rule["metric"], "race").reason.endswith(rule["settles"])
        reasons = found.disparities_frame().query("disparity == @rule['metric'] and method == 'between_groups'")[
            "reason"
        ]
        assert reasons.str.endswith(rule["settles"]).all()
        for page in (render_page(found, title="t", facts={}), found._repr_html_()):
            assert page.count(escape(rule["settles"])) == 1


def test_the_tables_of_all_policies_are_one_table(frame: pd.DataFrame) -> None:
    given_ = {"sensitive_features": frame[["race"]], "favorable_label": 1, "y_score": frame["age"]}
    found = BiasDetector.from_predictions(frame["y"], frame["decided"], **given_)
    report = found.detect_bias(policies=["nyc-ll144", "us-four-fifths", "statistical"], replicates=100).to_dict()
    table = policy_table(report)
    assert table.groupby(["policy", "rate"]).size().to_dict() == {
        ("nyc-ll144", "selection_rate"): 3,
        ("nyc-ll144", "scoring_rate"): 3,
        ("us-four-fifths", "selection_rate"): 3,
    }
    row = report["policies"][0]["tables"]["scoring_rate"]["race"][1]
    told = table.query("policy == 'nyc-ll144' and rate == 'scoring_rate' and category == @row['name']").iloc[0]
    assert told["value"] == f"{row['rate']:.3f} [{row['rate_low']:.3f}, {row['rate_high']:.3f}]"
    assert (told["n"], told["share"]) == (row["n"], f"{row['share']:.1%}")
    assert policy_table({"policies": []}).empty


def test_without_a_policy_there_is_no_verdict(frame: pd.DataFrame) -> None:
    given_ = {"sensitive_features": frame[["race"]], "favorable_label": 1}
    found = BiasDetector.from_predictions(frame["y"], frame["decided"], **given_).detect_bias(policies=[])
    assert worst_verdict(found.to_dict()) is None
    assert "no verdict" in render_page(found, title="t", facts={})


@given(st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", None])))
def test_the_worst_verdict_counts(verdicts: list[str | None]) -> None:
    found = worst_verdict({"policies": [{"verdict": verdict} for verdict in verdicts]})
    told = [verdict for verdict in verdicts if verdict]
    expected = "FAIL" if "FAIL" in told else "INCONCLUSIVE" if "INCONCLUSIVE" in told else "PASS" if told else None
    assert found == expected


def test_the_table_and_the_figures_are_those_of_the_report(report: AuditReport) -> None:
    found = report.to_dict()
    table = group_table(found)
    assert table["n"].sum() == report.n
    shown = table.set_index("group")["selection_rate"]
    assert shown["a"].startswith(f"{report.group('race', 'a')['selection_rate'].value:.3f} [")
    figures = dict(audit_figures(found))
    assert figures["group", "race", "a", "selection_rate"] == report.group("race", "a")["selection_rate"].value
    disparity = report.disparity("demographic_parity_ratio", "race").value
    assert figures["fairness", "race", "demographic_parity_ratio"] == disparity


COLUMNS = PredictionColumns("y", "decided", ("race",), "1")


def test_files_are_counted_in_parts_as_in_one_piece(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.iloc[:1000].to_parquet(tmp_path / "a.parquet")
    frame.iloc[1000:].to_parquet(tmp_path / "b.parquet", row_group_size=300)
    found = detector_of([tmp_path], COLUMNS).detect_bias(replicates=100).to_dict()
    given_ = {"sensitive_features": frame[["race"]], "favorable_label": 1}
    whole = BiasDetector.from_predictions(frame["y"], frame["decided"], **given_).detect_bias(replicates=100)
    assert found == whole.to_dict()


def test_a_file_of_counts_is_the_rows_that_it_counts(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame[["race", "y", "decided"]].to_parquet(tmp_path / "rows.parquet")
    frame.groupby(["race", "y", "decided"]).size().reset_index(name="n").to_parquet(tmp_path / "counts.parquet")
    counted = PredictionColumns("y", "decided", ("race",), "1", frequency_weight="n")
    found = detector_of([tmp_path / "counts.parquet"], counted).detect_bias(replicates=100).to_dict()
    whole = detector_of([tmp_path / "rows.parquet"], COLUMNS).detect_bias(replicates=100).to_dict()
    assert found == whole


@pytest.mark.parametrize(
    ("label", "values"),
    [("1", [0, 1]), ("true", [False, True]), ("yes", ["no", "yes"]), ("1", ["0", "1"]), ("1", [0.0, 1.0])],
    ids=["whole numbers", "booleans", "texts", "digits as text", "floats"],
)
def test_the_favorable_label_is_read_as_the_column_has_it(label: str, values: list, tmp_path: Path) -> None:
    told = np.array(values, dtype=object)[np.arange(400) % 2].tolist()
    rows = pd.DataFrame({"race": ["a", "a", "b", "b"] * 100, "y": told, "decided": told})
    rows.to_parquet(tmp_path / "rows.parquet")
    columns = PredictionColumns("y", "decided", ("race",), label)
    found = detector_of([tmp_path / "rows.parquet"], columns).detect_bias(replicates=100)
    assert found.favorable_label == values[1]
    assert found.group("race", "a")["selection_rate"].value == 0.5


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"decided": [1, 0]}, r"labels are \['no', 'yes'\] \(str\) and the predicted ones \[0, 1, 'no', 'yes'\]"),
        ({"y": [True, False], "decided": [True, False]}, "give both in the same terms"),
        ({"y": [1.0, 0.0]}, "give both in the same terms"),
        (
            {"decided": ["Yes", "no"]},
            r"\['Yes'\] \(str\) is predicted, and the labels of the target are \['no', 'yes'\]",
        ),
    ],
    ids=["decisions of another type", "both of another type", "outcomes of another type", "another spelling"],
)
def test_a_label_that_is_spelled_otherwise_in_one_part_is_refused(part: dict, said: str, tmp_path: Path) -> None:
    """It would count as a denial, and nobody was denied."""
    rows = pd.DataFrame({"race": ["a", "a", "b", "b"] * 100, "y": ["yes", "no"] * 200, "decided": ["yes", "no"] * 200})
    rows.to_parquet(tmp_path / "a.parquet")
    rows.assign(**{name: values * 200 for name, values in part.items()}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=said):
        detector_of([tmp_path], PredictionColumns("y", "decided", ("race",), "yes"))


def test_of_three_labels_one_may_be_decided_that_never_came_true(tmp_path: Path) -> None:
    told = pd.Series(["low", "middle", "high"] * 100)
    decided = told.where(told.index != 5, "very high")
    pd.DataFrame({"race": ["a", "b"] * 150, "y": told, "decided": decided}).to_parquet(tmp_path / "a.parquet")
    assert len(detector_of([tmp_path], PredictionColumns("y", "decided", ("race",), "low")).counts.classes) == 4


@pytest.mark.parametrize("labels", [["poor", "fair", "good", "best"], [0, 1, 2, 3]], ids=["texts", "whole numbers"])
def test_a_label_that_no_row_has_is_declared(labels: list, tmp_path: Path) -> None:
    poor, fair, good, best = labels
    told = [poor, fair, good] * 100
    rows = pd.DataFrame({"race": ["a", "b"] * 150, "y": told, "decided": told})
    rows.to_parquet(tmp_path / "a.parquet")
    texts = tuple(map(str, labels))
    given_ = {"y_true": "y", "y_pred": "decided", "sensitive_features": ("race",)}
    with pytest.raises(DataError, match="is not a label"):
        detector_of([tmp_path], PredictionColumns(**given_, favorable_label=texts[2:]))
    columns = PredictionColumns(**given_, favorable_label=texts[2:], classes=texts)
    found = detector_of([tmp_path], columns).detect_bias(replicates=100)
    assert set(found.favorable_label) == {good, best}
    assert found.group("race", "a")["selection_rate"].value == pytest.approx(1 / 3)
    # The list is total: a decision that is none of it would count as a denial.
    rows.assign(decided=[best, *told[1:]]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="is predicted, and the labels of the target are"):
        detector_of([tmp_path], PredictionColumns(**given_, favorable_label=texts[2], classes=texts[:3]))
    with pytest.raises(DataError, match="the rows have labels that are none of the classes"):
        detector_of([tmp_path], PredictionColumns(**given_, favorable_label=texts[2], classes=texts[1:]))


def test_of_two_labels_a_third_that_no_row_has_may_be_decided_when_it_is_declared(tmp_path: Path) -> None:
    told = pd.Series(["no", "yes"] * 100)
    frame = pd.DataFrame({"race": ["a", "b"] * 100, "y": told, "decided": told.where(told.index != 5, "later")})
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"\['later'\] \(str\) is predicted"):
        detector_of([tmp_path], PredictionColumns("y", "decided", ("race",), "yes"))
    columns = PredictionColumns("y", "decided", ("race",), "yes", classes=("no", "yes", "later"))
    assert detector_of([tmp_path], columns).counts.classes == ("later", "no", "yes")


def test_a_column_of_names_that_was_taken_for_the_decisions_is_not_quoted(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"race": ["a", "b"] * 150, "y": ["yes", "no"] * 150, "name": [f"Ann {at}" for at in range(300)]}
    )
    for first in ({}, {"name": "yes"}):
        rows.iloc[:200].assign(**first).to_parquet(tmp_path / "a.parquet")
        rows.iloc[200:].to_parquet(tmp_path / "b.parquet")
        with pytest.raises(DataError, match=r"[0-9]+ different values") as told:
            detector_of([tmp_path], PredictionColumns("y", "name", ("race",), "yes"))
        assert "Ann" not in str(told.value)


def test_numbers_become_bands(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "rows.parquet")
    columns = PredictionColumns("y", "decided", ("age",), "1", bins={"age": [40, 65]})
    assert len(detector_of([tmp_path / "rows.parquet"], columns).detect_bias(replicates=100).audit("age").groups) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y_true": "z"}, "has no column 'z'"),
        ({"favorable_label": "good"}, "the favorable label 'good' is no value of column 'y' \\(int64\\)"),
        ({"classes": ("0", "good")}, "the class 'good' is no value of column 'y' \\(int64\\)"),
        ({"sensitive_features": ("rase",)}, "did you mean 'race'"),
    ],
    ids=["label", "favorable", "class", "attribute"],
)
def test_what_is_not_there_is_named(change: dict, said: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "rows.parquet")
    given_ = {"y_true": "y", "y_pred": "decided", "sensitive_features": ("race",), "favorable_label": "1", **change}
    with pytest.raises(DataError, match=said):
        detector_of([tmp_path / "rows.parquet"], PredictionColumns(**given_))
    with pytest.raises(DataError, match="there is no file"):
        detector_of([tmp_path / "nowhere.parquet"], COLUMNS)
