"""The comparison of two runs: from real audits and evaluations, and its page and Markdown from hostile names."""

import copy
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from evenhand.decision.churn import churn
from evenhand.decision.difference import difference, render_difference_html, render_difference_markdown
from evenhand.decision.stability import reason_stability
from evenhand.fairness import BiasDetector
from evenhand.modeling.evaluation import evaluate

N = 300
RNG = np.random.default_rng(0)
SENSITIVE = pd.DataFrame({"sex": ["female"] * 100 + ["male"] * 196 + [None] * 4})
TRUTH = RNG.integers(0, 2, N)
SCORES = {"old": 0.6 * TRUTH + 0.4 * RNG.random(N), "new": 0.55 * TRUTH + 0.45 * RNG.random(N)}
DECIDED = {"old": np.ones(N, dtype=int), "new": np.r_[np.zeros(100, dtype=int), np.ones(N - 100, dtype=int)]}


def left(name, **changes):
    """What a run leaves, with real figures: the old model decides alike for all, the new one denies every woman."""
    detector = BiasDetector.from_predictions(
        TRUTH, DECIDED[name], sensitive_features=SENSITIVE, favorable_label=1, y_score=SCORES[name]
    )
    proba = np.c_[1 - SCORES[name], SCORES[name]]
    assessed = evaluate(TRUTH, DECIDED[name], y_proba=proba, classes=[0, 1], favorable_label=1, replicates=100, seed=0)
    features = ["income", "debt", "age"]
    return {
        "about": {
            "name": "loans",
            "digest": "cacd0a87e4f139bb",
            "rows": 1989,
            "source": {"path": "loans.csv"},
            "features": features,
            "sensitive": {"sex": {"female": 369, "male": 1605, "unknown": 4}},
        },
        "split": {"counts": {"train": 1200, "test": N}},
        "contract": {"columns": [{"name": name, "kind": "number", "nullable": False} for name in features]},
        "config": {"seed": 0, "search": {"trials": 24, "candidates": ["logistic"]}, "data": {"exclude": []}},
        "search": {"selected": {"candidate": "logistic", "params": {"C": 0.5}}},
        "threshold": {"threshold": 0.5, "rule": "scorer"},
        "calibration": {"method": "none"},
        "evaluation": assessed.to_dict(),
        "audit": detector.detect_bias(policies=["statistical"], replicates=100, seed=0).to_dict(),
        "explanation": {"features": [{"feature": f, "mean_abs": 1.0 - k / 4} for k, f in enumerate(features)]},
        "robustness": {"noise_agreement": {"value": 0.98, "low": 0.95, "high": 0.99, "reason": "", "groups": {}}},
        **changes,
    }


OLD, NEW = left("old"), left("new")


def found(champion, challenger, **asked):
    return {(row["section"], row["what"]): row for row in difference(champion, challenger, **asked)}


def test_a_model_does_not_differ_from_itself():
    rows = difference(OLD, copy.deepcopy(OLD))
    assert not [row for row in rows if row["changed"]]
    shown = ["Data", "Features", "Configuration", "Model", "Metrics", "Groups", "Policies", "Robustness", "Reasons"]
    assert list(dict.fromkeys(row["section"] for row in rows)) == shown


def test_groups_and_verdicts_show_what_happened_to_whom():
    rows = found(OLD, NEW)
    women = rows["Groups", "sex: female, selection rate"]
    assert women["champion"].startswith("1 (0.9")
    assert women["challenger"].startswith("0 (0 to 0.")
    assert women["changed"]
    assert not rows["Groups", "sex: male, selection rate"]["changed"]
    verdict = rows["Policies", "Plain statistical limits: demographic parity ratio by sex"]
    assert verdict["champion"].startswith("PASS, 1")
    assert verdict["challenger"].startswith("FAIL, 0")
    assert rows["Metrics", "Accuracy"]["changed"]


def test_what_rests_on_few_people_is_withheld():
    rows = found(OLD, NEW)
    few = rows["Groups", "sex: unknown, selection rate"]
    assert few["champion"] == few["challenger"] == "withheld, fewer than 10 rows"
    assert rows["Data", "Groups of sex"]["champion"] == "female 369, male 1,605, unknown under 10"
    assert found(OLD, NEW, min_cell=1)["Groups", "sex: unknown, selection rate"]["champion"].startswith("1 (")


def test_a_verdict_on_few_people_withholds_its_figure():
    audit = copy.deepcopy(OLD["audit"])
    audit["policies"][0]["rules"][0]["pair"] = ["unknown", "male"]
    what = "Plain statistical limits: demographic parity ratio by sex"
    assert found(OLD, {**OLD, "audit": audit})["Policies", what]["challenger"] == "PASS, withheld, level 0.05"


RULE = "Plain statistical limits: demographic parity ratio by sex"


def of_older_audit(**changes):
    """A champion whose audit was judged at the policy's own level, and once more for the decision."""
    audit = copy.deepcopy(OLD["audit"])
    for judged in audit["policies"]:
        del judged["share"]
    return {**OLD, "audit": audit, **changes}


