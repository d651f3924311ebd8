"""A target made from a number."""

import pandas as pd

from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["cut_target"]


def cut_target(frame: pd.DataFrame, *, target: str, above: float) -> pd.DataFrame:
    """The frame with the target replaced by 1 where it is above a limit, else 0; missing values stay missing.

    Parameters
    ----------
    frame
        Rows, shape (n, c); it is not changed.
    target
        A numeric column.
    above
        The limit; a value at the limit is not above it.

    Raises
    ------
    DataError
        When there is no such column or it is not a number.

    Examples
    --------
    >>> import pandas as pd
    >>> cut_target(pd.DataFrame({"pay": [10.0, 20.0, 30.0, None]}), target="pay", above=20)["pay"].tolist()
    [0, 0, 1, <NA>]
    """
    if target not in frame.columns:
        raise DataError(f"the target {shorten(target)} is no column of the data: {nearest(target, frame.columns)}")
    column = frame[target]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        raise DataError(f"target_above needs a numeric target, and {shorten(target)} holds {column.dtype}")
    labels = (column > above).astype("Int64").mask(column.isna())
    if not column.isna().any():
        labels = labels.astype("int64")
    return frame.assign(**{target: labels})
