"""From the counts of (group, y, y^) to the rates that a named disparity compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import ConfigError, DataError, nearest
from evenhand.fairness.policies.no_verdict import why_no_verdict
from evenhand.fairness.statistics.exact import Kind
from evenhand.fairness.statistics.figures import balanced_rates, f1_rates, no_figure
from evenhand.fairness.statistics.rates_by_group import Rates, event_sets
from evenhand.fairness.statistics.weighted import effective_rates

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionCounts:
    """Counts of one sensitive attribute.

    Attributes
    ----------
    names
        Names of the groups.
    counts
        Rows, shape (groups, classes of y, classes of y^).
    favorable
        Indices of the favorable classes; empty when none is declared.
    weights, squares
        Sums of sampling weights and of their squares, of the same shape, or None.
    unknown
        Names of the groups made of rows without a value.
    figures
        What the rows' scores give by group, by name, as in :mod:`evenhand.fairness.score_figures`.
    """

    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    favorable: tuple[int, ...] = ()
    weights: npt.NDArray[np.float64] | None = None
    squares: npt.NDArray[np.float64] | None = None
    unknown: tuple[str, ...] = ("unknown",)
    figures: Mapping[str, Rates] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = np.shape(self.counts)
        if len(shape) != 3 or shape[0] != len(self.names) or shape[1] != shape[2]:
            raise DataError(
                f"counts have the axes (groups, classes, classes) for {len(self.names)} groups; got the shape {shape}"
            )
        if (self.weights is None) != (self.squares is None):
            raise DataError("sampling weights need both their sums and the sums of their squares by cell")

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """Rows of each group."""
        return np.asarray(np.asarray(self.counts).sum(axis=(1, 2)), dtype=np.int64)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(np.shape(self.counts)[1])

    def rates(self, hits: Mask, rows: Mask, name: str, undefined: str) -> Rates:
        """Rate of the cells ``hits`` among the cells ``rows``, both of shape (classes, classes)."""
        n = _total(self.counts, rows)
        hits = hits & rows
        if self.weights is None or self.squares is None:
            return Rates(_total(self.counts, hits), n, self.names, name, undefined)
        found = effective_rates(
            n,
            _total(self.weights, hits),
            _total(self.squares, hits),
            _total(self.weights, rows),
            _total(self.squares, rows),
        )
        return Rates(found.k, found.n, self.names, name, undefined, effective=True)


# Takes the counts, and whether differences or ratios are compared.
_Builder = Callable[[ConfusionCounts, Kind], tuple[Rates, ...]]


def metric_names() -> tuple[str, ...]:
    """Disparities of rates of rows, which a rule, a search and a mitigation can limit.

    Examples
    --------
    >>> "equalized_odds_difference" in metric_names()
    True
    """
    return tuple(f"{name}_{kind}" for name in _BUILDERS for kind in ("difference", "ratio"))


def figure_names() -> tuple[str, ...]:
    """Disparities of figures that are no rates of rows, which a rule can limit as well.

    Examples
    --------
    >>> figure_names()[-2:]
    ('roc_auc_difference', 'calibration_in_the_large_difference')
    """
    return tuple(f"{name}_difference" for name in _FIGURES)


def families(metric: str, counts: ConfusionCounts) -> tuple[Rates, ...]:
    """Rates that a disparity is the worst gap of.

    Parameters
    ----------
    metric
        One of :func:`metric_names` or :func:`figure_names`.
    counts
        Counts of one attribute. Two classes need one favorable class. With more classes and none
        declared, demographic parity and equalized odds compare whole distributions.

    Returns
    -------
    tuple of Rates
        One rate, or two and more for equalized odds. A figure that is no rate comes as effective counts.

    Raises
    ------
    ConfigError
        If the name is unknown, or the disparity is not defined for these classes.

    Examples
    --------
    >>> counts = ConfusionCounts(("a", "b"), np.array([[[5, 5], [2, 8]], [[6, 4], [4, 6]]]), (1,))
    >>> [rate.name for rate in families("equalized_odds_difference", counts)]
    ['false_positive_rate', 'true_positive_rate']
    """
    base, _, kind = metric.rpartition("_")
    builders = _BUILDERS | _FIGURES if kind == "difference" else _BUILDERS
    if base not in builders or kind not in {"difference", "ratio"}:
        why = why_no_verdict(metric)
        raise ConfigError(
            f"there is no verdict on {metric}: {why}"
            if why
            else f"unknown disparity {metric!r}: {nearest(metric, metric_names() + figure_names())}"
        )
    if counts.classes == 2 and len(counts.favorable) != 1:
        raise ConfigError(f"{metric}: two classes need exactly one favorable label; ratios change when they swap")
    if base in _FIGURES and counts.classes != 2:
        raise ConfigError(f"a verdict on {metric} is for two labels, and there are {counts.classes}: limit another one")
    return builders[base](counts, "ratio" if kind == "ratio" else "difference")


def _total(table: npt.NDArray[np.float64] | npt.NDArray[np.int64], cells: Mask) -> npt.NDArray[np.float64]:
    return np.asarray(np.asarray(table, dtype=np.float64)[:, cells].sum(axis=1))


def _rows(counts: ConfusionCounts) -> tuple[Mask, Mask, Mask]:
    """Cells with a favorable label, with a favorable prediction, and all cells."""
    chosen = np.isin(np.arange(counts.classes), counts.favorable)
    everything = np.ones((counts.classes, counts.classes), dtype=bool)
    return chosen[:, None] & everything, chosen[None, :] & everything, everything


def _binary(name: str, undefined: str, cells: Callable[[Mask, Mask, Mask], tuple[Mask, Mask]]) -> _Builder:
    def build(counts: ConfusionCounts, _kind: Kind) -> tuple[Rates, ...]:
        if not counts.favorable:
            raise ConfigError(f"{name} compares favorable outcomes: declare the favorable labels")
        hits, rows = cells(*_rows(counts))
        return (counts.rates(hits, rows, name, undefined),)

    return build


def _demographic_parity(counts: ConfusionCounts, kind: Kind) -> tuple[Rates, ...]:
    if counts.classes == 2 or (kind == "ratio" and counts.favorable):
        return _SELECTION(counts, kind)
    table = np.asarray(counts.counts).sum(axis=1)
    return (_distribution(counts, table, np.ones(counts.classes, dtype=bool), kind, "prediction"),)


def _equalized_odds(counts: ConfusionCounts, kind: Kind) -> tuple[Rates, ...]:
    if counts.classes == 2:
        return _FPR(counts, kind) + _TPR(counts, kind)
    labels, table = np.arange(counts.classes), np.asarray(counts.counts)
    return tuple(
        _distribution(counts, table[:, at], labels == at, kind, f"prediction given class {at}") for at in labels
    )


def _equal_opportunity(counts: ConfusionCounts, kind: Kind) -> tuple[Rates, ...]:
    """Recall of each favorable label."""
    if counts.classes == 2:
        return _TPR(counts, kind)
    if not counts.favorable:
        raise ConfigError("equal opportunity compares the recall of favorable labels: declare them")
    labels = np.arange(counts.classes)
    return tuple(
        counts.rates(
            np.outer(labels == at, labels == at),
            np.outer(labels == at, np.ones_like(labels)).astype(bool),
            f"recall of class {at}",
            "no rows with this label",
        )
        for at in counts.favorable
    )


def _distribution(counts: ConfusionCounts, table: npt.NDArray[np.int64], true: Mask, kind: Kind, name: str) -> Rates:
    """Distribution of the predictions in the rows with these true classes: sets of classes, or single ones."""
    if counts.weights is None and kind == "difference":
        return Rates.from_classes(table, counts.names, name=name)
    labels = np.arange(counts.classes)
    rows = true[:, None] & np.ones(counts.classes, dtype=bool)
    events = event_sets(counts.classes) if kind == "difference" else np.eye(counts.classes, dtype=bool)
    parts = [counts.rates(rows & np.isin(labels, np.flatnonzero(event)), rows, name, "no rows") for event in events.T]
    if counts.weights is None:
        k, n = np.stack([part.k[:, 0] for part in parts], axis=1), parts[0].n
        return Rates(k, n, counts.names, name)
    # Each event has its own effective size: the smallest serves all of them.
    n = np.min([part.n for part in parts], axis=0)
    values = np.nan_to_num(np.stack([part.values[:, 0] for part in parts], axis=1))
    return Rates(values * n[:, None], n, counts.names, name, effective=True)


_SELECTION = _binary("selection_rate", "no rows", lambda _y, p, a: (p, a))
_TPR = _binary("true_positive_rate", "no rows with a favorable label", lambda y, p, _a: (p, y))
_FPR = _binary("false_positive_rate", "no rows with an unfavorable label", lambda y, p, _a: (p, ~y))


def _accuracy(counts: ConfusionCounts, _kind: Kind) -> tuple[Rates, ...]:
    right = np.eye(counts.classes, dtype=bool)
    return (counts.rates(right, np.ones_like(right), "accuracy", "no rows"),)


_BUILDERS: dict[str, _Builder] = {
    "demographic_parity": _demographic_parity,
    "equal_opportunity": _equal_opportunity,
    "predictive_equality": _FPR,
    "equalized_odds": _equalized_odds,
    "predictive_parity": _binary("precision", "no rows with a favorable prediction", lambda y, p, _a: (y, p)),
    "accuracy_equality": _accuracy,
    "base_rate": _binary("base_rate", "no rows", lambda y, _p, a: (y, a)),
    "selection_rate": _SELECTION,
    "true_positive_rate": _TPR,
    "false_positive_rate": _FPR,
    "true_negative_rate": _binary("true_negative_rate", "no rows with an unfavorable label", lambda y, p, _a: (~p, ~y)),
    "false_negative_rate": _binary("false_negative_rate", "no rows with a favorable label", lambda y, p, _a: (~p, y)),
    "precision": _binary("precision", "no rows with a favorable prediction", lambda y, p, _a: (y, p)),
    "negative_predictive_value": _binary(
        "negative_predictive_value", "no rows with an unfavorable prediction", lambda y, p, _a: (~y, ~p)
    ),
    "false_discovery_rate": _binary(
        "false_discovery_rate", "no rows with a favorable prediction", lambda y, p, _a: (~y, p)
    ),
    "false_omission_rate": _binary(
        "false_omission_rate", "no rows with an unfavorable prediction", lambda y, p, _a: (y, ~p)
    ),
    "accuracy": _accuracy,
}


def _balanced_accuracy(counts: ConfusionCounts, kind: Kind) -> tuple[Rates, ...]:
    (true_positive,), (true_negative,) = _TPR(counts, kind), _BUILDERS["true_negative_rate"](counts, kind)
    return (balanced_rates(true_positive, true_negative),)


def _f1(counts: ConfusionCounts, _kind: Kind) -> tuple[Rates, ...]:
    true, chosen, _ = _rows(counts)
    share = counts.rates(true & chosen, true | chosen, "f1", "no rows with a favorable label or prediction")
    return (f1_rates(share, counts.n.astype(np.float64)),)


def _scored(name: str) -> _Builder:
    def build(counts: ConfusionCounts, _kind: Kind) -> tuple[Rates, ...]:
        known = counts.figures.get(name)
        return (no_figure(counts.names, name, "the rows have no scores") if known is None else known,)

    return build


_FIGURES: dict[str, _Builder] = {
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "roc_auc": _scored("roc_auc"),
    "calibration_in_the_large": _scored("calibration_in_the_large"),
}
