"""Codes in a CSV file stay text: as numbers, 01 and 1 would be one."""

import csv
import io
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data._records import scan_records
from evenhand.data.build import build_dataset
from evenhand.data.contract import Contract, contract_of
from evenhand.data.digest import key_digests
from evenhand.data.findings import find_text_numbers
from evenhand.data.frames import Known, as_numbers
from evenhand.data.inspect import inspect_frame
from evenhand.data.reading import known_kinds
from evenhand.data.sampling import read_sample
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import open_source, read_source
from evenhand.data.splits import split_dataset
from evenhand.decision.comparison import unseen_rows
from evenhand.exceptions import DataError


def column(tmp_path: Path, cells: list[str], **how) -> pd.Series:
    """The first column of a CSV file with these cells."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{cell},{n % 2}\n" for n, cell in enumerate(cells)), encoding="utf-8")
    return read_source(path=str(path), **how)["a"]


@pytest.mark.parametrize(
    "cells",
    [["01", "1", "001"], ["1", "007"], ['"007"', "7"], ["7", "", "07"], ["00", "0"], ["5", "007", "0.5"], ["1e5", "05"],
     ["9007199254740993", "", "1"], ["12345678901234567", "", "12345678901234568"], ["0" * 30 + "1", "1"]],
)  # fmt: skip
def test_codes_stay_as_they_are_written(tmp_path, cells):
    found = column(tmp_path, cells)
    assert found.dropna().tolist() == [cell.strip('"') for cell in cells if cell]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [(["0", "10"], [0, 10]), (["0.5", "00.7"], [0.5, 0.7]), (["+05", "-07"], [5, -7]), (["1e5", "2"], [1e5, 2.0]),
     (["9007199254740993", "1"], [2**53 + 1, 1]), (["1e300", "0.5"], [1e300, 0.5]),
     (["9007199254740992", ""], [2.0**53])],
)  # fmt: skip
def test_numbers_stay_numbers(tmp_path, cells, numbers):
    assert column(tmp_path, cells).dropna().tolist() == numbers


def test_a_late_row_decides_over_the_whole_file(tmp_path):
    assert column(tmp_path, [str(n) for n in range(300_000)] + ["007"]).dtype == "str"


def test_the_header_does_not_count(tmp_path):
    (tmp_path / "a.csv").write_text('\n"b\nc",01,02\nx,5,6\ny,7,8\n', encoding="utf-8")
    frame = read_source(path=str(tmp_path / "a.csv"))
    assert frame[["01", "02"]].to_numpy().tolist() == [[5, 6], [7, 8]]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [";", "\t", ", "])
def test_in_any_encoding_and_with_any_delimiter(tmp_path, encoding, delimiter):
    rows = [("name", "code", "n"), ("é", "7", "1"), ("b", "007", "0"), ("c", "", "10")]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    frame = read_source(path=str(tmp_path / "a.csv"))
    assert (frame["code"].tolist()[:2], frame["n"].tolist()) == (["7", "007"], [1, 0, 10])


CELLS = st.sampled_from(
    ["0", "7", "07", "00", "0.5", "", " 08", "09 ", "01/02", "a 01", "01 b", 'x"01"', "a\n01", "01\nb", "1,01"]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_leading_zeros_are_found_where_a_parser_finds_them(rows, chunk, quoted):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([["01", "b", "c"], *rows])
    with patch("evenhand.data._records._CHUNK", chunk):
        seen = scan_records(lambda: io.BytesIO(text.getvalue().encode()), ",")
    cells = pd.DataFrame(rows, dtype="str")
    sure = {at for at in cells if cells[at].str.fullmatch(r" *0[0-9]+ *").any()}
    words = {at for at in cells if cells[at].str.contains(r"[/a-z,]").any()}
    assert sure <= seen.padded <= sure | words


def test_a_batch_is_read_as_what_the_column_is_known_to_be(tmp_path):
    assert column(tmp_path, ["12", "7"], known=Known({"a": "text", "gone": "text"})).tolist() == ["12", "7"]
    assert column(tmp_path, ["012", "7"], known=Known({"a": "number"})).tolist() == [12, 7]
    assert column(tmp_path, ["012", "7"], known=Known({"a": "number"}), text=["a"]).tolist() == ["012", "7"]
    assert column(tmp_path, ["012", "7"], numbers=["a"]).tolist() == [12, 7]
    with pytest.raises(DataError, match="text column 'code' is no column of the data"):
        column(tmp_path, ["012"], text=["code"])


def test_in_parts_and_in_a_sample_too(tmp_path):
    column(tmp_path, ["12", "7"] * 60)
    source = {"path": str(tmp_path / "a.csv"), "known": Known({"a": "text"})}
    with open_source(**source) as parts:
        assert next(iter(parts.frames(["a"])))["a"].dtype == "str"
    frame, _ = read_sample(100, source=source, target="b", sensitive={})
    assert frame["a"].dtype == "str"


# The data of a model: a key, a code among the features, and a sensitive code.
def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    codes = pd.Series(rng.choice([7, 12, 40, 123, 456, 789], n)).astype("str")
    return pd.DataFrame(
        {
            "id": [f"{place:06d}" for place in range(n)],
            "zip": codes.str.zfill(3),
            "dist": np.where(np.arange(n) % 2, "007", "7"),
            "x": rng.normal(size=n),
            "paid": rng.integers(0, 2, n),
        }
    ).astype({"id": "str", "dist": "str"})


SENSITIVE = {"district": Sensitive(column="dist")}


def dataset(frame):
    return build_dataset(frame, target="paid", favorable_label=1, key="id", sensitive=SENSITIVE)


def test_a_csv_and_a_parquet_of_one_table_are_the_same_data(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    table().to_parquet(tmp_path / "a.parquet")
    text, typed = (dataset(read_source(path=str(tmp_path / f"a.{kind}"))) for kind in ("csv", "parquet"))
    assert text.digest == typed.digest
    assert (key_digests(text.key, "key") == key_digests(typed.key, "key")).all()
    assert (split_dataset(text).part == split_dataset(typed).part).all()
    assert text.sensitive_features["district"].value_counts().to_dict() == {"007": 200, "7": 200}


def test_one_key_with_a_letter_moves_no_row(tmp_path):
    first, later = table(), table().assign(id=lambda frame: frame["id"].where(frame.index < 399, "X00001"))
    parts = []
    for frame in (first, later):
        frame.to_csv(tmp_path / "a.csv", index=False)
        parts.append(split_dataset(dataset(read_source(path=str(tmp_path / "a.csv")))).part)
    assert (parts[0][:399] == parts[1][:399]).all()


def test_later_files_keep_the_contract_whatever_their_rows_look_like(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    contract = contract_of(dataset(read_source(path=str(tmp_path / "a.csv"))))
    known = known_kinds(Contract.from_dict(contract.to_dict()), SENSITIVE)
    assert known.kinds == {"dist": "text", "id": "text", "zip": "text", "x": "number", "paid": "number"}
    later = table().query("zip >= '1'").assign(id=lambda frame: frame["id"].astype(int) + 200_000)
    later.to_csv(tmp_path / "b.csv", index=False)
    rows = dataset(read_source(path=str(tmp_path / "b.csv"), known=known))
    assert not [problem for problem in contract.problems(rows) if "holds" in problem.message]
    assert rows.X["zip"].dtype == "str"


def test_a_contract_of_an_earlier_version_reads_what_it_was_made_from_as_it_was(tmp_path):
    """It had read numbers: the unchanged file keeps it, and its rows stay where they were."""
    as_then = table().astype({"id": int, "zip": int, "dist": int})
    contract = contract_of(dataset(as_then)).to_dict()
    del contract["codes"]
    known = known_kinds(Contract.from_dict(contract), SENSITIVE)
    table().to_csv(tmp_path / "a.csv", index=False)
    rows = dataset(read_source(path=str(tmp_path / "a.csv"), known=known))
    assert Contract.from_dict(contract).problems(rows) == ()
    assert rows.digest == dataset(as_then).digest


def test_bands_marks_and_a_cut_target_are_of_numbers():
    how = {
        "age": Sensitive(column="years", bins=(30,)),
        "race": Sensitive(indicators={"black": "is_black"}, otherwise="white"),
        "region": Sensitive(column="area", labels={"01": "north", "2": "south"}),
        "sex": Sensitive(column="male", labels={1: "male", 0: "female"}),
    }
    wanted = {"years": "number", "is_black": "number", "area": "text", "amount": "number"}
    assert known_kinds(None, how, number="amount").kinds == wanted


@pytest.mark.parametrize("key", ["id", None])
def test_rows_that_were_learned_from_as_numbers_are_known_when_they_come_as_codes(key):
    """A champion from before codes were text, and a challenger with a renewed contract."""
    as_then = table().astype({"id": int, "zip": int})
    old, new = (
        build_dataset(frame, target="paid", favorable_label=1, key=key, sensitive=SENSITIVE, exclude=exclude)
        for frame in (as_then, table())
        for exclude in ([[], ["id"]][key is None],)
    )
    assert not unseen_rows(new, [old]).any()
    assert not unseen_rows(old, [new]).any()
    assert unseen_rows(new.take(range(100)), [old.take(range(100, 400))]).all()


def test_text_becomes_the_number_that_it_reads_as():
    assert as_numbers(pd.Series(["0", "1.50", "nine", " 07"], dtype="str")).tolist() == [0, 1.5, "nine", 7]


def test_a_look_at_the_data_names_codes(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    frame = read_source(path=str(tmp_path / "a.csv"))
    seen = {each.name: each.codes for each in inspect_frame(frame).columns}
    assert seen == {"id": True, "zip": True, "dist": True, "x": False, "paid": False}
    (finding,) = find_text_numbers(dataset(frame))
    assert finding.column == "zip"
    assert finding.message.startswith("holds codes with leading zeros")
