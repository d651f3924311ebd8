"""People whose features tell their group: mixed columns, missing values, labels of several kinds."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from evenhand.modeling.preprocessing import make_preprocessor


class People(NamedTuple):
    X: pd.DataFrame
    y: np.ndarray
    y4: np.ndarray
    sensitive: pd.DataFrame

    def base(self) -> Any:
        steps = [("preprocess", make_preprocessor(self.X, scale=True)), ("classifier", LogisticRegression())]
        return Pipeline(steps)


def make_people(n: int, seed: int = 0) -> People:
    rng = np.random.default_rng(seed)
    race = rng.choice(["a", "b", "unknown"], n, p=[0.55, 0.35, 0.1])
    X = pd.DataFrame(
        {
            "income": rng.normal(size=n) + (race == "a"),
            "debt": rng.normal(size=n),
            "job": rng.choice(["clerk", "smith"], n),
            "owner": rng.random(n) < 0.5,
        }
    )
    X.loc[::7, "debt"] = np.nan
    X.loc[::11, "job"] = None
    score = X["income"].to_numpy() + rng.normal(size=n)
    y = np.where(score > 0.6, "approved", "denied")
    y4 = np.array(["p", "q", "r", "s"])[np.digitize(score, [-0.5, 0.5, 1.5])]
    return People(X, y, y4, pd.DataFrame({"race": race}))


@pytest.fixture(scope="session")
def people() -> People:
    return make_people(300)


@pytest.fixture(scope="session")
def many_people() -> People:
    return make_people(1500, seed=1)
