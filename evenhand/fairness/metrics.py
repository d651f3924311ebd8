"""Every metric of a group that is a function of its counts (y, y_hat), for one table or a stack of replicates.

A metric is a pair of weights over the table, ``value = sum(counts * numerator) / sum(counts * denominator)``,
or the mean of such rates, or an index of inequality. Where the denominator is empty the metric is undefined: NaN
with a reason, never 0 or 1.

Sources: the confusion-matrix rates as scikit-learn and Fairlearn name them; calibration terms in
`evenhand.fairness.scores`; inequality indices after Speicher et al. (2018), "A unified approach to quantifying
algorithmic unfairness", section 3 (benefit = y_hat - y + 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evenhand.fairness.arrays import Floats, divide

__all__ = ["ALIASES", "Condition", "Metric", "binary_metrics", "multiclass_metrics"]

Condition = Literal["all", "y_true", "y_pred"] | None
"""What a metric conditions on: a test of its equality permutes groups within that; None where no such null exists."""

ALIASES = {
    "accuracy_score": "accuracy",
    "balanced_accuracy_score": "balanced_accuracy",
    "precision_score": "precision",
    "positive_predictive_value": "precision",
    "recall": "true_positive_rate",
    "recall_score": "true_positive_rate",
    "f1_score": "f1",
    "roc_auc_score": "roc_auc",
    "auc": "roc_auc",
    "theil": "theil_index",
}
"""Other names that scikit-learn, Fairlearn and the literature use for the metrics."""


@dataclass(frozen=True)
class Metric:
    """A metric of a table of counts.

    Attributes
    ----------
    name
        Its name, as Fairlearn and scikit-learn spell it.
    numerator, denominator
        Weights over the table, shape (k, k) indexed [y, y_hat]; of shape (m, k, k) for the mean of m rates.
    kind
        ``rate``: a share of rows, so that binomial intervals apply; ``ratio``: a quotient of other sums;
        ``mean``: the mean of the defined rates; ``index``: an inequality index (`numerator` holds the benefits).
    condition
        What it conditions on.
    undefined
        Why it is undefined where the denominator is empty.
    lower_is_better
        For errors and indices.
    """

    name: str
    numerator: Floats
    denominator: Floats
    kind: Literal["rate", "ratio", "mean", "generalized_entropy", "theil"] = "rate"
    condition: Condition = "all"
    undefined: str = "no rows"
    lower_is_better: bool = False

    def compute(self, counts: npt.ArrayLike) -> Floats:
        """The values of tables of shape (..., k, k), as float64 of shape (...); NaN where undefined.

        Examples
        --------
        >>> metrics = {metric.name: metric for metric in binary_metrics()}
        >>> float(metrics["true_positive_rate"].compute([[5, 1], [1, 3]]))
        0.75
        >>> float(metrics["true_positive_rate"].compute([[5, 1], [0, 0]]))
        nan
        """
        table = np.asarray(counts, dtype=float)
        if self.kind in {"generalized_entropy", "theil"}:
            return _inequality(table, self.numerator, theil=self.kind == "theil")
        if self.kind == "mean":
            rates = divide(_weigh(table, self.numerator), _weigh(table, self.denominator))
            mean: Floats = rates.mean(axis=-1)  # NaN as soon as one is undefined: a mean over fewer is another metric
            return mean
        return divide(_weigh(table, self.numerator), _weigh(table, self.denominator))

    def support(self, counts: npt.ArrayLike) -> Floats:
        """How many rows the metric rests on: its denominator, or all rows."""
        table = np.asarray(counts, dtype=float)
        if self.kind == "rate":
            return _weigh(table, self.denominator)
        if self.kind == "mean":
            least: Floats = _weigh(table, self.denominator).min(axis=-1)
            return least
        total: Floats = table.sum(axis=(-2, -1))
        return total


def _weigh(table: Floats, weights: Floats) -> Floats:
    """Weighted sums over the last two axes, by a product of matrices: thousands of replicates are one stack."""
    size = table.shape[-2] * table.shape[-1]
    flat = table.reshape(*table.shape[:-2], size)
    summed: Floats = flat @ weights.reshape(-1, size).T
    return summed if weights.ndim == 3 else summed[..., 0]


def _inequality(table: Floats, benefits: Floats, *, theil: bool) -> Floats:
    n = _weigh(table, np.ones_like(benefits))
    mean = divide(_weigh(table, benefits), n)
    relative = divide(np.broadcast_to(benefits, table.shape), mean[..., None, None])
    if theil:
        with np.errstate(divide="ignore", invalid="ignore"):
            # 0 log 0 is 0, its limit.
            each = np.where(relative > 0, relative * np.log(relative), relative)
    else:
        each = (relative**2 - 1) / 2
    # A benefit that nobody has adds nothing, whatever it would be worth beside an undefined mean.
    summed = np.where(table == 0, 0.0, table * each).reshape(*table.shape[:-2], -1).sum(axis=-1)
    return divide(summed, np.where(mean > 0, n, 0))


def _cells(*pairs: tuple[int, int]) -> Floats:
    grid = np.zeros((2, 2))
    for y, y_hat in pairs:
        grid[y, y_hat] = 1
    return grid


_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)
_ALL = (_TN, _FP, _FN, _TP)
_BENEFIT = np.array([[1.0, 2.0], [0.0, 1.0]])
_LOWER = {"false_positive_rate", "false_negative_rate", "false_discovery_rate", "false_omission_rate"}


def binary_metrics() -> tuple[Metric, ...]:
    """The metrics of a table (2, 2) whose second label is the favorable one.

    Examples
    --------
    >>> [metric.name for metric in binary_metrics()][:3]
    ['base_rate', 'selection_rate', 'true_positive_rate']
    """
    rows: list[tuple[str, tuple[Any, ...], tuple[Any, ...], Condition, str]] = [
        ("base_rate", (_FN, _TP), _ALL, "all", "no rows"),
        ("selection_rate", (_FP, _TP), _ALL, "all", "no rows"),
        ("true_positive_rate", (_TP,), (_FN, _TP), "y_true", "no rows with the favorable label"),
        ("false_positive_rate", (_FP,), (_TN, _FP), "y_true", "no rows with the unfavorable label"),
        ("true_negative_rate", (_TN,), (_TN, _FP), "y_true", "no rows with the unfavorable label"),
        ("false_negative_rate", (_FN,), (_FN, _TP), "y_true", "no rows with the favorable label"),
        ("precision", (_TP,), (_FP, _TP), "y_pred", "no rows predicted favorable"),
        ("negative_predictive_value", (_TN,), (_TN, _FN), "y_pred", "no rows predicted unfavorable"),
        ("false_discovery_rate", (_FP,), (_FP, _TP), "y_pred", "no rows predicted favorable"),
        ("false_omission_rate", (_FN,), (_TN, _FN), "y_pred", "no rows predicted unfavorable"),
        ("accuracy", (_TN, _TP), _ALL, "all", "no rows"),
    ]
    rates = [
        Metric(name, _cells(*top), _cells(*bottom), "rate", condition, reason, name in _LOWER)
        for name, top, bottom, condition, reason in rows
    ]
    return (*rates, *_binary_rest())


def _binary_rest() -> list[Metric]:
    recalls = (np.stack([_cells(_TN), _cells(_TP)]), np.stack([_cells(_TN, _FP), _cells(_FN, _TP)]))
    one = "no rows with the favorable label or none with the unfavorable one"
    f1_top, f1_bottom = 2 * _cells(_TP), 2 * _cells(_TP) + _cells(_FP, _FN)
    return [
        Metric("balanced_accuracy", *recalls, "mean", "y_true", one),
        Metric("f1", f1_top, f1_bottom, "ratio", None, "no rows with the favorable label, predicted or true"),
        Metric("treatment_equality", _cells(_FN), _cells(_FP), "ratio", None, "no false positives to divide by"),
        *_indices(_BENEFIT),
    ]


def _indices(benefits: Floats) -> list[Metric]:
    ones = np.ones_like(benefits)
    reason = "the mean benefit is 0"
    return [
        Metric("generalized_entropy", benefits, ones, "generalized_entropy", None, reason, lower_is_better=True),
        Metric("theil_index", benefits, ones, "theil", None, reason, lower_is_better=True),
    ]


def multiclass_metrics(classes: Sequence[Any], favorable: Sequence[Any] = ()) -> tuple[Metric, ...]:
    """The metrics of a table (k, k): label-free ones, one-vs-rest rates by label, and those of favorable labels.

    Parameters
    ----------
    classes
        The labels, in the table's order. The one-vs-rest rates are named ``true_positive_rate/LABEL``.
    favorable
        The favorable labels. With them ``base_rate``, ``selection_rate``, ``true_positive_rate`` and their like are
        of these labels together against the rest.

    Examples
    --------
    >>> names = [metric.name for metric in multiclass_metrics(["a", "b", "c"])]
    >>> "selection_rate" in names, "selection_rate/a" in names
    (False, True)
    """
    k = len(classes)
    ones, eye = np.ones((k, k)), np.eye(k)
    true = np.stack([np.repeat(eye[[i]].T, k, axis=1) for i in range(k)])
    diagonal = np.stack([np.outer(eye[i], eye[i]) for i in range(k)])
    f1_bottom = true + true.transpose(0, 2, 1)
    found = [
        Metric("accuracy", eye, ones),
        Metric("balanced_accuracy", diagonal, true, "mean", "y_true", "a label has no rows"),
        Metric("f1_macro", 2 * diagonal, f1_bottom, "mean", None, "a label has no rows, predicted or true"),
    ]
    if len(favorable):
        chosen = np.isin(np.arange(k), [list(classes).index(label) for label in favorable]).astype(float)
        found += _against_rest(chosen, "", _FAVORABLE)
    for at, label in enumerate(classes):
        rest = f"another label than {label}"
        rows = (f"with the label {label}", f"with {rest}", f"predicted {label}", f"predicted {rest}")
        found += _against_rest(eye[at], f"/{label}", rows)
    return tuple(found)


_FAVORABLE = ("with a favorable label", "with an unfavorable label", "predicted favorable", "predicted unfavorable")


def _against_rest(of: Floats, suffix: str, rows: Sequence[str]) -> list[Metric]:
    """The rates of some labels, marked 1 in `of`, against all others; `rows` tells which rows a rate may lack."""
    shape = (len(of), len(of))
    # Views, and each cell once: of hundreds of labels every copy would be a cube.
    true, other = np.broadcast_to(of[:, None], shape), np.broadcast_to(1 - of[:, None], shape)
    predicted, passed = np.broadcast_to(of, shape), np.broadcast_to(1 - of, shape)
    tp, fn, fp, tn = true * predicted, true * passed, other * predicted, other * passed
    with_label, without_label, chosen, left = (f"no rows {which}" for which in rows)
    rates: list[tuple[str, Floats, Floats, Condition, str]] = [
        ("base_rate", true, np.broadcast_to(1.0, shape), "all", "no rows"),
        ("selection_rate", predicted, np.broadcast_to(1.0, shape), "all", "no rows"),
        ("true_positive_rate", tp, true, "y_true", with_label),
        ("false_positive_rate", fp, other, "y_true", without_label),
        ("true_negative_rate", tn, other, "y_true", without_label),
        ("false_negative_rate", fn, true, "y_true", with_label),
        ("precision", tp, predicted, "y_pred", chosen),
        ("negative_predictive_value", tn, passed, "y_pred", left),
        ("false_discovery_rate", fp, predicted, "y_pred", chosen),
        ("false_omission_rate", fn, passed, "y_pred", left),
    ]
    return [
        Metric(f"{name}{suffix}", hits, among, "rate", condition, reason, name in _LOWER)
        for name, hits, among, condition, reason in rates
    ]
