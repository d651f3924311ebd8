"""Pydantic's errors in plain words: the path, the bad value, and what would be right."""

import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evenhand.config._base import Section
from evenhand.config._secrets import redact
from evenhand.config._tree import Path, dotted, homes, kind_at, options
from evenhand.exceptions import Problem, alike, nearest, shorten

__all__ = ["explain", "meant", "shown"]


def shown(value: Any) -> str:
    """A value as a message may show it: short, and without a password."""
    if isinstance(value, Mapping):
        return f"a mapping with {len(value)} key{'s' * (len(value) != 1)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return shorten(redact(value) if isinstance(value, str) else value)


def explain(error: ValidationError, root: type[Section]) -> dict[Path, Problem]:
    """One problem for each place that is wrong, by path."""
    problems: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False):
        path, problem = _problem(detail, root)
        problems.setdefault(path, problem)
    return problems


def _problem(detail: ErrorDetails, root: type[Section]) -> tuple[Path, Problem]:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    path, kind = kind_at(root, location)
    if detail["type"] == "extra_forbidden":
        return location, _unknown_key(location, root)
    if detail["type"] == "missing":
        return path, Problem(dotted(path), "is missing", _description(path, root))
    if detail["type"] == "value_error":
        return path, Problem(dotted(path), str(detail["ctx"]["error"]))
    bad = shown(detail["input"])
    return path, Problem(dotted(path), *_sentence(detail, kind, bad))


def _unknown_key(location: Path, root: type[Section]) -> Problem:
    _, kind = kind_at(root, location[:-1])
    key = str(location[-1])
    fields = list(kind.model_fields)
    return Problem(dotted(location), f"there is no key {shown(key)} here", _right_key(key, fields, location, root))


def _right_key(key: str, fields: list[str], location: Path, root: type[Section]) -> str:
    section, _, below = key.partition(".")
    if below and section in fields:
        return f"write it nested: {section}, and below it {below}"
    same = _same(key, fields)
    close = f"did you mean {same[0]!r}?" if same else nearest(key, fields)
    elsewhere = [home for home in homes(root).get(key, ()) if home != dotted(location[:-1])]
    if elsewhere and not same:
        return f"it belongs to {' or '.join(f'`{home}`' if home else 'the top level' for home in elsewhere)}"
    return close


def _same(key: str, fields: Iterable[str]) -> list[str]:
    return [name for name in fields if name == key.lower().replace("-", "_").strip()]


def meant(key: str, kind: Any) -> str | None:
    """The field of a section that a key without one comes nearest to, as the message about it says."""
    fields = list(kind.model_fields)
    same = _same(key, fields)
    return same[0] if same else alike(key, fields)


def _description(path: Path, root: type[Section]) -> str:
    _, parent = kind_at(root, path[:-1])
    return str(parent.model_fields[str(path[-1])].description or "").split("\n", maxsplit=1)[0].rstrip(".")


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list: [first, second]",
    "dict": "a mapping: {name: value}",
    "model": "a section: keys with values, indented below it",
}


def _sentence(detail: ErrorDetails, kind: Any, bad: str) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    name = detail["type"]
    if name == "literal_error":
        return f"{bad} is not a choice", nearest(detail["input"], options(kind))
    if name == "int_from_float":
        return f"{bad} is not a whole number", ""
    if name == "string_type" and isinstance(detail["input"], bool | int | float):
        return f"{bad} is not a text", f'write it in quotes: "{str(detail["input"]).lower()}"'
    return _bound(detail, bad) or (f"{bad} does not fit here", f"expected {_expected(detail, kind)}")


def _bound(detail: ErrorDetails, bad: str) -> tuple[str, str] | None:
    name, context = detail["type"], detail.get("ctx", {})
    if name in ("greater_than_equal", "less_than_equal"):
        side, limit = ("at least", context["ge"]) if "ge" in context else ("at most", context["le"])
        return f"{bad} is out of range", f"{side} {limit:,}"
    if name in ("greater_than", "less_than"):
        side, limit = ("above", context["gt"]) if "gt" in context else ("below", context["lt"])
        return f"{bad} is out of range", f"{side} {limit:,}"
    if name in ("string_too_short", "too_short"):
        least = context["min_length"]
        return ("is empty", "give at least one") if least == 1 else (f"{bad} is too short", f"at least {least}")
    if name in ("string_too_long", "too_long"):
        return f"{bad} is too long", f"at most {context['max_length']}"
    if name == "string_pattern_mismatch":
        return f"{bad} has characters that are not allowed", f"the pattern is {context['pattern']}"
    return None


def _expected(detail: ErrorDetails, kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        several = any(get_origin(one) is list for one in get_args(kind))
        return "a text, a number, true or false" + (", or a list of these" if several else "")
    return _EXPECTED.get(detail["type"].split("_")[0], detail["msg"])
