"""How stable people's reasons are: the features that count most in each row, under two models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError, shorten
from evenhand.fairness.groups import encode_groups
from evenhand.fairness.statistics import Estimated, share
from evenhand.modeling._values import plain

__all__ = ["Agreement", "ReasonStability", "reason_stability"]

FloatArray = npt.NDArray[np.float64]
Direction = Literal["both", "against", "for"]


@dataclass(frozen=True)
class Agreement:
    """How far the top k reasons of two models agree.

    Attributes
    ----------
    same
        The share of rows whose top k features are the same set.
    jaccard
        The mean over the rows of shared features over features that either model names.
    """

    same: Estimated
    jaccard: Estimated


@dataclass(frozen=True)
class ReasonStability:
    """The agreement of top reasons for everybody and for each group, by the number of reasons.

    Attributes
    ----------
    overall
        By k.
    groups
        By attribute, group and k.
    n
        Rows compared.
    direction
        Which attributions count as reasons: ``both`` directions, those ``against`` the favorable label, or ``for`` it.
    """

    overall: Mapping[int, Agreement]
    groups: Mapping[str, Mapping[str, Mapping[int, Agreement]]]
    n: int
    direction: Direction

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; undefined figures are None, with their reason beside them."""
        result: dict[str, Any] = plain(self)
        return result


def reason_stability(
    champion: FloatArray | pd.DataFrame,
    challenger: FloatArray | pd.DataFrame,
    *,
    sensitive_features: pd.DataFrame,
    ks: Sequence[int] = (1, 3),
    direction: Direction = "both",
    bins: Mapping[str, Sequence[float]] | None = None,
    confidence: float = 0.95,
    min_cell: int = 10,
) -> ReasonStability:
    """Compare the top reasons that two models have for each of the same rows.

    Parameters
    ----------
    champion, challenger
        Attributions of the same n rows, in the same order: frames whose columns are the features, which may differ
        between the models (a feature that a model lacks is never its reason), or arrays of one shape (n, f), or
        (n, f, k) with k classes, of which a feature's largest attribution in size counts.
    sensitive_features
        Shape (n, a), of the same rows.
    ks
        Numbers of reasons that are compared.
    direction
        ``both`` ranks features by the size of their attributions; ``against`` takes only those that lower the margin of
        the explained label, the reasons for a denial where that is the favorable one; ``for`` those that raise it.
    bins
        Edges of the bands of continuous sensitive columns.
    confidence
        Of the intervals: Wilson's, which is on the safe side for the mean Jaccard index.
    min_cell
        Groups with fewer rows are withheld.

    Raises
    ------
    DataError
        The shapes differ, there is no row, a value is not finite, a k is under 1, or classes have a direction.

    Notes
    -----
    A feature without effect is no reason. Two rows without any reason agree. Ties go to the feature that stands first.
    The Jaccard index is that of P. Jaccard (1912), "The distribution of the flora in the alpine zone", New Phytologist
    11:37-50; the disagreement of top-k features was measured so by Krishna et al. (2022), arXiv:2202.01602.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> first = np.array([[3.0, 2.0, 1.0, 0.0]] * 10)
    >>> second = np.array([[3.0, 2.0, 0.0, 1.0]] * 10)
    >>> found = reason_stability(first, second, sensitive_features=pd.DataFrame({"sex": ["f"] * 10}))
    >>> found.overall[1].same.value, found.overall[3].same.value, found.overall[3].jaccard.value
    (1.0, 0.0, 0.5)
    """
    if not ks or min(ks) < 1:
        raise DataError(f"ks is {shorten(list(ks))}: give numbers of reasons from 1")
    first, second = _aligned(champion, challenger, direction)
    if len(sensitive_features) != len(first):
        raise DataError(f"sensitive_features has {len(sensitive_features)} rows and the attributions {len(first)}")
    jaccards = {k: _jaccard(_top(first, k), _top(second, k)) for k in ks}

    def agree(rows: npt.NDArray[np.bool_], least: int) -> dict[int, Agreement]:
        of = partial(share, n=int(rows.sum()), confidence=confidence, least=least)
        return {k: Agreement(of((each[rows] == 1).sum()), of(each[rows].sum())) for k, each in jaccards.items()}

    groups = {
        name: {
            str(label): agree(column.codes == code, min_cell)
            for code, label in enumerate(column.labels)
            if (column.codes == code).any()
        }
        for name, column in encode_groups(sensitive_features, bins=bins).items()
    }
    return ReasonStability(agree(np.ones(len(first), dtype=bool), 0), groups, len(first), direction)


def _aligned(champion: Any, challenger: Any, direction: Direction) -> tuple[FloatArray, FloatArray]:
    """How strongly each feature is a reason in each row, with the same features on both sides."""
    both = [champion, challenger]
    if all(isinstance(one, pd.DataFrame) for one in both):
        names = list(dict.fromkeys([*champion.columns, *challenger.columns]))
        both = [one.reindex(columns=names, fill_value=0.0).to_numpy(dtype=float) for one in both]
    arrays = [np.asarray(one, dtype=float) for one in both]
    if arrays[0].shape != arrays[1].shape or arrays[0].ndim not in (2, 3) or not arrays[0].size:
        raise DataError(
            f"attributions have the shapes {arrays[0].shape} and {arrays[1].shape}: explain the same rows, shape (n, f)"
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise DataError("attributions hold values that are not finite: explain the rows again")
    if arrays[0].ndim == 3 and direction != "both":
        raise DataError(f"direction is {direction!r} and the attributions have classes: give those of one class")
    first, second = (_strength(array, direction) for array in arrays)
    return first, second


def _strength(values: FloatArray, direction: Direction) -> FloatArray:
    if values.ndim == 3:
        return np.asarray(np.abs(values).max(axis=2))
    signed = {"both": np.abs(values), "against": -values, "for": values}[direction]
    return np.asarray(np.maximum(signed, 0.0))


def _top(strength: FloatArray, k: int) -> npt.NDArray[np.bool_]:
    """Which features are among the k strongest of each row, shape (n, f)."""
    order = np.argsort(-strength, axis=1, kind="stable")[:, :k]
    chosen = np.zeros(strength.shape, dtype=bool)
    np.put_along_axis(chosen, order, values=True, axis=1)
    return np.asarray(chosen & (strength > 0))


def _jaccard(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> FloatArray:
    shared, named = (first & second).sum(axis=1), (first | second).sum(axis=1)
    return np.asarray(np.divide(shared, named, out=np.ones(len(first)), where=named > 0))
