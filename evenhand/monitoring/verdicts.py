"""The declared policies on new data, with their error spread over the looks of a year."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from evenhand.exceptions import DataError
from evenhand.fairness import BiasDetector
from evenhand.fairness.policies import Policy, load_policy
from evenhand.fairness.report import AuditReport
from evenhand.fairness.statistics import RuleVerdict
from evenhand.monitoring.observation import Observation
from evenhand.monitoring.reference import Reference
from evenhand.monitoring.signals import Outcomes

__all__ = ["Evidence", "Judged", "PolicyLook", "RuleLook", "judge_fairness", "judge_look", "spread", "unjudged"]

Evidence = Literal["decisions", "outcomes"]

_BY_DECISIONS = "demographic_parity"
"""What disparities of decisions alone are called: they need no outcome."""

_ROWS: Mapping[Evidence, str] = {"decisions": "the new rows", "outcomes": "the rows with an outcome"}


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
    evidence: Evidence
    n: int
    alpha: float
    rules: tuple[RuleLook, ...]

    @property
    def sentence(self) -> str:
        """What it came to, by which rows, in words."""
        return f"{self.policy}, by {self.evidence}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "rules": [asdict(rule) for rule in self.rules]}


@dataclass(frozen=True)
class Judged:
    """What a look says of the declared policies.

    Attributes
    ----------
    policies
        Their verdicts: those by the decisions of the new rows before those by outcomes.
    reports
        The audits that they rest on.
    unjudged
        What there is no verdict on, in a sentence each.
    """

    policies: tuple[PolicyLook, ...] = ()
    reports: Mapping[Evidence, AuditReport] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()


def spread(policy: Policy, looks: float) -> Policy:
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
    looks: float,
    evidence: Evidence,
    shared: bool = False,
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
    shared
        Whether the look judges by other rows, too, decisions and outcomes: a policy that both can judge has half of
        the look's level for each.
    depth, min_group_size, seed
        As in :meth:`evenhand.fairness.BiasDetector.detect_bias`.

    Returns
    -------
    tuple
        The policies' verdicts, and the audit that they rest on.
    """
    if looks < 1:
        raise DataError(f"looks is {looks}: give at least 1")
    # Half for each is enough by Bonferroni's inequality, however the two are related: they may share rows.
    declared = [spread(each, 2 * looks if shared and _on_decisions(each) else looks) for each in _loaded(policies)]
    if evidence == "decisions":
        declared = _on_decisions_only(declared)
    needed = max(
        [depth, *(len(name.split(" & ")) for each in declared for rule in each.rules for name in rule.attributes)]
    )
    report = detector.detect_bias(
        depth=needed, min_group_size=min_group_size, policies=declared, replicates=200, seed=seed
    )
    return tuple(_look(judged.assessment, report.n, evidence) for judged in report.policies), report


def _loaded(policies: Sequence[str | Policy]) -> list[Policy]:
    return [load_policy(each) if isinstance(each, str) else each for each in policies]


def _on_decisions(policy: Policy) -> bool:
    return any(rule.metric.startswith(_BY_DECISIONS) for rule in policy.rules)


def _on_decisions_only(policies: Sequence[Policy]) -> list[Policy]:
    """The policies that have rules on decisions, with these alone."""
    return [
        replace(each, rules=tuple(rule for rule in each.rules if rule.metric.startswith(_BY_DECISIONS)))
        for each in policies
        if _on_decisions(each)
    ]


