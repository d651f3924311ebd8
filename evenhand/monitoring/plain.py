"""Columns as training had them, outcomes and labels as text, and keys as hashes."""

from typing import Any

import pandas as pd

from evenhand.data.digest import key_digests
from evenhand.data.frames import plain_frame, value_text, value_texts

__all__ = ["as_text", "hash_keys", "hash_people", "outcome_texts", "plain_part", "regular"]


def outcome_texts(values: pd.Series, above: float | None = None) -> pd.Series:
    """Outcomes as text, missing ones left missing; numbers are cut first where the model's target was.

    Examples
    --------
    >>> outcome_texts(pd.Series([100.0, None, 300.0]), above=200).tolist()
    ['0', nan, '1']
    """
    plain = values.reset_index(drop=True)
    if above is not None:
        numbers = pd.to_numeric(plain, errors="coerce")
        plain = (numbers > above).astype("float64").where(numbers.notna())
    return as_text(plain)


def hash_keys(values: pd.Series) -> pd.Series:
    """What joins outcomes that come later to their rows: 64 bits of each key (``UInt64``), missing where there is none.

    1, 1.0 and "1" are one key; "01" is another. With 10,000,000 rows two keys share their bits once in 370,000 batches.

    Examples
    --------
    >>> whole, written = hash_keys(pd.Series([1, 20])), hash_keys(pd.Series(["1", "01"]))
    >>> bool(whole[0] == written[0]), bool(whole[0] == written[1])
    (True, False)
    >>> hash_keys(pd.Series(["1", None])).isna().tolist()
    [False, True]
    """
    return _hashed(values, "key")


def hash_people(values: pd.Series) -> pd.Series:
    """What tells the rows of one person from those of others, as :func:`hash_keys` does with keys."""
    return _hashed(values, "group")


def _hashed(values: pd.Series, role: str) -> pd.Series:
    return pd.Series(pd.arrays.IntegerArray(key_digests(values, role), values.isna().to_numpy(dtype=bool)))


def as_text(values: pd.Series) -> pd.Series:
    """Labels or keys as text; each different value is written once."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = [value_text(value) for value in values.cat.categories]
        return values.reset_index(drop=True).cat.rename_categories(names)
    return value_texts(values.reset_index(drop=True))


def plain_part(part: pd.DataFrame) -> pd.DataFrame:
    """A part as the model's data was when it was trained: dates as days, plain dtypes."""
    return regular(plain_frame(part))


def regular(part: pd.DataFrame) -> pd.DataFrame:
    """Dates as days since 1970, flags with gaps as numbers, decimals as numbers: as training had them.

    A column of what is no value at all, such as lists, is left without any: it is the contract's to report.
    """
    odd = [
        name
        for name in part.columns
        if part[name].dtype == object or pd.api.types.is_datetime64_any_dtype(part[name].dtype)
    ]
    if not odd:
        return part
    plain = plain_frame(part[odd], unused=lambda _: True)
    changed: dict[str, Any] = {}
    for name in odd:
        values = plain[name]
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            values = (values - pd.Timestamp(0)) / pd.Timedelta(days=1)
        elif values.dtype == object:
            values = values.astype("float64")
        changed[name] = values.set_axis(part.index)
    return part.assign(**changed)
