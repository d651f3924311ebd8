"""The search's limit on a disparity: a constraint on what is selected, part of the search's identity, in its log."""

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import ConfigError, DataError, SearchError
from evenhand.fairness import BiasDetector
from evenhand.modeling.search import search
from evenhand.modeling.search_fairness import (
    BINS,
    FairnessLimit,
    Groups,
    count_fold,
    deb_scores,
    eligible_trials,
    incumbent,
    pareto_front,
)
from evenhand.modeling.search_results import Trial, TrialFairness

METRIC = "demographic_parity_difference"


def trial(number, score, gap, *, limit=0.1, status="complete"):
    fairness = TrialFairness(gap, "sex", ("f", "m"), inside=gap <= limit) if status == "complete" else None
    return Trial(number, "logistic", {}, (score, score), status=status, told=score, fairness=fairness)


class Scores:
    """A fitted classifier with these scores of the class 1."""

    def __init__(self, scores):
        self.scores = np.asarray(scores)

    def predict_proba(self, X):
        return np.stack([1 - self.scores, self.scores], axis=1)[: len(X)]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 600)
    X = pd.DataFrame({"group": (sex == "m") + rng.normal(0, 0.2, 600), "skill": rng.normal(size=600)})
    y = (X["skill"] + 1.5 * (sex == "m") + rng.normal(size=600) > 0.7).astype(int)
    return X, y, pd.DataFrame({"sex": sex})


def test_the_best_score_inside_the_limit_is_selected_however_good_the_others_are():
    found = [trial(0, 0.9, 0.3), trial(1, 0.8, 0.09), trial(2, 0.7, 0.01), trial(3, 0.95, 0.0, status="pruned")]
    eligible, met = eligible_trials(found, "difference", 0.1)
    assert ([one.number for one in eligible], met) == ([1, 2], True)
    assert incumbent(found).number == 1


def test_without_a_trial_inside_the_nearest_one_is_taken_and_said_to_be_outside():
    eligible, met = eligible_trials([trial(0, 0.9, 0.3), trial(1, 0.6, 0.2)], "difference", 0.1)
    assert ([one.number for one in eligible], met) == ([1], False)
    assert incumbent([trial(0, 0.9, 0.3)]) is None


def test_the_optimizer_hears_of_no_trial_outside_as_good_as_one_inside():
    told = [
        one.told for one in deb_scores([trial(0, 0.9, 0.3), trial(1, 0.6, 0.05), trial(2, 0.8, 0.2)], "difference", 0.1)
    ]
    assert told[1] == 0.6
    assert told[1] > told[2] > told[0]


def test_the_front_is_of_all_trials_by_score_and_disparity():
    found = [trial(0, 0.9, 0.3), trial(1, 0.8, 0.1), trial(2, 0.7, 0.2), trial(3, 0.6, 0.0)]
    assert pareto_front(found, "difference") == (0, 1, 3)


def test_the_disparity_is_that_of_an_audit_of_the_held_out_decisions():
    """Fold by fold through counts, against one audit of all decisions at the same threshold."""
    rng = np.random.default_rng(1)
    y, scores = rng.integers(0, 2, 400), np.round(rng.random(400) * BINS) / (BINS + 1)
    sensitive = pd.DataFrame({"race": rng.choice(["a", "b", "c"], 400), "sex": rng.choice(["f", "m"], 400)})
    groups = Groups(FairnessLimit("equalized_odds_difference", 0.1, sensitive), [0, 1], [1])
    parts = [np.arange(0, 150), np.arange(150, 400)]
    counts = [count_fold(groups.probe(rows), Scores(scores[rows]), rows, y[rows]) for rows in parts]
    read = groups.read(tuple(sum(tables) for tables in zip(*counts, strict=True)))
    bins = (scores * BINS).astype(int)
    cut = max(range(BINS), key=lambda at: (np.mean(bins[y == 1] >= at) - np.mean(bins[y == 0] >= at), -at))
    audit = BiasDetector.from_predictions(y, (bins >= cut).astype(int), sensitive_features=sensitive, favorable_label=1)
    report = audit.detect_bias(depth=1, intervals=False)
    values = {name: report.disparity("equalized_odds_difference", name).value for name in sensitive}
    assert read.value == pytest.approx(max(values.values()))
    assert read.attribute == max(values, key=values.get)


