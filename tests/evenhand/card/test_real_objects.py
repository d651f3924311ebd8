"""The results of the library itself, of two and of four classes, make a card."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from evenhand.card import build_card, render_html, render_json, render_markdown
from evenhand.data.dataset import Dataset
from evenhand.data.splits import split_dataset
from evenhand.fairness import BiasDetector
from evenhand.modeling.costs import measure_costs
from evenhand.modeling.evaluation import evaluate
from evenhand.modeling.preprocessing import make_preprocessor
from evenhand.plotting import figure_to_svg


def _dataset(classes, favorable):
    draw = np.random.default_rng(0)
    X = pd.DataFrame({"income": draw.normal(size=600), "debt <$>": draw.normal(size=600)})
    margin = X["income"].to_numpy() + draw.normal(size=600) / 2
    y = pd.Series(np.array(classes)[np.digitize(margin, np.linspace(-1, 1, len(classes) + 1)[1:-1])], name="answer")
    people = pd.DataFrame({"sex": draw.choice(["f", "m", "unknown"], size=600, p=[0.49, 0.5, 0.01])})
    return Dataset(X, y, people, favorable_label=favorable, name="made")


@pytest.mark.parametrize(("classes", "favorable"), [([0, 1], 1), (["a", "b", "c", "d"], None)])
def test_results_as_the_library_makes_them_render(classes, favorable):
    whole = _dataset(classes, favorable)
    split = split_dataset(whole)
    train, test = whole.take(split.rows("train")), whole.take(split.rows("test"))
    model = make_pipeline(make_preprocessor(train.X, scale=True), LogisticRegression()).fit(train.X, train.y)
    predicted, chances = model.predict(test.X), model.predict_proba(test.X)
    found = evaluate(
        test.y, predicted, y_proba=chances, classes=model.classes_, favorable_label=favorable, replicates=100
    )
    report = BiasDetector.from_predictions(
        test.y, predicted, sensitive_features=test.sensitive_features, favorable_label=favorable
    ).detect_bias(replicates=100, seed=0)
    card = build_card(
        model={"name": "made", "algorithm": "logistic", "favorable_label": favorable},
        data={"name": "made", "split": {"counts": split.counts(), "table": split.table(whole).to_dict("records")}},
        evaluation=found.to_dict(),
        costs=measure_costs(model, test.X, calls=3).to_dict(),
        audit=report.to_dict(),
        figures={"groups": figure_to_svg(report.plot())},
    )
    page = render_html(card)
    assert f"{found['accuracy'].value:.3f}" in page
    assert all(name in page for name in report.audit("sex").groups)
    assert json.loads(render_json(card))["digest"] == card.digest
    assert render_markdown(card).count("\n## ") == len(card.sections)


def test_a_ratio_without_a_favorable_label_names_its_class_and_shows_its_shares():
    draw = np.random.default_rng(1)
    sex = np.repeat(["f", "m"], 300)
    shares = {"f": [0.5, 0.1, 0.4], "m": [0.45, 0.25, 0.3]}  # the smallest ratio is that of class b
    given = np.concatenate([draw.choice(["a", "b", "c"], size=300, p=shares[group]) for group in ("f", "m")])
    report = BiasDetector.from_predictions(given, given, sensitive_features=pd.DataFrame({"sex": sex})).detect_bias(
        replicates=100, seed=0
    )
    page = render_markdown(build_card(model={"name": "made"}, data={"name": "made"}, audit=report.to_dict()))
    audit = report.audit("sex")
    assert "Share given class b" in page
    for group in ("f", "m"):
        value = float(np.mean(given[sex == group] == "b"))
        assert f"| {value:.3f} (" in next(line for line in page.splitlines() if line.startswith(f"| {group} | 300"))
    ratio = audit.disparities["demographic_parity_ratio"].value
    lows = [np.mean(given[sex == group] == "b") for group in ("f", "m")]
    assert ratio == pytest.approx(min(lows) / max(lows))
    assert "of the shares given class b, the smallest of any class" in page
    assert "No class of this model is declared favorable" in page
    assert "given the favorable outcome" not in page

    favored = BiasDetector.from_predictions(
        given, given, sensitive_features=pd.DataFrame({"sex": sex}), favorable_label="b"
    ).detect_bias(replicates=100, seed=0)
    page = render_markdown(build_card(model={"name": "made"}, data={"name": "made"}, audit=favored.to_dict()))
    assert "smallest of any class" not in page
    assert "given the favorable outcome" in page


def test_a_ratio_that_rests_on_a_few_people_names_no_class():
    sex = np.repeat(["f", "m", "x"], [300, 300, 6])
    given = np.concatenate([np.tile(["a", "b", "c"], 200), ["a"] * 5 + ["b"]])  # a: a third of f, five sixths of x
    report = BiasDetector.from_predictions(given, given, sensitive_features=pd.DataFrame({"sex": sex})).detect_bias(
        replicates=100, seed=0
    )
    assert report.audit("sex").disparities["demographic_parity_ratio"].between == ("f", "m"), "x has too few rows"
    found = report.to_dict()
    told = {"name": "made"}
    assert "Share given class a" in render_markdown(build_card(model=told, data=told, audit=found))

    found["attributes"]["sex"]["disparities"]["demographic_parity_ratio"] |= {"value": 0.4, "between": ["f", "x"]}
    page = render_markdown(build_card(model=told, data=told, audit=found))
    assert "Share given" not in page
    assert "of the shares given" not in page
