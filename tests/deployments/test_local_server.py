"""The database of the local mode is the one that Prefect itself would have made."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys, asyncio
from pathlib import Path
from deployments.local_server import create_database
if sys.argv[2] == "ours":
    create_database(Path(sys.argv[1]) / "prefect.db")
else:
    from prefect.server.database import provide_database_interface
    asyncio.run(provide_database_interface().create_db())
"""


def schema(home: Path) -> dict[str, list[str]]:
    """Names of everything, with the lines of its definition in any order: foreign keys come in that of a set."""
    with sqlite3.connect(home / "prefect.db") as database:
        rows = database.execute("select type || ' ' || name, sql from sqlite_master").fetchall()
        version = database.execute("select version_num from alembic_version").fetchall()
    lines = {name: sorted(line.strip().rstrip(",") for line in (sql or "").splitlines()) for name, sql in rows}
    return {**lines, "version": [row[0] for row in version]}


@pytest.mark.e2e
def test_the_schema_is_prefects(tmp_path: Path) -> None:
    for side in ("ours", "theirs"):
        home = tmp_path / side
        home.mkdir()
        environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"}
        subprocess.run([sys.executable, "-c", SCRIPT, str(home), side], env=environment, check=True, timeout=200)
    ours, theirs = schema(tmp_path / "ours"), schema(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == set()
    assert not list((tmp_path / "ours").glob(".prefect.db*")), "no draft is left"


@pytest.mark.e2e
def test_of_two_first_servers_one_makes_the_database(tmp_path: Path) -> None:
    """Each made its own, and the second replaced the file that the first had open: malformed for good."""
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT_LOGGING_LEVEL": "ERROR"}
    script = SCRIPT + "print((Path(sys.argv[1]) / 'prefect.db').stat().st_ino)"
    command = [sys.executable, "-c", script, str(tmp_path), "ours"]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (one.communicate(timeout=300)[0].strip() for one in both)
    assert first == second == str((tmp_path / "prefect.db").stat().st_ino)
    with sqlite3.connect(tmp_path / "prefect.db") as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
