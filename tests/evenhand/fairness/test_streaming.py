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


@pytest.mark.parametrize("kind", ["sample_weight", "frequency_weight"])
def test_whether_an_audit_runs_does_not_depend_on_the_parts(frame, tmp_path, kind):
    """A part may hold rows of weight 0 only; all parts together may not."""
    path = tmp_path / "rows.parquet"
    frame[:10].assign(weight=[1.0] * 8 + [0.0] * 2).to_parquet(path)
    given = columns(y_score="score", **{kind: "weight"})
    whole, *parts = (
        BiasDetector.from_parquet(path, **given, batch_rows=rows).detect_bias().to_dict() for rows in (10, 4, 1)
    )
    for part in parts:
        pd.testing.assert_frame_equal(pd.json_normalize(part), pd.json_normalize(whole), rtol=1e-12)
    frame[:10].assign(weight=0.0).to_parquet(path)
    for rows in (10, 4):
        with pytest.raises(DataError, match="weights are all 0"):
            BiasDetector.from_parquet(path, **given, batch_rows=rows)


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
