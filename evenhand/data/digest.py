"""What a table and each of its rows contain, as digests that do not depend on the order of the rows."""

import hashlib
import json
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.frames import value_texts

__all__ = ["ContentTally", "Hashes", "content_digest", "key_digests", "mix", "row_digests", "text_key"]

Hashes = npt.NDArray[np.uint64]

_MISSING = np.uint64(0x9E3779B97F4A7C15)
_WHOLE = r"-?[1-9][0-9]{0,17}|0"
_HASH_KEY = "evenhand-digest1"  # pandas wants exactly sixteen bytes; part of the format, never to change


def mix(values: Hashes) -> Hashes:
    """Spread 64-bit integers over all 64-bit integers, one to one.

    The finalizer of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").

    Examples
    --------
    >>> int(mix(np.array([1], dtype=np.uint64))[0]) == 6238072747940578789
    True
    """
    with np.errstate(over="ignore"):
        # In place: a million rows take longer to allocate than to mix.
        out = values >> np.uint64(30)
        out ^= values
        out *= np.uint64(0xBF58476D1CE4E5B9)
        out ^= out >> np.uint64(27)
        out *= np.uint64(0x94D049BB133111EB)
        out ^= out >> np.uint64(31)
    return out


def text_key(text: str) -> np.uint64:
    """A 64-bit key from a text: the first eight bytes of its SHA-256."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little"))


def row_digests(frame: pd.DataFrame) -> Hashes:
    """A 64-bit digest of the content of each row, shape (n,).

    Equal rows have equal digests whatever their place, index, the order of the columns and the storage of a number:
    1, 1.0 and True are the same content, so a column that becomes float because a value went missing changes only
    the rows where it did. None and NaN are the same content too.

    Examples
    --------
    >>> first, second = row_digests(pd.DataFrame({"a": [1, 1], "b": ["x", "x"]}))
    >>> bool(first == second)
    True
    """
    return _lanes(frame, ("row",))[0]


def key_digests(keys: pd.Series, role: str) -> Hashes:
    """A 64-bit digest of what each key or person is called, shape (n,), whichever type the column has.

    A source that turns whole numbers into text (another driver, a CSV file) names the same rows: 17, 17.0 and "17" are
    one key, and "017" is another.

    Parameters
    ----------
    keys
        The column, shape (n,).
    role
        ``"key"`` or ``"group"``: the same number is not the same in both.

    Examples
    --------
    >>> numbers, texts = pd.Series([17, 5]), pd.Series(["17", "017"])
    >>> (key_digests(numbers, "key") == key_digests(texts, "key")).tolist()
    [True, False]
    """
    column = keys.rename(role).reset_index(drop=True)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
        return row_digests(column.to_frame())
    if pd.api.types.is_integer_dtype(column.dtype):
        whole, numbers = column.notna().to_numpy(), column.dropna()
    else:
        column = value_texts(column).astype("str")
        whole = column.str.fullmatch(_WHOLE).to_numpy(dtype=bool, na_value=False)
        numbers = column[whole].astype("Int64")
    digests = np.empty(len(column), dtype=np.uint64)
    kind = np.uint64 if pd.api.types.is_unsigned_integer_dtype(numbers.dtype) else np.int64
    digests[whole] = row_digests(pd.DataFrame({role: numbers.to_numpy(dtype=kind)}))
    digests[~whole] = row_digests(column[~whole].astype(object).to_frame())
    return digests


def content_digest(frame: pd.DataFrame) -> str:
    """The SHA-256, in hex, of a table's columns (names, order, dtypes) and its rows in any order.

    Two 64-bit digests of each row are sorted and hashed together, so that duplicates count and no reordering of the
    rows matters. It finds accidents and honest changes; it is no defence against somebody who builds a collision.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1, 2, 2]})
    >>> content_digest(frame) == content_digest(frame.iloc[[2, 0, 1]])
    True
    >>> content_digest(frame) == content_digest(frame.iloc[:2])
    False
    """
    tally = ContentTally()
    tally.add(frame)
    return tally.hexdigest()


class ContentTally:
    """:func:`content_digest` of a table that comes in parts; it keeps 16 bytes a row.

    A column that holds whole numbers in one part and misses values in another is the column of floats that it would be
    in one piece.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1, 2, 2]})
    >>> tally = ContentTally()
    >>> for part in (frame.iloc[:2], frame.iloc[2:]):
    ...     tally.add(part)
    >>> tally.hexdigest() == content_digest(frame)
    True
    """

    def __init__(self) -> None:
        self._lanes: list[list[Hashes]] = [[], []]
        self._types: dict[str, set[str]] = {}
        self._first: dict[str, str] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Take the next rows, of the same columns as those before."""
        for place, name in enumerate(map(str, frame.columns)):
            series = frame.iloc[:, place]
            self._first.setdefault(name, _dtype_name(series))
            self._types.setdefault(name, set()).add(_dtype_name(series) if series.notna().any() else _EMPTY)
        for lane, hashes in zip(self._lanes, _lanes(frame, ("row", "second")), strict=True):
            lane.append(hashes)

    def hexdigest(self) -> str:
        """The digest of all rows so far."""
        first, second = (lane[0] if len(lane) == 1 else np.concatenate(lane) for lane in self._lanes)
        whole_type = {name: _common_type(kinds, self._first[name]) for name, kinds in self._types.items()}
        schema = [[name, kind] for name, kind in whole_type.items()]
        order = _order(first, second)
        whole = hashlib.sha256(json.dumps([schema, len(first)], ensure_ascii=True).encode())
        for lane in (first, second):
            whole.update(np.ascontiguousarray(lane[order], dtype="<u8").data)
        return whole.hexdigest()


