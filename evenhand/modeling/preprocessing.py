"""From raw features to the matrix that a classifier takes, and from its columns back to the features.

Everything is built from scikit-learn's own parts, so that a model goes through skops without types of ours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from evenhand.exceptions import DataError, shorten

__all__ = [
    "LARGEST",
    "MAX_CATEGORIES",
    "categorical_columns",
    "check_features",
    "make_preprocessor",
    "numeric_columns",
    "source_columns",
]

MAX_CATEGORIES = 32
"""A column's most frequent categories keep a column of their own, up to this many; the rest share one."""

LARGEST = 1e100
"""Beyond this, squares of values overflow in a sum, and every linear model would silently see 0 or NaN."""


def numeric_columns(X: pd.DataFrame) -> list[str]:
    """The columns that are numbers; booleans are categories."""
    return [
        str(name)
        for name, dtype in X.dtypes.items()
        if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    ]


def categorical_columns(X: pd.DataFrame) -> list[str]:
    """The columns that are not numbers, in the order of the frame."""
    numeric = set(numeric_columns(X))
    return [name for name in X.columns if name not in numeric]


def check_features(X: pd.DataFrame) -> None:
    """Refuse features that no candidate can use.

    Raises
    ------
    DataError
        There is no row or column; a column's name is not a string or stands twice; a column holds dates, durations,
        complex numbers, infinities or numbers beyond :data:`LARGEST`. Every such column is named.
    """
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise DataError(f"the features have {X.shape[0]} rows and {X.shape[1]} columns: both must be at least 1")
    odd = [name for name in X.columns if not isinstance(name, str)]
    if odd:
        raise DataError(f"column names must be strings: rename {', '.join(map(shorten, odd[:5]))}")
    twice = X.columns[X.columns.duplicated()].unique()
    if len(twice):
        raise DataError(f"column names stand twice: {', '.join(map(shorten, twice[:5]))}; rename or exclude one")
    problems = [problem for name in X.columns if (problem := _column_problem(X[name]))]
    if problems:
        raise DataError("; ".join(problems[:20]))


def _column_problem(column: "pd.Series[Any]") -> str:
    name, kind = shorten(column.name), getattr(column.dtype, "kind", "O")
    if kind in "mM" or isinstance(column.dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return f"column {name} holds dates or durations: derive numbers from it (year, days since) or exclude it"
    if kind == "c":
        return f"column {name} holds complex numbers: exclude it"
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.na_value is pd.NA:
        return f"column {name} is of the nullable dtype 'string', which scikit-learn cannot read: astype('str')"
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return ""
    values = np.abs(column.to_numpy(dtype=np.float64, na_value=np.nan))
    largest = np.fmax.reduce(values)
    if np.isinf(largest):
        return f"column {name} holds infinities: cap them or make them missing"
    return f"column {name} holds numbers beyond {LARGEST:g}: cap or rescale it" if largest > LARGEST else ""


def make_preprocessor(X: pd.DataFrame, *, scale: bool) -> ColumnTransformer:
    """An unfitted preprocessor for frames with the columns and dtypes of `X`.

    Numbers are imputed by their median, with an indicator column for those that had missing values, and standardised
    when `scale` is true. Everything else (strings, booleans, categories) is one-hot encoded; missing is a category
    of its own; the rarest categories beyond :data:`MAX_CATEGORIES` share a column, which also takes the categories
    that were never seen. Columns without any value are kept as a constant. The output is a dense float64 array.

    Parameters
    ----------
    X
        Features, shape (n, f). Only names and dtypes are read.
    scale
        Whether numbers (and their indicators) get mean 0 and standard deviation 1.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"age": [20.0, None, 40.0], "job": ["clerk", None, "smith"]})
    >>> make_preprocessor(X, scale=False).fit_transform(X).tolist()
    [[20.0, 0.0, 1.0, 0.0, 0.0], [30.0, 1.0, 0.0, 0.0, 1.0], [40.0, 0.0, 0.0, 1.0, 0.0]]
    """
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    steps = [("impute", impute), *([("scale", StandardScaler())] if scale else [])]
    encode = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False, dtype=np.float64
    )
    blocks: list[tuple[str, Any, list[str]]] = [
        ("numeric", Pipeline(steps), numeric_columns(X)),
        ("categorical", encode, categorical_columns(X)),
    ]
    return ColumnTransformer([block for block in blocks if block[2]], remainder="drop", sparse_threshold=0.0)


def source_columns(preprocessor: ColumnTransformer) -> list[str]:
    """The raw column that each encoded column of a fitted preprocessor comes from, in the encoded order.

    An imputed number and its missing indicator both count for the number.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"age": [20.0, None, 40.0], "job": ["clerk", None, "smith"]})
    >>> source_columns(make_preprocessor(X, scale=True).fit(X))
    ['age', 'age', 'job', 'job', 'job']
    """
    sources: list[str] = []
    for name, transformer, columns in preprocessor.transformers_:
        if name == "numeric":
            indicator = transformer.named_steps["impute"].indicator_
            sources += [*columns, *(columns[i] for i in indicator.features_)]
        elif name == "categorical":
            for column, width in zip(columns, _widths(transformer), strict=True):
                sources += [column] * width
    return sources


def _widths(encoder: OneHotEncoder) -> list[int]:
    # Counted from what scikit-learn publishes: the infrequent categories of a column share one encoded column.
    rare: list[npt.NDArray[Any] | None] = list(encoder.infrequent_categories_)
    return [
        len(categories) - (0 if grouped is None else len(grouped) - 1)
        for categories, grouped in zip(encoder.categories_, rare, strict=True)
    ]
