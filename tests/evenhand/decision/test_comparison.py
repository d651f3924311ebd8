"""The comparison on rows that neither model has learned from."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.dataset import Dataset
from evenhand.decision.comparison import compare, unseen_rows
from evenhand.decision.paired import Decisions
from evenhand.decision.rules import about_groups
from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector


def data(n: int, **roles: pd.Series) -> Dataset:
    rng = np.random.default_rng(n)
    X = pd.DataFrame({"a": rng.normal(size=n)})
    return Dataset(X, pd.Series(rng.integers(0, 2, n), name="y"), pd.DataFrame({"sex": ["f", "m"] * (n // 2)}), **roles)


def test_rows_that_the_champion_learned_from_do_not_count() -> None:
    rows = data(100)
    assert unseen_rows(rows, []).all()
    assert (~unseen_rows(rows, [rows.take(range(30)), rows.take(range(50, 60))])).sum() == 40


def test_a_corrected_label_does_not_make_a_row_new() -> None:
    rows = data(20)
    corrected = Dataset(rows.X, 1 - rows.y, rows.sensitive_features)
    assert not unseen_rows(corrected, [rows]).any()


def test_a_feature_that_one_model_does_not_know_makes_no_row_new() -> None:
    rows = data(20)
    wider = Dataset(rows.X.assign(b=range(20)), rows.y, rows.sensitive_features)
    assert not unseen_rows(wider, [rows]).any()
    assert not unseen_rows(rows, [wider]).any()
    with pytest.raises(DataError, match="share no feature"):
        unseen_rows(rows, [Dataset(rows.X.rename(columns={"a": "b"}), rows.y, rows.sensitive_features)])


def test_a_row_is_known_by_its_key_and_a_person_in_all_rows() -> None:
    first = data(10, key=pd.Series(range(10), name="id"), group=pd.Series([1] * 5 + [2] * 5, name="person"))
    later = data(10, key=pd.Series(range(8, 18), name="id"), group=pd.Series([2] * 3 + [3] * 7, name="person"))
    assert unseen_rows(later, [first]).tolist() == [False] * 3 + [True] * 7
    as_text = later.key.astype(str), later.group.astype(str)
    assert unseen_rows(data(10, key=as_text[0], group=as_text[1]), [first]).tolist() == [False] * 3 + [True] * 7
    with pytest.raises(DataError, match="key"):
        unseen_rows(data(10), [data(10, key=pd.Series(range(10)))])


def test_rows_of_another_moment_are_new_ones() -> None:
    """Without it a time split was judged by the rows whose values had never occurred, and passed a bad model."""
    year = pd.Series([2001] * 50 + [2002] * 50)
    X, y, sex = pd.DataFrame({"a": [0, 1] * 50}), pd.Series([0, 1] * 50), pd.DataFrame({"sex": ["f"] * 100})
    rows = Dataset(X, y, sex, time=year)
    old, new = rows.take(range(50)), rows.take(range(50, 100))
    assert unseen_rows(new, [old]).all()
    as_text = Dataset(X[:50], y[:50], sex[:50], time=year[:50].astype(str))
    with pytest.raises(DataError, match=r"data\.key"):
        unseen_rows(new, [as_text])


def test_rows_that_are_alike_and_have_no_key_are_not_compared() -> None:
    X = pd.DataFrame({"a": [0] * 8 + list(range(1, 93))})
    y, sex = pd.Series([0, 1] * 50), pd.DataFrame({"sex": ["f"] * 100})
    rows = Dataset(X, y, sex)
    with pytest.raises(DataError, match=r"8 of 100 test rows have no key .*data\.key"):
        unseen_rows(rows, [Dataset(X[:1], y[:1], sex[:1])])
    with pytest.raises(DataError, match="20 of 40"):  # one of each among the test rows, two among what was learned from
        unseen_rows(rows.take(range(20, 60)), [rows.take(range(20, 40)), rows.take(range(20, 40))])
    assert (~unseen_rows(rows, [rows.take(range(50, 90))])).sum() == 40, "once here and once there is one row"
    few = Dataset(X.assign(a=[0] * 5 + list(range(1, 96))), y, sex)
    assert (~unseen_rows(few, [few.take([0])])).sum() == 5, "five in a hundred are left out"
    person = pd.Series([1] * 8 + [2] * 92)
    people = Dataset(X, y, sex, group=person)
    assert (~unseen_rows(people, [people.take([0])])).sum() == 8, "a person is known in all rows"
    keyed = Dataset(X, y, sex, key=pd.Series(range(100)))
    assert (~unseen_rows(keyed, [keyed.take([0])])).sum() == 1


def test_rates_of_groups_are_counted_by_definition() -> None:
    rng = np.random.default_rng(1)
    y, sex = rng.integers(0, 2, 200), pd.DataFrame({"sex": rng.choice(["f", "m", "unknown"], 200)})
    old, new = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    proba = np.full((200, 2), 0.5)
    rates = ["selection_rate", "true_positive_rate", "accuracy"]
    found = compare(
        y, Decisions(old, proba, (0, 1)), Decisions(new, proba, (0, 1)), sex, group_metrics=rates, favorable=1
    )
    for each in found.groups:
        rows = (sex["sex"] == each.group).to_numpy(copy=True)
        if each.metric == "true_positive_rate":
            rows &= y == 1
        hit = (lambda p: p == y) if each.metric == "accuracy" else (lambda p: p == 1)
        assert each.change.value == pytest.approx(hit(new)[rows].mean() - hit(old)[rows].mean())
        assert each.change.n == rows.sum()
        assert bool(each.aside) == (each.group == "unknown")


def made(decided: np.ndarray) -> Decisions:
    return Decisions(decided, np.full((decided.size, 2), 0.5), (0, 1))


def test_an_intersection_that_lost_fails_though_no_attribute_alone_did() -> None:
    """Of black women .49 were selected and then .13, of black men as many more: every marginal rate stayed."""
    people = pd.DataFrame({"race": ["black"] * 400 + ["white"] * 400, "sex": ["f", "m"] * 400})
    y, old, new = np.tile([0, 0, 1, 1], 200), np.tile([0, 1, 1, 0], 200), np.tile([0, 1, 1, 0], 200)
    lost = np.flatnonzero((people["race"] == "black") & (people["sex"] == "f") & (old == 1))[:72]
    new[lost], new[lost + 1] = 0, 1  # a black man instead of her
    white = np.flatnonzero((people["race"] == "white") & (people["sex"] == "f") & (old == 0))[:72]
    new[white], new[white + 1] = 1, 0
    rates = {"group_metrics": ["selection_rate"], "favorable": 1}
    alone = compare(y, made(old), made(new), people, depth=1, **rates)
    assert {each.change.value for each in alone.groups} == {0.0}
    assert about_groups(alone, loss=0.1, minimum_rows=100).status == "PASS"
    crossed = compare(y, made(old), made(new), people, **rates)
    found = about_groups(crossed, loss=0.1, minimum_rows=100)
    assert (found.status, found.subject) == ("FAIL", "selection_rate of race & sex black & f")
    assert crossed.groups[: len(alone.groups)] != alone.groups, "more groups, wider upper limits"


def test_intersections_are_those_of_the_audit_and_few_rows_are_reported_and_set_aside() -> None:
    rng = np.random.default_rng(3)
    values = {"race": ["a", "b", None], "sex": ["f", "m"], "age": ["old", "young"]}
    people = pd.DataFrame({name: rng.choice(each, 300) for name, each in values.items()})
    people.loc[people.index[:7], ["race", "sex"]] = ["c", "f"]
    people.loc[people["race"].eq("c") & (people.index >= 7), "race"] = "a"
    y, old, new = (rng.integers(0, 2, 300) for _ in range(3))
    rates = ("selection_rate", "true_positive_rate", "accuracy")
    for depth in (1, 2, 3):
        found = compare(y, made(old), made(new), people, group_metrics=rates, favorable=1, depth=depth)
        audits = [
            BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=1).detect_bias(
                intervals=False, depth=depth
            )
            for p in (old, new)
        ]
        listed = [(name, group) for name, audit in audits[0].audits.items() for group in audit.groups]
        assert [(each.attribute, each.group) for each in found.groups] == [key for key in listed for _ in rates]
        for each in found.groups:
            before, after = (audit.group(each.attribute, each.group) for audit in audits)
            assert each.change.value == pytest.approx(after[each.metric].value - before[each.metric].value, nan_ok=True)
            unknown = "unknown" in each.group.split(" & ")
            assert each.aside == (
                "rows without a value" if unknown
                else f"{before.n} rows are fewer than 20" if before.n < 20 else ""
            )  # fmt: skip
    few = {(each.attribute, each.group) for each in found.groups if each.aside}
    kept = about_groups(found, loss=1.0, minimum_rows=100)
    assert kept.reason.endswith(
        f"; {len(few)} groups and intersections take no part, for few rows or a value that is unknown"
    )


def test_a_group_whose_rows_the_champion_learned_from_is_missing_and_no_small_one() -> None:
    """It left no trace: no rate of the others fell, and that of this one nobody had looked at."""
    test = pd.DataFrame({"region": ["north"] * 200 + ["south"] * 200 + ["west"] * 60 + ["isle"] * 5})
    unseen = test[test["region"].isin(["north", "south"])]
    y = np.arange(len(unseen)) % 2
    found = compare(y, made(y), made(y), unseen, favorable=1, everybody=test)
    assert (found.n, found.left_out) == (400, 65)
    assert {each.group: each.aside for each in found.groups} == {
        "isle": "5 rows are fewer than 20", "north": "", "south": "", "west": ""
    }  # fmt: skip
    said = about_groups(found, loss=0.1, minimum_rows=100)
    assert (said.status, said.subject) == ("MISSING", "selection_rate of region west")
    some = test.index.isin([*unseen.index, 400, 401])
    y = np.arange(some.sum()) % 2
    found = compare(y, made(y), made(y), test[some], favorable=1, everybody=test)
    assert about_groups(found, loss=0.1, minimum_rows=100).status == "INCONCLUSIVE", "two of sixty show nothing"


def test_a_group_that_the_champion_was_assessed_on_and_that_is_gone_is_missing() -> None:
    """An extract that lost a region by mistake promoted, since nobody of it was among the rows that are judged."""
    before = pd.DataFrame({"region": ["north"] * 60 + ["south"] * 60 + ["isle"] * 5, "sex": ["f", "m"] * 62 + ["f"]})
    now = before[before["region"] == "north"].reset_index(drop=True).loc[lambda rows: rows.index.repeat(10)]
    y = np.arange(len(now)) % 2
    whole = compare(y, made(y), made(y), now, favorable=1, known=now)
    assert about_groups(whole, loss=0.1, minimum_rows=100).status == "PASS"
    found = compare(y, made(y), made(y), now, favorable=1, known=before)
    gone = {(each.attribute, each.group) for each in found.groups if each.change.reason}
    assert gone == {("region", "south"), ("region & sex", "south & f"), ("region & sex", "south & m")}
    assert found.groups[: len(whole.groups)] == whole.groups, "what is gone costs the others no error"
    said = about_groups(found, loss=0.1, minimum_rows=100)
    assert (said.status, said.subject) == ("MISSING", "selection_rate of region south")
    assert "no test row is of it, and 60 were" in said.reason
    attribute = compare(y, made(y), made(y), now[["sex"]], favorable=1, known=before)
    assert about_groups(attribute, loss=0.1, minimum_rows=100).status == "MISSING", "an attribute that is gone, too"
    before["region"] = None
    assert (
        about_groups(compare(y, made(y), made(y), now, favorable=1, known=before), loss=0.1, minimum_rows=100).status
        == "PASS"
    )


def test_no_row_and_no_row_of_a_rate_are_undefined() -> None:
    none = np.array([], dtype=int)
    assert compare(none, made(none), made(none), pd.DataFrame({"sex": none.astype(str)}), favorable=1).groups == ()
    y = np.zeros(100, dtype=int)
    found = compare(
        y, made(y), made(y), pd.DataFrame({"sex": ["f", "m"] * 50}), group_metrics=["true_positive_rate"], favorable=1
    )
    assert [each.change.reason for each in found.groups] == [
        "there are no such rows that the champion has not learned from"
    ] * 2
    assert about_groups(found, loss=0.1, minimum_rows=100).status == "MISSING"


def test_without_a_favorable_label_only_accuracy_is_compared() -> None:
    y = np.array([0, 1, 2] * 40)
    made = Decisions(y, np.full((120, 3), 1 / 3), (0, 1, 2))
    found = compare(y, made, made, pd.DataFrame({"g": ["a", "b"] * 60}))
    assert {each.metric for each in found.groups} == {"accuracy"}


def test_of_several_favorable_labels_a_group_has_the_rates_of_its_audit() -> None:
    rng = np.random.default_rng(2)
    y, old, new = (rng.choice(["bad", "fair", "good"], 300) for _ in range(3))
    sex, good = pd.DataFrame({"sex": rng.choice(["f", "m"], 300)}), ("fair", "good")
    made = [Decisions(labels, np.full((300, 3), 1 / 3), ("bad", "fair", "good")) for labels in (old, new)]
    rates = ["selection_rate", "true_positive_rate"]
    found = compare(y, *made, sex, group_metrics=rates, favorable=good)
    audits = [
        BiasDetector.from_predictions(y, labels, sensitive_features=sex, favorable_label=good).detect_bias(
            intervals=False
        )
        for labels in (old, new)
    ]
    assert {each.metric for each in found.groups} == set(rates)
    for each in found.groups:
        before, after = (audit.group("sex", each.group)[each.metric].value for audit in audits)
        assert each.change.value == pytest.approx(after - before)
