"""A sample keeps the shares of classes and groups, does not depend on the order, and is read within its memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data import _parts
from evenhand.data.digest import content_digest, row_digests
from evenhand.data.sampling import Sample, allocate, read_sample
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import read_source
from evenhand.data.splits import split_dataset
from evenhand.exceptions import DataError

ROOT = Path(__file__).resolve().parents[3]
SEX = {"sex": Sensitive(column="male", labels={1: "male", 0: "female"})}


def people(n: int = 20_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(n), "income": rng.normal(50, 10, n), "city": rng.choice(["Ulm", "Bern"], n)})
    frame["male"] = (rng.random(n) < 0.7).astype(int)
    frame["paid"] = np.where(rng.random(n) < np.where(frame["male"] == 1, 0.3, 0.05), "yes", "no")
    return frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return people()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some dozens of parts instead of one."""
    monkeypatch.setattr(_parts, "_FEWEST", 256)
    monkeypatch.setattr(_parts, "PART_BYTES", 1 << 16)


def draw(path: Path, rows: int = 2_000, **options) -> tuple[pd.DataFrame, Sample]:
    asked = {"target": "paid", "sensitive": SEX, **options}
    return read_sample(rows, source={"path": str(path)}, **asked)


def written(folder: Path, frame: pd.DataFrame, name: str = "a.parquet", **options) -> Path:
    frame.to_parquet(folder / name, index=False, row_group_size=3_000, **options)
    return folder / name


def strata(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby(["paid", "male"]).size()


def test_every_class_and_group_keeps_its_share_to_a_row(frame, tmp_path, small_parts) -> None:
    found, sample = draw(written(tmp_path, frame))
    assert sample == Sample(2_000, 20_000, ("paid", "sex"), 4)
    exact = strata(frame) * 2_000 / 20_000
    assert (strata(found) - exact).abs().max() < 1
    assert not found["id"].duplicated().any()
    known = frame.set_index("id").loc[found["id"]]
    assert (known["income"].to_numpy() == found["income"].to_numpy()).all(), "whole rows of the source"


def test_within_a_stratum_it_is_a_random_sample(frame, tmp_path) -> None:
    found, _ = draw(written(tmp_path, frame))
    whole, drawn = frame["income"], found["income"]
    error = whole.std() / np.sqrt(len(drawn))
    assert abs(whole.mean() - drawn.mean()) < 4 * error
    assert abs((frame["city"] == "Ulm").mean() - (found["city"] == "Ulm").mean()) < 4 * 0.5 / np.sqrt(len(drawn))


@pytest.mark.parametrize("key", [None, "id"])
def test_neither_the_order_nor_the_form_nor_the_parts_of_the_source_matter(
    frame, tmp_path, monkeypatch, key: str | None
) -> None:
    expected = content_digest(draw(written(tmp_path, frame), key=key)[0])
    shuffled = frame.sample(frac=1, random_state=3)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 5)):
        written(folder, shuffled.iloc[rows], f"{number}.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    monkeypatch.setattr(_parts, "PART_BYTES", 1 << 16)
    for path in (written(tmp_path, shuffled, "b.parquet"), folder, tmp_path / "a.csv"):
        assert content_digest(draw(path, key=key)[0]) == expected, path.name


def test_another_salt_draws_others(frame, tmp_path) -> None:
    path = written(tmp_path, frame)
    first, second = (draw(path, salt=salt)[0] for salt in ("evenhand", "other"))
    shared = len(set(first["id"]) & set(second["id"]))
    assert 100 < shared < 300, "by chance 200"


def test_renewed_data_keep_their_rows(frame, tmp_path) -> None:
    before, _ = draw(written(tmp_path, frame))
    later = pd.concat([frame.drop(index=range(500)), people(1_500, seed=9).assign(id=lambda f: f["id"] + 10**6)])
    after, _ = draw(written(tmp_path, later, "later.parquet"))
    still = set(before["id"]) & set(later["id"])
    assert len(still & set(after["id"])) > 0.93 * len(still)


def test_the_sample_is_split_like_the_whole(frame, tmp_path) -> None:
    """Sample and split hash the same content: they must not be the same hash, or all of it would be training data."""
    from evenhand.data.build import build_dataset

    found, _ = draw(written(tmp_path, frame))
    split = split_dataset(build_dataset(found, target="paid", favorable_label="yes", sensitive=SEX))
    assert {part: round(n / 2_000, 1) for part, n in split.counts().items()} == {
        "train": 0.6, "validation": 0.2, "test": 0.2,
    }  # fmt: skip


def test_more_rows_than_there_are_is_all_of_them(frame, tmp_path, small_parts) -> None:
    path = written(tmp_path, frame)
    found, sample = draw(path, rows=50_000)
    assert sample.complete
    assert content_digest(found) == content_digest(read_source(path=str(path)))


def test_equal_rows_are_drawn_as_often_as_their_share_says(tmp_path, small_parts) -> None:
    frame = pd.DataFrame({"a": [1] * 3_000 + [2] * 1_000, "male": 1, "paid": ["no"] * 3_000 + ["yes"] * 1_000})
    found, sample = draw(written(tmp_path, frame), rows=400)
    assert found["paid"].value_counts().to_dict() == {"no": 300, "yes": 100}
    assert sample.rows == 400


def test_a_rare_group_has_a_row(tmp_path) -> None:
    frame = people(5_000)
    frame.loc[0, ["male", "paid"]] = [0, "perhaps"]
    found, sample = draw(written(tmp_path, frame), rows=100)
    assert len(found) == 100
    assert (found["paid"] == "perhaps").sum() == 1
    assert sample.strata == 5


def test_rows_without_a_target_are_refused_or_counted(tmp_path, small_parts) -> None:
    frame = people(4_000)
    frame["paid"] = frame["paid"].where(np.arange(4_000) % 8 != 0)
    path = written(tmp_path, frame)
    with pytest.raises(DataError, match="target 'paid' is missing in 500 of 4000 rows"):
        draw(path)
    found, sample = draw(path, drop_missing_target=True)
    assert (sample.rows, sample.of, sample.without_target) == (2_000, 3_500, 500)
    assert found["paid"].notna().all()


def test_a_number_is_cut_before_it_is_stratified(tmp_path) -> None:
    frame = people(4_000)
    found, sample = draw(written(tmp_path, frame), rows=400, target="income", target_above=60.0)
    assert sample.strata == 4
    assert abs((found["income"] > 60).sum() - 400 * (frame["income"] > 60).mean()) <= 2


def test_excluded_columns_do_not_name_a_row(tmp_path) -> None:
    frame = people(4_000).drop(columns="id")
    stamped = frame.assign(loaded=np.arange(4_000))
    plain, other = (
        draw(written(tmp_path, f, n), exclude=["loaded"] if "loaded" in f else [])[0]
        for f, n in ((frame, "a.parquet"), (stamped, "b.parquet"))
    )
    assert set(row_digests(plain)) == set(row_digests(other.drop(columns="loaded")))


def test_columns_are_read_as_a_whole_file_would_be(tmp_path, small_parts) -> None:
    """Dates, booleans with gaps, categories, decimals and a named index come out as from `read_source`."""
    n = 4_000
    frame = people(n)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    frame["owner"] = pd.array(np.arange(n) % 3 == 0, dtype="boolean")
    frame.loc[::7, "owner"] = pd.NA
    frame["band"] = pd.Categorical(np.where(np.arange(n) % 2, "low", "high"))
    table = pa.Table.from_pandas(frame.set_index(pd.RangeIndex(10, 10 + 2 * n, 2, name="row")))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1_000)
    whole = read_source(path=str(tmp_path / "a.parquet"))
    found, _ = draw(tmp_path / "a.parquet", rows=500)
    assert found.dtypes.to_dict() == whole.dtypes.to_dict()
    expected = whole.set_index("row").loc[found["row"]].reset_index()[list(found.columns)]
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "piad"}, "target 'piad' is no column of the data: did you mean 'paid'"),
        ({"key": "no"}, "key 'no' is no column"),
        ({"rows": 3}, "a sample of 3 rows is smaller than the 4 combinations of classes and groups"),
        ({"target": "id"}, "more than 5,000 combinations"),
    ],
)
def test_what_cannot_be_drawn_is_named(frame, tmp_path, options, message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw(written(tmp_path, frame), **options)


def test_a_damaged_file_is_named(frame, tmp_path) -> None:
    path = written(tmp_path, frame)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged or cut off"):
        draw(path)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.floats(0, 1.2))
