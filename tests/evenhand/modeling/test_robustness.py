"""The checks of robustness on real models: known answers, bounds, determinism, and what is undefined and why."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline

from evenhand.exceptions import DataError
from evenhand.fairness.methods import GroupThresholds
from evenhand.fairness.served import as_served
from evenhand.fairness.statistics import clopper_pearson
from evenhand.modeling.preprocessing import make_preprocessor
from evenhand.modeling.robustness import FIGURES, assess_robustness
from evenhand.modeling.robustness_seen import Distances

RNG = np.random.default_rng(0)
N = 600


def drawn(n=N):
    return pd.DataFrame(
        {
            "income": RNG.normal(50, 10, n),
            "debt": np.where(RNG.random(n) < 0.05, np.nan, RNG.normal(20, 5, n)),
            "rooms": RNG.integers(1, 9, n),
            "job": RNG.choice(["clerk", "smith", "nurse"], n),
            "owner": RNG.random(n) < 0.5,
        }
    )


TRAIN, X = drawn(), drawn()
SENSITIVE = pd.DataFrame({"sex": RNG.choice(["female", "male"], N), "race": ["few"] * 6 + ["many"] * (N - 6)})


def truth(rows, noise=4.0):
    points = rows["income"] - 0.8 * rows["debt"].fillna(20) + 3 * (rows["job"] == "nurse")
    return (points + RNG.normal(0, noise, len(rows)) > 36).astype(int)


Y_TRAIN, Y = truth(TRAIN), truth(X)
MODEL = make_pipeline(make_preprocessor(TRAIN, scale=True), LogisticRegression()).fit(TRAIN, Y_TRAIN)


def assess(model=MODEL, people=X, y=Y, **asked):
    given = {"background": TRAIN, "favorable_label": 1, "seed": 0, "rows": 300, "flip_rows": 40, **asked}
    return assess_robustness(model, people, y, SENSITIVE, **given)


FOUND = assess()


def test_every_figure_is_there_and_described():
    assert list(FOUND.findings) == list(FIGURES)
    assert (FOUND.n, FOUND.rows) == (600, 300)


def test_every_value_lies_within_its_interval_and_shares_within_bounds():
    for name, found in FOUND.findings.items():
        for one in (found, *(each for groups in found.groups.values() for each in groups.values())):
            if math.isnan(one.value):
                assert one.reason, name
                continue
            assert one.low <= one.value <= one.high, name
            assert one.high <= 1 or found.unit != "share", name


def test_more_change_moves_more_decisions():
    little, much = assess(noise=0.02, missing=0.02), assess(noise=1.0, missing=0.6)
    for name in ("noise_agreement", "missing_agreement", "boundary_agreement"):
        assert much.findings[name].value < little.findings[name].value, name


def test_a_model_that_looks_at_nothing_is_moved_by_nothing():
    model = DummyClassifier(strategy="constant", constant=0).fit(TRAIN, Y_TRAIN)
    found = assess(model).findings
    for name in ("noise_agreement", "missing_agreement", "unseen_agreement"):
        assert found[name].value == 1.0
    accuracy = float((Y == 0).mean())
    assert found["label_noise_accuracy"].value == pytest.approx(0.95 * accuracy + 0.05 * (1 - accuracy))
    assert found["flip_possible_share"].value == 0.0
    assert found["flip_distance_median"].reason.startswith("a lower bound: more than half")
    assert found["flip_distance_median"].value > 1.0


def test_the_smallest_flip_of_a_linear_model_is_near_what_its_coefficient_says():
    """One feature: the distance to the threshold in standard deviations, up to the grid of training values."""
    rows = TRAIN[["income"]]
    model = LogisticRegression(C=1e6).fit(rows, (rows["income"] > 55).astype(int))
    boundary = -model.intercept_[0] / model.coef_[0, 0]
    tested = X[["income"]]
    found = assess_robustness(
        model,
        tested,
        (tested["income"] > 55).astype(int),
        SENSITIVE,
        background=rows,
        favorable_label=1,
        flip_rows=1000,
    ).findings["flip_distance_median"]
    denied = tested["income"][tested["income"] < boundary]
    exact = float(((boundary - denied) / rows["income"].std(ddof=0)).median())
    assert exact <= found.value <= exact + 0.35


def test_the_boundary_is_counted_by_hand():
    proba = MODEL.predict_proba(X)[:, 1]
    found = assess(rows=N, band=0.1).findings["boundary_share_outside"]
    assert found.value == pytest.approx(float((np.abs(proba - 0.5) > 0.1).mean()))
    assert FOUND.findings["boundary_share_outside"].n == 300


def test_a_threshold_of_its_own_moves_the_boundary():
    moved = FixedThresholdClassifier(FrozenEstimator(MODEL), threshold=0.8).fit(TRAIN, Y_TRAIN)
    proba = MODEL.predict_proba(X)[:, 1]
    found = assess(moved, rows=N).findings["boundary_share_outside"]
    assert found.value == pytest.approx(float((np.abs(proba - 0.8) > 0.05).mean()))


def test_decisions_that_do_not_follow_from_probabilities_have_no_boundary():
    class ByGroup:
        classes_ = np.array([0, 1])

        def predict(self, rows):
            return (rows["rooms"] > 4).astype(int).to_numpy()

        def predict_proba(self, rows):
            return MODEL.predict_proba(rows)

    found = assess(ByGroup()).findings
    assert math.isnan(found["boundary_share_outside"].value)
    assert found["boundary_agreement"].reason == "its decisions do not follow from its probabilities by one threshold"
    assert not math.isnan(found["noise_agreement"].value)


def test_a_model_without_probabilities_has_no_boundary():
    class Labels:
        classes_ = np.array([0, 1])

        def predict(self, rows):
            return MODEL.predict(rows)

    assert assess(Labels()).findings["boundary_share_outside"].reason == "the model gives no probabilities"


def test_a_model_that_refuses_changed_rows_leaves_them_undefined():
    class Strict:
        classes_ = np.array([0, 1])

        def predict(self, rows):
            if rows.isna().any().any():
                raise ValueError(f"found a value of {rows['income'].iloc[0]}")
            return (rows["income"] > 50).astype(int).to_numpy()

    found = assess(Strict(), X.drop(columns="debt"), background=TRAIN.drop(columns="debt"))
    assert math.isnan(found.findings["missing_agreement"].value)
    assert found.findings["missing_agreement"].reason == "the model cannot decide on such rows (ValueError)"
    assert not math.isnan(found.findings["noise_agreement"].value)


def test_the_same_seed_gives_the_same_figures_and_settings_do_not_disturb_one_another():
    assert assess().to_dict() == FOUND.to_dict()
    other = assess(seed=1).findings
    assert other["noise_agreement"].value != FOUND.findings["noise_agreement"].value
    changed = assess(noise=0.5).findings
    assert changed["missing_agreement"] == FOUND.findings["missing_agreement"]
    assert changed["flip_distance_median"] == FOUND.findings["flip_distance_median"]


def test_few_people_are_withheld_everywhere():
    for name, found in FOUND.findings.items():
        few = found.groups["race"].get("few")
        assert few is None or math.isnan(few.value), name
        assert few is None or few.reason == "fewer than 10 rows", name


def test_groups_and_the_shift_are_counted_on_all_rows():
    right = MODEL.predict(X) == Y
    women = (SENSITIVE["sex"] == "female").to_numpy()
    found = FOUND.findings["shift_accuracy"]
    assert found.groups["sex"]["female"].value == pytest.approx(float(right[women].mean()))
    assert found.groups["sex"]["female"].n == int(women.sum())
    assert found.value <= float(right.mean())


def test_known_decisions_are_taken_as_they_are():
    assert assess(decided=MODEL.predict(X)).to_dict() == FOUND.to_dict()


def test_several_labels_and_none_that_is_favorable():
    y = np.array(["no", "yes", "maybe"])[RNG.integers(0, 3, N)]
    model = make_pipeline(make_preprocessor(TRAIN, scale=True), LogisticRegression()).fit(TRAIN, y)
    found = assess_robustness(model, X, y, SENSITIVE, background=TRAIN, seed=0, rows=200).findings
    assert found["flip_distance_median"].reason == "no label is declared favorable"
    ordered = np.sort(model.predict_proba(X), axis=1)
    assert not math.isnan(found["boundary_share_outside"].value)
    whole = assess_robustness(model, X, y, SENSITIVE, background=TRAIN, rows=N, band=0.02).findings
    gap = (ordered[:, -1] - ordered[:, -2]) / 2
    assert whole["boundary_share_outside"].value == pytest.approx(float((gap > 0.02).mean()))
    favorable = assess_robustness(model, X, y, SENSITIVE, background=TRAIN, favorable_label="yes", rows=200).findings
    assert 0 < favorable["flip_possible_share"].value <= 1


def test_features_that_cannot_be_changed_leave_figures_undefined():
    numbers = TRAIN[["income"]]
    model = LogisticRegression().fit(numbers, Y_TRAIN)
    found = assess_robustness(model, X[["income"]], Y, SENSITIVE, background=numbers, favorable_label=1).findings
    assert found["unseen_agreement"].reason == "no feature is a category"
    names = TRAIN[["job"]]
    model = make_pipeline(make_preprocessor(names, scale=True), LogisticRegression()).fit(names, Y_TRAIN)
    found = assess_robustness(model, X[["job"]], Y, SENSITIVE, background=names, favorable_label=1).findings
    assert found["noise_agreement"].reason == found["boundary_agreement"].reason == "no feature is a number that varies"


def test_sensitive_columns_of_a_model_that_takes_them_are_never_changed():
    seen = []

    class Watching:
        classes_ = np.array([0, 1])

        def predict(self, rows):
            seen.append(rows["sensitive:sex"].isin(["female", "male"]).all())
            return MODEL.predict(rows.drop(columns="sensitive:sex"))

    rows, train = (part.assign(**{"sensitive:sex": SENSITIVE["sex"]}) for part in (X, TRAIN))
    found = assess(Watching(), rows, background=train)
    assert all(seen)
    assert found.findings["noise_agreement"] == FOUND.findings["noise_agreement"]
    assert found.findings["flip_distance_median"] == FOUND.findings["flip_distance_median"]


def test_a_model_with_thresholds_by_group_is_tried_with_its_groups():
    """Its signature has the sensitive column; no single threshold decides, so nothing is said about a boundary."""
    sex = SENSITIVE[["sex"]]
    method = GroupThresholds(MODEL, cv=2, favorable_label=1).fit(TRAIN, Y_TRAIN, sensitive_features=sex)
    model = as_served(method, ["sex"])
    rows, train = (part.assign(**{"sensitive:sex": sex["sex"]}) for part in (X, TRAIN))
    found = assess(model, rows, background=train).findings
    assert 0.5 < found["noise_agreement"].value <= 1
    assert 0 < found["flip_possible_share"].value <= 1
    assert found["boundary_share_outside"].reason


def test_it_becomes_json_and_a_table_without_a_row_of_anybody():
    said = json.dumps(FOUND.to_dict(), allow_nan=False)
    assert json.loads(said)["noise_agreement"]["groups"]["race"]["few"]["value"] is None
    frame = FOUND.to_frame()
    assert set(frame["figure"]) == set(FIGURES)
    assert {"", "sex", "race"} == set(frame["attribute"])


def test_the_picture_names_every_defined_share():
    from evenhand.plotting import figure_to_svg

    svg = figure_to_svg(FOUND.plot())
    for name, found in FOUND.findings.items():
        shown = name.replace("_", " ").capitalize() in svg
        assert shown == (found.unit == "share" and not math.isnan(found.value)), name
    assert "groups of race" in svg


@pytest.mark.parametrize(
    ("rows", "y", "said"),
    [(X.head(0), Y.head(0), "there is no row"), (X, Y.head(3), "y has 3 rows and X has 600")],
)
def test_parts_that_do_not_fit_are_refused(rows, y, said):
    with pytest.raises(DataError, match=said):
        assess(MODEL, rows, y)


def test_inputs_stay_as_they_are():
    before = X.copy(deep=True)
    assess()
    pd.testing.assert_frame_equal(X, before)


def test_of_several_favorable_labels_each_ends_a_denial():
    """A model that gives one favorable label or the other flips a denial exactly where one that gives one does."""
    three = Y_TRAIN.map({0: "poor", 1: "fair"}).mask((Y_TRAIN == 1) & (TRAIN["rooms"] > 4), "good")

    class Split:
        """Favorable by MODEL; which favorable label it is goes by the rooms."""

        classes_ = np.array(sorted(set(three)))

        def predict(self, rows):
            good = np.where(rows["rooms"].to_numpy(float) > 4, "good", "fair")
            return np.where(MODEL.predict(rows) == 1, good, "poor")

    truth = Y.map({0: "poor", 1: "fair"})
    found = assess(Split(), y=truth, favorable_label=["good", "fair"]).findings
    for name in ("flip_distance_median", "flip_possible_share"):
        assert found[name].n > 0
        assert found[name] == FOUND.findings[name]
    one = assess(Split(), y=truth, favorable_label="good").findings
    assert one["flip_distance_median"] != found["flip_distance_median"]


def test_another_level_needs_no_further_decision():
    asked = []

    class Counting:
        classes_ = MODEL.classes_

        def predict(self, rows):
            asked.append(len(rows))
            return MODEL.predict(rows)

        def predict_proba(self, rows):
            return MODEL.predict_proba(rows)

    found, before = assess(Counting()), len(asked)
    other = found.at(0.999)
    assert len(asked) == before
    assert other.to_dict() == assess(confidence=0.999).to_dict()
    assert found.to_dict() == FOUND.to_dict(), "the first one stays as it is"


SMALL = 0.05 / (52 * 53)
"""What the 52nd look may spend of .05."""


def test_limits_for_a_verdict_are_exact_at_a_small_level():
    """Clopper and Pearson's, carried along label noise and into the worst mixture; page and verdict agree in values."""
    found = FOUND.at(1 - SMALL, exact=True).findings
    for name, one in found.items():
        assert one.value == pytest.approx(FOUND.findings[name].value, nan_ok=True), name
        assert math.isnan(one.value) or one.low <= FOUND.findings[name].low <= FOUND.findings[name].high <= one.high
    right = int((MODEL.predict(X) == Y).sum())
    low, high = (float(limit) for limit in clopper_pearson(right, N, 1 - SMALL))
    noisy = found["label_noise_accuracy"]
    assert (noisy.low, noisy.high) == pytest.approx((0.95 * low + 0.05 * (1 - low), 0.95 * high + 0.05 * (1 - high)))
    women = (SENSITIVE["sex"] == "female").to_numpy()
    hits = int((MODEL.predict(X) == Y)[women].sum())
    limits = clopper_pearson(hits, int(women.sum()), 1 - SMALL)
    female = found["shift_accuracy"].groups["sex"]["female"]
    assert (female.low, female.high) == pytest.approx(tuple(map(float, limits)))
    # Women, men and the many: each at a third of the error.
    parts = [((MODEL.predict(X) == Y)[rows].sum(), rows.sum()) for rows in (women, ~women)]
    lows = [float(clopper_pearson(k, n, 1 - SMALL / 2)[0]) for k, n in parts]
    assert min(lows) <= found["shift_accuracy"].low <= max(lows)


