"""The largest gap between groups, with simultaneous intervals over all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.limits import Question, crossings
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference, or the smallest ratio, between two groups.

    Attributes
    ----------
    value
        Estimate, NaN when undefined.
    low, high
        Limits of its interval.
    pair
        Names of the two groups that attain it, the one with the smaller rate first.
    rate
        Name of the rate in which they differ.
    reason
        Why the value is undefined, or which groups it leaves out; otherwise empty.
    undefined
        Reason by group for which no rate is defined, ``"rate: group"`` where there are several rates.
    comparisons
        Number of comparisons that the interval allows for.
    """

    value: float
    low: float
    high: float
    pair: tuple[str, str] | None
    rate: str
    reason: str
    undefined: dict[str, str]
    comparisons: int


def largest_gap(
    rates: Rates | Sequence[Rates],
    *,
    kind: Kind = "difference",
    confidence: float = 0.95,
    family: int | None = None,
) -> Gap:
    """Largest difference (or smallest ratio) over pairs of groups, events and rates.

    Parameters
    ----------
    rates
        One rate, or several of which the worst counts (equalized odds: true and false positive rates).
    kind
        ``difference``: the largest |p1 - p2|; ``ratio``: the smallest p1 / p2 with p1 <= p2.
    confidence
        Level of the interval; each of its two limits misses with probability (1 - confidence) / 2.
    family
        Number of comparisons for the limit on the side of "at least this large"; all pairs by default.

    Returns
    -------
    Gap
        With NaN and a reason when fewer than two groups have a rate, or every ratio is 0/0.

    Notes
    -----
    No bootstrap of max - min: at equality its interval never covers 0. The limit that says the gap is at
    least so large is Bonferroni's over the comparisons. The one that says it is at most so large needs no
    correction: the largest gap belongs to some pair, whose own limit covers it (intersection-union;
    Berger 1982, Technometrics 24:295-300).

    Examples
    --------
    >>> gap = largest_gap(Rates([50, 48, 30], [100, 100, 100], ["a", "b", "c"]))
    >>> gap.pair, round(gap.value, 2), 0 < gap.low < 0.2 < gap.high
    (('c', 'a'), 0.2, True)
    """
    asked = [rates] if isinstance(rates, Rates) else list(rates)
    return largest_gaps([(asked, kind)], confidence=confidence, family=family)[0]


def largest_gaps(
    asked: Sequence[tuple[Sequence[Rates], Kind]], *, confidence: float = 0.95, family: int | None = None
) -> list[Gap]:
    """:func:`largest_gap` of several families of rates, their intervals in one search.

    Examples
    --------
    >>> rates = [Rates([50, 30], [100, 100], ["a", "b"])]
    >>> [round(gap.value, 2) for gap in largest_gaps([(rates, "difference"), (rates, "ratio")])]
    [0.2, 0.6]
    """
    found: list[Gap] = []
    open_: list[tuple[int, Limits]] = []
    level = (1 - confidence) / 2
    for rates, kind in asked:
        if kind not in {"difference", "ratio"}:
            raise ConfigError(f"kind must be 'difference' or 'ratio', got {kind!r}")
        pairs = pairs_of(rates)
        gap = _point(pairs, kind, undefined_groups(rates))
        if gap.pair is not None:
            open_.append((len(found), Limits(pairs, kind, level, level / max(family or len(pairs), 1))))
        found.append(gap)
    for (at, _), (low, high) in zip(open_, many_limits([limits for _, limits in open_]), strict=True):
        found[at] = replace(found[at], low=low, high=high)
    return found


def _point(pairs: Pairs, kind: Kind, undefined: dict[str, str]) -> Gap:
    """The estimate, without an interval yet."""
    worst = worst_pair(pairs, kind)
    nan = float("nan")
    if worst is None:
        reason = "every rate is 0" if len(pairs) else "fewer than two groups have this rate"
        return Gap(nan, nan, nan, None, "", reason, undefined, len(pairs))
    reason = f"taken over the other groups than {', '.join(undefined)}" if undefined else ""
    value = float(pairs.gaps(kind)[worst.at])
    return Gap(value, nan, nan, worst.names, worst.rate, reason, undefined, len(pairs))


@dataclass(frozen=True, slots=True)
class WorstPair:
    """Where the largest gap is: position, groups (smaller rate first) and rate."""

    at: int
    names: tuple[str, str]
    rate: str


def worst_pair(pairs: Pairs, kind: Kind) -> WorstPair | None:
    """The comparison with the largest gap; None without one that is defined."""
    gaps = pairs.gaps(kind)
    if not len(pairs) or bool(np.isnan(gaps).all()):
        return None
    at = int(np.nanargmax(gaps) if kind == "difference" else np.nanargmin(gaps))
    ordered = pairs.k1[at] * pairs.n2[at] <= pairs.k2[at] * pairs.n1[at]
    first, second = pairs.first[at], pairs.second[at]
    return WorstPair(at, (first, second) if ordered else (second, first), pairs.rate[at])


def gap_limits(
    pairs: Pairs, kind: Kind, within_level: float, beyond_level: float, *, evidence: Pairs | None = None
) -> tuple[float, float]:
    """Limits at which the pairs would just not be shown to lie within, and beyond.

    The tests are those of the verdicts, so "high under the limit" and "PASS" are one statement, for a
    ratio "low over the limit", and likewise "low over the limit" and "FAIL". ``evidence`` are the pairs
    that may count for "beyond", all by default.
    """
    return many_limits([Limits(pairs, kind, within_level, beyond_level, evidence)])[0]


class Limits(NamedTuple):
    """What :func:`gap_limits` asks of one family of pairs."""

    pairs: Pairs
    kind: Kind
    within_level: float
    beyond_level: float
    evidence: Pairs | None = None


def many_limits(asked: Sequence[Limits]) -> list[tuple[float, float]]:
    """:func:`gap_limits` of many families in one search, which costs little more than one of them."""
    found: list[tuple[float, float]] = [(0.0, 1.0)] * len(asked)
    kinds: tuple[Kind, ...] = ("difference", "ratio")
    for kind in kinds:
        no_gap = 0.0 if kind == "difference" else 1.0
        at = [place for place, one in enumerate(asked) if one.kind == kind]
        shown = [one.pairs if one.evidence is None else one.evidence for one in (asked[place] for place in at)]
        within = crossings([Question(asked[place].pairs, asked[place].within_level, inside=True) for place in at], kind)
        beyond = crossings(
            [Question(pairs, asked[place].beyond_level, inside=False) for place, pairs in zip(at, shown, strict=True)],
            kind,
        )
        for place, pairs, inner, outer in zip(at, shown, within.tolist(), beyond.tolist(), strict=True):
            near = outer if len(pairs) else no_gap
            found[place] = (near, inner) if kind == "difference" else (inner, near)
    return found


def undefined_groups(rates: Sequence[Rates]) -> dict[str, str]:
    """Groups without a rate and why, the rate's name in front where there are several."""
    several = len(rates) > 1
    return {
        (f"{rate.name}: {name}" if several else name): reason
        for rate in rates
        for name, reason in rate.reasons().items()
    }
