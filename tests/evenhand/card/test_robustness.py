"""What the card says of robustness: every figure with its interval, and nothing of few people."""

import pytest

from evenhand.card import Facts, Table, build_card


def _tables(card, section):
    return [block for block in card.section(section).blocks if isinstance(block, Table)]


def test_every_figure_stands_with_its_interval_and_meaning(inputs):
    (table,) = _tables(build_card(**inputs), "robustness")
    rows = {row[0].text: row for row in table.rows}
    noise = rows["Noise agreement"]
    assert (noise[0].detail, noise[1].text, noise[1].detail) == ("Noise on numbers: a tenth", "0.912", "0.812 to 0.962")
    assert (rows["Unseen agreement"][1].text, rows["Unseen agreement"][1].detail) == (
        "undefined",
        "no feature is a category",
    )
    assert rows["Flip distance median"][1].detail == "0.670 to 0.820; a lower bound"
    (said,) = [block for block in build_card(**inputs).section("robustness").blocks if isinstance(block, Facts)]
    assert [name for name, _ in said.rows] == list(rows)


def test_every_group_stands_and_few_people_are_withheld(inputs):
    (table,) = _tables(build_card(**inputs), "robust-1")
    assert table.columns == ("Figure", "black", "unknown")
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert shown == {"Noise agreement": ["0.912", "withheld"], "Flip distance median": ["0.770", "withheld"]}


@pytest.mark.parametrize("min_cell", [41, 500])
def test_the_cards_own_smallest_cell_holds_too(inputs, min_cell):
    card = build_card(**inputs, min_cell=min_cell)
    (table,) = _tables(card, "robust-1")
    assert {cell.text for row in table.rows for cell in row[1:]} == {"withheld"}
    (whole,) = _tables(card, "robustness")
    assert (whole.rows[0][1].text == "withheld") == (min_cell > 400)


def test_the_picture_has_words_of_its_numbers(inputs):
    inputs["figures"]["robustness"] = '<svg viewBox="0 0 360 200"><path d="M0 0"/></svg>'
    card = build_card(**inputs)
    (picture,) = [block for block in card.section("robustness").blocks if block.to_dict()["kind"] == "picture"]
    assert picture.alt == "Over all groups: noise agreement 0.912 (0.812 to 0.962)."