def test_order_statistics_that_cannot_enclose_a_median_at_a_level_give_no_limits():
    """Of 16 rows both ends miss the median with probability 2 * 2^-16 = 3.1e-5, which is above 1.8e-5; of 17 below."""
    for n, known in ((16, False), (17, True)):
        seen = Distances(np.arange(1.0, n + 1), np.arange(1.0, n + 1), 10)
        found = seen.at(1 - SMALL, exact=True)
        assert (found.low, found.high) == ((1.0, 17.0) if known else pytest.approx((math.nan,) * 2, nan_ok=True))
        assert found.reason == ("" if known else "16 rows are too few to bound a median at level 1.81e-05")
        assert seen.at(0.95).low > 1, "what is shown has its limits"


def test_how_far_was_tried_is_no_upper_limit_of_a_median():
    """Nine of forty rows flip nowhere: the median's upper limit at a small level lies beyond every move."""
    distance = np.where(np.arange(40) < 31, np.arange(40.0), math.inf)
    seen = Distances(distance, np.full(40, 50.0), 10)
    assert (seen.at(0.95).high, seen.at(0.9999).high) == (26.0, 50.0)
    found = seen.at(0.9999, exact=True)
    assert (found.value, found.low, found.high) == (19.0, 7.0, math.inf)
    never = Distances(np.full(40, math.inf), np.full(40, 50.0), 10).at(0.9999, exact=True)
    assert (never.value, never.low, never.high) == (50.0, 50.0, math.inf)