_EMPTY = "nothing but missing values"


def _common_type(kinds: set[str], first: str) -> str:
    """The dtype that the parts of a column have together."""
    some = kinds - {_EMPTY}
    if len(kinds) == 1:
        return first
    if len(some) == 1 and some not in ({"int64"}, {"bool"}):
        return next(iter(some))
    if some <= {"int64", "float64"}:
        return "float64"
    return "object"


def _order(first: Hashes, second: Hashes) -> npt.NDArray[np.intp]:
    """The order by the first digest, and by the second where different rows share the first."""
    order = np.argsort(first)
    left, right = first[order], second[order]
    if ((left[1:] == left[:-1]) & (right[1:] != right[:-1])).any():
        return np.lexsort((second, first))
    return order


def _dtype_name(series: pd.Series) -> str:
    if isinstance(series.dtype, pd.StringDtype):
        return "str"
    return str(series.dtype)


def _lanes(frame: pd.DataFrame, lanes: Sequence[str]) -> list[Hashes]:
    totals = [np.zeros(len(frame), dtype=np.uint64) for _ in lanes]
    for place, name in enumerate(frame.columns):
        hashes = _column_hashes(frame.iloc[:, place])
        for at, lane in enumerate(lanes):
            # A sum does not depend on the order of the columns; the column's key keeps their values apart.
            totals[at] += mix(hashes ^ text_key(f"{lane}/{name}"))
    return [mix(total) for total in totals]


def _column_hashes(series: pd.Series) -> Hashes:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return _number_hashes(series.to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        stamps = series.to_numpy().astype("datetime64[us]").astype(np.int64)
        return mix(stamps.view(np.uint64) ^ text_key("datetime"))
    codes, uniques = pd.factorize(series, use_na_sentinel=True)
    hashes = np.empty(len(uniques) + 1, dtype=np.uint64)
    hashes[:-1] = _value_hashes(np.asarray(uniques, dtype=object))
    hashes[-1] = _MISSING
    return hashes[codes]


def _number_hashes(values: npt.NDArray[np.generic]) -> Hashes:
    floats = values.astype(np.float64) + 0.0  # adding zero makes -0.0 and 0.0 one number
    hashes = mix(floats.view(np.uint64))
    if values.dtype.kind in "iu" and len(values) and np.abs(floats).max() >= 2.0**53:
        # Beyond 2**53 neighbouring integers share a float: add what the float lost, which is 0 for all others.
        whole = floats.astype(values.dtype) if values.dtype.kind == "i" else floats.astype(np.uint64)
        with np.errstate(over="ignore"):
            lost = values.astype(np.uint64) - whole.astype(np.uint64)
            hashes = hashes + lost * np.uint64(0x9E3779B97F4A7C15)
    hashes[np.isnan(floats)] = _MISSING
    return hashes


def _value_hashes(values: npt.NDArray[np.object_]) -> Hashes:
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        try:
            return pd.util.hash_array(values, hash_key=_HASH_KEY, categorize=False) ^ text_key("text")
        except UnicodeEncodeError:
            # Half of a surrogate pair, which has no UTF-8: these values alone are hashed another way.
            odd = np.array([not _has_utf8(value) for value in values])
            hashes = np.empty(len(values), dtype=np.uint64)
            hashes[~odd] = _value_hashes(values[~odd])
            hashes[odd] = [text_key(f"text/{value}") for value in values[odd]]
            return hashes
    return np.array([_scalar_hash(value) for value in values], dtype=np.uint64)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scalar_hash(value: object) -> np.uint64:
    if isinstance(value, str):
        return cast("np.uint64", _value_hashes(np.array([value], dtype=object))[0])
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return cast("np.uint64", _number_hashes(np.array([value]))[0])
    return text_key(f"{type(value).__name__}/{value}")
