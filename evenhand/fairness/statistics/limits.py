"""Limits at which families of tests would just not decide, for many families at once.

Every question asks one thing: going outward from the gap seen, at which limit do the tests of these comparisons first
decide? "Within" decides when the last comparison does, "beyond" when the first one does, so both are extremes of the
comparisons' own crossings: those of the score tests are found together, and exact tests are asked only of the
comparisons that can still move the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from evenhand.fairness.statistics._numeric import Array
from evenhand.fairness.statistics.exact import Kind, exact_tail
from evenhand.fairness.statistics.margins import FEW_EXPECTED, expected_counts, figure_p_values, score_p_values
from evenhand.fairness.statistics.rates_by_group import Pairs

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

# How close an exact crossing is searched; it is given on its outer side.
_NEAR = 3e-4
_FIRST_STEP = 0.01
_MOST_ROUNDS = 24
# Normal scores beyond which a p-value no longer guides the search.
_FAR = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """At which limit the tests of these pairs first decide.

    Attributes
    ----------
    pairs
        The comparisons, at least one.
    level
        Level of each of them.
    inside
        Whether all are to be shown to lie within the limit, or one to lie beyond.
    """

    pairs: Pairs
    level: float
    inside: bool


def crossings(questions: Sequence[Question], kind: Kind) -> Array:
    """The limit of each question, shape (questions,).

    Examples
    --------
    >>> from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of
    >>> pairs = pairs_of([Rates([50, 30], [100, 100], ["a", "b"])])
    >>> crossings([Question(pairs, 0.025, True), Question(pairs, 0.025, False)], "difference").round(3).tolist()
    [0.329, 0.064]
    """
    if not questions:
        return np.zeros(0)
    rows = _Rows.of(questions, kind)
    score = rows.score_crossings()
    first = _extremes(rows, score, np.ones(score.size, dtype=bool))
    sure = np.where(rows.asked_inside, rows.ends, _extremes(rows, score, ~rows.few))
    moving = rows.few & (rows.inside | (rows.outward * (sure[rows.owner] - score) > 0))
    return _ExactSearch(rows, score, first, sure, moving).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The comparisons of all questions, one below the other."""

    kind: Kind
    owner: Places
    k1: Array
    n1: Array
    k2: Array
    n2: Array
    few: Flags
    slack: Array
    level: Array
    inside: Flags
    own: Array
    end: Array
    asked_inside: Flags
    asked_level: Array
    ends: Array

    @classmethod
    def of(cls, questions: Sequence[Question], kind: Kind) -> _Rows:
        sizes = [len(question.pairs) for question in questions]
        owner = np.repeat(np.arange(len(questions)), sizes)
        k1, n1, k2, n2, few, slack, own = (
            np.concatenate(column)
            for column in zip(*(_columns(question.pairs, kind) for question in questions), strict=True)
        )
        inside = np.array([question.inside for question in questions])
        level = np.array([question.level for question in questions])
        ends = np.where(inside == (kind == "difference"), 1.0, 0.0)
        asked = (level[owner], inside[owner], own, ends[owner], inside, level, ends)
        return cls(kind, owner, k1, n1, k2, n2, few > 0, slack, *asked)

    @property
    def outward(self) -> Array:
        """Sign of the step from the gap seen to the end of its search."""
        return np.where(self.end > 0, 1.0, -1.0)

    def score_crossings(self) -> Array:
        """Where each comparison's own score test decides; the end where it never does.

        Of a question's comparisons without exact tests, only those that can set its answer are searched; the others
        get the answer of the one whose gap is largest, which they do not move.
        """
        groups = 2 * self.owner + self.few
        leader = self._leaders(groups)
        searched = self.few | (leader == np.arange(leader.size))
        found = np.empty(self.own.size)
        at = np.flatnonzero(searched)
        found[at] = self._crossings(at)
        found[~searched] = found[leader[~searched]]
        at = np.flatnonzero(~searched)
        further = at[self._may_move(at, found[at])]
        found[further] = self._crossings(further)
        return found

    def _leaders(self, groups: Places) -> Places:
        """Of each comparison's group, the place of the one whose gap is largest."""
        gap = self.own if self.kind == "difference" else -self.own
        order = np.lexsort((-gap, groups))
        firsts = np.unique(groups[order], return_index=True)[1]
        place = np.searchsorted(groups[order][firsts], groups)
        return np.asarray(order[firsts][place])

    def _may_move(self, at: Places, limit: Array) -> Flags:
        """Whether these comparisons' tests can decide at another limit that counts for more than this one."""
        passed = self.outward[at] * (limit - self.own[at]) <= 0
        waits = ~(self._distance(limit, at) <= 0)  # undefined ones never decide
        return np.asarray(np.where(self.inside[at], passed | waits, ~passed & ~waits))

    def _crossings(self, at: Places) -> Array:
        return _cross(lambda limit, part: self._distance(limit, at[part]), self.own[at], self.end[at])

    def _distance(self, limit: Array, at: Places) -> Array:
        """How far the normal scores of these comparisons' tests are from that of their level; over 0 undecided."""
        bound = limit if self.kind == "difference" else np.maximum(limit, 1e-12)
        counts = (self.k1[at], self.n1[at], self.k2[at], self.n2[at])
        within, beyond = score_p_values(*counts, bound, self.kind)
        figure = ~np.isnan(self.slack[at])
        if figure.any():
            those = figure_p_values(*(part[figure] for part in (*counts, bound, self.slack[at])))
            within[figure], beyond[figure] = those
        p = np.where(self.inside[at], within, beyond)
        return np.asarray(np.clip(special.ndtri(p), -30.0, 30.0) - special.ndtri(self.level[at]))


