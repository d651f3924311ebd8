"""A classifier may have as many as 256 labels: nothing may grow with the square of their table."""

import tracemalloc

import numpy as np
import pandas as pd

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
