"""What every mitigation method starts from: rows, label codes, group codes and weights, checked once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from evenhand.data.digest import mix, row_digests, text_key
from evenhand.exceptions import DataError, ModelError, nearest, shorten
from evenhand.fairness.groups import group_texts, joined
from evenhand.modeling.fit import as_labels, check_weights
from evenhand.modeling.preprocessing import check_features, make_preprocessor

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "Problem",
    "check_constraint",
    "fixed_draws",
    "group_codes",
    "group_labels",
    "split_estimator",
    "weight_argument",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

Constraint = Literal["demographic_parity", "equalized_odds", "equal_opportunity"]

CONSTRAINTS: tuple[Constraint, ...] = ("demographic_parity", "equalized_odds", "equal_opportunity")
"""What a method equalises between groups: the predictions; the predictions given the label; or, given the favorable
label, its recall."""


@dataclass(frozen=True)
class Problem:
    """The rows that a method is fitted on.

    Attributes
    ----------
    Z
        Rows as the inner classifier takes them, shape (n, f).
    labels, codes, classes
        Labels (n,), their codes into `classes`, and the sorted classes.
    cells, groups
        Group codes (n,) and the names that they count.
    weights
        Training weights of mean 1, or None.
    seed
        Seed of everything random.
    least
        Groups of fewer rows take no part in what is equalised or balanced: one row would decide for all.
    """

    Z: Any
    labels: npt.NDArray[Any]
    codes: Codes
    classes: npt.NDArray[Any]
    cells: Codes
    groups: npt.NDArray[Any]
    weights: Floats | None
    seed: int
    least: int = 1

    @property
    def large(self) -> Flags:
        """The groups of enough rows, shape (groups,)."""
        return np.bincount(self.cells, minlength=len(self.groups)) >= self.least

    def of_large_groups(self) -> tuple[npt.NDArray[np.intp], "Problem"]:
        """The positions of their rows, and these rows alone."""
        large = self.large
        rows = np.flatnonzero(large[self.cells])
        place = np.cumsum(large) - 1
        weights = None if self.weights is None else self.weights[rows]
        some = replace(
            self,
            Z=take_rows(self.Z, rows),
            labels=self.labels[rows],
            codes=self.codes[rows],
            cells=place[self.cells[rows]],
            groups=self.groups[large],
            weights=weights,
        )
        return rows, some

    @property
    def weight_or_one(self) -> Floats:
        """The weights, or ones."""
        return np.ones(len(self.codes)) if self.weights is None else self.weights


def take_rows(Z: Any, rows: Any) -> Any:
    """Rows of a frame or an array by position."""
    return Z.iloc[rows] if isinstance(Z, pd.DataFrame) else Z[rows]


def of_all_groups(values: npt.NDArray[Any], large: Flags) -> npt.NDArray[Any]:
    """What was learned for the large groups, with zeros for the others: first axis groups."""
    out = np.zeros((len(large), *values.shape[1:]), dtype=values.dtype)
    out[large] = values
    return out


def group_labels(sensitive_features: Any, n: int) -> npt.NDArray[Any]:
    """The group of each row as an audit names it, shape (n,): its values over all columns, joined.

    Examples
    --------
    >>> group_labels(pd.DataFrame({"race": ["a", None], "sex": ["f", "m"]}), 2).tolist()
    ['a & f', 'unknown & m']
    """
    if sensitive_features is None:
        raise DataError("the groups are not known: pass sensitive_features, one row for each row of X")
    texts = _texts(sensitive_features)
    if texts and len(texts[0]) != n:
        raise DataError(f"sensitive_features has {len(texts[0])} rows and X has {n}: give the same rows to both")
    if not texts:
        raise DataError("sensitive_features has no column: name at least one attribute")
    if len(texts) == 1:
        return texts[0]
    codes, found = pd.factorize(pd.MultiIndex.from_arrays(texts))
    return np.array([joined(parts) for parts in found], dtype=object)[codes]


def combinations(sensitive_features: Any, *, most: int = 10_000) -> list[str]:
    """The groups that the values of several columns can make together, those of no row among them.

    Examples
    --------
    >>> combinations(pd.DataFrame({"race": ["a", "b"], "sex": ["f", "m"]}))
    ['a & f', 'a & m', 'b & f', 'b & m']
    """
    values = [sorted(set(column.tolist())) for column in _texts(sensitive_features)]
    if len(values) < 2 or prod(map(len, values)) > most:
        return []
    return [joined(parts) for parts in product(*values)]


def _texts(sensitive_features: Any) -> list[npt.NDArray[Any]]:
    frame = sensitive_features if isinstance(sensitive_features, pd.DataFrame) else pd.DataFrame(sensitive_features)
    return [group_texts(frame.iloc[:, at]) for at in range(frame.shape[1])]


def attribute_names(sensitive_features: Any) -> list[str]:
    """The names of the sensitive columns, in order; a column without a name is called by its place.

    Examples
    --------
    >>> attribute_names(pd.DataFrame({"race": ["a"], "sex": ["f"]})), attribute_names(["a", "b"])
    (['race', 'sex'], ['0'])
    """
    frame = sensitive_features if isinstance(sensitive_features, pd.DataFrame) else pd.DataFrame(sensitive_features)
    return [str(name) for name in frame.columns]


def in_fitted_order(sensitive_features: Any, attributes: list[str]) -> Any:
    """The sensitive columns in the order of the fit, by their names where both have names.

    Raises
    ------
    DataError
        When the columns are other ones.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": ["f"], "race": ["a"]})
    >>> in_fitted_order(people, ["race", "sex"]).columns.tolist()
    ['race', 'sex']
    """
    names = attribute_names(sensitive_features)
    by_place = [str(place) for place in range(len(names))]
    if len(names) == len(attributes) and (names in (attributes, by_place) or attributes == by_place):
        return sensitive_features
    if sorted(names) != sorted(attributes):
        raise DataError(
            f"sensitive_features has the columns {shorten(names)} and the model was fitted on {shorten(attributes)}: "
            "give the same columns"
        )
    frame = pd.DataFrame(sensitive_features)
    return frame.iloc[:, [names.index(name) for name in attributes]]


def group_codes(labels: npt.NDArray[Any], groups: npt.NDArray[Any]) -> Codes:
    """The codes of these groups; a group that is not among `groups` is refused by name."""
    codes = pd.Index(groups, dtype=object).get_indexer(pd.Index(labels, dtype=object))
    strange = sorted(set(labels[codes < 0].tolist()))
    if strange:
        shown = ", ".join(shorten(name) for name in strange[:5])
        raise DataError(
            f"{int((codes < 0).sum())} rows are of a group that the model was not fitted on: {shown} "
            f"(known: {shorten(list(groups))}); fit it on rows of that group, too"
        )
    return np.asarray(codes, dtype=np.intp)


def check_constraint(constraint: str) -> None:
    """Refuse a constraint that does not exist."""
    if constraint not in CONSTRAINTS:
        raise ModelError(f"constraint {shorten(constraint)} is not known: {nearest(constraint, CONSTRAINTS)}")


def favorable_code(favorable_label: Any, classes: Sequence[Any] | npt.NDArray[Any]) -> int:
    """Where the favorable label stands among the classes; the last one by default for two classes."""
    known = np.asarray(classes).tolist()
    if favorable_label is None:
        if len(known) == 2:
            return 1
        raise ModelError("equal_opportunity is about one label: name favorable_label")
    if favorable_label not in known:
        raise ModelError(
            f"favorable_label {shorten(favorable_label)} is not a class: {nearest(favorable_label, known)}"
        )
    return int(known.index(favorable_label))


def read_labels(X: Any, y: Any) -> tuple[npt.NDArray[Any], Codes, npt.NDArray[Any]]:
    """Labels, their codes and the sorted classes; X is checked when it is a frame."""
    if isinstance(X, pd.DataFrame):
        check_features(X)
    labels = as_labels(y)
    n = np.shape(X)[0]  # a sparse matrix has no length
    if len(labels) != n:
        raise DataError(f"y has {len(labels)} rows and X has {n}: give the same rows to both")
    classes, codes = np.unique(labels, return_inverse=True)
    return labels, np.asarray(codes, dtype=np.intp), classes


def read_weights(sample_weight: Any, n: int) -> Floats | None:
    """Weights of mean 1, or None."""
    weights = check_weights(sample_weight, n)
    return None if weights is None else weights / weights.mean()


def split_estimator(estimator: Any, X: Any) -> tuple[Any, Any]:
    """An encoder (or None) and a classifier, both unfitted clones, so that rows are encoded once for many fits.

    A pipeline is cut before its last step. A bare classifier gets our preprocessor when the frame holds anything but
    complete numbers.
    """
    if isinstance(estimator, Pipeline):
        steps = [(name, clone(step)) for name, step in estimator.steps]
        return (Pipeline(steps[:-1]) if len(steps) > 1 else None), steps[-1][1]
    plain = not isinstance(X, pd.DataFrame) or all(
        getattr(dtype, "kind", "O") in "iuf" and not X[name].isna().any() for name, dtype in X.dtypes.items()
    )
    return (None if plain else make_preprocessor(X, scale=True)), clone(estimator)


def weight_argument(estimator: Any) -> str | None:
    """The keyword by which training weights reach an estimator's fit, or None when they cannot.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> weight_argument(Pipeline([("clf", LogisticRegression())])), weight_argument(KNeighborsClassifier())
    ('clf__sample_weight', None)
    """
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_argument(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None


def as_dense(X: Any) -> npt.NDArray[Any]:
    """Rows as an array, also where an encoder gave a sparse matrix."""
    return np.asarray(X.toarray() if issparse(X) else X)


def fixed_draws(X: Any, groups: npt.NDArray[Any] | None, seed: int) -> Floats:
    """A draw from [0, 1) for each row that depends on the row's content and the seed alone, shape (n,).

    So the same applicant gets the same answer whenever and with whomever they are asked about.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 1.0]})
    >>> first, second, again = fixed_draws(X, None, seed=0)
    >>> bool(first == again), bool(first == second)
    (True, False)
    """
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(as_dense(X))
    content = {f"X/{name}": frame.iloc[:, at].to_numpy() for at, name in enumerate(frame.columns)}
    if groups is not None:
        content["group"] = groups
    digests = row_digests(pd.DataFrame(content))
    return np.asarray(mix(digests ^ text_key(f"draw/{seed}")) >> np.uint64(11), dtype=np.float64) / 2.0**53
