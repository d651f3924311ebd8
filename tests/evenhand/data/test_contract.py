"""A contract lists every violation with counts, and shows nobody."""

import json

import numpy as np
import pandas as pd
import pytest

from evenhand.data.build import build_dataset
from evenhand.data.contract import Contract, contract_of, infer_contract
from evenhand.data.dataset import Dataset
from evenhand.data.sensitive import Sensitive
from evenhand.data.splits import split_dataset
from evenhand.exceptions import ContractError, DataError

from .conftest import make_dataset


def first(n=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "age": rng.integers(20, 60, n),
            "ratio": rng.random(n),
            "flag": rng.integers(0, 2, n),
            "known": rng.random(n) < 0.5,
            "city": rng.choice(["Ulm", "Graz", "Bern"], n),
            "note": [f"person {i}" for i in range(n)],
            "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.random(n)),
            "sex": rng.choice(["female", "male"], n),
            "paid": rng.choice(["no", "yes"], n),
        }
    )


@pytest.fixture
def contract():
    return infer_contract(first(), target="paid", key="id", sensitive=["sex"])


def found(contract, frame):
    return {problem.where: problem.message for problem in contract.problems(frame)}


def test_the_first_data_keep_it(contract):
    frame = first()
    before = frame.copy(deep=True)
    contract.check(frame)
    pd.testing.assert_frame_equal(frame, before)
    contract.check(frame.iloc[::-1])


CASES = {
    "missing": (lambda f: f.drop(columns="age"), "age", "the column is missing"),
    "extra": (lambda f: f.assign(more=1), "more", "not in the contract"),
    "retyped text": (lambda f: f.assign(age=f["age"].astype(str)), "age", "holds text and the contract says integer"),
    "retyped fraction": (lambda f: f.assign(age=f["age"] + 0.5), "age", "holds number and the contract says integer"),
    "retyped flag": (lambda f: f.assign(known=f["known"].astype(int)), "known", "holds integer .* says boolean"),
    "retyped number": (lambda f: f.assign(city=range(len(f))), "city", "holds integer and the contract says text"),
    "null": (lambda f: f.assign(age=f["age"].where(f.index >= 3)), "age", "3 of 200 values are missing"),
    "null text": (lambda f: f.assign(city=f["city"].where(f.index >= 2)), "city", "2 of 200 values are missing"),
    "range": (lambda f: f.assign(age=f["age"].where(f.index >= 1, 10**9)), "age", "1 of 200 values lie outside 0"),
    "below": (lambda f: f.assign(ratio=f["ratio"] - 5), "ratio", "200 of 200 values lie outside"),
    "code": (
        lambda f: f.assign(flag=f["flag"].where(f.index >= 6, 2)),
        "flag",
        r"6 of 200 rows hold 1 unseen category: '2'",
    ),
    "category": (
        lambda f: f.assign(city=f["city"].where(f.index >= 7, "Rome")),
        "city",
        r"7 of 200 rows hold 1 unseen category: 'Rome' \(7 rows\)",
    ),
    "key": (lambda f: f.assign(id=f["id"].where(f.index >= 2, 5)), "id", "3 of 200 rows share their key"),
    "key null": (lambda f: f.assign(id=f["id"].where(f.index >= 2)), "id", "2 of 200 values are missing"),
    "single class": (lambda f: f.assign(paid="yes"), "paid", "single class.*'no'"),
    "unseen class": (
        lambda f: f.assign(paid=f["paid"].where(f.index >= 9, "maybe")),
        "paid",
        "unseen category: 'maybe'",
    ),
    "empty group": (lambda f: f.assign(sex="male"), "sex", "none of 200 rows has 'female'"),
    "unseen group": (lambda f: f.assign(sex=f["sex"].where(f.index >= 9, "x")), "sex", "9 of 200 rows hold 1 unseen"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_violation_is_found_alone(contract, case):
    change, where, message = CASES[case]
    with pytest.raises(ContractError, match=message) as error:
        contract.check(change(first()))
    assert [problem.where for problem in error.value.problems] == [where]


def test_one_error_lists_all(contract):
    frame = first().drop(columns="note").assign(more=1, sex="male", age=10**9, city=None, id=1)
    frame = frame.assign(ratio="x", paid=np.where(frame.index < 8, "maybe", frame["paid"]))
    with pytest.raises(ContractError) as error:
        contract.check(frame)
    assert sorted({problem.where for problem in error.value.problems}) == sorted(
        ["age", "city", "id", "more", "note", "paid", "ratio", "sex"]
    )
    assert "(8 violations)" in str(error.value)


def test_a_renamed_column_is_suggested(contract):
    problems = contract.problems(first().rename(columns={"ratio": "ratios"}))
    assert {(each.where, each.remedy) for each in problems} == {
        ("ratio", "did you mean 'ratios'?"),
        ("ratios", "did you mean 'ratio'?"),
    }


def test_columns_in_another_case_are_told_for_what_they_are_and_no_list_is_repeated(contract):
    problems = contract.problems(first().rename(columns=str.upper))
    remedies = {each.where: each.remedy for each in problems}
    assert (remedies["sex"], remedies["SEX"]) == ("did you mean 'SEX'?", "did you mean 'sex'?")
    others = contract.problems(first().rename(columns=lambda name: f"{len(name)}{name[::-1]}"))
    assert not [each for each in others if "choose one of" in each.remedy]


def test_the_error_says_how_to_accept_what_changed(contract):
    with pytest.raises(ContractError, match=r"new contract: --set data\.contract=renew, on one run") as error:
        contract.check(first().drop(columns="note"))
    assert str(error.value.problems[0]) == "note: the column is missing"


def test_no_value_of_a_person_shows(contract):
    """A category that fewer than five rows share is counted, never named; free text is neither kept nor shown."""
    frame = first()
    frame.loc[:3, "city"] = "Doctor Secret, Main Street 1"
    frame.loc[:3, "age"] = 123456
    frame["note"] = "somebody else"
    with pytest.raises(ContractError) as error:
        contract.check(frame)
    assert "Secret" not in str(error.value)
    assert "123456" not in str(error.value)
    assert "4 of 200 rows hold 1 unseen category" in str(error.value)
    assert "person 1" not in json.dumps(contract.to_dict())


def test_what_new_data_may_do(contract):
    frame = first(300)
    frame.loc[0, "gaps"] = np.nan
    frame.loc[0, "age"] = 70
    frame["note"] = [f"other {i}" for i in range(300)]
    frame["ratio"] = frame["ratio"].round()
    contract.check(frame.sample(frac=1, random_state=0)[frame.columns[::-1]])


def test_whole_numbers_stay_whole_when_one_is_missing():
    old = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "y": [0, 1, 0, 1]})
    contract = infer_contract(old, target="y")
    contract.check(old.assign(a=[1, 2, 3, 4]))
    whole = infer_contract(old.assign(a=[1, 2, 3, 4]), target="y")
    assert found(whole, old) == {"a": "1 of 4 values are missing and none was before"}


