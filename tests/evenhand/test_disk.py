"""A full disk is recognized in whichever words a library tells it."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from evenhand.disk import full_disk, nearly_full, no_room
from evenhand.store import Store


class Usage(NamedTuple):
    total: int
    used: int
    free: int


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")


@needs_full_device
def test_what_numpy_says_of_it() -> None:
    with pytest.raises(OSError, match="written") as caught, Path("/dev/full").open("wb") as stream:
        np.arange(100_000).tofile(stream)
    assert caught.value.errno is None, "numpy gives no number"
    assert no_room(caught.value)


def test_what_sqlite_says_of_it(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "one.db")
    database.execute("create table t (x)")
    database.execute("pragma max_page_count = 3")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("insert into t values (zeroblob(1000000))")
    database.close()
    assert no_room(caught.value)


def test_it_is_found_behind_what_arose_from_it() -> None:
    error = RuntimeError("the server said 500")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device", "/disk/store/fit")
    found = full_disk(error, Path("/disk"))
    assert found is not None
    assert (found.errno, found.filename) == (errno.ENOSPC, "/disk/store/fit")


def test_another_error_is_none_unless_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConnectionError("disk I/O error")
    assert full_disk(error, tmp_path / "not" / "there", suspect=True) is None
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9, 40_000))
    assert nearly_full(tmp_path / "not" / "there")
    assert full_disk(error, tmp_path) is None
    found = full_disk(error, tmp_path, suspect=True)
    assert found is not None
    assert found.filename == str(tmp_path)


def test_the_store_names_what_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, Store(tmp_path).write("fit", "k" * 64):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # of a file that is open: without a name
    assert caught.value.filename == str(tmp_path / "fit" / ("k" * 32))
    assert list((tmp_path / "fit").iterdir()) == []