def decided(figures):
    subject = "statistical: demographic_parity_ratio by sex"
    return {
        "look": 2,
        "share_of_error": 1 / 6,
        "verdicts": {subject: "INCONCLUSIVE"},
        "rules": [{"rule": "fairness", "subject": subject, "status": "INCONCLUSIVE", "figures": figures}],
    }


def test_a_verdict_names_its_level_and_its_look():
    """A later look may spend less: the same figures passed for the champion, and do not now, without a word on why."""
    audit = copy.deepcopy(NEW["audit"]) | {"look": {"number": 2, "share": 1 / 6, "elsewhere": False}}
    audit["policies"][0]["rules"][0]["alpha"] = 0.05 / 6
    rows = found(OLD, {**NEW, "audit": audit})
    assert rows["Policies", RULE]["champion"].endswith(", level 0.05")
    assert rows["Policies", RULE]["challenger"].endswith(", level 0.00833")
    look = rows["Policies", "Look at the test set"]
    assert look["champion"] == "not recorded"
    assert look["challenger"] == "2, may spend 0.167 of each policy's level"


def test_an_older_champion_has_the_verdict_of_its_decision():
    figures = {"value": 1.0, "low": 0.7, "high": 1.0, "limit": 0.8, "alpha": 0.05 / 6}
    rows = found(of_older_audit(decision=decided(figures)), NEW)
    assert rows["Policies", RULE]["champion"] == "INCONCLUSIVE, 1 (0.700 to 1), level 0.00833"
    assert rows["Policies", "Look at the test set"]["champion"] == "2, may spend 0.167 of each policy's level"
    withheld = {"limit": 0.8, "alpha": 0.05 / 6}
    hidden = found(of_older_audit(decision=decided(withheld)), NEW)["Policies", RULE]
    assert hidden["champion"] == "INCONCLUSIVE, withheld, level 0.00833"
    spent = found(of_older_audit(decision=decided({})), NEW)["Policies", RULE]
    assert spent["champion"] == "INCONCLUSIVE, withheld, no level left"


def test_an_older_champion_without_a_decision_says_whose_verdict_it_is():
    said = found(of_older_audit(), NEW)["Policies", RULE]["champion"]
    assert said.startswith("PASS, 1")
    assert said.endswith(", at the policy's own level 0.05, not the decision's")


def test_a_rule_whose_verdict_stays_has_not_changed():
    audit = copy.deepcopy(OLD["audit"])
    audit["policies"][0]["rules"][0]["value"] = 0.97
    row = found(OLD, {**OLD, "audit": audit})["Policies", "Plain statistical limits: demographic parity ratio by sex"]
    assert row["champion"] != row["challenger"]
    assert not row["changed"]


def test_features_configuration_and_parameters():
    challenger = left(
        "old",
        about={**OLD["about"], "features": ["income", "savings", "age"], "rows": 2100},
        contract={"columns": [{"name": "income", "kind": "integer", "nullable": True}]},
        config={
            "seed": 0,
            "search": {"trials": 60, "candidates": ["logistic"], "prefer": "best"},
            "mitigate": {"method": "none", "tolerance": 0.1},
            "data": {"exclude": ["msa"]},
        },
        search={"selected": {"candidate": "boosting", "params": {"max_iter": 100}}},
    )
    rows = found(OLD, challenger)
    assert rows["Features", "savings"]["challenger"] == "a feature"
    assert rows["Features", "debt"]["challenger"] == "absent"
    assert rows["Features", "income, as promised"]["challenger"] == "integer, may be missing"
    assert (
        rows["Configuration", "search.trials"]["champion"],
        rows["Configuration", "search.trials"]["challenger"],
    ) == (
        "24",
        "60",
    )
    assert rows["Configuration", "mitigate"]["champion"] == "not recorded"
    assert rows["Configuration", "mitigate"]["challenger"] == "2 keys"
    assert rows["Configuration", "search.prefer"]["champion"] == "not set"
    assert (rows["Configuration", "data.exclude"]["champion"], rows["Configuration", "data.exclude"]["challenger"]) == (
        "empty",
        "msa",
    )
    assert rows["Configuration", "Other keys"]["champion"] == "2"
    assert rows["Model", "Algorithm"]["challenger"] == "Histogram gradient boosting"
    assert (rows["Model", "C"]["challenger"], rows["Model", "max_iter"]["champion"]) == ("none", "none")
    assert rows["Data", "Rows"]["challenger"] == "2,100"


def test_reasons_change_when_another_feature_stands_at_the_place():
    ranked = [{"feature": f, "mean_abs": m} for f, m in (("income", 0.9), ("age", 0.8), ("debt", 0.1))]
    rows = found(OLD, {**OLD, "explanation": {"features": ranked}})
    marks = [rows["Reasons", f"Place {k} by mean size of attribution"]["changed"] for k in (1, 2, 3)]
    assert marks == [False, True, True]


