"""docs/configuration.md lists every key as the models have it; run this file to print the tables anew."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic_core import PydanticUndefined

from evenhand.config import Config
from evenhand.config._base import Section
from evenhand.config._tree import strip

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def sections(section: type[Section], path: str = "") -> Iterator[tuple[str, type[Section]]]:
    yield path, section
    for name, info in section.model_fields.items():
        kind = strip(info.annotation)
        here = f"{path}.{name}" if path else name
        if get_origin(kind) is dict:
            kind, here = get_args(kind)[1], f"{here}.NAME"
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from sections(kind, here)


def spoken(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if origin in (Union, UnionType):
        several = any(get_origin(one) is list for one in get_args(kind))
        return "text, number, true or false" + (", or a list of these" if several else "")
    if origin is list:
        inner = spoken(get_args(kind)[0])
        return f"list of {inner}" if inner.startswith("`") else f"list of {inner}s"
    if origin is dict:
        return f"mapping of names to {spoken(get_args(kind)[1])}"
    if isinstance(kind, type) and issubclass(kind, Section):
        return "section"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(kind, "mapping")


def default(info: Any) -> str:
    value = info.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Section) or value in ("", None, [], {}):
        return ""
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else shown}`"


def bounds(info: Any) -> str:
    low = next((f"{bound.ge:,}" for bound in info.metadata if isinstance(bound, Ge)), "")
    high = next((f"{bound.le:,}" for bound in info.metadata if isinstance(bound, Le)), "")
    return f", {low} to {high}" if low and high else f", at least {low}" if low else ""


def table(path: str, section: type[Section]) -> str:
    title = f"## `{path}`" if path else "## The top level"
    lines = [title, "", section.__doc__.split("\n")[0] if section.__doc__ else "", ""]
    lines += ["| key | takes | default | |", "|---|---|---|---|"]
    for name, info in section.model_fields.items():
        text = re.sub(r"\s+", " ", info.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {spoken(strip(info.annotation))}{bounds(info)} | {default(info)} | {text} |")
    return "\n".join(lines)


def test_the_page_is_that_of_the_models() -> None:
    page = PAGE.read_text(encoding="utf-8")
    stale = [path for path, section in sections(Config) if table(path, section) not in page]
    assert stale == []


def test_every_description_ends_as_a_sentence() -> None:
    for path, section in sections(Config):
        for name, info in section.model_fields.items():
            assert (info.description or "").rstrip().endswith("."), f"{path}.{name}"


if __name__ == "__main__":
    print("\n\n".join(table(path, section) for path, section in sections(Config)))
