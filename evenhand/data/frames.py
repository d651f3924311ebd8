"""Plain columns: whatever a source hands over becomes numbers, booleans, strings or dates, or a clear error."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError, Problem, nearest, shorten

__all__ = [
    "Decimal",
    "Kind",
    "Known",
    "ReadAs",
    "as_numbers",
    "column_kind",
    "distinct_texts",
    "is_text",
    "padded",
    "plain_frame",
    "require_columns",
    "value_text",
    "value_texts",
]

Kind = Literal["integer", "number", "boolean", "text", "datetime", "empty", "mixed"]

ReadAs = Literal["text", "number"]
"""How a column of a CSV file is read: as text, as it is written, or as numbers unless it holds words."""

Decimal = Literal[".", ","]
"""What stands before the decimals of a number."""


@dataclass(frozen=True)
class Known:
    """What is known of a CSV file beforehand, where the file itself does not say otherwise.

    Attributes
    ----------
    kinds
        What columns are read as.
    decimal
        What stands before the decimals: ``62.388`` alone could be either.
    """

    kinds: Mapping[str, ReadAs] = field(default_factory=dict)
    decimal: Decimal | None = None


_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_KINDS: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "datetime"}
_INFERRED: dict[str, Kind] = {"boolean": "boolean", "string": "text"}
_DATES = {"date", "datetime", "datetime64"}
_WIDEST = 2**63 - 1
_PADDED = r"\s*0[0-9]+\s*"


def value_text(value: object) -> str:
    """A value as it is written in a configuration: 1.0 and 1 are both ``1``.

    Examples
    --------
    >>> value_text(1.0), value_text(True), value_text("a b")
    ('1', 'True', 'a b')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def value_texts(series: pd.Series) -> pd.Series:
    """The values of a column as :func:`value_text` writes them; missing values stay missing."""
    if isinstance(series.dtype, pd.StringDtype):
        return series
    codes, uniques = pd.factorize(series, use_na_sentinel=True)
    texts = pd.array([value_text(value) for value in uniques], dtype="str")
    return pd.Series(texts.take(codes, allow_fill=True), index=series.index, name=series.name)


def distinct_texts(series: pd.Series) -> list[str]:
    """The different values of a column as :func:`value_text` writes them, sorted, without missing ones."""
    return sorted({value_text(value) for value in pd.unique(series.dropna()).tolist()})


def is_text(series: pd.Series) -> bool:
    """Whether a column has the dtype of text."""
    return isinstance(series.dtype, pd.StringDtype)


def padded(series: pd.Series) -> bool:
    """Whether some value of a text column is a whole number written with a leading zero, as codes are.

    Examples
    --------
    >>> padded(pd.Series(["007", "12"], dtype="str")), padded(pd.Series(["0", "0.5", "01/02/2024"], dtype="str"))
    (True, False)
    """
    return is_text(series) and bool(series.str.fullmatch(_PADDED).fillna(value=False).any())


def as_numbers(texts: pd.Series) -> pd.Series:
    """A text column with a number in place of each value that reads as one; the others stay as they are.

    Examples
    --------
    >>> as_numbers(pd.Series(["007", "x", None], dtype="str")).tolist()
    [7, 'x', None]
    """
    codes, uniques = pd.factorize(texts, use_na_sentinel=True)
    values = np.array([*(_number(text) for text in uniques), None], dtype=object)
    return pd.Series(values[codes], index=texts.index, name=texts.name, dtype=object)


def _number(text: str) -> int | float | str:
    if text.strip().isdecimal() and len(text) < 20:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def column_kind(series: pd.Series) -> Kind:
    """The kind of a plain column: what a contract promises about its type.

    Examples
    --------
    >>> column_kind(pd.Series([1, 2])), column_kind(pd.Series(["a", None]))
    ('integer', 'text')
    """
    if not len(series) or not series.notna().any():
        return "empty"
    if isinstance(series.dtype, pd.StringDtype):
        return "text"
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in _KINDS:
        return _KINDS[series.dtype.kind]
    inferred = pd.api.types.infer_dtype(series, skipna=True)
    return _INFERRED.get(inferred, "mixed")


def plain_frame(frame: pd.DataFrame, *, unused: Callable[[str], bool] | None = None) -> pd.DataFrame:
    """The same rows with plain dtypes, text column names and a fresh index.

    Categories become their values, nullable dtypes their numpy ones, text ``str``, dates ``datetime64`` without zone
    (UTC), decimals floats; numbers mixed with text become text, and so do integers of more than 64 bits.

    Parameters
    ----------
    frame
        Any frame.
    unused
        Whether nothing uses a column: it is left without a value where it holds what no table of features has.

    Raises
    ------
    DataError
        When a column repeats a name, or holds lists, bytes or other things that no table of features has.
    """
    names = [str(name) for name in frame.columns]
    check_unique_names(names)
    columns, problems = {}, []
    for position, name in enumerate(names):
        try:
            columns[name] = plain_column(frame.iloc[:, position]).reset_index(drop=True)
        except DataError as error:
            if unused is not None and unused(name):
                columns[name] = pd.Series(np.full(len(frame), np.nan))
            else:
                problems.append(Problem(f"column {shorten(name)}", str(error)))
    if problems:
        raise DataError("the data holds what a table of features cannot: " + "; ".join(map(str, problems)))
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), columns=names, copy=False)


