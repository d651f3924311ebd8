"""The declared policies on new data, with their error spread over the looks of a year."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import Policy, load_policy
from evenhand.fairness.report import AuditReport
from evenhand.fairness.statistics import RuleVerdict

__all__ = ["PolicyLook", "RuleLook", "judge_fairness", "spread", "unjudged"]

_BY_DECISIONS = "demographic_parity"
"""What disparities of decisions alone are called: they need no outcome."""


@dataclass(frozen=True)
class RuleLook:
    """One rule's verdict on one attribute.

    Attributes
    ----------
    metric, attribute, kind, limit, verdict, value, low, high, reason
        As in :class:`evenhand.fairness.statistics.RuleVerdict`.
    between
        The two groups, or "".
    """

    metric: str
    attribute: str
    kind: str
    limit: float
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    between: str
    reason: str


@dataclass(frozen=True)
class PolicyLook:
    """What a policy came to at a look.

    Attributes
    ----------
    policy
        Its name.
    verdict
        FAIL if any rule fails, PASS if all pass, else INCONCLUSIVE; None for a policy without limits.
    reason
        Why, in a sentence.
    evidence
        ``outcomes`` where the rows' outcomes are known; ``decisions`` where only rules on decisions could be judged.
    n
        Rows.
    alpha
        The policy's level at this look.
    rules
        Its rules' verdicts.
    """

    policy: str
    verdict: str | None
    reason: str
    evidence: Literal["outcomes", "decisions"]
    n: int
    alpha: float
    rules: tuple[RuleLook, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "rules": [asdict(rule) for rule in self.rules]}


def spread(policy: Policy, looks: int) -> Policy:
    """The policy at one of so many looks: its level, and each rule's own, divided by their number.

    By Bonferroni's inequality the verdicts of all looks together then err with at most the declared level, however
    the looks depend on one another: a false FAIL in the course of a year, and a false PASS.

    Examples
    --------
    >>> round(spread(load_policy("statistical"), 52).alpha * 52, 3)
    0.05
    """
    rules = tuple(rule if rule.alpha is None else replace(rule, alpha=rule.alpha / looks) for rule in policy.rules)
    return replace(policy, alpha=policy.alpha / looks, rules=rules)


def judge_fairness(
    detector: BiasDetector,
    policies: Sequence[str | Policy],
    *,
    looks: int,
    evidence: Literal["outcomes", "decisions"],
    depth: int = 1,
    min_group_size: int = 30,
    seed: int = 0,
) -> tuple[tuple[PolicyLook, ...], AuditReport]:
    """Judge every policy at one of `looks` looks.

    Parameters
    ----------
    detector
        Of the new rows: with their outcomes, or with the decision in the place of the outcome.
    policies
        Names, paths or policies.
    looks
        So many looks share each policy's level.
    evidence
        What the rows have; with ``decisions`` only rules on decisions are judged.
    depth, min_group_size, seed
        As in :meth:`evenhand.fairness.BiasDetector.detect_bias`.

    Returns
    -------
    tuple
        The policies' verdicts, and the audit that they rest on.
    """
    if looks < 1:
        raise DataError(f"looks is {looks}: give at least 1")
    declared = [spread(load_policy(each) if isinstance(each, str) else each, looks) for each in policies]
    if evidence == "decisions":
        declared = [
            replace(policy, rules=tuple(rule for rule in policy.rules if rule.metric.startswith(_BY_DECISIONS)))
            for policy in declared
        ]
        declared = [policy for policy in declared if policy.rules]
    needed = max(
        [depth, *(len(name.split(" & ")) for each in declared for rule in each.rules for name in rule.attributes)]
    )
    report = detector.detect_bias(
        depth=needed, min_group_size=min_group_size, policies=declared, replicates=200, seed=seed
    )
    return tuple(_look(judged.assessment, report.n, evidence) for judged in report.policies), report


def unjudged(
    policies: Sequence[str | Policy],
    judged: Sequence[PolicyLook],
    *,
    declared: Collection[str],
    seen: Collection[str],
) -> tuple[str, ...]:
    """What of the declared policies these rows gave no verdict on, in a sentence each: that is no pass.

    Parameters
    ----------
    policies
        Names, paths or policies.
    judged
        The verdicts that there are.
    declared, seen
        The model's sensitive attributes, and those that the new rows have.
    """
    said = []
    verdicts = {each.policy for each in judged}
    for policy in (load_policy(each) if isinstance(each, str) else each for each in policies):
        asked = {name for rule in policy.rules for each in rule.attributes or declared for name in each.split(" & ")}
        missing = sorted(asked.difference(seen))
        if policy.rules and policy.name not in verdicts:
            said.append(f"{policy.name} was not judged: too few rows, or not what its rules need")
        elif policy.rules and missing:
            said.append(f"{policy.name} was not judged by {', '.join(missing)}, which these rows do not have")
    return tuple(said)


def _look(assessment: Any, n: int, evidence: Literal["outcomes", "decisions"]) -> PolicyLook:
    policy = assessment.policy
    rules = tuple(_rule(rule) for rule in assessment.rules)
    return PolicyLook(policy.name, assessment.verdict, assessment.reason, evidence, n, policy.alpha, rules)


def _rule(rule: RuleVerdict) -> RuleLook:
    return RuleLook(
        metric=rule.metric,
        attribute=rule.attribute,
        kind=rule.kind,
        limit=rule.limit,
        verdict=rule.verdict,
        value=rule.value,
        low=rule.low,
        high=rule.high,
        between=" and ".join(rule.pair or ()),
        reason=rule.reason,
    )