def test_small_and_unknown_groups_take_no_part():
    sensitive = pd.DataFrame({"sex": ["f"] * 50 + ["m"] * 50 + ["x"] * 5 + [None] * 40})
    groups = Groups(FairnessLimit(METRIC, 0.1, sensitive), [0, 1], [1])
    y = np.tile([0, 1], 73)[:145]
    scores = np.where(np.arange(145) < 100, y * 0.9, 0.0)
    read = groups.read(count_fold(groups.probe(np.arange(145)), Scores(scores), y, y))
    assert (read.value, set(read.between), read.inside) == (0.0, {"f", "m"}, True)


def test_a_search_keeps_the_limit_goes_on_after_a_kill_and_is_another_than_one_without(people, tmp_path):
    X, y, sensitive = people
    asked = {"candidates": ["logistic"], "trials": 5, "folds": 3, "workers": 1, "batch_size": 2, "favorable_label": 1}
    limit = FairnessLimit(METRIC, 0.6, sensitive)
    first = search(X, y, fairness=limit, log=tmp_path / "a.jsonl", **asked)
    assert first.fairness["met"] is True
    assert first.selected.fairness.inside
    assert first.selected.number in first.fairness["front"] or first.selected.mean == first.best.mean
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "b.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:20])
    assert search(X, y, fairness=limit, log=tmp_path / "b.jsonl", **asked) == first
    with pytest.raises(SearchError, match="another search"):
        search(X, y, log=tmp_path / "a.jsonl", **asked)


def test_four_string_labels_and_no_favorable_one(people):
    X, _, sensitive = people
    y = np.array(["p", "q", "r", "s"])[np.digitize(X["skill"] + X["group"], [-0.3, 0.5, 1.2])]
    found = search(
        X, y, candidates=["logistic"], trials=2, folds=2, workers=1, fairness=FairnessLimit(METRIC, 0.9, sensitive)
    )
    assert 0 < found.selected.fairness.value < 0.9
    assert found.to_dict()["trials"][0]["fairness"]["attribute"] == "sex"


class Chances:
    """A fitted classifier with these probabilities."""

    def __init__(self, chances):
        self.chances = chances

    def predict_proba(self, X):
        return self.chances[: len(X)]


@pytest.mark.parametrize(
    "metric", ["selection_rate_difference", "demographic_parity_ratio", "true_positive_rate_ratio"]
)
def test_of_several_favorable_labels_the_disparity_is_that_of_the_audit(metric):
    rng = np.random.default_rng(3)
    labels, y, chances = np.array(["bad", "fair", "good"]), rng.integers(0, 3, 400), rng.dirichlet([1, 1, 2], 400)
    sensitive = pd.DataFrame({"race": rng.choice(["a", "b", "c"], 400)})
    groups = Groups(FairnessLimit(metric, 0.5, sensitive), labels.tolist(), [1, 2])
    read = groups.read(count_fold(groups.probe(np.arange(400)), Chances(chances), y, y))
    audit = BiasDetector.from_predictions(
        labels[y], labels[chances.argmax(axis=1)], sensitive_features=sensitive, favorable_label=["good", "fair"]
    )
    assert read.value == pytest.approx(audit.detect_bias(intervals=False).disparity(metric, "race").value)


def test_a_search_keeps_a_limit_on_several_favorable_labels(people):
    X, _, sensitive = people
    y = np.array(["p", "q", "r"])[np.digitize(X["skill"] + X["group"], [-0.3, 1.2])]
    limit = FairnessLimit("selection_rate_difference", 0.9, sensitive)
    asked = {"candidates": ["logistic"], "trials": 2, "folds": 2, "workers": 1, "fairness": limit}
    found = search(X, y, favorable_label=["q", "r"], **asked)
    assert found.fairness["met"] is True
    assert search(X, y, favorable_label=("r", "q"), **asked) == found
    # A log of one set is no log of another.
    assert search(X, y, favorable_label=["p", "r"], **asked).digest != found.digest


@pytest.mark.parametrize(
    ("limit", "favorable", "message"),
    [
        (("parity", 0.1), 1, "no limit for 'parity'"),
        ((METRIC, 1.5), 1, "between 0 and 1"),
        ((METRIC, 0.1), None, "no label is favorable"),
        ((METRIC, 0.1), [0, 1], "both labels are favorable"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_before_a_trial(people, limit, favorable, message):
    X, y, sensitive = people
    with pytest.raises(ConfigError, match=message):
        search(X, y, trials=1, fairness=FairnessLimit(*limit, sensitive), favorable_label=favorable)
    with pytest.raises(DataError, match="sensitive features have 10 rows"):
        search(X, y, trials=1, fairness=FairnessLimit(METRIC, 0.1, sensitive[:10]), favorable_label=1)
