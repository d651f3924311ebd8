"""One pass over new data: parts or whole, codes or text, it counts the same, and says what it cannot watch."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evenhand.data.contract import infer_contract
from evenhand.data.dataset import Dataset
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import open_source
from evenhand.exceptions import DataError
from evenhand.explain import Attributions
from evenhand.fairness import BiasDetector
from evenhand.monitoring import (
    Layout,
    Observation,
    Outcomes,
    Reference,
    assess_signals,
    attribution_values,
    build_reference,
    favorable_score,
    judge_fairness,
    judge_look,
    observe,
    open_batch,
)
from evenhand.monitoring.decidable import as_learned
from evenhand.monitoring.plain import hash_keys
from evenhand.monitoring.profile import profile_column
from tests.evenhand.monitoring.worlds import LAYOUT, World, as_batch


@pytest.fixture(scope="module")
def reference() -> Reference:
    return World().reference(2000, 1)


@pytest.mark.parametrize("rows_a_group", [100_000, 700, 1])
def test_parquet_in_parts_counts_what_the_frame_does(reference: Reference, tmp_path: Path, rows_a_group: int) -> None:
    frame = World().frame(1500 if rows_a_group > 1 else 40, 3)
    frame.to_parquet(tmp_path / "new.parquet", row_group_size=rows_a_group)
    with open_batch({"path": str(tmp_path / "new.parquet")}) as batch:
        parts = observe(batch, reference, LAYOUT)
    whole = observe(as_batch(frame), reference, LAYOUT)
    for role in ("n", "features", "groups", "prediction", "score", "target", "notes"):
        assert getattr(parts, role) == getattr(whole, role)
    assert parts.decisions is not None
    assert whole.decisions is not None
    assert parts.decisions.marginal(["sex"]).counts.tolist() == whole.decisions.marginal(["sex"]).counts.tolist()


def test_the_order_of_rows_and_a_change_of_the_frame_do_not_matter(reference: Reference) -> None:
    frame = World().frame(500, 3)
    before = frame.copy()
    first = observe(as_batch(frame), reference, LAYOUT)
    pd.testing.assert_frame_equal(frame, before)
    again = observe(as_batch(frame.sample(frac=1, random_state=1, ignore_index=True)), reference, LAYOUT)
    assert (first.features, first.score) == (again.features, again.score)


def test_an_observation_survives_json(reference: Reference) -> None:
    contract = infer_contract(World().frame(500, 4).drop(columns="id"), target="paid")
    frame = World().frame(500, 3).assign(x1=999.0)
    found = observe(as_batch(frame), reference, LAYOUT, contract=contract)
    assert [problem.where for problem in found.broken] == ["x1"]
    back = Observation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert back.to_dict() == found.to_dict()
    assert back.decisions is not None
    audited = BiasDetector.from_counts(back.decisions, favorable_label="1").detect_bias(depth=1)
    assert audited.n == 500


def test_what_is_kept_of_a_row_has_no_feature_and_no_key_in_clear(reference: Reference) -> None:
    kept: list[pd.DataFrame] = []
    observe(as_batch(World().frame(50, 3)), reference, LAYOUT, keep=kept.append)
    assert set(kept[0].columns) == {"prediction", "score", "target", "group:sex", "key"}
    assert kept[0]["key"].min() > 1_000_000


@pytest.mark.parametrize("rows_a_group", [100_000, 70])
def test_a_row_that_stands_twice_counts_once(reference: Reference, tmp_path: Path, rows_a_group: int) -> None:
    """Twice the rows of the same people are no more evidence than once."""
    frame = World().frame(300, 3)
    doubled = pd.concat([frame, frame.head(200).assign(prediction=0)], ignore_index=True)
    doubled.to_parquet(tmp_path / "new.parquet", row_group_size=rows_a_group)
    kept: list[pd.DataFrame] = []
    with open_batch({"path": str(tmp_path / "new.parquet")}) as batch:
        found = observe(batch, reference, LAYOUT, keep=kept.append)
    once = observe(as_batch(frame), reference, LAYOUT)
    for role in ("n", "features", "groups", "prediction", "score", "target"):
        assert getattr(found, role) == getattr(once, role)
    assert found.notes == ("200 of 500 rows repeat the id of a row before them: each counts once",)
    assert sum(map(len, kept)) == pd.concat(kept)["key"].nunique() == 300


def test_rows_without_a_key_all_count_and_are_told(reference: Reference) -> None:
    frame = World().frame(300, 3)
    frame["id"] = frame["id"].astype("Int64").where(np.arange(300) >= 20)
    kept: list[pd.DataFrame] = []
    found = observe(as_batch(frame), reference, LAYOUT, keep=kept.append)
    assert (found.n, found.notes) == (300, ("no outcome can find 20 rows later: they have no id",))
    assert kept[0]["key"].isna().sum() == 20


def test_a_file_among_several_may_lack_the_key(reference: Reference, tmp_path: Path) -> None:
    frame = World().frame(300, 3)
    frame[:150].to_parquet(tmp_path / "a.parquet")
    frame[150:].drop(columns="id").to_parquet(tmp_path / "b.parquet")
    kept: list[pd.DataFrame] = []
    with open_batch({"path": str(tmp_path)}) as batch:
        found = observe(batch, reference, LAYOUT, keep=kept.append)
    assert (found.n, found.notes) == (300, ("no outcome can find 150 rows later: they have no id",))
    assert pd.concat(kept)["key"].isna().tolist() == [False] * 150 + [True] * 150


def test_keys_are_the_same_in_whatever_form_they_come() -> None:
    whole = hash_keys(pd.Series([7, 10_000_000_000]))
    assert (hash_keys(pd.Series([7.0, 1e10])) == whole).all()
    assert (hash_keys(pd.Series(["7", "10000000000"])) == whole).all()
    assert (hash_keys(pd.Series(["7", "10000000000"], dtype="category")) == whole).all()
    assert len(set(hash_keys(pd.Series(["a", "b", "07", "7"])).tolist())) == 4


def test_a_group_that_nobody_had_named_becomes_unknown_and_shows(reference: Reference) -> None:
    named = Layout(sensitive={"sex": Sensitive(column="sex", labels={"f": "f", "m": "m"})}, prediction="prediction")
    frame = World().frame(400, 3).assign(sex=["x"] * 100 + ["f"] * 300)
    assert observe(as_batch(frame), reference, named).groups["sex"].share("unknown") == 0.25


def test_dates_flags_with_gaps_and_decimals_are_numbers_as_in_training() -> None:
    from decimal import Decimal

    days = pd.date_range("2026-01-01", periods=300)
    plain = pd.DataFrame({"day": (days - pd.Timestamp(0)) / pd.Timedelta(days=1), "flag": 1.0, "price": 2.5})
    y = pd.Series(np.arange(300) % 2, name="y")
    data = Dataset(plain, y, pd.DataFrame({"sex": ["f", "m"] * 150}), favorable_label=1)
    reference = build_reference(data, data, y, None, classes=[0, 1])
    new = pd.DataFrame({"day": days, "flag": [True, None] * 150, "price": [Decimal("2.5")] * 300})
    found = observe(as_batch(new), reference, Layout())
    assert found.features["day"].counts == reference.features["day"].counts
    assert found.features["flag"].counts == (0, 150, 0, 150)
    assert not any("not compared" in note for note in found.notes)


def test_four_classes_without_a_favorable_label() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 2))
    y = pd.Series(np.array(["a", "b", "c", "d"])[np.digitize(x[:, 0] + rng.normal(0, 0.3, 1200), [-1, 0, 1])], name="y")
    proba = np.eye(4)[pd.factorize(y, sort=True)[0]] * 0.7 + 0.075
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], 1200)})
    data = Dataset(pd.DataFrame(x, columns=["u", "v"]), y, people)
    reference = build_reference(data, data, y, proba, classes=["a", "b", "c", "d"])
    assert reference.favorable_label is None
    assert Reference.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference
    new = data.X.assign(said=y, sex=people["sex"], u=lambda frame: frame["u"] + 1)
    found = observe(as_batch(new), reference, Layout({"sex": Sensitive(column="sex")}, prediction="said"))
    signals = assess_signals(reference, found, Outcomes(y, y.sample(frac=1, random_state=1), None, people), alpha=0.01)
    assert {signal.name for signal in signals if signal.alarm} == {"u", "accuracy"}
    detector = BiasDetector.from_predictions(y, y, sensitive_features=people)
    policies, _ = judge_fairness(detector, ["statistical"], looks=52, evidence="outcomes")
    assert policies[0].verdict in ("PASS", "INCONCLUSIVE")


def test_predictions_in_other_terms_are_told(reference: Reference) -> None:
    frame = World().frame(300, 3)
    frame["prediction"] = frame["prediction"].astype(str).where(np.arange(300) >= 30, "denied")
    assert observe(as_batch(frame), reference, LAYOUT).notes == (
        "30 predictions have a label that the model does not give",
    )


def test_rules_that_need_outcomes_wait_for_them(reference: Reference) -> None:
    found = observe(as_batch(World(gap=0.5).frame(3000, 3)), reference, LAYOUT)
    assert found.decisions is not None
    detector = BiasDetector.from_counts(found.decisions, favorable_label="1")
    (policy,), _ = judge_fairness(detector, ["statistical"], looks=52, evidence="decisions")
    assert {rule.metric for rule in policy.rules} == {"demographic_parity_ratio"}
    assert policy.verdict == "FAIL"
    assert policy.alpha == pytest.approx(0.05 / 52)


def test_rows_that_all_have_their_outcome_are_judged_once_and_too_few_new_ones_are_told(reference: Reference) -> None:
    observation, outcomes = World().look(400, 3, reference)
    asked: dict[str, Any] = {"looks": 52, "min_rows": 200}
    policies = ["statistical", "us-four-fifths"]
    found = judge_look(observation, outcomes, reference, policies, covered=True, **asked)
    assert {(each.evidence, each.alpha) for each in found.policies} == {("outcomes", 0.05 / 52)}
    few, _ = World().look(150, 4, reference)
    found = judge_look(few, outcomes, reference, policies, **asked)
    assert {(each.evidence, each.alpha) for each in found.policies} == {("outcomes", 0.05 / 52)}
    assert found.unjudged == tuple(
        f"{name} was not judged by the new rows: 150 are fewer than 200" for name in policies
    )


def test_several_favorable_labels_are_watched_together() -> None:
    """Their probabilities and their attributions are summed; a file's score is counted in the same cells."""
    rng = np.random.default_rng(0)
    labels = ["bad", "fair", "good"]
    proba = rng.dirichlet([1, 1, 1], 400)
    y = pd.Series(np.array(labels)[proba.argmax(axis=1)])
    data = Dataset(pd.DataFrame({"a": rng.normal(size=400)}), y, pd.DataFrame(index=range(400)), ["good", "fair"])
    values = rng.normal(size=(400, 1, 3))
    made = Attributions(values, np.zeros((400, 3)), ("a",), tuple(labels), "score", "linear")
    reference = build_reference(data, data, y, proba, classes=labels, attributions=made, bins=5)
    assert Reference.from_dict(json.loads(json.dumps(reference.to_dict()))).favorable_label == ["fair", "good"]
    together = proba[:, 1] + proba[:, 2]
    np.testing.assert_array_equal(favorable_score(proba, labels, reference.favorable_label), together)
    found = attribution_values(made, reference.favorable_label)[:, 0]
    np.testing.assert_allclose(found, values[:, 0, 1:].sum(1), rtol=0, atol=1e-12)
    assert reference.score is not None
    assert reference.score.count(pd.Series(together)).counts == reference.score.counts
    told = reference.attributions["a"]
    assert told.count(pd.Series(values[:, 0, 1:].sum(axis=1))).counts == told.counts
    assert favorable_score(proba, labels, ["fair"]).tolist() == proba[:, 1].tolist()
    assert favorable_score(proba, labels, []).tolist() == proba.max(axis=1).tolist()


