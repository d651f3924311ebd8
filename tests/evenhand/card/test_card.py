"""What the card says: everything it is given, nothing else, and what is missing."""

import json
import subprocess
import sys

import pytest

from evenhand.card import (
    HUMAN_FIELDS,
    SOURCES,
    Table,
    Text,
    build_card,
    card_schema,
    missing_statements,
    render_html,
    render_json,
    render_markdown,
)
from evenhand.config.card import CardConfig
from evenhand.exceptions import DataError, EvenhandError


def _texts(section):
    return json.dumps(section.to_dict(), ensure_ascii=False)


def test_every_heading_of_every_source_is_covered_by_a_section(any_inputs):
    card = build_card(**any_inputs)
    for source, listed in SOURCES.items():
        covered = {heading for section in card.walk() for heading in section.covers.get(source, ())}
        assert covered == set(listed.headings), source


def test_values_of_few_rows_are_counted_and_not_named(inputs):
    town = {"name": "town", "kind": "text", "nullable": False, "values": ["Jena", "Ulm"], "withheld": 2}
    alone = {**town, "name": "name", "values": [], "withheld": 40}
    data = {**inputs["data"], "contract": {**inputs["data"]["contract"], "columns": [town, alone]}}
    card = build_card(**{**inputs, "data": data})
    for render in (render_html, render_markdown, render_json):
        assert "Jena, Ulm and 2 that few rows have" in render(card)
        assert "40 that few rows have" in render(card)


def test_the_appendix_names_a_section_for_every_heading(inputs):
    tables = [block for block in build_card(**inputs).section("coverage").blocks if isinstance(block, Table)]
    rows = [row for table in tables for row in table.rows]
    assert len(rows) == sum(len(source.headings) for source in SOURCES.values())
    assert all(row[1].text for row in rows)


def test_what_nobody_said_is_missing_and_shows_as_missing():
    card = build_card(model={"name": "loans"})
    required = {name for name, field in HUMAN_FIELDS.items() if field.required}
    assert set(card.missing) == required
    shown = {block.field for block in card.blocks() if isinstance(block, Text) and block.tone == "missing"}
    assert required - {"owners", "license"} <= shown
    assert render_html(card).count('class="missing"') >= len(required)


@pytest.mark.parametrize("name", [name for name, field in HUMAN_FIELDS.items() if field.required])
def test_one_missing_statement_is_named(inputs, name):
    inputs["human"][name] = "   " if isinstance(inputs["human"][name], str) else []
    card = build_card(**inputs)
    assert card.missing == (name,)
    assert HUMAN_FIELDS[name].label in _texts(card.section("summary-missing"))


@pytest.mark.parametrize(
    "said", ["FILL IN", "fill in", "<FILL IN>", "TODO", "TODO: ask legal", "-", "...", "…", "TBD", "n/a", "N.A.", "???"]
)
def test_what_keeps_a_place_is_no_statement(inputs, said):
    assert "contact" in missing_statements(inputs["human"] | {"contact": said})
    assert "owners" in missing_statements(inputs["human"] | {"owners": [said]})
    card = build_card(**(inputs | {"human": inputs["human"] | {"contact": said}}))
    assert card.missing == ("contact",)
    shown = [block for section in card.walk() for block in section.blocks if getattr(block, "field", "") == "contact"]
    assert {block.tone for block in shown} == {"missing"}


@pytest.mark.parametrize("said", ["None are known.", "none", "Nadia N.", "help@todo.org", "12-34", "窓口"])
def test_what_only_looks_like_a_place_keeper_is_a_statement(inputs, said):
    assert "contact" not in missing_statements(inputs["human"] | {"contact": said})


def test_a_complete_card_misses_nothing(inputs):
    assert build_card(**inputs).missing == ()


def test_what_people_said_stands_as_they_said_it(inputs):
    page = render_html(build_card(**inputs))
    for name, said in inputs["human"].items():
        for part in [said] if isinstance(said, str) else said:
            assert part.replace("<", "&lt;").replace(">", "&gt;") in page, name


def test_every_field_of_the_configuration_is_known_to_the_card():
    assert set(CardConfig.model_fields) <= {*HUMAN_FIELDS, "title"}
    build_card(model={"name": "loans"}, human=CardConfig().model_dump())


def test_an_unknown_field_is_an_error_with_the_nearest_name():
    with pytest.raises(DataError, match="did you mean 'intended_use'"):
        build_card(model={"name": "loans"}, human={"intended_uses": "x"})


