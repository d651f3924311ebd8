"""Areas, log-loss and calibration: exact ones against scikit-learn, histograms against their stated error."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector, merge
from evenhand.fairness.areas import RisingRows, area_of_histogram
from tests.evenhand.fairness import slow_definitions as slow

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1e-300, -0.0]), min_size=1, max_size=30)


@settings(max_examples=80, deadline=None)
@given(SCORES, st.data(), st.sampled_from([(1.0, 0.0), (7.0, -3.0)]))
def test_exact_area_by_all_pairs(score, data, change):
    y = data.draw(st.lists(st.booleans(), min_size=len(score), max_size=len(score)))
    moved = np.array(score) * change[0] + change[1]
    (found,) = RisingRows(moved, np.array(y), {}).areas([len(y)])
    assert found.value == pytest.approx(slow.area(y, moved.tolist()), abs=1e-14, nan_ok=True)


@pytest.mark.parametrize("decimals", [0, 2, 17])
def test_exact_areas_of_groups_across_blocks(decimals):
    """Runs of ties longer than a block, shorter ones that a block's end cuts, and none."""
    rng = np.random.default_rng(decimals)
    n = 40_000
    y, score, group = rng.random(n) < 0.3, np.round(rng.random(n), decimals), rng.integers(0, 3, n).astype(np.uint8)
    found = list(RisingRows(score, y, {"g": group}).areas(np.bincount(group), lambda axes: axes["g"]))
    for code, area in enumerate(found):
        assert area.value == pytest.approx(roc_auc_score(y[group == code], score[group == code]), abs=1e-13)
        counts = _distinct(y[group == code], score[group == code])
        assert area.variance == pytest.approx(area_of_histogram(counts).variance, rel=1e-9)


def _distinct(y, score):
    codes = np.unique(score, return_inverse=True)[1]
    return np.stack([np.bincount(codes[y == label], minlength=codes.max() + 1) for label in (False, True)])


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(7)
    n = 4000
    score = rng.beta(2, 3, n)
    return pd.DataFrame(
        {"y": rng.random(n) < score, "score": score, "p": score > 0.5, "g": rng.choice(["a", "b", "unknown"], n)}
    )


def detector(frame, **options):
    return BiasDetector.from_predictions(
        frame["y"], frame["p"], sensitive_features=frame[["g"]], favorable_label=True, y_score=frame["score"], **options
    )


def test_score_metrics_of_every_group(scored):
    report = detector(scored).detect_bias()
    for name, rows in scored.groupby("g"):
        found = report.group("g", name)
        assert found["roc_auc"].value == pytest.approx(roc_auc_score(rows["y"], rows["score"]), abs=1e-12)
        assert found["log_loss"].value == pytest.approx(log_loss(rows["y"], rows["score"]), abs=1e-12)
        large = rows["score"].mean() - rows["y"].mean()
        assert found["calibration_in_the_large"].value == pytest.approx(large, abs=1e-12)
        bins = rows.groupby((rows["score"] * 10).astype(int).clip(upper=9))
        error = sum(abs(part["score"].sum() - part["y"].sum()) for _, part in bins) / len(rows)
        assert found["expected_calibration_error"].value == pytest.approx(error, abs=1e-12)
        for metric in ("roc_auc", "log_loss", "calibration_in_the_large", "expected_calibration_error"):
            low, high = found[metric].interval
            assert low <= found[metric].value < high
            assert found[metric].n == len(rows)


def test_a_histogram_keeps_its_word(scored):
    exact, binned = detector(scored).detect_bias(), detector(scored, score_bins=100).detect_bias()
    for name in ("a", "b"):
        a, b = exact.group("g", name)["roc_auc"], binned.group("g", name)["roc_auc"]
        error = float(b.reason.split()[1])
        assert 0 < abs(a.value - b.value) <= error * 1.01 < 0.02
        for metric in ("log_loss", "calibration_in_the_large", "expected_calibration_error"):
            one, other = (report.group("g", name)[metric].value for report in (exact, binned))
            assert one == pytest.approx(other, abs=1e-12)


def test_histograms_add_up(scored):
    whole = detector(scored, score_bins=100).counts
    parts = detector(scored[:1000], score_bins=100).counts + detector(scored[1000:], score_bins=100).counts
    assert parts.scores.rows.tolist() == whole.scores.rows.tolist()
    np.testing.assert_allclose(parts.scores.moments, whole.scores.moments, rtol=1e-12)


def audited(groups, y, score, **options):
    given = {"sensitive_features": pd.DataFrame({"g": groups}), "favorable_label": 1, "y_score": score}
    return BiasDetector.from_predictions(y, (np.array(score) > 0.5).astype(int), **given).detect_bias(**options)


