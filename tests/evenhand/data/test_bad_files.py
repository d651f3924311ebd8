"""Files as they come: for each either one clear error, or a way of coping that is written down here.

Every file holds the name of a person in its rows, and no error may show it.
"""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand.data.build import Sensitive, build_dataset
from evenhand.data.findings import find_all
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.data.sources import read_source
from evenhand.data.splits import split_dataset
from evenhand.exceptions import DataError, EvenhandError

PERSON = "Zoe Quirk"


def people(n=60, **columns):
    base = {
        "name": [f"{PERSON} {i}" for i in range(n)],
        "income": [1000 + 7 * i for i in range(n)],
        "sex": ["female", "male", "male"] * (n // 3),
        "paid": ["no", "yes"] * (n // 2),
    }
    return pd.DataFrame({**base, **columns})


def text(frame=None, **options):
    return (people() if frame is None else frame).to_csv(index=False, **options)


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def duplicated_parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    table = pa.Table.from_pandas(people())
    pq.write_table(table.rename_columns(["name", "sex", "sex", "paid"]), buffer)
    return buffer.getvalue()


def excel():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", f"<c>{PERSON}</c>")
    return buffer.getvalue()


def load(path, source, build):
    frame = read_source(path=str(path), **source)
    options = {"target": "paid", "favorable_label": "yes", "sensitive": {"gender": Sensitive(column="sex")}}
    return build_dataset(frame, **{**options, **build})


@dataclass(frozen=True)
class Bad:
    """A file that cannot be used: what the error has to say."""

    content: Callable[[], str | bytes]
    says: str
    source: dict[str, Any] = field(default_factory=dict)
    build: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Coped:
    """A file that can be used: what becomes of it."""

    content: Callable[[], str | bytes]
    holds: Callable[[Any], bool]
    source: dict[str, Any] = field(default_factory=dict)
    build: dict[str, Any] = field(default_factory=dict)


def with_line(line, at=3, **options):
    lines = text(**options).splitlines()
    return "\n".join([*lines[:at], line, *lines[at:]])


def without_header(frame):
    return frame.to_csv(index=False, header=False)


BAD = {
    # --- no table at all
    "empty": Bad(lambda: b"", "is empty"),
    "only blanks": Bad(lambda: b" \n\n  \n", "is empty"),
    "only a mark": Bad(lambda: b"\xef\xbb\xbf", "is empty"),
    "only a header": Bad(lambda: "name,income,sex,paid\n", "a header and no rows"),
    "binary": Bad(lambda: bytes(range(256)) * 20, "is binary"),
    "binary without zeros": Bad(lambda: bytes(range(1, 32)) * 20 + PERSON.encode(), "is binary"),
    "Excel": Bad(excel, "Excel workbook: export"),
    "old Excel": Bad(lambda: b"\xd0\xcf\x11\xe0" + PERSON.encode() * 9, "old Excel workbook"),
    "PDF": Bad(lambda: b"%PDF-1.7\n" + PERSON.encode(), "a PDF"),
    "picture": Bad(lambda: b"\x89PNG\r\n\x1a\n" + PERSON.encode(), "a picture"),
    "pickle": Bad(lambda: pickle.dumps(people()), "a pickle"),
    "SQLite": Bad(lambda: b"SQLite format 3\x00" + PERSON.encode(), "an SQLite database .read it by sql and url"),
    "JSON": Bad(lambda: people().to_json(orient="records"), "JSON.*export"),
    "JSON object": Bad(lambda: json.dumps({"rows": [PERSON]}, indent=1), "JSON.*export"),
    "web page": Bad(lambda: f"<!DOCTYPE html>\n<html><body>{PERSON}, please log in</body></html>", "a web page"),
    "prose": Bad(lambda: f"Dear {PERSON}.\nHow do you do?\n", "one column with each of the delimiters"),
    "one column": Bad(lambda: "paid\n" + "yes\nno\n" * 30, "one column"),
    "Parquet cut off": Bad(lambda: parquet(people())[:-50], "damaged or cut off"),
    "Parquet by name only": Bad(text, "is no Parquet file: set format to 'csv'", {"format": "parquet"}),
    "Parquet as CSV": Bad(lambda: parquet(people()), "is a Parquet file: set format", {"format": "csv"}),
    "Parquet without rows": Bad(lambda: parquet(people().iloc[:0]), "columns and no rows: give at least one$"),
    "Parquet of lists": Bad(lambda: parquet(people(odd=[[PERSON]] * 60)), "'odd'.*values of type ndarray"),
    "gzip cut off": Bad(lambda: gzip.compress(text().encode() * 50)[:-200], "damaged or cut off"),
    "gzip of nothing": Bad(lambda: gzip.compress(b""), "is empty"),
    # --- delimiters, quotes and lines
    "wrong delimiter given": Bad(
        lambda: text(sep=";"), "',' does not occur in the header.*set delimiter to ';'", {"delimiter": ","}
    ),
    "delimiter of two": Bad(text, "';;' is not one character", {"delimiter": ";;"}),
    "delimiter a quote": Bad(text, "is not one character", {"delimiter": '"'}),
    "two delimiters fit": Bad(lambda: "a,paid;sex\n" + "1,yes;f\n2,no;m\n" * 20, "any of the delimiters ',', ';': set"),
    "delimited by spaces": Bad(lambda: "a paid sex\n" + "1 yes f\n2 no m\n" * 20, "one column.*set delimiter"),
    "one field more": Bad(
        lambda: with_line(f"{PERSON},1,male,yes,x"), "ragged: its header has 4 fields and 1 line has .*line 4 has 5"
    ),
    "one field less": Bad(lambda: with_line(f"{PERSON},1,male"), "ragged: .*line 4 has 3"),
    "all rows one field more": Bad(
        lambda: "income,sex,paid\n" + f"1,male,yes,{PERSON}\n2,female,no,{PERSON}\n" * 30,
        "header has 3 fields and 60 lines have .*line 2 has 4",
    ),
    "title above the header": Bad(lambda: f"Report by {PERSON}\n" + text(), "ragged: its header has 1 field"),
    "total below the rows": Bad(lambda: text() + "total,60\n", "ragged: .*line 62 has 2"),
    "unquoted delimiter in a cell": Bad(
        lambda: with_line(f"{PERSON}, Dr,1,male,yes"), "quote cells that hold the delimiter"
    ),
    "quote never closed": Bad(lambda: with_line(f'"{PERSON},1,male,yes', at=30), "never closed"),
    "stray quotes": Bad(lambda: b'"a,"b"\r\n"x\r\n","y"""\r\n', "stray quotation marks"),
    "a cell of two million": Bad(
        lambda: with_line('"' + PERSON * 200_000 + ",1,male,yes"), "more than 131072 characters.*never closed"
    ),
    # --- header
    "no header": Bad(lambda: without_header(people(age=40)), "has no header"),
    "no header, one number": Bad(lambda: without_header(people()), "has no header"),
    "header in the middle": Bad(lambda: text() + text(), "its header again in record 62"),
    "no header, all numbers": Bad(
        lambda: without_header(pd.DataFrame({"a": range(9), "b": [3.5] * 9, "paid": [1, 0, 1] * 3})), "has no header"
    ),
    "duplicated column": Bad(lambda: text().replace("income", "sex", 1), r"repeated: 'sex' \(columns 2, 3\)"),
    "duplicated but for blanks": Bad(lambda: text().replace("income", "sex ", 1), "repeated: 'sex'"),
    "duplicated in Parquet": Bad(duplicated_parquet, "repeated: 'sex'"),
    "target missing": Bad(
        lambda: text(people().rename(columns={"paid": "payed"})), "target 'paid' is no column.*did you mean 'payed'"
    ),
    "sensitive missing": Bad(
        lambda: text(people().drop(columns="sex")), "sensitive attribute 'gender': column 'sex' is no column"
    ),
    "target in other case": Bad(lambda: text(people().rename(columns={"paid": "PAID"})), "target 'paid' is no column"),
    # --- encodings
    "wrong encoding given": Bad(
        lambda: text(people(city="Zürich")).encode("latin-1"), "not written in utf-8 throughout", {"encoding": "utf-8"}
    ),
    "unknown encoding": Bad(text, "'utf-9' is unknown: did you mean 'utf-8'", {"encoding": "utf-9"}),
    "cut off UTF-16": Bad(lambda: text().encode("utf-16")[:-1], "not written in utf-16"),
    # --- target
    "one class": Bad(lambda: text(people(paid="yes")), "one class in all 60 rows"),
    "target all missing": Bad(lambda: text(people(paid=None)), "missing in all 60 rows"),
    "target sometimes missing": Bad(
        lambda: text(people(paid=["yes", None, "no"] * 20)), "missing in 20 of 60 rows.*drop_missing_target"
    ),
    "target of fractions": Bad(
        lambda: text(people(paid=np.linspace(0, 1, 60))), "holds fractions", build={"favorable_label": None}
    ),
    "target of names": Bad(
        lambda: text(people(300, paid=[f"{PERSON} {i}" for i in range(300)])),
        "300 different values",
        build={"favorable_label": None},
    ),
    "other favorable label": Bad(
        lambda: text(people(paid=["Yes", "noo"] * 30)),
        "choose one of",
        build={"favorable_label": "granted"},
    ),
    "a class of one row": Bad(lambda: text(people(paid=["yes", *["no"] * 59])), "no row of class 'yes'"),
    # --- numbers
    "infinite": Bad(lambda: text(people(rate=["inf", "1.5", "-inf"] * 20)), r"infinite values in 'rate' \(40 rows\)"),
    "too large for a float": Bad(
        lambda: text(people(rate=["1e999", "1.5"] * 30)), r"infinite values in 'rate' \(30 rows\)"
    ),
    "infinite in two columns": Bad(
        lambda: text(people(a=["inf", "1"] * 30, b=["1", "inf"] * 30)), r"'a' \(30 rows\), 'b' \(30 rows\)"
    ),
    "nothing but the target": Bad(lambda: text(people()[["sex", "paid"]]), "no feature is left"),
    "nothing but empty columns": Bad(
        lambda: text(people()[["sex", "paid"]].assign(a=None, b=None)), "no feature is left"
    ),
    "sensitive code without label": Bad(
        lambda: text(people(sex=["1", "2", "9"] * 20)),
        r"20 rows of column 'sex' hold 1 values without a label, among them '9' \(20 rows\)",
        build={"sensitive": {"gender": Sensitive(column="sex", labels={1: "male", 2: "female"})}},
    ),
}


def plain(data):
    """The table of :func:`people`, whatever the file looked like."""
    return data.X["income"].tolist() == people()["income"].tolist() and data.X["name"][0] == f"{PERSON} 0"


def odd_name(name):
    return Coped(
        lambda: text(people().rename(columns={"income": name})),
        lambda data: list(data.X.columns) == ["name", name.strip()] and data.X[name.strip()].dtype == "int64",
    )


def has(kind, column):
    return lambda data: (kind, column) in {(finding.kind, finding.column) for finding in find_all(data)}


COPED = {
    # --- delimiters and lines
    "semicolons": Coped(lambda: text(sep=";"), plain),
    "tabs": Coped(lambda: text(sep="\t"), plain),
    "bars": Coped(lambda: text(sep="|"), plain),
    "a delimiter of its own": Coped(lambda: text(sep="^"), plain, {"delimiter": "^"}),
    "spaces after commas": Coped(lambda: text().replace(",", ", "), lambda d: plain(d) and set(d.y) == {"no", "yes"}),
    "Windows line ends": Coped(lambda: text(lineterminator="\r\n"), plain),
    "old Mac line ends": Coped(lambda: text(lineterminator="\r"), plain),
    "no last line end": Coped(lambda: text().rstrip(), plain),
    "blank lines": Coped(lambda: "\n\n" + text().replace("\n", "\n\n"), plain),
    "quoted delimiters and lines": Coped(
        lambda: text(people(note='a, "b";\nc')), lambda d: plain(d) and set(d.X["note"]) == {'a, "b";\nc'}
    ),
    "a bare quote inside a cell": Coped(
        lambda: text().replace(f"{PERSON} 1,", f'{PERSON} 1" tall,'), lambda d: len(d) == 60
    ),
    "decimal commas": Coped(
        lambda: text(people(rate=[0.5, 1.25, 2.0] * 20), sep=";", decimal=","),
        lambda d: d.X["rate"].tolist()[:2] == [0.5, 1.25],
    ),
    "a cell of a hundred thousand": Coped(lambda: with_line(f"{PERSON * 10_000},1,male,yes"), lambda d: len(d) == 61),
    # --- encodings: found out
    "UTF-8 with a mark": Coped(
        lambda: text(people(city="Zürich")).encode("utf-8-sig"), lambda d: set(d.X["city"]) == {"Zürich"}
    ),
    "UTF-16": Coped(lambda: text(people(city="Zürich")).encode("utf-16"), lambda d: set(d.X["city"]) == {"Zürich"}),
    "UTF-16 without a mark": Coped(
        lambda: text(people(city="Zürich")).encode("utf-16-be"), lambda d: set(d.X["city"]) == {"Zürich"}
    ),
    "UTF-32": Coped(lambda: text(people(city="Zürich")).encode("utf-32"), lambda d: set(d.X["city"]) == {"Zürich"}),
    "Latin-1": Coped(lambda: text(people(city="Zürich")).encode("latin-1"), lambda d: set(d.X["city"]) == {"Zürich"}),
    "Windows-1252": Coped(
        lambda: text(people(city="Málaga, 5 €")).encode("cp1252"), lambda d: set(d.X["city"]) == {"Málaga, 5 €"}
    ),
    "Cyrillic of Windows": Coped(
        lambda: text(people(city="Нижний Новгород", street="улица Ленина")).encode("cp1251"),
        lambda d: set(d.X["city"]) == {"Нижний Новгород"},
    ),
    "Japanese": Coped(
        lambda: text(people(city="東京都千代田区", note="これは日本語の文章です")).encode("shift_jis"),
        lambda d: set(d.X["city"]) == {"東京都千代田区"},
    ),
    "an encoding given": Coped(
        lambda: text(people(city="Łódź")).encode("cp1250"),
        lambda d: set(d.X["city"]) == {"Łódź"},
        {"encoding": "cp1250"},
    ),
    "not ASCII only far behind": Coped(
        lambda: (text(people(30_000)) + "Zoë,1,male,yes\n").encode("latin-1"), lambda d: d.X["name"].iloc[-1] == "Zoë"
    ),
    # --- files
    "gzip": Coped(lambda: gzip.compress(text().encode()), plain),
    "Parquet": Coped(lambda: parquet(people()), plain),
    "Parquet with categories": Coped(lambda: parquet(people().astype("category")), plain),
    # --- names of columns
    "name with quotes": odd_name("in\"co'me"),
    "name with tags": odd_name("<script>alert(1)</script>"),
    "name like a formula": odd_name('=HYPERLINK("http://x","y")'),
    "name of emoji": odd_name("💰💰"),
    "name with path separators": odd_name("../../etc/passwd\\x"),
    "name with a line end": odd_name("in\ncome"),
    "name with braces": odd_name("{income!r} %s {{x}} $PATH"),
    "name with blanks around": odd_name("  income  "),
    "name of a thousand letters": odd_name("income " * 140),
    "name from right to left": odd_name("دخل"),
    "name of a Python word": odd_name("__class__"),
    "a column without a name": Coped(
        lambda: people().to_csv(index=True), lambda d: "unnamed_1" in d.X and has("identifier", "unnamed_1")(d)
    ),
    "numbers in a row as names": Coped(
        lambda: text(people().assign(**{"2019": 1.5, "2020": 2.5, "2021": 3.5})),
        lambda d: {"2019", "2020", "2021"} <= set(d.X),
    ),
    # --- values
    "a billion in one cell": Coped(
        lambda: text(people(income=[10**9, *range(59)])),
        lambda d: d.X["income"].dtype == "int64" and d.X["income"].max() == 10**9,
    ),
    "more than 64 bits": Coped(
        lambda: text(people(rate=["123456789012345678901234567890", "1"] * 30)), lambda d: len(d) == 60
    ),
    "ten thousand categories": Coped(
        lambda: text(people(12_000, city=[f"c{i % 10_000}" for i in range(12_000)])),
        lambda d: d.X["city"].nunique() == 10_000,
    ),
    "a column without values": Coped(
        lambda: text(people(gone=None)), lambda d: "gone" not in d.X and has("all_missing", "gone")(d)
    ),
    "a column with one value": Coped(lambda: text(people(one=1)), has("constant", "one")),
    "dates as text": Coped(
        lambda: text(people(since=pd.date_range("2024", periods=60).strftime("%d.%m.%Y"))), has("text_date", "since")
    ),
    "dates in Parquet": Coped(
        lambda: parquet(people(since=pd.date_range("2024", periods=60))), has("converted", "since")
    ),
    "the target twice": Coped(lambda: text(people(again=["n", "y"] * 30)), has("leakage", "again")),
    "the sensitive column twice": Coped(
        lambda: text(people(again=["f", "m", "m"] * 20)), has("restates_sensitive", "again")
    ),
    "a name in every row": Coped(text, has("identifier", "name")),
    "sensitive values missing": Coped(
        lambda: text(people(sex=["female", None, ""] * 20)),
        lambda d: d.sensitive_features["gender"].value_counts()["unknown"] == 40,
    ),
    "sensitive values all missing": Coped(
        lambda: text(people(sex=None)), lambda d: set(d.sensitive_features["gender"]) == {"unknown"}
    ),
    "values that are formulas": Coped(lambda: text(people(note="=1+1")), lambda d: set(d.X["note"]) == {"=1+1"}),
    "words for missing": Coped(
        lambda: text(people(rate=["NA", "", "n/a", "NaN", "null", "1.5"] * 10)),
        lambda d: d.X["rate"].isna().sum() == 50,
    ),
    "truth values with gaps": Coped(
        lambda: text(people(own=["True", "", "False"] * 20)), lambda d: d.X["own"].tolist()[::2][:2] == [1.0, 0.0]
    ),
    "a word among numbers": Coped(
        lambda: text(people(rate=["1.5"] * 59 + ["unknown"])),
        has("text_number", "rate"),
    ),
    "a value that is its column's name": Coped(
        lambda: text(people(male=["male", "female"] * 30)), lambda d: set(d.X["male"]) == {"male", "female"}
    ),
    "numbers among words": Coped(
        lambda: text(people(size=["1", "two", "3.0"] * 20)), lambda d: set(d.X["size"]) == {"1", "two", "3.0"}
    ),
    "targets dropped on request": Coped(
        lambda: text(people(paid=["yes", None, "no"] * 20)),
        has("dropped_rows", "paid"),
        build={"drop_missing_target": True},
    ),
    "target of 1.0 and 0.0": Coped(
        lambda: text(people(paid=[1.0, 0.0] * 30)),
        lambda d: (d.y.dtype, d.favorable_label) == ("int64", 1),
        build={"favorable_label": "1"},
    ),
    "target of truth values": Coped(
        lambda: text(people(paid=[True, False] * 30)),
        lambda d: d.favorable_label is True,
        build={"favorable_label": "true"},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case, tmp_path):
    bad = BAD[case]
    path = write(tmp_path, bad.content())
    with pytest.raises(EvenhandError, match=f"(?s){bad.says}") as error:
        split_dataset(load(path, bad.source, bad.build))
    message = str(error.value)
    assert PERSON not in message
    assert "\n" not in message
    assert len(message) < 600
    assert error.value.exit_code == 2


@pytest.mark.parametrize("case", COPED)
def test_documented_coping(case, tmp_path):
    coped = COPED[case]
    data = load(write(tmp_path, coped.content()), coped.source, coped.build)
    assert coped.holds(data)
    write_dataset(data, tmp_path / "snapshot.parquet")
    back = read_dataset(tmp_path / "snapshot.parquet")
    pd.testing.assert_frame_equal(back.X, data.X)
    assert PERSON not in " ".join(finding.message for finding in find_all(data))


def write(folder, content):
    path = folder / "people.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


FORMS = [
    lambda: text().encode(),
    lambda: text(people(city="Zürich"), sep=";").encode("latin-1"),
    lambda: text().encode("utf-16"),
    lambda: parquet(people()),
    lambda: gzip.compress(text().encode()),
    lambda: b'"a","b"\r\n"x\r\n","y"""\r\n',
]
PIECES = [b'"', b",", b"\n", b"\r", b"\x00", b"inf", b"\xff", b'""', b"\n\n", b"1e999", b"\xe2\x80\xa8", b"\x1a"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(FORMS),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 50), st.sampled_from(PIECES) | st.binary(max_size=3)), max_size=6
    ),
)
def test_damage_of_any_kind_is_an_error_of_ours_or_none(form, edits, tmp_path):
    content = form()
    for share, cut, piece in edits:
        at = int(share * len(content))
        content = content[:at] + piece + content[at + cut :]
    try:
        load(write(tmp_path, content), {}, {"favorable_label": None})
    except EvenhandError as error:
        assert PERSON not in str(error)  # noqa: PT017  most damage is survived, so pytest.raises does not fit


def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path, text())
    with pytest.raises(DataError, match=r"did you mean 'people\.csv'"):
        read_source(path=str(tmp_path / "poeple.csv"))


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"its folder .* does not exist"):
        read_source(path=str(tmp_path / "none" / "people.csv"))


def test_folder_instead_of_file(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_source(path=str(tmp_path))


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000])
def test_impossible_names_of_files(name):
    with pytest.raises(DataError, match=r"no possible name|there is no file"):
        read_source(path=name)


def test_there_are_enough_cases():
    assert len(BAD) + len(COPED) >= 100
