"""Churn: how many decisions, and how many people's reasons, change when a challenger replaces the champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import favorable_labels
from evenhand.decision.stability import ReasonStability, reason_stability
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.groups import Coded, encode_groups, encode_values
from evenhand.fairness.statistics import Estimated, share
from evenhand.modeling._values import plain

__all__ = ["Churn", "Flips", "ReasonStability", "churn", "reason_stability"]

Codes = npt.NDArray[np.intp]
_NO_FAVORABLE = "no label is declared favorable"


@dataclass(frozen=True)
class Flips:
    """Decisions that differ between two models on the same rows.

    Attributes
    ----------
    n
        The rows.
    flipped
        The share of rows that the models decide differently.
    to_favorable, to_unfavorable
        The share of rows that the champion gives another label and the challenger a favorable one, and the reverse;
        undefined where no label is favorable. With more than two labels the rest flips among the others, or among
        several favorable ones.
    table
        Counts of the champion's label (row) and the challenger's (column), in the order of the classes; empty when
        withheld.
    withheld
        Whether fewer rows than the smallest cell stand behind it, so that no figure is given.
    """

    n: int
    flipped: Estimated
    to_favorable: Estimated
    to_unfavorable: Estimated
    table: tuple[tuple[int, ...], ...]
    withheld: bool = False


@dataclass(frozen=True)
class Churn:
    """What changes for people when the challenger replaces the champion.

    Attributes
    ----------
    classes
        The labels that either model gives, sorted.
    favorable_label
        The label that is good for the person, a tuple of several, or None.
    overall
        The flips of all rows.
    groups
        Those of every group of every sensitive attribute.
    reasons
        How stable the top reasons are, or None where no attributions were given.
    confidence
        Of every interval.
    min_cell
        Groups with fewer rows are withheld.
    """

    classes: tuple[Any, ...]
    favorable_label: Any
    overall: Flips
    groups: Mapping[str, Mapping[str, Flips]]
    reasons: ReasonStability | None
    confidence: float
    min_cell: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; undefined figures are None, with their reason beside them."""
        result: dict[str, Any] = plain(self)
        return result

    def to_frame(self) -> pd.DataFrame:
        """One row for everybody (attribute and group empty) and one for each group, shares with their limits."""
        rows = [_row("", "", self.overall)]
        rows += [_row(name, group, found) for name, groups in self.groups.items() for group, found in groups.items()]
        return pd.DataFrame(rows)


def _row(attribute: str, group: str, found: Flips) -> dict[str, Any]:
    row: dict[str, Any] = {"attribute": attribute, "group": group, "n": found.n}
    for name in ("flipped", "to_favorable", "to_unfavorable"):
        value: Estimated = getattr(found, name)
        row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    return row | {"withheld": found.withheld}


def churn(
    champion_pred: npt.ArrayLike,
    challenger_pred: npt.ArrayLike,
    *,
    sensitive_features: pd.DataFrame,
    favorable_label: Any = None,
    reasons: ReasonStability | None = None,
    bins: Mapping[str, Sequence[float]] | None = None,
    confidence: float = 0.95,
    min_cell: int = 10,
) -> Churn:
    """Compare two models' decisions on the same rows, for everybody and for each group.

    Parameters
    ----------
    champion_pred, challenger_pred
        The decided labels of the same n rows in the same order, shape (n,).
    sensitive_features
        Shape (n, a); a missing value is the group ``unknown``.
    favorable_label
        The label that is good for the person, or several; None where there is none, and then flips have no direction.
    reasons
        What :func:`reason_stability` found, on these rows or on a sample of them.
    bins
        Edges of the bands of continuous sensitive columns.
    confidence
        Of Wilson's intervals, which hold for rows drawn independently of one another.
    min_cell
        Groups with fewer rows are withheld: their figures would tell what happened to single people.

    Raises
    ------
    DataError
        The lengths differ, there is no row, a label is missing, the two models give labels of different types, or
        neither ever gives a label of the favorable one's type.

    Examples
    --------
    >>> import pandas as pd
    >>> sex = pd.DataFrame({"sex": ["f", "m"] * 10})
    >>> found = churn([0, 1] * 10, [1, 1] * 5 + [0, 1] * 5, sensitive_features=sex, favorable_label=1)
    >>> found.overall.flipped.value, found.groups["sex"]["f"].to_favorable.value
    (0.25, 0.5)
    >>> found.overall.table
    ((5, 5), (0, 10))
    """
    first, second, classes = _codes(champion_pred, challenger_pred)
    if len(sensitive_features) != len(first):
        raise DataError(f"sensitive_features has {len(sensitive_features)} rows and the predictions {len(first)}")
    coded = encode_groups(sensitive_features, bins=bins)
    tables = _Tables(first, second, classes, _places(favorable_label, classes), confidence, min_cell)
    return Churn(
        classes=classes,
        favorable_label=favorable_label,
        overall=tables.overall(),
        groups={name: tables.by_group(column) for name, column in coded.items()},
        reasons=reasons,
        confidence=confidence,
        min_cell=min_cell,
    )


