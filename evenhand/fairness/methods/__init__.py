"""Mitigation methods: scikit-learn classifiers that are fitted with the groups of their rows.

Each clones, pickles, is seeded, stands in a Pipeline (``sensitive_features`` is routed as metadata) and refuses a group
that it was not fitted on.
"""

from evenhand.fairness.methods._base import MitigationMethod
from evenhand.fairness.methods._problem import CONSTRAINTS, Constraint
from evenhand.fairness.methods.ensembles import BalancedBagging
from evenhand.fairness.methods.group_thresholds import GroupThresholds
from evenhand.fairness.methods.penalized import PenalizedRegression
from evenhand.fairness.methods.preprocessing import BalancedResampling, CorrelationRemoval, Reweighing
from evenhand.fairness.methods.randomized_thresholds import RandomizedThresholds
from evenhand.fairness.methods.reductions import ExponentiatedGradientReduction, GridSearchReduction

__all__ = [
    "CONSTRAINTS",
    "TRUSTED_TYPES",
    "BalancedBagging",
    "BalancedResampling",
    "Constraint",
    "CorrelationRemoval",
    "ExponentiatedGradientReduction",
    "GridSearchReduction",
    "GroupThresholds",
    "MitigationMethod",
    "PenalizedRegression",
    "RandomizedThresholds",
    "Reweighing",
]

TRUSTED_TYPES = (
    "evenhand.fairness.methods.ensembles.BalancedBagging",
    "evenhand.fairness.methods.group_thresholds.GroupThresholds",
    "evenhand.fairness.methods.penalized.PenalizedRegression",
    "evenhand.fairness.methods.preprocessing.BalancedResampling",
    "evenhand.fairness.methods.preprocessing.CorrelationRemoval",
    "evenhand.fairness.methods.preprocessing.Reweighing",
    "evenhand.fairness.methods.randomized_thresholds.RandomizedThresholds",
    "evenhand.fairness.methods.reductions.ExponentiatedGradientReduction",
    "evenhand.fairness.methods.reductions.GridSearchReduction",
    "fairlearn.preprocessing._correlation_remover.CorrelationRemover",
)
"""What mitigated models hold beyond the types that skops trusts by itself; each only carries numbers and names."""
