"""The dimensions of a search space, and a person's changes to it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand.exceptions import Problem, shorten

__all__ = ["Choice", "Dimension", "Range", "Space", "parse_dimension"]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes
    ----------
    low, high
        The bounds; with ``log`` both are positive.
    log
        Whether the search moves by factors instead of by sums.
    integer
        Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def at(self, position: float) -> float | int:
        """The value at `position` between 0 (low) and 1 (high)."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        inner = low + (high - low) * position
        value = min(max(math.exp(inner) if self.log else inner, self.low), self.high)
        return round(value) if self.integer else float(value)

    def position(self, value: Any) -> float:
        """Where `value` lies between 0 and 1; the inverse of :meth:`at`, up to rounding."""
        if self.low == self.high:
            return 0.0
        low, high, here = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return min(max((here - low) / (high - low), 0.0), 1.0)

    def sample(self, rng: np.random.Generator) -> float | int:
        """A value drawn evenly (evenly in the logarithm with ``log``)."""
        return self.at(float(rng.random()))

    def grid(self, levels: int) -> list[float | int]:
        """At most `levels` values, evenly spread from low to high; the middle one for a single level."""
        if levels == 1:
            return [self.at(0.5)]
        return list(dict.fromkeys(self.at(k / (levels - 1)) for k in range(levels)))

    def contains(self, value: Any) -> bool:
        """Whether `value` is a number within the bounds."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of some values, which have no order."""

    options: tuple[Any, ...]

    def sample(self, rng: np.random.Generator) -> Any:
        """One of the options, each as likely as the others."""
        return self.options[int(rng.integers(len(self.options)))]

    def grid(self, levels: int) -> list[Any]:
        """All options, whatever `levels` says: there is nothing between them."""
        del levels
        return list(self.options)

    def contains(self, value: Any) -> bool:
        """Whether `value` is one of the options."""
        return value in self.options


Dimension = Range | Choice
Space = Mapping[str, Dimension]


def parse_dimension(value: Any, where: str) -> tuple[Dimension | None, list[Problem]]:
    """A dimension from what a configuration may say, or what is wrong with it.

    A mapping with ``low`` and ``high`` (and optionally ``log``, ``integer``) is a range, a list its options, and
    anything else one fixed value. A range whose bounds are whole numbers is one of whole numbers.

    Examples
    --------
    >>> parse_dimension({"low": 1, "high": 8}, "space.boosting.max_depth")[0]
    Range(low=1, high=8, log=False, integer=True)
    >>> parse_dimension(["l1", "l2"], "")[0]
    Choice(options=('l1', 'l2'))
    """
    if isinstance(value, (Range, Choice)):
        value = asdict(value) if isinstance(value, Range) else list(value.options)
    if isinstance(value, Mapping):
        return _parse_range(value, where)
    if isinstance(value, Sequence) and not isinstance(value, str):
        options = tuple(dict.fromkeys(value))
        return (
            (Choice(options), []) if options else (None, [Problem(where, "an empty list", "give at least one value")])
        )
    return Choice((value,)), []


def _parse_range(value: Mapping[str, Any], where: str) -> tuple[Dimension | None, list[Problem]]:
    unknown = sorted(set(value) - {"low", "high", "log", "integer"})
    if unknown or not {"low", "high"} <= set(value):
        return None, [
            Problem(where, f"a range of {shorten(dict(value))}", "give low, high and optionally log, integer")
        ]
    low, high, log = value["low"], value["high"], bool(value.get("log", False))
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in (low, high))
    if not numbers or low > high:
        return None, [Problem(where, f"low {shorten(low)} and high {shorten(high)}", "both numbers, low <= high")]
    if log and low <= 0:
        return None, [Problem(where, f"low {shorten(low)} with log", "low must be above 0")]
    integer = bool(value.get("integer", isinstance(low, int) and isinstance(high, int)))
    return Range(low, high, log, integer), []
