"""Numbers as people print them: read where they can be told for sure, named where not."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data._written import as_written, decimals_shown, is_number
from evenhand.data.frames import Known
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError

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
        (["62.388,67 EUR", "5,00 EUR"], None, [62388.67, 5]),
        (["USD 36,401.34", "USD 7.00"], None, [36401.34, 7]),
        (["240.23-", "1,240.00"], None, [-240.23, 1240]),
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
        (["-5-", "6"], None),
        (["(-5)", "6"], None),
        (["INV 1,001.5", "INV 2"], None),
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
    assert as_written(texts(*groups), ",", asked=False) is None
    assert as_written(texts(*groups), None, asked=True) is not None
    amounts = [f"{each}.519" for each in range(1, N)] + ["950"]
    assert as_written(texts(*amounts), ",", asked=False).tolist() == [each * 1000.0 + 519 for each in range(1, N)] + [
        950
    ]
    assert as_written(texts(*amounts), None, asked=False) is None, "or thousandths"


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
    assert read_source(path=path, known=Known({"gross": "text"}))["gross"].iloc[1] == "$1,500.00 "


def test_other_columns_show_what_a_comma_means(tmp_path):
    path = loans(tmp_path / "a.csv", [f"${each + 1},500" for each in range(N)])
    assert read_source(path=path)["gross"].iloc[0] == 1500
    pd.read_csv(path).drop(columns="term").to_csv(path, index=False)
    assert read_source(path=path)["gross"].iloc[0] == "$1,500"
    assert read_source(path=path, numbers=["gross"], decimal=".")["gross"].iloc[0] == 1500
    assert read_source(path=path, numbers=["gross"], decimal=",")["gross"].iloc[0] == 1.5


def test_thousands_show_no_decimal_comma(tmp_path):
    path = german(tmp_path / "a.csv", gross=[f"{each + 1},500" for each in range(N)], paid=["0", "1"] * (N // 2))
    assert read_source(path=path)["gross"].iloc[0] == "1,500"
    assert read_source(path=path, decimal=",")["gross"].iloc[0] == 1.5


def german(path, **columns):
    lines = [";".join(columns), *(";".join(cells) for cells in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_columns_that_contradict_each_other_are_read_each_by_itself(tmp_path):
    income = [f"{each + 10}.388,67" for each in range(N)]
    path = german(tmp_path / "a.csv", income=income, time=[f"12.{each + 10}" for each in range(N)])
    frame = read_source(path=path)
    assert frame["income"].iloc[0] == 10388.67
    assert frame["time"].iloc[0] == 12.10


def test_a_batch_that_shows_no_decimals_is_read_as_the_first_data_were(tmp_path):
    path = german(tmp_path / "a.csv", income=["62.388", "78.262"], rate=["10 %", "16 %"])
    known = Known({"income": "number", "rate": "number"}, ",")
    assert read_source(path=path, known=known)["income"].tolist() == [62388, 78262]
    assert read_source(path=path, known=Known(known.kinds, "."))["income"].tolist() == [62.388, 78.262]
    own = german(tmp_path / "b.csv", income=["62388.5", "78262"], rate=["10 %", "16 %"])
    assert read_source(path=own, known=known)["income"].tolist() == [62388.5, 78262], "what the file shows counts first"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1,234", "5,678"], "its cells can be read as several numbers: say in decimal"),
        (["about 5", "7"], "1 of its cells are no numbers: correct them, or read it as text"),
    ],
)
def test_what_somebody_calls_numbers_and_is_none_is_refused(tmp_path, cells, told):
    path = german(tmp_path / "a.csv", income=cells, paid=["0", "1"])
    with pytest.raises(DataError, match=f"column 'income' is to be read as numbers, and {told}") as caught:
        read_source(path=path, numbers=["income"])
    assert "about 5" not in str(caught.value)


def test_what_shows_the_decimals():
    assert decimals_shown([["1,5"], ["7"]]) == {","}
    assert decimals_shown([["1,5"], ["0.8"]]) == {",", "."}
    assert decimals_shown([["62.388", "78.262"], ["1,234"], ["3.5.2020"], [""]]) == set()
    assert decimals_shown([["1.234.567"]]) == {","}
