"""Array types, and a quotient that says where it is undefined."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Array", "Bools", "Floats", "Ints", "divide", "exact_frame", "unmasked"]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WIDE = 64  # bits: narrower whole numbers are all exact as floats


def unmasked(values: Any) -> Any:
    """A masked array as a plain one in which what it hides is missing: NaN, or None; anything else as it is.

    Examples
    --------
    >>> unmasked(np.ma.masked_array([1, 0], mask=[True, False])).tolist()
    [nan, 0.0]
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values):
        return values.data
    number = values.dtype.kind in "fiu"
    plain = values.data.astype(float if number else object)
    plain[np.ma.getmaskarray(values)] = np.nan if number else None
    return plain


def exact_frame(table: Any) -> pd.DataFrame:
    """A table, batch or column of Arrow as a frame in which whole numbers are exact, also those beside a null.

    Pandas makes such a column floats, and from 2**53 on several whole numbers are one float.

    Examples
    --------
    >>> import pyarrow as pa
    >>> exact_frame(pa.table({"g": [2**60, 2**60 + 1, None]}))["g"].nunique()
    2
    """
    if not hasattr(table, "schema"):
        column = _exact_column(table)
        return column.to_frame(name="sensitive_feature" if column.name is None else column.name)
    frame: pd.DataFrame = table.to_pandas()
    for place, name in enumerate(table.schema.names):
        column = table.column(place)
        if name in frame and _rounds(column):
            frame[name] = _exact_column(column).array
    return frame


def _rounds(column: Any) -> bool:
    import pyarrow as pa

    return bool(column.null_count and pa.types.is_integer(column.type) and column.type.bit_width == _WIDE)


def _exact_column(column: Any) -> pd.Series:
    nullable = {"int64": pd.Int64Dtype(), "uint64": pd.UInt64Dtype()}
    kinds = (lambda kind: nullable.get(str(kind))) if _rounds(column) else None
    found: pd.Series = column.to_pandas(types_mapper=kinds)
    return found


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """The quotient, NaN where the denominator is 0 (also for 0/0), without a warning."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float))
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out
