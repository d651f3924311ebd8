"""Array types, and a quotient that says where it is undefined."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Bools", "Floats", "Ints", "divide", "unmasked"]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """The quotient, NaN where the denominator is 0 (also for 0/0), without a warning."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float))
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out