def _columns(pairs: Pairs, kind: Kind) -> tuple[Array, ...]:
    few = pairs.exactable & (expected_counts(pairs) < FEW_EXPECTED)
    # NaN stands for rates of rows, which have no slack.
    slack = np.full(len(pairs), np.nan) if pairs.slack is None else pairs.slack
    own = np.nan_to_num(pairs.gaps(kind), nan=1.0)
    return pairs.k1, pairs.n1, pairs.k2, pairs.n2, few.astype(np.float64), slack, own


def _cross(distance: Callable[[Array, Places], Array], start: Array, end: Array) -> Array:
    """Roots between ``start`` (positive side) and ``end``, element by element; the end without one.

    Regula falsi with halved weights (Dowell and Jarratt 1971, BIT 11:168-174), every third step a bisection.
    """
    everything = np.arange(start.size)
    above, below = start.copy(), end.copy()
    f_above, f_below = distance(above, everything), distance(below, everything)
    below = np.where(f_above <= 0, above, below)
    at = np.flatnonzero((f_above > 0) & (f_below <= 0))
    kept = np.zeros(start.size)
    for step in range(60):
        at = at[np.abs(below[at] - above[at]) > 1e-10]
        if not at.size:
            break
        share = 0.5 if step % 3 == 2 else f_above[at] / (f_above[at] - f_below[at])
        middle = above[at] + share * (below[at] - above[at])
        found = distance(middle, at)
        up = found > 0
        f_below[at[up & (kept[at] > 0)]] *= 0.5
        f_above[at[~up & (kept[at] < 0)]] *= 0.5
        above[at[up]], f_above[at[up]] = middle[up], found[up]
        below[at[~up]], f_below[at[~up]] = middle[~up], found[~up]
        kept[at] = np.where(up, 1.0, -1.0)
    return below


def _extremes(rows: _Rows, values: Array, which: Flags) -> Array:
    """Of each question the comparison that decides: the largest difference, the smallest ratio."""
    if rows.kind == "difference":
        found = np.where(rows.asked_inside, 0.0, rows.ends)
        np.maximum.at(found, rows.owner[which], values[which])
    else:
        found = np.where(rows.asked_inside, 1.0, rows.ends)
        np.minimum.at(found, rows.owner[which], values[which])
    return found


