"""A folder of Parquet parts is one table wherever it lies, read part by part and copied nowhere."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from evenhand.data.build import build_dataset
from evenhand.data.sampling import read_sample
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import open_source, read_source
from evenhand.exceptions import DataError, ServiceError
from evenhand.monitoring.batches import open_batch

N = 900


def fill(folder: str) -> None:
    """Parts in an order that is not that of their names, one below another folder, and what writers leave beside."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.arange(N), "x": draw.normal(size=N), "granted": draw.integers(0, 2, N)})
    frame["sex"] = draw.choice(["f", "m"], N)
    system, path = fsspec.core.url_to_fs(folder)
    for start, name in ((0, "b.parquet"), (300, "deep/a.parquet"), (600, "a.parquet")):
        system.makedirs(f"{path}/{name}".rpartition("/")[0], exist_ok=True)
        with system.open(f"{path}/{name}", "wb") as file:
            frame.iloc[start : start + 300].reset_index(drop=True).to_parquet(file)
    system.pipe_file(f"{path}/_SUCCESS", b"")


@pytest.fixture
def plain(tmp_path: Path) -> str:
    fill(str(tmp_path / "parts"))
    return str(tmp_path / "parts")


@pytest.fixture
def memory() -> Iterator[str]:
    fill("memory://parts")
    yield "memory://parts"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(params=["file://{}", "memory://parts", "memory://parts/", "${{EVENHAND_TEST_PARTS}}"])
def address(request: pytest.FixtureRequest, plain: str, memory: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EVENHAND_TEST_PARTS", f"file://{plain}")
    # Nothing of it comes onto this machine's disk.
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a folder is read where it lies"))
    return str(request.param.format(plain))


def built(path: str) -> str:
    sensitive = {"sex": Sensitive("sex")}
    return build_dataset(read_source(path=path), target="granted", favorable_label=1, sensitive=sensitive).digest


def test_the_same_rows_and_the_same_digest(address: str, plain: str) -> None:
    pd.testing.assert_frame_equal(read_source(path=address), read_source(path=plain))
    pd.testing.assert_frame_equal(read_source(path=address, format="parquet"), read_source(path=plain))
    assert built(address) == built(plain)


def test_the_same_parts_and_the_same_sample(address: str, plain: str) -> None:
    with open_source(path=address) as there, open_source(path=plain) as here:
        assert (there.rows, there.columns) == (here.rows, here.columns)
        pairs = zip(there.frames(there.columns), here.frames(here.columns), strict=True)
        assert [len(one) for one, other in pairs if one.equals(other)] == [300, 300, 300]
    asked: dict[str, Any] = {"target": "granted", "sensitive": {"sex": Sensitive("sex")}, "key": "id"}
    there_frame, there_sample = read_sample(200, source={"path": address}, **asked)
    here_frame, here_sample = read_sample(200, source={"path": plain}, **asked)
    pd.testing.assert_frame_equal(there_frame, here_frame)
    assert there_sample == here_sample


def test_the_same_new_data(address: str, plain: str) -> None:
    with open_batch({"path": address}) as there, open_batch({"path": plain}) as here:
        assert there.digest() == here.digest()
        frames = [pd.concat(batch.parts(["x", "sex"])) for batch in (there, here)]
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.parametrize("reader", [read_source, lambda **source: next(iter_parts(source))])
def test_a_folder_without_parquet_is_no_table(reader: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.csv").write_text("a\n1\n")
    for path in (str(tmp_path / "empty"), f"file://{tmp_path}/empty"):
        with pytest.raises(DataError, match="is a folder: name one file in it"):
            reader(path=path)
    fill(f"file://{tmp_path}/parts")
    with pytest.raises(DataError, match="is a folder: name one file in it"):
        reader(path=f"file://{tmp_path}/parts", format="csv")


def iter_parts(source: dict[str, Any]) -> Iterator[pd.DataFrame]:
    with open_source(**source) as parts:
        yield from parts.frames(parts.columns)


def test_a_damaged_part_and_a_server_that_goes_away(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe_file("/parts/c.parquet", b"PAR1 cut off")
    for read in (read_source, lambda path: open_batch({"path": path}).__enter__()):
        with pytest.raises(DataError, match="damaged or cut off"):
            read(path=memory)

    def gone(*_: object, **__: object) -> None:
        raise ConnectionResetError("secret")

    monkeypatch.setattr(MemoryFileSystem, "_open", gone)
    for read in (read_source, lambda path: next(iter_parts({"path": path}))):
        with pytest.raises(ServiceError, match=r"cannot be fetched \(ConnectionResetError\)"):
            read(path=memory)
