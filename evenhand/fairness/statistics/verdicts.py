"""Three verdicts on declared limits: PASS, FAIL or INCONCLUSIVE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import ConfigError
from evenhand.fairness.statistics._numeric import Array
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.gaps import Limits, many_limits, undefined_groups, worst_pair
from evenhand.fairness.statistics.margins import SOME_EXPECTED, beyond_p_values, too_few, within_p_values
from evenhand.fairness.statistics.power import detectable_gap, more_rows
from evenhand.fairness.statistics.rates_by_group import Pairs, Rates, pairs_of
from evenhand.fairness.statistics.reasons import Reading, missing, settling, told
from evenhand.fairness.statistics.stepdown import holm_shares

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One limit and the counts it is judged by.

    Attributes
    ----------
    metric, attribute
        Names for the report.
    rates
        One rate by group, or several of which the worst counts.
    kind, limit
        ``difference`` with the largest tolerated difference in (0, 1), or ``ratio`` with the smallest
        tolerated ratio in (0, 1).
    alpha
        Level: of each comparison for PASS, of the whole policy (Holm) for FAIL.
    reversal
        If true, a pair in which one different selection would reverse which group has the higher rate
        is no evidence of a gap beyond the limit.
    """

    metric: str
    attribute: str
    rates: tuple[Rates, ...]
    kind: Kind
    limit: float
    alpha: float = 0.05
    reversal: bool = False

    @property
    def span(self) -> float:
        """Width of the range of what is compared: 1, or 2 for a figure from -1 to 1."""
        return max((rate.figure.span for rate in self.rates if rate.figure is not None), default=1.0)

    @property
    def tested(self) -> float:
        """The limit as a difference of shares of that range."""
        return self.limit / self.span if self.kind == "difference" else self.limit

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise ConfigError(f"{self.metric}: a limit lies strictly between 0 and 1, got {self.limit!r}")
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"{self.metric}: alpha lies strictly between 0 and 0.5, got {self.alpha!r}")
        if any(rate.figure is not None for rate in self.rates) and (self.reversal or self.kind == "ratio"):
            raise ConfigError(f"{self.metric} is no rate of rows: it has a limit on its difference, and no reversal")


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Verdict on one limit, with the evidence it came from.

    Attributes
    ----------
    metric, attribute, kind, limit, alpha
        The rule.
    verdict
        ``PASS``: every comparison is shown to lie inside the limit. ``FAIL``: at least one is shown to
        lie beyond. ``INCONCLUSIVE``: neither.
    value
        Largest difference or smallest ratio seen; None when undefined.
    low, high
        Interval from the same tests as the verdict, so that it excludes the limit exactly when the
        verdict is not INCONCLUSIVE. Each limit misses with probability ``alpha``. Where a comparison has too few
        rows for its test, the interval is open to the end of the range.
    pair, rate
        The groups, smaller rate first, and the rate in which they differ most.
    p_within, p_beyond
        P-values for the two verdicts, the second adjusted by Holm over the policy's comparisons.
    comparisons
        Number of comparisons of this rule.
    reason
        Why the verdict is what it is, in a sentence.
    detectable
        Smallest gap that these rows would have shown to lie beyond the limit with probability 0.8; None
        when there is none or the verdict is not INCONCLUSIVE.
    more_rows
        Rows to add by group to settle an INCONCLUSIVE verdict at the rates seen; None when no number
        of rows would.
    undefined
        Groups of the verdict without this rate, and why; never empty together with PASS.
    reported
        Groups that are shown and not part of the verdict, and why.
    notes
        Remarks that the policy asks for.
    settles
        What would settle an INCONCLUSIVE verdict, in a sentence; "" for the others and where nothing was compared.
    """

    metric: str
    attribute: str
    kind: Kind
    limit: float
    alpha: float
    verdict: Verdict
    value: float | None
    low: float | None
    high: float | None
    pair: tuple[str, str] | None
    rate: str
    p_within: float | None
    p_beyond: float | None
    comparisons: int
    reason: str
    detectable: float | None = None
    more_rows: dict[str, int] | None = None
    undefined: dict[str, str] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settles: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self) | {"pair": list(self.pair) if self.pair else None, "notes": list(self.notes)}


def judge(claims: Sequence[Claim]) -> tuple[RuleVerdict, ...]:
    """Judge all claims of a policy together.

    Parameters
    ----------
    claims
        The declared rules with their counts. Holm's correction for FAIL runs over the comparisons of all
        of them and of nothing else.

    Returns
    -------
    tuple of RuleVerdict
        In the order of the claims.

    Notes
    -----
    PASS is an intersection-union test and needs no correction: Berger (1982), Technometrics 24:295-300.
    FAIL: Holm (1979), Scandinavian Journal of Statistics 6:65-70.

    Examples
    --------
    >>> rates = Rates([500, 510], [1000, 1000], ["a", "b"], name="selection_rate")
    >>> judge([Claim("demographic_parity_ratio", "sex", (rates,), "ratio", 0.8)])[0].verdict
    'PASS'
    """
    compared = [pairs_of(claim.rates) for claim in claims]
    total = max(sum(len(pairs) for pairs in compared), 1)
    tests = [_Test.of(claim, pairs, total) for claim, pairs in zip(claims, compared, strict=True)]
    shares, adjusted = holm_shares([test.beyond / test.claim.alpha for test in tests])
    levels = [share * test.claim.alpha for test, share in zip(tests, shares, strict=True)]
    return tuple(
        _conclude(test, level, min(1.0, best * test.claim.alpha), interval)
        for test, level, best, interval in zip(tests, levels, adjusted, _intervals(tests, levels), strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Test:
    claim: Claim
    pairs: Pairs
    within: Array
    beyond: Array

    @classmethod
    def of(cls, claim: Claim, pairs: Pairs, total: int) -> _Test:
        """Tests of one claim in a policy of ``total`` comparisons."""
        rule = (pairs, claim.tested, claim.kind)
        strictest = claim.alpha / total
        within = within_p_values(*rule, level=0.0)
        if (within <= claim.alpha).all():
            # Exact tests only confirm: one comparison that is not shown already decides.
            within = within_p_values(*rule, level=claim.alpha, exact_below=SOME_EXPECTED)
        beyond = beyond_p_values(*rule, level=claim.alpha, exact_below=SOME_EXPECTED, strictest=strictest)
        if claim.reversal:
            beyond = np.where(reversible(pairs), 1.0, beyond)
        return cls(claim, pairs, within, beyond)

    def few(self) -> npt.NDArray[np.bool_]:
        """Comparisons that rest on too few rows to be tested."""
        return too_few(self.pairs, self.claim.tested, self.claim.kind)

    def shown_within(self) -> bool:
        """Whether every comparison is shown to lie inside the limit."""
        return bool((self.within <= self.claim.alpha).all())

    def reading(self) -> Reading:
        """What a reason tells of the comparisons."""
        return Reading(int(self.beyond.argmin()), self.shown_within(), self.few())

    def shown_beyond(self, level: float) -> bool:
        """Whether a comparison is shown to lie beyond the limit."""
        return bool((self.beyond <= level).any())


def reversible(pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Pairs in which one different selection gives the group with the lower rate the higher one.

    One row of the group with the lower rate is selected instead of one of the other group.
    """
    swap = pairs.k1 * pairs.n2 > pairs.k2 * pairs.n1
    low, high = np.where(swap, pairs.k2, pairs.k1), np.where(swap, pairs.k1, pairs.k2)
    n_low, n_high = np.where(swap, pairs.n2, pairs.n1), np.where(swap, pairs.n1, pairs.n2)
    return np.asarray((low + 1) / n_low > (high - 1) / n_high)


