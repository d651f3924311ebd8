"""What the rows at hand could have shown, and how many more would settle a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from evenhand.fairness.statistics._numeric import Array
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.margins import (
    FEW_EXPECTED,
    beyond_p_values,
    expected_counts,
    plain_p_values,
    too_few,
    within_p_values,
)
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of

# Beyond this many times the present rows a number would only pretend to be a plan.
_MOST_TIMES = 10_000.0


def detectable_gap(pairs: Pairs, limit: float, kind: Kind, level: float, *, power: float = 0.8) -> float | None:
    """Smallest true gap that these group sizes show to lie beyond the limit with the given power.

    Parameters
    ----------
    pairs
        Comparisons of the rule; the pair with the most information decides.
    limit, kind
        The limit of the rule.
    level
        Level of one comparison, after correction.
    power
        Probability with which that gap would be shown.

    Returns
    -------
    float or None
        A difference, or a ratio; None when not even a gap of 1 (a ratio of 0) would have shown.

    Notes
    -----
    Normal approximation around the pair's pooled rate (differences) or below its larger rate (ratios).

    Examples
    --------
    >>> pairs = pairs_of([Rates([50, 50], [100, 100], ["a", "b"])])
    >>> round(detectable_gap(pairs, 0.1, "difference", 0.05), 2)
    0.28
    """
    pairs = pairs.take(~too_few(pairs, limit, kind))
    if not len(pairs):
        return None
    reach = float(special.ndtri(1 - level) + special.ndtri(power))
    p1, p2 = (pairs.k1 + 0.5) / (pairs.n1 + 1), (pairs.k2 + 0.5) / (pairs.n2 + 1)
    if kind == "difference":
        middle = (pairs.k1 + pairs.k2 + 0.5) / (pairs.n1 + pairs.n2 + 1)
        found = float((limit + reach * _error(middle, pairs.n1, middle, pairs.n2)).min())
        return found if found < 1 else None
    top, fewer, more = np.maximum(p1, p2), np.minimum(pairs.n1, pairs.n2), np.maximum(pairs.n1, pairs.n2)
    ratio = np.linspace(limit, 0.0, 801)[:, None]
    low = ratio * top
    spread = np.sqrt(low * (1 - low) / fewer + limit**2 * top * (1 - top) / more)
    shown = ((limit - ratio) * top >= reach * spread).any(axis=1)
    return float(ratio[shown.argmax(), 0]) if shown.any() else None


def _error(p1: Array, n1: Array, p2: Array, n2: Array) -> Array:
    return np.asarray(np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2))


def more_rows(
    rates: Sequence[Rates], limit: float, kind: Kind, within_level: float, beyond_level: float
) -> dict[str, int] | None:
    """Rows to add by group so that the rates seen so far would settle the rule.

    If all gaps seen lie inside the limit, rows until every pair is shown to lie inside; otherwise rows
    until the worst pair is shown to lie beyond. Counted in rows that the rate is taken over: for a true
    positive rate these are actual positives. Of a figure that is told as effective counts they are rows.

    Returns
    -------
    dict or None
        Extra rows of each group that needs them, the largest need over the rates; None when a gap seen
        lies on the limit, where no number of rows settles it.

    Examples
    --------
    >>> rates = Rates([50, 9], [100, 20], ["a", "b"])
    >>> needed = more_rows([rates], 0.1, "difference", 0.05, 0.05)
    >>> needed["b"] > 100
    True
    """
    pairs = pairs_of(rates)
    gaps = pairs.gaps(kind)
    inside = bool(np.nanmax(gaps) < limit if kind == "difference" else np.nanmin(gaps) > limit)
    rule = _Rule(limit, kind, within_level if inside else beyond_level, inside)
    closest = _closest(pairs, limit, kind)
    grown = [rate.scaled(rate.n if rate.figure is None else rate.n * rate.figure.growth) for rate in rates]
    while scarce := _scarce(pairs_of(grown), rule, closest):
        if any(rate.n.max() > _MOST_TIMES * max(before.n.max(), 1) for rate, before in zip(grown, rates, strict=True)):
            return None
        grown = [_enlarge(rate, scarce) for rate in grown]
    extra: dict[str, int] = {}
    for rate, before in zip(grown, rates, strict=True):
        # Effective counts grow with the rows.
        each = np.ones(before.n.size) if before.figure is None else before.figure.rows / np.maximum(before.n, 1e-12)
        for name, n, had, rows in zip(rate.names, rate.n, before.n, each, strict=True):
            if n > had:
                extra[name] = max(extra.get(name, 0), int(np.ceil((n - had) * rows)))
    return extra


def _closest(pairs: Pairs, limit: float, kind: Kind) -> int:
    """The comparison that is nearest to being shown beyond, also when it rests on too few rows so far."""
    if pairs.exactable.all():
        return int(beyond_p_values(pairs, limit, kind).argmin())
    return int(plain_p_values(pairs, limit, kind)[1].argmin())


class _Rule(NamedTuple):
    limit: float
    kind: Kind
    level: float
    inside: bool


def _scarce(pairs: Pairs, rule: _Rule, closest: int) -> set[str]:
    """Of every pair that is not shown yet, the group with fewer rows, both when close; empty when settled."""
    if rule.inside:
        unsettled = within_p_values(pairs, rule.limit, rule.kind) > rule.level
        relevant = np.ones(len(pairs), dtype=bool)
    else:
        unsettled = beyond_p_values(pairs, rule.limit, rule.kind) > rule.level
        relevant = np.arange(len(pairs)) == closest
    few = expected_counts(pairs) < FEW_EXPECTED if pairs.growth is None else too_few(pairs, rule.limit, rule.kind)
    found: set[str] = set()
    for at in np.flatnonzero((unsettled | few) & relevant):
        first, second = float(pairs.n1[at]), float(pairs.n2[at])
        found |= {pairs.first[at]} if first <= 1.5 * second else set()
        found |= {pairs.second[at]} if second <= 1.5 * first else set()
    return found


def _enlarge(rate: Rates, names: set[str]) -> Rates:
    return rate.scaled(np.array([n * 1.1 if name in names else n for name, n in zip(rate.names, rate.n, strict=True)]))
