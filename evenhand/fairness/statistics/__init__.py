"""Intervals, tests and verdicts on counts: pure functions of numpy arrays."""

from evenhand.fairness.statistics.equality import PValue, equality_p_value, exact_pair_p_values, pairwise_p_values
from evenhand.fairness.statistics.estimated import Estimated, median, share
from evenhand.fairness.statistics.exact import exact_difference, exact_ratio
from evenhand.fairness.statistics.gaps import Gap, largest_gap, largest_gaps
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
from evenhand.fairness.statistics.rates import Limits
from evenhand.fairness.statistics.rates_by_group import Rates
from evenhand.fairness.statistics.replicates import ReplicateInterval, bootstrap_interval
from evenhand.fairness.statistics.stepdown import holm
from evenhand.fairness.statistics.verdicts import Claim, RuleVerdict, Verdict, judge
from evenhand.fairness.statistics.weighted import EffectiveRates, effective_rates

__all__ = [
    "AUCInterval",
    "Claim",
    "EffectiveRates",
    "Estimated",
    "Gap",
    "Limits",
    "PValue",
    "Rates",
    "ReplicateInterval",
    "RuleVerdict",
    "Verdict",
    "auc_delong",
    "auc_from_counts",
    "blaker",
    "bootstrap_interval",
    "clopper_pearson",
    "effective_rates",
    "equality_p_value",
    "exact_difference",
    "exact_pair_p_values",
    "exact_ratio",
    "holm",
    "judge",
    "koopman",
    "largest_gap",
    "largest_gaps",
    "median",
    "miettinen_nurminen",
    "newcombe",
    "pairwise_p_values",
    "rate_interval",
    "share",
    "wilson",
]