def check_unique_names(names: Iterable[str]) -> None:
    """Refuse two columns of one name.

    Raises
    ------
    DataError
        Naming the repeated columns and their positions.
    """
    seen: dict[str, list[int]] = {}
    for position, name in enumerate(names, start=1):
        seen.setdefault(name, []).append(position)
    repeated = {name: places for name, places in seen.items() if len(places) > 1}
    if repeated:
        shown = "; ".join(
            f"{shorten(name)} (columns {', '.join(map(str, places[:5]))})"
            for name, places in list(repeated.items())[:10]
        )
        raise DataError(f"column names are repeated: {shown}: give each column a name of its own")


def plain_column(series: pd.Series) -> pd.Series:
    """One column with a plain dtype; see :func:`plain_frame`.

    Raises
    ------
    DataError
        When it holds what no table of features has.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = plain_column(pd.Series(dtype.categories))
        return _take_with_missing(categories, series.cat.codes.to_numpy(), series.index)
    if isinstance(dtype, pd.StringDtype):
        return series.astype("str")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.Series(series.dt.tz_convert("UTC").dt.tz_localize(None))
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbMmc":
        return _plain_numbers(series, dtype)
    return _plain_objects(series.astype(object))


def _take_with_missing(values: pd.Series, codes: npt.NDArray[Any], index: pd.Index) -> pd.Series:
    if (codes < 0).any() and values.dtype.kind in "iub":
        values = values.astype(object if values.dtype.kind == "b" else float)
    taken = values.reindex(codes).set_axis(index)
    return taken if values.dtype == object else taken.astype(values.dtype)


def _plain_numbers(series: pd.Series, dtype: np.dtype[Any]) -> pd.Series:
    if dtype.kind == "c":
        raise DataError("complex numbers are no feature: store the real and imaginary parts")
    if dtype.kind == "m":
        return pd.Series(series.dt.total_seconds() / 86_400)
    if dtype.kind == "u":
        fits = not len(series) or int(series.max()) <= _WIDEST
        return series.astype("int64") if fits else _mixed_to_text(series.astype(object))
    if dtype.itemsize != 8 and dtype.kind in "if":
        return series.astype("int64" if dtype.kind == "i" else "float64")
    return series


def _plain_objects(series: pd.Series) -> pd.Series:
    inferred = pd.api.types.infer_dtype(series, skipna=True)
    if inferred == "string":
        return series.astype("str")
    if inferred == "empty":
        return pd.Series(np.full(len(series), np.nan), index=series.index)
    if inferred == "boolean":
        return series.astype("bool") if series.notna().all() else series.where(series.notna(), None)
    if inferred in _NUMBERS:
        return _numbers_from_objects(series)
    if inferred in _DATES:
        return plain_column(pd.to_datetime(series, utc=True))
    return _mixed_to_text(series)


def _numbers_from_objects(series: pd.Series) -> pd.Series:
    """Numbers; integers of more than 64 bits stay as they are written, since floats would take two for the same."""
    present = series.notna()
    whole = [isinstance(value, int | np.integer) for value in series[present]]
    wide = sum(abs(int(value)) > _WIDEST for value, is_whole in zip(series[present], whole, strict=True) if is_whole)
    if wide:
        if all(whole) and 2 * wide >= len(whole):
            return _mixed_to_text(series)
        raise DataError(
            f"{wide} of {len(whole)} values are integers of more than 64 bits: correct them, or take the column out of "
            "the data"
        )
    if present.all() and all(whole):
        return series.astype("int64")
    return pd.Series(
        [float(value) if there else np.nan for value, there in zip(series, present, strict=True)],
        index=series.index,
        dtype="float64",
    )


def _mixed_to_text(series: pd.Series) -> pd.Series:
    present = series[series.notna()]
    odd = sorted({type(value).__name__ for value in present if not isinstance(value, str | int | float | np.generic)})
    if odd:
        raise DataError(
            f"holds values of type {', '.join(odd)}: store text, numbers or dates, or name the column in data.exclude"
        )
    texts = np.array([value_text(value) for value in present], dtype=object)
    return pd.Series(texts, index=present.index, dtype="str").reindex(series.index)


def require_columns(frame: pd.DataFrame, wanted: Iterable[tuple[str, str]]) -> None:
    """Refuse names that are no column of the frame, all at once.

    Parameters
    ----------
    frame
        The data.
    wanted
        Pairs of what asks for it (``target``) and the column's name.

    Raises
    ------
    DataError
        Listing every missing column with the nearest name.
    """
    missing: dict[str, str] = {}
    for role, name in wanted:
        if name not in frame.columns:
            hint = nearest(name, frame.columns)
            once = "" if hint in missing.values() else f": {hint}"  # all columns are listed a single time
            missing[f"{role} {shorten(name)} is no column of the data{once}"] = hint
    if missing:
        raise DataError("; ".join(missing))