def test_tolerance_is_stated_and_kept():
    old = pd.DataFrame({"a": [0.0, 10.0], "y": [0, 1]})
    for tolerance, high in [(0.0, 10), (0.5, 15), (2.0, 30)]:
        contract = infer_contract(old, target="y", tolerance=tolerance)
        assert contract.to_dict()["tolerance"] == tolerance
        assert not contract.problems(old.assign(a=[0.0, float(high)]))
        assert contract.problems(old.assign(a=[0.0, high + 0.1]))


def test_round_trip_through_json_and_stable_digest(contract):
    back = Contract.from_dict(json.loads(json.dumps(contract.to_dict())))
    assert back == contract
    assert back.digest == contract.digest
    assert infer_contract(first(), target="paid", key="id", sensitive=["sex"]).digest == contract.digest
    assert infer_contract(first(199), target="paid", key="id", sensitive=["sex"]).digest != contract.digest
    back.check(first())


def test_foreign_contracts_are_refused(contract):
    with pytest.raises(DataError, match="format 9"):
        Contract.from_dict({**contract.to_dict(), "format": 9})
    values = contract.to_dict()
    del values["columns"]
    with pytest.raises(DataError, match="incomplete"):
        Contract.from_dict(values)


def test_missing_roles_are_named():
    with pytest.raises(DataError, match=r"target 'piad' is no column of the data: did you mean 'paid'"):
        infer_contract(first(), target="piad")


