"""A store apart finds nothing that is finished elsewhere; scratch folders outlive neither their block nor a kill."""

import os
import time
from pathlib import Path

import pytest

from tasks.step import once, scratch_folder, store, store_apart


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))


def computed(times: list[int]) -> str:
    def fill(folder: Path) -> None:
        times.append(1)
        (folder / "a.txt").write_text("a")

    return once("some", {"input": 1}, fill).digest


def test_a_store_apart_computes_again_and_leaves_the_other_alone(tmp_path: Path) -> None:
    times: list[int] = []
    first = computed(times)
    with store_apart(tmp_path / "apart"):
        assert computed(times) == first
        assert computed(times) == first
        assert store().root == tmp_path / "apart"
    assert len(times) == 2
    assert computed(times) == first
    assert len(times) == 2
    assert store().root == tmp_path / "home" / "store"


def test_a_shared_store_is_not_asked_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_STORE", (tmp_path / "shared").as_uri())
    times: list[int] = []
    computed(times)
    shared = sorted(path.name for path in (tmp_path / "shared").rglob("*"))
    with store_apart(tmp_path / "apart"):
        computed(times)
    assert len(times) == 2
    assert sorted(path.name for path in (tmp_path / "shared").rglob("*")) == shared


def test_a_scratch_folder_is_private_and_gone_after_its_block_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder("again") as folder:  # noqa: PT012 (the block is the subject)
        assert oct(folder.stat().st_mode & 0o777) == "0o700"
        (folder / "rows").write_text("people")
        raise KeyboardInterrupt
    assert not list((tmp_path / "home").iterdir())


def test_what_a_killed_process_left_goes_after_a_day_and_what_is_in_use_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    old, new, other = home / "again-a.scratch", home / "again-b.scratch", home / "runs"
    for folder in (old, new, other):
        folder.mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (time.time() - 100_000, time.time() - 100_000))
    with scratch_folder("again"):
        assert not old.exists()
    assert new.exists()
    assert other.exists()
