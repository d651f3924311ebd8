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


ALONE = """
import sys, time
from pathlib import Path
from evenhand.store import Store

store, name = Store(Path(sys.argv[1])), sys.argv[2]
print("asks", flush=True)
for _ in range(int(sys.argv[3])):
    with store.alone("tune", "k", lambda: print("waits", flush=True)):
        folder = store.work_folder("tune", "k")
        (folder / name).touch()
        assert [path.name for path in folder.iterdir()] == [name], "somebody else is here"
        print("inside", flush=True)
        time.sleep(float(sys.argv[4]))
        store.drop_work("tune", "k")
"""


def alone(store: Store, name: str, *, times: int, seconds: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", ALONE, str(store.root), name, str(times), str(seconds)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_one_process_works_on_the_same_inputs_at_a_time(store: Store) -> None:
    """Two models may ask for one search at once: one removed the other's folds under it, and both failed."""
    everybody = [alone(store, f"p{number}", times=20, seconds=0.001) for number in range(3)]
    for child in everybody:
        said = child.communicate(timeout=120)[0].split()
        assert child.returncode == 0
        assert said.count("inside") == 20
    assert list((store.root / "tune").iterdir()) == []


def test_who_waits_for_a_killed_process_goes_on(store: Store) -> None:
    with alone(store, "first", times=1, seconds=60) as first:
        assert first.stdout is not None
        while first.stdout.readline() != "inside\n":
            pass
        store.drop_work("tune", "k")  # the second one asserts that it is alone
        with alone(store, "second", times=1, seconds=0) as second:
            assert second.stdout is not None
            assert [second.stdout.readline() for _ in range(2)] == ["asks\n", "waits\n"]
            first.kill()
            assert second.communicate(timeout=60)[0] == "inside\n"
            assert second.returncode == 0


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
