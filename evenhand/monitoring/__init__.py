"""Watching a model that is live: its data, what it says, what became of it, and for whom.

Everything is compared with a :class:`Reference`, counts that were taken when the model was registered. New data are
counted once, in the same cells; counts of parts add up. Tests of a look are one family, and a year's looks share one
stated rate of false alarms.
"""

from evenhand.monitoring.batches import open_batch
from evenhand.monitoring.drift import Drift, measure_drift, population_stability_index
from evenhand.monitoring.latency import Latency, latency, read_latencies
from evenhand.monitoring.looks import Level, Look, events_of, level_of, same_looks
from evenhand.monitoring.observation import Layout, Observation
from evenhand.monitoring.observe import observe
from evenhand.monitoring.profile import ColumnProfile, profile_column
from evenhand.monitoring.reference import (
    Reference,
    attribution_values,
    build_reference,
    favorable_score,
    make_watcher,
)
from evenhand.monitoring.signals import Outcomes, Signal, assess_signals
from evenhand.monitoring.verdicts import Judged, PolicyLook, judge_fairness, judge_look, spread, unjudged

__all__ = [
    "ColumnProfile",
    "Drift",
    "Judged",
    "Latency",
    "Layout",
    "Level",
    "Look",
    "Observation",
    "Outcomes",
    "PolicyLook",
    "Reference",
    "Signal",
    "assess_signals",
    "attribution_values",
    "build_reference",
    "events_of",
    "favorable_score",
    "judge_fairness",
    "judge_look",
    "latency",
    "level_of",
    "make_watcher",
    "measure_drift",
    "observe",
    "open_batch",
    "population_stability_index",
    "profile_column",
    "read_latencies",
    "same_looks",
    "spread",
    "unjudged",
]
