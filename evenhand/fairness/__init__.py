"""Disparities between groups: detected with counts and honest statistics, and mitigated.

>>> import pandas as pd
>>> from evenhand.fairness import BiasDetector
>>> people = pd.DataFrame({"sex": ["f", "f", "f", "m", "m", "m"]})
>>> detector = BiasDetector.from_predictions(
...     [1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 1, 0], sensitive_features=people, favorable_label=1)
>>> detector.detect_bias().disparity("equal_opportunity_difference", "sex").value
0.5
"""

from evenhand.fairness.clarify import clarify_metrics
from evenhand.fairness.counts import CountTable, merge
from evenhand.fairness.detector import BiasDetector
from evenhand.fairness.report import AttributeAudit, AuditReport, Disparity, FourFifths, GroupResult, MetricValue
from evenhand.fairness.rows import count_rows
from evenhand.fairness.streaming import count_parquet

__all__ = [
    "AttributeAudit",
    "AuditReport",
    "BiasDetector",
    "CountTable",
    "Disparity",
    "FourFifths",
    "GroupResult",
    "MetricValue",
    "clarify_metrics",
    "count_parquet",
    "count_rows",
    "merge",
]
