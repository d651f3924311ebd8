"""Lines of a comparison: the same entry of two sides, as a person reads it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evenhand.card.text import metric_cell, plain

__all__ = ["ABSENT", "Line", "Pair", "Values", "entries", "figure_text", "keys_of", "line_of", "short_text"]

Values = Mapping[str, Any]
Pair = tuple[Values, Values]
Line = tuple[str, str, str, bool]

ABSENT = "not recorded"
LONGEST = 120


def short_text(value: Any) -> str:
    """Any value as text, cut where it is very long."""
    text = plain(value) or "empty"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def line_of(what: str, values: Sequence[Any], show: Any = short_text, *, absent: str = ABSENT) -> Iterator[Line]:
    """A line of two values, None for what a side did not record; nothing where neither did."""
    if any(value is not None for value in values):
        first, second = (absent if value is None else show(value) for value in values)
        yield what, first, second, first != second


def entries(both: Pair, *path: str) -> list[Any]:
    """The same entry of both sides, None where it is absent."""
    found: list[Any] = list(both)
    for name in path:
        found = [side.get(name) if isinstance(side, Mapping) else None for side in found]
    return found


def keys_of(sides: Sequence[Any]) -> list[str]:
    """The keys of both sides, the challenger's order first."""
    known = [side for side in reversed(sides) if isinstance(side, Mapping)]
    return list(dict.fromkeys(str(name) for side in known for name in side))


def figure_text(metric: Values) -> str:
    """A figure with its interval, or why there is none."""
    cell = metric_cell(metric)
    return cell.text if cell.value is None or not cell.detail else f"{cell.text} ({cell.detail})"
