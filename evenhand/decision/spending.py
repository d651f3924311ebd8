"""How much error a model's audit may spend at each look, so that a year of looks errs no more than one should."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Literal

from evenhand.exceptions import ConfigError, Problem

__all__ = ["LookLevel", "Spending", "level_text", "next_share", "share_of_error"]

Spending = Literal["open_ended", "planned"]


def share_of_error(look: int, method: Spending = "open_ended", planned: int = 52) -> float:
    """The share of alpha that the k-th look may use; the shares of all looks add up to at most 1.

    By Boole's inequality the chance that any of the looks errs is then at most alpha, however the looks depend on one
    another: also where each sees the rows of those before it and some more, and also when somebody stops at a look
    that pleases. That holds for a false FAIL and for a false PASS alike.

    Parameters
    ----------
    look
        Its number, from 1.
    method
        ``planned``: equal shares for as many looks as were planned, and none after them. ``open_ended``:
        1 / (k (k + 1)), which adds up to 1 over all k and is never exhausted.
    planned
        How many looks ``planned`` shares among.

    Returns
    -------
    float
        0 when the budget is exhausted.

    Raises
    ------
    ConfigError
        When a number is below 1.

    Examples
    --------
    >>> [round(share_of_error(k), 4) for k in (1, 2, 3)]
    [0.5, 0.1667, 0.0833]
    >>> share_of_error(52, "planned", 52) == 1 / 52, share_of_error(53, "planned", 52)
    (True, 0.0)
    """
    if look < 1 or planned < 1:
        where, value = ("look", look) if look < 1 else ("gate.planned_looks", planned)
        raise ConfigError("the error cannot be shared:", [Problem(where, f"{value} is below 1", "give 1 or more")])
    if method == "planned":
        return 1 / planned if look <= planned else 0.0
    return 1 / (look * (look + 1))


def next_share(spent: Sequence[float | None], method: Spending = "open_ended", planned: int = 52) -> float:
    """The share of alpha that the look after these may use: what its plan gives, or what is left where that is less.

    Plans may change from look to look, and versions of one model have plans of their own: each plan's shares add up to
    one at most, and those of several together need not.

    Parameters
    ----------
    spent
        The share that each look so far was given, in order; None where its record does not say: the larger one of what
        this plan and an open-ended one give is counted.
    method, planned
        How this look's configuration shares, as :func:`share_of_error` has it.

    Returns
    -------
    float
        0 when nothing is left.

    Examples
    --------
    >>> next_share([]), next_share([1.0]), next_share([0.5], "planned", 2)
    (0.5, 0.0, 0.5)
    >>> round(next_share([0.5, 0.45], "planned", 3), 6)
    0.05
    """
    known = [
        max(share_of_error(look), share_of_error(look, method, planned)) if share is None else share
        for look, share in enumerate(spent, start=1)
    ]
    plan, left = share_of_error(len(known) + 1, method, planned), 1 - fsum(known)
    if plan <= left + _ROUNDING:
        return plan
    return left if left > _ROUNDING else 0.0


_ROUNDING = 1e-12
"""Shares such as 1/52 are rounded: the last one of a plan is not to fall short for that."""


@dataclass(frozen=True)
class LookLevel:
    """The level at which a look judges floors, by intervals of that confidence.

    Attributes
    ----------
    look
        Its number at the test set, from 1.
    alpha
        The error that it may spend; 0 when nothing is left.

    Examples
    --------
    >>> level = LookLevel.of(3, share_of_error(3), confidence=0.95)
    >>> level.said, round(level.confidence, 5)
    ('look 3 at level 0.00417', 0.99583)
    """

    look: int
    alpha: float

    @classmethod
    def of(cls, look: int, share: float, *, confidence: float) -> "LookLevel":
        """That of a look which may spend a share of what intervals of this confidence leave."""
        return cls(look, (1 - confidence) * share)

    @property
    def confidence(self) -> float:
        """Of the intervals."""
        return 1 - self.alpha

    @property
    def spent(self) -> bool:
        """Whether nothing can be shown at this look."""
        return self.alpha <= 0

    @property
    def said(self) -> str:
        """Both, as a reason says them."""
        if self.spent:
            return f"look {self.look} at this test set may spend nothing: its error is spent, renew the test set"
        return f"look {self.look} at level {self.alpha:.3g}"


def level_text(alpha: float, share: float | None) -> str:
    """The level of a verdict, and what part it is of the level that the policy declares.

    Parameters
    ----------
    alpha
        The level that was judged at.
    share
        Of the policy's own level, that the look could spend; None where an older audit did not record it.

    Examples
    --------
    >>> level_text(0.05, None), level_text(0.0, 0.0)
    ('level 0.05, its own', 'no level: all error is spent')
    >>> level_text(0.05 / 6, 1 / 6)
    'level 0.00833, the 0.167 of its own 0.05 that this look may spend'
    """
    if share == 0:
        return "no level: all error is spent"
    if share is None or share == 1:
        return f"level {alpha:.3g}, its own"
    return f"level {alpha:.3g}, the {share:.3g} of its own {alpha / share:.3g} that this look may spend"
