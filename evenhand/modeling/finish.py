"""What every fitted model gets on the validation part before it decides: calibration, then a threshold."""

from collections.abc import Mapping
from math import nan
from typing import Any, NamedTuple

from evenhand.data.dataset import Dataset
from evenhand.modeling.calibration import CalibrationReport, calibrate
from evenhand.modeling.calibration import Method as CalibrationMethod
from evenhand.modeling.decisions import Decisions
from evenhand.modeling.threshold import Rule, ThresholdReport, choose_threshold

__all__ = ["Finished", "finish_model", "unfinished"]


class Finished(NamedTuple):
    """A model with its calibration and threshold, and what was chosen for them."""

    model: Any
    calibration: CalibrationReport
    threshold: ThresholdReport


def finish_model(
    model: Any,
    validation: Dataset,
    *,
    calibration: CalibrationMethod = "auto",
    rule: Rule = "scorer",
    scorer: str = "balanced_accuracy",
    costs: Mapping[str, float] | None = None,
    threshold: float = 0.5,
    seed: int = 0,
    decisions: str = "",
) -> Finished:
    """Calibrate a fitted model, then choose its threshold, both on the validation part.

    Parameters
    ----------
    model, validation
        The model and rows that it was not fitted on.
    calibration, seed
        As in :func:`~evenhand.modeling.calibration.calibrate`.
    rule, scorer, costs, threshold
        As in :func:`~evenhand.modeling.threshold.choose_threshold`.
    decisions
        The scorer by which ``auto`` keeps the decisions from becoming worse where no threshold is chosen after the
        calibration: with more than two classes, or with a fixed threshold; "" for none.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"x": range(100)})
    >>> data = Dataset(X, pd.Series(X["x"] > 80).astype(int), pd.DataFrame(index=X.index), favorable_label=1)
    >>> finish_model(LogisticRegression().fit(data.X, data.y), data).threshold.applied
    True
    """
    follows = len(model.classes_) == 2 and rule != "fixed"
    held_to = Decisions(decisions, validation.favorable_label, threshold) if decisions and not follows else None
    model, calibrated = calibrate(model, validation.X, validation.y, method=calibration, seed=seed, decisions=held_to)
    model, chosen = choose_threshold(
        model,
        validation.X,
        validation.y,
        favorable_label=validation.favorable_label,
        rule=rule,
        scorer=scorer,
        costs=costs,
        threshold=threshold,
    )
    return Finished(model, calibrated, chosen)


def unfinished(model: Any, validation: Dataset, reason: str) -> Finished:
    """A model that is left as it is, with reports that say why."""
    n = len(validation)
    calibration = CalibrationReport("none", "none", reason, "", n)
    label = validation.favorable_label
    threshold = ThresholdReport(nan, "none", "", nan, nan, (nan, nan), label, n, {}, applied=False, reason=reason)
    return Finished(model, calibration, threshold)
