"""What the card says of a policy: where it comes from, its verdicts and its tables, and of small categories no rate."""

import json
from html import escape

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evenhand.card import Facts, Table, Text, build_card, card_schema, render_html, render_json, render_markdown
from evenhand.card.sections.policies import policy_parts
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import impact_table, load_policy
from evenhand.fairness.statistics.pairs import koopman
from evenhand.fairness.statistics.rates import wilson
from evenhand.fairness.statistics.rates_by_group import Rates

EVIL = "<script>alert(1)</script>|*x*"
POLICIES = ["statistical", "us-four-fifths", "nyc-ll144"]


def _people(counts):
    """Rows, and whom was decided for, from the number of rows and of selected ones by race and sex."""
    rows = [(race, sex, i < selected) for (race, sex), (n, selected) in counts.items() for i in range(n)]
    people = pd.DataFrame([(race, sex) for race, sex, _ in rows], columns=["race", "sex"])
    return people, np.array([selected for *_, selected in rows]).astype(int)


COUNTS = {
    ("a", "f"): (200, 120),
    ("a", "m"): (100, 60),
    ("b", "f"): (60, 27),
    ("b", "m"): (40, 18),
    (EVIL, "f"): (4, 4),
    (EVIL, "m"): (2, 1),
    (None, "m"): (4, 1),
}


def _audit(counts=COUNTS, *, policies=POLICIES, scores=True):
    people, decided = _people(counts)
    score = np.linspace(0, 1, len(decided)) + decided if scores else None
    detector = BiasDetector.from_predictions(
        decided, decided, sensitive_features=people, favorable_label=1, y_score=score
    )
    return detector.detect_bias(policies=policies, replicates=100).to_dict()


@pytest.fixture(scope="module")
def audit():
    return _audit()


@pytest.fixture(scope="module")
def card(audit):
    return build_card(model={"name": "m"}, audit=audit)


def _tables(section):
    return {block.caption: block for block in section.blocks if isinstance(block, Table)}


def _cells(table):
    return {row[0].text: row[1:] for row in table.rows}


def test_every_policy_has_a_part_with_its_source_jurisdiction_and_day(card):
    shown = [_tables(card.section("policies"))["The declared policies"].rows[k][0].text for k in range(3)]
    for k, name in enumerate(POLICIES, 1):
        policy, part = load_policy(name), card.section(f"policy-{k}")
        facts = {name: cell.text for block in part.blocks if isinstance(block, Facts) for name, cell in block.rows}
        assert part.title == shown[k - 1] == policy.title
        assert facts == {
            "Source": policy.source,
            "Jurisdiction": policy.jurisdiction,
            "In effect from": policy.effective.isoformat(),
            **({"Level": f"{policy.alpha:g}"} if policy.rules else {}),
        }
        said = json.dumps(part.to_dict(), ensure_ascii=False)
        assert all(json.dumps(note, ensure_ascii=False)[1:-1] in said for note in policy.notes)


@pytest.mark.parametrize(
    ("share", "level", "said"),
    [
        (1 / 6, "0.00833", "look 2 at this test set may spend 0.167 of the policy's own 0.05"),
        (0.0, "none left", "the error is spent: look 2 at this test set may spend nothing"),
        (1.0, "0.05", "the policy's own"),
    ],
)
def test_a_verdict_is_shown_at_the_level_that_its_look_may_spend(share, level, said):
    people, decided = _people(COUNTS)
    detector = BiasDetector.from_predictions(decided, decided, sensitive_features=people, favorable_label=1)
    found = detector.detect_bias(policies=POLICIES[:1], share=share, replicates=100).to_dict()
    card = build_card(model={"name": "m"}, audit={**found, "look": {"number": 2, "share": share}})
    part = card.section("policy-1")
    facts = {name: cell for block in part.blocks if isinstance(block, Facts) for name, cell in block.rows}
    assert (facts["Level"].text, facts["Level"].detail) == (level, said)
    [table] = _tables(part).values()
    assert all(f"level {level}" in row[0].detail for row in table.rows) == bool(share)
    [differ] = _tables(card.section("summary-differ")).values()
    assert f"look 2 at this test set may spend {share:.3g} of each policy's level" in differ.note
    assert "Verdicts as in the decision: look 2" in render_html(card)
    assert "Verdicts as in the decision: look 2" in render_markdown(card)


def test_race_sex_and_both_stand_apart_for_each_rate(card):
    """6 RCNY 5-301 (b), 5-301 (c): for sex categories, race or ethnicity categories, and intersectional ones."""
    rates = ("Selection rates", "Scoring rates")
    wanted = [f"{rate} and impact ratios by {name}" for rate in rates for name in ("race", "sex", "race & sex")]
    assert list(_tables(card.section("policy-3"))) == wanted
    assert list(_tables(card.section("policy-2")))[1:] == wanted[:3]
    assert [name.split(" by ")[0] for name in _tables(card.section("policy-1"))] == [
        "Verdicts of Plain statistical limits"
    ]


