"""Made-up rows keep the contract, and a model that fails on them is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from evenhand.data.contract import contract_of
from evenhand.data.dataset import Dataset
from evenhand.decision.smoke import smoke_rows, smoke_test
from evenhand.exceptions import ModelError


def test_made_up_rows_keep_the_contract() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"n": rng.normal(size=90), "k": rng.integers(0, 9, 90), "c": list("abc") * 30, "b": [True, False] * 45}
    )
    data = Dataset(X, pd.Series([0, 1] * 45, name="y"), pd.DataFrame({"sex": ["f", "m"] * 45}))
    contract = contract_of(data)
    rows = smoke_rows(contract.to_dict(), list(X.columns))
    whole = rows.assign(y=[0, 1, 0, 1, 0], sex=["f", "m", "f", "m", "f"])
    assert [str(problem) for problem in contract.problems(whole)] == []


def test_a_model_that_fails_is_refused() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    smoke_test(LogisticRegression().fit(rows, [0, 1, 1]), rows)
    with pytest.raises(ModelError, match="ValueError"):
        smoke_test(LogisticRegression().fit(rows, [0, 1, 1]), pd.DataFrame({"b": [1.0]}))

    class Liar(DummyClassifier):
        def predict_proba(self, X):
            return np.full((len(X), 2), 0.7)

    with pytest.raises(ModelError, match="declares"):
        smoke_test(Liar().fit(rows, [0, 1, 1]), rows)


def test_an_unknown_feature_is_named() -> None:
    with pytest.raises(ModelError, match="age"):
        smoke_rows({"columns": []}, ["age"])
