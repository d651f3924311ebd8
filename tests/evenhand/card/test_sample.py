"""A card says of how many rows its rows are a sample, and says nothing where they are all."""

import json

from evenhand.card import build_card, render_html, render_json, render_markdown

DRAWN = {"rows": 50_000, "of": 3_000_000, "by": ["approve", "race"], "strata": 8, "without_target": 0}


def test_a_sample_stands_with_the_data_and_among_the_limitations(inputs) -> None:
    inputs["data"] |= {"rows": 50_000, "sampled": DRAWN}
    card = build_card(**inputs)
    facts = json.dumps(card.section("data").to_dict())
    assert "50,000 of 3,000,000: a sample in which each combination of approve, race has its share" in facts
    limits = json.dumps(card.section("limits-evidence").to_dict())
    assert "Trained and assessed on a sample: 50,000 of 3,000,000 rows." in limits
    for render in (render_html, render_markdown, render_json):
        assert "3,000,000" in render(card)


def test_all_rows_are_no_sample(inputs) -> None:
    for drawn in (None, {**DRAWN, "rows": 50_000, "of": 50_000}):
        inputs["data"] |= {"rows": 50_000, "sampled": drawn}
        assert "sample in which" not in render_markdown(build_card(**inputs))
