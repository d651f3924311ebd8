"""The files that a configuration names, so that a mistake in one is told before anything is computed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.config._errors import shown
from evenhand.config._paths import is_path
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, Problem, nearest, shorten

if TYPE_CHECKING:
    from evenhand.fairness.policies.model import Policy

__all__ = ["check_approvers", "check_empty", "check_policies"]


def check_policies(config: Config) -> list[Problem]:
    """What is wrong with the policies that a configuration with absolute paths names by their files, or has to keep."""
    named = [("audit.policies", name) for name in config.audit.policies if is_path(name)]
    if config.mitigate.policy:
        named.append(("mitigate.policy", config.mitigate.policy))
    return [problem for where, name in named for problem in _problems(where, name, config)]


def check_empty(config: Config) -> Iterator[Problem]:
    """A list of policies that is written down and empty: it reads as no verdicts, and means the default."""
    if "policies" in config.audit.model_fields_set and not config.audit.policies:
        remedy = "leave it out for statistical, or name one that gives no verdict: nyc-ll144, or yours with rules: []"
        yield Problem("audit.policies", "an empty list names no policy, and the default would judge", remedy)


def check_approvers(config: Config) -> Iterator[Problem]:
    """A list of allowed signers that is not there: no approval could be verified against it."""
    named = config.gate.approvers
    if named and not Path(named).is_file():
        remedy = "write the list of allowed signers there, or name another file"
        yield Problem("gate.approvers", f"{shorten(named, 200)}: no such file", remedy)


def _problems(where: str, name: str, config: Config) -> Iterator[Problem]:
    from evenhand.fairness.policies.load import load_policy  # what it needs takes seconds to import

    try:
        policy = load_policy(name)
    except ConfigError as error:
        for each in error.problems:
            yield Problem(where, f"{Path(name).name}: {each.where}: {each.message}", each.remedy)
        if not error.problems:
            yield Problem(where, error.summary)
        return
    yield from _attributes(where, policy, config)
    if where == "mitigate.policy":
        yield from _limits(where, policy)


def _attributes(where: str, policy: "Policy", config: Config) -> Iterator[Problem]:
    for attribute in dict.fromkeys(attribute for rule in policy.rules for attribute in rule.attributes):
        for part in attribute.split(" & "):
            if part not in config.data.sensitive:
                told = f"policy {policy.name} is about {shown(attribute)}, and {shown(part)} is no sensitive attribute"
                yield Problem(where, told, nearest(part, config.data.sensitive))


def _limits(where: str, policy: "Policy") -> Iterator[Problem]:
    """A mitigation can keep limits on rates only."""
    from evenhand.fairness.policies.families import metric_names

    if not policy.rules:
        yield Problem(where, f"policy {policy.name} has no limits that a model could be made to keep")
    for rule in policy.rules:
        if rule.metric not in metric_names():
            told = f"policy {policy.name} limits {shown(rule.metric)}, which no model is made to keep"
            yield Problem(where, told, nearest(rule.metric, metric_names()))
