"""A data set made by hand takes its columns as people have them, and refuses what has no rows or no names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand import BiasMitigator, Dataset
from evenhand.exceptions import DataError

N = 600
RNG = np.random.default_rng(0)
SEX = pd.DataFrame({"sex": RNG.choice(["f", "m"], N)}, index=range(7, 7 + N))
X = pd.DataFrame({"x": RNG.normal(size=N) + 1.5 * (SEX["sex"].to_numpy() == "m")}, index=SEX.index)
PAID = pd.Series((X["x"] + RNG.normal(size=N) > 1).astype(int), name="paid")


def given(**parts: Any) -> Dataset:
    return Dataset(**{"X": X, "y": PAID, "sensitive_features": SEX, "favorable_label": 1, **parts})


@pytest.mark.parametrize("make", [np.asarray, list, tuple, pd.array, pd.Index])
def test_an_array_or_a_list_is_a_column(make: Callable[[Any], Any]) -> None:
    whole, rows = given(), np.arange(N)
    data = given(y=make(PAID), key=make(rows), time=make(rows), group=make(rows // 2))
    for part in (data.y, data.key, data.time, data.group):
        assert isinstance(part, pd.Series)
        assert part.index.equals(X.index)
    assert (data.classes, data.task) == (whole.classes, "binary")
    assert data.y.tolist() == PAID.tolist()
    some = slice(10, 30)
    assert data.take(rows[some]).y.tolist() == PAID.iloc[some].tolist()
    assert set(data.to_frame().columns) >= {"x", "sex", "key", "time", "group"}


def test_a_target_of_numpy_is_mitigated_like_a_column() -> None:
    def report(y: Any) -> dict[str, Any]:
        found = BiasMitigator(LogisticRegression(), given(y=y)).mitigate_bias(
            methods=["group_thresholds"], replicates=100
        )
        return found.to_frame().drop(columns="seconds", errors="ignore").to_dict()

    np.testing.assert_equal(report(PAID.to_numpy()), report(PAID.rename(None)))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"y": None}, r"y is a NoneType: give a pandas Series, or one value a row, shape \(600,\)"),
        ({"y": "paid"}, "y is a str"),
        ({"y": PAID.to_frame()}, "y is a DataFrame"),
        ({"y": PAID.to_numpy().reshape(-1, 1)}, "y is a ndarray: give a pandas Series, or one value a row"),
        ({"key": dict(enumerate(PAID))}, "key is a dict"),
        ({"y": PAID.to_numpy()[1:]}, "y has 599 rows and X has 600"),
        ({"X": X.to_numpy()}, "X is a ndarray: give a pandas DataFrame, whose columns have names"),
        ({"sensitive_features": SEX["sex"]}, r"a Series: give a DataFrame, as sensitive_features\.to_frame\(\) makes"),
        ({"sensitive_features": {"sex": SEX["sex"]}}, "sensitive_features is a dict: give a pandas DataFrame"),
    ],
)
def test_what_has_no_rows_or_no_names_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        given(**parts)
