"""The data of a model: features, target and sensitive columns, kept apart from one another."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionArray

from evenhand.data.alignment import refuse_reordered
from evenhand.data.finding import Finding
from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["UNKNOWN", "Dataset", "are_favorable", "favorable_labels"]

UNKNOWN = "unknown"
"""The group of the rows whose sensitive value is missing: counted, never dropped."""


def favorable_labels(favorable: Any) -> tuple[Any, ...]:
    """The favorable labels in an order of their own: none, one, or each of several.

    Examples
    --------
    >>> favorable_labels(None), favorable_labels("yes"), favorable_labels(["good", "fair"])
    ((), ('yes',), ('fair', 'good'))
    """
    if favorable is None:
        return ()
    if isinstance(favorable, np.ndarray):
        favorable = favorable.tolist()
    several = favorable if isinstance(favorable, list | tuple | set | frozenset) else [favorable]
    try:
        return tuple(sorted(dict.fromkeys(several), key=lambda label: (str(type(label)), label)))
    except TypeError as error:  # a list in a list, or a dict
        raise DataError(f"favorable_label is {shorten(favorable)}: give one label, or a list of labels") from error


def are_favorable(labels: npt.ArrayLike, favorable: Any) -> npt.NDArray[np.bool_]:
    """Which labels are the favorable one, or one of several, shape (n,): a decision that is none of them is a denial.

    Examples
    --------
    >>> are_favorable(["fair", "bad", "good"], ["good", "fair"]).tolist()
    [True, False, True]
    """
    given = np.asarray(labels, dtype=None if hasattr(labels, "dtype") else object)
    found = np.zeros(given.shape, dtype=bool)
    for label in favorable_labels(favorable):
        found |= np.asarray(given == label, dtype=bool)
    return found


def _require_frame(name: str, given: Any) -> None:
    if isinstance(given, pd.DataFrame):
        return
    remedy = "give a pandas DataFrame, whose columns have names"
    if isinstance(given, pd.Series):
        remedy = f"give a DataFrame, as {name}.to_frame() makes of it"
    raise DataError(f"{name} is a {type(given).__name__}: {remedy}")


def _as_column(name: str, given: Any, index: pd.Index) -> Any:
    """A column of the rows that `index` names; a Series as it is, and None where only the target is required."""
    if isinstance(given, pd.Series) or (given is None and name != "y"):
        return given
    flat = getattr(given, "ndim", 1) == 1 and isinstance(given, Sequence | np.ndarray | ExtensionArray | pd.Index)
    if not flat or isinstance(given, str | bytes):
        raise DataError(
            f"{name} is a {type(given).__name__}: give a pandas Series, or one value a row, shape ({len(index)},)"
        )
    column = pd.Series(given)
    return column.set_axis(index) if len(column) == len(index) else column  # the other case is told with both lengths


@dataclass(frozen=True)
class Dataset:
    """Features, target and sensitive columns of the same rows, matched by position whatever their indexes.

    Attributes
    ----------
    X
        Features, shape (n, f): numbers, booleans or strings; missing values are NaN/None.
    y
        Target, shape (n,), without missing values; an array or a list becomes a column, here and below.
    sensitive_features
        Shape (n, a): strings, :data:`UNKNOWN` where missing. Never part of `X`.
    favorable_label
        The label that is good for the person, required for a binary target before an audit; with more labels there may
        be several, kept as a tuple, of which these rows have one at least.
    key
        What names a row for good, shape (n,), or None: then a row is named by its content.
    time, group
        Columns to split by, shape (n,), or None.
    name
        What people call the data.
    digest
        Content digest, independent of the row order, or "" when it was not computed.
    findings
        What was converted, left out or dropped when the data set was built.
    """

    X: pd.DataFrame
    y: pd.Series
    sensitive_features: pd.DataFrame
    favorable_label: Any = None
    key: pd.Series | None = None
    time: pd.Series | None = None
    group: pd.Series | None = None
    name: str = "data"
    digest: str = field(default="", compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for part in ("X", "sensitive_features"):
            _require_frame(part, getattr(self, part))
        for part in ("y", "key", "time", "group"):
            object.__setattr__(self, part, _as_column(part, getattr(self, part), self.X.index))
        parts = {part: getattr(self, part) for part in ("X", "y", "sensitive_features", "key", "time", "group")}
        for part, value in parts.items():
            if value is not None and len(value) != len(self.X):
                raise DataError(f"{part} has {len(value)} rows and X has {len(self.X)}: give the same rows to both")
        refuse_reordered(parts)
        shared = sorted(set(self.X.columns) & set(self.sensitive_features.columns))
        if shared:
            raise DataError(f"sensitive columns stand among the features: {', '.join(map(shorten, shared))}")
        good = favorable_labels(self.favorable_label)
        if self.favorable_label is not None:
            object.__setattr__(self, "favorable_label", good if len(good) > 1 else next(iter(good), None))
        known = self.classes if good and len(self.y) else good
        if good and not any(label in known for label in good):
            raise DataError(
                f"favorable_label {shorten(self.favorable_label)} is not a label of the target: "
                f"{nearest(good[0], known)}"
            )

    def __len__(self) -> int:
        return len(self.X)

    @property
    def classes(self) -> list[Any]:
        """The labels of the target, sorted."""
        try:
            return sorted(pd.unique(self.y).tolist(), key=lambda label: (str(type(label)), label))
        except TypeError as error:  # lists, complex numbers, and objects of somebody's own
            raise DataError("y holds values without an order: give one label a row, text or whole numbers") from error

    @property
    def task(self) -> Literal["binary", "multiclass"]:
        """``binary`` with two labels or fewer, else ``multiclass``."""
        return "binary" if len(self.classes) <= 2 else "multiclass"

    def to_frame(self) -> pd.DataFrame:
        """All columns side by side: features, sensitive attributes, target, then key, time and group.

        A column that serves twice (a time that is a feature too) stands there once.

        Examples
        --------
        >>> import pandas as pd
        >>> data = Dataset(pd.DataFrame({"a": [1]}), pd.Series([0], name="y"), pd.DataFrame({"sex": ["f"]}))
        >>> list(data.to_frame().columns)
        ['a', 'sex', 'y']
        """
        columns: dict[Any, pd.Series] = {name: self.X[name] for name in self.X.columns}
        columns |= {name: self.sensitive_features[name] for name in self.sensitive_features.columns}
        columns[self.y.name if self.y.name is not None else "target"] = self.y
        for role in ("key", "time", "group"):
            part = getattr(self, role)
            if part is not None:
                columns.setdefault(part.name if part.name is not None else role, part)
        plain = {name: part.reset_index(drop=True) for name, part in columns.items()}
        return pd.DataFrame(plain, columns=list(plain), index=pd.RangeIndex(len(self)))

    def take(self, rows: npt.ArrayLike) -> "Dataset":
        """The rows at these positions (or where a mask of shape (n,) is true), in that order; the digest is dropped.

        Examples
        --------
        >>> import pandas as pd
        >>> data = Dataset(pd.DataFrame({"a": [1, 2, 3]}), pd.Series([0, 1, 1]), pd.DataFrame({"sex": ["f", "m", "f"]}))
        >>> data.take([2, 0]).X["a"].tolist()
        [3, 1]
        """
        index = np.asarray(rows)
        positions = np.flatnonzero(index) if index.dtype == bool else index

        def cut(part: Any) -> Any:
            return None if part is None else part.iloc[positions].reset_index(drop=True)

        parts: Sequence[str] = ("X", "y", "sensitive_features", "key", "time", "group")
        return replace(self, digest="", **{part: cut(getattr(self, part)) for part in parts})
