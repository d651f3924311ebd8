"""What is left of a configuration without its wrong fields, so that all other checks run on it too."""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from evenhand.config._base import APART, Section
from evenhand.config._checks import check
from evenhand.config._errors import explain, meant
from evenhand.config._tree import Path, dotted, kind_at
from evenhand.config.root import Config
from evenhand.exceptions import Problem

__all__ = ["check_rest"]

_ROUNDS = 3
_NO_COLUMN = "\0"


def check_rest(prepared: Mapping[str, Any], found: Collection[Path]) -> tuple[dict[Path, Problem], list[Problem]]:
    """What is wrong besides what was found, and is no consequence of it.

    Parameters
    ----------
    prepared
        The configuration as the models take it.
    found
        The paths of what is known to be wrong.

    Returns
    -------
    tuple
        The conflicts within sections, by path, and the problems between sections.
    """
    wrong = set(found)
    config = _rest(prepared, wrong)
    if config is None:
        return {}, []
    conflicts = dict(_conflicts(config, (), wrong))
    # A remedy that names a wrong field is no remedy: what it is for follows from that field.
    places = [dotted(path) for path in wrong if len(path) > 1 and not isinstance(_at(prepared, path), Mapping)]
    between = [problem for problem in check(config) if not any(place in problem.remedy for place in places)]
    return conflicts, between


def _rest(prepared: Mapping[str, Any], wrong: set[Path]) -> Config | None:
    """The configuration without what is wrong; what a misspelled key holds counts for the key that it means."""
    rest = copy.deepcopy(dict(prepared))
    paths: Iterable[Path] = tuple(wrong)
    for _ in range(_ROUNDS):
        for path in paths:
            _take_out(rest, path)
        rest.setdefault("model", "model")
        if isinstance(rest.get("data"), dict):
            rest["data"].setdefault("target", _NO_COLUMN)  # so that no other check meets it
            rest["data"].setdefault("source", {})
        try:
            return Config.model_validate(rest, context=APART)
        except ValidationError as error:
            paths = tuple(explain(error, Config))
            wrong.update(paths)
    return None


def _take_out(rest: dict[str, Any], path: Path) -> None:
    """Remove what stands at a path, and only this; a list goes as a whole, and a section's conflict takes nothing."""
    *parents, last = path[: next((depth for depth, part in enumerate(path) if isinstance(part, int)), len(path))]
    at = _at(rest, parents)
    if not isinstance(at, dict) or last not in at:
        return
    _, above = kind_at(Config, parents)
    known, kind = kind_at(Config, (*parents, last))
    is_section = isinstance(kind, type) and issubclass(kind, Section)
    if len(known) == len(parents):  # no such key
        value, key = at.pop(last), meant(str(last), above)
        if key is not None:
            at.setdefault(key, value)
    elif path == ("data", "sensitive"):
        named = at[last] if isinstance(at[last], list) else [at[last]]
        at[last] = {name: {} for name in named if isinstance(name, str)}
    elif is_section and not isinstance(above, type):  # one of several by name: the name is right
        at[last] = at[last] if isinstance(at[last], dict) else {}
    elif not (is_section and isinstance(at[last], dict)):
        at.pop(last)


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _conflicts(value: Any, path: Path, wrong: Collection[Path]) -> Iterator[tuple[Path, Problem]]:
    """The conflicts of every section whose fields they rest on are right."""
    if isinstance(value, Section):
        unknown = {other[len(path)] for other in wrong if other[: len(path)] == path and len(other) > len(path)}
        told = [conflict.message for conflict in value.conflicts() if unknown.isdisjoint(conflict.fields)]
        if told and path not in wrong:
            yield path, Problem(dotted(path), "; ".join(told))
        for name in type(value).model_fields:
            yield from _conflicts(getattr(value, name), (*path, name), wrong)
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _conflicts(below, (*path, name), wrong)
