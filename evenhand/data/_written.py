"""Numbers as they are printed for people: with thousands separators, a currency or percent sign."""

import re
from collections.abc import Iterable

import pandas as pd

from evenhand.data.frames import Decimal

__all__ = ["PLAIN", "as_written", "decimals_shown", "is_number"]

_FEWEST = 20
PLAIN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_CODES = "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|SEK|SGD|TRY|USD|ZAR"  # ISO 4217
_SIGN = rf"(?:[A-Z]{{0,3}}[$\u00a2-\u00a5\u0e3f\u20a0-\u20c0]|%|{_CODES})"
_DIGITS = r"[1-9]\d{{0,2}}(?P<gap>[{gap}'\u2019\s])\d{{3}}(?:(?P=gap)\d{{3}})*(?:{dot}\d+)?|\d+(?:{dot}\d*)?|{dot}\d+"
_CELL = (
    rf"\s*(?P<open>\()?(?P<minus>[+\-\u2212])?(?P<before>{_SIGN})?\s?(?P<late>[+\-\u2212])?"
    rf"(?P<digits>DIGITS)\s?(?P<trailing>-)?(?P<after>{_SIGN})?(?P<close>\))?(?P<last>-)?\s*"
)
_PRINTED: dict[Decimal, re.Pattern[str]] = {
    ".": re.compile(_CELL.replace("DIGITS", _DIGITS.format(gap=",", dot=r"\."))),
    ",": re.compile(_CELL.replace("DIGITS", _DIGITS.format(gap=".", dot=","))),
}
_SIGNED = ("open", "minus", "late", "trailing", "last")


def as_written(texts: pd.Series, decimal: Decimal | None, *, asked: bool) -> pd.Series | None:
    """The numbers of a column of text, or None where they cannot be told for sure.

    All cells have the same sign of a currency or a percentage, or none has one; ``$5`` is 5, ``7%`` is 7 and
    ``($5)`` is -5. What a comma and a point mean follows from `decimal` or from the cells: ``1,234`` by itself could be
    either and is no number then.

    Parameters
    ----------
    texts
        Cells as they are written, shape (n,).
    decimal
        What stands before the decimals, where that is known.
    asked
        Whether somebody says that the column is one of numbers. Otherwise only those count that cannot be codes or
        categories: more than twenty different ones, with a sign, with decimals, or separators in the long ones alone.

    Examples
    --------
    >>> as_written(pd.Series(["$1,234.50", None, "($20.00)"], dtype="str"), None, asked=True).tolist()
    [1234.5, nan, -20.0]
    >>> as_written(pd.Series(["1,234", "5,678"], dtype="str"), None, asked=True) is None
    True
    """
    present = texts.dropna()
    if not all(map(is_number, present.iloc[:50])):
        return None
    cells = present.unique().tolist()
    if not cells or (not asked and len(cells) <= _FEWEST):
        return None
    readings = [_read(cells, each) for each in ((decimal,) if decimal else (".", ","))]
    known = [reading for reading in readings if reading is not None]
    if not known or any(reading != known[0] for reading in known):
        return None
    sign, numbers = known[0]
    uniform = decimal is None or len({cell.strip().isdecimal() for cell in cells}) == 1
    if not asked and not sign and uniform and all(number.is_integer() for number in numbers):
        return None
    return texts.map(dict(zip(cells, numbers, strict=True))).astype("float64")


def decimals_shown(columns: Iterable[Iterable[str]]) -> set[Decimal]:
    """What stands before the decimals, by the columns of numbers that can be read in one way only.

    Examples
    --------
    >>> decimals_shown([["1.5", "62.388"], ["62.388"], ["7", "12"], ["Ulm"]])
    {'.'}
    """
    shown: set[Decimal] = set()
    for column in columns:
        cells = [cell for cell in column if cell.strip()]
        if any("." in cell or "," in cell for cell in cells):
            reads = [decimal for decimal in _PRINTED if all(_reads(cell, decimal) for cell in cells)]
            shown |= set(reads) if len(reads) == 1 else set()
    return shown


def _reads(cell: str, decimal: Decimal) -> bool:
    return bool(_PRINTED[decimal].fullmatch(cell)) or (decimal == "." and bool(PLAIN.fullmatch(cell)))


def is_number(text: str) -> bool:
    """Whether a cell could be a number, as a program or as a person writes one.

    Examples
    --------
    >>> [is_number(text) for text in ("1e5", "-$1,234.50", "7 %", "A1", "1.2.3")]
    [True, True, True, False, False]
    """
    return any(_reads(text, decimal) for decimal in _PRINTED)


def _read(cells: list[str], decimal: Decimal) -> tuple[str, list[float]] | None:
    """The sign and the numbers of cells of which all have that sign and are numbers with this decimal sign."""
    matches = [_PRINTED[decimal].fullmatch(cell) for cell in cells]
    found = [match for match in matches if match is not None and _is_whole(match)]
    signs = {match["before"] or match["after"] or "" for match in found}
    if len(found) < len(cells) or len(signs) > 1:
        return None
    return signs.pop(), [_number(match, decimal) for match in found]


def _is_whole(cell: re.Match[str]) -> bool:
    """Whether brackets come in pairs, and no sign comes twice."""
    doubled = bool(cell["before"] and cell["after"]) or sum(bool(cell[name]) for name in _SIGNED) > 1
    return not doubled and bool(cell["open"]) == bool(cell["close"])


def _number(cell: re.Match[str], decimal: Decimal) -> float:
    plain = float(re.sub(rf"[^\d{decimal}]", "", cell["digits"]).replace(decimal, "."))
    sign = next((cell[name] for name in _SIGNED if cell[name]), "+")
    return plain if sign == "+" else -plain
