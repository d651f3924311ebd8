"""Rules on areas, balanced accuracies, F1 and mean errors, from a policy's text to the report."""

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import ConfigError
from evenhand.fairness import BiasDetector
from evenhand.fairness.mitigation_limits import as_limits
from evenhand.fairness.policies import families, figure_names, parse_policy

METRICS = figure_names()


def own(metrics=METRICS, limit=0.1, extra=""):
    rules = "".join(f"  - {{metric: {metric}, limit: {limit}{extra}}}\n" for metric in metrics)
    return parse_policy(
        "name: own\ntitle: own\ndescription: own\nsource: own\njurisdiction: none\neffective: 2026-01-01\n"
        f"minimum_group: 5\nrules:\n{rules}"
    )


def people(n=4000, *, worse=0.0, small=0, seed=0):
    """Rows whose scores tell less of the label in group b, by the share `worse`; `small` rows of a group c."""
    rng = np.random.default_rng(seed)
    group = np.concatenate([rng.choice(["a", "b"], n - small), np.full(small, "c")])
    y = rng.random(n) < 0.5
    shift = np.where(y, 1.0, -1.0) * np.where(group == "b", 1 - worse, 1.0)
    score = 1 / (1 + np.exp(-(rng.normal(shift) * 2)))
    return pd.DataFrame({"group": group, "y": y.astype(int), "y_pred": (score > 0.5).astype(int), "score": score})


def detector(rows, **options):
    options = {"y_score": rows["score"], **options}
    return BiasDetector.from_predictions(
        rows["y"], rows["y_pred"], sensitive_features=rows[["group"]], favorable_label=1, **options
    )


def judged(found, policy):
    (result,) = found.judge(policies=[policy])
    return {rule.metric: rule for rule in result.assessment.rules}


def test_every_figure_gets_a_verdict_beside_the_value_that_it_had():
    for worse, wanted in ((0.0, "PASS"), (0.9, "FAIL")):
        found = detector(people(worse=worse))
        report = found.detect_bias(policies=[own()], replicates=50)
        bare = found.detect_bias(policies=[], replicates=50)
        for metric in METRICS:
            ruled, plain = report.disparity(metric, "group"), bare.disparity(metric, "group")
            assert ruled.value == pytest.approx(plain.value, abs=1e-12)
            assert ruled.between == plain.between
            assert ruled.low <= ruled.value <= ruled.high
            if metric != "calibration_in_the_large_difference":
                assert ruled.verdict == wanted, metric
                assert (ruled.high <= 0.1) if wanted == "PASS" else (ruled.low >= 0.1)
                # The verdict's interval is of one-sided 95 %, the other of two-sided 95 %: nearly the same tests.
                assert abs(ruled.high - plain.high) < 0.02
        assert report.policies[0].assessment.verdict == wanted
        assert "policy own (at most 0.1, level 0.05)" in report.disparity("roc_auc_difference", "group").reason


def test_a_mean_error_is_judged_on_its_own_scale():
    rows = people()
    high = rows.assign(score=np.where(rows["group"] == "b", np.minimum(rows["score"] + 0.3, 1), rows["score"]))
    rule = judged(detector(high), own(["calibration_in_the_large_difference"]))["calibration_in_the_large_difference"]
    means = (high["score"] - high["y"]).groupby(high["group"]).mean()
    assert rule.verdict == "FAIL"
    assert rule.value == pytest.approx(abs(means["a"] - means["b"]), abs=1e-9)
    assert 0.1 < rule.low < rule.value < rule.high < 0.3


def test_a_small_group_is_never_passed_or_failed_for_being_small():
    found = judged(detector(people(small=12)), own(extra=", attributes: [group]"))
    for metric, rule in found.items():
        assert rule.verdict == "INCONCLUSIVE", metric
        assert "too few for a test of a and c, b and c (c: fewer than" in rule.reason
        assert rule.high >= 1.0
        assert rule.more_rows is None or rule.more_rows["c"] > 0


def test_order_and_names_change_nothing():
    rows = people(1500, worse=0.3)
    first = judged(detector(rows), own())
    shuffled = rows.sample(frac=1.0, random_state=1)
    for other in (shuffled, rows.assign(group=rows["group"].map({"a": "z", "b": "y"}))):
        again = judged(detector(other), own())
        for metric in METRICS:
            one, two = first[metric], again[metric]
            assert one.verdict == two.verdict
            assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high), abs=1e-6)


