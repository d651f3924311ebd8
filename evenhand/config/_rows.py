"""What a configuration says of features, labels and disparities, held to the rows once they were read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evenhand.config._errors import shown
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, DataError, Problem, nearest
from evenhand.modeling.figure_names import figures_of

__all__ = ["check_rows"]

Found = Iterator[Problem]


def check_rows(config: Config, features: Sequence[str], classes: int) -> None:
    """Make sure that a configuration speaks of features, figures and disparities that these rows have.

    Parameters
    ----------
    config
        The configuration.
    features
        The names of the features, known once the rows were read.
    classes
        How many labels the target has.

    Raises
    ------
    ConfigError
        With everything that these rows cannot have: a later step would miss it after the search, or when rows are
        scored.
    """
    problems = [
        *_groups(config),
        *_features(config, features),
        *_floors(config, classes),
        *_disparities(config, classes),
    ]
    if problems:
        raise ConfigError("the configuration does not fit the data", problems)


def _groups(config: Config) -> Found:
    if not config.data.sensitive:
        remedy = "name the columns whose groups are to be compared; they never become features"
        yield Problem("data.sensitive", "is empty", remedy)


def _features(config: Config, features: Sequence[str]) -> Found:
    for where, names in (
        ("audit.legitimate_factors", config.audit.legitimate_factors),
        ("score.reasons", config.score.reasons),
    ):
        for name in names:
            if name not in features:
                yield Problem(where, f"{shown(name)} is no feature", nearest(name, features))


def _floors(config: Config, classes: int) -> Found:
    known = figures_of(classes)
    for name in config.gate.floors:
        if name not in known:
            told = f"a model of {classes} labels has no {shown(name)}"
            yield Problem("gate.floors", told, nearest(name, known))


def _disparities(config: Config, classes: int) -> Found:
    from evenhand.fairness.policies.load import load_policy  # what it needs takes seconds to import

    rules = [
        (f"audit.policies: {policy.name}", rule.metric)
        for policy in map(load_policy, config.audit.policies)
        for rule in policy.rules
    ]
    if config.search.fairness.metric:
        rules.append(("search.fairness", config.search.fairness.metric))
    favorable = config.data.favorable_label not in (None, [])
    refused = set()
    for where, metric in rules:
        why = _refused(metric, classes, favorable=favorable)
        if why:
            refused.add(where)
            yield Problem(where, why)
    yield from (problem for problem in _kept(config, classes) if problem.where not in refused)


def _refused(metric: str, classes: int, *, favorable: bool) -> str:
    """Why there is no verdict on a disparity with so many labels, or nothing."""
    import numpy as np

    from evenhand.fairness.policies.families import ConfusionCounts, families

    table = np.ones((2, classes, classes), dtype=np.int64)
    try:
        families(metric, ConfusionCounts(("a", "b"), table, (classes - 1,) if favorable else ()))
    except (ConfigError, DataError) as error:
        return str(error)
    return ""


def _kept(config: Config, classes: int) -> Found:
    """Limits that the search and a mitigation are to keep."""
    mitigate, fairness = config.mitigate, config.search.fairness
    asked: list[tuple[str, Any]] = []
    if fairness.metric:
        asked.append(("search.fairness", {fairness.metric: fairness.limit}))
    if mitigate.method != "none" and mitigate.limits:
        asked.append(("mitigate.limits", mitigate.limits))
    elif mitigate.method != "none" and mitigate.policy:
        asked.append(("mitigate.policy", mitigate.policy))
    for where, limits in asked:
        why = _not_kept(limits, classes, favorable=config.data.favorable_label not in (None, []))
        if why:
            yield Problem(where, why)


def _not_kept(limits: Mapping[str, float] | str, classes: int, *, favorable: bool) -> str:
    """Why limits, or those of a policy, cannot be kept with so many labels, or nothing."""
    from evenhand.fairness.mitigation_limits import as_limits
    from evenhand.fairness.policies.load import load_policy

    try:
        known = load_policy(limits) if isinstance(limits, str) else limits
        as_limits(known, "binary" if classes == 2 else "multiclass", favorable=favorable)
    except DataError as error:
        return str(error)
    return ""
