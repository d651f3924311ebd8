"""Numbers, names and intervals as a person reads them; every card writes them the same way."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from evenhand.card.blocks import Cell

__all__ = [
    "count",
    "duration",
    "is_placeholder",
    "join",
    "metric_cell",
    "name_of",
    "number",
    "percent",
    "plain",
    "size",
    "visible",
    "words",
]

# Controls, and the marks that turn the direction of writing round: they make a page show what is not there.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_ADDRESS_SECRET = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*@")

_PLACEHOLDER = re.compile(
    "|fill (me )?in|to ?do|tb[adc]|to be (added|confirmed|defined|determined|done|filled in)|to fill in|fixme|xxx|n ?a"
    "|not (applicable|available)|placeholder|lorem ipsum"
)
"""What stands where a statement should, in lower case and without signs."""
_MARK = re.compile(r"\W*(FILL IN|TODO|TBD|TBA|FIXME)\b")
"""The marks, in capitals, that often have a reminder after them."""

_NAMES: Mapping[str, str] = {
    "roc_auc": "ROC AUC",
    "roc_auc_ovr": "ROC AUC (one against rest)",
    "average_precision": "PR AUC (average precision)",
    "average_precision_macro": "PR AUC (macro)",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "precision_macro": "Precision (macro)",
    "recall_macro": "Recall (macro)",
    "brier_score": "Brier score",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "npv": "Negative predictive value",
    "n": "Rows",
    "auc": "AUC",
}

_ALGORITHMS: Mapping[str, str] = {
    "logistic": "Logistic regression",
    "boosting": "Histogram gradient boosting",
    "perceptron": "Two-layer perceptron",
}


def is_placeholder(text: str) -> bool:
    """Whether a text only keeps the place of a statement: empty, without a letter or digit, or a word such as TODO.

    Examples
    --------
    >>> [is_placeholder(text) for text in ("FILL IN", "TODO: ask the owner", "tbd", "n/a", "...", "-", "")]
    [True, True, True, True, True, True, True]
    >>> [is_placeholder(text) for text in ("none", "Fill in the form at the desk", "NA 12, Todos Santos")]
    [False, False, False]
    """
    said = "".join(sign if sign.isalnum() else " " for sign in text)
    return _PLACEHOLDER.fullmatch(" ".join(said.casefold().split())) is not None or _MARK.match(text) is not None


def plain(value: object) -> str:
    """Any value as text without unseen characters, and without the secret of an address.

    Examples
    --------
    >>> plain("postgresql://me:secret@host/db")
    'postgresql://***@host/db'
    >>> plain(None), plain(True), plain(0.30000000000000004)
    ('none', 'yes', '0.3')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)}: {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return _ADDRESS_SECRET.sub("***@", visible(str(value))).strip()


def visible(text: str) -> str:
    """Text without the characters that show nothing or turn the direction of writing round."""
    return _UNSEEN.sub("", text)


def number(value: Any, digits: int = 3) -> str:
    """A number with `digits` significant places after a leading zero, or ``undefined``.

    Examples
    --------
    >>> number(0.81234), number(12345.6), number(None), number(0), number(2e-7)
    ('0.812', '12,346', 'undefined', '0', '2e-07')
    """
    if value is None or not isfinite(value):
        return "undefined"
    if value == int(value) and abs(value) >= 1:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 10**-digits:
        return f"{value:.{max(digits - 2, 1)}g}"
    text = f"{value:.{digits}f}"
    return text if abs(value) < 1 and digits <= 4 and value != 0 else text.rstrip("0").rstrip(".")


def percent(value: Any, digits: int = 1) -> str:
    """A share in percent, or ``undefined``.

    Examples
    --------
    >>> percent(0.1234), percent(None)
    ('12.3%', 'undefined')
    """
    return "undefined" if value is None or not isfinite(value) else f"{100 * value:.{digits}f}%"


def count(value: Any) -> str:
    """A count with thousands apart.

    Examples
    --------
    >>> count(12345), count(None)
    ('12,345', 'unknown')
    """
    return "unknown" if value is None else f"{int(value):,}"


def duration(seconds: Any) -> str:
    """A time in a fitting unit.

    Examples
    --------
    >>> duration(0.00213), duration(75.0), duration(None)
    ('2.1 ms', '75 s', 'not measured')
    """
    if seconds is None or not isfinite(seconds):
        return "not measured"
    if seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def size(amount: Any) -> str:
    """Bytes in a fitting unit.

    Examples
    --------
    >>> size(2048), size(None)
    ('2.0 KiB', 'not measured')
    """
    if amount is None or not isfinite(amount):
        return "not measured"
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def words(name: object) -> str:
    """A name of ours as words.

    Examples
    --------
    >>> words("demographic_parity_difference"), words("roc_auc")
    ('Demographic parity difference', 'ROC AUC')
    """
    text = plain(name)
    if text in _NAMES:
        return _NAMES[text]
    spaced = text.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def name_of(algorithm: object) -> str:
    """A candidate's name in full."""
    return _ALGORITHMS.get(str(algorithm), plain(algorithm))


def join(names: Sequence[object], limit: int = 8) -> str:
    """Names in one line, the rest counted.

    Examples
    --------
    >>> join(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(plain(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def metric_cell(metric: Mapping[str, Any] | None) -> Cell:
    """A figure with its interval, or why it has none."""
    if metric is None:
        return Cell("not measured", tone="absent")
    value, low, high = metric.get("value"), metric.get("low"), metric.get("high")
    reason = plain(metric.get("reason") or "")
    if value is None:
        return Cell("undefined", tone="absent", detail=reason)
    if low is None or high is None:
        return Cell(number(value), float(value), detail=reason)
    return Cell(number(value), float(value), detail=f"{number(low)} to {number(high)}", interval=(low, high))
