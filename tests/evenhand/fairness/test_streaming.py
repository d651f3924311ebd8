"""Parquet in parts gives what the rows in memory give."""

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    n = 5000
    score = rng.random(n)
    return pd.DataFrame(
        {
            "y": rng.random(n) < score,
            "p": score > 0.5,
            "score": score,
            "race": rng.choice(["w", "b", None], n),
            "sex": rng.integers(0, 2, n).astype(np.int8),
            "weight": rng.choice([1.0, 2.0], n),
            "branch": rng.choice(["north", "south"], n),
        }
    )


def columns(**more):
    return {"y_true": "y", "y_pred": "p", "sensitive_features": ["race", "sex"], "favorable_label": True, **more}


def test_parts_are_the_whole(frame, tmp_path):
    frame[:3000].to_parquet(tmp_path / "a.parquet", row_group_size=700)
    frame[3000:].to_parquet(tmp_path / "b.parquet")
    found = BiasDetector.from_parquet(
        tmp_path, **columns(y_score="score", batch_rows=900, score_bins=100, legitimate_factors=["branch"])
    )
    memory = BiasDetector.from_predictions(
        frame["y"],
        frame["p"],
        sensitive_features=frame[["race", "sex"]],
        favorable_label=True,
        y_score=frame["score"],
        score_bins=100,
        legitimate_factors=frame[["branch"]],
    )
    a, b = found.detect_bias().to_dict(), memory.detect_bias().to_dict()
    pd.testing.assert_frame_equal(pd.json_normalize(a), pd.json_normalize(b), rtol=1e-12)
    assert a["attributes"]["race"]["groups"][1]["group"] == "unknown"


def test_weights_from_files(frame, tmp_path):
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    found = BiasDetector.from_parquet(path, **columns(sample_weight="weight", batch_rows=100))
    own = frame[frame["race"] == "w"]
    expected = np.average(own["p"], weights=own["weight"])
    assert found.detect_bias().group("race", "w")["selection_rate"].value == pytest.approx(expected, abs=1e-12)


def test_wrong_files(frame, tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        BiasDetector.from_parquet(tmp_path / "none.parquet", **columns())
    with pytest.raises(DataError, match="no Parquet file"):
        BiasDetector.from_parquet(tmp_path, **columns())
    (tmp_path / "text.parquet").write_text("y,p\n1,0\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        BiasDetector.from_parquet(tmp_path / "text.parquet", **columns())
    frame.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="did you mean 'race'"):
        BiasDetector.from_parquet(tmp_path / "rows.parquet", **columns(sensitive_features=["rase"]))
