"""Intervals, tests and verdicts on counts: pure functions of numpy arrays."""

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
