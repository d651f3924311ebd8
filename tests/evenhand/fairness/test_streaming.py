"""Parquet in parts gives what the rows in memory give."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.counts import _distinct


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


def write(path, **sensitive):
    n = len(next(iter(sensitive.values())))
    pq.write_table(pa.table({"y": [0, 1] * (n // 2), "p": [0, 0, 1, 1] * (n // 4), **sensitive}), path)


def sizes(found, name="g"):
    return {
        label: group.n for label, group in found.detect_bias(policies=[], intervals=False).audits[name].groups.items()
    }


KINDS = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
GIVEN = {"y_true": "y", "y_pred": "p", "sensitive_features": ["g"], "favorable_label": 1}


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_large_whole_numbers_beside_a_null_stay_groups_of_their_own(tmp_path, kind):
    """Above 2**53 several whole numbers are one float, and a part with a null would read them as floats."""
    groups = pa.array([2**60, 2**60 + 1, 2**60 + 2, None] * 10, type=kind)
    write(tmp_path / "a.parquet", g=groups)
    expected = {str(2**60 + at): 10 for at in range(3)} | {"unknown": 10}
    for rows in (3, 40):
        assert sizes(BiasDetector.from_parquet(tmp_path, **GIVEN, batch_rows=rows)) == expected
    for given in (pa.table({"g": groups}), groups, pd.DataFrame({"g": groups.to_pandas(types_mapper=KINDS.get)})):
        found = BiasDetector.from_predictions(
            [0, 1] * 20, [0, 0, 1, 1] * 10, sensitive_features=given, favorable_label=1
        )
        assert sizes(found, found.counts.attributes[0]) == expected


def test_a_day_is_one_group_whether_a_part_has_dates_or_times(tmp_path):
    days = [dt.date(2020, 1, 1), dt.date(2020, 1, 2)] * 20
    write(tmp_path / "a.parquet", g=pa.array(days))
    write(tmp_path / "b.parquet", g=pa.array(days).cast(pa.timestamp("us")))
    noon = [pd.Timestamp("2020-01-01 12:00"), None] * 20
    write(tmp_path / "c.parquet", g=pa.array(noon, type=pa.timestamp("ns")))
    expected = {"2020-01-01": 40, "2020-01-01 12:00:00": 20, "2020-01-02": 40, "unknown": 20}
    assert sizes(BiasDetector.from_parquet(tmp_path, **GIVEN, batch_rows=7)) == expected


def test_a_column_that_pandas_stored_as_the_index_is_a_column(frame, tmp_path):
    frame.set_index("race").to_parquet(tmp_path / "rows.parquet")
    assert BiasDetector.from_parquet(tmp_path / "rows.parquet", **columns()).counts.n == len(frame)


def test_whole_weights_beside_a_null_are_refused_by_their_number(tmp_path):
    write(tmp_path / "a.parquet", g=["a", "b"] * 20, w=pa.array([1, None] * 20))
    with pytest.raises(DataError, match="frequency_weight has 20 values below 0 or not finite"):
        BiasDetector.from_parquet(tmp_path, **GIVEN, frequency_weight="w")


def test_a_decimal_column_of_scores_is_one_of_numbers(frame, tmp_path):
    """As databases write them; a decimal label or weight was read all along."""
    shown = frame["score"].round(4)
    decimals = frame.assign(score=[Decimal(f"{value:.4f}") for value in shown])
    decimals.to_parquet(tmp_path / "rows.parquet")
    memory = [
        BiasDetector.from_predictions(
            frame["y"], frame["p"], sensitive_features=frame[["race", "sex"]], favorable_label=True, y_score=score
        )
        for score in (shown, decimals["score"])
    ]
    found = BiasDetector.from_parquet(tmp_path, **columns(y_score="score"))
    losses = [each.detect_bias(policies=[]).group("race", "w")["log_loss"].value for each in [*memory, found]]
    assert losses[0] == losses[1] == pytest.approx(losses[2], rel=1e-12)
    decimals.loc[7, "score"] = None
    decimals.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="y_score has 1 values that are not finite"):
        BiasDetector.from_parquet(tmp_path, **columns(y_score="score"))


def test_a_column_of_scores_that_are_no_numbers_is_told_by_its_kind(frame, tmp_path):
    frame.assign(score=frame["score"].astype(str)).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"y_score holds what is no number \((object|str)\): give one number a row"):
        BiasDetector.from_parquet(tmp_path, **columns(y_score="score"))


@pytest.mark.parametrize("name", ["y", "p", "score", "weight"])
def test_an_error_about_rows_names_their_file_and_where_they_stand(frame, tmp_path, name):
    frame[:1000].to_parquet(tmp_path / "a.parquet")
    odd = frame[1000:].reset_index(drop=True).astype({"y": object, "p": object})
    odd.loc[2345, name] = None
    odd.to_parquet(tmp_path / "b.parquet", row_group_size=1000)
    with pytest.raises(DataError, match=r"b\.parquet, rows 2,001 to 2,400: .* 1 (missing )?values") as caught:
        BiasDetector.from_parquet(tmp_path, **columns(y_score="score", sample_weight="weight", batch_rows=400))
    assert "a.parquet" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[3, 4, 5], [2], [2**31, 2**31, 3], [7, 1], []])
def test_rows_of_codes_are_told_apart_also_where_no_number_is_wide_enough_for_one(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    rows = np.array([[rng.integers(0, min(size, 50)) for size in sizes] for _ in range(200)], dtype=np.int64)
    rows = rows.reshape(200, len(sizes))
    found, places = _distinct(rows, sizes)
    assert [tuple(row) for row in found.tolist()] == sorted({tuple(row) for row in rows.tolist()})
    assert (found[places] == rows).all()
