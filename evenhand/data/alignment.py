"""Columns of the same rows are matched by position; indexes that contradict that are refused."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from evenhand.exceptions import DataError

__all__ = ["refuse_reordered"]


def refuse_reordered(columns: Mapping[str, Any]) -> None:
    """Refuse two pandas columns (or frames) whose indexes name the same rows in another order.

    Indexes of other labels are accepted: predictions often count from 0 where the labels keep the index of a split.

    Raises
    ------
    DataError
        Naming both.

    Examples
    --------
    >>> import pandas as pd
    >>> y = pd.Series([1, 0], index=["ann", "bob"])
    >>> refuse_reordered({"y_true": y, "y_pred": y.set_axis([0, 1])})
    >>> refuse_reordered({"y_true": y, "y_pred": y.set_axis(pd.MultiIndex.from_tuples([("ann", 1), ("bob", 1)]))})
    >>> refuse_reordered({"y_true": y, "y_pred": y[::-1]})
    Traceback (most recent call last):
    ...
    evenhand.exceptions.DataError: y_true and y_pred have the same index in another order, and rows are matched by \
position: bring them into one order (.loc[y_true.index]), or drop what is no row's name (.reset_index(drop=True))
    """
    indexed = [(name, part.index) for name, part in columns.items() if isinstance(part, pd.Series | pd.DataFrame)]
    for (first, a), (second, b) in combinations(indexed, 2):
        if _reordered(a, b):
            raise DataError(
                f"{first} and {second} have the same index in another order, and rows are matched by position: bring "
                f"them into one order (.loc[{first}.index]), or drop what is no row's name (.reset_index(drop=True))"
            )


def _reordered(a: pd.Index, b: pd.Index) -> bool:
    if a.nlevels != b.nlevels or len(a) != len(b) or a.equals(b) or not (a.is_unique and b.is_unique):
        return False
    return bool(a.isin(b).all())
