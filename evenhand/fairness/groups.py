"""Groups of people: sensitive columns become small codes with labels, missing values a group of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import combinations, pairwise
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.arrays import unmasked
from evenhand.order import JOINT, group_order

__all__ = [
    "Coded",
    "as_groups",
    "band_labels",
    "encode_groups",
    "encode_labels",
    "encode_values",
    "group_texts",
    "joined",
    "refuse_identifiers",
    "views",
]

_MOST_NUMBERS = 50
_DATES = (date, time, timedelta, pd.Period)
_SMALL_RANGE = 256


def joined(parts: Sequence[str]) -> str:
    """The name of an intersection; a part that holds the joint itself is quoted, so that no two are called the same.

    Examples
    --------
    >>> joined(["black", "female"]), joined(["x & y", "z"]), joined(["x & y"])
    ('black & female', '"x & y" & z', 'x & y')
    """
    if len(parts) == 1:
        return parts[0]
    return JOINT.join(f'"{part}"' if JOINT in part else part for part in parts)


@dataclass(frozen=True)
class Coded:
    """A column as codes: ``labels[codes[i]]`` is the value of row i.

    Attributes
    ----------
    codes
        Shape (n,), an integer type no wider than needed, each within ``range(len(labels))``.
    labels
        The values that may occur. A label that no row has is allowed: the table of counts drops it.
    """

    codes: npt.NDArray[Any]
    labels: tuple[Any, ...]

    @property
    def present(self) -> tuple[Any, ...]:
        """The labels that some row has."""
        return tuple(self.labels[code] for code in np.unique(self.codes).tolist())


def encode_values(values: Any, *, name: str, missing: str | None = None) -> Coded:
    """Codes of any column of labels: integers, booleans, strings, categories.

    Parameters
    ----------
    values
        Shape (n,): array, Series or list. It is not changed.
    name
        What an error calls the column.
    missing
        The label of missing values; None refuses them.

    Raises
    ------
    DataError
        The column is sparse or not one-dimensional, or has missing values that `missing` does not name.

    Examples
    --------
    >>> coded = encode_values(["b", "a", "b"], name="y")
    >>> coded.codes.tolist(), coded.labels
    ([1, 0, 1], ('a', 'b'))
    """
    if hasattr(values, "toarray"):
        raise DataError(f"{name} is a sparse matrix: give one label a row, shape (n,), as in .toarray().ravel()")
    known = pd.Series | pd.DataFrame | np.ndarray | pd.Categorical
    values = unmasked(values)
    array = values if isinstance(values, known) else pd.Series(values)
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}: give one label a row, shape (n,)")
    plain = _plain_integers(array)
    if plain is not None:
        small = _encode_range(plain)
        if small is not None:
            return small
    return _encode_any(array, name, missing)


def encode_labels(values: Any, *, name: str) -> Coded:
    """Codes of a column of a model's labels, and no label that no row has.

    Whole numbers of a small range are their own codes, and between -1 and 1, or 1, 2 and 4, lies one that is no label.

    Examples
    --------
    >>> encode_labels([-1, 1, 1], name="y").labels, encode_labels([0, 1], name="y").labels
    ((-1, 1), (0, 1))
    """
    coded = encode_values(values, name=name)
    if len(coded.labels) <= 2:
        return coded
    used = np.bincount(coded.codes, minlength=len(coded.labels)) > 0
    if used.all():
        return coded
    place = (np.cumsum(used) - 1).astype(_narrow(len(coded.labels)))
    return Coded(place[coded.codes], tuple(label for label, some in zip(coded.labels, used, strict=True) if some))


def _plain_integers(array: Any) -> npt.NDArray[Any] | None:
    dtype = array.dtype
    return np.asarray(array) if isinstance(dtype, np.dtype) and dtype.kind in "iub" else None


def _encode_range(array: npt.NDArray[Any]) -> Coded | None:
    """Integers of a small range are their own codes: one pass for the range, and no copy where they start at 0."""
    if array.dtype == bool:
        return Coded(array.view(np.uint8), (False, True))
    if array.size == 0:
        return Coded(array, ())
    low, high = int(array.min()), int(array.max())
    if high - low >= _SMALL_RANGE:
        return None
    labels = tuple(range(low, high + 1))
    if array.dtype.itemsize == 1 and low == 0:
        return Coded(array.view(np.uint8), labels)
    shifted = array - array.dtype.type(low) if low >= 0 else array.astype(np.int64) - low
    return Coded(shifted.astype(np.uint8), labels)


def _encode_any(array: Any, name: str, missing: str | None) -> Coded:
    try:
        codes, found = pd.factorize(array, use_na_sentinel=True)
    except TypeError as error:  # what has no hash
        raise DataError(f"{name} holds lists or the like: give one label a row, shape (n,)") from error
    values = [_scalar(value) for value in found]
    absent = int((codes < 0).sum())
    if absent and missing is None:
        raise DataError(f"{name} has {absent} missing values of {len(codes)}: give a label to every row")
    if missing is not None and missing not in values:
        values.append(missing)
    try:
        labels = sorted(dict.fromkeys(values), key=lambda label: (str(type(label)), label))
    except TypeError as error:  # complex numbers, and objects of somebody's own
        kinds = ", ".join(sorted({type(_scalar(value)).__name__ for value in found}))
        raise DataError(f"{name} holds values without an order ({kinds}): give text, numbers or dates") from error
    place = {label: code for code, label in enumerate(labels)}
    # The last entry answers code -1, the missing values.
    recode = np.array([*(place[_scalar(value)] for value in found), place.get(missing, 0)], dtype=_narrow(len(labels)))
    return Coded(recode[codes], tuple(labels))


def _scalar(value: Any) -> Any:
    """A Python scalar; an integral float is the integer that a missing neighbour turned into a float."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _narrow(size: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32


