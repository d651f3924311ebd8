"""Numbers as people print them: read where they can be told for sure, named where not."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data._written import as_written, is_number
from evenhand.data.sources import read_source

N = 40


def texts(*cells):
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("cells", "decimal", "numbers"),
    [
        (["$60,000.00 ", "$1,234.00 "], None, [60000, 1234]),
        (["1.500,20", "3,1"], None, [1500.2, 3.1]),
        (["1,234", "1,5"], None, [1.234, 1.5]),
        (["1,234", "1,234,567"], None, [1234, 1234567]),
        (["0,847", "1,200"], None, [0.847, 1.2]),
        (["13.56%", " 7%"], None, [13.56, 7]),
        (["R$ 1.234,56", "R$ -5"], None, [1234.56, -5]),
        (["1 234,5", "1\u202f234\u202f567,5"], None, [1234.5, 1234567.5]),
        (["1'234.50", "12"], None, [1234.5, 12]),
        (["-$5", "$-6", "($7)", "\u2212$8"], None, [-5, -6, -7, -8]),
        (["$1,234", "$999"], ".", [1234, 999]),
        (["1,234", "5,678"], ",", [1.234, 5.678]),
    ],
)
def test_printed_numbers(cells, decimal, numbers):
    assert as_written(texts(*cells), decimal, asked=True).tolist() == numbers


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["1,234", "5,678"], None),  # thousands or thousandths
        (["$1,234", "$999"], None),
        (["1.500,20", "3,1"], "."),
        (["$5", "€5"], None),
        (["$5", "5"], None),
        (["5%", "unknown"], None),
        (["12,34,567.5", "1"], None),
        (["1,23.5", "1"], None),
        (["($5", "$6"], None),
        (["$5$", "$6$"], None),
        (["--5", "6"], None),
        (["1.2.3", "2.3.4"], None),
        (["A1", "A2"], None),
        (["", " "], None),
        ([None, None], None),
    ],
)
def test_what_is_not_sure_stays_text(cells, decimal):
    assert as_written(texts(*cells), decimal, asked=True) is None


def test_nobody_asked():
    percentages = [f"{each}%" for each in range(N)]
    groups = [f"{each}.000.000" for each in range(100, 100 + N)]
    assert as_written(texts(*percentages), None, asked=False).tolist() == list(range(N))
    assert as_written(texts(*percentages[:20] * 2), None, asked=False) is None, "few values are categories"
    assert as_written(texts(*groups), None, asked=False) is None, "whole numbers without a sign may be codes"
    assert as_written(texts(*groups), None, asked=True) is not None


@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1),
    st.sampled_from([(",", "."), (".", ","), ("'", "."), (" ", ","), ("", ".")]),
    st.sampled_from(["", "$", "€", "%"]),
)
def test_any_number_that_is_printed_is_read_back(numbers, marks, sign):
    thousands, decimal = marks
    swap = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{'-' if number < 0 else ''}{sign}{abs(number):,}".translate(swap) for number in numbers]
    read = as_written(texts(*cells), decimal, asked=True)
    assert read.tolist() == [float(number) for number in numbers]
    unsure = as_written(texts(*cells), None, asked=True)
    assert unsure is None or unsure.tolist() == read.tolist()


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_none(text):
    if is_number(text):
        assert any(letter.isdigit() for letter in text)
    as_written(texts(text), None, asked=True)


def loans(path, printed):
    frame = pd.DataFrame(
        {"gross": printed, "term": [f"{each / 8:.3f}" for each in range(N)], "paid": [0, 1] * (N // 2)}
    )
    frame.to_csv(path, index=False)
    return str(path)


def test_a_file_of_printed_numbers(tmp_path):
    path = loans(tmp_path / "a.csv", [f"${each * 1500:,}.00 " for each in range(N)])
    assert read_source(path=path)["gross"].tolist() == [each * 1500.0 for each in range(N)]
    assert read_source(path=path, text=["gross"])["gross"].iloc[1] == "$1,500.00 "
    assert read_source(path=path, known={"gross": "text"})["gross"].iloc[1] == "$1,500.00 "


def test_other_columns_show_what_a_comma_means(tmp_path):
    path = loans(tmp_path / "a.csv", [f"${each + 1},500" for each in range(N)])
    assert read_source(path=path)["gross"].iloc[0] == 1500
    pd.read_csv(path).drop(columns="term").to_csv(path, index=False)
    assert read_source(path=path, numbers=["gross"])["gross"].iloc[0] == "$1,500"
    assert read_source(path=path, numbers=["gross"], decimal=".")["gross"].iloc[0] == 1500
    assert read_source(path=path, numbers=["gross"], decimal=",")["gross"].iloc[0] == 1.5


def test_thousands_show_no_decimal_comma(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"gross": [f"{each + 1},500" for each in range(N)], "paid": [0, 1] * (N // 2)}).to_csv(
        path, index=False, sep=";"
    )
    assert read_source(path=str(path))["gross"].iloc[0] == "1,500"
    assert read_source(path=str(path), decimal=",")["gross"].iloc[0] == 1.5
