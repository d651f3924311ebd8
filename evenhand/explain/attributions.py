"""Attributions of rows to features, whatever explainer made them, and the reasons read off them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError, nearest

__all__ = ["Attributions", "LocalExplainer", "Reason", "top_reasons"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attributions:
    """How much each feature moves each row's margin away from the base.

    Attributes
    ----------
    values
        Shape (n, f) for two classes, (n, f, k) for k > 2 classes, in `unit`. Rows of people: never for the card.
    base
        The margin before any feature is known, shape (n,) or (n, k). The same for every row with SHAP; LIME's
        intercepts differ by row.
    features
        The f raw features.
    labels
        The class that is explained, or the k classes.
    unit
        What the values are measured in.
    method
        ``linear``, ``tree``, ``permutation`` or ``lime``.
    fidelity
        Weighted R2 of LIME's local surrogate, shape (n,) or (n, k); None with SHAP, whose values add up exactly.
    """

    values: FloatArray = field(repr=False)
    base: FloatArray = field(repr=False)
    features: tuple[str, ...]
    labels: tuple[str, ...]
    unit: str
    method: str
    fidelity: FloatArray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def total(self) -> FloatArray:
        """What the attributions of each row add up to, base included, shape (n,) or (n, k)."""
        return np.asarray(self.values.sum(axis=1) + self.base)

    @property
    def by_label(self) -> FloatArray:
        """The values with a class axis also for two classes: shape (n, f, len(labels))."""
        return self.values if self.values.ndim == 3 else self.values[:, :, None]

    def of(self, labels: Sequence[str]) -> FloatArray:
        """The attributions to these explained classes together, shape (n, f): their sum.

        What adds up to the margin of each of several classes adds up to the sum of their margins, so nothing is lost.

        Examples
        --------
        >>> values = np.array([[[-1.0, -2.0, 3.0], [0.5, 0.25, -0.75]]])
        >>> made = Attributions(values, np.zeros((1, 3)), ("debt", "income"), ("fair", "good", "bad"), "score", "tree")
        >>> made.of(["fair", "good"]).tolist()
        [[-3.0, 0.75]]

        Raises
        ------
        DataError
            When a label is not among those explained.
        """
        for label in labels:
            if label not in self.labels:
                raise DataError(f"label {label!r} is not among the explained classes: {nearest(label, self.labels)}")
        return np.asarray(self.by_label[:, :, [self.labels.index(label) for label in labels]].sum(axis=2))

    def take(self, rows: npt.ArrayLike) -> "Attributions":
        """The attributions of the rows at these positions."""
        index = np.asarray(rows, dtype=np.intp)
        fidelity = None if self.fidelity is None else self.fidelity[index]
        return replace(self, values=self.values[index], base=self.base[index], fidelity=fidelity)

    def append(self, other: "Attributions") -> "Attributions":
        """These rows and then those of another batch of the same explainer."""
        both = None
        if self.fidelity is not None and other.fidelity is not None:
            both = np.concatenate([self.fidelity, other.fidelity])
        return replace(
            self,
            values=np.concatenate([self.values, other.values]),
            base=np.concatenate([self.base, other.base]),
            fidelity=both,
        )


@runtime_checkable
class LocalExplainer(Protocol):
    """What explains single rows; SHAP in its three forms and LIME keep to it."""

    method: str

    def attribute(self, rows: pd.DataFrame) -> Attributions:
        """Attributions of raw rows of shape (n, f); they depend on the row and the seed, not on the other rows."""
        ...


@dataclass(frozen=True)
class Reason:
    """A feature that moved a row's margin, and how far."""

    feature: str
    value: float


def top_reasons(
    attributions: Attributions,
    k: int = 4,
    *,
    label: str | Sequence[str] | None = None,
    direction: Literal["against", "for", "both"] = "against",
) -> list[tuple[Reason, ...]]:
    """The k features that count most in each row, strongest first; a feature without effect is no reason.

    Parameters
    ----------
    attributions
        Of n rows.
    k
        At most so many reasons a row. US Regulation B's commentary (12 CFR 1002.9(b)(2)-1) thinks more than four
        unlikely to help an applicant.
    label
        The class the reasons speak about, or several of them, whose attributions are summed (:meth:`Attributions.of`);
        needed when more than one is explained.
    direction
        ``against`` keeps the features that lowered the label's margin (the reasons for a denial when the label is the
        favorable one), ``for`` those that raised it.

    Raises
    ------
    DataError
        When a label is not among those explained.

    Examples
    --------
    >>> import numpy as np
    >>> values, names = np.array([[-1.0, 2.0, -3.0]]), ("age", "income", "debt")
    >>> made = Attributions(values, np.zeros(1), names, ("yes",), "log-odds of 'yes'", "linear")
    >>> [reason.feature for reason in top_reasons(made, 2)[0]]
    ['debt', 'age']
    """
    values = attributions.of(_spoken_of(attributions.labels, label))
    signed = {"against": -values, "for": values, "both": np.abs(values)}[direction]
    # A stable sort keeps the order of the columns among equals.
    order = np.argsort(-signed, axis=1, kind="stable")[:, :k]
    return [
        tuple(Reason(attributions.features[j], float(row[j])) for j in places if strength[j] > 0)
        for places, row, strength in zip(order, values, signed, strict=True)
    ]


def _spoken_of(labels: tuple[str, ...], label: str | Sequence[str] | None) -> Sequence[str]:
    if label is None and len(labels) > 1:
        raise DataError(f"label None is not among the explained classes: {nearest(label, labels)}")
    if label is None:
        return labels
    return [label] if isinstance(label, str) else label