def _conclude(test: _Test, level: float, adjusted: float, interval: tuple[float, float] | None) -> RuleVerdict:
    claim, pairs = test.claim, test.pairs
    undefined = undefined_groups(claim.rates)
    worst = worst_pair(pairs, claim.kind)
    common = (claim.metric, claim.attribute, claim.kind, claim.limit, claim.alpha)
    if worst is None or interval is None:
        reason = "every rate is 0" if len(pairs) else missing(claim.rates)
        return RuleVerdict(
            *common, "INCONCLUSIVE", None, None, None, None, "", None, None, len(pairs), reason, undefined=undefined
        )
    verdict = _verdict(test, level, undefined)
    value = float(pairs.gaps(claim.kind)[worst.at]) * claim.span
    low, high = (end * claim.span for end in interval)
    open_question = verdict == "INCONCLUSIVE"
    within = test.shown_within()
    gap = detectable_gap(pairs, claim.tested, claim.kind, level) if open_question else None
    detectable = None if gap is None else gap * claim.span
    settled = not open_question or within
    more = None if settled else more_rows(claim.rates, claim.tested, claim.kind, claim.alpha, level)
    return RuleVerdict(
        *common,
        verdict,
        value,
        low,
        high,
        worst.names,
        worst.rate,
        float(test.within.max()),
        adjusted,
        len(pairs),
        told(claim, pairs, verdict, test.reading(), undefined),
        detectable,
        more,
        undefined,
        settles=settling(claim, more, detectable, undefined, within=within) if open_question else "",
    )


def _intervals(tests: Sequence[_Test], levels: Sequence[float]) -> list[tuple[float, float] | None]:
    """The limits that these tests would not decide on, in one search; None where nothing is defined."""
    defined = [at for at, test in enumerate(tests) if worst_pair(test.pairs, test.claim.kind) is not None]
    asked = []
    for at in defined:
        claim, pairs = tests[at].claim, tests[at].pairs
        left_out = tests[at].few() | (reversible(pairs) & claim.reversal)
        evidence = pairs.take(~left_out) if left_out.any() else pairs
        asked.append(Limits(pairs, claim.kind, claim.alpha, levels[at], evidence))
    found: list[tuple[float, float] | None] = [None] * len(tests)
    for at, limits in zip(defined, many_limits(asked), strict=True):
        found[at] = _agreeing(tests[at], levels[at], *limits)
    return found


def _agreeing(test: _Test, level: float, low: float, high: float) -> tuple[float, float]:
    """The interval on the side of the limit that the verdict says.

    At the limit itself p-values close to the level were confirmed by the exact test: they have the last word.
    """
    limit = test.claim.tested
    if test.few().any():
        # These rows do not bound a gap that they cannot test.
        low, high = (low, 1.0) if test.claim.kind == "difference" else (0.0, high)
    excluded_above, excluded_below = test.shown_within(), test.shown_beyond(level)
    if test.claim.kind == "ratio":
        excluded_above, excluded_below = excluded_below, excluded_above
    high = min(high, limit) if excluded_above else max(high, limit)
    low = max(low, limit) if excluded_below else min(low, limit)
    return low, high


def _verdict(test: _Test, level: float, undefined: dict[str, str]) -> Verdict:
    if test.shown_beyond(level):
        return "FAIL"
    return "PASS" if test.shown_within() and not undefined else "INCONCLUSIVE"
