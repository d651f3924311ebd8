"""What is left of a configuration or a service file without its wrong fields: all other checks run on it too."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from evenhand.config._base import APART, Conflict, Section
from evenhand.config._checks import check
from evenhand.config._errors import explain, meant
from evenhand.config._tree import Path, dotted, kind_at
from evenhand.config.root import Config
from evenhand.exceptions import Problem

__all__ = ["check_rest", "conflicts_in", "rest_of"]

_ROUNDS = 3
_NO_COLUMN = "\0"
S = TypeVar("S", bound=Section)


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
    config = rest_of(Config, prepared, wrong, _complete)
    if config is None:
        return {}, []
    conflicts = dict(conflicts_in(config, wrong))
    # A remedy that names a wrong field is no remedy: what it is for follows from that field.
    places = [dotted(path) for path in wrong if len(path) > 1 and not isinstance(_at(prepared, path), Mapping)]
    between = [problem for problem in check(config) if not any(place in problem.remedy for place in places)]
    return conflicts, between


def _complete(rest: dict[str, Any]) -> None:
    """Put in what a configuration cannot do without, so that no other check meets it."""
    rest.setdefault("model", "model")
    if isinstance(rest.get("data"), dict):
        rest["data"].setdefault("target", _NO_COLUMN)
        rest["data"].setdefault("source", {})


def rest_of(
    root: type[S], prepared: Mapping[str, Any], wrong: set[Path], complete: Callable[[dict[str, Any]], None]
) -> S | None:
    """What is left without what is wrong; what a misspelled key holds counts for the key that it means.

    Parameters
    ----------
    root
        What is read.
    prepared
        Its content as the models take it.
    wrong
        The paths of what is known to be wrong; those that show only now are added.
    complete
        Puts in what it cannot do without.

    Returns
    -------
    Section or None
        None where nothing can be made of it.
    """
    rest = copy.deepcopy(dict(prepared))
    paths: Iterable[Path] = tuple(wrong)
    for _ in range(_ROUNDS):
        for path in paths:
            _take_out(rest, path, root)
        complete(rest)
        try:
            return root.model_validate(rest, context=APART)
        except ValidationError as error:
            paths = tuple(explain(error, root))
            wrong.update(paths)
    return None


def _take_out(rest: dict[str, Any], path: Path, root: type[Section]) -> None:
    """Remove what stands at a path, and only this; a list goes as a whole, and a section's conflict takes nothing."""
    *parents, last = path[: next((depth for depth, part in enumerate(path) if isinstance(part, int)), len(path))]
    at = _at(rest, parents)
    if not isinstance(at, dict) or last not in at:
        return
    _, above = kind_at(root, parents)
    known, kind = kind_at(root, (*parents, last))
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


def conflicts_in(value: Any, wrong: Collection[Path], path: Path = ()) -> Iterator[tuple[Path, Problem]]:
    """The conflicts of every section whose fields they rest on are right, each with the section's path.

    Parameters
    ----------
    value
        What is left.
    wrong
        The paths of what was wrong.
    path
        Where the value stands.
    """
    if isinstance(value, Section):
        below = [other[len(path) :] for other in wrong if other[: len(path)] == path and len(other) > len(path)]
        told = [conflict.message for conflict in value.conflicts() if _stands(conflict, below)]
        if told and path not in wrong:
            yield path, Problem(dotted(path), "; ".join(told))
        for name in type(value).model_fields:
            yield from conflicts_in(getattr(value, name), wrong, (*path, name))
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from conflicts_in(part, wrong, (*path, name))


def _stands(conflict: Conflict, wrong: Iterable[Path]) -> bool:
    """Whether nothing is wrong that the conflict rests on, by the paths in its section."""
    return not any(path[0] in conflict.fields and (len(path) == 1 or path[0] not in conflict.names) for path in wrong)
