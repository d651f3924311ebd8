"""The rows that a version was made from: whole from the store, or why they are not."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from evenhand.exceptions import DataError
from evenhand.store import Ref, Store
from tasks import recall
from tasks.recall import in_place_of_snapshot, recall_version
from tasks.step import once, store


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ref:
    """The snapshot of version 1, which is registered."""
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    ref = once("ingest", {"test": "recall"}, lambda folder: (folder / "rows.parquet").write_bytes(b"rows"))
    known = SimpleNamespace(model="m", version="1", name="m@1", provenance={"results": {"rows": ref.to_dict()}})
    monkeypatch.setattr(recall, "read_decided", lambda model, version: known)
    return ref


def test_the_snapshot_is_copied_whole(snapshot: Ref, tmp_path: Path) -> None:
    _, rows, why = recall_version.fn("m", "1", tmp_path / "apart")
    assert (rows, why) == (snapshot, "")
    assert (Store(tmp_path / "apart").folder(snapshot) / "rows.parquet").read_bytes() == b"rows"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("altered", r"does not match its checksum \(.* was altered: rows.parquet do not match their checksums\)"),
        ("another", r"does not match its checksum \(.* is not the one that was referred to\)"),
        ("gone", "is not in this store"),
    ],
)
def test_an_altered_snapshot_is_told_from_one_that_is_not_there(
    snapshot: Ref, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, said: str
) -> None:
    """Absence is ordinary; an altered snapshot is what whoever asks for evidence wants to hear of."""
    file = store().folder(snapshot) / "rows.parquet"
    if damage == "altered":
        file.write_bytes(b"rows and more")
    else:
        told = {**snapshot.to_dict(), **({"key": "0" * 64} if damage == "gone" else {"digest": "0" * 64})}
        known = SimpleNamespace(model="m", version="1", name="m@1", provenance={"results": {"rows": told}})
        monkeypatch.setattr(recall, "read_decided", lambda model, version: known)
    notes: list[str] = []
    monkeypatch.setattr(recall, "note", notes.append)
    _, rows, why = recall_version.fn("m", "1", tmp_path / "apart")
    assert rows is None
    assert notes == [f"m@1; {why}, so the source is read again"]
    found = pytest.raises(DataError, match=rf"there is no file 'm.csv'; it is read since its snapshot {said}$")
    with found, in_place_of_snapshot(why):
        raise DataError("there is no file 'm.csv'")
