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
