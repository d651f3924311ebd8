"""The ledger's table on a real PostgreSQL, made by the container and by Evenhand, and what its owner takes away."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import psycopg
import pytest

import tasks.ledger as kept
from deployments.cli import run
from evenhand.decision.ledger import LedgerError
from tasks.ledger import table

from .conftest import ROOT
from .postgres import Postgres, postgres

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Execute = Callable[[str], None]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an MLflow store without a model, made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('versions') / 'mlflow.db'}"


@pytest.fixture(params=["ours", "container"])
def execute(
    request: pytest.FixtureRequest, database: Postgres, versions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Execute]:
    """A ledger with one record; and what the owner of its table does."""
    monkeypatch.setenv("EVENHAND_LEDGER", database.address("evenhand"))
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", versions)
    mlflow.set_tracking_uri(versions)
    table._engine.cache_clear()
    owner = database.address("postgres").rpartition("/")[0] + "/evenhand"
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("GRANT USAGE, CREATE ON SCHEMA public TO evenhand")
        if request.param == "container":
            script = (ROOT / "deployments" / "postgres" / "databases.sql").read_text(encoding="utf-8")
            connection.execute(script[script.index("CREATE TABLE evenhand_ledger") :].encode())
        kept.append("look", "loans", {"look": 1})
        yield lambda statement: connection.execute(statement.encode()) and None
        table._engine(database.address("evenhand")).dispose()
        connection.execute("DROP TABLE evenhand_ledger")
        connection.execute("DROP FUNCTION evenhand_ledger_only_grows CASCADE")


TRIGGER, FUNCTION = "evenhand_ledger_no_change", "evenhand_ledger_only_grows()"
DAMAGE = {
    "gone": (f"DROP TRIGGER {TRIGGER} ON evenhand_ledger", f"trigger {TRIGGER}, .* is gone"),
    "off": ("ALTER TABLE evenhand_ledger DISABLE TRIGGER ALL", "trigger .* is switched off"),
    "replica": (f"ALTER TABLE evenhand_ledger ENABLE REPLICA TRIGGER {TRIGGER}", "trigger .* is switched off"),
    "fewer": (
        f"CREATE OR REPLACE TRIGGER {TRIGGER} BEFORE UPDATE ON evenhand_ledger EXECUTE FUNCTION {FUNCTION}",
        "trigger .* was altered",
    ),
    "function": (
        f"CREATE OR REPLACE FUNCTION {FUNCTION} RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        r"calls evenhand_ledger_only_grows\(\), which was altered",
    ),
    "key": ("ALTER TABLE evenhand_ledger DROP CONSTRAINT evenhand_ledger_pkey", "column sequence may hold .* twice"),
    "unique": (
        "ALTER TABLE evenhand_ledger DROP CONSTRAINT evenhand_ledger_previous_key",
        "column previous may hold a value twice",
    ),
    "empty": ("ALTER TABLE evenhand_ledger ALTER COLUMN body DROP NOT NULL", "column body may be empty"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_guards_the_table_is_named_when_it_is_gone(execute: Execute, damage: str) -> None:
    statement, said = DAMAGE[damage]
    assert kept.faults() == ()
    execute(statement)
    [found] = kept.faults()
    assert (found.kind, found.sequence) == ("unguarded", 0)
    assert re.search(said, found.message)
    execute(found.message.partition("put it back: ")[2])
    assert kept.faults() == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "ALTER TABLE evenhand_ledger RENAME COLUMN kind TO sort",
            "a column sort in the place of kind",
        ),
        ("ALTER TABLE evenhand_ledger DROP COLUMN body", "has no column body any more: restore the ledger"),
    ],
)
def test_a_column_that_is_gone_is_no_silence_of_the_server(
    execute: Execute, statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(statement)
    with pytest.raises(LedgerError, match=said):
        kept.records()
    assert run(["ledger", "verify"]) == LedgerError.exit_code
    assert said in capsys.readouterr().err


def test_a_text_that_became_something_else_is_named(execute: Execute) -> None:
    execute("ALTER TABLE evenhand_ledger ALTER COLUMN body TYPE jsonb USING body::jsonb")
    assert {(fault.kind, fault.sequence) for fault in kept.faults()} == {("edited", 1), ("unguarded", 0)}