def band_labels(edges: Sequence[float]) -> list[str]:
    """Names of the bands that these edges cut: each holds its lower edge.

    Examples
    --------
    >>> band_labels([25, 62])
    ['under 25', '25 to under 62', '62 and over']
    >>> band_labels([1_000_000.5])
    ['under 1000000.5', '1000000.5 and over']
    """
    text = [np.format_float_positional(float(edge), trim="-") for edge in edges]
    inner = [f"{low} to under {high}" for low, high in pairwise(text)]
    return [f"under {text[0]}", *inner, f"{text[-1]} and over"]


def _edges(edges: Any, name: str) -> npt.NDArray[np.float64]:
    try:
        cuts = np.asarray(edges, dtype=float)
    except (TypeError, ValueError):
        cuts = np.array([])
    if cuts.ndim != 1 or not cuts.size or not (np.diff(cuts) > 0).all() or not np.isfinite(cuts).all():
        raise DataError(f"bins of {shorten(name)} are {shorten(edges)}: give rising numbers, as in [25, 40, 62]")
    return cuts


def _encode_bands(values: Any, edges: Sequence[float], name: str) -> Coded:
    cuts = _edges(edges, name)
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise DataError(f"bins of {shorten(name)} are numbers, and its values are dates: give the year or the age")
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    codes = np.searchsorted(cuts, numbers, side="right")
    codes[np.isnan(numbers)] = cuts.size + 1
    return Coded(codes.astype(_narrow(cuts.size + 2)), (*band_labels(edges), UNKNOWN))


def encode_groups(
    frame: pd.DataFrame, *, bins: Mapping[str, Sequence[float]] | None = None, part: bool = False
) -> dict[str, Coded]:
    """Codes of each sensitive column, with labels as strings, missing values and blanks as ``unknown``.

    Parameters
    ----------
    frame
        Shape (n, a): the sensitive columns.
    bins
        For a continuous column the edges of its bands; each band holds its lower edge.
    part
        The rows are a part of those counted, in which most may have a value of their own: whoever adds up the parts
        calls :func:`refuse_identifiers`.

    Raises
    ------
    DataError
        No column, two of one name, a column of many numbers without `bins`, of many dates or of texts that are nearly
        all different, or `bins` for no column or for one of dates.

    Examples
    --------
    >>> import pandas as pd
    >>> coded = encode_groups(pd.DataFrame({"age": [20, 70, None]}), bins={"age": [40]})["age"]
    >>> [coded.labels[code] for code in coded.codes]
    ['under 40', '40 and over', 'unknown']
    """
    names = [str(column) for column in frame.columns]
    if not names:
        raise DataError("sensitive_features has no column: give at least one attribute")
    if len(set(names)) < len(names):
        raise DataError(f"sensitive_features has columns of one name: {shorten(names)}")
    for name in bins or {}:
        if name not in names:
            raise DataError(f"bins names {shorten(name)}, no sensitive column: {nearest(name, names)}")
    coded = {}
    for position, name in enumerate(names):
        column = frame.iloc[:, position]
        edges = (bins or {}).get(name)
        coded[name] = _encode_column(column, name, part=part) if edges is None else _encode_bands(column, edges, name)
    return coded


def as_groups(sensitive_features: pd.DataFrame, *, bins: Mapping[str, Sequence[float]] | None = None) -> pd.DataFrame:
    """The sensitive columns as the groups that an audit names, which is what a mitigated model is fitted on.

    Parameters
    ----------
    sensitive_features
        Shape (n, a).
    bins
        For a continuous column the edges of its bands; one that holds the names of these bands is left as it is.

    Raises
    ------
    DataError
        As of :func:`encode_groups`.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [20, 70, None], "sex": ["f", " ", "m"]})
    >>> as_groups(people, bins={"age": [40]}).values.tolist()
    [['under 40', 'f'], ['40 and over', 'unknown'], ['unknown', 'm']]
    """
    done = [
        str(name)
        for at, name in enumerate(sensitive_features.columns)
        if str(name) in (bins or {}) and _banded(sensitive_features.iloc[:, at], (bins or {})[str(name)])
    ]
    open_ = {name: edges for name, edges in (bins or {}).items() if name not in done}
    coded = encode_groups(sensitive_features, bins=open_)
    texts = {at: np.array(one.labels, dtype=object)[one.codes] for at, one in enumerate(coded.values())}
    return pd.DataFrame(texts, index=sensitive_features.index).set_axis(sensitive_features.columns, axis=1)


