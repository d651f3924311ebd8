"""Disparities between groups: detected with counts and honest statistics, and mitigated.

>>> import pandas as pd
>>> from evenhand.fairness import BiasDetector
>>> people = pd.DataFrame({"sex": ["f", "f", "f", "m", "m", "m"]})
>>> detector = BiasDetector.from_predictions(
...     [1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 1, 0], sensitive_features=people, favorable_label=1)
>>> detector.detect_bias().disparity("equal_opportunity_difference", "sex").value
0.5
"""

from typing import TYPE_CHECKING, Any

from evenhand.fairness.clarify import clarify_metrics
from evenhand.fairness.counts import CountTable, merge
from evenhand.fairness.detector import BiasDetector
from evenhand.fairness.groups import as_groups
from evenhand.fairness.report import AttributeAudit, AuditReport, Disparity, FourFifths, GroupResult, MetricValue
from evenhand.fairness.rows import count_rows
from evenhand.fairness.streaming import count_parquet

if TYPE_CHECKING:
    from evenhand.fairness.mitigation_result import MitigationResult
    from evenhand.fairness.mitigator import BiasMitigator

__all__ = [
    "AttributeAudit",
    "AuditReport",
    "BiasDetector",
    "BiasMitigator",
    "CountTable",
    "Disparity",
    "FourFifths",
    "GroupResult",
    "MetricValue",
    "MitigationResult",
    "as_groups",
    "clarify_metrics",
    "count_parquet",
    "count_rows",
    "merge",
]


def __getattr__(name: str) -> Any:
    """Mitigation on first use: it brings all of scikit-learn with it, which an audit does without."""
    if name == "BiasMitigator":
        from evenhand.fairness.mitigator import BiasMitigator

        return BiasMitigator
    if name == "MitigationResult":
        from evenhand.fairness.mitigation_result import MitigationResult

        return MitigationResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
