"""Every metric of a group that is a function of its counts (y, y_hat), for one table or a stack of replicates.

A metric is a pair of weights over the table, ``value = sum(counts * numerator) / sum(counts * denominator)``,
or the mean of such rates, or an index of inequality. Weights about one label of many are told by that label's sums,
not by a table of their own: k labels would need k tables of k times k numbers for each metric. Where the denominator is
empty the metric is undefined: NaN with a reason, never 0 or 1.

Sources: the confusion-matrix rates as scikit-learn and Fairlearn name them; calibration terms in
`evenhand.fairness.scores`; inequality indices after Speicher et al. (2018), "A unified approach to quantifying
algorithmic unfairness", section 3 (benefit = y_hat - y + 1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evenhand.fairness.arrays import Floats, divide

__all__ = ["ALIASES", "ByLabel", "Condition", "Metric", "Tables", "binary_metrics", "multiclass_metrics"]

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
class ByLabel:
    """How often the sums of a label count: all rows, those with the label, those predicted so, and those with both.

    Attributes
    ----------
    label
        The label's place, or None for every label, which gives one weighted sum for each.
    total, true, predicted, hit
        Factors of the four sums.
    """

    label: int | None = None
    total: int = 0
    true: int = 0
    predicted: int = 0
    hit: int = 0


class Tables:
    """Tables of counts or weights, shape (..., k, k), whose sums by label are made once for all metrics.

    Examples
    --------
    >>> tables = Tables([[5, 1], [2, 3]])
    >>> tables.weigh(ByLabel(0, predicted=1, hit=-1)).item(), tables.weigh(np.eye(2)).item()
    (2.0, 8.0)
    """

    def __init__(self, counts: npt.ArrayLike) -> None:
        self.counts: Floats = np.asarray(counts, dtype=float)

    @cached_property
    def sums(self) -> dict[str, Floats]:
        """Rows by label, each shape (..., k), and ``total``, shape (..., 1)."""
        true, predicted = self.counts.sum(axis=-1), self.counts.sum(axis=-2)
        # Summed from the labels' own sums: what remains beside a label that has all rows is then exactly 0.
        total = true.sum(axis=-1, keepdims=True)
        hit = np.diagonal(self.counts, axis1=-2, axis2=-1)
        return {"total": total, "true": true, "predicted": predicted, "hit": hit}

    def weigh(self, weights: "Floats | ByLabel") -> Floats:
        """Weighted sums over the last two axes: shape (...), or (..., m) for m weights."""
        if not isinstance(weights, ByLabel):
            return _weigh(self.counts, weights)
        own = slice(None) if weights.label is None else slice(weights.label, weights.label + 1)
        parts = [
            getattr(weights, name) * (sums if name == "total" else sums[..., own])
            for name, sums in self.sums.items()
            if getattr(weights, name)
        ]
        summed: Floats = sum(parts[1:], start=parts[0])
        return summed if weights.label is None else summed[..., 0]


@dataclass(frozen=True)
class Metric:
    """A metric of a table of counts.

    Attributes
    ----------
    name
        Its name, as Fairlearn and scikit-learn spell it.
    numerator, denominator
        Weights over the table, shape (k, k) indexed [y, y_hat] (for the mean of m rates (m, k, k)), or by label.
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
    numerator: Floats | ByLabel
    denominator: Floats | ByLabel
    kind: Literal["rate", "ratio", "mean", "generalized_entropy", "theil"] = "rate"
    condition: Condition = "all"
    undefined: str = "no rows"
    lower_is_better: bool = False

    def compute(self, counts: npt.ArrayLike | Tables) -> Floats:
        """The values of tables of shape (..., k, k), as float64 of shape (...); NaN where undefined.

        Examples
        --------
        >>> metrics = {metric.name: metric for metric in binary_metrics()}
        >>> float(metrics["true_positive_rate"].compute([[5, 1], [1, 3]]))
        0.75
        >>> float(metrics["true_positive_rate"].compute([[5, 1], [0, 0]]))
        nan
        """
        tables = counts if isinstance(counts, Tables) else Tables(counts)
        if self.kind in {"generalized_entropy", "theil"}:
            return _inequality(tables.counts, np.asarray(self.numerator), theil=self.kind == "theil")
        rates = divide(*self.sums(tables))
        if self.kind == "mean":
            mean: Floats = rates.mean(axis=-1)  # NaN as soon as one is undefined: a mean over fewer is another metric
            return mean
        return rates

    def sums(self, tables: Tables) -> tuple[Floats, Floats]:
        """What is divided by what, each shape (...), or (..., m) for the mean of m rates."""
        return tables.weigh(self.numerator), tables.weigh(self.denominator)

    def support(self, counts: npt.ArrayLike | Tables) -> Floats:
        """How many rows the metric rests on: its denominator, or all rows."""
        tables = counts if isinstance(counts, Tables) else Tables(counts)
        if self.kind == "rate":
            return tables.weigh(self.denominator)
        if self.kind == "mean":
            least: Floats = tables.weigh(self.denominator).min(axis=-1)
            return least
        total: Floats = tables.counts.sum(axis=(-2, -1))
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
    hit, true, both = ByLabel(hit=1), ByLabel(true=1), ByLabel(true=1, predicted=1)
    found = [
        Metric("accuracy", eye, ones),
        Metric("balanced_accuracy", hit, true, "mean", "y_true", "a label has no rows"),
        Metric("f1_macro", ByLabel(hit=2), both, "mean", None, "a label has no rows, predicted or true"),
    ]
    if len(favorable):
        chosen = np.isin(np.arange(k), [list(classes).index(label) for label in favorable]).astype(float)
        found += _ten_rates(_sums_of(chosen), "", _FAVORABLE)
    for at, label in enumerate(classes):
        rest = f"another label than {label}"
        rows = (f"with the label {label}", f"with {rest}", f"predicted {label}", f"predicted {rest}")
        found += _ten_rates(_sums_by_label(at), f"/{label}", rows)
    return tuple(found)


