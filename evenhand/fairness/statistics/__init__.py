"""Intervals, tests and verdicts on counts: pure functions of numpy arrays."""

from evenhand.fairness.statistics.equality import PValue, equality_p_value, exact_pair_p_values, pairwise_p_values
from evenhand.fairness.statistics.exact import exact_difference, exact_ratio
from evenhand.fairness.statistics.gaps import Gap, largest_gap
from evenhand.fairness.statistics.intervals import (
    AUCInterval,
    auc_delong,
    auc_from_counts,
    blaker,
    clopper_pearson,
    koopman,
    miettinen_nurminen,
    newcombe,
    rate_interval,
    wilson,
)
from evenhand.fairness.statistics.rates_by_group import Rates
from evenhand.fairness.statistics.verdicts import Claim, RuleVerdict, holm, judge

__all__ = [
    "AUCInterval",
    "Claim",
    "Gap",
    "PValue",
    "Rates",
    "RuleVerdict",
    "auc_delong",
    "auc_from_counts",
    "blaker",
    "clopper_pearson",
    "equality_p_value",
    "exact_difference",
    "exact_pair_p_values",
    "exact_ratio",
    "holm",
    "judge",
    "koopman",
    "largest_gap",
    "miettinen_nurminen",
    "newcombe",
    "pairwise_p_values",
    "rate_interval",
    "wilson",
]
