"""Metrics of predicted labels: functions of the confusion counts alone, whatever the number of rows."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import shorten
from evenhand.modeling._intervals import Level, Metric, macro, rate, undefined

__all__ = ["count_metrics", "macro_of", "per_class_counts"]

FloatArray = npt.NDArray[np.float64]


def per_class_counts(confusion: FloatArray, labels: Sequence[Any], level: Level) -> list[dict[str, Metric]]:
    """Precision, recall and F1 of every class against the rest; `confusion` is (truth, prediction), shape (k, k)."""
    hits, truths, calls = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        {
            "precision": rate(hits[k], calls[k], level, f"no row is predicted {shorten(label)}"),
            "recall": rate(hits[k], truths[k], level, f"no row of {shorten(label)}"),
            "f1": _f1(hits[k], truths[k] + calls[k] - hits[k], level, label),
        }
        for k, label in enumerate(labels)
    ]


def _f1(hits: float, union: float, level: Level, label: Any) -> Metric:
    """F1 as 2J / (1 + J) of J = TP / (TP + FP + FN), with J's limits carried over.

    J is a plain proportion of the rows that are positive in truth or prediction. Hand, Christen and Kirielle (2021),
    "F*: an interpretable transformation of the F-measure", Machine Learning 110.
    """
    share = rate(hits, union, level, f"no row is or is predicted {shorten(label)}")
    if not share.defined:
        return share
    value, low, high = (2 * x / (1 + x) for x in (share.value, share.low, share.high))
    return Metric(value, low, high, f"{share.method} of TP / (TP + FP + FN)")


def count_metrics(
    confusion: FloatArray,
    parts: Sequence[dict[str, Metric]],
    labels: Sequence[Any],
    *,
    positive: int | None,
    level: Level,
    only: Collection[str] | None = None,
) -> dict[str, Metric]:
    """Accuracy, balanced accuracy, precision, recall and F1 of one class (`positive`), or macro over all of them.

    Of these `only` some, where that is given: the correlations of macro F1 take replicates.
    """
    total, hits = float(confusion.sum()), float(np.trace(confusion))

    def mean_of(name: str) -> Metric:
        return macro_of(parts, labels, name, None, f"MOVER of {level.limits.__name__}")

    def balanced() -> Metric:
        truths = confusion.sum(axis=1)
        if len(labels) == 2 and (truths == 0).any():
            return undefined(f"the test rows have one class only, {shorten(labels[int(truths.argmax())])}")
        return mean_of("recall")

    def macro_f1() -> Metric:
        method = "MOVER with bootstrap correlations"
        return macro_of(parts, labels, "f1", lambda kept: _f1_correlation(confusion, kept, level), method)

    makers = {"accuracy": lambda: rate(hits, total, level, "no rows"), "balanced_accuracy": balanced}
    if positive is None:
        macros = {f"{name}_macro": partial(mean_of, name) for name in ("precision", "recall")}
        makers |= {**macros, "f1_macro": macro_f1}
    else:
        makers |= {name: partial(parts[positive].__getitem__, name) for name in parts[positive]}
    return {name: make() for name, make in makers.items() if only is None or name in only}


def macro_of(
    parts: Sequence[dict[str, Metric]],
    labels: Sequence[Any],
    name: str,
    correlation: Callable[[list[int]], FloatArray] | None,
    method: str,
) -> Metric:
    """The mean of a metric over the classes where it is defined; the others are named in the reason."""
    kept = [k for k, part in enumerate(parts) if part[name].defined]
    left_out = [labels[k] for k in range(len(parts)) if k not in kept]
    named = ", ".join(shorten(label) for label in left_out[:5]) + (", ..." if len(left_out) > 5 else "")
    if len(kept) < 2:
        return undefined(f"{name} is defined for {len(kept)} of {len(parts)} classes, not for {named}")
    reason = f"over the classes where it is defined: not {named}" if left_out else ""
    shared = correlation(kept) if correlation else None
    return macro([parts[k][name] for k in kept], shared, method, reason)


def _f1_correlation(confusion: FloatArray, kept: list[int], level: Level) -> npt.NDArray[np.float64]:
    """Correlations of the classes' F1, shape (kept, kept), from multinomial replicates of the whole table."""
    n, k = int(confusion.sum()), len(confusion)
    draws = level.rng.multinomial(n, (confusion / n).ravel(), size=level.replicates).reshape(-1, k, k)
    hits = np.diagonal(draws, axis1=1, axis2=2)
    both = draws.sum(axis=1) + draws.sum(axis=2)
    scores = np.divide(2.0 * hits, both, out=np.zeros(hits.shape), where=both > 0)[:, kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        # A class whose F1 never moves correlates with nothing: NaN, which `macro` reads as 0.
        return np.asarray(np.corrcoef(scores, rowvar=False))