_FAVORABLE = ("with a favorable label", "with an unfavorable label", "predicted favorable", "predicted unfavorable")


def _sums_of(of: Floats) -> dict[str, Floats | ByLabel]:
    """Weights of the cells of some labels, marked 1 in `of`, against all others."""
    true, predicted = np.outer(of, np.ones_like(of)), np.outer(np.ones_like(of), of)
    other, passed = 1 - true, 1 - predicted
    return {
        "all": np.ones_like(true), "true": true, "other": other, "predicted": predicted, "passed": passed,
        "tp": true * predicted, "fn": true * passed, "fp": other * predicted, "tn": other * passed,
    }  # fmt: skip


def _sums_by_label(at: int) -> dict[str, Floats | ByLabel]:
    """The same for one label, of the sums by label: of hundreds of labels every table of weights would be a cube."""
    return {
        "all": ByLabel(at, total=1),
        "true": ByLabel(at, true=1),
        "other": ByLabel(at, total=1, true=-1),
        "predicted": ByLabel(at, predicted=1),
        "passed": ByLabel(at, total=1, predicted=-1),
        "tp": ByLabel(at, hit=1),
        "fn": ByLabel(at, true=1, hit=-1),
        "fp": ByLabel(at, predicted=1, hit=-1),
        "tn": ByLabel(at, total=1, true=-1, predicted=-1, hit=1),
    }


def _ten_rates(of: Mapping[str, Floats | ByLabel], suffix: str, rows: Sequence[str]) -> list[Metric]:
    """The rates of some labels against all others; `rows` tells which rows a rate may lack."""
    with_label, without_label, chosen, left = (f"no rows {which}" for which in rows)
    rates: list[tuple[str, str, str, Condition, str]] = [
        ("base_rate", "true", "all", "all", "no rows"),
        ("selection_rate", "predicted", "all", "all", "no rows"),
        ("true_positive_rate", "tp", "true", "y_true", with_label),
        ("false_positive_rate", "fp", "other", "y_true", without_label),
        ("true_negative_rate", "tn", "other", "y_true", without_label),
        ("false_negative_rate", "fn", "true", "y_true", with_label),
        ("precision", "tp", "predicted", "y_pred", chosen),
        ("negative_predictive_value", "tn", "passed", "y_pred", left),
        ("false_discovery_rate", "fp", "predicted", "y_pred", chosen),
        ("false_omission_rate", "fn", "passed", "y_pred", left),
    ]
    return [
        Metric(f"{name}{suffix}", of[hits], of[among], "rate", condition, reason, name in _LOWER)
        for name, hits, among, condition, reason in rates
    ]
