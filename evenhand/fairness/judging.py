"""Policies meet an audit: their verdicts on the audit's disparities, and the tables that they ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.exceptions import ConfigError, shorten
from evenhand.fairness.assess import Task, View
from evenhand.fairness.compared import MOST_LABELS, confusion
from evenhand.fairness.policies import (
    Policy,
    PolicyAssessment,
    assess,
    families,
    impact_table,
    load_policy,
    scoring_rates,
)
from evenhand.fairness.report import AttributeAudit, Disparity, resolve
from evenhand.fairness.score_estimates import Ranked, ScoredRows
from evenhand.fairness.score_figures import score_figures
from evenhand.fairness.statistics import Rates, RuleVerdict

__all__ = ["DEFAULT_POLICY", "JudgedPolicy", "Wanted", "judge_policies", "wanted_policies", "with_verdicts"]

DEFAULT_POLICY = "statistical"
Wanted = str | Path | Policy | Sequence[str | Path | Policy] | None
_WORST = ("FAIL", "INCONCLUSIVE", "PASS")
_SPENT = "no error is left for this look to spend: renew the rows that are looked at"


@dataclass(frozen=True)
class JudgedPolicy:
    """A policy's verdicts and tables.

    Attributes
    ----------
    assessment
        Its rules' verdicts.
    tables
        The tables that it asks for: by kind, then by attribute or intersection, a row for each group.
    left_out
        Tables that it asks for and that could not be made, each with the reason.
    share
        What this look could spend of the level that the policy declares; the level of the assessment's policy is that
        part of it.
    """

    assessment: PolicyAssessment
    tables: Mapping[str, Mapping[str, Sequence[dict[str, Any]]]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        tables = {kind: {name: list(rows) for name, rows in found.items()} for kind, found in self.tables.items()}
        left_out = dict(self.left_out)
        return {**self.assessment.to_dict(), "share": self.share, "tables": tables, "tables_left_out": left_out}


def wanted_policies(wanted: Wanted, n_labels: int) -> list[Policy]:
    """The policies that were asked for by name, by path or as they are; the plain statistical one without a word."""
    if wanted is not None:
        return [_policy(each) for each in ([wanted] if isinstance(wanted, str | Path | Policy) else wanted)]
    # The default policy compares whole distributions, which many labels do not allow.
    return [load_policy(DEFAULT_POLICY)] if n_labels <= MOST_LABELS else []


def _policy(given: str | Path | Policy) -> Policy:
    if isinstance(given, Policy):
        return given
    if not isinstance(given, str | Path):
        raise ConfigError(f"policies holds {shorten(given)}: give names, paths of .yaml files, or policies")
    return load_policy(given)


def judge_policies(
    policies: Sequence[Policy], views: Sequence[View], rows: ScoredRows | None, ranked: Ranked, *, share: float = 1.0
) -> tuple[JudgedPolicy, ...]:
    """Judge each policy's rules by the counts of the views, and make the tables that it asks for.

    A rule without attributes applies to each single attribute; an intersection is judged where a rule names it, so
    that intersections that nobody declared do not cost the others their power. At a share of 0 nothing is judged: every
    verdict is INCONCLUSIVE and says so.
    """
    found = []
    for declared in policies:
        policy = declared.spending(share) if share else declared
        named = {attribute for rule in policy.rules for attribute in rule.attributes}
        chosen = [view for view in views if len(view.marginal.attributes) == 1 or view.marginal.name in named]
        singles = tuple(view.marginal.name for view in views if len(view.marginal.attributes) == 1)
        rules = tuple(rule if rule.attributes else replace(rule, attributes=singles) for rule in policy.rules)
        wanted = {rule.metric.rpartition("_")[0] for rule in rules}
        counts = {
            view.marginal.name: replace(confusion(view), figures=score_figures(view.marginal, rows, wanted))
            for view in chosen
        }
        judged = replace(assess(replace(policy, rules=rules), counts), policy=policy)
        told = judged if share else _unjudged(judged)
        found.append(JudgedPolicy(told, *_tables(policy, views, ranked), share=share))
    return tuple(found)


def _unjudged(found: PolicyAssessment) -> PolicyAssessment:
    """What is left of an assessment for a look that may spend no error: the estimates, and no verdict on them."""
    nothing: dict[str, Any] = dict.fromkeys(("low", "high", "p_within", "p_beyond", "detectable", "more_rows"))
    rules = tuple(
        replace(rule, verdict="INCONCLUSIVE", alpha=0.0, reason=_SPENT, notes=(), settles="", **nothing)
        for rule in found.rules
    )
    told = replace(found, policy=replace(found.policy, alpha=0.0), rules=rules)
    return replace(told, verdict="INCONCLUSIVE", reason=_SPENT) if rules else told


def _tables(policy: Policy, views: Sequence[View], ranked: Ranked) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The tables, and those that cannot be made with the reason."""
    tables: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for kind in policy.tables:
        if reason := ranked.reason if kind == "scoring_rate" else _no_selection(views):
            left_out[kind] = reason
            continue
        tables[kind] = {}
        for view in views:
            rates, plain = _selections(view) if kind == "impact_ratio" else (_above_median(view, ranked), None)
            least, unknown = policy.may_leave_out_under, confusion(view).unknown
            shown = impact_table(rates, rows=plain, unknown=unknown, may_leave_out_under=least)
            tables[kind][view.marginal.name] = [asdict(row) for row in shown]
    return tables, left_out


