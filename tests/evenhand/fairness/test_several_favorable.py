"""Several favorable labels, from the data set to the report, as predictions may declare them."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.data.build import build_dataset
from evenhand.data.dataset import Dataset, are_favorable, favorable_labels
from evenhand.data.sensitive import Sensitive
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.data.target import require_favorable_label
from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness import BiasDetector, BiasMitigator

rng = np.random.default_rng(0)
N = 1200
SEX = pd.DataFrame({"sex": rng.choice(["f", "m"], N)})
X = pd.DataFrame({"a": rng.normal(size=N) + (SEX["sex"] == "m"), "b": rng.normal(size=N)})
Y = pd.Series(np.digitize(X["a"] + rng.normal(size=N), [-0.5, 1]), name="y").map({0: "bad", 1: "fair", 2: "good"})
GOOD = ("fair", "good")
SEX_COLUMN = Sensitive(column="sex")
DATA = Dataset(X, Y, SEX, favorable_label=["good", "fair"])


@pytest.mark.parametrize("given", [["good", "fair"], ("fair", "good"), {"fair", "good"}, np.array(["fair", "good"])])
def test_a_data_set_keeps_them_in_one_order(given):
    found = Dataset(X, Y, SEX, favorable_label=given)
    assert found.favorable_label == GOOD
    assert Dataset(X, Y, SEX, favorable_label=["good"]).favorable_label == "good"
    assert Dataset(X, Y, SEX, favorable_label=[]).favorable_label is None


def test_a_decision_that_is_none_of_them_is_a_denial():
    given = ["good", "bad", "fair"]
    assert are_favorable(given, GOOD).tolist() == [True, False, True]
    assert are_favorable(np.array(given), ["good"]).tolist() == are_favorable(pd.Series(given), "good").tolist()
    assert not are_favorable(given, None).any()
    # A list of mixed labels stays one: as an array 1 would become text.
    assert are_favorable(["1", 1], [1]).tolist() == [False, True]


def test_what_is_no_label_is_refused():
    for wrong in (["great", "best"], "great"):
        with pytest.raises(DataError, match="is not a label of the target"):
            Dataset(X, Y, SEX, favorable_label=wrong)
    for wrong in ([["good"]], {"good": 1}):
        with pytest.raises(DataError, match="give one label, or a list of labels"):
            favorable_labels(wrong)
    # A part of the rows may lack one of them; an audit still refuses what no label is.
    part = Dataset(X, Y, SEX, favorable_label=["good", "great"])
    with pytest.raises(DataError, match="'great' is not a label: choose one of"):
        BiasDetector(LogisticRegression().fit(X, Y), part)


def test_a_part_without_one_of_them_is_audited():
    model = LogisticRegression().fit(X, Y)
    part = DATA.take(np.flatnonzero((Y != "good").to_numpy()))
    assert part.favorable_label == GOOD
    assert BiasDetector(model, part).detect_bias(intervals=False).favorable_label == GOOD


def test_a_model_is_audited_as_its_predictions_are():
    model = LogisticRegression().fit(X, Y)
    options = {"intervals": False}
    found = BiasDetector(model, DATA).detect_bias(**options)
    same = BiasDetector.from_predictions(Y, model.predict(X), sensitive_features=SEX, favorable_label=list(GOOD))
    expected = same.detect_bias(**options)
    assert found.favorable_label == expected.favorable_label == GOOD
    assert json.loads(json.dumps(found.to_dict()))["favorable_label"] == list(GOOD)
    for name, disparity in expected.audit("sex").disparities.items():
        assert found.disparity(name, "sex").value == pytest.approx(disparity.value, nan_ok=True), name
    assert "selection_rate" in found.overall


def test_they_are_built_and_kept(tmp_path):
    frame = X.assign(sex=SEX["sex"], y=Y)
    data = build_dataset(frame, target="y", favorable_label=["Good", "FAIR"], sensitive={"sex": SEX_COLUMN})
    assert data.favorable_label == GOOD
    write_dataset(data, tmp_path / "rows.parquet")
    assert read_dataset(tmp_path / "rows.parquet").favorable_label == GOOD
    with pytest.raises(DataError, match="favorable_label 'great' is not a label of the target"):
        build_dataset(frame, target="y", favorable_label=["good", "great"], sensitive={"sex": SEX_COLUMN})


def test_two_labels_have_one_favorable_one():
    two = Dataset(X, Y.replace("fair", "good"), SEX, favorable_label=["bad", "good"])
    with pytest.raises(DataError, match="say which one is good for the person"):
        BiasDetector(LogisticRegression().fit(X, two.y), two)
    with pytest.raises(DataError, match="is good for the person"):
        BiasMitigator(LogisticRegression(), two)
    with pytest.raises(ConfigError, match="names both labels of the target"):
        require_favorable_label(two)


def test_a_mitigation_limits_and_reports_them_together():
    mitigator = BiasMitigator(LogisticRegression(), DATA)
    limits = {"selection_rate_difference": 0.2}
    result = mitigator.mitigate_bias(limits=limits, methods=["reweighing", "group_thresholds"], replicates=50)
    test, model = mitigator._test, result.alternatives[0].model
    women = (test.sensitive_features["sex"] == "f").to_numpy()
    chosen = np.isin(model.predict(test.X), GOOD)
    assert result.before.audit.favorable_label == GOOD
    assert result.before.audit.group("sex", "f")["selection_rate"].value == pytest.approx(chosen[women].mean())
    (change,) = (one for one in result.changes if (one.group, one.metric) == ("f", "selection_rate"))
    assert change.before == pytest.approx(chosen[women].mean())
    assert result.to_dict()["before"]["audit"]["favorable_label"] == list(GOOD)


def test_recall_of_several_labels_is_mitigated_by_what_equalises_every_label():
    mitigator = BiasMitigator(LogisticRegression(), DATA)
    with pytest.raises(DataError, match="the data declare several: give 'equalized_odds'"):
        mitigator.mitigate_bias(constraint="equal_opportunity")
    found = mitigator.mitigate_bias(limits={"equal_opportunity_difference": 0.5}, methods=["reweighing"], replicates=50)
    assert found.settings["constraint"] == "equalized_odds"


@pytest.mark.parametrize(
    "metric",
    ["demographic_parity_ratio", "selection_rate_ratio", "true_positive_rate_ratio", "equal_opportunity_ratio"],
)
def test_a_mitigation_keeps_a_ratio_of_theirs(metric):
    """The limit is read as the audit reads it: the selection rates of the favorable labels together, and so on."""
    mitigator = BiasMitigator(LogisticRegression(), DATA)
    result = mitigator.mitigate_bias(limits={metric: 0.8}, methods=["group_thresholds"], replicates=50)
    test, before = mitigator._test, result.alternatives[0]
    audit = BiasDetector(before.model, test).detect_bias(intervals=False)
    assert before.test.readings[metric].value == pytest.approx(audit.disparity(metric, "sex").value)
    assert max(one.validation.readings[metric].value for one in result.alternatives) >= 0.8


def test_without_favorable_labels_there_is_no_ratio():
    plain = Dataset(X, Y, SEX)
    with pytest.raises(DataError, match="or declare the favorable labels that it is to be about"):
        BiasMitigator(LogisticRegression(), plain).mitigate_bias(limits={"demographic_parity_ratio": 0.8})
    with pytest.raises(DataError, match=r"limit a difference, such as demographic_parity_difference$"):
        BiasMitigator(LogisticRegression(), DATA).mitigate_bias(limits={"equalized_odds_ratio": 0.8})
