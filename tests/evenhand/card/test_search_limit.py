"""What the card says of a search that had a limit on a disparity."""

import json

import pytest

from evenhand.card import build_card, render_markdown

NONE_KEEPS = (
    "No trial keeps the limit, demographic parity difference at most 0.1: the selected one comes nearest, 0.120"
)


def limited(inputs, *, met):
    """The same search under a limit that its selected trial keeps, or that none keeps."""
    read = {"value": 0.05 if met else 0.12, "attribute": "sex", "between": ["f", "m"], "inside": met, "reason": ""}
    selected = {**inputs["search"]["selected"], "fairness": read}
    better = {**selected, "number": 0, "mean": 0.97, "fairness": {**read, "value": 0.3, "inside": False}}
    fairness = {"metric": "demographic_parity_difference", "limit": 0.1, "met": met, "front": [0, 1]}
    own = {"best": selected, "selected": selected, "trials": [better, selected], "fairness": fairness}
    figures = dict.fromkeys(("search", "search_front"), "<svg viewBox='0 0 1 1'></svg>")
    return {**inputs, "search": {**inputs["search"], **own}, "figures": figures}


def found_in(card, section):
    """The texts and tones of the items of one section."""
    found = next(each for each in card.walk() if each.id == section)
    return [(item.text, item.tone) for block in found.blocks for item in getattr(block, "items", ())]


def test_a_limit_is_told_where_the_search_is(inputs):
    card = build_card(**limited(inputs, met=True))
    text = json.dumps(card.to_dict())
    assert "preferring the best of those that keep the limit." in text
    assert "Trial 0 (logistic) scores better, 0.9700 against 0.9400, and was set aside: 0.300 by sex." in text
    assert "the best cross-validated ROC AUC of those that keep the limit is 0.9400" in text
    assert "Each candidate's best trial of those that keep the limit." in text
    assert not [said for said, _ in found_in(card, "limits-evidence") if "Search" in said]


def test_both_figures_of_the_search_stand_in_its_section(inputs):
    card = build_card(**limited(inputs, met=True))
    search = next(each for each in card.walk() if each.id == "search")
    assert [block.name for block in search.blocks if hasattr(block, "alt")] == ["search", "search_front"]


@pytest.mark.parametrize(
    ("mitigation", "tone"),
    [({}, "flag"), ({"met": False, "selected": "a"}, "flag"), ({"met": True, "selected": "a"}, "open")],
)
def test_a_limit_that_no_trial_keeps_is_a_limitation(inputs, mitigation, tone):
    from evenhand.card.inputs import Inputs
    from evenhand.card.sections.limits import limitations

    given = limited(inputs, met=False)
    assert NONE_KEEPS in render_markdown(build_card(**given))
    found = limitations(Inputs(model={}, human={}, search=given["search"], mitigation=mitigation))
    assert [cell.tone for cell in found if cell.text.startswith(f"Search: {NONE_KEEPS}")] == [tone]