@pytest.mark.parametrize(
    ("left_out", "section", "said"),
    [
        ("evaluation", "performance", "was not evaluated"),
        ("audit", "groups", "were not compared"),
        ("explanation", "reasons", "was not explained"),
        ("robustness", "robustness", "was not tried"),
        ("costs", "costs", "not measured"),
        ("search", "search", "No search was recorded"),
        ("calibration", "calibration", "was not recorded"),
        ("threshold", "threshold", "was not recorded"),
        ("data", "data", "Nothing was recorded"),
        ("decision", "decision", "No decision"),
    ],
)
def test_what_was_not_measured_is_said(inputs, left_out, section, said):
    inputs[left_out] = None
    assert said in _texts(build_card(**inputs).section(section))


def test_an_undefined_figure_is_undefined_with_its_reason_and_never_a_number(inputs):
    rows = {row[0].text: row for row in build_card(**inputs).section("performance").blocks[-2].rows}
    assert rows["F1"][1].text == "undefined"
    assert rows["F1"][1].value is None
    assert rows["F1"][3].text == "no row is predicted 1"


def test_the_first_screen_names_the_worst_verdict_of_each_attribute(inputs):
    table = build_card(**inputs).section("summary-differ").blocks[0]
    assert [(row[0].text, row[2].text, row[2].tone) for row in table.rows] == [
        ("race", "FAIL", "flag"),
        ("sex", "PASS", "good"),
    ]


def test_limitations_come_from_the_evidence(inputs):
    said = _texts(build_card(**inputs).section("limits-evidence"))
    for expected in (
        "demographic parity ratio lies beyond its declared limit",
        "whether equalized odds difference keeps its limit cannot be said",
        "too few rows to say much about unknown (4)",
        "accuracy equality difference is undefined",
        "true positive rate undefined",
        "Undefined on the test part: F1",
        "Uncertain by more than a tenth on 374 rows: ROC AUC",
        "predicts the target alone",
        "the features together tell it with an AUC of 0.700",
    ):
        assert expected in said


def test_a_class_that_is_never_predicted_is_a_limitation(multiclass):
    confusion = multiclass["evaluation"]["confusion"]
    labels, counts = confusion["labels"], confusion["counts"]
    emptied = [[0 if place == 1 else cell for place, cell in enumerate(row)] for row in counts]
    evaluated = multiclass["evaluation"] | {"confusion": {"labels": labels, "counts": emptied}}
    said = _texts(build_card(**(multiclass | {"evaluation": evaluated})).section("limits-evidence"))
    assert f"Never predicted on the test part, though they occur there: {labels[1]}." in said
    assert "Never predicted" not in str(_texts(build_card(**multiclass).section("limits-evidence")))


def test_the_card_shows_what_calibration_does_to_the_decisions(inputs):
    figures = {"log_loss": 0.9, "brier": 0.5, "score": 0.48765, "reason": ""}
    report = {
        "method": "none",
        "reason": "sigmoid would make the decisions worse",
        "scorer": "balanced_accuracy",
        "candidates": [figures | {"method": "none", "score": 0.54321}, figures | {"method": "sigmoid"}],
    }
    markdown = render_markdown(build_card(**(inputs | {"calibration": report})))
    assert "Balanced accuracy of the decisions" in markdown
    assert "0.4876" in markdown or "0.4877" in markdown
    assert "would make the decisions worse" in markdown


def test_the_fidelity_of_local_explanations_stands_where_they_are(inputs):
    """LIME has one; SHAP's attributions are exact, and nothing is said of them."""
    for fidelity, times in ((0.39194, 1), (None, 0)):
        card = build_card(
            **(inputs | {"explanation": inputs["explanation"] | {"method": "lime", "fidelity": fidelity}})
        )
        for name in ("reasons", "cases"):
            section = next(each for each in card.walk() if each.id == name)
            said = json.dumps([block.to_dict() for block in section.blocks])
            assert said.count("R2 0.39 on average") == said.count("account for 39%") == times, name