def judge_look(
    observation: Observation | None,
    outcomes: Outcomes | None,
    reference: Reference,
    policies: Sequence[str | Policy],
    *,
    looks: float,
    min_rows: int,
    covered: bool = False,
    **options: int,
) -> Judged:
    """Judge every policy by the new rows' decisions, and by the rows whose outcome became known.

    The rows of the one are seldom those of the other: outcomes that come this week are of last week's decisions, and
    say nothing about this week's. So both are judged, and share the error of the look.

    Parameters
    ----------
    observation
        The new rows; None where they were judged before.
    outcomes
        The rows whose outcome became known; None where there are none.
    reference
        What the version left: its labels and sensitive attributes.
    policies
        Names, paths or policies.
    looks
        So many looks share each policy's level.
    min_rows
        Fewer rows are not judged.
    covered
        Whether the outcomes are of the new rows, all of them and no others: then their decisions are judged with them.
    options
        ``depth``, ``min_group_size`` and ``seed`` of :func:`judge_fairness`.
    """
    declared = _loaded(policies)
    by = _outcomes(outcomes, reference, min_rows)
    asked = observation if by is None or (not covered and any(map(_on_decisions, declared))) else None
    rows = _decisions(asked, reference, min_rows)
    there: dict[Evidence, BiasDetector | None] = {"decisions": rows, "outcomes": by}
    shared = rows is not None and by is not None
    found: list[PolicyLook] = []
    reports: dict[Evidence, AuditReport] = {}
    for evidence, detector in there.items():
        if detector is not None:
            given: dict[str, Any] = {"looks": looks, "evidence": evidence, "shared": shared, **options}
            verdicts, reports[evidence] = judge_fairness(detector, declared, **given)
            found += verdicts
    said = _silence(declared, found, reports, reference)
    if by is not None and rows is None and asked is not None and reference.favorable_label is not None:
        why = f"{asked.n} are fewer than {min_rows}" if asked.n < min_rows else "they have no predictions or no groups"
        said += [f"{each.name} was not judged by the new rows: {why}" for each in declared if _on_decisions(each)]
    return Judged(tuple(found), reports, tuple(said))


def _outcomes(outcomes: Outcomes | None, reference: Reference, min_rows: int) -> BiasDetector | None:
    if outcomes is None or len(outcomes) < min_rows or not len(outcomes.people.columns):
        return None
    told: dict[str, Any] = {"favorable_label": reference.favorable_label, "classes": reference.classes}
    return BiasDetector.from_predictions(outcomes.y_true, outcomes.y_pred, sensitive_features=outcomes.people, **told)


def _decisions(observation: Observation | None, reference: Reference, min_rows: int) -> BiasDetector | None:
    favorable = reference.favorable_label
    if observation is None or observation.decisions is None or observation.n < min_rows or favorable is None:
        return None
    # Where the model gives everybody one label, the others are labels all the same.
    told: dict[str, Any] = {"favorable_label": favorable, "classes": reference.classes}
    return BiasDetector.from_counts(observation.decisions, **told)


def _silence(
    declared: Sequence[Policy],
    found: Sequence[PolicyLook],
    reports: Mapping[Evidence, AuditReport],
    reference: Reference,
) -> list[str]:
    if not reports:
        return list(unjudged(declared, found, declared=reference.groups, seen=()))
    said: dict[str, None] = {}
    for evidence, report in reports.items():
        both = len(reports) > 1
        # A policy without a rule on decisions waits for outcomes, and these are there.
        asked = _on_decisions_only(declared) if both and evidence == "decisions" else declared
        verdicts = [each for each in found if each.evidence == evidence]
        rows = _ROWS[evidence] if both else "these rows"
        told = unjudged(asked, verdicts, declared=reference.groups, seen=report.audits, rows=rows)
        said |= dict.fromkeys(told)
    return list(said)


def unjudged(
    policies: Sequence[str | Policy],
    judged: Sequence[PolicyLook],
    *,
    declared: Collection[str],
    seen: Collection[str],
    rows: str = "these rows",
) -> tuple[str, ...]:
    """What of the declared policies these rows gave no verdict on, in a sentence each: that is no pass.

    Parameters
    ----------
    policies
        Names, paths or policies.
    judged
        The verdicts that there are.
    declared, seen
        The model's sensitive attributes, and those that the rows have.
    rows
        What the rows are called.
    """
    said = []
    verdicts = {each.policy for each in judged}
    for policy in _loaded(policies):
        asked = {name for rule in policy.rules for each in rule.attributes or declared for name in each.split(" & ")}
        missing = sorted(asked.difference(seen))
        if policy.rules and policy.name not in verdicts:
            said.append(f"{policy.name} was not judged: too few rows, or not what its rules need")
        elif policy.rules and missing:
            said.append(f"{policy.name} was not judged by {', '.join(missing)}, which {rows} do not have")
    return tuple(said)


def _look(assessment: Any, n: int, evidence: Evidence) -> PolicyLook:
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
