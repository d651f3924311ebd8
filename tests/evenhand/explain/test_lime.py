"""LIME behind the interface of SHAP."""

import sys

import numpy as np
import pytest

from evenhand.exceptions import MissingExtraError
from evenhand.explain import LocalExplainer, explain, make_explainer


@pytest.fixture(scope="module", autouse=True)
def _lime():
    pytest.importorskip("lime", reason="the extra lime is not installed")


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_it_finds_what_shap_finds(data, models, name, task):
    train, test = data[task]
    lime = make_explainer(models[name, task], train.X, method="lime", background_rows=100)
    assert isinstance(lime, LocalExplainer)
    made, shap = lime.attribute(test.X[:20]), make_explainer(models[name, task], train.X).attribute(test.X[:20])
    assert made.values.shape == shap.values.shape
    assert made.base.shape == shap.base.shape == made.fidelity.shape
    assert made.unit == shap.unit
    # Two definitions of a local effect: the same feature leads, and the signs of its large effects agree.
    first = np.abs(made.by_label).mean(axis=(0, 2)).argmax()
    assert made.features[first] == "income"
    assert np.corrcoef(made.by_label[:, first, -1], shap.by_label[:, first, -1])[0, 1] > 0.8


def test_a_feature_without_effect_has_a_weight_of_nothing(data, models):
    train, test = data["binary"]
    made = make_explainer(models["logistic", "binary"], train.X, method="lime", samples=3000).attribute(test.X[:10])
    sizes = dict(zip(made.features, np.abs(made.values).mean(axis=0), strict=True))
    assert sizes["noise"] < 0.15 * sizes["income"]
    assert ((made.fidelity >= 0) & (made.fidelity <= 1)).all()


def test_the_whole_explanation_with_lime(data, models):
    train, test = data["binary"]
    made = explain(
        models["logistic", "binary"], test, background=train.X, method="lime", rows=20, repeats=2, features=1
    )
    assert made.method == "lime"
    assert made.additivity is None
    assert 0 < made.fidelity <= 1
    assert any("approximation" in note for note in made.notes)


def test_without_the_package_the_extra_is_named(data, models, monkeypatch):
    train, _ = data["binary"]
    monkeypatch.setitem(sys.modules, "lime", None)
    with pytest.raises(MissingExtraError, match=r"evenhand\[lime\]"):
        make_explainer(models["logistic", "binary"], train.X, method="lime")
