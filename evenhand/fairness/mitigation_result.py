"""What a mitigation came to: the model, before and after, and the log of every alternative."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.fairness.groups import as_groups
from evenhand.fairness.mitigation_alternatives import Alternative, Measure, predict_dataset
from evenhand.fairness.mitigation_changes import GroupChange
from evenhand.fairness.mitigation_limits import Limit
from evenhand.fairness.report import AuditReport
from evenhand.modeling.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Assessment", "MitigationResult"]


@dataclass(frozen=True)
class Assessment:
    """A model on the test part.

    Attributes
    ----------
    evaluation
        Performance with intervals.
    audit
        Every disparity and every group's own rates with intervals, and the verdicts on the limits.
    """

    evaluation: Evaluation
    audit: AuditReport

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"evaluation": self.evaluation.to_dict(), "audit": self.audit.to_dict()}


@dataclass(frozen=True, repr=False)
class MitigationResult:
    """The selected model and the evidence for it.

    Attributes
    ----------
    model
        The selected model; the given one when it performs best inside the limit.
    selected
        Its entry in the log.
    alternatives
        The log: every model that was considered, first the unmitigated one, with its figures and why it lost.
    limits, met
        The limits, and whether the selected model keeps them on the validation part.
    attributes
        The sensitive attributes that the limits are about, in the order in which a mitigated model takes them.
    performance
        The name of the figure that alternatives were compared by.
    before, after
        The unmitigated and the selected model on the test part.
    changes
        What changed for each group.
    levelling_down
        The attributes whose gap is inside the limit now, or surely smaller, with no group better off.
    notes
        What a reader has to know: levelling down, sensitive attributes at prediction time, weights that did not reach
        the fit, limits that were not kept.
    rows
        Rows of each part.
    settings
        Constraint, tolerance, seed and the like.
    """

    model: Any
    selected: Alternative
    alternatives: tuple[Alternative, ...]
    limits: tuple[Limit, ...]
    met: bool
    attributes: tuple[str, ...]
    performance: str
    before: Assessment
    after: Assessment
    changes: tuple[GroupChange, ...]
    levelling_down: tuple[str, ...]
    notes: tuple[str, ...]
    rows: Mapping[str, int]
    settings: Mapping[str, Any]

    def __repr__(self) -> str:
        """One line; `to_frame`, `changes_frame` and `to_dict` have the rest."""
        limits = ", ".join(map(str, self.limits))
        return (
            f"MitigationResult(selected={self.selected.label!r}, met={self.met}, limits={limits!r}, "
            f"attributes={list(self.attributes)}, levelling_down={list(self.levelling_down)}, "
            f"alternatives={len(self.alternatives)})"
        )

    def _repr_html_(self) -> str:
        from evenhand.fairness.mitigation_html import result_html

        return result_html(self)

    @property
    def needs_sensitive_features(self) -> bool:
        """Whether the model needs the sensitive attributes at prediction time."""
        return self.selected.needs_sensitive_features

    def predict(self, dataset: Dataset) -> npt.NDArray[Any]:
        """The selected model's labels for a data set, whether or not it needs the sensitive attributes.

        Numbers of which it was fitted on bands are cut into them.
        """
        if bins := self.settings.get("bins"):
            people = dataset.sensitive_features.copy()
            cut: list[Any] = [name for name in people if str(name) in bins]
            people[cut] = as_groups(people[cut], bins=bins)
            dataset = replace(dataset, sensitive_features=people)
        return np.array(predict_dataset(self.model, dataset, self.attributes).tolist())

    def to_frame(self) -> pd.DataFrame:
        """One row for each alternative: its status, performance and disparities on both parts, and why it lost."""
        return _table(self.alternatives, self.limits, self.performance)

    def changes_frame(self) -> pd.DataFrame:
        """One row for each group and rate: before, after, change and its interval."""
        return pd.DataFrame([change.to_dict() for change in self.changes])

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types; the model itself is not part of it."""
        return {
            "selected": self.selected.label,
            "met": self.met,
            "limits": [asdict(limit) | {"name": limit.name} for limit in self.limits],
            "attributes": list(self.attributes),
            "performance": self.performance,
            "needs_sensitive_features": self.needs_sensitive_features,
            "levelling_down": list(self.levelling_down),
            "notes": list(self.notes),
            "alternatives": [_alternative_dict(one) for one in self.alternatives],
            "changes": [change.to_dict() for change in self.changes],
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "rows": dict(self.rows),
            "settings": dict(self.settings),
        }

    def plot(self) -> "Figure":
        """The alternatives by gap and performance on the validation part, with the limit and the Pareto front."""
        from evenhand.fairness.mitigation_plot import plot_alternatives

        return plot_alternatives(self)


def _table(found: Sequence[Alternative], limits: Sequence[Limit], name: str) -> pd.DataFrame:
    """One row for each alternative: settings, status, reason, and both parts' figures."""
    rows = []
    for one in found:
        row: dict[str, Any] = {"method": one.label, "family": one.family, "status": one.status, "pareto": one.pareto}
        for part in ("validation", "test"):
            measure: Measure | None = getattr(one, part)
            row[f"{part}_{name}"] = np.nan if measure is None else measure.performance
            for limit in limits:
                value = np.nan if measure is None else measure.readings[limit.name].value
                row[f"{part}_{limit.name}"] = value
        row |= {"needs_sensitive_features": one.needs_sensitive_features, "seconds": one.seconds, "reason": one.reason}
        row["notes"] = "; ".join(one.notes)
        rows.append(row)
    return pd.DataFrame(rows)


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _alternative_dict(one: Alternative) -> dict[str, Any]:
    return {
        "label": one.label,
        "method": one.name,
        "family": one.family,
        "params": {key: value.item() if isinstance(value, np.generic) else value for key, value in one.params.items()},
        "status": one.status,
        "reason": one.reason,
        "validation": _measure_dict(one.validation),
        "test": _measure_dict(one.test),
        "needs_sensitive_features": one.needs_sensitive_features,
        "weights_reached_fit": one.weights_reached_fit,
        "pareto": one.pareto,
        "seconds": one.seconds,
        "notes": list(one.notes),
    }


def _measure_dict(measure: Measure | None) -> dict[str, Any] | None:
    if measure is None:
        return None
    disparities = {
        name: {
            "value": _number(reading.value),
            "attribute": reading.attribute,
            "complete": reading.complete,
            "reason": reading.reason,
        }
        for name, reading in measure.readings.items()
    }
    return {"performance": _number(measure.performance), "disparities": disparities}
