"""Small mixed data and the models fitted to it, shared by the tests of the explanations."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.dataset import Dataset
from evenhand.modeling.fit import fit_candidate


def make_credit(n=500, seed=0, classes=("no", "yes")):
    """Mixed columns with missing values; income decides, town goes with race, noise does nothing."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "income": rng.normal(3000, 800, n).round(2),
            "debt": rng.gamma(2, 500, n).round(2),
            "noise": rng.normal(size=n),
            "children": rng.integers(0, 4, n),
            "job": pd.Series(rng.choice(["clerk", "smith", "nurse"], n), dtype="str"),
            "owner": rng.random(n) < 0.5,
        }
    )
    race = rng.choice(["a", "b", "c"], n, p=[0.6, 0.37, 0.03])
    X["town"] = pd.Series(np.where(rng.random(n) < 0.85, race, "b"), dtype="str")
    score = (X["income"] - 3000) / 800 - X["debt"] / 2000 * (X["job"] == "smith") + rng.normal(scale=0.5, size=n)
    cuts = np.quantile(score, np.arange(1, len(classes)) / len(classes))
    y = pd.Series(np.array(classes, dtype=object)[np.searchsorted(cuts, score)])
    X.loc[::9, "debt"] = np.nan
    X.loc[::11, "job"] = None
    sensitive = pd.DataFrame(
        {
            "race": np.where(rng.random(n) < 0.05, "unknown", race),
            "sex": np.where(rng.random(n) < 0.5, "f", "m"),
        }
    )
    return Dataset(X, y, sensitive, classes[-1] if len(classes) == 2 else None)


def halves(data):
    return data.take(np.arange(len(data) // 2)), data.take(np.arange(len(data) // 2, len(data)))


PARAMS = {"logistic": {}, "boosting": {"max_iter": 30}, "perceptron": {"max_iter": 30}}
CLASSES = {"binary": ("no", "yes"), "multiclass": ("d", "c", "b", "a")}


@pytest.fixture(scope="session")
def data():
    return {task: halves(make_credit(classes=classes)) for task, classes in CLASSES.items()}


@pytest.fixture(scope="session")
def models(data):
    """Fitted pipelines by (candidate, task)."""
    return {
        (name, task): fit_candidate(name, PARAMS[name], train.X, train.y, seed=0)
        for name in PARAMS
        for task, (train, _) in data.items()
    }
