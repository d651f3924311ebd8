"""Detect disparities of a model, of predictions, of counts, or of files that do not fit in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.assess import Task, View, audit_view, build_views, estimate, group_results, join_reference
from evenhand.fairness.counts import CountTable, merge_labels
from evenhand.fairness.groups import encode_groups, encode_values
from evenhand.fairness.report import AuditReport
from evenhand.fairness.rows import count_rows

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
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        sensitive_features: pd.DataFrame | pd.Series,
        favorable_label: Any = None,
        sample_weight: npt.ArrayLike | None = None,
        frequency_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
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
        sample_weight, frequency_weight, bins
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
    ) -> None:
        frame = _as_frame(sensitive_features)
        groups = encode_groups(frame, bins=bins)
        table = count_rows(
            groups,
            encode_values(y_true, name="y_true"),
            encode_values(y_pred, name="y_pred"),
            sampling_weight=sample_weight,
            frequency_weight=frequency_weight,
        )
        self._set(table, favorable_label, tuple(groups), classes)

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
        alpha, confidence
            Level of tests and verdicts, and confidence of intervals.
        replicates, seed
            Draws where there is no closed form.
        """
        for name in reference or {}:
            if not set(name.split(" & ")) <= set(self._attributes):
                raise DataError(f"reference names {shorten(name)}, no attribute: {nearest(name, self._attributes)}")
        found = build_views(self._table, self._attributes, depth=depth, task=self._task, favorable=self._favorable)
        everybody = {m.name: estimate(m, found[0].overall) for m in found[0].metrics}
        audits = {}
        for view in found:
            estimates = {metric.name: estimate(metric, view.marginal) for metric in view.metrics}
            audits[view.marginal.name] = audit_view(
                view,
                estimates,
                everybody,
                small=min_group_size,
                reference=join_reference(view.marginal.attributes, reference or {}),
            )
        settings = {
            "depth": depth,
            "min_group_size": min_group_size,
            "alpha": alpha,
            "confidence": confidence,
            "replicates": replicates,
            "seed": seed,
        }
        return self._report(found[0], everybody, audits, settings)

    def _report(self, view: View, everybody: Any, audits: Any, settings: dict[str, Any]) -> AuditReport:
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
