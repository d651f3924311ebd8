"""Data sets that the tests of the data layer share."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.dataset import Dataset


def make_dataset(n=600, *, seed=0, classes=("no", "yes"), **parts):
    """A seeded data set with mixed columns, two sensitive attributes and missing values."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "income": rng.normal(50, 10, n),
            "dependents": rng.integers(0, 5, n),
            "owner": rng.random(n) < 0.5,
            "city": rng.choice(["Ulm", "Graz", "Bern"], n),
        }
    )
    X.loc[rng.random(n) < 0.1, "income"] = np.nan
    X["city"] = X["city"].where(rng.random(n) < 0.9)
    sensitive = pd.DataFrame(
        {"sex": rng.choice(["female", "male", "unknown"], n, p=[0.45, 0.5, 0.05]), "race": rng.choice(list("abc"), n)}
    )
    y = pd.Series(rng.choice(list(classes), n), name="paid")
    return Dataset(X=X, y=y, sensitive_features=sensitive, **parts)


@pytest.fixture
def dataset():
    """Six hundred rows."""
    return make_dataset(favorable_label="yes")
