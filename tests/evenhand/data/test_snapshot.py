"""A snapshot comes back exactly, or not at all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.dataset import Dataset
from evenhand.data.digest import content_digest
from evenhand.data.finding import Finding
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.exceptions import DataError, StoreError

from .conftest import make_dataset

PARTS = ("X", "sensitive_features")
SERIES = ("y", "key", "time", "group")


def assert_same(one, other):
    for part in PARTS:
        pd.testing.assert_frame_equal(getattr(one, part), getattr(other, part), check_exact=True)
    for part in SERIES:
        if getattr(one, part) is None:
            assert getattr(other, part) is None
        else:
            pd.testing.assert_series_equal(getattr(one, part), getattr(other, part), check_exact=True)
    assert (one.name, one.digest, one.findings) == (other.name, other.digest, other.findings)
    assert type(one.favorable_label) is type(other.favorable_label)
    assert one.favorable_label == other.favorable_label


@pytest.fixture
def odd():
    X = pd.DataFrame(
        {
            "i": [1, -(2**62), 3],
            "f": [np.nan, -0.0, 5e-324],
            "b": [True, False, True],
            "s": ["é", None, ""],
            "o": pd.Series([None, np.nan, "z"], dtype=object),
            "mixed": pd.Series([True, 2, 0.1], dtype=object),
            "t": pd.to_datetime(["2020-01-01 12:30:00.000001", None, "1890-01-01"], format="ISO8601"),
            "small": np.array([1, 2, 3], dtype="int8"),
            "📈 =1+1 <b>'\"/": ["<script>", "=cmd()", "../x"],
        }
    )
    return Dataset(
        X=X,
        y=pd.Series([1, 0, 1], name="y"),
        sensitive_features=pd.DataFrame({"sex": ["f", "m", "unknown"]}),
        favorable_label=1,
        key=pd.Series(["a", "b", "c"], name="id"),
        time=pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]), name="day"),
        group=pd.Series([7, 7, 8], name="person"),
        name="odd ones",
        digest="abc",
        findings=(Finding("constant", "x", "one value", 1.0),),
    )


def test_round_trip_is_exact(odd, tmp_path):
    write_dataset(odd, tmp_path / "a.parquet")
    back = read_dataset(tmp_path / "a.parquet")
    assert_same(odd, back)
    assert back.X["o"].tolist()[0] is None
    assert isinstance(back.X["o"].tolist()[1], float)
    assert [type(value) for value in back.X["mixed"]] == [bool, int, float]
    assert np.signbit(back.X["f"][1])


@pytest.mark.parametrize(
    ("labels", "favorable"),
    [([1, 0, 1], 1), ([True, False, True], True), (["1", "0", "1"], "1"), (["a", "b", "c"], None)],
)
def test_labels_keep_their_type(odd, tmp_path, labels, favorable):
    data = replace(odd, y=pd.Series(labels, name="y"), favorable_label=favorable)
    write_dataset(data, tmp_path / "a.parquet")
    assert_same(data, read_dataset(tmp_path / "a.parquet"))


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), min_size=2, max_size=6
    ),
    data=st.data(),
)
def test_any_text_and_any_float_come_back(tmp_path_factory, texts, data):
    n = len(texts)
    floats = data.draw(st.lists(st.floats(), min_size=n, max_size=n))
    X = pd.DataFrame({"s": pd.Series(texts, dtype="str"), "o": pd.Series(texts, dtype=object), "f": floats})
    one = Dataset(X, pd.Series(range(n)), pd.DataFrame({"sex": ["f"] * n}))
    path = tmp_path_factory.mktemp("snapshot") / "a.parquet"
    write_dataset(one, path)
    assert_same(one, read_dataset(path))


def test_bytes_are_the_same_for_the_same_data(dataset, tmp_path):
    write_dataset(dataset, tmp_path / "a.parquet")
    write_dataset(dataset, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_digest_survives(dataset, tmp_path):
    write_dataset(dataset, tmp_path / "a.parquet")
    assert content_digest(read_dataset(tmp_path / "a.parquet").to_frame()) == content_digest(dataset.to_frame())


def test_rows_of_nothing_and_no_features(tmp_path):
    data = make_dataset(10).take([])
    write_dataset(data, tmp_path / "a.parquet")
    assert len(read_dataset(tmp_path / "a.parquet")) == 0
    bare = Dataset(pd.DataFrame(index=pd.RangeIndex(2)), pd.Series([0, 1]), pd.DataFrame(index=pd.RangeIndex(2)))
    write_dataset(bare, tmp_path / "b.parquet")
    assert len(read_dataset(tmp_path / "b.parquet")) == 2


def test_missing_cut_off_and_foreign_files(dataset, tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(StoreError, match=r"there is no snapshot a\.parquet"):
        read_dataset(path)
    write_dataset(dataset, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="cut off or altered"):
        read_dataset(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(StoreError, match="no snapshot"):
        read_dataset(path)


def test_what_cannot_be_kept_is_refused(dataset, tmp_path):
    X = dataset.X.assign(city=dataset.X["city"].astype("category"))
    with pytest.raises(DataError, match=r"'city' has dtype category"):
        write_dataset(replace(dataset, X=X), tmp_path / "a.parquet")
    X = dataset.X.assign(city=pd.Series([[1]] * len(dataset), dtype=object))
    with pytest.raises(DataError, match=r"'city' holds a list"):
        write_dataset(replace(dataset, X=X), tmp_path / "a.parquet")
    assert not list(tmp_path.glob("*.parquet"))
