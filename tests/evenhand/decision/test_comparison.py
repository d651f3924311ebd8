"""The comparison on rows that neither model has learned from."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.dataset import Dataset
from evenhand.decision.comparison import compare, unseen_rows
from evenhand.decision.paired import Decisions
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
