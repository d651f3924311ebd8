"""Limits that a mitigated model has to keep, and how far a model is from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.methods import Constraint
from evenhand.fairness.policies import Policy
from evenhand.fairness.policies.families import metric_names
from evenhand.fairness.policies.model import Rule

__all__ = ["Limit", "Reading", "as_limits", "as_policy", "counted_rows", "read_disparities", "steering"]


@dataclass(frozen=True)
class Limit:
    """A disparity and how far it may go: a difference at most, a ratio at least `bound`.

    Examples
    --------
    >>> limit = Limit("demographic_parity_ratio", 0.8)
    >>> limit.excess(0.75) > 0, limit.excess(0.9), str(limit)
    (True, 0.0, 'demographic_parity_ratio >= 0.8')
    """

    metric: str
    bound: float

    @property
    def kind(self) -> Literal["difference", "ratio"]:
        """What it bounds."""
        return "ratio" if self.metric.endswith("_ratio") else "difference"

    def excess(self, value: float) -> float:
        """How far a value lies beyond the limit: 0 inside it, infinite where the value is undefined."""
        if np.isnan(value):
            return float("inf")
        beyond = self.bound - value if self.kind == "ratio" else value - self.bound
        return max(0.0, float(beyond))

    def gap(self, value: float) -> float:
        """The value as a gap that is 0 at equality."""
        return 1 - value if self.kind == "ratio" else value

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.kind == 'ratio' else '<='} {self.bound:g}"


@dataclass(frozen=True)
class Reading:
    """The worst value of a disparity over the attributes.

    Attributes
    ----------
    metric, value, attribute
        The disparity, its value (NaN where undefined) and the attribute that it is worst for.
    complete
        Whether every group that counts took part; otherwise it never lies inside a limit.
    reason
        Why it is undefined or incomplete, else "".
    """

    metric: str
    value: float
    attribute: str
    complete: bool = True
    reason: str = ""

    def inside(self, limit: Limit) -> bool:
        """Whether it is known to keep the limit."""
        return self.complete and limit.excess(self.value) == 0


# Of more than two labels these compare each label, and none in particular.
_OF_EVERY_LABEL = ("equalized_odds", "accuracy", "accuracy_equality")


def as_limits(limits: Mapping[str, float] | Policy | None, task: str, *, favorable: bool = False) -> tuple[Limit, ...]:
    """The limits to keep.

    By default those of the plain statistical policy for the groups' rates: a demographic parity ratio of at least .8;
    for more than two labels a difference of at most .1. These have a ratio where some of them are declared favorable
    (`favorable`): that of the rates of the favorable ones together against the rest, as in the audit.

    Raises
    ------
    DataError
        A metric that no limit can be set for, or a bound that is not between 0 and 1.

    Examples
    --------
    >>> [str(limit) for limit in as_limits({"demographic_parity_ratio": 0.8}, "multiclass", favorable=True)]
    ['demographic_parity_ratio >= 0.8']
    """
    if limits is None:
        limits = {"demographic_parity_ratio": 0.8} if task == "binary" else {"demographic_parity_difference": 0.1}
    pairs = [(r.metric, r.limit) for r in limits.rules] if isinstance(limits, Policy) else list(limits.items())
    if not pairs:
        raise DataError("no limit is given: name one, such as {'demographic_parity_difference': 0.1}")
    for metric, bound in pairs:
        if metric not in metric_names():
            raise DataError(f"there is no limit for {shorten(metric)}: {nearest(metric, metric_names())}")
        if task != "binary" and metric.endswith("_ratio"):
            _check_ratio(metric, favorable=favorable)
        if isinstance(bound, bool) or not isinstance(bound, Real) or not 0 < float(bound) < 1:
            raise DataError(f"the limit of {metric} is {shorten(bound)}: give a number between 0 and 1")
    return tuple(Limit(metric, float(bound)) for metric, bound in pairs)


def _check_ratio(metric: str, *, favorable: bool) -> None:
    """Refuse a ratio that more than two labels do not have."""
    each = metric.removesuffix("_ratio") in _OF_EVERY_LABEL
    if each or not favorable:
        other = "" if each else ", or declare the favorable labels that it is to be about"
        raise DataError(f"{metric} is for two labels: limit a difference, such as demographic_parity_difference{other}")


def as_policy(limits: Sequence[Limit], attributes: Sequence[str], minimum_group: int) -> Policy:
    """The limits as a policy, for verdicts with error rates."""
    rules = tuple(Rule(limit.metric, limit.bound, attributes=tuple(attributes)) for limit in limits)
    return Policy(
        name="mitigation-limits",
        title="The limits that the mitigation was given",
        description="Limits of this mitigation, judged on rows that took no part in it.",
        source="the caller",
        jurisdiction="none",
        effective=date(1970, 1, 1),
        rules=rules,
        minimum_group=minimum_group,
    )


def steering(limits: Sequence[Limit]) -> Constraint:
    """What methods equalise for these limits: the narrowest constraint that serves the first of them.

    Examples
    --------
    >>> steering([Limit("predictive_equality_difference", 0.1)])
    'equalized_odds'
    """
    name = limits[0].metric
    if name.startswith(("equal_opportunity", "true_positive_rate", "false_negative_rate")):
        return "equal_opportunity"
    odds = ("equalized_odds", "predictive_equality", "false_positive_rate", "true_negative_rate")
    return "equalized_odds" if name.startswith(odds) else "demographic_parity"


def counted_rows(groups: pd.Series, minimum_group: int) -> npt.NDArray[np.bool_]:
    """The rows whose group counts for a limit: of a known group that has at least `minimum_group` rows."""
    sizes = groups.map(groups.value_counts())
    return np.asarray((groups != UNKNOWN) & (sizes >= minimum_group), dtype=bool)


def read_disparities(
    y_true: Any,
    y_pred: Any,
    sensitive_features: pd.DataFrame,
    *,
    metrics: Sequence[str],
    favorable_label: Any,
    minimum_group: int,
    classes: Sequence[Any] | None = None,
) -> dict[str, Reading]:
    """The worst of each disparity over the attributes, estimates alone; `classes` are the labels of the target."""
    from evenhand.fairness.detector import BiasDetector

    truth, calls = np.asarray(y_true, dtype=object), np.asarray(y_pred, dtype=object)
    found: dict[str, list[Reading]] = {metric: [] for metric in metrics}
    for name in sensitive_features.columns:
        column = sensitive_features[name].reset_index(drop=True)
        rows = counted_rows(column, minimum_group)
        if column[rows].nunique() < 2:
            reason = f"fewer than two groups of {name} have {minimum_group} rows"
            for metric in metrics:
                found[metric].append(Reading(metric, float("nan"), str(name), complete=False, reason=reason))
            continue
        detector = BiasDetector.from_predictions(
            truth[rows].tolist(),
            calls[rows].tolist(),
            sensitive_features=column[rows].to_frame(),
            favorable_label=favorable_label,
            classes=classes,
        )
        report = detector.detect_bias(depth=1, intervals=False)
        for metric in metrics:
            found[metric].append(_reading(report.disparity(metric, str(name))))
    return {metric: max(readings, key=_badness) for metric, readings in found.items()}


def _reading(disparity: Any) -> Reading:
    missing = [f"{group}: {reason}" for group, reason in disparity.undefined.items()]
    reason = disparity.reason or "; ".join(missing)
    complete = not missing and not np.isnan(disparity.value)
    return Reading(disparity.name, float(disparity.value), disparity.attribute, complete=complete, reason=reason)


def _badness(reading: Reading) -> tuple[bool, float]:
    if np.isnan(reading.value):
        return True, 0.0
    return False, -reading.value if reading.metric.endswith("_ratio") else reading.value
