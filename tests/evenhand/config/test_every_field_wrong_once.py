"""Every field of the configuration, wrong in every way that its type allows: one error, at its path, in plain words."""

import copy
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Le, MaxLen, MinLen

from evenhand.config import Config, parse_config
from evenhand.config._base import Section
from evenhand.config._tree import strip
from evenhand.exceptions import ConfigError

BASE: dict[str, Any] = {
    "model": "loans",
    "data": {
        "source": {"path": "loans.csv"},
        "target": "approve",
        "sensitive": {"sex": {"labels": {"1": "male"}}},
    },
}
# What these sections need beside the field that is wrong, or must not have beside it.
OUTSIDE = {"name": "sex"}


def fields(section: type[Section], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, info in section.model_fields.items():
        kind = strip(info.annotation)
        here = (*path, name)
        if get_origin(kind) is dict and isinstance(get_args(kind)[1], type) and issubclass(get_args(kind)[1], Section):
            yield here, info
            yield from fields(get_args(kind)[1], (*here, OUTSIDE["name"]))
        elif isinstance(kind, type) and issubclass(kind, Section):
            yield here, info
            yield from fields(kind, here)
        else:
            yield here, info


def wrong_values(info: Any) -> Iterator[Any]:
    kind = strip(info.annotation)
    origin = get_origin(kind)
    if origin is Literal:
        yield from ("zzz", 3, ["hash"])
    elif origin is list:
        yield from ("text", 7, {"a": 1})
        if get_args(kind)[0] is not Any:
            yield [[1]]
    elif origin is dict or (isinstance(kind, type) and issubclass(kind, Section)):
        yield from ("text", 7, [1])
    elif origin in (Union, types.UnionType):
        yield from ([[1]] if any(get_origin(one) is list for one in get_args(kind)) else [1], {"a": 1})
    elif kind is str:
        yield from (7, 1.5, True, ["x"], {"a": 1})
    elif kind is bool:
        yield from ("perhaps", 7, [True])
    elif kind in (int, float):
        yield from ("many", True, [1], {"a": 1}, float("nan"))
        if kind is int:
            yield 2.5
    yield from out_of_bounds(info)


def out_of_bounds(info: Any) -> Iterator[Any]:
    for bound in info.metadata:
        if isinstance(bound, Ge):
            yield bound.ge - 1
        elif isinstance(bound, Le):
            yield bound.le + 1
        elif isinstance(bound, MinLen) and get_origin(strip(info.annotation)) is not list:
            yield "A" * (bound.min_length - 1)
        elif isinstance(bound, MinLen):
            yield []
        elif isinstance(bound, MaxLen):
            yield "A" * (bound.max_length + 1)


CASES = [(path, value) for path, info in fields(Config) for value in wrong_values(info)]


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    at = config
    for part in path[:-1]:
        at = at.setdefault(part, {})
    at[path[-1]] = value
    return config


@pytest.mark.parametrize(("path", "value"), CASES, ids=[f"{'.'.join(path)}={str(value)[:12]}" for path, value in CASES])
def test_a_wrong_value_gives_one_error_at_its_path(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(with_value(path, value))
    problems = caught.value.problems
    assert [problem.where.split("[")[0] for problem in problems] == [".".join(path)]
    assert caught.value.exit_code == 2
    text = str(caught.value)
    for jargon in ("Input should", "validation error", "pydantic", "type=", "Traceback", "ctx"):
        assert jargon not in text
    assert len(text) < 600


def test_there_are_enough_cases_and_no_field_is_left_out() -> None:
    assert len(CASES) > 200
    untested = {".".join(path) for path, _ in fields(Config)} - {".".join(path) for path, _ in CASES}
    assert untested == set()


@pytest.mark.parametrize("path", [path for path, _ in fields(Config)], ids=".".join)
def test_a_misspelled_key_gets_the_right_one(path: tuple[str, ...]) -> None:
    config = with_value(path, "x")
    at = config
    for part in path[:-1]:
        at = at[part]
    del at[path[-1]]
    at[path[-1] + "s"] = "x"
    with pytest.raises(ConfigError) as caught:
        parse_config(config)
    where = ".".join((*path[:-1], path[-1] + "s"))
    remedies = [problem.remedy for problem in caught.value.problems if problem.where == where]
    assert len(remedies) == 1
    assert f"'{path[-1]}'" in remedies[0] or "belongs to" in remedies[0]
