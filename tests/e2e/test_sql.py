"""A query against a real PostgreSQL: what slips past the reading of the statement is refused by the server."""

import psycopg
import pytest

from evenhand.data.sources import read_source
from evenhand.exceptions import DataError

from .postgres import postgres

pytestmark = [pytest.mark.e2e]


def test_one_statement_is_all_that_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction is read-only until the first COMMIT, so none may come with the query."""
    with postgres() as database, psycopg.connect(database.address(), autocommit=True) as connection:
        connection.execute("CREATE TABLE people (a int)")
        connection.execute("INSERT INTO people VALUES (1), (2)")
        assert read_source(sql="SELECT a FROM people ORDER BY a", url=database.address())["a"].tolist() == [1, 2]
        monkeypatch.setattr("evenhand.data._sql.check_select", lambda sql: sql)
        for sql in (
            r"SELECT a, E'\'' AS q FROM people; COMMIT; INSERT INTO people VALUES (99); --'",
            "SELECT a AS a$$ FROM people; COMMIT; DELETE FROM people; SELECT 1 AS b$$",
        ):
            with pytest.raises(DataError, match="cannot insert multiple commands"):
                read_source(sql=sql, url=database.address())
        assert connection.execute("SELECT a FROM people ORDER BY a").fetchall() == [(1,), (2,)]
