"""Tables that a policy asks for: rates and impact ratios by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError
from evenhand.fairness.statistics._numeric import Array
from evenhand.fairness.statistics.pairs import koopman
from evenhand.fairness.statistics.rates import rate_interval, wilson
from evenhand.fairness.statistics.rates_by_group import Rates


@dataclass(frozen=True, slots=True)
class ImpactRow:
    """One category of a table.

    Attributes
    ----------
    name, n, selected
        Category, rows, and rows selected (or scored above the median), however much the rows weigh.
    share
        Share of all rows, unknown ones among them.
    rate, rate_low, rate_high
        Selection or scoring rate with its 95% interval; None without rows.
    impact_ratio, ratio_low, ratio_high
        Rate over that of the highest category with Koopman's 95% interval; None when undefined. An
        unbounded upper limit is None.
    unknown
        Whether these are rows without a value; they have a rate and no impact ratio.
    may_leave_out
        Whether the source allows to leave the category out for its small share. It is shown all the same.
    reason
        Why the impact ratio is undefined, otherwise empty.
    weighted
        Whether rate and impact ratio are of a weighted sample: of the people that the rows stand for.
    """

    name: str
    n: int
    selected: int
    share: float
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    impact_ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    unknown: bool
    may_leave_out: bool
    reason: str
    weighted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def impact_table(
    rates: Rates,
    *,
    rows: Rates | None = None,
    unknown: Sequence[str] = ("unknown",),
    may_leave_out_under: float | None = None,
) -> tuple[ImpactRow, ...]:
    """Rates and impact ratios of one attribute, as Local Law 144 and the four-fifths rule define them.

    The highest category is the highest of known value and, where the source lets small categories be
    left out, of at least that share: a handful of rows should not set everybody's ratio.

    Parameters
    ----------
    rates
        Selections by category, one event.
    rows
        The same in plain rows, where `rates` are those of a weighted sample and tell effective counts.
    unknown
        Names of categories without a value.
    may_leave_out_under
        Share of all rows under which a category may be left out.

    Returns
    -------
    tuple of ImpactRow
        In the order of the categories.

    Notes
    -----
    6 RCNY 5-300 (definitions) and 5-301; 29 CFR 1607.4D.

    Examples
    --------
    >>> table = impact_table(Rates([60, 30, 5], [100, 100, 10], ("a", "b", "unknown")))
    >>> [row.impact_ratio for row in table]
    [1.0, 0.5, None]
    """
    k, n, value = rates.k[:, 0], rates.n, rates.values[:, 0]
    counted = rates if rows is None else rows
    share = counted.n / max(float(counted.n.sum()), 1.0)
    missing = np.isin(rates.names, list(unknown))
    small = share < (may_leave_out_under or 0.0)
    top = _highest(value, ~missing & (n > 0), ~small)
    low, high = wilson(k, n) if rates.effective else rate_interval(k, n)
    ratio_low, ratio_high = koopman(k, n, k[top], n[top]) if top is not None else (low * np.nan, high * np.nan)
    best = value[top] if top is not None else np.nan
    table = []
    for at, name in enumerate(rates.names):
        reason = _reason(float(counted.n[at]), float(n[at]), float(best), unknown=bool(missing[at]))
        bounded = not reason and at != top
        table.append(
            ImpactRow(
                name=name,
                n=round(counted.n[at]),
                selected=round(counted.k[at, 0]),
                share=float(share[at]),
                rate=_plain(value[at]),
                rate_low=_plain(low[at]),
                rate_high=_plain(high[at]),
                impact_ratio=None if reason else float(value[at] / best),
                ratio_low=_plain(ratio_low[at]) if bounded else None,
                ratio_high=_plain(ratio_high[at]) if bounded else None,
                unknown=bool(missing[at]),
                may_leave_out=bool(small[at]),
                reason=reason,
                weighted=rows is not None,
            )
        )
    return tuple(table)


def _highest(value: Array, known: npt.NDArray[np.bool_], large: npt.NDArray[np.bool_]) -> int | None:
    """Category with the highest rate, a small one only where there is no other."""
    eligible = known & large if (known & large).any() else known
    return int(np.argmax(np.where(eligible, value, -1.0))) if eligible.any() else None


def scoring_rates(scores: npt.ArrayLike, groups: npt.ArrayLike, frequency: npt.ArrayLike | None = None) -> Rates:
    """Rows of each category that score above the median of the full sample.

    The median is that of all rows, unknown categories among them (6 RCNY 5-300, "scoring rate").

    Parameters
    ----------
    scores
        Finite scores, shape (n,).
    groups
        Category of each row, shape (n,).
    frequency
        How often each row was observed, shape (n,), whole numbers; once by default.

    Examples
    --------
    >>> rates = scoring_rates([1, 2, 3, 4], ["a", "a", "b", "b"])
    >>> rates.names, rates.values.ravel().tolist()
    (('a', 'b'), [0.0, 1.0])
    """
    score, group = np.asarray(scores, dtype=np.float64).ravel(), np.asarray(groups).ravel()
    if score.shape != group.shape:
        raise DataError(f"scores have {score.size} rows and groups {group.size}; they must agree")
    if not score.size or not np.isfinite(score).all():
        raise DataError("scoring rates need at least one row and finite scores")
    often = np.ones(score.size) if frequency is None else np.asarray(frequency, dtype=np.float64).ravel()
    names, codes = np.unique(group, return_inverse=True)
    above = score > (np.median(score) if frequency is None else _median(score, often))
    counted = np.bincount(codes, weights=often, minlength=names.size).astype(np.float64)
    selected = np.bincount(codes[above], weights=often[above], minlength=names.size).astype(np.float64)
    return Rates(selected, counted, tuple(str(name) for name in names), name="scoring_rate")


def _median(score: Array, often: Array) -> float:
    """The median of rows that were observed so often: the mean of the two in the middle where their number is even.

    >>> _median(np.array([3.0, 1.0, 2.0]), np.array([2.0, 3.0, 1.0]))
    1.5
    """
    order = np.argsort(score)
    reached = np.cumsum(often[order])
    middle = np.searchsorted(reached, [(reached[-1] - 1) // 2, reached[-1] // 2], side="right")
    return float(score[order][middle].mean())


def _reason(rows: float, n: float, best: float, *, unknown: bool) -> str:
    if unknown:
        return "rows without a value have no impact ratio"
    if n == 0:
        return "its rows weigh nothing" if rows else "no rows"
    return "the highest rate is 0" if best == 0 else ""


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
