"""Predictions as they are given, counted: the table that an audit rests on, and the scores beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import unmasked
from evenhand.fairness.assess import Estimate
from evenhand.fairness.counts import CountTable, single_label
from evenhand.fairness.groups import Coded, encode_groups, encode_labels
from evenhand.fairness.options import Options
from evenhand.fairness.rows import check_score, count_rows
from evenhand.fairness.score_estimates import SUMS_ONLY, Ranked, ScoredRows, score_estimates
from evenhand.fairness.scores import CALIBRATION_BINS, SCORE_BINS

__all__ = ["Counted", "Given", "ScoredLabel", "count_given"]


@dataclass(frozen=True)
class Given:
    """Predictions with everything that an audit may be told about them; see `BiasDetector.from_predictions`."""

    y_true: Any
    y_pred: Any
    sensitive_features: pd.DataFrame
    y_score: Any = None
    sample_weight: npt.ArrayLike | None = None
    frequency_weight: npt.ArrayLike | None = None
    bins: Mapping[str, Sequence[float]] | None = None
    score_bins: int | None = None
    factors: pd.DataFrame | None = None

    @property
    def weighted(self) -> bool:
        """Whether rows count for more than one."""
        return self.sample_weight is not None or self.frequency_weight is not None


@dataclass(frozen=True)
class ScoredLabel:
    """One of many labels against the rest.

    Attributes
    ----------
    table
        Counts with the sums of the label's scores.
    rows
        The scores themselves for exact areas, or None where only sums are kept.
    """

    table: CountTable
    rows: ScoredRows | None

    def estimates(self, label: str, attributes: tuple[str, ...], options: Options) -> dict[str, Estimate]:
        """Area and calibration of the label's scores by group, named like the label's other metrics."""
        found = score_estimates(self.table.marginal(attributes), self.rows, options)
        return {f"{name}/{label}": estimate for name, estimate in found.items() if name != "log_loss"}


@dataclass(frozen=True)
class Counted:
    """A table of counts, which of its axes are sensitive attributes, and scores that are kept beside it."""

    table: CountTable
    attributes: tuple[str, ...]
    rows: ScoredRows | None
    by_label: Mapping[str, ScoredLabel] = field(default_factory=dict)
    ranked: Ranked = field(default_factory=Ranked)


def count_given(given: Given, favorable_label: Any, classes: Any = None) -> Counted:
    """Count predictions, once."""
    groups, attributes = _groups(given)
    true, predicted = encode_labels(given.y_true, name="y_true"), encode_labels(given.y_pred, name="y_pred")
    score = given.y_score
    many = isinstance(score, pd.DataFrame) or np.ndim(score) == 2
    table, rows = _count(given, groups, true, predicted, None if many else score, favorable_label)
    by_label = _labels(given, groups, true, predicted, classes) if many else {}
    return Counted(table, attributes, rows, by_label, _ranked(given, rows, many=many))


def _ranked(given: Given, rows: ScoredRows | None, *, many: bool) -> Ranked:
    if given.y_score is None:
        return Ranked()
    if many:
        return Ranked(reason="more than two labels have a score each")
    if given.sample_weight is not None:
        return Ranked(reason="no median is taken under sampling weights")
    return Ranked(reason=SUMS_ONLY) if rows is None else Ranked(rows, "")


def _groups(given: Given) -> tuple[dict[str, Coded], tuple[str, ...]]:
    groups = encode_groups(given.sensitive_features, bins=given.bins)
    attributes = tuple(groups)
    if given.factors is not None and given.factors.shape[1]:
        factors = encode_groups(given.factors)
        shared = sorted(set(factors) & set(groups))
        if shared:
            raise DataError(f"a legitimate factor is a sensitive attribute: {shorten(shared)}")
        groups = groups | factors
    return groups, attributes


def _count(
    given: Given, groups: dict[str, Coded], true: Coded, predicted: Coded, y_score: Any, favorable_label: Any
) -> tuple[CountTable, ScoredRows | None]:
    n = len(true.codes)
    score, summed = (None, False) if y_score is None else _score(y_score, n, given.score_bins)
    table = count_rows(
        groups,
        true,
        predicted,
        y_score=score if summed else None,
        favorable_label=favorable_label,
        score_bins=given.score_bins or (SCORE_BINS if given.weighted else CALIBRATION_BINS),
        sampling_weight=given.sample_weight,
        frequency_weight=given.frequency_weight,
    )
    if score is None or given.score_bins is not None:
        return table, None
    codes = [at for at, label in enumerate(true.labels) if label == single_label(favorable_label)]
    often, standing = (
        None if weight is None else np.asarray(unmasked(weight), dtype=float)
        for weight in (given.frequency_weight, given.sample_weight)
    )
    return table, ScoredRows(score, true.codes == (codes[0] if codes else -1), groups, often, standing)


def _score(y_score: npt.ArrayLike, n: int, score_bins: int | None) -> tuple[npt.NDArray[Any], bool]:
    """The scores, and whether they can be summed: where bins are asked for, counting checks that itself."""
    if score_bins is not None:
        return np.asarray(unmasked(y_score)), True
    score = check_score(y_score, n)
    return score, bool(score.min() >= 0 and score.max() <= 1)


def _labels(
    given: Given, groups: dict[str, Coded], true: Coded, predicted: Coded, classes: Any
) -> dict[str, ScoredLabel]:
    """Every label against the rest, by the label's own score."""
    frame = _score_frame(given.y_score, true, predicted, classes)
    found = {}
    for label in frame.columns:
        own, answered = _against_rest(true, label), _against_rest(predicted, label)
        table, rows = _count(given, groups, own, answered, frame[label].to_numpy(), 1)
        found[_name(label, (*true.labels, *predicted.labels))] = ScoredLabel(table, rows)
    return found


def _name(label: Any, known: Iterable[Any]) -> str:
    """The label as the counts name it: 3.0 and 3 are one."""
    return str(next((each for each in known if each == label), label))


def _score_frame(y_score: Any, true: Coded, predicted: Coded, classes: Any) -> pd.DataFrame:
    known = list(dict.fromkeys([*true.labels, *predicted.labels]))
    if len(known) <= 2:
        raise DataError(
            f"y_score has a column for each label, and there are only {shorten(known)}: give one score a row"
        )
    if isinstance(y_score, pd.DataFrame):
        missing = [label for label in known if label not in y_score.columns]
        if missing:
            raise DataError(f"y_score has no column for {shorten(missing[0])}: {nearest(missing[0], y_score.columns)}")
        return y_score
    names = sorted(known) if classes is None else np.asarray(classes).tolist()
    if np.shape(y_score)[1] != len(names):
        wide = np.shape(y_score)[1]
        raise DataError(f"y_score has {wide} columns and there are {len(names)} labels: give a frame that names them")
    return pd.DataFrame(np.asarray(unmasked(y_score)), columns=names)


def _against_rest(coded: Coded, label: Any) -> Coded:
    """Codes of "this label" (1) and "any other" (0)."""
    chosen = np.array([known == label for known in coded.labels], dtype=np.int8)
    return replace(coded, codes=chosen[coded.codes], labels=(0, 1))
