"""How a search chose is said in one way, and a limit on a disparity is part of it."""

import pytest

from evenhand.modeling.search_words import told_choice, told_limit, told_pool


def trial(number, mean, value, *, inside, reason="", status="complete"):
    found = {"value": value, "attribute": "sex", "between": ["f", "m"], "inside": inside, "reason": reason}
    own = {"fairness": found} if status == "complete" else {}
    return {"number": number, "candidate": "logistic", "mean": mean, "status": status, **own}


def record(trials, selected, *, met, metric="demographic_parity_difference", limit=0.1, best=None):
    by_number = {each["number"]: each for each in trials}
    first = by_number[selected if best is None else best]
    return {
        "n_trials": len(trials),
        "trials": trials,
        "best": first,
        "selected": by_number[selected],
        "fairness": None if met is None else {"metric": metric, "limit": limit, "met": met, "front": []},
    }


INSIDE = [
    trial(0, 0.9, 0.3, inside=False),
    trial(1, 0.8, 0.05, inside=True),
    trial(2, 0.7, 0.02, inside=True),
    trial(3, 0.95, None, inside=False, status="pruned"),
]


def test_of_the_trials_that_keep_the_limit_the_best_is_spoken_of_and_the_better_one_is_named():
    found = record(INSIDE, 1, met=True)
    assert told_choice(found) == (
        "the best of the 2 of 4 trials that keep the limit, demographic parity difference at most 0.1"
    )
    assert told_pool(found) == " of those that keep the limit"
    assert told_limit(found) == (
        "2 of 4 trials keep the limit, demographic parity difference at most 0.1: the selected one has 0.050 by sex. "
        "Trial 0 (logistic) scores better, 0.9000 against 0.8000, and was set aside: 0.300 by sex."
    )


def test_where_none_keeps_it_the_nearest_is_not_called_the_best():
    trials = [trial(0, 0.9, 0.88, inside=False), trial(1, 0.8, 0.89, inside=False)]
    found = record(trials, 1, met=False, metric="demographic_parity_ratio", limit=0.9)
    assert told_choice(found) == (
        "of 2 trials the nearest to a limit that none keeps, demographic parity ratio at least 0.9"
    )
    assert told_pool(found) == " of those nearest to a limit that none keeps"
    assert told_limit(found).startswith("No trial keeps the limit, demographic parity ratio at least 0.9: ")
    assert "was set aside: 0.880 by sex" in told_limit(found)


def test_one_trial_alone_keeps_it():
    found = record([INSIDE[1], trial(2, 0.7, 0.2, inside=False)], 1, met=True)
    assert told_choice(found).startswith("the only one of 2 trials that keeps the limit, ")
    assert told_limit(found).startswith("1 of 2 trials keeps the limit, ")
    assert "set aside" not in told_limit(found)


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        (None, "every rate is 0", "undefined (every rate is 0)."),
        (0.05, "undefined for x", "0.050 by sex, undefined for x."),
        (0.10002, "", "0.10002 by sex."),
    ],
)
def test_a_value_that_keeps_no_limit_does_not_look_as_if_it_did(value, reason, said):
    assert told_limit(record([trial(0, 0.9, value, inside=False, reason=reason)], 0, met=False)).endswith(said)


def test_without_a_limit_nothing_is_said_of_one_and_the_simplest_is_not_called_the_best():
    found = record(INSIDE, 2, met=None, best=0)
    assert told_choice(found) == "the simplest within one standard error of the best of 4 trials"
    assert told_choice(record(INSIDE[:1], 0, met=None)) == "the only trial"
    assert (told_limit(found), told_pool(found)) == ("", "")