def test_rates_and_ratios_are_those_of_the_counts(card):
    """By hand: a 180 of 300, b 45 of 100, so b's impact ratio is 0.45 / 0.6; n is 410 with the small and unknown."""
    cells = _cells(_tables(card.section("policy-3"))["Selection rates and impact ratios by race"])
    n, share, rate, ratio = cells["b"]
    assert (n.text, share.text, rate.value, ratio.value) == ("100", "24.4%", 0.45, pytest.approx(0.75))
    low, high = wilson(np.array([45.0]), np.array([100.0]))
    assert rate.interval == pytest.approx((float(low[0]), float(high[0])))
    low, high = koopman(np.array([45.0]), np.array([100.0]), 180.0, 300.0)
    assert ratio.interval == pytest.approx((float(low[0]), float(high[0])))
    assert (cells["a"][3].value, cells["a"][3].detail) == (1.0, "the highest rate")


def test_unknown_rows_are_counted_and_small_categories_marked_and_shown(card):
    table = _tables(card.section("policy-3"))["Selection rates and impact ratios by race"]
    marks = {row[0].text: row[0].detail for row in table.rows}
    assert marks["unknown"] == "unknown category; may be left out, shown all the same"
    assert marks[EVIL] == "may be left out, shown all the same"
    assert marks["a"] == marks["b"] == ""
    assert _cells(table)["unknown"][0].text == "4"
    assert _cells(table)["unknown"][3].detail == "rows without a value have no impact ratio"
    assert "4 of 410 rows are of an unknown category" in table.note
    assert "under 2.0% of all rows" in table.note
    assert sum(row[1].value for row in table.rows) == 410


def test_rates_of_few_people_are_withheld_and_their_selections_are_not_told(card):
    for caption in ("Selection rates and impact ratios by race", "Scoring rates and impact ratios by race & sex"):
        table = _tables(card.section("policy-3"))[caption]
        few = [row for row in table.rows if row[1].value < 10]
        assert few
        for row in few:
            assert row[3].text == "withheld"
            assert {cell.value for cell in row[3:]} == {None}
            assert {cell.interval for cell in row[3:]} == {None}
        assert table.columns[1:3] == ("Rows", "Share of all rows"), "no count of selections"


def _bare(counts, least=0.02, min_cell=10):
    """The card's table of categories with these (selected, rows)."""
    names = [*(f"c{k}" for k in range(len(counts) - 1)), "unknown"]
    rates = Rates([k for k, _ in counts], [n for _, n in counts], names)
    policy = load_policy("nyc-ll144").to_dict()
    rows = [row.to_dict() for row in impact_table(rates, may_leave_out_under=least)]
    judged = {"policy": policy, "rules": [], "verdict": None, "reason": "", "tables": {"impact_ratio": {"race": rows}}}
    from evenhand.card.inputs import Inputs

    parts = policy_parts(Inputs(model={}, human={}, audit={"policies": [judged]}, min_cell=min_cell))
    return next(block for block in parts[1].blocks if isinstance(block, Table))


@settings(deadline=None)
@given(st.lists(st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=6))
@example([(9, 9), (30, 60), (10, 40), (0, 0)])  # the highest rate is that of nine people
@example([(9, 9), (20, 20), (10, 40), (0, 0)])  # and here also that of twenty
def test_no_ratio_gives_a_withheld_rate_away(counts):
    """A rate over its ratio is the highest rate: whoever can divide must find one that is shown."""
    rows = _bare(counts).rows
    shown = [row[3].value for row in rows if row[3].value is not None]
    for row, (_, n) in zip(rows, counts, strict=True):
        if n < 10:
            assert row[3].value is None
            assert row[4].value is None
        if row[4].value:
            assert any(row[3].value / row[4].value == pytest.approx(rate) for rate in shown)


def test_ratios_over_the_rate_of_few_people_name_them():
    cells = _cells(_bare([(9, 9), (30, 60), (10, 40), (0, 1)]))
    assert [cells[name][3].text for name in ("c0", "c1", "c2")] == ["withheld"] * 3
    assert cells["c1"][3].detail == "over the rate of c0, fewer than 10 rows"
    assert cells["c1"][2].value == 0.5


def test_where_nobody_is_selected_ratios_are_undefined_with_the_reason():
    cells = _cells(_bare([(0, 60), (0, 40), (0, 0)]))
    assert (cells["c0"][3].text, cells["c0"][3].detail) == ("undefined", "the highest rate is 0")
    assert (cells["unknown"][2].text, cells["unknown"][2].detail) == ("undefined", "no rows")