def test_what_rounding_leaves_of_an_attribution_is_no_signal() -> None:
    """A column that moves nothing had cells of 1e-17, and their change was tested beside the others."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 1, 1)) * 1e-17
    values = np.concatenate([noise, rng.normal(size=(400, 1, 1))], axis=1)
    made = Attributions(values, np.zeros((400, 1)), ("idle", "busy"), ("1",), "score", "linear")
    assert (attribution_values(made, 1)[:, 0] == 0).all()
    y = pd.Series(rng.integers(0, 2, 400))
    rows = pd.DataFrame(rng.normal(size=(400, 2)), columns=["idle", "busy"])
    data = Dataset(rows, y, pd.DataFrame(index=range(400)), 1)
    proba = np.stack([1 - y, y], axis=1).astype(float)
    reference = build_reference(data, data, y, proba, classes=[0, 1], attributions=made, bins=5)
    earlier = profile_column(pd.Series(noise[:, 0, 0], name="idle"), bins=5, min_cell=1)
    attributions = {**reference.attributions, "idle": earlier}
    reference = replace(reference, attributions=attributions)
    zeros = {name: each.count(pd.Series(np.zeros(400))) for name, each in attributions.items()}
    seen = Observation(400, {}, {}, attributions=zeros, attribution_rows=400)
    watched = [signal.name for signal in assess_signals(reference, seen, alpha=0.05) if signal.kind == "attribution"]
    assert watched == ["busy"]


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_new_data_without_a_row_are_refused_and_need_no_hundreds(tmp_path: Path, name: str) -> None:
    """One row is measured and scored: only a training needs more."""
    nothing, file = World().frame(5, 1).iloc[:0], tmp_path / name
    if name.endswith("csv"):
        nothing.to_csv(file, index=False)
    else:
        nothing.to_parquet(file)
    with pytest.raises(DataError, match="no rows: give at least one"), open_source(path=str(file)):
        pass
    with pytest.raises(DataError, match="no rows: give at least one"), open_batch({"path": str(file)}):
        pass


class Ruled:
    """A model that decides by a number and a category, and takes nothing else for either."""

    def __init__(self, cut: float = 0.0) -> None:
        self.cut, self.asked = cut, 0

    def predict(self, X: pd.DataFrame, people: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        self.asked += len(X)
        np.isnan(np.asarray(X["x0"], dtype=np.float64))
        if not np.isfinite(X["x0"].dropna()).all():
            raise ValueError("Input X contains infinity")
        if pd.api.types.is_numeric_dtype(X["region"]):
            raise TypeError("isnan is not supported for the input types")
        assert len(X) == len(people)
        score = 1 / (1 + np.exp(-X["x0"].fillna(0).to_numpy()))
        return (X["x0"].fillna(0).to_numpy() > self.cut).astype(int), score

    def attribute(self, X: pd.DataFrame, people: pd.DataFrame) -> None:
        self.predict(X, people)


SEX = Layout(sensitive={"sex": Sensitive(column="sex")}, key="id")


@pytest.mark.parametrize("cut", [np.inf, -np.inf])
def test_a_model_that_gives_everybody_one_label_is_judged(reference: Reference, cut: float) -> None:
    """The worst change of all once ended the look: the other label is the model's, though nobody has it."""
    seen = observe(as_batch(World().frame(600, 3)), reference, SEX, champion=Ruled(cut))
    judged = judge_look(seen, None, reference, ["statistical"], looks=52, min_rows=200)
    assert [each.evidence for each in judged.policies] == ["decisions"]
    rates = judged.reports["decisions"].audits["sex"].groups
    assert {group.metrics["selection_rate"].value for group in rates.values()} == {float(cut < 0)}
    signals = assess_signals(reference, seen, None, alpha=0.001)
    assert "prediction" in {signal.name for signal in signals if signal.alarm}