def test_churn_is_told_by_group():
    values = np.tile([3.0, 2.0, 1.0], (N, 1))
    stable = reason_stability(values, values, sensitive_features=SENSITIVE)
    flips = churn(DECIDED["old"], DECIDED["new"], sensitive_features=SENSITIVE, favorable_label=1, reasons=stable)
    rows = found(OLD, NEW, churn=flips.to_dict())
    women = rows["Churn", "Decisions that flip, sex: female"]
    assert women["challenger"].startswith("100.0% (")
    assert women["challenger"].endswith("of 100 rows; 0.0% to favorable; 100.0% to unfavorable")
    assert not rows["Churn", "Decisions that flip, sex: male"]["changed"]
    assert rows["Churn", "Decisions that flip, sex: unknown"]["challenger"] == "withheld, fewer than 10 rows"
    assert not rows["Churn", "Same strongest reason, all rows"]["changed"]


def test_what_a_side_has_not_recorded_is_said():
    rows = found({}, NEW)
    assert rows["Metrics", "Accuracy"]["champion"] == "not recorded"
    assert rows["Policies", "Plain statistical limits: demographic parity ratio by sex"]["champion"] == "no rule"
    assert rows["Configuration", "Configuration"]["champion"] == "not recorded"
    assert rows["Reasons", "Place 1 by mean size of attribution"]["champion"] == "not recorded"
    assert difference({}, {}) == ()


def test_the_secret_of_an_address_stays_out():
    config = {"data": {"source": {"url": "postgresql://me:secret@host/db"}}}
    rows = difference({**OLD, "config": {"data": {}}}, {**NEW, "config": config})
    assert "secret" not in json.dumps(rows)


PAYLOADS = (
    "<xss-tag onload=alert(1)>",
    "</style></title><xss-tag>",
    "\"'><xss-tag autofocus onfocus=alert(1)>",
    "[x](javascript:alert(1)) ![x](https://evil.example/a.png) <https://evil.example>",
    "a | b |\n\n# evil heading\n\n- item",
)
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "details", "summary", "span"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "strong", "em"}


class Page(HTMLParser):
    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = [], set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("payload", PAYLOADS)
def test_other_peoples_text_is_text(payload):
    keys = ("section", "what", "champion", "challenger")
    rows = [{**dict.fromkeys(keys, payload), "changed": changed} for changed in (True, False)]
    named = {"title": payload, "champion": payload, "challenger": payload}
    page = Page(render_difference_html(rows, **named))
    assert set(page.tags) <= TAGS
    assert page.tags.count("h1") == 1
    assert page.attributes <= {"lang", "charset", "name", "content", "http-equiv", "scope", "class", "data-side"}
    assert " ".join(payload.split())[:20] in " ".join(page.text.split())
    markdown = render_difference_markdown(rows, **named)
    shown = Page(MarkdownIt("commonmark", {"html": True}).enable(["table"]).render(markdown))
    assert set(shown.tags) <= TAGS
    assert (shown.tags.count("h1"), shown.tags.count("h2"), shown.tags.count("tr")) == (1, 1, 2)


def test_the_page_shows_every_line_once_and_marks_what_differs():
    rows = difference(OLD, NEW)
    page = render_difference_html(rows, title="loans")
    assert page.count('<th scope="row">') == len(rows)
    assert page.count('<tr class="changed">') == sum(row["changed"] for row in rows)
    assert not re.search(r"https?://|src=|<script", page)


def test_markdown_shows_what_differs():
    rows = difference(OLD, NEW)
    lines = render_difference_markdown(rows, title="loans", champion="Version 1", challenger="Version 2").splitlines()
    assert sum(line.startswith("| ") and "---" not in line for line in lines) == sum(
        row["changed"] for row in rows
    ) + sum(line == "| | Version 1 | Version 2 |" for line in lines)


def test_a_mitigation_is_shown_and_not_the_threshold_of_the_model_that_it_replaced() -> None:
    """A champion with a threshold a group looked like the twin of the plain challenger."""
    fair = {"label": "group_thresholds (tolerance=0.1)", "family": "postprocessing", "status": "selected"}
    given = {"label": "unmitigated", "family": "none", "status": "lost"}
    mitigated = left(
        "old",
        mitigation={"alternatives": [given, fair]},
        threshold={"threshold": None, "rule": "none"},
        config={**OLD["config"], "mitigate": {"limits": {"demographic_parity_ratio": 0.8}}},
    )
    plain = left("new", config={**OLD["config"], "mitigate": {"limits": {}}})
    rows = {(row["section"], row["what"]): row for row in difference(mitigated, plain)}
    said = rows["Model", "Mitigation"]
    assert (said["champion"], said["challenger"]) == ("group_thresholds (tolerance=0.1)", "none: the tuned model")
    assert rows["Model", "Threshold"]["champion"] == "none: the method decides by itself"
    assert rows["Configuration", "mitigate.limits.demographic_parity_ratio"]["challenger"] == "not set"
    assert ("Configuration", "mitigate.limits") not in rows
    kept = left("new", mitigation={"alternatives": [{**given, "status": "selected"}, {**fair, "status": "lost"}]})
    assert ("Model", "Mitigation") not in {(row["section"], row["what"]) for row in difference(NEW, kept)}
