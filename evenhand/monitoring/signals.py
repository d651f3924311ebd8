"""What is tested at a look: one family of hypotheses, whose errors are bounded together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from evenhand.fairness.statistics import AUCInterval, auc_delong, wilson
from evenhand.fairness.statistics.figures import LEAST_ROWS, area_rates, fall_p_value
from evenhand.fairness.statistics.stepdown import holm
from evenhand.monitoring.drift import measure_drift
from evenhand.monitoring.observation import Observation
from evenhand.monitoring.profile import ColumnProfile
from evenhand.monitoring.reference import ROUNDING, Reference

__all__ = ["Kind", "Outcomes", "Signal", "assess_signals"]

Kind = Literal["feature", "group", "prediction", "score", "target", "attribution", "performance"]


@dataclass(frozen=True)
class Outcomes:
    """Rows whose outcome is known, in one order whatever their index: everything as text, shape (n,).

    Attributes
    ----------
    y_true, y_pred
        Labels.
    score
        The favorable score, or None.
    people
        The sensitive attributes, shape (n, a).
    """

    y_true: pd.Series
    y_pred: pd.Series
    score: pd.Series | None
    people: pd.DataFrame

    def __len__(self) -> int:
        return len(self.y_true)


@dataclass(frozen=True)
class Signal:
    """One hypothesis of a look: that something is as it was.

    Attributes
    ----------
    kind, name
        What it is about: ``feature`` and the column, ``performance`` and the metric.
    p_value, adjusted
        Of the test, and after Holm over all hypotheses of the look; None where undefined.
    effect, limit
        How large the change is, and how large it must be to matter: the population stability index, or the drop of a
        performance figure.
    alarm
        Whether it is significant at the look's level and as large as the limit.
    value, low, high
        Of a performance figure, with its 95% interval.
    cell, before, now
        What changed most: a cell and its shares, or a figure and its values.
    n
        Rows.
    reason
        Why there is no test, otherwise "".
    """

    kind: Kind
    name: str
    p_value: float | None
    effect: float | None
    limit: float
    n: int
    adjusted: float | None = None
    alarm: bool = False
    value: float | None = None
    low: float | None = None
    high: float | None = None
    cell: str = ""
    before: float | None = None
    now: float | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """What changed, in words."""
        if self.kind == "performance":
            return f"{self.name} fell from {self.before:.3f} to {self.now:.3f}"
        share = f"{self.cell}: {self.before:.1%} before, {self.now:.1%} now"
        what = self.kind if self.kind == self.name else f"{self.kind} {self.name}"
        return f"{what} (population stability index {self.effect:.2f}; {share})"


def assess_signals(
    reference: Reference,
    observation: Observation,
    outcomes: Outcomes | None = None,
    *,
    alpha: float | None,
    drift: float = 0.1,
    drop: float = 0.02,
    min_rows: int = 200,
) -> tuple[Signal, ...]:
    """Test everything that new data tell, as one family.

    Parameters
    ----------
    reference, observation
        What it was and what it is.
    outcomes
        Rows whose outcome is known; None where there are none.
    alpha
        The level of this look: the probability that any of its signals is an alarm when nothing has changed is at
        most this (Holm 1979, *Scandinavian Journal of Statistics* 6:65-70). None tests nothing.
    drift, drop
        The smallest population stability index, and the smallest drop of a performance figure, that is an alarm.
    min_rows
        Fewer rows are measured and not tested.
    """
    found = [*_drifts(reference, observation, drift)]
    if outcomes is not None:
        found += _performance(reference, outcomes, drop)
    tested = [signal.p_value is not None and signal.n >= min_rows for signal in found]
    adjusted = holm(np.array([each.p_value for each, there in zip(found, tested, strict=True) if there], dtype=float))
    values = iter(adjusted.tolist())
    judged = []
    for signal, there in zip(found, tested, strict=True):
        if not there:
            reason = signal.reason or f"{signal.n} rows are fewer than {min_rows}"
            judged.append(replace(signal, reason=reason))
            continue
        p = next(values)
        large = signal.effect is not None and signal.effect >= signal.limit
        judged.append(replace(signal, adjusted=p, alarm=alpha is not None and p <= alpha and large))
    return tuple(judged)


def _drifts(reference: Reference, observation: Observation, limit: float) -> Iterator[Signal]:
    single: Sequence[tuple[Kind, ColumnProfile | None, ColumnProfile | None]] = (
        ("prediction", reference.prediction, observation.prediction),
        ("score", reference.score, observation.score),
        ("target", reference.target, observation.target),
    )
    many: Sequence[tuple[Kind, Mapping[str, ColumnProfile], Mapping[str, ColumnProfile]]] = (
        ("feature", reference.features, observation.features),
        ("group", reference.groups, observation.groups),
        ("attribution", reference.attributions, observation.attributions),
    )
    pairs = [(kind, before, now) for kind, before, now in single if before is not None and now is not None]
    pairs += [
        (kind, profile, now[name])
        for kind, before, now in many
        for name, profile in before.items()
        if name in now and not (kind == "attribution" and _is_rounding(profile))
    ]
    for kind, profile, current in pairs:
        found = measure_drift(profile, current)
        yield Signal(
            kind,
            profile.name,
            found.p_value,
            found.psi,
            limit,
            found.n,
            cell=found.cell,
            before=found.before,
            now=found.now,
            reason=found.reason,
        )


def _is_rounding(profile: ColumnProfile) -> bool:
    """Whether cells part what rounding left of 0, as references of versions that were trained before may."""
    return any(0 < abs(edge) < ROUNDING for edge in profile.edges)


def _performance(reference: Reference, outcomes: Outcomes, limit: float) -> Iterator[Signal]:
    n, correct = len(outcomes), int((outcomes.y_true.to_numpy() == outcomes.y_pred.to_numpy()).sum())
    if n:
        yield _accuracy(reference, correct, n, limit)
    if reference.auc is None or reference.auc_variance is None or outcomes.score is None or not n:
        return
    now = auc_delong(outcomes.y_true.to_numpy() == reference.favorable_label, outcomes.score)
    yield _area(reference, reference.auc, reference.auc_variance, now, limit)


def _area(reference: Reference, before: float, variance: float, now: AUCInterval, limit: float) -> Signal:
    """One-sided, as areas of groups are compared; with few rows of a label no variance that they give holds."""
    favorable = reference.target.counts[reference.target.labels.index(str(reference.favorable_label))]
    found, n = (now.n_positive, now.n_negative), now.n_positive + now.n_negative
    there = (favorable, reference.rows - favorable)
    told: dict[str, Any] = {}
    if not np.isnan(now.value):
        told = {"value": now.value, "low": now.low, "high": now.high, "before": before, "now": now.value}
    for rarer, where in ((min(found), "outcomes"), (min(there), "rows at registration")):
        if rarer < LEAST_ROWS:
            reason = now.reason or f"{rarer} {where} have the rarer label, and {LEAST_ROWS} are needed"
            return Signal("performance", "roc_auc", None, None, limit, n, reason=reason, **told)
    counts = zip(there, found, strict=True)
    rates = area_rates(["before", "now"], [before, now.value], [variance, now.variance], *counts)
    return Signal("performance", "roc_auc", fall_p_value(rates), before - now.value, limit, n, **told)


def _accuracy(reference: Reference, correct: int, n: int, limit: float) -> Signal:
    """Fisher's exact test, one-sided: whether a smaller share of the decisions is right."""
    before, now = reference.correct / reference.rows, correct / n
    table = [[reference.correct, reference.rows - reference.correct], [correct, n - correct]]
    p = float(fisher_exact(table, alternative="greater").pvalue)
    low, high = wilson(correct, n)
    told: dict[str, Any] = {"value": now, "low": float(low), "high": float(high)}
    return Signal("performance", "accuracy", p, before - now, limit, n, before=before, now=now, **told)