def test_figures_that_differ_by_class_say_which(multiclass):
    feature = dict(multiclass["explanation"]["features"][0])
    sizes = [{**feature["by_label"][0], "label": label, "mean_abs": 0.5 + place} for place, label in enumerate("ANUY")]
    explanation = multiclass["explanation"] | {
        "labels": list("ANUY"),
        "features": [feature | {"by_label": sizes}],
        "groups": [{"attribute": "sex", "group": "female", "n": 90}],
    }
    kinds = ("summary-class-", "groups-sex-class-")
    figures = {f"{kind}{place}": {"svg": "<svg/>", "title": "", "alt": ""} for kind in kinds for place in (1, 2, 3, 4)}
    html = render_html(build_card(**(multiclass | {"explanation": explanation, "figures": figures})))
    for label in "ANUY":
        assert f"Attributions to the class {label} by the value of each feature" in html
        assert f"Mean attribution to the class {label} within each group of sex" in html
    assert f"for {feature['feature']} 2.5" in html


def test_one_class_needs_no_name(inputs):
    figures = {"summary": {"svg": "<svg/>"}, "groups-a-class-1": {"svg": "<svg/>"}}
    explanation = inputs["explanation"] | {"groups": [{"attribute": "a-class-1", "group": "x", "n": 90}]}
    html = render_html(build_card(**(inputs | {"explanation": explanation, "figures": figures})))
    assert "Attributions by the value of each feature, in bands" in html
    assert "within each group of a-class-1" in html


def _costs(section, **parts):
    found = build_card(model={"name": "loans"}, costs={"model_bytes": 4096.0, **parts}).section(section).to_dict()
    table = next(block for block in found["blocks"] if block["kind"] == "table")
    return {row[0]["text"]: [cell["text"] for cell in row[1:]] for row in table["rows"]}, table


def test_the_search_is_part_of_what_training_cost():
    fit = {"wall_seconds": 2.0, "cpu_seconds": 3.0, "peak_memory_bytes": 2**30, "money": 0.25, "currency": "EUR"}
    fit |= {"energy_kwh": 0.001, "co2_kg": 0.002, "country": "DEU"}
    search = {name: 10 * value if isinstance(value, float) else value for name, value in fit.items()}
    rows, _ = _costs("costs", training=fit, search=search)
    assert list(rows) == ["Search", "Final fit", "Together"]
    assert rows["Together"] == ["22 s", "33 s", rows["Search"][2], "2.75 EUR"]
    energy, table = _costs("environment", training=fit, search=search)
    assert energy["Together"] == ["0.0110 kWh", "0.0220 kg"]
    assert "DEU" in table["note"]
    more, _ = _costs("costs", training=fit, search=search, mitigation=fit)
    assert more["Together"][:2] == ["24 s", "36 s"]


def test_a_search_that_was_not_measured_leaves_no_sum():
    rows, _ = _costs("costs", training={"wall_seconds": 2.0, "cpu_seconds": 3.0})
    assert rows["Search"][:2] == rows["Together"][:2] == ["not measured", "not measured"]
    part = {"wall_seconds": 2.0, "cpu_seconds": 3.0}
    _, table = _costs("costs", training=part, search=part | {"not_metered": "it was interrupted"})
    assert table["note"] == "Search: it was interrupted."


def test_missing_evidence_is_a_limitation_of_its_own():
    said = _texts(build_card(model={"name": "loans"}).section("limits-evidence"))
    assert "Not measured: performance" in said
    assert "Not measured: differences between groups" in said


def _rates(card):
    """Rows of the table of race's groups by name."""
    table = next(block for block in card.section("group-1").blocks if isinstance(block, Table))
    return {row[0].text: row for row in table.rows}


class TestFewPeople:
    """Rates that rest on fewer than ten people tell what happened to each of them."""

    def test_their_rates_are_withheld_and_their_number_is_shown(self, inputs):
        rows = _rates(build_card(**inputs))
        assert rows["unknown"][1].text == "4"
        assert [cell.text for cell in rows["unknown"][2:]] == ["withheld", "undefined", "withheld"]
        assert rows["black"][2].text == "0.530"

    def test_no_disparity_gives_a_withheld_rate_away(self, inputs):
        card = build_card(**inputs)
        for rendered in (render_html(card), render_markdown(card), render_json(card)):
            assert "0.471" not in rendered  # the difference to the group of four
            assert "0.4242" not in rendered  # a policy's table
            assert "0.424" not in rendered

    def test_the_four_fifths_flag_is_taken_over_the_others(self, inputs):
        said = _texts(build_card(**inputs).section("group-1"))
        assert "0.624 (black to white, among groups of at least 10 rows)" in said

    def test_confusion_counts_of_groups_are_not_shown(self, inputs):
        card = build_card(**inputs)
        assert "123456789" not in render_html(card) + render_json(card)
        assert "123,456,789" not in render_html(card) + render_json(card)

    def test_the_limit_can_be_raised(self, inputs):
        rows = _rates(build_card(**inputs, min_cell=50))
        assert rows["black"][2].text == "withheld"


