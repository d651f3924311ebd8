"""The configuration's models as a tree: what stands at a path, and where a name exists."""

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from evenhand.config._base import Section

__all__ = ["Path", "dotted", "homes", "kind_at", "options", "prepare", "strip"]

Path = tuple[str | int, ...]


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it.

    Examples
    --------
    >>> dotted(("search", "candidates", 0))
    'search.candidates[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def strip(annotation: Any) -> Any:
    """The annotation without `| None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arm for arm in get_args(annotation) if arm is not type(None)]
        return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 - built from a list
    return annotation


def _accepts_none(annotation: Any) -> bool:
    return annotation is Any or type(None) in get_args(annotation)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def kind_at(root: type[Section], path: Sequence[str | int]) -> tuple[Path, Any]:
    """The longest part of the path that the models know, and the annotation there.

    What pydantic adds to a location, such as the arm of a union, is left out that way.
    """
    kind: Any = root
    for depth, part in enumerate(path):
        if _is_section(kind) and part in kind.model_fields:
            kind = strip(kind.model_fields[str(part)].annotation)
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is list and isinstance(part, int):
            kind = get_args(kind)[0]
        else:
            return tuple(path[:depth]), kind
    return tuple(path), kind


@cache
def homes(root: type[Section]) -> Mapping[str, tuple[str, ...]]:
    """For each key, the sections that know it."""
    found: dict[str, tuple[str, ...]] = {}
    for section, key in _keys(root, ""):
        found[key] = (*found.get(key, ()), section)
    return found


def _keys(section: type[Section], path: str) -> Iterator[tuple[str, str]]:
    for name, info in section.model_fields.items():
        yield path, name
        kind = strip(info.annotation)
        if get_origin(kind) is dict:
            kind, below = get_args(kind)[1], f"{name}.<name>"
        else:
            below = name
        if _is_section(kind):
            yield from _keys(kind, f"{path}.{below}" if path else below)


def prepare(value: Any, kind: Any, path: Path = ()) -> tuple[Any, list[tuple[Path, Any]]]:
    """The value as the models take it, and the booleans that stand where a number belongs.

    A key with nothing after it counts as left out where the model has no other meaning for it; numbers as keys of a
    mapping become text. Pydantic would read true as 1.
    """
    if _is_section(kind) and isinstance(value, Mapping):
        return _prepare_section(value, kind, path)
    if get_origin(kind) is dict and isinstance(value, Mapping):
        parts = {_text(key): prepare(part, get_args(kind)[1], (*path, _text(key))) for key, part in value.items()}
        return {key: part for key, (part, _) in parts.items()}, [bad for _, bads in parts.values() for bad in bads]
    if get_origin(kind) is list and isinstance(value, list | tuple):
        items = [prepare(part, get_args(kind)[0], (*path, index)) for index, part in enumerate(value)]
        return [part for part, _ in items], [bad for _, bads in items for bad in bads]
    return value, [(path, value)] if isinstance(value, bool) and kind in (int, float) else []


def _prepare_section(
    value: Mapping[Any, Any], kind: type[Section], path: Path
) -> tuple[dict[str, Any], list[tuple[Path, Any]]]:
    out: dict[str, Any] = {}
    bad: list[tuple[Path, Any]] = []
    for key, part in value.items():
        name = _text(key)
        info = kind.model_fields.get(name)
        if info is not None and part is None and not _accepts_none(info.annotation):
            continue
        out[name], more = prepare(part, strip(info.annotation) if info else Any, (*path, name))
        bad += more
    return out, bad


def _text(key: Any) -> Any:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key) if isinstance(key, int | float) else key


def options(kind: Any) -> tuple[Any, ...]:
    """The values of a closed choice; nothing for any other kind."""
    return get_args(kind) if get_origin(kind) is Literal else ()
