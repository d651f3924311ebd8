"""What a backup refuses, and that a refusal changes nothing; the real services are in tests/e2e."""

import json
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from deployments.backup import back_up, restore
from deployments.backup_places import Files, Postgres, local_place
from deployments.cli_backup import back_up_service
from deployments.folder_lock import occupied
from evenhand.exceptions import DataError, ServiceError
from tasks.ledger.schema import TABLE


def service(folder: Path, runs: int) -> Files:
    """A service's folder with so many runs and a card for each."""
    (folder / "prefect").mkdir(parents=True)
    for path, table in ((folder / "prefect/prefect.db", "flow_run"), (folder / "mlflow.db", "runs")):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(f"CREATE TABLE {table} (id INTEGER)")
            database.executemany(f"INSERT INTO {table} VALUES (?)", [(run,) for run in range(runs)])
    for run in range(runs):
        card = folder / f"mlflow-artifacts/{run}/card.html"
        card.parent.mkdir(parents=True)
        card.write_text(f"card of {run}")
    return Files(folder)


def cards(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("mlflow-artifacts/*/card.html"))


def flow_runs(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "prefect/prefect.db")) as database:
        return int(database.execute("SELECT count(*) FROM flow_run").fetchone()[0])


def test_everything_comes_back(tmp_path: Path) -> None:
    place = service(tmp_path / "old", runs=3)
    manifest = back_up(place, tmp_path / "kept" / "backup.tar")
    assert manifest["runs"] == 3
    new = Files(tmp_path / "new")
    restore(new, tmp_path / "kept" / "backup.tar")
    assert new.rows("mlflow", "runs") == flow_runs(tmp_path / "new") == 3
    assert cards(tmp_path / "new") == ["card of 0", "card of 1", "card of 2"]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["backup.tar"], "nothing half-made is left"


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=1), tmp_path / "backup.tar")
    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600
    restore(Files(tmp_path / "home" / "service"), tmp_path / "backup.tar")
    for folder in (tmp_path / "home", tmp_path / "home" / "service"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "the ledger lies in one, the rest in the other"


def test_rows_that_are_only_in_the_journal_are_in_the_backup(tmp_path: Path) -> None:
    place = service(tmp_path / "old", runs=1)
    with closing(sqlite3.connect(tmp_path / "old/mlflow.db")) as open_elsewhere:
        open_elsewhere.execute("PRAGMA wal_autocheckpoint=0")
        open_elsewhere.execute("INSERT INTO runs VALUES (7)")
        open_elsewhere.commit()
        assert back_up(place, tmp_path / "backup.tar")["runs"] == 2
    new = Files(tmp_path / "new")
    restore(new, tmp_path / "backup.tar")
    assert new.rows("mlflow", "runs") == 2


def test_another_backup_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_text("precious")
    with pytest.raises(DataError, match="exists"):
        back_up(service(tmp_path / "old", runs=1), tmp_path / "backup.tar")
    assert (tmp_path / "backup.tar").read_text() == "precious"


def test_runs_that_are_there_are_not_overwritten_unless_asked(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    other = service(tmp_path / "other", runs=5)
    with pytest.raises(DataError, match=r"5 runs .*--replace"):
        restore(other, tmp_path / "backup.tar")
    assert other.rows("mlflow", "runs") == 5
    restore(other, tmp_path / "backup.tar", replace=True)
    assert other.rows("mlflow", "runs") == 2


def test_a_ledger_that_is_there_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    """Decisions of runs without servers stand in it too: their runs are none of the service's."""
    back_up(service(tmp_path / "old" / "service", runs=0), tmp_path / "backup.tar")
    (tmp_path / "home").mkdir()
    with closing(sqlite3.connect(tmp_path / "home" / "ledger.db")) as database, database:
        database.execute(f"CREATE TABLE {TABLE.name} (sequence INTEGER)")
        database.execute(f"INSERT INTO {TABLE.name} VALUES (1)")
    home = Files(tmp_path / "home" / "service")
    with pytest.raises(DataError, match=r"1 records in its ledger .*--replace"):
        restore(home, tmp_path / "backup.tar")
    assert home.rows("evenhand", TABLE.name) == 1
    restore(home, tmp_path / "backup.tar", replace=True)
    assert home.rows("evenhand", TABLE.name) == 0


@pytest.mark.parametrize("named", [Path.as_uri, str])
def test_artifacts_in_another_folder_are_in_the_backup(named: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "arts").mkdir()
    (service(tmp_path / "home" / "service", runs=2)._folder / "mlflow-artifacts").rename(tmp_path / "arts" / "kept")
    place = local_place(tmp_path / "home", {"MLFLOW_ARTIFACTS_DESTINATION": named(tmp_path / "arts" / "kept")})
    back_up(place, tmp_path / "backup.tar")
    restore(Files(tmp_path / "new"), tmp_path / "backup.tar")
    assert cards(tmp_path / "new") == ["card of 0", "card of 1"]
    assert place.elsewhere == ""


def test_a_ledger_in_another_place_is_in_the_backup(tmp_path: Path) -> None:
    service(tmp_path / "home" / "service", runs=1)
    with closing(sqlite3.connect(tmp_path / "other.db")) as database, database:
        database.execute(f"CREATE TABLE {TABLE.name} (sequence INTEGER)")
        database.execute(f"INSERT INTO {TABLE.name} VALUES (1)")
    place = local_place(tmp_path / "home", {"EVENHAND_LEDGER": f"sqlite:///{tmp_path}/other.db"})
    back_up(place, tmp_path / "backup.tar")
    new = Files(tmp_path / "new" / "service")
    restore(new, tmp_path / "backup.tar")
    assert new.rows("evenhand", TABLE.name) == 1


def test_artifacts_in_an_object_store_are_said_to_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service(tmp_path / "service", runs=2)
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "s3://bucket/mlflow")
    assert back_up_service(tmp_path / "backup.tar", compose=False) == 0
    assert "without the artifacts in s3://bucket/mlflow" in capsys.readouterr().out


def damage(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Rewrite a backup with parts changed."""
    with tarfile.open(path) as whole:
        parts = {member.name: whole.extractfile(member).read() for member in whole}  # type: ignore[union-attr]
    change(parts)
    with tarfile.open(path, "w") as whole:
        for name, content in parts.items():
            part = path.parent / "part"
            part.write_bytes(content)
            whole.add(part, arcname=name)


def flip(parts: dict[str, bytes]) -> None:
    parts["mlflow"] = parts["mlflow"][:-1] + bytes([parts["mlflow"][-1] ^ 1])


def newer(parts: dict[str, bytes]) -> None:
    parts["evenhand-backup.json"] = json.dumps({**json.loads(parts["evenhand-backup.json"]), "format": 9}).encode()


def of_postgresql(parts: dict[str, bytes]) -> None:
    about = {**json.loads(parts["evenhand-backup.json"]), "kind": "postgresql"}
    parts["evenhand-backup.json"] = json.dumps(about).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (flip, "damaged: mlflow"),
        (lambda parts: parts.pop("artifacts.tar"), "no backup"),
        (newer, "format 9"),
        (of_postgresql, "on postgresql, and this one is on sqlite"),
    ],
)
def test_a_file_that_is_not_what_was_written_changes_nothing(
    change: Callable[[dict[str, bytes]], None], said: str, tmp_path: Path
) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    damage(tmp_path / "backup.tar", change)
    with pytest.raises(DataError, match=said):
        restore(Files(tmp_path / "new"), tmp_path / "backup.tar", replace=True)
    assert not (tmp_path / "new").exists()


def test_any_other_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a backup")
    with pytest.raises(DataError, match=r"notes\.txt is no backup"):
        restore(Files(tmp_path / "new"), tmp_path / "notes.txt")


def foreign_tar(path: Path) -> None:
    with tarfile.open(path, "w") as whole:
        whole.add(Path(__file__), arcname="test.py")


def cut_off(path: Path) -> None:
    back_up(service(path.parent / "old", runs=2), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_manifest(path: Path) -> None:
    back_up(service(path.parent / "old", runs=2), path)
    damage(path, lambda parts: parts.update({"evenhand-backup.json": b"[1]"}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _path: None, "is not there"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_text("not a backup"), "is no backup of Evenhand"),
        (lambda path: path.write_bytes(b""), "is no backup of Evenhand"),
        (foreign_tar, "is no backup of Evenhand"),
        (cut_off, "is cut off"),
        (other_manifest, "is no backup of Evenhand"),
    ],
)
def test_a_refusal_is_one_line_with_what_to_do(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.tar"
    make(path)
    with pytest.raises(DataError, match=said) as caught:
        restore(Files(tmp_path / "new"), path)
    assert str(caught.value).startswith(str(path))
    assert "`evenhand backup`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Errno" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_backup_in_no_folder_is_not_there_either(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there: name a file"):
        restore(Files(tmp_path / "new"), tmp_path / "nowhere" / "backup.tar")


def test_a_service_that_runs_is_not_restored_into(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=1), tmp_path / "backup.tar")
    (tmp_path / "new").mkdir()
    with occupied(tmp_path / "new"), pytest.raises(ServiceError, match="running"):
        restore(Files(tmp_path / "new"), tmp_path / "backup.tar")


def test_a_home_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=1), tmp_path / "backup.tar")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written to .*EVENHAND_HOME"):
        restore(Files(tmp_path / "file" / "service"), tmp_path / "backup.tar")


def test_a_service_that_never_was_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="evenhand up"):
        back_up(Files(tmp_path / "none"), tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_half_a_service_on_postgresql_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the database of mlflow is on PostgreSQL and that of prefect, evenhand is not"):
        local_place(tmp_path, {"MLFLOW_BACKEND_STORE_URI": "postgresql://mlflow@db/mlflow"})


class Broken(Files):
    """A service whose ledger answers, and cannot be written."""

    def load(self, database: str, path: Path) -> None:
        if database == "evenhand":
            raise ServiceError("the server went away")
        super().load(database, path)


def test_a_restore_that_fails_in_the_middle_says_what_is_restored(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    with pytest.raises(ServiceError, match="the server went away") as caught:
        restore(Broken(tmp_path / "new"), tmp_path / "backup.tar")
    assert "restored until then: artifacts, database prefect, database mlflow; not" in str(caught.value)
    assert "not restored: database evenhand. Remove the cause, and restore again with --replace" in str(caught.value)


def test_replaced_artifacts_go_once_the_new_ones_are_there(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    there = service(tmp_path / "there", runs=5)._folder
    (there / "mlflow-artifacts" / "zz").mkdir()
    (there / "mlflow-artifacts" / "zz" / "old.txt").touch()
    with pytest.raises(ServiceError, match="not restored: database evenhand, the replaced artifacts' removal"):
        restore(Broken(there), tmp_path / "backup.tar", replace=True)
    assert len(cards(there)) == 5, "nothing is removed before the databases are there"
    restore(Files(there), tmp_path / "backup.tar", replace=True)
    assert cards(there) == ["card of 0", "card of 1"]
    assert sorted(path.name for path in (there / "mlflow-artifacts").iterdir()) == ["0", "1"]


def test_of_a_folder_that_the_user_named_only_experiments_go(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    (service(tmp_path / "home" / "service", runs=5)._folder / "mlflow-artifacts").rename(tmp_path / "shared")
    (tmp_path / "shared" / "thesis.txt").touch()
    place = local_place(tmp_path / "home", {"MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "shared")})
    restore(place, tmp_path / "backup.tar", replace=True)
    assert sorted(path.name for path in (tmp_path / "shared").iterdir()) == ["0", "1", "thesis.txt"]


def test_no_database_changes_before_all_have_answered(tmp_path: Path) -> None:
    back_up(service(tmp_path / "old", runs=2), tmp_path / "backup.tar")
    there = service(tmp_path / "there", runs=5)._folder
    (tmp_path / "folder").mkdir()
    place = Files(there, files={"evenhand": tmp_path / "folder"})
    with pytest.raises(DataError, match=r"folder cannot be written to: .* database of evenhand"):
        restore(place, tmp_path / "backup.tar", replace=True)
    assert Files(there).rows("mlflow", "runs") == flow_runs(there) == len(cards(there)) == 5


def test_a_database_of_postgresql_is_emptied_and_filled_in_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tmp_path / "words"
    for name, said in (("psql", "echo t"), ("pg_restore", 'touch "${2#--file=}"')):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $@" >> {words}\n{said}\n')
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    place = Postgres(tmp_path, {"mlflow": "postgresql://u@h/d"})
    place.load("mlflow", tmp_path / "mlflow")
    asked = [line for line in words.read_text().splitlines() if line.startswith("psql")]
    assert len(asked) == 1
    assert "--single-transaction" in asked[0]
    assert asked[0].index("DROP SCHEMA") < asked[0].index("--file=")
