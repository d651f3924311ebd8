"""Cases worth a look: for each group the closest denial and the most confident error.

A case is one person. What leaves the restricted artifact is only how the case looks from afar: the bands that at least
`min_cell` rows of the same group share, and the mean attribution within each band.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import are_favorable, favorable_labels
from evenhand.explain.attributions import Attributions
from evenhand.explain.bands import Bands
from evenhand.order import group_order

__all__ = ["Answer", "Around", "Case", "CaseFeature", "Chosen", "choose_cases", "publish_case", "withhold_case"]

Kind = Literal["closest denial", "most confident error"]
_SHOWN = 5


@dataclass(frozen=True)
class Chosen:
    """A row that stands for its group; `row` is its position in the test part, or None with the reason."""

    attribute: str
    group: str
    kind: Kind
    row: int | None
    group_rows: int
    reason: str | None = None


@dataclass(frozen=True)
class CaseFeature:
    """A feature of a case: its band and the mean attribution of the sampled rows in that band.

    `rows` counts the group's rows that share this band and those of the features above it.
    """

    feature: str
    band: str
    attribution: float
    rows: int


@dataclass(frozen=True)
class Case:
    """A case without its person.

    Attributes
    ----------
    attribute, group, kind
        Where it comes from.
    predicted, actual
        Labels, or None in a small cell.
    score
        The tenth that the probability lies in, as in ``0.4 to 0.5``: of the favorable labels together for a denial, of
        the predicted label for an error.
    label
        The class that the attributions speak of; of several their names, and the sum of their attributions.
    features
        The strongest features whose bands may be shown.
    withheld
        Features among the strongest that were held back, since too few rows share the bands.
    reason
        Why nothing is shown, or None.
    """

    attribute: str
    group: str
    kind: Kind
    predicted: str | None
    actual: str | None
    score: str | None
    label: str | None
    features: tuple[CaseFeature, ...]
    withheld: int
    reason: str | None = None


def choose_cases(
    sensitive: pd.DataFrame,
    y: npt.ArrayLike,
    predicted: npt.ArrayLike,
    chances: npt.NDArray[np.float64],
    classes: list[Any],
    favorable_label: Any,
) -> tuple[Chosen, ...]:
    """For each group of each attribute the row of each kind.

    The closest denial is the row without a favorable label whose probability of one is highest (of several favorable
    labels the sum of theirs); the most confident error the wrong answer whose probability is highest. Ties go to the
    first row.
    """
    truth, answer = np.asarray(y, dtype=object), np.asarray(predicted, dtype=object)
    places = {label: place for place, label in enumerate(classes)}
    own = chances[np.arange(len(answer)), [places[label] for label in answer]]
    wrong = answer != truth
    denied, favorable = np.zeros(len(answer), dtype=bool), np.zeros(len(answer))
    good = [places[label] for label in favorable_labels(favorable_label) if label in places]
    if good:
        denied, favorable = ~are_favorable(answer, favorable_label), chances[:, good].sum(axis=1)
    why = "no row was denied" if good else "no label is favorable"

    def pick(kind: Kind, among: npt.NDArray[np.bool_], score: npt.NDArray[np.float64], none: str) -> Iterator[Chosen]:
        for attribute in sensitive.columns:
            groups = sensitive[attribute].astype(str).to_numpy()
            for group in sorted(set(groups), key=group_order):
                inside = np.flatnonzero((groups == group) & among)
                row = int(inside[np.argmax(score[inside])]) if len(inside) else None
                size = int((groups == group).sum())
                yield Chosen(str(attribute), str(group), kind, row, size, None if len(inside) else none)

    return (
        *pick("closest denial", denied, favorable, why),
        *pick("most confident error", wrong, own, "no row was answered wrongly"),
    )


@dataclass(frozen=True)
class Around:
    """What a case is shown against.

    Attributes
    ----------
    rows, attributions
        The explained sample: its mean attribution within a band stands for the case's own.
    levels
        For each feature its bands, the finer first.
    min_cell
        So many rows must share what is shown.
    """

    rows: pd.DataFrame
    attributions: Attributions
    levels: dict[str, tuple[Bands, ...]]
    min_cell: int


@dataclass(frozen=True)
class Answer:
    """The model's answer to a case: labels, the probability that chose it, and the classes that are explained."""

    predicted: str
    actual: str
    score: float
    labels: tuple[str, ...]


def withhold_case(case: Chosen, reason: str) -> Case:
    """A case of which nothing is shown."""
    return Case(case.attribute, case.group, case.kind, None, None, None, None, (), 0, reason)


def publish_case(
    case: Chosen, answer: Answer, own: Attributions, row: pd.DataFrame, group: pd.DataFrame, around: Around
) -> Case:
    """A case as it may be shown.

    The features come in the order of the case's own attributions. Each is shown in the finest band that keeps at least
    `min_cell` rows of the group sharing everything shown so far, or withheld.

    Parameters
    ----------
    case
        What was chosen.
    answer
        The model's answer to it.
    own
        The case's own attributions, one row: they give the order of the features and nothing else.
    row, group
        The case's raw row, and raw test rows of its group.
    around
        The sample, the bands and the smallest cell.
    """
    if case.group_rows < around.min_cell:
        return withhold_case(case, f"suppressed: the group has fewer than {around.min_cell} rows")
    moved = around.attributions.of(answer.labels)
    alive = np.ones(len(group), dtype=bool)
    shown: list[CaseFeature] = []
    withheld = 0
    for j in np.argsort(-np.abs(own.of(answer.labels)[0]), kind="stable"):
        found = _in_company(own.features[j], row, group, alive, around, moved[:, j])
        if found is None:
            withheld += 1
        else:
            feature, alive = found
            shown.append(feature)
        if len(shown) + withheld == 2 * _SHOWN or len(shown) == _SHOWN:
            break
    facts = (answer.predicted, answer.actual, _tenth(answer.score), ", ".join(answer.labels))
    return Case(case.attribute, case.group, case.kind, *facts, tuple(shown), withheld)


def _in_company(
    name: str,
    row: pd.DataFrame,
    group: pd.DataFrame,
    alive: npt.NDArray[np.bool_],
    around: Around,
    moved: npt.NDArray[np.float64],
) -> tuple[CaseFeature, npt.NDArray[np.bool_]] | None:
    """The feature in its finest band with company enough, and who shares it; None when there is no such band.

    `moved` holds the feature's attributions in the sample, shape (n,).
    """
    for bands in around.levels[name]:
        code = bands.codes(row[name])[0]
        sharing = alive & (bands.codes(group[name]) == code)
        inside = bands.codes(around.rows[name]) == code
        if min(sharing.sum(), inside.sum()) >= around.min_cell:
            mean = float(moved[inside].mean())
            return CaseFeature(name, bands.labels[code], mean, int(sharing.sum())), sharing
    return None


def _tenth(score: float) -> str:
    low = min(9, floor(score * 10))
    return f"{low / 10:g} to {(low + 1) / 10:g}"
