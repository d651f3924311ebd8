"""How addresses reach PostgreSQL's programs: with all that they ask for, and without a secret on the command line."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from deployments.backup_addresses import for_programs
from deployments.backup_places import Postgres, local_place
from evenhand.exceptions import DataError
from evenhand.home import sqlite_file


@pytest.mark.parametrize(
    ("address", "given", "password"),
    [
        ("postgresql://u:p@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require", "p"),
        ("postgresql+asyncpg://u:p@h/d?ssl=verify-full&timeout=9", "postgresql://u@h/d?sslmode=verify-full", "p"),
        ("postgresql://u:p@/d?host=/sock&port=5433", "postgresql://u@/d?host=%2Fsock&port=5433", "p"),
        ("postgresql://u:p@/d?host=a:1&host=b:2", "postgresql://u@/d?host=a%2Cb&port=1%2C2", "p"),
        ("postgres://u:a/b#c?d@h:5433/d%1", "postgresql://u@h:5433/d%251", "a/b#c?d"),
        ("postgresql://u%40x@[::1]:5433/d", "postgresql://u%40x@[::1]:5433/d", ""),
        ("postgresql://u@h/d?password=a+b%26", "postgresql://u@h/d", "a b&"),
    ],
)
def test_an_address_keeps_what_it_asks_for(address: str, given: str, password: str) -> None:
    assert for_programs(address, "EVENHAND_LEDGER") == (given, password)


@pytest.mark.parametrize("address", ["postgresql://u@h/d?sslpassword=secret-1", "postgresql:secret-1"])
def test_what_cannot_be_handed_on_is_refused_without_its_secret(address: str) -> None:
    with pytest.raises(DataError, match="EVENHAND_LEDGER") as caught:
        for_programs(address, "EVENHAND_LEDGER")
    assert "secret-1" not in str(caught.value)


def test_a_program_gets_the_password_by_its_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.words"\necho "$PGPASSWORD" >> "$0.password"\necho 1\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    place = Postgres(tmp_path / "service", {"evenhand": "postgresql://u:secret-1@h/d?sslmode=require"})
    assert place.rows("evenhand", "evenhand_ledger") == 1
    assert "sslmode=require" in (tmp_path / "psql.words").read_text()
    assert "secret-1" not in (tmp_path / "psql.words").read_text()
    assert set((tmp_path / "psql.password").read_text().split()) == {"secret-1"}


@pytest.mark.parametrize("address", ["sqlite:////srv/a%41.db", "sqlite:////srv/a.db?timeout=3", "sqlite:///a b.db"])
def test_a_file_is_the_one_that_sqlalchemy_opens(address: str) -> None:
    assert str(sqlite_file(address)) == make_url(address).database


def test_a_database_of_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="EVENHAND_LEDGER names no file"):
        local_place(tmp_path, {"EVENHAND_LEDGER": "sqlite://"})
