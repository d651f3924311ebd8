"""What the screen and the pages tell: of groups nothing that rests on few people; what a limit of the search did."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.fairness import BiasDetector
from evenhand.fairness.tables import group_table
from tasks.conclude import _groups, _notes, _summary_page


@pytest.fixture(scope="module")
def audit() -> dict:
    """120 women, 200 men, 4 rows without a sex; of 9 people who have 'old', all selected."""
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"sex": ["f"] * 120 + ["m"] * 200 + [None] * 4, "age": ["old"] * 9 + ["young"] * 315})
    y = rng.integers(0, 2, 324)
    predicted = np.where(np.arange(324) < 9, 1, rng.integers(0, 2, 324))
    report = BiasDetector.from_predictions(y, predicted, sensitive_features=people, favorable_label=1)
    return report.detect_bias(depth=1, replicates=100).to_dict()


def test_rates_of_few_people_are_withheld_and_set_no_ratio(audit: dict) -> None:
    rows = {(row["attribute"], row["group"]): row for row in _groups(audit, 10)}
    for few in (("sex", "unknown"), ("age", "old")):
        assert [
            rows[few][name] for name in ("selection_rate", "true_positive_rate", "impact_ratio", "four_fifths")
        ] == [None] * 4
        assert rows[few]["reason"] == "withheld: fewer than 10 rows"
    assert rows["age", "young"]["impact_ratio"] == 1, "against those who are told of, and not the nine"
    assert rows["sex", "f"]["selection_rate"] == pytest.approx(
        audit["attributes"]["sex"]["groups"][0]["metrics"]["selection_rate"]["value"]
    )
    assert max(rows["sex", group]["impact_ratio"] for group in "fm") == 1


def test_a_table_for_many_eyes_withholds_them_too(audit: dict) -> None:
    told = group_table(audit, 10).set_index("group")
    whole = group_table(audit).set_index("group")
    few = [name for name in whole.index if name.startswith(("unknown", "old"))]
    assert (told.loc[few, "selection_rate"] == "withheld").all()
    assert not (whole == "withheld").any(axis=None)
    pd.testing.assert_frame_equal(told.drop(few), whole.drop(few))
    assert told["n"].tolist() == whole["n"].tolist(), "the groups themselves are shown"


def test_a_limit_that_no_trial_keeps_is_read_first_and_stands_on_the_pages(tmp_path: Path) -> None:
    for name, said in (("calibration", {"method": "none", "reason": "good"}), ("threshold", {"applied": False})):
        (tmp_path / f"{name}.json").write_text(json.dumps(said))
    read = {"value": 0.2, "attribute": "sex", "between": ["f", "m"], "inside": False, "reason": ""}
    trial = {"number": 0, "candidate": "logistic", "mean": 0.8, "status": "complete", "fairness": read}
    limit = {"metric": "demographic_parity_difference", "limit": 0.1, "met": False, "front": [0]}
    search = {
        "n_trials": 1,
        "best": trial,
        "selected": trial,
        "trials": [trial],
        "scorer": "roc_auc",
        "fairness": limit,
    }
    notes = _notes({"fitted": tmp_path}, search)
    assert notes[0].startswith("search: No trial keeps the limit, demographic parity difference at most 0.1: ")
    summary = {"algorithm": "boosting", "choice": "the best of 4 trials", "notes": notes, "metrics": [], "groups": []}
    head = {"model_version": "1", "alias": "challenger", "decision": "hold", "decision_reasons": []}
    page = _summary_page({**head, "summary": summary})
    assert "\nthe best of 4 trials\n- search: No trial keeps the limit" in page
    assert "A person can answer" not in page
    held = _summary_page({**head, "summary": summary, "answer_until": "2026-01-12 08:30 UTC"})
    assert "- A person can answer until 2026-01-12 08:30 UTC." in held
    without = _notes({"fitted": tmp_path}, {**search, "fairness": None})
    assert without == ["calibration none: good"]
