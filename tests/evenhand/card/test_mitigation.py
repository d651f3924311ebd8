"""What the card says of alternatives with smaller differences."""

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.card import build_card, render_html, render_markdown
from evenhand.data.dataset import Dataset
from evenhand.fairness import BiasMitigator


@pytest.fixture(scope="module")
def found():
    return mitigated()


def mitigated(**options):
    import numpy as np

    rng = np.random.default_rng(0)
    sex = pd.DataFrame({"sex": rng.choice(["f", "m"], 600)})
    X = pd.DataFrame({"x": rng.normal(size=600) + 1.5 * (sex["sex"] == "m"), "z": rng.normal(size=600)})
    y = (X["x"] + X["z"] + rng.normal(size=600) > 1).astype(int)
    data = Dataset(X, y, sex, favorable_label=1)
    options = {"methods": ["group_thresholds"], "replicates": 100, **options}
    return BiasMitigator(LogisticRegression(), data).mitigate_bias(**options).to_dict()


def card(found, **others):
    audit = found["after"]["audit"]
    return build_card(model={"name": "loans"}, audit=audit, mitigation=found, **others)


def test_it_says_that_the_model_needs_the_attribute_before_its_figures(found):
    text = render_markdown(card(found))
    section = text[text.index("Alternatives with smaller differences") :]
    assert section.index("It needs sex of every person") < section.index("The tuned model and the selected one")
    assert "Log of every alternative" in section
    assert "unmitigated (none)" in section
    assert render_html(card(found)).count("Alternatives with smaller differences") >= 1


def test_a_limit_by_the_name_of_its_rate_is_compared_as_well():
    text = render_markdown(card(mitigated(limits={"selection_rate_ratio": 0.8})))
    assert "Selection rate ratio by sex" in text


def test_rates_of_few_people_are_withheld(found):
    few = {**found, "changes": [{**change, "n": 4} for change in found["changes"]]}
    table = next(
        block
        for section in card(few).to_dict()["sections"]
        for part in section["sections"]
        if part["id"] == "mitigation"
        for block in part["blocks"]
        if block.get("caption") == "Every group's own rates on the test part"
    )
    assert {row[4]["text"] for row in table["rows"]} == {"withheld"}


def test_a_limit_that_nothing_keeps_is_a_flag_and_no_search_is_said(found):
    open_ = render_markdown(card({**found, "met": False}))
    assert "None keeps the limit" in open_
    without = render_markdown(build_card(model={"name": "loans"}, audit=found["after"]["audit"]))
    assert "No less discriminatory alternatives to the model were searched." in without
