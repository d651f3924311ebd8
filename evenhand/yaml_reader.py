"""A small, bounded YAML 1.2 reader: it refuses duplicate keys, tags and bombs, and knows the line of every key.

PyYAML's own constructor follows YAML 1.1, where `no` is false, `2024-01-01` a date, `1:30` a number and `1e-3` a text;
its parser is used here and the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/, chapter 10.3) decides instead,
so that a label `no` stays the label that stands in the data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from evenhand.exceptions import ConfigError, Problem, shorten

__all__ = ["MAX_BYTES", "Document", "decode", "parse_yaml"]

MAX_BYTES = 1_000_000
"""A larger configuration is a mistake: data given as a configuration, most often."""

_MAX_NODES = 100_000
_MAX_DEPTH = 30
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"(~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(true|True|TRUE)\Z")
_FALSE = re.compile(r"(false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}

Path = tuple[str | int, ...]


@dataclass
class Document:
    """What a text says.

    Attributes
    ----------
    value
        Mappings (with text keys), lists, texts, numbers, booleans and None.
    lines
        The line, from 1, on which each path starts.
    problems
        What is wrong and did not keep the rest from being read: duplicate keys, tags.
    """

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def decode(data: bytes, name: str) -> str:
    """The text in the bytes of a file: UTF-8, or UTF-16 with its mark."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in data:
        raise ConfigError(f"{name} is not a text file: a configuration is YAML (`evenhand init DATA` writes one)")
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        found = encoding.removesuffix("-sig").upper()
        raise ConfigError(f"{name}, line {line}: not {found} text; save the file as UTF-8") from error


def parse_yaml(text: str, name: str) -> Document:
    """Read one YAML document; a syntax error is a ConfigError with line and column."""
    document = Document()
    try:
        events = yaml.parse(text, Loader=_Loader)
        _Builder(events, document, name).build()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(f"{name}, line {line}: a character that YAML does not allow (a control character?)") from None
    return document


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> ConfigError:
    # Not str(error): it quotes the line, and a line may hold a password.
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "cannot be read"
    if mark is None:
        return ConfigError(f"{name}: not valid YAML: {problem}")
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    remedy = ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        remedy = "; indent with spaces, not with tabs"
    elif "mapping values are not allowed" in problem:
        remedy = "; put a text that contains ': ' in quotes, and check the indentation"
    elif "cannot start any token" in problem:
        remedy = "; put a text that starts with a special character in quotes"
    elif "expected <block end>" in problem or "did not find expected key" in problem:
        remedy = "; check the indentation and the quotes"
    return ConfigError(f"{name}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}{remedy}")


def scalar(text: str) -> bool | int | float | str | None:
    """The value of an unquoted scalar by the core schema of YAML 1.2.

    Examples
    --------
    >>> [scalar(text) for text in ("no", "true", "2024-01-01", "1e-3", "007", "~")]
    ['no', True, '2024-01-01', 0.001, 7, None]
    """
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if len(text) <= 40 and _INT.match(text):  # a longer one is a mistake, and Python bounds the digits of an int
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return float(_SPECIAL[text.lower()]) if text.lower() in _SPECIAL else text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Builder:
    """Turns the parser's events into values, with bounds on depth and on size after aliases are followed."""

    def __init__(self, events: Iterator[Any], document: Document, name: str) -> None:
        self.events, self.document, self.name = events, document, name
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0

    def build(self) -> None:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line = _line(event)
                    raise ConfigError(f"{self.name}, line {line}: a second document ('---') starts; keep one per file")
                self.document.value = self.node(next(self.events), ())

    def node(self, event: Any, path: Path) -> Any:
        line = _line(event)
        self.count(1, line)
        if len(path) > _MAX_DEPTH:
            raise ConfigError(f"{self.name}, line {line}: nested more than {_MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, line)
        self.refuse_tag(event, path, line)
        before = self.nodes
        if isinstance(event, yaml.ScalarEvent):
            value: Any = scalar(event.value) if event.implicit[0] and not event.style else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(path)
        else:
            value = self.mapping(path)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > _MAX_NODES:
            raise ConfigError(f"{self.name}, line {line}: more than {_MAX_NODES} values, after aliases are followed")

    def alias(self, event: Any, line: int) -> Any:
        if event.anchor not in self.anchors:
            raise ConfigError(
                f"{self.name}, line {line}: the alias *{event.anchor} names nothing that stands before it"
            )
        value, size = self.anchors[event.anchor]
        self.count(size, line)
        return value

    def refuse_tag(self, event: Any, path: Path, line: int) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            where = ".".join(map(str, path)) or self.name
            self.document.problems.append(
                Problem(where, f"YAML tags such as {shorten(event.tag)} are not allowed (line {line})")
            )

    def sequence(self, path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            self.document.lines[*path, len(values)] = _line(event)
            values.append(self.node(event, (*path, len(values))))
        return values

    def mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise ConfigError(f"{self.name}, line {line}: a key must be a text, not a list, a mapping or an alias")
            key: str = event.value
            here = (*path, key)
            value = self.node(next(self.events), here)
            if key in values:
                first = self.document.lines[here]
                self.document.problems.append(
                    Problem(".".join(map(str, here)), f"given twice, on lines {first} and {line}", "keep one")
                )
                continue
            values[key], self.document.lines[here] = value, line
        return values
