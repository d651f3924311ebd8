"""Several favorable labels: the reasons are of their sum, and a row is denied when it is given none of them."""

from dataclasses import replace

import numpy as np
import pytest

from evenhand.exceptions import DataError
from evenhand.explain import explain, make_explainer, top_reasons
from evenhand.explain._model import margin, unwrap

GOOD = ("a", "b")
FAST = {"rows": 40, "background_rows": 15, "features": 1, "repeats": 2}


@pytest.fixture(scope="module")
def several(data):
    """Training and test part of four labels, two of them favorable."""
    return tuple(replace(part, favorable_label=GOOD) for part in data["multiclass"])


@pytest.mark.parametrize("name", ["logistic", "boosting", "perceptron"])
@pytest.mark.parametrize("method", ["auto", "permutation"])
def test_their_sum_adds_up_to_the_sum_of_their_margins(several, models, name, method):
    train, test = several
    model = models[name, "multiclass"]
    made = make_explainer(model, train.X, method=method, favorable_label=GOOD, background_rows=15)
    rows = test.X.iloc[:20]
    found = made.attribute(rows)
    inner = unwrap(model, list(train.X.columns))
    places = [list(model.classes_).index(label) for label in GOOD]
    margins = margin(inner.classifier, inner.encode(rows))[:, places].sum(axis=1)
    np.testing.assert_allclose(found.of(GOOD).sum(axis=1) + found.base[:, places].sum(axis=1), margins, atol=1e-6)
    np.testing.assert_array_equal(found.of(["b"]), found.by_label[:, :, found.labels.index("b")])
    with pytest.raises(DataError, match="'e' is not among the explained classes"):
        found.of(["e"])


def test_what_speaks_against_all_labels_but_one_speaks_for_that_one(several, models):
    """The margins of the perceptron are logarithms less their mean, so that they sum to 0."""
    train, test = several
    explainer = make_explainer(models["perceptron", "multiclass"], train.X, background_rows=15)
    made = explainer.attribute(test.X.iloc[:20])
    against = top_reasons(made, label=("a", "b", "c"))
    for_it = top_reasons(made, label="d", direction="for")
    assert any(against)
    assert [[reason.feature for reason in row] for row in against] == [[r.feature for r in row] for row in for_it]


def test_the_closest_denial_is_no_favorable_decision(several, models):
    train, test = several
    model = models["logistic", "multiclass"]
    made = explain(model, test, background=train.X, **FAST)
    chances, answer = model.predict_proba(test.X), model.predict(test.X)
    places = [list(model.classes_).index(label) for label in GOOD]
    together, denied = chances[:, places].sum(axis=1), ~np.isin(answer, GOOD)
    shown = {(case.attribute, case.group): case for case in made.cases if case.kind == "closest denial"}
    chosen = [case for case in made.local.cases if case.kind == "closest denial" and case.row is not None]
    assert len(chosen) >= 4
    for case in chosen:
        inside = (test.sensitive_features[case.attribute] == case.group).to_numpy()
        assert denied[case.row]
        assert together[case.row] == together[inside & denied].max()
        if (told := shown[case.attribute, case.group]).label is not None:
            assert told.label == "a, b"
            assert float(told.score.split(" to ")[0]) <= together[case.row] <= float(told.score.split(" to ")[1])
    assert any("sum of the scores of the favorable labels: a, b" in note for note in made.notes)


def test_a_case_is_told_by_the_sum(several, models):
    """Its features come in the order of the summed attributions, and show the summed means of their bands."""
    train, test = several
    found = explain(models["logistic", "multiclass"], test, background=train.X, **FAST)
    case = next(case for case in found.cases if (case.kind, case.group) == ("closest denial", "f"))
    row = next(c.row for c in found.local.cases if (c.kind, c.group) == ("closest denial", "f"))
    made = found.local.attributions
    place = list(found.local.rows.index[found.local.sampled :]).index(row) + found.local.sampled
    order = np.argsort(-np.abs(made.of(GOOD)[place]), kind="stable")
    names = [made.features[j] for j in order]
    assert case.features
    assert [item.feature for item in case.features] == [n for n in names if n in {i.feature for i in case.features}]


def test_a_list_of_one_is_that_one(data, models):
    for task, label in (("binary", "no"), ("multiclass", "b")):
        train, test = (replace(part, favorable_label=label) for part in data[task])
        listed = replace(test, favorable_label=[label])
        model = models["logistic", task]
        made = [explain(model, part, background=train.X, **FAST).to_dict() for part in (test, listed)]
        assert made[0] == made[1]
        units = [make_explainer(model, train.X, favorable_label=good).attribute(test.X) for good in (label, [label])]
        assert units[0].unit == units[1].unit
        np.testing.assert_array_equal(units[0].values, units[1].values)