def test_a_verdict_on_few_people_withholds_its_figure_and_its_remarks():
    """The four-fifths rule judges every known group, and here its smallest ratio is that of six people."""
    few = {**COUNTS, (EVIL, "f"): (4, 0), (EVIL, "m"): (2, 1), (None, "m"): (7, 1)}
    audit = _audit(few)
    rule = audit["policies"][1]["rules"][0]
    assert set(rule["pair"]) == {"a", EVIL}
    assert "the smallest ratio seen is 0.278" in rule["notes"][0]
    assert (
        "the value with them is 0.2" in audit["attributes"]["race"]["disparities"]["demographic_parity_ratio"]["reason"]
    )
    card = build_card(model={"name": "m"}, audit=audit)
    [row, *_] = _tables(card.section("policy-2"))[f"Verdicts of {load_policy('us-four-fifths').title}"].rows
    assert (row[3].text, row[3].value, row[3].interval, row[5].detail) == ("withheld", None, None, "")
    for said in (render_json(card), render_markdown(card), render_html(card)):
        assert "0.278" not in said
        assert "the value with them" not in said
        assert "to settle it" not in said


def test_the_value_with_those_that_are_reported_stays_where_nobody_is_few():
    many = {("a", "f"): (200, 120), ("b", "f"): (200, 110), (None, "f"): (100, 50)}
    audit = _audit(many)
    rules = [rule for judged in audit["policies"] for rule in judged["rules"] if rule["settles"]]
    card = build_card(model={"name": "m"}, audit=audit)
    assert any("the value with them is" in block.text for block in card.blocks() if isinstance(block, Text))
    assert rules
    assert all(render_html(card).count(escape(rule["settles"])) <= 1 for rule in rules)
    assert any(rule["settles"] in render_json(card) for rule in rules)


def test_a_table_that_cannot_be_made_is_said():
    card = build_card(model={"name": "m"}, audit=_audit(scores=False))
    said = [
        block.text for block in card.section("policy-3").blocks if isinstance(block, Text) and block.tone == "absent"
    ]
    assert said == ["The table of scoring rates that this policy asks for could not be made: the rows have no scores."]


def test_a_policy_without_a_limit_has_no_verdict_and_says_so(card):
    rows = _tables(card.section("policies"))["The declared policies"].rows
    assert [row[1].text for row in rows][2] == "no verdict"
    assert "sets no limit" in rows[2][2].text
    assert rows[0][2].text.startswith("Demographic parity ratio by race: ")


def test_without_policies_the_card_says_so():
    card = build_card(model={"name": "m"}, audit=_audit(policies=[]))
    assert [block.tone for block in card.section("policies").blocks] == ["absent"]


def test_names_of_categories_are_text_everywhere(card):
    page, text = render_html(card), render_markdown(card)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;|*x*") > 5
    assert "<script" not in text
    assert "&lt;script&gt;alert\\(1\\)&lt;/script&gt;\\|\\*x\\*" in text
    for line in text.splitlines():
        if line.startswith("| ") and "script" in line and "shown all the same" in line:
            assert line.replace("\\|", "").count("|") == 6, "five cells"


def test_every_figure_of_the_tables_is_in_markdown_and_json(card, audit):
    tables = audit["policies"][2]["tables"]
    text, said = render_markdown(card), json.loads(render_json(card))
    found = [cell for section in _walk(said["sections"]) for block in section["blocks"] for cell in _of_table(block)]
    for by_attribute in tables.values():
        for rows in by_attribute.values():
            for row in rows:
                if row["n"] >= 10:
                    assert f"{row['rate']:.3f} ({row['rate_low']:.3f} to {row['rate_high']:.3f})" in text
                    assert {"value": row["rate"], "interval": [row["rate_low"], row["rate_high"]]} in found


def _walk(sections):
    for section in sections:
        yield section
        yield from _walk(section["sections"])


def _of_table(block):
    for row in block["rows"] if block["kind"] == "table" else ():
        yield from ({name: cell[name] for name in ("value", "interval")} for cell in row if "interval" in cell)


@pytest.mark.parametrize(
    ("interval", "holds"), [([0.1, 0.2], True), ([0.1, None], True), ([None, 0.2], False), ([0.1], False), ("x", False)]
)
def test_the_published_schema_knows_intervals(card, interval, holds):
    from jsonschema import Draft202012Validator

    found = json.loads(render_json(card))
    part = next(section for section in _walk(found["sections"]) if section["id"] == "policy-3")
    table = next(block for block in part["blocks"] if block["kind"] == "table")
    table["rows"][0][3]["interval"] = interval
    assert Draft202012Validator(card_schema()).is_valid(found) is holds