def _codes(champion_pred: npt.ArrayLike, challenger_pred: npt.ArrayLike) -> tuple[Codes, Codes, tuple[Any, ...]]:
    """Both columns of labels as codes of the same classes."""
    columns = [
        encode_values(np.asarray(values), name=f"{who}_pred")
        for who, values in (("champion", champion_pred), ("challenger", challenger_pred))
    ]
    sizes = [len(column.codes) for column in columns]
    if sizes[0] != sizes[1] or not sizes[0]:
        raise DataError(f"champion_pred has {sizes[0]} rows and challenger_pred {sizes[1]}: decide on the same rows")
    seen = [[column.labels[code] for code in np.unique(column.codes)] for column in columns]
    kinds = [{str if isinstance(label, str) else float for label in labels} for labels in seen]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"the champion gives labels such as {shorten(seen[0][0])} and the challenger such as "
            f"{shorten(seen[1][0])}: give both the same type"
        )
    classes = tuple(sorted({*seen[0], *seen[1]}, key=lambda label: (str(type(label)), label)))
    first, second = (_recode(column, classes) for column in columns)
    return first, second, classes


def _recode(column: Coded, classes: tuple[Any, ...]) -> Codes:
    place = {label: code for code, label in enumerate(classes)}
    return np.asarray(np.array([place.get(label, 0) for label in column.labels], dtype=np.intp)[column.codes])


def _places(favorable_label: Any, classes: tuple[Any, ...]) -> list[int] | None:
    """Where the favorable labels stand that a row is given, or None where no label is favorable."""
    good = [label.item() if isinstance(label, np.generic) else label for label in favorable_labels(favorable_label)]
    for label in good:
        if not any(isinstance(known, str) == isinstance(label, str) for known in classes):
            raise DataError(f"favorable_label {shorten(label)} is no label of these models: {nearest(label, classes)}")
    return [classes.index(label) for label in good if label in classes] if good else None


@dataclass(frozen=True)
class _Tables:
    """Both models' codes, and how flips are made of them."""

    first: Codes
    second: Codes
    classes: tuple[Any, ...]
    favorable: list[int] | None
    confidence: float
    min_cell: int

    def by_group(self, column: Coded) -> dict[str, Flips]:
        """Counted once for all groups."""
        cells = len(self.classes) ** 2
        joint = column.codes.astype(np.intp) * cells + self._pairs()
        tables = np.bincount(joint, minlength=len(column.labels) * cells).reshape(len(column.labels), -1)
        present = [(str(label), table) for label, table in zip(column.labels, tables, strict=True) if table.any()]
        return {label: self._flips(table, least=self.min_cell) for label, table in present}

    def overall(self) -> Flips:
        return self._flips(np.bincount(self._pairs(), minlength=len(self.classes) ** 2), least=0)

    def _pairs(self) -> Codes:
        return np.asarray(self.first * len(self.classes) + self.second)

    def _flips(self, counts: npt.NDArray[np.intp], *, least: int) -> Flips:
        size = len(self.classes)
        table = counts.reshape(size, size)
        n = int(table.sum())
        none = _NO_FAVORABLE if self.favorable is None else ""
        good = np.isin(np.arange(size), self.favorable or [])
        flipped = (n - np.trace(table), table[~good][:, good].sum(), table[good][:, ~good].sum())
        shares = [
            share(int(k), n, confidence=self.confidence, least=least, reason=reason)
            for k, reason in zip(flipped, ("", none, none), strict=True)
        ]
        withheld = n < least
        kept = () if withheld else tuple(tuple(int(cell) for cell in line) for line in table)
        return Flips(n, shares[0], shares[1], shares[2], kept, withheld)
