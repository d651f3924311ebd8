"""A file that several want to make first is made once, whole, or not at all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenhand.whole_file import make_whole


def test_of_many_at_once_one_makes_it_and_all_find_it(tmp_path: Path) -> None:
    path, made, gate = tmp_path / "new" / "a.db", [], threading.Barrier(4)

    def one(number: int) -> str:
        def fill(draft: Path) -> None:
            made.append(number)
            time.sleep(0.05)
            draft.write_text(str(number))

        gate.wait()
        make_whole(path, fill)
        return path.read_text()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, range(4)))
    assert len(made) == 1
    assert found == [str(made[0])] * 4
    assert list(path.parent.iterdir()) == [path]


def test_what_failed_half_way_leaves_nothing_and_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    def half(draft: Path) -> None:
        draft.write_text("half")
        draft.with_name(draft.name + "-journal").write_text("of the half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        make_whole(path, half)
    assert list(tmp_path.iterdir()) == []
    draft = tmp_path / ".a.db.draft"  # of a process that was killed
    draft.write_text("left")
    draft.with_name(draft.name + "-journal").write_text("left")

    def whole(draft: Path) -> None:
        assert not draft.exists()
        assert not draft.with_name(draft.name + "-journal").exists()
        draft.write_text("whole")

    make_whole(path, whole)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