@pytest.mark.parametrize("salt", "abcdefgh")
def test_the_train_part_gives_a_contract_that_the_whole_keeps(salt):
    """Else the same data could not be trained on twice: heavy tails and rare categories fall into the test part."""
    rng = np.random.default_rng(3)
    data = make_dataset(300, seed=3, time=pd.Series(np.arange(300), name="day"))
    data.X["tail"] = rng.pareto(0.7, 300)
    data.X["rare"] = np.where(np.arange(300) == 11, "once", "often")
    data.X["gap"] = np.where(np.arange(300) == 12, np.nan, 1.5)
    train = data.take(split_dataset(data, salt=salt).rows("train"))
    contract = contract_of(train, schema=data)
    contract.check(data)
    contract.check(train)


def test_time_and_person_may_be_new():
    data = make_dataset(100, time=pd.Series(np.arange(100), name="day"), group=pd.Series(["p"] * 100, name="person"))
    contract = contract_of(data)
    later = make_dataset(
        100, time=pd.Series(np.arange(9000, 9100), name="day"), group=pd.Series(["q"] * 100, name="person")
    )
    contract.check(later)


@pytest.mark.parametrize("name", ["=1+1", "<b>x</b>", "a'b\"c", "📈", "../x", "a\nb", "x.*", ""])
def test_odd_names_of_columns(name):
    frame = pd.DataFrame({name: ["u", "v"] * 20, "y": [0, 1] * 20})
    contract = infer_contract(frame, target="y")
    contract.check(frame)
    assert [problem.where for problem in contract.problems(frame.drop(columns=name))] == [name]
    assert [problem.where for problem in contract.problems(frame.assign(**{name: "w"}))] == [name]


def test_what_was_never_negative_does_not_become_so_by_tolerance():
    old = pd.DataFrame({"age": [18, 40, 60, 75], "debt": [-5.0, -3.0, -1.0, 0.0], "y": [0, 1, 0, 1]})
    contract = infer_contract(old, target="y", tolerance=1.0)
    contract.check(old.assign(age=[0, 40, 60, 132], debt=[-10.0, -3.0, -1.0, 0.0]))
    for name, value in [("age", -1), ("age", 133), ("debt", 0.5), ("debt", -10.5)]:
        with pytest.raises(ContractError, match=name):
            contract.check(old.assign(**{name: [value, *old[name][1:]]}))


def flagged(*, gap: bool, n: int = 200) -> Dataset:
    """Rows with a column of yes and no, complete or with one gap, as a data set has them."""
    frame = first(n)[["age", "known", "sex", "paid"]]
    if gap:
        frame["known"] = frame["known"].astype(object).where(frame.index > 0)
    return build_dataset(frame, target="paid", sensitive={"sex": Sensitive(column="sex")})


def test_yes_and_no_without_the_gap_of_the_first_data_keep_its_contract() -> None:
    contract = contract_of(flagged(gap=True))
    whole = flagged(gap=False)
    contract.check(whole)
    held = contract.as_promised(whole)
    assert held.X["known"].dtype == "float64"
    assert held.X["known"].tolist() == whole.X["known"].astype(float).tolist()
    assert held.digest not in ("", whole.digest)
    assert whole.X["known"].dtype == bool
    assert contract.as_promised(flagged(gap=True)).digest == flagged(gap=True).digest


def test_a_gap_in_yes_and_no_is_a_gap_and_no_other_kind() -> None:
    contract = contract_of(flagged(gap=False))
    assert found(contract, flagged(gap=True)) == {"known": "1 of 200 values are missing and none was before"}


def test_yes_and_no_are_no_quantity() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"income": rng.random(50) * 900, "paid": ["yes", "no"] * 25})
    said = found(infer_contract(frame, target="paid"), frame.assign(income=frame["income"] > 400))
    assert said == {"income": "holds boolean and the contract says number"}


@pytest.mark.parametrize("value", [True, False])
def test_an_answer_that_all_gave_but_one_who_gave_none_is_yes_or_no_still(*, value: bool) -> None:
    frame = pd.DataFrame({"known": pd.Series([1.0 * value] * 49 + [None]), "paid": ["yes", "no"] * 25})
    contract = infer_contract(frame, target="paid")
    assert found(contract, frame.assign(known=value)) == {}
