"""Codes among the numbers of a CSV file: texts of digits that a number would not give back."""

import pandas as pd

from evenhand.data.frames import is_text, padded

_EXACT = 2.0**53
_FEWEST_DIGITS = 16
_WHOLE = r"\s*[+-]?[0-9]+\s*"


def number_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that are no text."""
    return [name for name in frame.columns if not is_text(frame[name])]


def wide_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of floats that reach so far that neighbouring whole numbers are one float."""
    floats = [name for name in number_columns(frame) if frame[name].dtype.kind == "f"]
    return [name for name in floats if float(frame[name].abs().max()) >= _EXACT]


def holds_codes(texts: pd.Series) -> bool:
    """Whether a column that reads as numbers holds codes: a leading zero, or whole numbers that lose digits as floats.

    Parameters
    ----------
    texts
        The cells as they are written, shape (n,).
    """
    if padded(texts):
        return True
    present = texts.dropna()
    wide = pd.unique(present[present.str.len() >= _FEWEST_DIGITS])
    if not len(wide) or not present.str.fullmatch(_WHOLE).all():
        return False
    return any(int(float(text)) != int(text) for text in wide)
