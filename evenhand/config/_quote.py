"""Text of unknown origin as a YAML scalar on one line."""

import re

from evenhand.yaml_reader import scalar

__all__ = ["quote"]

_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_ ./-]*[A-Za-z0-9_./-])?\Z")
_YAML_1_1 = frozenset(["y", "n", "yes", "no", "on", "off"])  # what other readers of YAML take for a boolean
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quote(text: str) -> str:
    r"""The text as it may stand in YAML: plain where that is safe, else in double quotes.

    Examples
    --------
    >>> print(*[quote(text) for text in ("loan amount", "no", "12", "a: b #c", "=1+1\n")])
    loan amount "no" "12" "a: b #c" "=1+1\n"
    """
    if _PLAIN.match(text) and isinstance(scalar(text), str) and text.lower() not in _YAML_1_1:
        return text
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
