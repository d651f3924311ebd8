"""Scored rows at any address: whole or not at all, in parts, and never over a file that is to stay."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from evenhand.exceptions import DataError, ServiceError
from evenhand.scoring.output import METADATA, check_output, open_output
from evenhand.scoring.places import RemotePlace, open_place, place_below
from evenhand.store import digest_file

ABOUT = {"model": "loans"}


@pytest.fixture
def memory():
    """The file system that fsspec keeps in this process, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture(params=["path", "file", "memory"])
def folder(request, memory, tmp_path):
    """An existing folder: a path, a file:// address, an address of another system."""
    memory.makedirs("/scored")
    return {"path": str(tmp_path), "file": f"file://{tmp_path}", "memory": "memory://scored"}[request.param]


def _listed(folder):
    system, path = fsspec.core.url_to_fs(folder)
    return sorted(name.rsplit("/", 1)[-1] for name in system.ls(path, detail=False))


def _part(start, n=1000):
    rng = np.random.default_rng(start)
    return pd.DataFrame({"row": range(start, start + n), "probability": rng.random(n)})


def _write(address, parts=3):
    with open_output(address, constants={"model": "loans"}, about=ABOUT) as sink:
        for k in range(parts):
            sink(_part(k * 1000))
    return sink


def test_the_file_stands_there_whole_with_its_digest(folder, tmp_path):
    sink = _write(f"{folder}/out.parquet")
    assert _listed(folder) == ["out.parquet"]
    local = tmp_path / "copy"
    with fsspec.open(f"{folder}/out.parquet") as file:
        local.write_bytes(file.read())
    assert digest_file(local) == sink.digest
    assert pd.read_parquet(local)["row"].tolist() == list(range(3000))
    assert METADATA in pq.read_schema(local).metadata


def _break_off(address):
    with open_output(address, constants={}, about=ABOUT) as sink:
        sink(_part(0))
        raise KeyboardInterrupt


@pytest.mark.parametrize("before", [False, True])
def test_an_error_in_between_changes_nothing(folder, before):
    if before:
        _write(f"{folder}/out.parquet", parts=1)
    with pytest.raises(KeyboardInterrupt):
        _break_off(f"{folder}/out.parquet")
    assert _listed(folder) == (["out.parquet"] if before else [])
    if before:
        with fsspec.open(f"{folder}/out.parquet") as file:
            assert len(pd.read_parquet(file)) == 1000


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(folder):
    _write(f"{folder}/out.parquet", parts=1)
    with pytest.raises(DataError, match="exists: name another file, or give --force"):
        check_output(f"{folder}/out.parquet", replace=False)
    check_output(f"{folder}/out.parquet", replace=True)
    _write(f"{folder}/out.parquet", parts=2)
    with fsspec.open(f"{folder}/out.parquet") as file:
        assert len(pd.read_parquet(file)) == 2000


def test_a_folder_that_may_not_be_written_is_refused_beforehand():
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        Path(folder).chmod(0o555)
        child = os.fork()
        if not child:  # root may write anywhere, and this process is to stay what it is
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                check_output(f"{folder}/out.parquet", replace=False)
            except DataError as error:
                os._exit(0 if "may not be written: name another one" in str(error) else 3)
            os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere/out.parquet", "does not exist"), ("", "is a folder"), ("out.csv", "let its name end in .parquet")],
)
def test_what_cannot_be_written_is_refused_beforehand(folder, name, said):
    with pytest.raises(DataError, match=said):
        check_output(f"{folder}/{name}", replace=True)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nosuch://bucket/out.parquet", "is no address that fsspec knows"),
        ("https://example.org/out.parquet", "can be read and not written"),
        ("simplecache::memory://out.parquet", "is a chain of addresses"),
        ("memory://${NOT_SET_ANYWHERE}/out.parquet", "NOT_SET_ANYWHERE of the address is not set"),
        (Path("s3://bucket/out.parquet"), "give an address as text"),
    ],
)
def test_addresses_that_lead_nowhere_are_one_clear_error(address, said):
    with pytest.raises(DataError, match=said):
        check_output(address, replace=True)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as where it is not installed: the import fails
    with pytest.raises(DataError, match=r"needs a package that is not installed: .*s3fs"):
        check_output("s3://bucket/out.parquet", replace=True)


def test_no_secret_of_an_address_is_told(memory):
    place = open_place("memory://me:hunter2@host/out.parquet?token=hunter3")
    assert place.name == "memory://host/out.parquet"
    with pytest.raises(DataError) as error:
        place.check(replace=True)
    assert "hunter" not in str(error.value)