def test_shares_are_rounded_and_add_up(counts: list[int], share: float) -> None:
    counts_ = np.array(counts)
    rows = max(len(counts), int(share * counts_.sum()))
    sizes = allocate(counts_, rows)
    assert sizes.sum() == min(rows, counts_.sum())
    assert ((sizes >= 1) & (sizes <= counts_)).all()
    assert (sizes <= np.floor(counts_ * rows / counts_.sum()) + 1).all() or rows >= counts_.sum()


CHILD = r"""
import json, re, sys
from pathlib import Path
import pyarrow.dataset, pandas, numpy
from evenhand.data.sampling import read_sample
from evenhand.data.sensitive import Sensitive

def high():
    # getrusage would hand down the peak of the process that started this one
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()).group(1))

before = high()
sex = {"sex": Sensitive(column="male")}
frame, sample = read_sample(
    30_000, source={"path": sys.argv[1]}, target="paid", sensitive=sex
)
peak = high() - before
print(json.dumps({
    "peak": peak, "sample": int(frame.memory_usage(deep=True).sum()), "rows": len(frame), "of": sample.of,
    "shares": frame.groupby(["paid", "male"]).size().tolist(),
}))
"""  # fmt: skip


def test_two_million_rows_are_sampled_within_their_memory(big: tuple[Path, int, list[float]]) -> None:
    path, whole, shares = big
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["of"] == 2_000_000
    assert np.abs(np.array(found["shares"]) - 30_000 * np.array(shares)).max() < 1
    bound = 4 * _parts.PART_BYTES + 4 * found["sample"]
    assert whole > 2 * bound, "the whole table would not have passed"
    assert found["peak"] < bound


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, list[float]]:
    """Two million rows in row groups, the bytes that they take in memory, and the share of each stratum."""
    path = tmp_path_factory.mktemp("big") / "big.parquet"
    n, counts, memory = 250_000, np.zeros(4), 0
    with pq.ParquetWriter(path, pa.Table.from_pandas(wide(10, 0)).schema) as file:
        for number in range(8):
            part = wide(n, number)
            counts += part.groupby(["paid", "male"]).size().to_numpy()
            memory += int(part.memory_usage(deep=True).sum())
            file.write_table(pa.Table.from_pandas(part), row_group_size=n // 2)
    return path, memory, (counts / counts.sum()).tolist()


def wide(n: int, number: int) -> pd.DataFrame:
    frame = people(n, seed=number).assign(id=lambda f: f["id"] + number * n)
    rng = np.random.default_rng(number)
    return frame.assign(**{f"x{at}": rng.integers(0, 1000, n) / 8 for at in range(16)})
