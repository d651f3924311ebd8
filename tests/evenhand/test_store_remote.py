"""Two machines and a store that both reach: what one finished the other finds, whole or not at all."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from evenhand import store_remote
from evenhand.exceptions import ConfigError, ServiceError, StoreError
from evenhand.store import Ref, Store, write_text
from evenhand.store_remote import RemoteStore, open_remote

KEY = "k" * 64


@pytest.fixture(params=["file", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A shared folder, and a store without folders or rename, as object stores are."""
    yield f"{request.param}://{tmp_path / 'shared'}"
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def remote(address: str) -> RemoteStore:
    open_remote.cache_clear()
    found = open_remote(address)
    assert found is not None
    return found


@pytest.fixture
def machines(tmp_path: Path, remote: RemoteStore) -> tuple[Store, Store]:
    return Store(tmp_path / "a", remote), Store(tmp_path / "b", remote)


def put(store: Store, text: str = "content", key: str = KEY) -> Ref:
    def fill(folder: Path) -> None:
        write_text(folder / "deep" / "a.txt", text)
        (folder / "b.bin").write_bytes(bytes(range(256)))

    return store.once("fit", key, fill)


def system_of(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    return fsspec.core.url_to_fs(address)


def files(address: str) -> list[str]:
    system, root = system_of(address)
    return sorted(path.removeprefix(root) for path in system.find(root))


def test_what_one_machine_finished_the_other_finds(machines: tuple[Store, Store], address: str) -> None:
    a, b = machines
    ref = put(a)
    assert b.once("fit", KEY, lambda _folder: pytest.fail("computed again")) == ref
    assert (b.folder(ref) / "deep" / "a.txt").read_text() == "content"
    assert (b.folder(ref) / "b.bin").read_bytes() == bytes(range(256))
    place = f"/fit/{KEY[:32]}/{ref.digest}"
    assert files(address) == sorted([f"{place}.json", f"{place}/b.bin", f"{place}/deep/a.txt"])


def test_a_reference_alone_is_enough(machines: tuple[Store, Store]) -> None:
    a, b = machines
    ref = put(a)
    assert (b.folder(Ref.from_dict(json.loads(json.dumps(ref.to_dict())))) / "deep" / "a.txt").read_text() == "content"


def test_a_result_without_files_is_a_result(machines: tuple[Store, Store]) -> None:
    a, b = machines
    ref = a.once("weight", KEY, lambda _folder: None)
    assert b.once("weight", KEY, lambda _folder: pytest.fail("computed again")) == ref


def test_what_was_finished_before_there_was_a_shared_store_gets_there(tmp_path: Path, remote: RemoteStore) -> None:
    ref = put(Store(tmp_path / "a"))
    assert Store(tmp_path / "a", remote).find("fit", KEY) == ref
    assert Store(tmp_path / "b", remote).find("fit", KEY) == ref


def test_a_result_is_there_only_with_its_marker(machines: tuple[Store, Store], address: str) -> None:
    """What a machine leaves that is killed in the middle of publishing: files, or files and a torn marker."""
    a, b = machines
    ref = put(a)
    system, root = system_of(address)
    marker = f"{root}/fit/{KEY[:32]}/{ref.digest}.json"
    whole = system.cat_file(marker)
    system.rm_file(marker)
    assert b.find("fit", KEY) is None
    system.pipe_file(marker, whole[: len(whole) // 2])
    assert b.find("fit", KEY) is None
    assert system.exists(marker), "it may be in the middle of being written"
    assert a.find("fit", KEY) == ref, "who has it publishes it again"
    assert b.find("fit", KEY) == ref


@pytest.mark.parametrize("damage", ["change", "remove", "truncate"])
def test_what_was_altered_there_is_withdrawn_and_computed_anew(
    machines: tuple[Store, Store], address: str, damage: str
) -> None:
    a, b = machines
    ref = put(a)
    system, root = system_of(address)
    file = f"{root}/fit/{KEY[:32]}/{ref.digest}/deep/a.txt"
    if damage == "remove":
        system.rm_file(file)
    else:
        system.pipe_file(file, b"Content" if damage == "change" else b"")
    with pytest.raises(StoreError, match="run the command again"):
        b.folder(ref)
    assert not list(b.root.glob("fit/*")), "nothing of it stays"
    assert put(b) == ref
    shutil.rmtree(a.root)
    assert a.find("fit", KEY) == ref, "the good one stands there now"


def test_a_marker_cannot_name_a_file_outside(machines: tuple[Store, Store], address: str) -> None:
    from evenhand.store import digest_json

    _, b = machines
    listed = {"../../../escaped": "0" * 64}
    system, root = system_of(address)
    digest = digest_json(listed)
    system.makedirs(f"{root}/fit/{KEY[:32]}", exist_ok=True)
    system.pipe_file(f"{root}/fit/{KEY[:32]}/{digest}.json", json.dumps({"files": listed}).encode())
    assert b.find("fit", KEY) is None
    assert not list(b.root.parent.rglob("escaped"))


def test_two_machines_that_finish_at_once_leave_two_whole_results(
    machines: tuple[Store, Store], tmp_path: Path
) -> None:
    a, b = machines
    with b.write("fit", KEY) as folder:  # begun before the other is published
        (folder / "a").write_text("slow")
        first = put(a)
    second = b.find("fit", KEY)
    assert second is not None
    assert second.digest != first.digest
    third = Store(tmp_path / "c", machines[0]._remote)
    assert third.find("fit", KEY) in (first, second)
    assert (Store(tmp_path / "d", a._remote).folder(first) / "b.bin").is_file()
    assert (Store(tmp_path / "e", a._remote).folder(second) / "a").read_text() == "slow"


def test_an_unfinished_step_goes_on_elsewhere(machines: tuple[Store, Store], address: str) -> None:
    a, b = machines
    (a.work_folder("tune", KEY) / "trials.jsonl").write_text("one\n")
    a.save_work("tune", KEY)
    assert (b.work_folder("tune", KEY) / "trials.jsonl").read_text() == "one\n"
    (b.work_folder("tune", KEY) / "trials.jsonl").write_text("one\ntwo\n")
    assert (b.work_folder("tune", KEY) / "trials.jsonl").read_text() == "one\ntwo\n", "what is here counts"
    b.drop_work("tune", KEY)
    assert files(address) == []
    assert not list(b.work_folder("tune", KEY).iterdir())


def test_without_a_shared_store_nothing_is_copied(tmp_path: Path) -> None:
    store = Store(tmp_path / "a")
    store.work_folder("tune", KEY)
    store.save_work("tune", KEY)
    store.drop_work("tune", KEY)
    assert not list((store.root / "tune").iterdir())


def test_an_address_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"EVENHAND_STORE: 'nonsense://user/a' cannot be opened"):
        open_remote("nonsense://user/a")


@pytest.mark.parametrize("address", ["nonsense://me:secret@host/a?token=secret", "ftp://me:secret/here@host/a"])
def test_secrets_in_the_address_stay_out_of_errors(address: str) -> None:
    """Of the second address, the word before the slash is taken for a port that is none."""
    with pytest.raises(ConfigError) as caught:
        open_remote(address)
    assert "secret" not in str(caught.value)


class Silent(fsspec.AbstractFileSystem):
    """A store behind a network that is down."""

    def ls(self, path: str, detail: bool = True, **_: object) -> list[str]:
        raise TimeoutError(path)

    def info(self, path: str, **_: object) -> dict[str, object]:
        return {"name": path, "type": "directory", "size": 0}

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        raise PermissionError(path)


def test_a_store_that_does_not_answer_is_a_service_that_fails(tmp_path: Path) -> None:
    remote = RemoteStore(Silent(), "bucket", "'s3://bucket'")
    with pytest.raises(ServiceError, match=r"'s3://bucket' does not answer \(TimeoutError\): check EVENHAND_STORE"):
        Store(tmp_path, remote).find("fit", KEY)
    with pytest.raises(ServiceError, match="refuses access"):
        Store(tmp_path, remote).save_work("fit", KEY)


@pytest.mark.parametrize("place", ["/proc/nowhere/steps", "/proc/nowhere"])
def test_a_store_whose_place_is_not_there_is_named_with_what_to_do(place: str, tmp_path: Path) -> None:
    """Nobody can make a folder in /proc: the place is missing, as a bucket is that nobody made."""
    remote = RemoteStore(*system_of(f"file://{place}"), f"'file://{place}'")
    store = Store(tmp_path, remote)
    (store.work_folder("tune", KEY) / "trials.jsonl").write_text("one")
    for reach in (lambda: put(store), lambda: store.save_work("tune", KEY)):
        with pytest.raises(ServiceError, match=rf"'file://{place}' is not there: make .* or correct EVENHAND_STORE"):
            reach()


def test_only_the_last_folder_of_the_address_is_made(tmp_path: Path) -> None:
    """A share that is not mounted, or a slip in the path, would take rows of people to a place nobody made for them."""
    place = tmp_path / "nosuch" / "deep" / "steps"
    store = Store(tmp_path / "a", RemoteStore(*system_of(place.as_uri()), "'the share'"))
    (store.work_folder("tune", KEY) / "trials.jsonl").write_text("one")
    for reach in (lambda: put(store), lambda: store.save_work("tune", KEY)):
        with pytest.raises(ServiceError, match="'the share' is not there: make its folder or bucket"):
            reach()
    assert not (tmp_path / "nosuch").exists()
    place.parent.mkdir(parents=True)
    ref = put(store)
    shutil.rmtree(tmp_path / "nosuch")  # the share goes away while the run goes on
    with pytest.raises(ServiceError, match="is not there"):
        store.save_work("tune", KEY)
    assert store.find("fit", "j" * 64) is None
    assert not (tmp_path / "nosuch").exists()
    assert ref.step == "fit"


class Bucket(fsspec.AbstractFileSystem):
    """An object store whose bucket nobody made, and that makes one when it is asked for a folder."""

    protocol = ("s3", "s3a")

    def ls(self, path: str, detail: bool = True, **_: object) -> list[str]:
        raise FileNotFoundError(path)

    cat_file = put_file = pipe_file = ls

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        pytest.fail("a bucket was made")


def test_a_bucket_is_never_made(tmp_path: Path) -> None:
    store = Store(tmp_path, RemoteStore(Bucket(), "models/steps", "'s3://models/steps'"))
    (store.work_folder("tune", KEY) / "trials.jsonl").write_text("one")
    for reach in (lambda: put(store), lambda: store.save_work("tune", KEY)):
        with pytest.raises(ServiceError, match="'s3://models/steps' is not there: make its folder or bucket"):
            reach()


@pytest.mark.parametrize("kind", ["http", "https", "zip"])
def test_a_store_that_nothing_is_written_to_is_refused_before_it_is_asked(kind: str) -> None:
    with pytest.raises(ConfigError, match=rf"EVENHAND_STORE: '{kind}://127.0.0.1:1/x' is read and not written"):
        open_remote(f"{kind}://me:secret@127.0.0.1:1/x")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


def test_a_store_that_refuses_the_connection_is_a_service_that_fails(listening: socket.socket) -> None:
    port = listening.getsockname()[1]  # bound, and nobody listens
    with pytest.raises(ServiceError, match=rf"'ftp://127.0.0.1:{port}/x' does not answer \(Connect") as caught:
        open_remote(f"ftp://me:secret@127.0.0.1:{port}/x")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__, "what the client raised is in no log"


def test_a_store_that_says_no_is_a_service_that_fails(listening: socket.socket) -> None:
    """An error of the client's own, which is loaded only with the first address of its kind."""
    listening.listen()
    port = listening.getsockname()[1]

    def refuse() -> None:
        with listening.accept()[0] as client:
            client.sendall(b"530 not you\r\n")

    answer = threading.Thread(target=refuse)
    answer.start()
    with pytest.raises(ServiceError, match=r"does not answer \(error_perm\): check EVENHAND_STORE"):
        open_remote(f"ftp://127.0.0.1:{port}/x")
    answer.join()


def test_a_store_that_says_nothing_is_waited_for_so_long_and_no_longer(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_remote, "_FIRST_ANSWER", 0.2)
    listening.listen()
    port = listening.getsockname()[1]
    with pytest.raises(ServiceError, match=rf"'ftp://127.0.0.1:{port}/x' does not answer within 0.2 s: check EVENHAND"):
        open_remote(f"ftp://127.0.0.1:{port}/x")
    # The client that still waits is told, and its thread ends.
    listening.accept()[0].close()
