"""What a bound of the change plan can be about: a number, a list of numbers or a range, under a name that exists."""

from collections.abc import Collection, Iterator, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from evenhand.config._errors import shown
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, Problem, nearest
from evenhand.modeling.figure_names import FIGURES
from evenhand.modeling.robustness_names import FIGURES as ROBUSTNESS

__all__ = ["check_bounded"]

_WHERE = "gate.plan.within"


def check_bounded(path: str, config: Config) -> Iterator[Problem]:
    """Why no bound can hold what a path of the configuration leads to; nothing where one can."""
    parts = path.split(".")
    if not _numbers(Config, parts) or path.startswith(f"{_WHERE}."):
        told = f"{shown(path)} is no number, list of numbers or range, so nothing could be held to its bounds"
        yield Problem(_WHERE, told, "name each number that has bounds, such as search.trials")
        return
    section, name, rest = ".".join(parts[:2]), parts[2:3], parts[3:]
    if section == "search.space" and name:
        yield from _space(path, name[0], rest, config)
    elif name and (known := _known(section, config)) is not None and name[0] not in known:
        yield Problem(_WHERE, f"{shown(path)} names nothing that {section} can hold", nearest(name[0], known))


def _numbers(kind: Any, parts: Sequence[str]) -> bool:
    """Whether a value of this type has numbers at this path below it, and nothing else that counts."""
    origin = get_origin(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(_numbers(each, parts) for each in get_args(kind))
    if origin is dict:
        return _numbers(get_args(kind)[1], parts[1:])
    if origin is list:
        return not parts and _numbers(get_args(kind)[0], parts)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return bool(parts) and parts[0] in kind.model_fields and _numbers(
            kind.model_fields[parts[0]].annotation, parts[1:]
        )  # fmt: skip
    return kind in (int, float) and not parts


def _known(section: str, config: Config) -> Collection[str] | None:
    """The names that a mapping can have; None where it is none, or may have any."""
    if section == "mitigate.limits":
        from evenhand.fairness.policies.families import metric_names  # what it imports takes seconds

        return metric_names()
    known: dict[str, Collection[str]] = {
        "gate.floors": FIGURES,
        "gate.robustness": ROBUSTNESS,
        "data.sensitive": config.data.sensitive,
    }
    return known.get(section)


def _space(path: str, candidate: str, rest: Sequence[str], config: Config) -> Iterator[Problem]:
    """A candidate that competes, one of its parameters, and an end of its range."""
    if candidate not in config.search.candidates:
        told = f"{shown(path)} is about a candidate that does not compete"
        yield Problem(_WHERE, told, nearest(candidate, config.search.candidates))
    elif rest:
        from evenhand.modeling.candidates import get_candidates  # imports scikit-learn

        try:
            get_candidates([candidate], {candidate: {rest[0]: 1}})
        except ConfigError as error:
            for problem in error.problems:
                yield Problem(_WHERE, f"{shown(path)}: {problem.message}", problem.remedy)
            return
        if rest[1:] not in ([], ["low"], ["high"]):
            yield Problem(_WHERE, f"{shown(path)} is no end of a range", "name the parameter, or its low or high")
