"""A classifier may have as many as 256 labels: nothing may grow with the square of their table."""

import tracemalloc
from html import escape

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness import BiasDetector


def test_many_labels_take_little_memory():
    rng = np.random.default_rng(1)
    labels, rows = 130, 400
    y = rng.integers(0, labels, rows)
    p = np.where(rng.random(rows) < 0.5, y, rng.integers(0, labels, rows))
    people = pd.DataFrame({"site": rng.choice(list("abc"), rows)})
    audit = BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=3)
    tracemalloc.start()
    report = audit.detect_bias()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6
    assert report.group("site", "a")["accuracy"].low is not None
    assert 0 < report.disparity("equalized_odds_difference", "site").p_value <= 1


@pytest.mark.parametrize("favorable", [None, ["<p>", "q"]])
def test_the_page_shows_what_disparities_of_many_labels_are_made_of(favorable):
    """A gap between whole distributions is seen by group: the share that is given each label, and its recall."""
    rng = np.random.default_rng(0)
    y, p = rng.choice(["<p>", "q", "r"], (2, 200))
    people = pd.DataFrame({"site": rng.choice(["a", "b"], 200)})
    report = BiasDetector.from_predictions(
        y, p, sensitive_features=people, favorable_label=favorable, classes=["<p>", "q", "r", "s"]
    ).detect_bias(replicates=20)
    page = report._repr_html_()
    for label in report.classes:
        assert f"<th>{escape(label)}</th>" in page
        for group in report.audit("site").groups.values():
            for rate in ("selection_rate", "true_positive_rate"):
                value = group[f"{rate}/{label}"]
                assert f"<td>{value.value:.3f} <small>[{value.low:.3f}, {value.high:.3f}]" in page


def test_the_page_names_more_labels_than_it_shows():
    y, people = np.arange(30).repeat(4), pd.DataFrame({"site": ["a", "b"] * 60})
    report = BiasDetector.from_predictions(y, y, sensitive_features=people).detect_bias(intervals=False)
    assert "Recall of each label: 30 labels, in <code>to_frame()</code>." in report._repr_html_()


@pytest.mark.parametrize("labels", [[-2, -1, 0, 7], [1, 2, 3, 5, 6, 7], [0.5, 1.5, 3.0]])
@pytest.mark.parametrize("named", [True, False])
def test_whole_numbers_with_a_gap_between_them_are_labels(labels: list[float], named: bool) -> None:
    """A score was asked for of labels that no row has."""
    rng = np.random.default_rng(0)
    y, predicted = rng.choice(labels, (2, 600))
    scores = rng.dirichlet(np.ones(len(labels)), 600)
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], 600)})
    score = pd.DataFrame(scores, columns=labels) if named else scores
    found = BiasDetector.from_predictions(y, predicted, sensitive_features=people, y_score=score).detect_bias(
        replicates=20
    )
    group = found.group("sex", "f").metrics
    for name in (f"{label:g}" for label in labels):
        assert (
            group[f"roc_auc/{name}"].n == group[f"true_positive_rate/{name}"].n + group[f"false_positive_rate/{name}"].n
        )


@pytest.mark.parametrize("labels", [[-1, 1], [1, 3], [-5, 5]])
@pytest.mark.parametrize("bins", [None, 50])
def test_two_whole_numbers_that_are_no_neighbours_are_two_labels(labels: list[int], bins: int | None) -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.choice(labels, (2, 400))
    score, people = rng.random(400), pd.DataFrame({"sex": rng.choice(["f", "m"], 400)})
    found = [
        BiasDetector.from_predictions(
            truth, decided, sensitive_features=people, favorable_label=good, y_score=score, score_bins=bins
        ).detect_bias(replicates=20)
        for truth, decided, good in ((y, predicted, labels[1]), (y == labels[1], predicted == labels[1], True))
    ]
    area, same = (report.group("sex", "f")["roc_auc"] for report in found)
    assert (area.value, area.interval) == (same.value, same.interval)