CHANGED: dict[str, Any] = {
    "text for a number": (lambda frame: frame.assign(x0="f" + frame["x0"].astype(str)), "x0", 600),
    "one text among numbers": (lambda frame: frame.assign(x0=[*frame["x0"].astype(str)[:-1], "?"]), "x0", 1),
    "codes for text": (lambda frame: frame.assign(region=pd.factorize(frame["region"])[0]), "region", 600),
    "dates for text": (lambda frame: frame.assign(region=pd.Timestamp("2026-01-01")), "region", 600),
    "zoned dates for text": (lambda frame: frame.assign(region=pd.Timestamp("2026-01-01", tz="CET")), "region", 600),
    "dates for numbers are numbers": (lambda frame: frame.assign(x0=pd.Timestamp("2026-01-01")), "x0", 0),
    "infinity": (lambda frame: frame.assign(x0=frame["x0"].where(frame.index >= 6, np.inf)), "x0", 6),
    "nothing": (lambda frame: frame.assign(x0=None), "x0", 0),
}


@pytest.mark.parametrize("form", ["frame", "parquet"])
@pytest.mark.parametrize("change", CHANGED)
def test_whatever_a_column_holds_the_look_is_taken(
    reference: Reference, change: str, form: str, tmp_path: Path
) -> None:
    """Its contract is told to be broken, rows that the model cannot read are counted, and the rest is watched."""
    contract = infer_contract(World().frame(2000, 1).drop(columns=["id", "score", "prediction"]), target="paid")
    made, name, undecided = CHANGED[change]
    kept: list[pd.DataFrame] = []
    (file := tmp_path / "new.parquet").unlink(missing_ok=True)
    frame = made(World().frame(600, 3))
    asked: dict[str, Any] = {"contract": contract, "champion": (model := Ruled()), "keep": kept.append}
    if form == "parquet":
        frame.to_parquet(file, row_group_size=200)
        with open_batch({"path": str(file)}) as batch:
            seen = observe(batch, reference, SEX, **asked)
    else:
        seen = observe(as_batch(frame), reference, SEX, **asked)
    assert [problem.where for problem in seen.broken] == [name]
    assert model.asked == 600 - undecided
    assert sum(part["prediction"].notna().sum() for part in kept) == 600 - undecided
    assert (seen.decisions.n if seen.decisions else 0) == 600 - undecided
    assert (seen.prediction is None) == (undecided == 600)
    notes = " ".join(seen.notes)
    if undecided == 600:
        assert f"predictions are not watched: of 600 rows {name} holds nothing that it can read in 600" in notes
    elif undecided:
        assert f"the model cannot decide on {undecided} of 600 rows" in notes
    assert {"x1", "count"} <= set(seen.features)


