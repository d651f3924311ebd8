"""Intervals of disparities to a reference group and to everybody.

To a reference the comparisons are those with it. Everybody holds the group itself, so the two are not independent: a
group's distance to everybody is a fixed multiple of its distance to everybody else, p - overall = (1 - w)(p - rest)
with w the group's share of the rows that the rate is taken over, and the ratio a fixed function of that to the rest.
Limits are those of each group against everybody else, carried over by these, with the shares taken as they are: of
the score tests, and where few successes or failures are expected at least as wide as exact intervals of both rates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evenhand.fairness.assess import NO_INTERVAL
from evenhand.fairness.policies.families import ConfusionCounts, families
from evenhand.fairness.report_values import AttributeAudit, Disparity
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.gaps import Limits, many_limits
from evenhand.fairness.statistics.margins import FEW_EXPECTED, expected_counts
from evenhand.fairness.statistics.rates import clopper_pearson
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of

__all__ = ["COMPARED", "Against", "with_limits_against"]

COMPARED = (
    "demographic_parity",
    "equal_opportunity",
    "predictive_equality",
    "equalized_odds",
    "predictive_parity",
    "accuracy_equality",
)
_TO_REST = "its interval compares each group with everybody else"


class Against(NamedTuple):
    """An audit of two labels and the counts that it rests on."""

    audit: AttributeAudit
    counts: ConfusionCounts


class _Asked(NamedTuple):
    place: int
    method: str
    name: str
    limits: Limits
    share: float | None


def with_limits_against(audited: Sequence[Against], confidence: float) -> list[AttributeAudit]:
    """The audits with intervals of what is compared with everybody and with the reference group."""
    asked = [one for place, each in enumerate(audited) for one in _questions(place, each, (1 - confidence) / 2)]
    found: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    for one, limits in zip(asked, many_limits([one.limits for one in asked]), strict=True):
        own = limits if one.share is None else _widened(*limits, one.limits)
        carried = own if one.share is None else _carried(*own, one.limits.kind, one.share)
        found.setdefault((one.place, one.method, one.name), []).append(carried)
    return [
        replace(
            each.audit,
            to_overall=_joined(each.audit.to_overall, found, place, "overall"),
            to_reference=_joined(each.audit.to_reference, found, place, "reference"),
        )
        for place, each in enumerate(audited)
    ]


def _questions(place: int, each: Against, level: float) -> Iterator[_Asked]:
    audit, counts = each
    for base in COMPARED:
        for kind in ("difference", "ratio"):
            name = f"{base}_{kind}"
            rates = families(name, counts)
            if any(rate.effective for rate in rates):
                continue
            if not _undefined(audit.to_reference.get(name)) and audit.reference is not None:
                pairs = pairs_of(rates)
                chosen = pairs.take(np.array([audit.reference in both for both in _names(pairs)], dtype=bool))
                if len(chosen):
                    limits = Limits(chosen, kind, level, level / len(chosen))
                    yield _Asked(place, "reference", name, limits, None)
            if not _undefined(audit.to_overall.get(name)):
                yield from _to_rest(place, name, kind, rates, level)


def _undefined(found: Disparity | None) -> bool:
    return found is None or bool(np.isnan(found.value))


def _names(pairs: Pairs) -> list[tuple[str, str]]:
    return list(zip(pairs.first, pairs.second, strict=True))


def _to_rest(place: int, name: str, kind: Kind, rates: Sequence[Rates], level: float) -> Iterator[_Asked]:
    """Each group against everybody else, a family of its own: each has its own share to carry its limits over by."""
    parts = [(rate, at) for rate in rates for at in np.flatnonzero((rate.n > 0) & (rate.n < rate.n.sum()))]
    for rate, at in parts:
        k, n = (np.array([part[at], part.sum() - part[at]]) for part in (rate.k[:, 0], rate.n))
        # Effective counts ask no exact test, which would cost as much as all others together: see _widened.
        own = Rates(k, n, (rate.names[at], "the rest"), rate.name, effective=True)
        limits = Limits(pairs_of([own]), kind, level, level / len(parts))
        yield _Asked(place, "overall", name, limits, float(n[0] / n.sum()))


def _widened(low: float, high: float, asked: Limits) -> tuple[float, float]:
    """Limits that hold for few rows as well: of all rates in the two groups' exact intervals at half the level each."""
    if float(expected_counts(asked.pairs)[0]) >= FEW_EXPECTED:
        return low, high
    k = np.concatenate([asked.pairs.k1, asked.pairs.k2])
    n = np.concatenate([asked.pairs.n1, asked.pairs.n2])
    (low1, low2), (high1, high2) = (limit.tolist() for limit in clopper_pearson(k, n, 1 - asked.beyond_level))
    if asked.kind == "difference":
        return min(low, max(low1 - high2, low2 - high1, 0.0)), max(high, high1 - low2, high2 - low1)
    apart = min(1.0, high1 / low2 if low2 > 0 else 1.0, high2 / low1 if low1 > 0 else 1.0)
    nearest = min(low1 / high2 if high2 > 0 else 0.0, low2 / high1 if high1 > 0 else 0.0)
    return min(low, nearest), max(high, apart)


def _carried(low: float, high: float, kind: Kind, share: float) -> tuple[float, float]:
    """Limits to the rest as limits to everybody; for ratios on the safe side of both directions.

    Examples
    --------
    >>> _carried(0.1, 0.4, "difference", 0.5)
    (0.05, 0.2)
    >>> low, high = _carried(0.5, 0.8, "ratio", 0.5)
    >>> round(low, 3), round(high, 3)
    (0.667, 0.9)
    """
    if kind == "difference":
        return (1 - share) * low, (1 - share) * high
    return low / (share * low + 1 - share), share + (1 - share) * high


def _joined(
    table: Mapping[str, Disparity],
    found: Mapping[tuple[int, str, str], list[tuple[float, float]]],
    place: int,
    method: str,
) -> dict[str, Disparity]:
    """The disparities with their limits: those of the largest difference, or of the smallest ratio."""
    done = {}
    for name, disparity in table.items():
        limits = found.get((place, method, name))
        if limits is None:
            done[name] = disparity
            continue
        extreme = min if name.endswith("_ratio") else max
        low, high = extreme(low for low, _ in limits), extreme(high for _, high in limits)
        said = _TO_REST if method == "overall" else "each group against the reference"
        reason = said if disparity.reason == NO_INTERVAL else f"{said}; {disparity.reason}"
        done[name] = replace(disparity, low=min(low, disparity.value), high=max(high, disparity.value), reason=reason)
    return done
