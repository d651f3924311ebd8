"""Why a verdict is what it is, in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics.rates_by_group import Pairs, Rates

if TYPE_CHECKING:
    from evenhand.fairness.statistics.verdicts import Claim, Verdict

__all__ = ["SETTLING", "Reading", "missing", "settling", "told"]

SETTLING = "to settle it: "
"""How the sentence begins that says what would settle a verdict; where a reason ends with it, it can be left out."""
_SHOWN = 3


class Reading(NamedTuple):
    """The comparison that speaks most for FAIL, whether all speak for PASS, and which rest on too few rows."""

    clearest: int
    within: bool
    few: npt.NDArray[np.bool_]


def told(claim: Claim, pairs: Pairs, verdict: Verdict, reading: Reading, undefined: Collection[str]) -> str:
    """The reason of a verdict on a claim with at least one comparison."""
    side = "at most" if claim.kind == "difference" else "at least"
    bound = f"a {claim.kind} of {side} {claim.limit:g}"
    if verdict == "PASS":
        every = "the one comparison shows" if len(pairs) == 1 else f"all {len(pairs)} comparisons show"
        return f"{every} {bound}"
    if verdict == "FAIL":
        at = reading.clearest
        return f"{pairs.first[at]} against {pairs.second[at]} shows that {bound} does not hold"
    if undefined and reading.within:
        return f"every defined comparison shows {bound}, but the rate is undefined for {', '.join(undefined)}"
    neither = f"these rows neither show {bound} nor the contrary"
    return f"{neither}: {_too_few(claim.rates, pairs, reading.few)}" if reading.few.any() else neither


def settling(
    claim: Claim, more: Mapping[str, int] | None, detectable: float | None, undefined: Collection[str], *, within: bool
) -> str:
    """What would settle an INCONCLUSIVE verdict, and the smallest gap that these rows would have shown.

    Parameters
    ----------
    claim
        The limit and its counts.
    more
        Rows to add by group at the rates seen; None where no number of rows would do.
    detectable
        The smallest gap that would have shown, in the units of the limit; None where there is none.
    undefined
        Groups without the rate.
    within
        Whether every comparison that is defined shows the limit kept, so that only those groups are missing.
    """
    rate = claim.rates[0]
    unit = "rows" if rate.figure is not None else rate.undefined.removeprefix("no ")
    unit = unit if len(claim.rates) == 1 else "rows that each rate is taken over"
    if rate.effective and rate.figure is None:
        unit = f"effective {unit}"
    lacking = f"of {', '.join(undefined)} some {unit}" if undefined else ""
    if within:
        return f"{SETTLING}{lacking}"
    rows = "no number of rows would at the rates seen" if more is None else _more(more, unit)
    needed = " and ".join(filter(None, [rows, lacking]))
    edge, end = ("least", "large") if claim.kind == "difference" else ("most", "small")
    gap = f"no {claim.kind}, however {end}," if detectable is None else f"a {claim.kind} of at {edge} {detectable:.3g}"
    return f"{SETTLING}{needed or 'more rows'}; {gap} would have shown"


def _more(more: Mapping[str, int], unit: str) -> str:
    """The groups that need the most rows, and whether others need some as well."""
    first, *others = sorted(more.items(), key=lambda each: -each[1])[:_SHOWN] or [("", 0)]
    if not first[1]:
        return ""
    named = [f"of {first[0]} about {first[1]:,} more {unit}", *(f"of {name} {rows:,}" for name, rows in others)]
    return ", ".join(named) + (", and some of further groups" if len(more) > _SHOWN else "")


def _too_few(rates: Sequence[Rates], pairs: Pairs, few: npt.NDArray[np.bool_]) -> str:
    at = np.flatnonzero(few).tolist()
    between = ", ".join(f"{pairs.first[i]} and {pairs.second[i]}" for i in at[:_SHOWN])
    more = f" and {len(at) - _SHOWN} more" if len(at) > _SHOWN else ""
    short = [
        f"{name}: {rate.figure.too_few}"
        for rate in rates
        if rate.figure is not None
        for name, growth in zip(rate.names, rate.figure.growth.tolist(), strict=True)
        if growth > 1
    ]
    return f"too few for a test of {between}{more}{' (' if short else ''}{'; '.join(short)}{')' if short else ''}"


def missing(rates: Sequence[Rates]) -> str:
    """Why there is nothing to compare; of a figure that is no rate its own reason."""
    reasons = sorted({rate.undefined for rate in rates if rate.figure is not None})
    if not reasons:
        return "fewer than two groups have this rate"
    return f"fewer than two groups have this figure: {'; '.join(reasons)}"