def test_a_model_that_refuses_its_rows_does_not_end_the_look(reference: Reference) -> None:
    class Refuses(Ruled):
        def predict(self, X: pd.DataFrame, people: pd.DataFrame) -> Any:
            raise ValueError(f"could not read {X.iloc[0].tolist()}")

    seen = observe(as_batch(World().frame(300, 3)), reference, SEX, champion=Refuses())
    assert seen.notes == ("predictions are not watched: the model refuses these rows (ValueError)",)
    assert (seen.prediction, seen.score, seen.decisions) == (None, None, None)


def test_a_column_of_lists_and_a_group_that_cannot_be_cut_are_told(reference: Reference) -> None:
    contract = infer_contract(World().frame(2000, 1).drop(columns=["id", "score", "prediction"]), target="paid")
    aged = Layout(sensitive={"sex": Sensitive(column="sex", bins=[30])}, prediction="prediction", score="score")
    frame = World().frame(300, 3).assign(x0=[[1, 2]] * 300, score="none")
    seen = observe(as_batch(frame), reference, aged, contract=contract)
    assert [str(problem) for problem in seen.broken] == ["x0: holds mixed and the contract says number"]
    assert any(note.startswith("nobody's group is known") and "bins need numbers" in note for note in seen.notes)
    assert seen.groups["sex"].share("unknown") == 1.0
    assert seen.score is not None
    assert seen.score.share("(missing)") == 1.0


def test_decisions_in_other_terms_are_judged_without_them(reference: Reference) -> None:
    frame = World().frame(600, 3)
    frame["prediction"] = frame["prediction"].astype(str).where(np.arange(600) >= 30, "denied")
    seen = observe(as_batch(frame), reference, LAYOUT)
    judged = judge_look(seen, None, reference, ["statistical"], looks=52, min_rows=200)
    assert [each.n for each in judged.policies] == [570]


def test_numbers_may_be_codes_where_the_reference_does_not_name_all_values() -> None:
    """Of many values none is named, and a file's reader may make numbers of them: the model knows them as text."""
    values = pd.Series([f"{at % 300 + 100}" for at in range(3000)], name="zip")
    many = profile_column(values, bins=10)
    assert many.parts
    found, able, held = as_learned(pd.DataFrame({"zip": values.astype(int)}), {"zip": many})
    assert able.all()
    assert not held
    assert found["zip"].tolist() == values.tolist()
    few = profile_column(pd.Series(["north", "south"] * 50, name="zip"), bins=10)
    assert not as_learned(pd.DataFrame({"zip": [1, 2]}), {"zip": few})[1].any()