def test_the_histogram_gives_the_same_verdict_less_surely(tmp_path):
    rows = people()
    rows.to_parquet(tmp_path / "rows.parquet")
    exact = judged(detector(rows), own())["roc_auc_difference"]
    columns = {"y_true": "y", "y_pred": "y_pred", "sensitive_features": ["group"], "favorable_label": 1}
    read = {
        bins: BiasDetector.from_parquet(tmp_path, **columns, y_score="score", score_bins=bins) for bins in (1000, 10)
    }
    fine, coarse = (judged(found, own())["roc_auc_difference"] for found in read.values())
    assert exact.verdict == fine.verdict == "PASS"
    assert exact.high < fine.high < coarse.high
    assert fine.high - exact.high < 0.005
    # Scores that a file does not have are told, and the other rules go on.
    without = judged(BiasDetector.from_parquet(tmp_path, **columns), own())
    assert without["roc_auc_difference"].verdict == "INCONCLUSIVE"
    assert without["roc_auc_difference"].reason == "fewer than two groups have this figure: the rows have no scores"
    assert without["balanced_accuracy_difference"].verdict == "PASS"


def test_scores_that_are_no_probabilities_have_areas_and_no_mean_error():
    rows = people()
    found = judged(detector(rows.assign(score=rows["score"] * 40 - 7)), own())
    assert found["roc_auc_difference"].verdict == "PASS"
    assert found["calibration_in_the_large_difference"].verdict == "INCONCLUSIVE"
    assert "not probabilities" in found["calibration_in_the_large_difference"].reason


def test_sampling_weights_reach_the_verdict_or_it_says_that_they_cannot():
    rows = people()
    equal = judged(detector(rows, sample_weight=np.full(len(rows), 3.0)), own())
    plain = judged(detector(rows), own())
    for metric in ("balanced_accuracy_difference", "f1_difference"):
        assert equal[metric].p_within == pytest.approx(plain[metric].p_within, rel=1e-6)
        uneven = judged(detector(rows, sample_weight=np.where(np.arange(len(rows)) % 10 < 1, 50.0, 1.0)), own())[metric]
        assert uneven.high - uneven.value > 1.5 * (plain[metric].high - plain[metric].value)
    for metric in ("roc_auc_difference", "calibration_in_the_large_difference"):
        assert equal[metric].verdict == "INCONCLUSIVE"
        assert "under sampling weights" in equal[metric].reason


def test_frequency_weights_are_rows():
    rows = people(1000)
    often = np.where(np.arange(1000) % 3 == 0, 2, 1)
    repeated = judged(detector(rows.loc[rows.index.repeat(often)], score_bins=1000), own())
    counted = judged(detector(rows, frequency_weight=often, score_bins=1000), own())
    for metric in METRICS:
        assert counted[metric].to_dict() == repeated[metric].to_dict()


def test_a_look_that_spends_less_shows_less():
    rows = people(600)
    whole, part = (
        {rule.metric: rule for rule in detector(rows).judge(policies=[own()], share=share)[0].assessment.rules}
        for share in (1.0, 0.1)
    )
    for metric in METRICS:
        assert part[metric].alpha == pytest.approx(0.005)
        assert part[metric].high > whole[metric].high


def test_more_labels_and_reversals_are_refused():
    rng = np.random.default_rng(0)
    y, guess = rng.integers(0, 3, (2, 300))
    found = BiasDetector.from_predictions(
        y, guess, sensitive_features=pd.DataFrame({"group": rng.choice(["a", "b"], 300)}), favorable_label=1
    )
    with pytest.raises(ConfigError, match="is for two labels, and there are 3"):
        found.judge(policies=[own(["f1_difference"])])
    with pytest.raises(ConfigError, match="one different selection reverses rates"):
        own(["roc_auc_difference"], extra=", reversal: true")
    with pytest.raises(Exception, match="there is no limit for 'roc_auc_difference'"):
        as_limits({"roc_auc_difference": 0.1}, "binary")
    assert callable(families)


def test_a_look_without_error_to_spend_judges_nothing():
    found = detector(people(600)).detect_bias(policies=[own()], share=0, replicates=50)
    whole = detector(people(600)).detect_bias(policies=[own()], replicates=50)
    assert found.policies[0].assessment.verdict == "INCONCLUSIVE"
    for metric in METRICS:
        gap = found.disparity(metric, "group")
        assert (gap.verdict, gap.interval) == ("INCONCLUSIVE", None)
        assert gap.value == whole.disparity(metric, "group").value
        assert "no error is left" in gap.reason
    assert "no level: all error is spent" in found._repr_html_()
    with pytest.raises(ConfigError, match=r"at most 1, not 1\.5"):
        detector(people(600)).judge(policies=[own()], share=1.5)
