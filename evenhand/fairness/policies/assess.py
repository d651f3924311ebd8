"""Assessing counts by a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenhand.exceptions import ConfigError, nearest, shorten
from evenhand.fairness.policies.families import ConfusionCounts, families
from evenhand.fairness.policies.model import Policy, Rule
from evenhand.fairness.statistics.equality import exact_pair_p_values
from evenhand.fairness.statistics.rates_by_group import Rates, pairs_of
from evenhand.fairness.statistics.stepdown import holm
from evenhand.fairness.statistics.verdicts import Claim, RuleVerdict, Verdict, judge


@dataclass(frozen=True, slots=True)
class PolicyAssessment:
    """Verdicts of a policy's rules on every attribute they apply to.

    Attributes
    ----------
    policy
        The policy.
    rules
        One verdict for each rule and attribute.
    verdict
        FAIL if any rule fails, PASS if all pass, otherwise INCONCLUSIVE; None for a policy without limits.
    reason
        Why, in a sentence.
    """

    policy: Policy
    rules: tuple[RuleVerdict, ...]
    verdict: Verdict | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "policy": self.policy.to_dict(),
            "rules": [rule.to_dict() for rule in self.rules],
            "verdict": self.verdict,
            "reason": self.reason,
        }


def assess(policy: Policy, counts: Mapping[str, ConfusionCounts]) -> PolicyAssessment:
    """Judge all rules of a policy together.

    Parameters
    ----------
    policy
        The policy; see :func:`evenhand.fairness.policies.load_policy`.
    counts
        Counts by sensitive attribute (an intersection is an attribute with a name of its own).

    Returns
    -------
    PolicyAssessment

    Raises
    ------
    ConfigError
        If a rule names an attribute that was not counted, or a disparity that these classes do not have.

    Examples
    --------
    >>> from evenhand.fairness.policies.load import load_policy
    >>> table = np.array([[[400, 100], [50, 450]], [[400, 100], [55, 445]]])
    >>> counts = {"sex": ConfusionCounts(("female", "male"), table, favorable=(1,))}
    >>> assess(load_policy("us-four-fifths"), counts).verdict
    'PASS'
    """
    claims: list[Claim] = []
    reported: list[dict[str, str]] = []
    # What two rules say alike, or one of an attribute that it names twice, is judged once: Holm's family would grow.
    asked = dict.fromkeys(
        (replace(rule, attributes=()), one) for rule in policy.rules for one in _attributes(rule, counts)
    )
    for rule, attribute in asked:
        table = counts[attribute]
        aside = set_aside(policy, table)
        rates = tuple(rate.without(tuple(aside)) for rate in families(rule.metric, table))
        alpha = policy.alpha if rule.alpha is None else rule.alpha
        claims.append(Claim(rule.metric, attribute, rates, rule.kind, rule.limit, alpha, rule.reversal))
        reported.append(aside)
    judged = judge(claims)
    verdicts = tuple(
        replace(verdict, reported=aside, notes=_notes(claim, verdict))
        for claim, verdict, aside in zip(claims, judged, reported, strict=True)
    )
    return PolicyAssessment(policy, verdicts, *_overall(policy, verdicts))


def set_aside(policy: Policy, counts: ConfusionCounts) -> dict[str, str]:
    """Groups that the policy shows without judging them, and why.

    Examples
    --------
    >>> from evenhand.fairness.policies.load import load_policy
    >>> counts = ConfusionCounts(("a", "unknown"), np.full((2, 2, 2), 10), (1,))
    >>> set_aside(load_policy("statistical"), counts)
    {'unknown': 'rows without a value'}
    """
    aside: dict[str, str] = {}
    for name, n in zip(counts.names, counts.n.tolist(), strict=True):
        if name in counts.unknown and policy.unknown == "report":
            aside[name] = "rows without a value"
        elif n < policy.minimum_group and policy.small_groups == "report":
            aside[name] = f"{n} rows are fewer than {policy.minimum_group}"
    return aside


def _attributes(rule: Rule, counts: Mapping[str, ConfusionCounts]) -> tuple[str, ...]:
    for attribute in rule.attributes:
        if attribute not in counts:
            raise ConfigError(
                f"a rule on {rule.metric} names the attribute {shorten(attribute)}, which was not counted: "
                f"{nearest(attribute, counts)}"
            )
    return rule.attributes or tuple(counts)


def _notes(claim: Claim, verdict: RuleVerdict) -> tuple[str, ...]:
    """Remarks of 29 CFR 1607.4D, for rules that know a reversal."""
    if not claim.reversal or verdict.value is None:
        return ()
    bare = f"the smallest ratio seen is {verdict.value:.3f}"
    significant = significant_pairs(claim.rates, claim.alpha)
    notes = [f"{bare}, {'under' if verdict.value < claim.limit else 'not under'} {claim.limit:g}"]
    if verdict.value >= claim.limit and significant:
        notes.append(
            f"rates differ significantly between {' and '.join(significant[0])}: a smaller difference may count "
            "where it is significant in practical terms too"
        )
    if verdict.value < claim.limit and not significant:
        notes.append("no two rates differ significantly: the difference may rest on small numbers")
    return tuple(notes)


def significant_pairs(rates: tuple[Rates, ...], alpha: float) -> list[tuple[str, str]]:
    """Pairs of groups whose rates differ by the exact permutation test, after Holm; none for weighted rates."""
    pairs = pairs_of(rates)
    if not len(pairs) or not pairs.exactable.all():
        return []
    adjusted = holm(exact_pair_p_values(pairs.k1, pairs.n1, pairs.k2, pairs.n2))
    return [(pairs.first[at], pairs.second[at]) for at in np.flatnonzero(adjusted <= alpha)]


def _overall(policy: Policy, rules: tuple[RuleVerdict, ...]) -> tuple[Verdict | None, str]:
    if not policy.rules:
        return None, f"{policy.name} sets no limit: its tables are shown without a verdict"
    by_verdict = {name: [rule for rule in rules if rule.verdict == name] for name in ("FAIL", "INCONCLUSIVE", "PASS")}
    for name in ("FAIL", "INCONCLUSIVE"):
        if by_verdict[name]:
            first = by_verdict[name][0]
            more = f" (and {len(by_verdict[name]) - 1} more)" if len(by_verdict[name]) > 1 else ""
            return first.verdict, f"{first.metric} by {first.attribute}: {first.reason}{more}"
    if not rules:
        return "INCONCLUSIVE", "no sensitive attribute was counted"
    return "PASS", f"all {len(rules)} rules pass"
