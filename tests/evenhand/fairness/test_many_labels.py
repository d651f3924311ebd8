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