def _no_selection(views: Sequence[View]) -> str:
    return "" if all(view.favorable for view in views) else "no label is favorable"


def _selections(view: View) -> tuple[Rates, Rates | None]:
    """Selection rates, and under sampling weights the plain rows that they are taken over."""
    counts = confusion(view)
    (rates,) = families("demographic_parity_ratio", counts)
    if counts.weights is None:
        return rates, None
    (plain,) = families("demographic_parity_ratio", replace(counts, weights=None, squares=None))
    return rates, plain


def _above_median(view: View, ranked: Ranked) -> Rates:
    assert ranked.rows is not None
    names = np.array(view.marginal.labels, dtype=object)
    return scoring_rates(ranked.rows.score, names[ranked.rows.codes(view.marginal)], ranked.rows.frequency)


def with_verdicts(
    audits: Mapping[str, AttributeAudit], judged: Sequence[JudgedPolicy], task: Task
) -> dict[str, AttributeAudit]:
    """The audits, each disparity that a rule is about with its verdict, by whichever of its names the rule calls it."""
    rulings: dict[tuple[str, str], list[tuple[str, RuleVerdict]]] = {}
    for policy in judged:
        for rule in policy.assessment.rules:
            place = (rule.attribute, resolve(rule.metric, task))
            rulings.setdefault(place, []).append((policy.assessment.policy.name, rule))
    done = dict(audits)
    for (attribute, metric), rules in rulings.items():
        audit = done[attribute]
        # What is not there (an area without scores) has a verdict with a reason all the same.
        shown = audit.disparities.get(metric) or Disparity(metric, attribute, float("nan"))
        done[attribute] = replace(audit, disparities={**audit.disparities, metric: _rule(shown, rules)})
    return done


def _rule(found: Disparity, rules: Sequence[tuple[str, RuleVerdict]]) -> Disparity:
    """The worst of the verdicts; value, groups and interval are those of the comparisons that it rests on, if any."""
    name, worst = min(rules, key=lambda ruling: _WORST.index(ruling[1].verdict))
    side = "at most" if worst.kind == "difference" else "at least"
    reason = f"policy {name} ({side} {worst.limit:g}, level {worst.alpha:.3g}): {worst.reason}"
    if worst.reported:
        left = ", ".join(f"{group} ({why})" for group, why in worst.reported.items())
        everybody = "undefined" if np.isnan(found.value) else f"{found.value:.4g}"
        reason += f"; not part of the verdict: {left}; the value with them is {everybody}"
    if worst.settles:
        reason += f"; {worst.settles}"
    if worst.value is None:
        # No two groups take part: what is shown is over all of them, and the verdict says nothing about it.
        return replace(found, verdict=worst.verdict, reason=reason)
    return replace(
        found,
        verdict=worst.verdict,
        reason=reason,
        value=worst.value,
        low=worst.low,
        high=worst.high,
        between=_between(found, worst),
    )


def _between(found: Disparity, worst: RuleVerdict) -> tuple[str, str] | None:
    """The pair of the verdict's comparisons, in the order that disparities name them in."""
    if worst.pair is None:
        return found.between
    if found.between is not None and set(found.between) == set(worst.pair):
        return found.between
    low, high = worst.pair
    return (low, high) if worst.kind == "ratio" else (high, low)