def test_a_group_without_a_label_does_not_look_certain():
    """0 of 12 allows a base rate of .2646 (Clopper and Pearson's limit): a mean score of .05 may be .2146 too low."""
    rng = np.random.default_rng(0)
    y, score = np.r_[np.zeros(12, int), rng.integers(0, 2, 60)], np.r_[np.full(12, 0.05), rng.random(60)]
    report = audited(["a"] * 12 + ["b"] * 60, y, score)
    found = report.group("g", "a")
    assert found["calibration_in_the_large"].value == pytest.approx(0.05)
    assert found["calibration_in_the_large"].low < 0.05 - 0.2646
    assert found["calibration_in_the_large"].high > 0.06
    for name in ("log_loss", "expected_calibration_error"):
        assert found[name].interval is None
        assert "rows of one label" in found[name].reason
        assert report.disparity(f"{name}_difference", "g").interval is None
        assert "a group's value has none" in report.disparity(f"{name}_difference", "g").reason
    low, high = report.disparity("calibration_in_the_large_difference", "g").interval
    assert high - low > 0.2


@pytest.mark.parametrize("scores", [(0.1, 0.9), (0.0, 1.0), (0.3, 0.7)])
def test_rows_without_any_spread_tell_no_interval(scores):
    y = [0, 1] * 40
    report = audited(["a"] * 40 + ["b"] * 40, y, [scores[label] for label in y])
    for name in ("log_loss", "expected_calibration_error"):
        assert report.group("g", "a")[name].interval is None
        assert "tell no interval" in report.group("g", "a")[name].reason
        for form in ("difference", "ratio"):
            assert report.disparity(f"{name}_{form}", "g").interval is None
    low, high = report.group("g", "a")["calibration_in_the_large"].interval
    assert high - low > 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 1), min_size=n, max_size=n)] * 2)))
def test_no_interval_of_scores_collapses(rows):
    y, high = rows
    groups = (["a", "b"] * len(y))[: len(y) + 2]
    report = audited(groups, [1, 0, *y], np.where([1, 0, *high], 0.9, 0.1), replicates=100)
    for group in report.audit("g").groups.values():
        for name in ("roc_auc", "calibration_in_the_large", "expected_calibration_error", "log_loss"):
            interval = group[name].interval
            assert interval is None or interval[1] - interval[0] > 1e-6


def test_without_intervals_scores_have_none(scored):
    found = detector(scored).detect_bias(intervals=False).group("g", "a")
    for name in ("roc_auc", "calibration_in_the_large", "expected_calibration_error", "log_loss"):
        assert found[name].interval is None


def test_sums_of_scores_are_of_one_label(scored):
    """Counted for one label and audited for the other, an area would be one less itself and the log-loss the same."""
    table = detector(scored, score_bins=100).counts
    again = BiasDetector.from_counts(table, favorable_label=True).detect_bias()
    assert again.to_dict() == detector(scored, score_bins=100).detect_bias().to_dict()
    with pytest.raises(DataError, match="the table's scores are of True and favorable_label is False"):
        BiasDetector.from_counts(table, favorable_label=False)
    people = scored[["g"]]
    given = {"sensitive_features": people, "y_score": 1 - scored["score"], "score_bins": 100}
    other = BiasDetector.from_predictions(scored["y"], scored["p"], favorable_label=False, **given).counts
    with pytest.raises(DataError, match="of one table are of True, of the other of False"):
        merge([table, other])
    plain = BiasDetector.from_predictions(scored["y"], scored["p"], favorable_label=True, sensitive_features=people)
    assert BiasDetector.from_counts(plain.counts, favorable_label=False).detect_bias().favorable_label is False


def test_a_list_of_one_favorable_label_is_that_label(scored):
    given = {"sensitive_features": scored[["g"]], "y_score": scored["score"]}
    for bins in (None, 100):
        one, listed = (
            BiasDetector.from_predictions(scored["y"], scored["p"], favorable_label=label, score_bins=bins, **given)
            for label in (True, [True])
        )
        assert one.detect_bias().to_dict() == listed.detect_bias().to_dict()


def test_scores_of_no_label_are_refused(scored):
    with pytest.raises(DataError, match="scores of no label"):
        BiasDetector.from_predictions(
            scored["y"], scored["p"], sensitive_features=scored[["g"]], y_score=scored["score"]
        )


def test_scores_that_are_no_probabilities_rank_all_the_same(scored):
    logits = scored.assign(score=np.log(scored["score"] / (1 - scored["score"])))
    found = detector(logits).detect_bias().group("g", "a")
    assert found["roc_auc"].value == pytest.approx(detector(scored).detect_bias().group("g", "a")["roc_auc"].value)
    assert np.isnan(found["log_loss"].value)
    assert "not probabilities" in found["log_loss"].reason
    with pytest.raises(DataError, match="from 0 to 1"):
        detector(logits, score_bins=100)


def test_scores_that_are_missing_are_refused(scored):
    with pytest.raises(DataError, match="1 values that are not finite"):
        detector(scored.assign(score=scored["score"].where(scored.index != 3)))


