"""A result is there whole or not at all, and what was altered is never taken for whole."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand.exceptions import StoreError
from evenhand.store import Ref, Store, canonical_json, digest_json, write_text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, key: str = "k" * 64, text: str = "content") -> Ref:
    return store.once("fit", key, lambda folder: write_text(folder / "deep" / "a.txt", text))


def test_a_result_is_found_again_and_is_the_same(store: Store) -> None:
    ref = put(store)
    assert store.find("fit", "k" * 64) == ref
    assert (store.folder(ref) / "deep" / "a.txt").read_text() == "content"
    assert Ref.from_dict(json.loads(json.dumps(ref.to_dict()))) == ref


def test_a_finished_step_is_not_computed_again(store: Store) -> None:
    put(store)
    store.once("fit", "k" * 64, lambda _folder: pytest.fail("computed again"))


def test_an_error_inside_leaves_nothing(store: Store) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.once("fit", "k", fail)
    assert store.find("fit", "k") is None
    assert not list((store.root / "fit").iterdir())


@pytest.mark.parametrize("damage", ["change", "remove", "add", "truncate"])
def test_what_was_altered_is_refused_and_computed_anew(store: Store, damage: str) -> None:
    ref = put(store)
    file = store.folder(ref) / "deep" / "a.txt"
    if damage == "change":
        file.write_text("Content")
    elif damage == "remove":
        file.unlink()
    elif damage == "add":
        file.with_name("b.txt").write_text("more")
    else:
        file.write_text("")
    with pytest.raises(StoreError, match="altered"):
        store.folder(ref)
    assert store.find("fit", ref.key) is None
    assert put(store) == ref


def test_a_manifest_that_cannot_be_read_is_damage(store: Store) -> None:
    ref = put(store)
    (store.folder(ref) / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="manifest"):
        store.folder(ref)
    assert store.find("fit", ref.key) is None


def test_a_reference_to_another_content_is_refused(store: Store) -> None:
    ref = put(store)
    with pytest.raises(StoreError, match="not the one"):
        store.folder(Ref(ref.step, ref.key, "0" * 64))


def test_a_missing_result_says_what_to_do(store: Store) -> None:
    with pytest.raises(StoreError, match="run the command again"):
        store.folder(Ref("fit", "gone", "0"))


def test_the_first_of_two_writers_stands(store: Store) -> None:
    with store.write("fit", "k") as slow:
        (slow / "a").write_text("slow")
        fast = store.once("fit", "k", lambda folder: write_text(folder / "a", "fast"))
    assert store.find("fit", "k") == fast
    assert (store.folder(fast) / "a").read_text() == "fast"


def test_a_writer_that_is_killed_leaves_no_result(store: Store, tmp_path: Path) -> None:
    script = (
        "import sys, time; from evenhand.store import Store\n"
        f"with Store({str(store.root)!r}).write('fit', 'k') as folder:\n"
        "    (folder / 'half').write_text('half'); print('inside', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert store.find("fit", "k") is None
    assert put(store, "k").step == "fit"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_canonical_json_is_json_of_the_same_value_whatever_the_order_of_keys(value: object) -> None:
    assert json.loads(canonical_json(value)) == value
    if isinstance(value, dict):
        assert digest_json(dict(reversed(value.items()))) == digest_json(value)


def test_an_unfinished_text_never_replaces_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "\udcff")
    assert target.read_text() == "old"
    assert time.time() - target.stat().st_mtime < 60
