"""Detect disparities of a model, of predictions, of counts, or of files that do not fit in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.assess import Estimate, Task, View, audit_view, build_views, group_results, join_reference
from evenhand.fairness.counts import CountTable, Marginal, merge_labels
from evenhand.fairness.groups import encode_groups, encode_values
from evenhand.fairness.inference import MOST_LABELS, Options, estimates_with_intervals, infer
from evenhand.fairness.judging import DEFAULT_POLICY, JudgedPolicy, judge_policies, with_verdicts
from evenhand.fairness.policies import Policy
from evenhand.fairness.report import AttributeAudit, AuditReport
from evenhand.fairness.rows import check_score, count_rows
from evenhand.fairness.score_estimates import ScoredRows, score_estimates
from evenhand.fairness.scores import CALIBRATION_BINS

__all__ = ["BiasDetector"]

OTHER = "(no other label)"
"""Stands for the second label of a binary target of which only one occurs."""


@runtime_checkable
class _Predictor(Protocol):
    def predict(self, X: Any) -> Any: ...


class BiasDetector:
    """Audit a model's predictions by group.

    Parameters
    ----------
    model
        Anything with ``predict(X)`` (a scikit-learn estimator, an MLflow pyfunc), or a callable that takes the
        features and gives labels. With ``predict_proba`` its scores are audited, too.
    dataset
        The rows to audit it on, with their sensitive columns and the favorable label.
    sample_weight
        Sampling weights, shape (n,): how many people of the population a row stands for. Training weights do not
        belong here.
    frequency_weight
        Whole numbers, shape (n,): how often a row was observed.
    bins
        Edges of bands for continuous sensitive columns, ``{"age": [25, 40, 62]}``.
    score_bins
        None keeps the scores and makes areas exact. A number, a multiple of ten, counts them into a histogram: it adds
        up across tables, and its area says how far from the exact one it can be.

    Raises
    ------
    DataError
        A binary target without a favorable label, or one that no row has.
    ModelError
        The model can neither predict nor be called.

    Examples
    --------
    >>> import pandas as pd
    >>> from evenhand.data.dataset import Dataset
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> data = Dataset(pd.DataFrame({"x": [1, 0, 1, 1]}), pd.Series([1, 0, 1, 0]), people, favorable_label=1)
    >>> report = BiasDetector(lambda X: X["x"], data).detect_bias()
    >>> report.disparity("equalized_odds_difference", "sex").value
    1.0
    """

    def __init__(
        self,
        model: _Predictor | Callable[[pd.DataFrame], Any],
        dataset: Dataset,
        *,
        sample_weight: npt.ArrayLike | None = None,
        frequency_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        score_bins: int | None = None,
    ) -> None:
        y_pred = _predict(model, dataset.X)
        self._count(
            dataset.y,
            y_pred,
            dataset.sensitive_features,
            dataset.favorable_label,
            sample_weight=sample_weight,
            frequency_weight=frequency_weight,
            bins=bins,
            classes=getattr(model, "classes_", None),
            y_score=_predict_score(model, dataset),
            score_bins=score_bins,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        sensitive_features: pd.DataFrame | pd.Series,
        favorable_label: Any = None,
        y_score: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        frequency_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        score_bins: int | None = None,
    ) -> "BiasDetector":
        """Audit predictions that exist already.

        Parameters
        ----------
        y_true, y_pred
            Labels and predicted labels, shape (n,): integers, booleans or strings.
        sensitive_features
            Shape (n, a): one column for each attribute; rows stand in the order of `y_true`, whatever the index.
        favorable_label
            The label that is good for the person: required for two labels; for more, one label, several, or None.
        y_score
            Scores that rise with the favorable label, shape (n,), for two labels; probabilities give calibration, too.
        sample_weight, frequency_weight, bins, score_bins
            As in the constructor.
        """
        self = cls.__new__(cls)
        self._count(
            y_true,
            y_pred,
            sensitive_features,
            favorable_label,
            sample_weight=sample_weight,
            frequency_weight=frequency_weight,
            bins=bins,
            y_score=y_score,
            score_bins=score_bins,
        )
        return self

    @classmethod
    def from_counts(cls, table: CountTable, *, favorable_label: Any = None) -> "BiasDetector":
        """Audit a table of counts, such as the sum of tables that several workers counted."""
        self = cls.__new__(cls)
        self._set(table, favorable_label, table.attributes)
        return self

    def _count(
        self,
        y_true: Any,
        y_pred: Any,
        sensitive_features: pd.DataFrame | pd.Series,
        favorable_label: Any,
        *,
        sample_weight: npt.ArrayLike | None,
        frequency_weight: npt.ArrayLike | None,
        bins: Mapping[str, Sequence[float]] | None,
        classes: Any = None,
        y_score: npt.ArrayLike | None = None,
        score_bins: int | None = None,
    ) -> None:
        frame = _as_frame(sensitive_features)
        groups = encode_groups(frame, bins=bins)
        true = encode_values(y_true, name="y_true")
        score = None if y_score is None else check_score(y_score, len(true.codes), probabilities=score_bins is not None)
        summed = score is not None and bool(score.min() >= 0 and score.max() <= 1)
        table = count_rows(
            groups,
            true,
            encode_values(y_pred, name="y_pred"),
            y_score=score if summed else None,
            favorable_label=favorable_label,
            score_bins=score_bins or CALIBRATION_BINS,
            sampling_weight=sample_weight,
            frequency_weight=frequency_weight,
        )
        if score is not None and score_bins is None and frequency_weight is None:
            codes = [at for at, label in enumerate(true.labels) if label == favorable_label]
            self._rows = ScoredRows(score, true.codes == (codes[0] if codes else -1), groups)
        self._set(table, favorable_label, tuple(groups), classes)

    _rows: ScoredRows | None = None

    def _set(self, table: CountTable, favorable_label: Any, attributes: tuple[str, ...], classes: Any = None) -> None:
        known = [] if classes is None else np.asarray(classes).tolist()
        labels, self._task, self._favorable = order_labels(present_labels(table, known), favorable_label)
        self._table = table.with_classes(labels)
        self._attributes = attributes

    @property
    def counts(self) -> CountTable:
        """The table of counts that the audit rests on: add those of several workers and audit the sum."""
        return self._table

    def detect_bias(
        self,
        *,
        depth: int = 2,
        reference: Mapping[str, Any] | None = None,
        min_group_size: int = 30,
        policies: Sequence[str | Policy] | None = None,
        alpha: float = 0.05,
        confidence: float = 0.95,
        replicates: int = 1000,
        seed: int = 0,
    ) -> AuditReport:
        """Metrics of every group and intersection, and the disparities between them.

        Parameters
        ----------
        depth
            The most attributes that an intersection crosses; 1 for none.
        reference
            A reference group for attributes, ``{"race": "white"}``.
        min_group_size
            Groups of fewer rows are shown and marked.
        policies
            Whose rules give verdicts: names of shipped policies or policies of your own. The plain statistical one by
            default; an empty list for none.
        alpha, confidence
            Level of tests and verdicts, and confidence of intervals.
        replicates, seed
            Draws where there is no closed form.
        """
        for name in reference or {}:
            if not set(name.split(" & ")) <= set(self._attributes):
                raise DataError(f"reference names {shorten(name)}, no attribute: {nearest(name, self._attributes)}")
        found = build_views(self._table, self._attributes, depth=depth, task=self._task, favorable=self._favorable)
        options = Options(alpha, confidence, replicates, seed)
        everybody = self._estimates(found[0], found[0].overall, options)
        audits: dict[str, AttributeAudit] = {}
        for view in found:
            estimates = self._estimates(view, view.marginal, options)
            referred = join_reference(view.marginal.attributes, reference or {})
            audit = audit_view(view, estimates, everybody, small=min_group_size, reference=referred)
            audits[view.marginal.name] = infer(view, audit, estimates, options)
        judged = judge_policies(self._policies(policies), found, self._rows)
        audits = with_verdicts(audits, judged)
        settings = {
            "depth": depth,
            "min_group_size": min_group_size,
            "alpha": alpha,
            "confidence": confidence,
            "replicates": replicates,
            "seed": seed,
        }
        return self._report(found[0], everybody, audits, judged, settings)

    def _estimates(self, view: View, marginal: Marginal, options: Options) -> dict[str, Estimate]:
        return estimates_with_intervals(view, marginal, options) | score_estimates(marginal, self._rows, options)

    def _policies(self, wanted: Sequence[str | Policy] | None) -> Sequence[str | Policy]:
        if wanted is not None:
            return [wanted] if isinstance(wanted, str | Policy) else wanted
        # The default policy compares whole distributions, which many labels do not allow.
        return (DEFAULT_POLICY,) if len(self._table.classes) <= MOST_LABELS else ()

    def _report(
        self, view: View, everybody: Any, audits: Any, judged: tuple[JudgedPolicy, ...], settings: dict[str, Any]
    ) -> AuditReport:
        labels = self._table.classes
        chosen = tuple(labels[i] for i in self._favorable)
        (overall,) = group_results(view, everybody, view.overall, 0).values()
        return AuditReport(
            task=self._task,
            n=self._table.n,
            classes=labels,
            favorable_label=chosen[0] if self._task == "binary" else chosen,
            overall=overall,
            audits=audits,
            policies=judged,
            settings=settings,
        )


def _predict(model: Any, X: pd.DataFrame) -> Any:
    if isinstance(model, _Predictor):
        predicted = model.predict(X)
    elif callable(model):
        predicted = model(X)
    else:
        raise ModelError(f"{shorten(model)} neither has predict(X) nor can be called: give a fitted model")
    if isinstance(predicted, pd.DataFrame):
        if predicted.shape[1] != 1:
            raise ModelError(f"the model predicts a frame of {predicted.shape[1]} columns: give one label a row")
        predicted = predicted.iloc[:, 0]
    return np.asarray(predicted) if not isinstance(predicted, pd.Series) else predicted


def _predict_score(model: Any, dataset: Dataset) -> Any:
    """The probability of the favorable label, from a classifier of two labels that gives one; else None."""
    known = getattr(model, "classes_", None)
    if known is None or len(known) != 2 or dataset.favorable_label is None or not hasattr(model, "predict_proba"):
        return None
    column = np.flatnonzero(np.asarray(known) == dataset.favorable_label)
    return np.asarray(model.predict_proba(dataset.X))[:, column[0]] if column.size else None


def _as_frame(sensitive: Any) -> pd.DataFrame:
    if isinstance(sensitive, pd.Series):
        return sensitive.to_frame(name=sensitive.name if sensitive.name is not None else "sensitive_feature")
    if isinstance(sensitive, pd.DataFrame):
        return sensitive
    if isinstance(sensitive, Mapping):
        return pd.DataFrame(dict(sensitive))
    array = np.asarray(sensitive)
    if array.ndim != 1:
        raise DataError("sensitive_features must name its columns: give a DataFrame, a Series or a dict of columns")
    return pd.DataFrame({"sensitive_feature": array})


def present_labels(table: CountTable, known: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The labels that occur in the table, and those that the model knows."""
    seen = table.counts.any(axis=(0, 2)) | table.counts.any(axis=(0, 1))
    return merge_labels([table.classes[i] for i in np.flatnonzero(seen)], known)


def order_labels(labels: Sequence[Any], favorable: Any) -> tuple[tuple[Any, ...], Task, tuple[int, ...]]:
    """The labels in the table's order (binary: the favorable one last), the task, and where the favorable ones stand.

    Examples
    --------
    >>> order_labels(["denied", "approved"], "approved")
    (('denied', 'approved'), 'binary', (1,))
    """
    chosen = [] if favorable is None else list(favorable) if isinstance(favorable, list | tuple | set) else [favorable]
    strangers = [label for label in chosen if label not in labels]
    if len(labels) <= 2:
        if len(chosen) != 1:
            raise DataError(
                f"favorable_label is {shorten(favorable)} and the labels are {shorten(list(labels))}: "
                "say which one is good for the person"
            )
        if strangers:
            raise DataError(f"favorable_label {shorten(strangers[0])} is not a label: {nearest(strangers[0], labels)}")
        good = next(label for label in labels if label == chosen[0])
        other = next((label for label in labels if label != good), OTHER)
        return (other, good), "binary", (1,)
    if strangers:
        raise DataError(f"favorable_label {shorten(strangers[0])} is not a label: {nearest(strangers[0], labels)}")
    return tuple(labels), "multiclass", tuple(sorted(list(labels).index(label) for label in chosen))
