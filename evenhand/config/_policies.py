"""Policies are read with the configuration, so that a mistake in one is told before anything is computed."""

from collections.abc import Iterator
from pathlib import Path

from evenhand.config._errors import shown
from evenhand.config._paths import is_path
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, Problem, nearest

__all__ = ["check_policies"]


def check_policies(config: Config) -> list[Problem]:
    """What is wrong with the policies that a configuration with absolute paths names by their files."""
    named = [*(("audit.policies", name) for name in config.audit.policies), ("mitigate.policy", config.mitigate.policy)]
    return [problem for where, name in named if is_path(name) for problem in _problems(where, name, config)]


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
    for attribute in dict.fromkeys(attribute for rule in policy.rules for attribute in rule.attributes):
        for part in attribute.split(" & "):
            if part not in config.data.sensitive:
                told = f"policy {policy.name} is about {shown(attribute)}, and {shown(part)} is no sensitive attribute"
                yield Problem(where, told, nearest(part, config.data.sensitive))
