"""What is best, what is simplest, and the picture."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.exceptions import SearchError
from evenhand.modeling.search_pruning import is_hopeless, project
from evenhand.modeling.search_results import SearchResult, Trial, best_trial, weigh_preferences

RANKS = {"logistic": 0, "boosting": 1, "perceptron": 2}


def trial(number, candidate, scores, status="complete"):
    return Trial(number, candidate, {}, tuple(scores), status=status, told=float(np.mean(scores)))


def result(trials):
    best = best_trial(trials)
    return SearchResult(
        tuple(trials), best, best, "roc_auc", weigh_preferences(trials, RANKS), "bayes", "best", 4, 0, "d"
    )


def test_simplest_within_one_standard_error_known_answer():
    # The best has mean .8 and the standard deviation .02 * sqrt(4/3), so the standard error .01155 over four folds.
    best = trial(0, "perceptron", [0.78, 0.78, 0.82, 0.82])
    near, far = trial(1, "logistic", [0.79] * 4), trial(2, "logistic", [0.788] * 4)
    assert best.standard_error == pytest.approx(0.02 / np.sqrt(3))
    rows = weigh_preferences([best, near], RANKS)
    assert [(row.candidate, row.selected_by) for row in rows] == [
        ("logistic", ("simplest",)),
        ("perceptron", ("best",)),
    ]
    assert rows[0].cost == pytest.approx(0.01)
    rows = weigh_preferences([best, far], RANKS)
    assert rows[0].selected_by == ()
    assert not rows[0].within_one_standard_error
    assert rows[1].selected_by == ("best", "simplest")


def test_of_equals_the_earliest_is_best():
    assert best_trial([trial(0, "boosting", [0.5, 0.7]), trial(1, "logistic", [0.7, 0.5])]).number == 0


def test_without_complete_trials_nothing_is_preferred():
    assert best_trial([trial(0, "logistic", [1.0], "pruned")]) is None
    with pytest.raises(SearchError):
        weigh_preferences([trial(0, "logistic", [1.0], "failed")], RANKS)


SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=4)


@given(st.lists(st.tuples(st.sampled_from(sorted(RANKS)), SCORES, st.sampled_from(["complete", "pruned", "failed"]))))
def test_only_complete_trials_are_ever_selected(drawn):
    trials = [trial(i, *one) for i, one in enumerate(drawn)]
    best = best_trial(trials)
    if best is None:
        return
    rows = weigh_preferences(trials, RANKS)
    for prefer in ("best", "simplest"):
        (chosen,) = [row for row in rows if prefer in row.selected_by]
        assert trials[chosen.trial].status == "complete"
        assert chosen.cost <= (best.standard_error if prefer == "simplest" else 0.0)
    assert max(row.mean for row in rows) == best.mean


@given(SCORES, SCORES)
def test_what_is_not_worse_everywhere_is_never_stopped(scores, incumbent):
    best = trial(0, "logistic", incumbent)
    hopeless = is_hopeless(scores[:2], best)
    assert not (hopeless and (np.array(scores[:2]) >= np.array(incumbent[:2])).any())
    if hopeless:
        assert project(scores[:2], best) < best.mean


def test_trial_goes_through_json():
    one = Trial(3, "boosting", {"max_iter": 5, "C": 0.1}, (0.1 + 0.2, 1 / 3), "pruned", "why", 0.25, 1.5, 2.5)
    again = Trial.from_dict(json.loads(json.dumps(one.to_dict())))
    assert again == one
    assert (again.seconds, again.elapsed) == (1.5, 2.5)


def test_frame_and_dictionary_hold_every_trial():
    trials = [trial(0, "logistic", [0.5, 0.6]), Trial(1, "boosting", {"max_iter": 3}, (), "failed", "fold 0: no")]
    frame = result(trials).to_frame()
    assert frame["status"].tolist() == ["complete", "failed"]
    assert frame.loc[1, "param_max_iter"] == 3
    assert np.isnan(frame.loc[1, "mean"])
    data = json.loads(json.dumps(result(trials).to_dict(), allow_nan=False))
    assert data["trials"][1]["mean"] is None
    assert data["n_trials"] == 2


def test_picture_shows_every_trial_with_a_score():
    trials = [
        trial(0, "logistic", [0.5, 0.6, 0.5, 0.6]),
        trial(1, "boosting", [0.4, 0.4], "pruned"),
        Trial(2, "boosting", {}, (), "failed", "no"),
        trial(3, "boosting", [0.6, 0.7, 0.6, 0.7]),
    ]
    (axes,) = result(trials).plot().axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"logistic", "boosting", "boosting (pruned)", "best so far", "selected"} == set(labels)
    assert "1 of them failed" in axes.get_title(loc="left") + axes.get_title()
    best = next(line for line in axes.lines if line.get_label() == "best so far")
    np.testing.assert_allclose(best.get_ydata(), [0.55, 0.65])
