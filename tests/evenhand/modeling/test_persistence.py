"""Every model that a retrain can make comes back from its file with the same answers; strangers are refused."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from evenhand.exceptions import ModelError
from evenhand.modeling.calibration import calibrate
from evenhand.modeling.candidates import CANDIDATES
from evenhand.modeling.fit import fit_candidate
from evenhand.modeling.persistence import load_model, save_model
from evenhand.modeling.threshold import choose_threshold

N = 300


@pytest.fixture(scope="module")
def rows() -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    generator = np.random.default_rng(0)
    X = pd.DataFrame({"a": generator.normal(size=N), "b": generator.choice(["x", "y", None], N).astype(object)})
    return X, generator.integers(0, 3, N)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("calibration", ["none", "sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", sorted(CANDIDATES))
def test_a_model_comes_back_with_the_same_answers(
    name: str, classes: int, calibration: str, rows, tmp_path: Path
) -> None:
    X, codes = rows
    y = np.array(["no", "yes", "perhaps"])[np.minimum(codes, classes - 1)]
    model = fit_candidate(name, CANDIDATES[name].start(), X, y)
    model, _report = calibrate(model, X, y, method=calibration)
    model, _report = choose_threshold(model, X, y, favorable_label="yes" if classes == 2 else None)
    save_model(model, tmp_path / "model.skops")
    again = load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


class Stranger(RandomForestClassifier):
    """A type that nobody trusts."""


def test_a_type_that_is_not_on_our_list_is_refused_by_name(rows, tmp_path: Path) -> None:
    X, codes = rows
    model = Stranger(n_estimators=2).fit(X[["a"]], codes)
    with pytest.raises(ModelError, match="Stranger"):
        save_model(model, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="Stranger"):
        load_model(tmp_path / "model.skops")
