"""Amazon SageMaker Clarify's names and signs, on our estimates.

Facet d is the group that may be at a disadvantage, facet a everybody else; label 1 is the favorable one. Definitions:
"Amazon AI Fairness and Explainability Whitepaper" (2021), sections 2.1 and 2.2, and the SageMaker developer guide's
pages "Measure Pre-training Bias" and "Measure Post-training Data and Model Bias". What smclarify gives as 0 for 0/0 is
undefined here, with a reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.data.alignment import refuse_reordered
from evenhand.data.dataset import UNKNOWN
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import Array, Bools, Floats, divide
from evenhand.fairness.conditional import conditional_disparity
from evenhand.fairness.counts import merge_labels
from evenhand.fairness.groups import Coded, encode_values
from evenhand.fairness.labels import refuse_other_terms
from evenhand.fairness.metrics import binary_metrics
from evenhand.fairness.report import MetricValue

__all__ = ["clarify_metrics", "flip_test"]


def clarify_metrics(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike | None = None,
    *,
    facet: npt.ArrayLike,
    group: Any,
    favorable_label: Any,
    group_variable: npt.ArrayLike | None = None,
    features: npt.ArrayLike | None = None,
) -> dict[str, MetricValue]:
    """Clarify's metrics of one facet, by name.

    Parameters
    ----------
    y_true, y_pred
        Labels and predicted labels, shape (n,). Without predictions only the metrics before training.
    facet, group
        The sensitive column, shape (n,), and the value that is facet d; everybody else is facet a. Rows without a
        value are refused: they belong to neither.
    favorable_label
        The label that counts as 1.
    group_variable
        The strata of CDDL and CDDPL, shape (n,), missing values a stratum of their own; without them both are left
        out.
    features
        Numbers, shape (n, f), in which the flip test looks for neighbours; without them FT is left out.

    Raises
    ------
    DataError
        Columns of different rows, missing labels or facets, predictions in other terms than the labels, a group or
        favorable label that does not occur, or features that are no finite numbers.

    Examples
    --------
    >>> found = clarify_metrics([1, 0, 1, 1], [1, 0, 1, 0], facet=["f", "f", "m", "m"], group="f", favorable_label=1)
    >>> found["DPL"].value, found["DI"].value
    (0.5, 1.0)
    """
    given = {"y_true": y_true, "y_pred": y_pred, "facet": facet, "group_variable": group_variable}
    refuse_reordered({**given, "features": features})
    columns = _columns({name: values for name, values in given.items() if values is not None})
    truth, predicted = columns["y_true"], columns.get("y_pred")
    _check_labels(truth, predicted, favorable_label)
    y, d = _equals(truth, favorable_label), _equals(columns["facet"], group)
    if not d.any() or d.all():
        raise DataError(f"facet has no {shorten(group)} beside others: {nearest(group, columns['facet'].present)}")
    strata = columns["group_variable"].codes if "group_variable" in columns else None
    found = _before(truth, y, d, strata)
    if predicted is not None:
        y_hat = _equals(predicted, favorable_label)
        found |= _after(y, y_hat, d, strata)
        if features is not None:
            found["FT"] = flip_test(features, y_hat, d)
    return {name: _value(name, value, len(y)) for name, value in found.items()}


def _columns(given: Mapping[str, Any]) -> dict[str, Coded]:
    """The columns as codes: rows without a stratum are one, and without label or facet there is no comparison."""
    found = {}
    for name, values in given.items():
        found[name] = encode_values(values, name=name, missing=UNKNOWN if name == "group_variable" else None)
        n, rows = len(found[name].codes), len(found["y_true"].codes)
        if n != rows:
            raise DataError(f"{name} has {n} rows and y_true {rows}: give the same rows to both")
    return found


def _check_labels(truth: Coded, predicted: Coded | None, favorable_label: Any) -> None:
    labels = truth.present
    if predicted is not None:
        refuse_other_terms(truth.present, predicted.present)
        labels = merge_labels(labels, predicted.present)
    if favorable_label not in labels:
        raise DataError(
            f"favorable_label {shorten(favorable_label)} is not a label: {nearest(favorable_label, labels)}"
        )


def _equals(column: Coded, value: Any) -> Bools:
    """Where a column has this value, shape (n,)."""
    equal: Bools = np.array([label == value for label in column.labels], dtype=bool)[column.codes]
    return equal


def _value(name: str, value: float, n: int) -> MetricValue:
    undefined = not np.isfinite(value)
    return MetricValue(
        name, float("nan") if undefined else float(value), n=n, reason="a denominator is 0" if undefined else ""
    )


def _before(truth: Coded, y: Bools, d: Bools, strata: Array | None) -> dict[str, float]:
    n_d, n_a = int(d.sum()), int((~d).sum())
    p_a, p_d = (np.bincount(truth.codes[at], minlength=len(truth.labels)) / at.sum() for at in (~d, d))
    middle = (p_a + p_d) / 2
    gaps = np.abs(p_a - p_d)
    found = {
        "CI": (n_a - n_d) / (n_a + n_d),
        "DPL": float(y[~d].mean() - y[d].mean()),
        "KL": _divergence(p_a, p_d),
        "JS": (_divergence(p_a, middle) + _divergence(p_d, middle)) / 2,
        "Lp": float(np.sqrt((gaps**2).sum())),
        "TVD": float(gaps.sum() / 2),
        "KS": float(gaps.max()),
    }
    return found if strata is None else {**found, "CDDL": _conditional(y, d, strata)}


def _divergence(p: Floats, q: Floats) -> float:
    """Kullback-Leibler divergence in nats; infinite, and so undefined, where q lacks what p has."""
    some = p > 0
    if (q[some] == 0).any():
        return float("inf")
    return float((p[some] * np.log(p[some] / q[some])).sum())


def _conditional(accepted: Bools, d: Bools, strata: Array) -> float:
    table = np.zeros((int(strata.max()) + 1, 2, 2))
    np.add.at(table, (strata, d.astype(int), accepted.astype(int)), 1)
    return float(conditional_disparity(table)[1])


def _after(y: Bools, y_hat: Bools, d: Bools, strata: Array | None) -> dict[str, float]:
    tables = [np.bincount(2 * y[at] + y_hat[at], minlength=4).reshape(2, 2) for at in (~d, d)]
    metrics = {metric.name: metric for metric in binary_metrics()}
    everybody = tables[0] + tables[1]

    def pair(name: str) -> Sequence[float]:
        return [float(metrics[name].compute(table)) for table in tables]

    def gap(name: str, *, minus_d: bool = True) -> float:
        a, of_d = pair(name)
        return a - of_d if minus_d else of_d - a

    def conditional(label: int) -> Sequence[float]:
        return [float(divide(table[label].sum(), table[:, label].sum())) for table in tables]

    selected = pair("selection_rate")
    accepted, rejected = conditional(1), conditional(0)
    found = {
        "DPPL": selected[0] - selected[1],
        "DI": float(divide(selected[1], selected[0])),
        "DCA": accepted[0] - accepted[1],
        "DCR": rejected[1] - rejected[0],
        "RD": gap("true_positive_rate"),
        "SD": gap("true_negative_rate", minus_d=False),
        "DAR": gap("precision"),
        "DRR": gap("negative_predictive_value", minus_d=False),
        "AD": gap("accuracy"),
        "TE": gap("treatment_equality", minus_d=False),
        "GE": float(metrics["generalized_entropy"].compute(everybody)),
    }
    return found if strata is None else {**found, "CDDPL": _conditional(y_hat, d, strata)}


def flip_test(
    features: npt.ArrayLike, y_hat: npt.ArrayLike, d: npt.ArrayLike, *, neighbors: int | None = None
) -> float:
    """How often the most similar people of facet a got the other outcome: (F+ - F-) / n_d.

    F+ counts rows of facet d predicted favorable whose nearest neighbours in facet a were mostly predicted
    unfavorable, F- the opposite: negative where facet d fares worse than the people most like it (Black, Yeom and
    Fredrikson 2020, "FlipTest", with neighbours for the transport). That is the sign that smclarify computes and tests
    (``test_FT``); the words of its docstring are the other way round.

    Parameters
    ----------
    features
        Shape (n, f).
    y_hat, d
        Whether a row is predicted favorable and of facet d, shape (n,).
    neighbors
        How many; by default smclarify's number, 5, or 1 where facet a has fewer than ten rows.

    Examples
    --------
    >>> flip_test([[0.0], [1.0], [0.1], [0.9]], [1, 0, 0, 0], [False, False, True, True])
    -0.5
    """
    from sklearn.neighbors import NearestNeighbors

    chosen, in_d = np.asarray(y_hat).astype(bool), np.asarray(d).astype(bool)
    X = _numbers(features, len(in_d))
    n_a = int((~in_d).sum())
    near = NearestNeighbors(n_neighbors=min(neighbors or (5 if n_a >= 10 else 1), n_a)).fit(X[~in_d])
    votes = chosen[~in_d][near.kneighbors(X[in_d], return_distance=False)].mean(axis=1) > 0.5
    return float((~votes & chosen[in_d]).sum() - (votes & ~chosen[in_d]).sum()) / int(in_d.sum())


def _numbers(features: npt.ArrayLike, n: int) -> Floats:
    try:
        X = np.asarray(features, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError("features hold what is no number: encode it, since the flip test measures distances") from error
    if X.ndim != 2 or len(X) != n:
        raise DataError(f"features have shape {X.shape} and there are {n} rows: give shape ({n}, f)")
    if not np.isfinite(X).all():
        raise DataError(f"features have {int((~np.isfinite(X)).sum())} values that are not finite: fill them in first")
    return X
