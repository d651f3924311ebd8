"""Disparities of a rate between groups, to everybody, or to a reference group.

The three methods and both forms are Fairlearn's (`MetricFrame.difference`, `.ratio`), with two departures: a
group in which the rate is undefined is named instead of scored, and a single group has no disparity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from evenhand.fairness.arrays import Floats, Ints, divide

__all__ = ["Form", "Gap", "Method", "difference", "ratio"]

Form = Literal["difference", "ratio"]
Method = Literal["between_groups", "to_overall", "to_reference"]


@dataclass(frozen=True)
class Gap:
    """A disparity's point estimate.

    Attributes
    ----------
    value
        The estimate, NaN where it is undefined.
    between
        The two groups (or the group and what it is compared with) that it stands between.
    reason
        Why it is undefined, or "".
    undefined
        The groups that it could not take in, with their reasons.
    """

    value: float
    between: tuple[str, str] | None = None
    reason: str = ""
    undefined: dict[str, str] = field(default_factory=dict)


def _too_few(values: Floats) -> str:
    if len(values) < 2:
        return "there is only one group"
    return f"defined in {int((~np.isnan(values)).sum())} of {len(values)} groups: two are needed"


def _alone(values: Floats, base: float, own: int | None) -> bool:
    """Whether everybody whom the rate is defined for is the one group: its distance to itself says nothing."""
    return own is None and len(values) == 1 and bool(np.isclose(values[0], base, rtol=1e-12, atol=0))


def _ends(values: Floats, known: Ints) -> tuple[int, int]:
    """Where the largest and the smallest value stand: at two groups even if all values are equal."""
    high, low = int(known[np.argmax(values[known])]), int(known[np.argmin(values[known])])
    return (high, low) if high != low else (int(known[0]), int(known[1]))


def difference(
    values: Floats, groups: Sequence[str], *, base: float | None = None, against: str = "", own: int | None = None
) -> Gap:
    """Largest less smallest value over the groups where it is defined, or the largest distance to `base`.

    `own` is the place of the group that `base` is of: its distance to itself is none.

    Examples
    --------
    >>> import numpy as np
    >>> difference(np.array([.5, .75, np.nan]), ["a", "b", "c"]).value
    0.25
    """
    known = np.flatnonzero(~np.isnan(values))
    if base is None:
        if known.size < 2:
            return Gap(float("nan"), reason=_too_few(values))
        high, low = _ends(values, known)
        return Gap(float(values[high] - values[low]), (groups[high], groups[low]))
    known = known[known != own]
    if np.isnan(base) or not known.size or _alone(values[known], base, own):
        return Gap(float("nan"), reason=f"it is undefined for {against}" if np.isnan(base) else _too_few(values))
    far = known[np.argmax(np.abs(values[known] - base))]
    return Gap(float(abs(values[far] - base)), (groups[far], against))


def ratio(
    values: Floats, groups: Sequence[str], *, base: float | None = None, against: str = "", own: int | None = None
) -> Gap:
    """Smallest over largest value, or the smallest of value/base and base/value; 0/0 is undefined.

    `own` is as in :func:`difference`.

    Examples
    --------
    >>> import numpy as np
    >>> ratio(np.array([.5, .75]), ["a", "b"]).value
    0.6666666666666666
    >>> ratio(np.array([0., 0.]), ["a", "b"]).reason
    'every value is 0: there is no ratio'
    """
    known = np.flatnonzero(~np.isnan(values))
    if base is None:
        if known.size < 2:
            return Gap(float("nan"), reason=_too_few(values))
        high, low = _ends(values, known)
        return _quotient(values[low], values[high], (groups[low], groups[high]))
    known = known[known != own]
    if np.isnan(base) or not known.size or _alone(values[known], base, own):
        return Gap(float("nan"), reason=f"it is undefined for {against}" if np.isnan(base) else _too_few(values))
    low_, high_ = np.minimum(values[known], base), np.maximum(values[known], base)
    ratios = divide(low_, high_)
    if np.isnan(ratios).all():
        return Gap(float("nan"), reason="every value is 0: there is no ratio")
    far = int(np.nanargmin(ratios))
    return Gap(float(ratios[far]), (groups[known[far]], against))


def _quotient(low: float, high: float, between: tuple[str, str]) -> Gap:
    if high == 0:
        return Gap(float("nan"), reason="every value is 0: there is no ratio")
    return Gap(float(low / high), between)
