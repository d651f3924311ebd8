"""Policies: dated rules and tables, as data."""

from evenhand.fairness.policies.assess import PolicyAssessment, assess, set_aside
from evenhand.fairness.policies.families import ConfusionCounts, families, figure_names, metric_names
from evenhand.fairness.policies.load import available_policies, load_policy, parse_policy
from evenhand.fairness.policies.model import Policy, Rule
from evenhand.fairness.policies.tables import ImpactRow, impact_table, scoring_rates

__all__ = [
    "ConfusionCounts",
    "ImpactRow",
    "Policy",
    "PolicyAssessment",
    "Rule",
    "assess",
    "available_policies",
    "families",
    "figure_names",
    "impact_table",
    "load_policy",
    "metric_names",
    "parse_policy",
    "scoring_rates",
    "set_aside",
]