def test_a_card_without_a_version_says_how_to_find_it(inputs):
    assert "numbered after" not in _texts(build_card(**inputs).section("details"))
    del inputs["model"]["version"]
    card = build_card(**inputs)
    said = [block.text for block in card.section("details").blocks if isinstance(block, Text)]
    assert len(said) == 1
    assert "evenhand show run-1 " in said[0]
    assert "evenhand.card_digest" in said[0]
    for rendered in (render_html(card), render_markdown(card)):
        assert "The version was numbered after this card was written" in rendered
    del inputs["run"]["run_id"]
    assert "numbered after" not in _texts(build_card(**inputs).section("details"))


def test_secrets_of_an_address_are_left_out(inputs):
    card = build_card(**inputs)
    assert "hunter2" not in render_html(card) + render_markdown(card) + render_json(card)


@pytest.mark.parametrize("outcome", ["promote", "hold", "block"])
def test_the_decision_has_its_slot(inputs, outcome):
    inputs["decision"]["outcome"] = outcome
    card = build_card(**inputs)
    assert card.status == outcome
    said = _texts(card.section("decision"))
    assert "race fails" in said
    assert "e" * 64 in said
    assert "Changes against the champion" in said


def test_an_unknown_outcome_is_no_decision(inputs):
    inputs["decision"]["outcome"] = "whatever"
    assert build_card(**inputs).status == "undecided"


def test_the_json_satisfies_its_schema(any_inputs):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(card_schema())
    found = json.loads(render_json(build_card(**any_inputs)))
    assert list(Draft202012Validator(card_schema()).iter_errors(found)) == []


@pytest.mark.parametrize("broken", [{"status": "perhaps"}, {"digest": "x"}, {"more": 1}, {"sections": []}])
def test_the_schema_refuses_what_is_no_card(inputs, broken):
    from evenhand.card import validate_card

    with pytest.raises(EvenhandError, match="breaks its schema"):
        validate_card({**build_card(**inputs).to_dict(), **broken})


def test_equal_inputs_give_equal_bytes(any_inputs):
    first, second = build_card(**any_inputs), build_card(**any_inputs)
    assert first.digest == second.digest
    for render in (render_html, render_markdown, render_json):
        assert render(first) == render(second)


def test_the_digest_follows_what_the_card_says(inputs):
    before = build_card(**inputs).digest
    inputs["evaluation"]["metrics"]["accuracy"]["value"] = 0.91
    assert build_card(**inputs).digest != before


def test_inputs_are_not_changed(inputs):
    before = json.dumps(inputs, default=repr)
    build_card(**inputs)
    assert json.dumps(inputs, default=repr) == before


def test_every_class_of_a_multiclass_model_is_on_the_card(multiclass):
    card = build_card(**multiclass)
    assert [row[0].text for row in card.section("by-class").blocks[0].rows] == ["A", "N", "U", "Y"]
    assert "four classes" in _texts(card.section("threshold"))
    assert len(card.section("confusion").blocks[-1].columns) == 5


def test_a_figure_that_is_none_is_refused(inputs):
    inputs["figures"]["bad"] = {"figure": 3}
    with pytest.raises(DataError, match="'bad' is a int"):
        build_card(**inputs)


def test_the_audits_own_drawing_is_replaced_by_one_that_withholds(inputs):
    inputs["figures"]["groups"] = "<svg><text>rates of everybody</text></svg>"
    page = render_html(build_card(**inputs))
    assert "rates of everybody" not in page
    assert "Rates of each group of race" in page


def test_importing_the_card_imports_nothing_heavy():
    heavy = ("matplotlib", "jinja2", "jsonschema", "sklearn", "pandas", "numpy", "yaml")
    code = f"import sys, evenhand.card; sys.exit(', '.join(set({heavy}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_folder_of_a_person_stands_on_the_card() -> None:
    source = {"path": "/home/ann.smith/secret-project/loans.csv", "format": "csv"}
    card = build_card(model={"name": "loans"}, data={"name": "loans", "source": source})
    for told in (render_html(card), render_markdown(card), render_json(card)):
        assert "loans.csv" in told
        assert "ann.smith" not in told
        assert "secret-project" not in told