@pytest.mark.parametrize("bins", [None, 1000])
def test_equal_weights_change_no_score_metric(scored, bins):
    plain = detector(scored, score_bins=bins).detect_bias().group("g", "a")
    weights = np.full(len(scored), 2.5)
    weighted = detector(scored, sample_weight=weights, score_bins=bins).detect_bias().group("g", "a")
    for metric in ("roc_auc", "log_loss", "calibration_in_the_large", "expected_calibration_error"):
        assert weighted[metric].value == pytest.approx(plain[metric].value, abs=1e-12)
        assert weighted[metric].interval is None
        assert "weights" in weighted[metric].reason


@pytest.mark.parametrize("decimals", [1, 17])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_areas_of_weighted_rows_in_memory_are_exact(scored, decimals, scale):
    """A histogram says how far its area may be from the exact one; rows at hand need none."""
    rng = np.random.default_rng(1)
    few = scored[:600].assign(score=scale * scored["score"][:600].round(decimals))
    standing = rng.choice([0.0, 0.3, 50.0], len(few), p=[0.1, 0.8, 0.1])
    often = rng.integers(0, 4, len(few))
    for kind, weight in (("sample_weight", standing), ("frequency_weight", often)):
        report = detector(few, **{kind: weight}).detect_bias(policies=[], intervals=False)
        for group in ("a", "b", "unknown"):
            at = (few["g"] == group).to_numpy()
            expected = roc_auc_score(few["y"][at], few["score"][at], sample_weight=weight[at])
            found = report.group("g", group)["roc_auc"]
            assert found.value == pytest.approx(expected, abs=1e-12)
            assert "within" not in found.reason
        expected = roc_auc_score(few["y"], few["score"], sample_weight=weight)
        assert report.overall["roc_auc"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_a_frequency_is_a_repeated_row_for_areas_and_their_verdicts(scored, scale):
    often = np.random.default_rng(2).integers(0, 4, len(scored))
    given = scored.assign(score=scale * scored["score"])
    once = detector(given, frequency_weight=often).detect_bias(policies=[], replicates=50)
    repeated = detector(given.loc[given.index.repeat(often)]).detect_bias(policies=[], replicates=50)
    for group in ("a", "b", "unknown"):
        found, expected = (report.group("g", group)["roc_auc"] for report in (once, repeated))
        assert (found.value, *found.interval) == pytest.approx((expected.value, *expected.interval), abs=1e-12)
        assert found.reason == expected.reason
    found, expected = (report.disparity("roc_auc_difference", "g") for report in (once, repeated))
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=1e-9
    )


def test_weights_that_add_up_to_less_than_one_row_are_no_number_of_rows(scored):
    light = np.where(scored["g"] == "b", 1e-6, 1.0)
    found = detector(scored, sample_weight=light).detect_bias().group("g", "b")
    assert found["log_loss"].value == pytest.approx(log_loss(*(scored[scored["g"] == "b"][c] for c in ("y", "score"))))
    assert found["log_loss"].interval is None


def test_scores_of_many_labels_are_audited_one_against_the_rest():
    """Each label's area and calibration by group are those of scikit-learn on that group's rows."""
    rng = np.random.default_rng(3)
    labels = ["p", "q", "r"]
    y = rng.choice(labels, 300)
    chances = rng.dirichlet([1, 1, 1], 300) + 0.3 * (y[:, None] == np.array(labels))
    chances = pd.DataFrame(chances / chances.sum(axis=1, keepdims=True), columns=labels)
    sex = rng.choice(["f", "m"], 300)
    known = {"sensitive_features": pd.DataFrame({"sex": sex}), "favorable_label": None}
    predicted = np.array(labels)[chances.to_numpy().argmax(axis=1)]
    report = BiasDetector.from_predictions(y, predicted, y_score=chances, **known).detect_bias(replicates=100)
    for label in labels:
        rows = sex == "f"
        found = report.group("sex", "f")[f"roc_auc/{label}"]
        assert found.value == pytest.approx(roc_auc_score(y[rows] == label, chances[label][rows]))
        assert found.low < found.value < found.high
        large = report.group("sex", "f")[f"calibration_in_the_large/{label}"]
        assert large.value == pytest.approx(chances[label][rows].mean() - (y[rows] == label).mean())
        gap = report.disparity(f"roc_auc/{label}_difference", "sex")
        assert gap.low <= gap.value <= gap.high
    again = BiasDetector.from_predictions(y, predicted, y_score=chances.to_numpy(), **known).detect_bias(replicates=100)
    assert again.to_dict() == report.to_dict()


def test_scores_that_do_not_fit_the_labels_are_refused():
    people = pd.DataFrame({"sex": ["f", "m"] * 3})
    y = ["p", "q", "r"] * 2
    with pytest.raises(DataError, match="no column for 'r'"):
        BiasDetector.from_predictions(y, y, sensitive_features=people, y_score=pd.DataFrame({"p": [0.5] * 6, "q": 0.5}))
    with pytest.raises(DataError, match="2 columns and there are 3 labels"):
        BiasDetector.from_predictions(y, y, sensitive_features=people, y_score=np.full((6, 2), 0.5))