def _banded(column: pd.Series, edges: Sequence[float]) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return False
    cuts = _edges(edges, str(column.name)).tolist()
    return set(group_texts(column).tolist()) <= {UNKNOWN, *band_labels(cuts)}


def _encode_column(column: pd.Series, name: str, *, part: bool) -> Coded:
    coded = encode_values(column, name=name, missing=UNKNOWN)
    _refuse_measures(coded, name)
    if not part and len(coded.labels) > _MOST_NUMBERS:  # so few are groups, and are not worth a pass over the rows
        refuse_identifiers(len(coded.present), len(coded.codes), name)
    labels = _texts(coded)
    # 1 and "1" in one column are one group, and so are all that is unknown.
    unique = sorted(set(labels), key=group_order)
    if unique == labels:
        return Coded(coded.codes, tuple(labels))
    place = {label: code for code, label in enumerate(unique)}
    recode = np.array([place[label] for label in labels], dtype=_narrow(len(unique)))
    return Coded(recode[coded.codes], tuple(unique))


def _texts(coded: Coded) -> list[str]:
    """The labels as they are shown; a blank says as little as a missing value."""
    return [text if (text := _text(label)).strip() else UNKNOWN for label in coded.labels]


def _text(label: Any) -> str:
    """A label as text; a day is one text, whether its column is of days or of times at midnight."""
    day = isinstance(label, datetime) and label.tzinfo is None and label == datetime.combine(label.date(), time())
    return str(label.date() if day else label)


def group_texts(column: pd.Series) -> npt.NDArray[Any]:
    """The group of each row as an audit names it, shape (n,), whatever the type of the column.

    Examples
    --------
    >>> group_texts(pd.Series([1.0, None, 2.0])).tolist(), group_texts(pd.Series(["a", " "], dtype="category")).tolist()
    (['1', 'unknown', '2'], ['a', 'unknown'])
    """
    coded = encode_values(column, name=str(column.name), missing=UNKNOWN)
    texts: npt.NDArray[Any] = np.array(_texts(coded), dtype=object)[coded.codes]
    return texts


def _refuse_measures(coded: Coded, name: str) -> None:
    """Refuse many numbers or dates: every one would be a group of its own."""
    if len(coded.labels) <= _MOST_NUMBERS:
        return
    labels = coded.present
    numbers = sum(isinstance(label, Number) and not isinstance(label, bool) for label in labels)
    if numbers > _MOST_NUMBERS:
        raise DataError(
            f"{shorten(name)} has {numbers} different numbers: "
            f"say how to band them, as in bins={{{name!r}: [25, 40, 62]}}"
        )
    dates = sum(isinstance(label, _DATES) for label in labels)
    if dates > _MOST_NUMBERS:
        raise DataError(
            f"{shorten(name)} has {dates} different dates: give the year or the age in its place, "
            f"and say how to band it, as in bins={{{name!r}: [25, 40, 62]}}"
        )


def refuse_identifiers(values: int, rows: int, name: str) -> None:
    """Refuse a column of which most rows have a value of their own: names or free texts, and no groups.

    Examples
    --------
    >>> refuse_identifiers(200, 1000, "occupation")
    >>> refuse_identifiers(990, 1000, "full_name")
    Traceback (most recent call last):
    ...
    evenhand.exceptions.DataError: 'full_name' has 990 different values in 1000 rows: a group is of several people, so \
give categories in its place
    """
    if values > _MOST_NUMBERS and 2 * values > rows:
        raise DataError(
            f"{shorten(name)} has {values} different values in {rows} rows: a group is of several people, "
            "so give categories in its place"
        )


def views(attributes: Sequence[str], depth: int) -> list[tuple[str, ...]]:
    """Each attribute, then every intersection of up to `depth` attributes.

    Examples
    --------
    >>> views(["race", "sex"], 2)
    [('race',), ('sex',), ('race', 'sex')]
    """
    if not isinstance(depth, int | np.integer) or isinstance(depth, bool) or depth < 1:
        raise DataError(f"depth is {shorten(depth)}: give 1 for no intersections, or a larger whole number")
    found = [view for size in range(1, depth + 1) for view in combinations(attributes, size)]
    crossed = {joined(view): view for view in found if len(view) > 1}
    for name in sorted(crossed.keys() & set(attributes)):
        of = shorten(list(crossed[name]))
        raise DataError(f"the attribute {shorten(name)} has the name of the intersection of {of}: rename it")
    return found
