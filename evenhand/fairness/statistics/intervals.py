"""Every interval of the package under one name."""

from evenhand.fairness.statistics.auc import AUCInterval, auc_delong, auc_from_counts
from evenhand.fairness.statistics.pairs import koopman, miettinen_nurminen, newcombe
from evenhand.fairness.statistics.rates import blaker, clopper_pearson, rate_interval, wilson

__all__ = [
    "AUCInterval",
    "auc_delong",
    "auc_from_counts",
    "blaker",
    "clopper_pearson",
    "koopman",
    "miettinen_nurminen",
    "newcombe",
    "rate_interval",
    "wilson",
]
