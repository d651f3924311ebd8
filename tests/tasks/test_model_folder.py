"""The folder of a model is what MLflow itself would write, around the file that was assessed."""

from pathlib import Path

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier

from evenhand.modeling.persistence import TRUSTED_TYPES, save_model
from evenhand.provenance import serving_requirements
from tasks.registry.folder import write_folder
from tasks.registry.storing import model_signature

OF_ITS_OWN = ("model_uuid", "utc_time_created", "model_size_bytes")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, pd.DataFrame]:
    """Ours, MLflow's, and the rows that the model was fitted on."""
    at = tmp_path_factory.mktemp("folders")
    X = pd.DataFrame(np.random.default_rng(0).random((80, 2)), columns=["income", "debt"])
    y = pd.Series((X["income"] > X["debt"]).astype("int64"), name="approve")
    model = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
    save_model(model, at / "model.skops")
    signature = model_signature(X, y)
    write_folder(at / "model.skops", signature, at / "ours")
    mlflow.sklearn.save_model(
        model,
        str(at / "theirs"),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        signature=signature,
        pip_requirements=serving_requirements(),
    )
    return at / "ours", at / "theirs", X


def test_it_holds_the_files_that_mlflow_would_write(folders: tuple[Path, Path, pd.DataFrame]) -> None:
    ours, theirs, _ = folders
    assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}
    for name in ("MLmodel", "conda.yaml", "python_env.yaml"):
        described, expected = (yaml.safe_load((at / name).read_text()) for at in (ours, theirs))
        for key in OF_ITS_OWN:
            assert described.pop(key, None) is not None or name != "MLmodel"
            expected.pop(key, None)
        assert described == expected, name
    assert (ours / "requirements.txt").read_text() == (theirs / "requirements.txt").read_text()


def test_the_model_is_the_very_file_and_mlflow_loads_it(folders: tuple[Path, Path, pd.DataFrame]) -> None:
    ours, _, X = folders
    assert (ours / "model.skops").read_bytes() == (ours.parent / "model.skops").read_bytes()
    expected = mlflow.sklearn.load_model(str(ours)).predict(X)
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(str(ours)).predict(X), expected)
