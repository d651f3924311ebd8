"""The disk of the local mode is full, under the store and both services at once: what docs/reliability.md promises."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import HELD, Home
from .test_faults import forget, small_disk, wait_for
from .test_kill import drafting
from .test_train import Trained

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
AT_ONCE = 120  # seconds; it takes five on a machine that does nothing else, and took four hundred
RAW = ("Traceback", "defect", "Error logging", "sqlalche", "does not answer")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for a home."""
    with small_disk(tmp_path / "disk", 64):
        yield tmp_path / "disk"


def fill(disk: Path, *, free: int = 0) -> Path:
    """Write until so many bytes are left; what is written."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as stream:
            while (left := shutil.disk_usage(disk).free - free) > 0:
                stream.write(b"x" * min(left, 2**20))
    except OSError:
        assert not free
    return filler


def start(home: Home, log: Path) -> subprocess.Popen[str]:
    """A training whose output lies on a disk that has room."""
    with log.open("w") as stream:
        return subprocess.Popen(
            home.train(), env=home.environment, stdout=stream, stderr=stream, text=True, cwd=home.folder.parent
        )


def statuses(home: Home) -> list[str]:
    """Of MLflow's runs, without child runs; its own client would keep the file open, and the disk mounted."""
    query = "select status from runs where run_uuid not in (select run_uuid from tags where key = 'mlflow.parentRunId')"
    with closing(sqlite3.connect(home.folder / "mlflow.db")) as database:
        return [row[0] for row in database.execute(query)]


@pytest.mark.parametrize("ended", ["by-itself", "by-sigterm"])
def test_the_disk_is_full_under_everything(trained: Trained, disk: Path, tmp_path: Path, ended: str) -> None:
    home, log = Home(disk / "home"), tmp_path / "out.log"
    (home.folder / "prefect").mkdir(parents=True)
    shutil.copyfile(trained[0].folder / "prefect" / "prefect.db", home.folder / "prefect" / "prefect.db")
    subprocess.run(["cp", "-a", trained[0].folder / "store", home.folder / "store"], check=True)
    forget(home, "explain")
    child = start(home, log)
    (home.folder / "out.log").symlink_to(log)
    wait_for(lambda: drafting("explain")(home), child, home)
    filler = fill(disk)
    if ended == "by-sigterm":
        child.send_signal(signal.SIGTERM)
    code = child.wait(timeout=AT_ONCE)
    told = log.read_text()
    # Which of the two is told depends on whether what ends the run still finds room to be noted.
    assert code in ((1,) if ended == "by-itself" else (1, 128 + signal.SIGTERM)), told
    if code == 1:
        assert f"the disk is full where {disk}" in told
    assert not [word for word in RAW if word in told], told
    filler.unlink()

    done = home.run(home.train())

    assert done.returncode == HELD, done.stdout + done.stderr
    if code == 1:
        assert statuses(home) == ["FINISHED"], "the same run went on"


def test_the_disk_is_full_at_the_first_start(disk: Path) -> None:
    home = Home(disk / "home")
    filler = fill(disk, free=1_000_000)
    began = time.monotonic()
    full = home.run(home.train())
    assert time.monotonic() - began < AT_ONCE
    assert full.returncode == 1, full.stdout + full.stderr
    assert f"the disk is full where {disk}" in full.stderr
    assert not [word for word in RAW if word in full.stderr], full.stderr
    os.truncate(filler, 0)

    done = home.run(home.train())

    assert done.returncode == HELD, done.stdout + done.stderr
    assert not list((home.folder / "outbox").iterdir()), "MLflow has every record"
