"""How an audit's intervals and tests are made."""

from dataclasses import dataclass
from numbers import Integral, Real

from evenhand.exceptions import DataError, shorten

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Level of tests, confidence of intervals, draws and their seed, and whether there are intervals at all.

    Raises
    ------
    DataError
        A level or confidence outside 0 to 1, or draws or a seed that are no whole number.
    """

    alpha: float = 0.05
    confidence: float = 0.95
    replicates: int = 1000
    seed: int = 0
    intervals: bool = True

    def __post_init__(self) -> None:
        for name in ("alpha", "confidence"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
                raise DataError(f"{name} is {shorten(value)}: give a number between 0 and 1, both excluded")
        for name, least in (("replicates", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise DataError(f"{name} is {shorten(value)}: give a whole number from {least} on")
