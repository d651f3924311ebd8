"""The largest gap between groups, with simultaneous intervals over all pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.margins import FEW_EXPECTED, beyond_p_values, expected_counts, within_p_values
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of

_EXACT_STEPS = 8


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
    rates = [rates] if isinstance(rates, Rates) else list(rates)
    if kind not in {"difference", "ratio"}:
        raise ConfigError(f"kind must be 'difference' or 'ratio', got {kind!r}")
    undefined = undefined_groups(rates)
    pairs = pairs_of(rates)
    worst = worst_pair(pairs, kind)
    if worst is None:
        reason = "every rate is 0" if len(pairs) else "fewer than two groups have this rate"
        nan = float("nan")
        return Gap(nan, nan, nan, None, "", reason, undefined, len(pairs))
    level = (1 - confidence) / 2
    low, high = gap_limits(pairs, kind, level, level / max(family or len(pairs), 1))
    reason = f"taken over the other groups than {', '.join(undefined)}" if undefined else ""
    value = float(pairs.gaps(kind)[worst.at])
    return Gap(value, low, high, worst.names, worst.rate, reason, undefined, len(pairs))


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
    evidence = pairs if evidence is None else evidence
    within = _Search(pairs, kind, within_level, inside=True).bound()
    no_gap = 0.0 if kind == "difference" else 1.0
    beyond = _Search(evidence, kind, beyond_level, inside=False).bound() if len(evidence) else no_gap
    return (beyond, within) if kind == "difference" else (within, beyond)


def undefined_groups(rates: Sequence[Rates]) -> dict[str, str]:
    """Groups without a rate and why, the rate's name in front where there are several."""
    several = len(rates) > 1
    return {
        (f"{rate.name}: {name}" if several else name): reason
        for rate in rates
        for name, reason in rate.reasons().items()
    }


@dataclass(frozen=True, slots=True)
class _Search:
    """Search for the limit at which a combined p-value crosses its level."""

    pairs: Pairs
    kind: Kind
    level: float
    inside: bool

    def bound(self) -> float:
        """From the estimate outward: to wider limits for "within", to narrower ones for "beyond"."""
        worst = worst_pair(self.pairs, self.kind)
        value = 1.0 if worst is None else float(self.pairs.gaps(self.kind)[worst.at])
        wide = 1.0 if self.kind == "difference" else 0.0
        end = wide if self.inside else 1.0 - wide
        found = self._root(value, end)
        if not (self.pairs.exactable & (expected_counts(self.pairs) < FEW_EXPECTED)).any():
            return found
        return self._exact_root(found, end)

    def _root(self, value: float, end: float) -> float:
        if value == end or not self._reached(end, exact=False):
            return end
        if self._reached(value, exact=False):
            return value
        normal = float(special.ndtri(self.level))

        def distance(limit: float) -> float:
            return float(np.clip(special.ndtri(self._combined(limit, exact=False)), -30.0, 30.0)) - normal

        return float(optimize.brentq(distance, value, end, xtol=1e-10))

    def _exact_root(self, start: float, end: float) -> float:
        """Where exact tests have a say too, go on outward from the limit of the score tests."""
        if start == end or self._reached(start + float(np.sign(end - start)) * 1e-9, exact=True):
            return start
        step = 0.01 * (end - start)
        while abs(step) < abs(end - start) and not self._reached(start + step, exact=True):
            start, step = start + step, 3 * step
        end = start + step if abs(step) < abs(end - start) else end
        for _ in range(_EXACT_STEPS):
            middle = 0.5 * (start + end)
            if self._reached(middle, exact=True):
                end = middle
            else:
                start = middle
        return end

    def _reached(self, limit: float, *, exact: bool) -> bool:
        return self._combined(limit, exact=exact) <= self.level

    def _combined(self, limit: float, *, exact: bool) -> float:
        limit = limit if self.kind == "difference" else max(limit, 1e-12)
        test: Callable[..., np.ndarray[tuple[int, ...], np.dtype[np.float64]]]
        test = within_p_values if self.inside else beyond_p_values
        level = self.level if exact else -1.0
        p = test(self.pairs, limit, self.kind, level=level)
        return float(p.max() if self.inside else p.min())
