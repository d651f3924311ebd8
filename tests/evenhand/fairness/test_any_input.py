"""What people bring: labels and groups of every kind give the same audit, or a refusal that names what is wrong."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import BiasDetector

rng = np.random.default_rng(0)
TRUE, PREDICTED = rng.integers(0, 2, 120), rng.integers(0, 2, 120)
SEX = rng.choice(["f", "m"], 120)
WORDS = np.array(["denied", "approved"])


def audited(true, predicted, groups, favorable):
    detector = BiasDetector.from_predictions(true, predicted, sensitive_features=groups, favorable_label=favorable)
    return detector.detect_bias(intervals=False)


EXPECTED = audited(TRUE, PREDICTED, pd.DataFrame({"sex": SEX}), 1)


@pytest.mark.parametrize(
    ("true", "predicted", "favorable"),
    [
        (TRUE.astype(bool), PREDICTED.astype(bool), True),
        (WORDS[TRUE], WORDS[PREDICTED], "approved"),
        (pd.Categorical(WORDS[TRUE]), pd.Series(WORDS[PREDICTED], dtype="category"), "approved"),
        (pd.array(TRUE, dtype="Int64"), PREDICTED.astype(np.int8), 1),
        (TRUE.tolist(), PREDICTED.astype(float), 1),
        (pd.Series(TRUE, index=range(500, 620)), PREDICTED, 1),
    ],
    ids=["booleans", "words", "categories", "nullable", "lists and floats", "another index"],
)
def test_labels_of_any_kind(true, predicted, favorable):
    found = audited(true, predicted, pd.DataFrame({"sex": SEX}), favorable)
    for name, disparity in EXPECTED.audit("sex").disparities.items():
        assert found.disparity(name, "sex").value == pytest.approx(disparity.value, nan_ok=True)


@pytest.mark.parametrize(
    "groups",
    [
        pd.DataFrame({"sex": pd.Categorical(SEX, categories=["m", "f", "x"])}),
        pd.DataFrame({"sex": pd.array(SEX, dtype="string")}, index=range(7, 127)),
        pd.Series(SEX, name="sex"),
        {"sex": SEX.tolist()},
    ],
    ids=["unused category", "strings", "series", "dict"],
)
def test_groups_of_any_kind(groups):
    found = audited(TRUE, PREDICTED, groups, 1).disparity("equalized_odds_difference", "sex")
    assert found.value == EXPECTED.disparity("equalized_odds_difference", "sex").value


def test_missing_groups_are_unknown_and_counted():
    groups = pd.DataFrame({"sex": np.where(np.arange(120) < 20, None, SEX)})
    assert audited(TRUE, PREDICTED, groups, 1).group("sex", "unknown").n == 20


def test_one_group_and_one_row_have_no_disparity_and_say_why():
    for rows in (120, 1):
        groups = pd.DataFrame({"sex": ["f"] * rows})
        found = audited(TRUE[:rows], PREDICTED[:rows], groups, int(TRUE[0])).disparity(
            "demographic_parity_difference", "sex"
        )
        assert np.isnan(found.value)
        assert found.reason == "there is only one group"


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "no rows to audit"),
        (TRUE, PREDICTED.astype(str), "in the same terms"),
        (np.where(TRUE == 1, 1.0, np.nan), PREDICTED, "missing values"),
        (
            [1] * 120,
            ["1"] * 120,
            r"labels are \[1\] \(int\) and the predicted ones \['1'\] \(str\): give both in the same",
        ),
        (pd.DataFrame({"y": TRUE}), PREDICTED, r"y_true has shape \(120, 1\): give one label a row"),
        (TRUE, [[label] for label in PREDICTED], "y_pred holds lists or the like: give one label a row"),
    ],
)
def test_what_cannot_be_audited_is_named(true, predicted, message):
    with pytest.raises(DataError, match=message):
        audited(true, predicted, pd.DataFrame({"sex": SEX[: len(true)]}), 1)


MASK = np.arange(120) < 3


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("true", "y_true has 3 missing values of 120: give a label to every row"),
        ("predicted", "y_pred has 3 missing values of 120"),
        ("y_score", "y_score has 3 values that are not finite: give every row a score"),
        ("sample_weight", "sample_weight has 3 values below 0 or not finite"),
    ],
)
@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "nothing hidden"])
def test_what_a_mask_hides_is_missing(part, message, hidden):
    given = {"true": TRUE, "predicted": PREDICTED, "y_score": np.linspace(0, 1, 120), "sample_weight": np.ones(120)}
    masked = np.ma.masked_array(given[part], mask=MASK if hidden else False)
    others = {name: value for name, value in {**given, part: masked}.items() if name not in ("true", "predicted")}
    people = {"sensitive_features": {"sex": SEX}, "favorable_label": 1}

    def counted():
        true, predicted = (masked if name == part else given[name] for name in ("true", "predicted"))
        return BiasDetector.from_predictions(true, predicted, **people, **others).counts.n

    if hidden:
        with pytest.raises(DataError, match=message):
            counted()
    else:
        assert counted() == 120


def test_masked_words_and_masked_predictions_of_a_model_are_missing():
    words = np.ma.masked_array(WORDS[TRUE], mask=MASK)
    with pytest.raises(DataError, match="y_true has 3 missing values of 120"):
        audited(words, WORDS[PREDICTED], pd.DataFrame({"sex": SEX}), "approved")
    data = Dataset(pd.DataFrame({"x": TRUE}), pd.Series(TRUE), pd.DataFrame({"sex": SEX}), favorable_label=1)
    with pytest.raises(DataError, match="y_pred has 3 missing values of 120"):
        BiasDetector(lambda X: np.ma.masked_array(X["x"], mask=MASK), data)


def test_a_masked_group_is_unknown():
    people = np.ma.masked_array(SEX, mask=MASK)
    found = BiasDetector.from_predictions(TRUE, PREDICTED, sensitive_features=people, favorable_label=1)
    assert found.detect_bias(intervals=False).group("sensitive_feature", "unknown").n == 3


def test_one_label_of_each_kind_is_a_binary_target_where_the_kinds_agree():
    for true, predicted in (([0] * 120, [1] * 120), ([False] * 120, [1.0] * 120), (["no"] * 120, ["yes"] * 120)):
        assert audited(true, predicted, pd.DataFrame({"sex": SEX}), predicted[0]).overall["accuracy"].value == 0


def test_a_favorable_label_of_another_type_is_told_by_its_type():
    with pytest.raises(DataError, match=r"'1' is not a label: did you mean 1 \(int, not str\)\?"):
        audited(TRUE, PREDICTED, pd.DataFrame({"sex": SEX}), "1")


SHUFFLED = np.random.default_rng(1).permutation(120)


@pytest.mark.parametrize("part", ["true", "predicted", "groups", "score", "weight", "factor"])
def test_an_index_in_another_order_is_refused_where_position_would_mix_up_people(part):
    given = {
        "true": pd.Series(TRUE),
        "predicted": pd.Series(PREDICTED),
        "groups": pd.DataFrame({"sex": SEX}),
        "score": pd.Series(np.linspace(0, 1, 120)),
        "weight": pd.Series(np.ones(120)),
        "factor": pd.DataFrame({"job": SEX}),
    }

    def audit():
        return BiasDetector.from_predictions(
            given["true"],
            given["predicted"],
            sensitive_features=given["groups"],
            favorable_label=1,
            y_score=given["score"],
            sample_weight=given["weight"],
            legitimate_factors=given["factor"],
        ).counts.n

    assert audit() == 120
    given[part] = given[part].iloc[SHUFFLED]
    with pytest.raises(DataError, match="same index in another order, and rows are matched by position"):
        audit()
    given[part] = given[part].set_axis(range(500, 620))
    assert audit() == 120  # names that the others do not have say nothing about the order


def test_a_dict_of_series_is_not_moved_to_where_its_indexes_meet():
    # pandas sorts the union of indexes: rows would leave the place of their label.
    groups = {"sex": pd.Series(SEX, index=range(119, -1, -1)), "same": pd.Series(SEX, index=range(60, 180))}
    found = audited(TRUE, PREDICTED, groups, 1)
    for name in groups:
        expected = EXPECTED.disparity("equalized_odds_difference", "sex").value
        assert found.disparity("equalized_odds_difference", name).value == expected
    with pytest.raises(DataError, match="sex and other have the same index in another order"):
        audited(TRUE, PREDICTED, {"sex": pd.Series(SEX), "other": pd.Series(SEX).iloc[SHUFFLED]}, 1)
    with pytest.raises(DataError, match="'other': 119"):
        audited(TRUE, PREDICTED, {"sex": SEX, "other": SEX[1:]}, 1)


def test_a_dataset_refuses_parts_in_another_order():
    parts = {"X": pd.DataFrame({"x": TRUE}), "y": pd.Series(TRUE), "sensitive_features": pd.DataFrame({"sex": SEX})}
    data = Dataset(**parts, favorable_label=1)
    for part in parts:
        with pytest.raises(DataError, match=f"{part} .*same index in another order|and {part} have the same index"):
            Dataset(**{**parts, part: parts[part].iloc[SHUFFLED]}, favorable_label=1)
    with pytest.raises(DataError, match="y and sample_weight have the same index in another order"):
        BiasDetector(lambda X: X["x"], data, sample_weight=pd.Series(np.ones(120)).iloc[SHUFFLED])


DAYS = pd.date_range("1950-01-01", periods=120, freq="97D")


@pytest.mark.parametrize("several", [False, True])
def test_labels_that_are_dates_stand_in_the_dict_as_text(several):
    days = pd.to_datetime(pd.Series(["2020-01-01", "2021-01-01", "2022-01-01"][: 3 if several else 2] * 40))
    good = [days[0], days[1]] if several else days[0]
    found = audited(days, days, pd.DataFrame({"sex": SEX[: len(days)]}), good)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["classes"] == [str(label) for label in found.classes]
    assert stored["favorable_label"] == ([str(label) for label in good] if several else str(good))


def test_a_sparse_column_is_refused_with_the_remedy():
    sparse = csr_array(TRUE[:, None])
    for given in ((sparse, PREDICTED), (TRUE, sparse)):
        with pytest.raises(DataError, match=r"y_\w+ is a sparse matrix: .* \.toarray\(\)\.ravel\(\)"):
            audited(*given, pd.DataFrame({"sex": SEX}), 1)


def test_tables_of_arrow_are_frames_of_named_columns():
    table = pa.table({"sex": SEX, "other": SEX[::-1].copy()})
    assert list(audited(TRUE, PREDICTED, table, 1).audits) == ["sex", "other", "sex & other"]
    found = audited(TRUE, PREDICTED, table, 1).disparity("equalized_odds_difference", "sex")
    assert found.value == EXPECTED.disparity("equalized_odds_difference", "sex").value
    assert list(audited(TRUE, PREDICTED, table["sex"], 1).audits) == ["sex"]


def test_a_network_that_answers_in_one_column_is_read():
    data = Dataset(pd.DataFrame({"x": PREDICTED}), pd.Series(TRUE), pd.DataFrame({"sex": SEX}), favorable_label=1)
    found = BiasDetector(lambda X: X[["x"]].to_numpy(), data).detect_bias(intervals=False)
    name = "equalized_odds_difference"
    assert found.disparity(name, "sex").value == EXPECTED.disparity(name, "sex").value
    with pytest.raises(DataError, match="shape"):
        BiasDetector(lambda X: np.column_stack([X["x"], X["x"]]), data)


class Sorting:
    """A model that is always right and answers in the order of its own sorting, as a merge or a ranking does."""

    classes_ = np.array([0, 1])

    def predict(self, X):
        return (X.sort_values("x")["x"] > 0).astype(int)


class SortingScores(Sorting):
    def predict(self, X):
        return (X["x"] > 0).astype(int)

    def predict_proba(self, X):
        chosen = X.sort_values("x")["x"] > 0
        return pd.DataFrame({0: 1.0 - chosen, 1: 1.0 * chosen})


@pytest.mark.parametrize("model", [Sorting(), Sorting().predict, SortingScores()], ids=["model", "function", "scores"])
def test_a_model_that_answers_in_another_order_is_refused(model):
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=120)}, index=range(7, 127))
    data = Dataset(X, pd.Series((X["x"] > 0).astype(int)), pd.DataFrame({"sex": SEX}), favorable_label=1)
    with pytest.raises(DataError, match="X and what the model gives have the same index in another order"):
        BiasDetector(model, data)


@pytest.mark.parametrize(
    "column",
    [DAYS, pd.Series(DAYS.date), DAYS.tz_localize("UTC"), DAYS.to_period("D"), DAYS - DAYS[0], pd.Categorical(DAYS)],
    ids=["days", "dates", "zone", "periods", "spans", "categories"],
)
def test_many_dates_are_refused_without_showing_one(column):
    with pytest.raises(DataError, match="'born' has 120 different dates: give the year or the age") as told:
        audited(TRUE, PREDICTED, pd.DataFrame({"born": column}), 1)
    assert "19" not in str(told.value)


def test_few_dates_are_groups_and_bands_are_not_of_dates():
    quarters = pd.Series(DAYS[np.arange(120) % 4])
    assert len(audited(TRUE, PREDICTED, pd.DataFrame({"since": quarters}), 1).audit("since").groups) == 4
    people = pd.DataFrame({"born": DAYS})
    with pytest.raises(DataError, match="bins of 'born' are numbers, and its values are dates"):
        BiasDetector.from_predictions(
            TRUE, PREDICTED, sensitive_features=people, favorable_label=1, bins={"born": [1970]}
        )


def test_texts_that_are_nearly_all_different_are_refused_without_showing_one():
    people = pd.DataFrame({"name": [f"Ann No. {at}" for at in range(120)]})
    with pytest.raises(DataError, match="'name' has 120 different values in 120 rows: a group is of several") as told:
        audited(TRUE, PREDICTED, people, 1)
    assert "Ann" not in str(told.value)
    honest = pd.DataFrame(
        {"town": [f"town {at % 60}" for at in range(120)], "few": [str(at % 50) for at in range(120)]}
    )
    assert audited(TRUE, PREDICTED, honest, 1).n == 120  # sixty towns, two people each
    few = pd.DataFrame({"country": [f"country {at}" for at in range(50)]})
    assert audited(TRUE[:50], PREDICTED[:50], few, 1).n == 50


def test_files_are_judged_by_all_of_their_rows(tmp_path):
    columns = {"y_true": "y", "y_pred": "p", "favorable_label": 1}
    rows = pd.DataFrame({"y": TRUE, "p": PREDICTED, "town": [f"town {at % 60}" for at in range(120)]})
    rows.assign(name=[f"Ann {at}" for at in range(120)]).to_parquet(tmp_path / "rows.parquet")
    given = {"paths": tmp_path, "batch_rows": 60, **columns}  # in each part every town is there once
    assert BiasDetector.from_parquet(sensitive_features=["town"], **given).counts.n == 120
    with pytest.raises(DataError, match="'name' has 120 different values in 120 rows"):
        BiasDetector.from_parquet(sensitive_features=["name"], **given)


@pytest.mark.parametrize("name", ["sample_weight", "frequency_weight"])
def test_weights_that_are_no_numbers_are_refused(name):
    people = pd.DataFrame({"sex": SEX})
    with pytest.raises(DataError, match=f"{name} holds what is no number: give one number a row"):
        BiasDetector.from_predictions(
            TRUE, PREDICTED, sensitive_features=people, favorable_label=1, **{name: ["heavy"] * 120}
        )


@pytest.mark.parametrize("edges", [40, [], [40, 30], ["forty"], [[1, 2]], [np.nan]])
def test_bands_need_rising_edges(edges):
    people = pd.DataFrame({"age": TRUE + 20})
    with pytest.raises(DataError, match=r"bins of 'age' are .*: give rising numbers, as in \[25, 40, 62\]"):
        BiasDetector.from_predictions(
            TRUE, PREDICTED, sensitive_features=people, favorable_label=1, bins={"age": edges}
        )


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"alpha": 0}, "alpha is 0: give a number between 0 and 1"),
        ({"alpha": 2}, "alpha is 2: give a number between 0 and 1"),
        ({"alpha": np.nan}, "alpha is nan: give a number between 0 and 1"),
        ({"confidence": 95}, "confidence is 95: give a number between 0 and 1"),
        ({"confidence": "95%"}, "confidence is '95%': give a number between 0 and 1"),
        ({"replicates": 0}, "replicates is 0: give a whole number from 1 on"),
        ({"replicates": 1e3}, "replicates is 1000.0: give a whole number from 1 on"),
        ({"seed": -1}, "seed is -1: give a whole number from 0 on"),
        ({"depth": 1.5}, "depth is 1.5: give 1 for no intersections, or a larger whole number"),
        ({"depth": 0}, "depth is 0: give 1 for no intersections, or a larger whole number"),
        ({"depth": True}, "depth is True: give 1 for no intersections, or a larger whole number"),
    ],
)
def test_options_out_of_range_are_named(option, told):
    detector = BiasDetector.from_predictions(TRUE, PREDICTED, sensitive_features={"sex": SEX}, favorable_label=1)
    with pytest.raises(DataError, match=told):
        detector.detect_bias(**option)


@pytest.mark.parametrize("group", [True, 1, 1.0, ("f", "m"), None])
def test_a_group_that_does_not_exist_is_named(group):
    with pytest.raises(DataError, match="sex has no group"):
        EXPECTED.group("sex", group)


def test_groups_are_found_by_their_value():
    report = audited(TRUE, PREDICTED, {"veteran": PREDICTED == 1, "kids": TRUE}, 1)
    assert report.group("veteran", True).n == (PREDICTED == 1).sum()
    assert report.group("kids", 1).n == TRUE.sum()
    assert report.group("veteran & kids", (True, 1)).n == ((PREDICTED == 1) & (TRUE == 1)).sum()


@pytest.mark.parametrize("value", ["x", -4, 3.5, True, None])
def test_a_minimum_that_is_no_whole_number_is_named(value):
    detector = BiasDetector.from_predictions(TRUE, PREDICTED, sensitive_features={"sex": SEX}, favorable_label=1)
    with pytest.raises(DataError, match=f"min_group_size is {value!r}: give a whole number from 0 on"):
        detector.detect_bias(min_group_size=value)


def test_values_without_an_order_are_told_by_their_kind():
    people = pd.DataFrame({"place": np.array([1 + 2j, 3 - 1j] * 60)})
    with pytest.raises(DataError, match=r"place holds values without an order \(complex\): give text"):
        audited(TRUE, PREDICTED, people, 1)
    with pytest.raises(DataError, match="y holds values without an order"):
        Dataset(pd.DataFrame({"x": TRUE}), pd.Series(people["place"]), pd.DataFrame({"sex": SEX}), favorable_label=1)


class Scored:
    """A model whose probabilities have the shape that it is told."""

    def __init__(self, proba, classes=(0, 1)):
        self.proba, self.classes_ = proba, np.array(classes)

    def predict(self, X):
        return X["x"].to_numpy()

    def predict_proba(self, X):
        return self.proba


DATA = Dataset(pd.DataFrame({"x": PREDICTED}), pd.Series(TRUE), pd.DataFrame({"sex": SEX}), favorable_label=1)


@pytest.mark.parametrize(
    ("proba", "classes"),
    [
        (np.full(120, 0.5), (0, 1)),
        (np.full((120, 3), 1 / 3), (0, 1)),
        (np.full((119, 2), 0.5), (0, 1)),
        (np.full((120, 2), 0.5), (0, 1, 2)),
    ],
)
def test_probabilities_of_another_shape_are_named(proba, classes):
    with pytest.raises(
        ModelError, match=r"predict_proba gives shape \(.*for each of 120 rows and a column for each of"
    ):
        BiasDetector(Scored(proba, classes), DATA)


def test_models_that_cannot_answer_say_what_to_do():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ModelError, match=r"LogisticRegression is a class and no model: make one and fit it"):
        BiasDetector(LogisticRegression, DATA)
    with pytest.raises(ModelError, match=r"LogisticRegression is not fitted: call its fit\(X, y\) first"):
        BiasDetector(LogisticRegression(), DATA)
    other = LogisticRegression().fit(pd.DataFrame({"income": TRUE}), TRUE)
    with pytest.raises(ModelError, match="fitted on other columns: X lacks 'income'; give"):
        BiasDetector(other, DATA)
    wide = Dataset(DATA.X.assign(z=1), DATA.y, DATA.sensitive_features, favorable_label=1)
    with pytest.raises(ModelError, match="X has more, or in another order; give the columns of the fit"):
        BiasDetector(LogisticRegression().fit(DATA.X, TRUE), wide)
