"""The whole explanation: what it holds, that it repeats, and that nobody's row leaves the restricted part."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError
from evenhand.explain import explain

FAST = {"background_rows": 10, "repeats": 2, "features": 2}


@pytest.fixture(scope="module")
def explanation(data, models):
    train, test = data["binary"]
    return explain(models["logistic", "binary"], test, background=train.X, repeats=3)


def numbers_in(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, float):
        yield value


@pytest.mark.parametrize("name", ["logistic", "boosting", "perceptron"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_every_part_is_there_for_every_model(data, models, name, task):
    train, test = data[task]
    made = explain(models[name, task], test, background=train.X, rows=60, **FAST)
    told = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert [item["feature"] for item in told["features"]] == made.to_frame()["feature"].tolist()
    assert {item["feature"] for item in told["features"]} == set(test.X.columns)
    assert len(told["base"]) == len(told["labels"]) == (1 if task == "binary" else 4)
    assert {(group["attribute"], group["group"]) for group in told["groups"]} >= {("sex", "f"), ("race", "unknown")}
    assert [len(item["curves"]) for item in told["dependence"]] == [len(told["labels"])] * 2
    assert [report["attribute"] for report in told["proxies"]] == ["race", "sex"]
    assert told["sizes"]["test_rows"] == len(test)
    assert told["additivity"] < 1e-9
    assert "local" not in told


def test_income_is_found_and_noise_is_not(explanation):
    order = [item.feature for item in explanation.features]
    assert order[0] == "income"
    falls = {item.feature: item for item in explanation.importance.features}
    assert falls["income"].low > 0
    assert falls["noise"].low < 0 < falls["noise"].high + 1e-9


def test_the_same_seed_gives_the_same_explanation(data, models):
    train, test = data["binary"]
    model = models["perceptron", "binary"]

    def told(seed):
        return explain(model, test, background=train.X, rows=30, seed=seed, **FAST).to_dict()

    first = told(4)
    assert first == told(4)
    assert first["features"] != told(5)["features"]


def test_inputs_are_left_alone(data, models):
    train, test = data["binary"]
    before = [test.X.copy(), test.sensitive_features.copy(), train.X.copy()]
    y = test.y.copy()
    explain(models["boosting", "binary"], test, background=train.X, rows=20, **FAST)
    for old, new in zip(before, [test.X, test.sensitive_features, train.X], strict=True):
        pd.testing.assert_frame_equal(old, new)
    pd.testing.assert_series_equal(y, test.y)


def test_the_index_and_the_order_of_columns_do_not_matter(data, models):
    train, test = data["binary"]
    index = np.random.default_rng(0).permutation(len(test)) * 7
    moved = replace(test, X=test.X[test.X.columns[::-1]].set_axis(index), y=test.y.set_axis(index[::-1] + 1))
    model = models["logistic", "binary"]
    first, second = (explain(model, part, background=train.X, **FAST) for part in (test, moved))
    assert first.to_dict() == second.to_dict()


PLANTED = 0.123456789123


@pytest.mark.parametrize("name", ["logistic", "boosting"])
@pytest.mark.parametrize("extreme", [False, True])
def test_a_value_of_one_row_is_nowhere_in_the_public_part(data, models, name, extreme):
    train, test = data["binary"]
    X = test.X.copy()
    planted = {}
    # A model without missing categories would refuse none of this: only values change, in one row and every column.
    for j, column in enumerate(["income", "debt", "noise"]):
        spread = X[column].std()
        value = X[column].median() + (PLANTED * spread if not extreme else (50 + PLANTED) * spread)
        X.loc[7 + j, column] = planted[column] = float(value)
    X.loc[7, "children"] = planted["children"] = 987654
    X.loc[7, "town"] = "Planted-upon-Avon"
    sensitive = test.sensitive_features.copy()
    sensitive.loc[7, "race"] = "a"
    part = Dataset(X, test.y, sensitive, "yes")
    made = explain(models[name, "binary"], part, background=train.X, repeats=2, features=7)
    text = json.dumps(made.to_dict())
    assert "Planted" not in text
    assert "987654" not in text
    found = np.array(list(numbers_in(made.to_dict())))
    for column, value in planted.items():
        assert not np.isclose(found, value, rtol=1e-7, atol=0).any(), column
        assert f"{value:.6g}" not in text, column
    kept = made.to_local_frame()
    assert "Planted-upon-Avon" not in repr(made)
    assert set(kept["row"]) >= {case.row for case in made.local.cases if case.row is not None}


def test_attributions_of_single_rows_are_not_public(explanation):
    # An attribution of a linear model is the row's value times a constant, so it must not leave either.
    found = np.array(list(numbers_in(explanation.to_dict())))
    values = explanation.local.attributions.values[:, :3].ravel()  # income, debt, noise: no value repeats
    values = values[np.abs(values) > 1e-3]
    near = np.isclose(values[:, None], found[None, :], rtol=1e-6, atol=0).any(axis=1)
    # Five digits of a few hundred numbers meet by chance now and then, but not as a rule.
    assert near.mean() < 0.02


def test_a_case_shows_the_mean_of_its_band_and_no_single_row(explanation):
    made = explanation.local.attributions
    shown = [item for case in explanation.cases for item in case.features if item.feature in {"income", "debt"}]
    assert len(shown) >= 4
    for item in shown:
        values = made.values[:, made.features.index(item.feature)]
        assert not np.isclose(values, item.attribution, rtol=1e-6, atol=0).any()
        assert values.min() < item.attribution < values.max()


def test_small_groups_are_suppressed_and_cannot_be_worked_out(data, models):
    train, test = data["binary"]
    sensitive = test.sensitive_features.copy()
    sensitive["sex"] = np.where(np.arange(len(test)) < 3, "x", sensitive["sex"])
    made = explain(
        models["logistic", "binary"], replace(test, sensitive_features=sensitive), background=train.X, **FAST
    )
    shown = {group.group: group for group in made.groups if group.attribute == "sex"}
    assert shown["x"].n is None
    assert shown["x"].mean is None
    assert "fewer than 10" in shown["x"].reason
    assert sum(group.n is None for group in shown.values()) == 2
    cases = [case for case in made.cases if case.group == "x"]
    assert len(cases) == 2
    assert all(case.features == () and case.predicted is None and case.reason for case in cases)


def test_a_case_is_shown_in_company_only(explanation, data):
    _, test = data["binary"]
    shown = [case for case in explanation.cases if case.features]
    assert shown
    for case in shown:
        rows = [item.rows for item in case.features]
        assert rows == sorted(rows, reverse=True)
        assert min(rows) >= explanation.min_cell
    denial = next(c for c in explanation.local.cases if (c.group, c.kind) == ("f", "closest denial"))
    assert test.sensitive_features["sex"].iloc[denial.row] == "f"


def test_cases_are_the_closest_denial_and_the_most_confident_error(data, models):
    train, test = data["binary"]
    model = models["boosting", "binary"]
    made = explain(model, test, background=train.X, **FAST)
    yes = model.predict_proba(test.X)[:, 1]
    answer = model.predict(test.X)
    for case in made.local.cases:
        inside = (test.sensitive_features[case.attribute] == case.group).to_numpy()
        if case.kind == "closest denial":
            assert yes[case.row] == yes[inside & (answer == "no")].max()
        elif case.row is not None:
            wrong = inside & (answer != test.y.to_numpy(object))
            assert max(yes[case.row], 1 - yes[case.row]) == np.maximum(yes, 1 - yes)[wrong].max()


def test_a_model_with_wrappers_and_threshold(data, models):
    train, test = data["binary"]
    inner = FrozenEstimator(models["boosting", "binary"])
    calibrated = CalibratedClassifierCV(inner, method="isotonic").fit(train.X, train.y.to_numpy(object))
    model = FixedThresholdClassifier(FrozenEstimator(calibrated), threshold=0.8, pos_label="yes")
    made = explain(model.fit(train.X, train.y.to_numpy(object)), test, background=train.X, **FAST)
    assert made.method == "tree"
    row = next(case.row for case in made.local.cases if case.kind == "closest denial")
    assert calibrated.predict_proba(test.X)[row, 1] < 0.8
    assert "before calibration" in made.unit


def test_a_perfect_model_without_denials_has_no_cases(data, models):
    train, test = data["binary"]
    model = models["logistic", "binary"]
    answered = pd.Series(model.predict(test.X))
    rows = np.flatnonzero(answered == "yes")
    part = Dataset(test.X, answered, test.sensitive_features, "yes").take(rows)
    made = explain(model, part, background=train.X, **FAST)
    assert {case.reason for case in made.cases} == {"no row was denied", "no row was answered wrongly"}
    # One class alone has no ROC curve: undefined with its reason, and not 0.
    assert all(item.value is None for item in made.importance.features)
    assert "class no" in made.importance.reason


def test_labels_may_be_numbers_or_booleans(data, models):
    train, test = data["binary"]
    from evenhand.modeling.fit import fit_candidate

    for labels in ({"no": False, "yes": True}, {"no": 1, "yes": 0}):
        model = fit_candidate("logistic", {}, train.X, train.y.map(labels).infer_objects(), seed=0)
        part = Dataset(test.X, test.y.map(labels).infer_objects(), test.sensitive_features, labels["yes"])
        made = explain(model, part, background=train.X, **FAST)
        assert made.labels == (str(labels["yes"]),)
        income = next(item for item in made.features if item.feature == "income")
        bands = income.by_label[0].bands
        # More income, more of the favorable label, whatever the label is called.
        assert bands[-1].mean > bands[0].mean


def test_sizes_are_bounded_and_stated(data, models, monkeypatch):
    from evenhand.explain import _parts

    train, test = data["binary"]
    columns = len(models["perceptron", "binary"][0].get_feature_names_out())
    monkeypatch.setattr(_parts, "_CELLS", 2 * 2 * 6 * 10 * columns * 25)
    made = explain(models["perceptron", "binary"], test, background=train.X, rows=100, **FAST)
    assert made.sizes["explained_rows"] == 25
    assert any("25 rows are explained instead of 100" in note for note in made.notes)


def test_progress_is_told(data, models):
    train, test = data["binary"]
    seen = []
    explain(models["logistic", "binary"], test, background=train.X, on_progress=lambda *told: seen.append(told), **FAST)
    assert [part for part, _, _ in seen] == ["attributions", "importance", "dependence", "cases", "proxies", "done"]
    assert [done for _, done, _ in seen] == list(range(6))


def test_what_cannot_be_explained_is_named(data, models):
    train, test = data["binary"]
    with pytest.raises(DataError, match="has 0"):
        explain(models["logistic", "binary"], test.take([]), background=train.X)
    with pytest.raises(DataError, match="lacks columns of the background: town"):
        explain(models["logistic", "binary"], replace(test, X=test.X.drop(columns="town")), background=train.X)


def test_the_local_frame_has_the_rows_and_adds_up(explanation, data, models):
    _, test = data["binary"]
    frame = explanation.to_local_frame()
    model = models["logistic", "binary"]
    margins = dict(enumerate(model.decision_function(test.X)))
    for row, part in list(frame.groupby("row"))[:20]:
        one = part.drop_duplicates("feature")
        assert one["attribution"].sum() + one["base"].iloc[0] == pytest.approx(margins[row])
    assert frame["cases"].str.contains("closest denial").any()
