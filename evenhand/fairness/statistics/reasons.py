"""Why a verdict is what it is, in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics.rates_by_group import Pairs, Rates

if TYPE_CHECKING:
    from evenhand.fairness.statistics.verdicts import Claim, Verdict

__all__ = ["Reading", "missing", "told"]

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