class _ExactSearch:
    """Where exact tests have a say too: on outward from the limits of the score tests, all questions in step.

    A place is a share of the way from ``first`` to ``last``. A comparison that is shown to lie within counts from
    both ends of the tolerated interval, as a test each.
    """

    def __init__(self, rows: _Rows, score: Array, first: Array, last: Array, moving: Flags) -> None:
        inside, beyond = np.flatnonzero(moving & rows.inside), np.flatnonzero(moving & ~rows.inside)
        self.row = np.concatenate([inside, inside, beyond])
        larger_second = (rows.k1 * rows.n2 < rows.k2 * rows.n1)[beyond]
        self.swapped = np.concatenate([np.zeros(inside.size, bool), np.ones(inside.size, bool), larger_second])
        self.rows, self.score, self.first, self.last = rows, score, first, last
        self.width = np.abs(last - first)
        concerned = np.zeros(first.size, dtype=bool)
        concerned[rows.owner[self.row]] = True
        self.open = concerned & (self.width > 0)
        # Where no test decides is 1; where there is nothing to ask the score tests' limit stays.
        self.low, self.high = np.zeros(first.size), np.where(self.open, 1.0, 0.0)
        self.before = np.zeros(first.size)
        # Distances of the normal scores from that of the level.
        self.z_low, self.z_high, self.z_before = (np.full(first.size, np.nan) for _ in range(3))

    def run(self) -> Array:
        """The limits, shape (questions,)."""
        asked = np.flatnonzero(self.open)
        if asked.size:
            at_once = self._ask(asked, np.minimum(1e-9 / self.width[asked], 1.0))
            self.high[asked[at_once]] = 0.0
            self.low[asked] = 0.0
        for turn in range(_MOST_ROUNDS):
            asked = np.flatnonzero(self.open & ((self.high - self.low) * self.width > _NEAR))
            if not asked.size:
                break
            self._ask(asked, self._next(asked, turn))
        return np.asarray(self.first + self.high * (self.last - self.first))

    def _next(self, asked: Places, turn: int) -> Array:
        """Steps that grow until a test decides, then regula falsi and bisection in turns."""
        low, high = self.low[asked], self.high[asked]
        z_low, z_high = self.z_low[asked], self.z_high[asked]
        slope = (self.z_before[asked] - z_low) / np.maximum(low - self.before[asked], 1e-12)
        guess = np.where(slope > 0, 1.2 * z_low / np.where(slope > 0, slope, 1.0), np.inf)
        step = np.clip(np.nan_to_num(guess, nan=np.inf), _FIRST_STEP / 4, _FIRST_STEP * 4.0**turn)
        growing = np.where(low + step < high, low + step, 0.5 * (low + high))
        share = np.clip(z_low / (z_low - z_high), 0.05, 0.95)
        share = np.where(np.isnan(share) | (turn % 3 == 2), 0.5, share)
        return np.asarray(np.where(np.isnan(z_high), growing, low + share * (high - low)))

    def _ask(self, asked: Places, place: Array) -> Flags:
        """Which of the questions the tests decide at these places, and what follows for the search."""
        rows = self.rows
        limit, chosen = np.full(self.first.size, np.nan), np.zeros(self.first.size, dtype=bool)
        limit[asked] = self.first[asked] + place * (self.last - self.first)[asked]
        chosen[asked] = True
        at = np.flatnonzero(chosen[rows.owner[self.row]])
        row, owner = self.row[at], rows.owner[self.row[at]]
        p = self._p_values(row, self.swapped[at], limit[owner])
        # A score test that has not decided yet is not asked for confirmation.
        p[~rows.inside[row] & (rows.outward[row] * (limit[owner] - self.score[row]) < -1e-12)] = 1.0
        combined = np.where(rows.asked_inside, 0.0, 1.0)
        np.maximum.at(combined, owner[rows.inside[row]], p[rows.inside[row]])
        np.minimum.at(combined, owner[~rows.inside[row]], p[~rows.inside[row]])
        reached = combined <= rows.asked_level
        self._move(asked, place, combined[asked], reached[asked])
        # Inside, what decides here decides further out; beyond, what does not decide here decides no earlier.
        done = (p <= rows.level[row]) & ~reached[owner] & rows.inside[row]
        late = (p > rows.level[row]) & reached[owner] & ~rows.inside[row]
        keep = np.ones(self.row.size, dtype=bool)
        keep[at[done | late]] = False
        self.row, self.swapped = self.row[keep], self.swapped[keep]
        return np.asarray(reached[asked])

    def _move(self, asked: Places, place: Array, p: Array, reached: Flags) -> None:
        z = np.clip(special.ndtri(p), -_FAR, _FAR) - special.ndtri(self.rows.asked_level[asked])
        yes, no = asked[reached], asked[~reached]
        self.high[yes], self.z_high[yes] = place[reached], z[reached]
        self.before[no], self.z_before[no] = self.low[no], self.z_low[no]
        self.low[no], self.z_low[no] = place[~reached], z[~reached]

    def _p_values(self, row: Places, swapped: Flags, limit: Array) -> Array:
        """Exact p-values; of "beyond" the sum of the tails seen from both ends, the larger rate first."""
        rows, kind = self.rows, self.rows.kind
        k1, n1 = np.where(swapped, rows.k2[row], rows.k1[row]), np.where(swapped, rows.n2[row], rows.n1[row])
        k2, n2 = np.where(swapped, rows.k1[row], rows.k2[row]), np.where(swapped, rows.n1[row], rows.n2[row])
        limit = limit if kind == "difference" else np.maximum(limit, 1e-12)
        low, high = (-limit, limit) if kind == "difference" else (limit, 1 / limit)
        both = np.flatnonzero(~rows.inside[row])
        k1, n1, k2, n2 = (np.concatenate([part, part[both]]) for part in (k1, n1, k2, n2))
        # A sum of two tails needs both of them to be exact.
        level = np.where(rows.inside[row], rows.level[row], np.nan)
        levels = np.concatenate([level, level[both]])
        tails = exact_tail(k1, n1, k2, n2, np.concatenate([low, high[both]]), kind, level=levels)
        p = tails[: row.size].copy()
        p[both] = np.minimum(1.0, p[both] + tails[row.size :])
        return p