def test_variables_are_put_in_and_not_told(memory, monkeypatch):
    monkeypatch.setenv("SCORED_FOLDER", "scored")
    memory.makedirs("/scored")
    assert _write("memory://${SCORED_FOLDER}/out.parquet").name == "memory://${SCORED_FOLDER}/out.parquet"
    assert _listed("memory://scored") == ["out.parquet"]


def test_a_draft_is_for_its_owner_only():
    with open_place("memory://out.parquet").draft() as draft:
        assert stat.S_IMODE(draft.parent.stat().st_mode) == 0o700
        draft.write_bytes(b"rows")
    assert not draft.parent.exists()


class _Watched(MemoryFileSystem):
    """A system on which an upload is seen while it lasts, and which fails when it is told to."""

    protocol = "watched"
    cachable = False
    seen: list[str]
    fails: type[OSError] | None = None
    short = False

    def put_file(self, lpath, rpath, **options):
        self.seen.append(rpath)
        if self.fails:
            super().pipe_file(rpath, b"half")
            raise self.fails("no")
        if self.short:
            return super().pipe_file(rpath, b"half")
        return super().put_file(lpath, rpath, **options)


@pytest.fixture
def watched(memory):
    memory.makedirs("/scored")
    system = _Watched()
    system.seen = []
    return system


def _publish(place):
    with place.draft() as draft:
        draft.write_bytes(b"whole rows")


def test_an_upload_that_can_be_seen_has_another_name_until_it_is_whole(watched):
    _publish(RemotePlace(watched, "/scored/out.parquet", "watched://scored/out.parquet"))
    [name] = watched.seen
    assert name.startswith("/scored/.out.parquet.")
    assert watched.cat_file("/scored/out.parquet") == b"whole rows"
    assert _listed("memory://scored") == ["out.parquet"]


@pytest.mark.parametrize(
    ("fails", "kind", "said"),
    [
        (OSError, ServiceError, "cannot be written \\(OSError\\)"),
        (PermissionError, DataError, "may not be written"),
        (FileNotFoundError, DataError, "the folder of watched://scored/out.parquet does not exist"),
        (None, ServiceError, "did not arrive whole"),
    ],
)
def test_an_upload_that_fails_leaves_what_was_there(watched, fails, kind, said):
    watched.pipe_file("/scored/out.parquet", b"before")
    watched.fails, watched.short = fails, fails is None
    with pytest.raises(kind, match=said):
        _publish(RemotePlace(watched, "/scored/out.parquet", "watched://scored/out.parquet"))
    assert watched.cat_file("/scored/out.parquet") == b"before"
    assert _listed("memory://scored") == ["out.parquet"]


class _Objects(DirFileSystem):
    """Files below a folder under the name of an object store: its buckets are the folders."""

    protocol = ("s3", "s3a")


def test_an_object_store_wants_its_bucket_and_no_folder(tmp_path):
    (tmp_path / "bucket").mkdir()
    system = _Objects(str(tmp_path), LocalFileSystem(auto_mkdir=True))
    place = RemotePlace(system, "bucket/a/b/out.parquet", "s3://bucket/a/b/out.parquet")
    place.make_folder()
    assert not list((tmp_path / "bucket").iterdir()), "there are no folders to make"
    place.check(replace=False)
    _publish(place)
    assert (tmp_path / "bucket/a/b/out.parquet").read_bytes() == b"whole rows"
    with pytest.raises(DataError, match="exists"):
        place.check(replace=False)
    with pytest.raises(DataError, match=r"the bucket of s3://other/out\.parquet does not exist"):
        RemotePlace(system, "other/out.parquet", "s3://other/out.parquet").check(replace=False)


def test_a_place_below_a_folder_makes_the_folder(memory, tmp_path):
    for folder in (str(tmp_path / "a/b"), f"file://{tmp_path}/c/d", "memory://e/f/"):
        address = place_below(folder, "out.parquet")
        check_output(address, replace=False)
        _write(address, parts=1)
        assert _listed(folder) == ["out.parquet"]


KILLED = """
import os, signal, sys
import pandas as pd
from evenhand.scoring.output import open_output
with open_output(sys.argv[1], constants={}, about={}) as sink:
    sink(pd.DataFrame({"row": range(1000), "probability": 0.5}))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_and_what_another_writes_stays(tmp_path):
    """It holds decisions about people, and nobody else would ever remove it."""
    address = tmp_path / "out.parquet"
    subprocess.run([sys.executable, "-c", KILLED, str(address)], cwd=Path(__file__).parents[3], check=False)
    (left,) = tmp_path.iterdir()
    earlier = time.time() - 60
    os.utime(left, (earlier, earlier))
    with open_place(address).draft() as busy:
        assert not left.exists()
        os.utime(busy, (earlier, earlier))
        _write(address)
        assert busy.exists()
        busy.write_bytes(b"later")
    assert address.read_bytes() == b"later"
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
