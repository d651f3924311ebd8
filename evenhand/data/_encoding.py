"""In which encoding a text file is written."""

import codecs
from collections.abc import Callable
from typing import IO

from evenhand.exceptions import DataError, nearest, shorten

_CHUNK = 1 << 20
_MOST_EVIDENCE = 1 << 16
# The four-byte mark comes first: the mark of UTF-16 (little) is its beginning.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "cp1250", "cp1251", "shift_jis", "gb18030")
_GUESSABLE = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "iso8859_2", "koi8_r",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
_TEXT_CONTROLS = set(b"\t\n\r\f\x1b")

Opener = Callable[[], IO[bytes]]


def is_ascii_compatible(encoding: str) -> bool:
    """Whether bytes under 128 stand for ASCII wherever they occur in this encoding."""
    name = codecs.lookup(encoding).name
    return name.startswith(("utf-8", "iso8859", "cp125", "koi8", "ascii", "latin", "euc"))


def detect_encoding(open_bytes: Opener, name: str, *, head: bytes, encoding: str | None) -> str:
    """The encoding of a text file.

    The byte order mark decides, then whether all of it is UTF-8, then charset-normalizer's guess from the lines that
    are not ASCII.

    Raises
    ------
    DataError
        When the file is binary, the given encoding is unknown, or nothing fits.
    """
    if encoding is not None:
        return _known(encoding)
    marked = next((found for mark, found in _MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    if b"\x00" in head:
        return _without_mark(head, name)
    if _control_share(head) > 0.02:
        raise DataError(f"{name} is binary, no text: export the table as CSV or Parquet")
    evidence = _not_utf8(open_bytes)
    return "utf-8" if evidence is None else _guess(evidence, name)


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise DataError(f"encoding {shorten(encoding)} is unknown: {nearest(encoding, _COMMON)}") from None


def _without_mark(head: bytes, name: str) -> str:
    """UTF-16 without a mark: in text of mostly Western letters every other byte is 0."""
    even, odd = head[0::2], head[1::2]
    zeros_even, zeros_odd = even.count(0) / max(1, len(even)), odd.count(0) / max(1, len(odd))
    if zeros_odd > 0.4 and zeros_even < 0.05:
        return "utf-16-le"
    if zeros_even > 0.4 and zeros_odd < 0.05:
        return "utf-16-be"
    raise DataError(f"{name} is binary, no text: export the table as CSV or Parquet")


def _control_share(head: bytes) -> float:
    part = head[: 1 << 16]
    return sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in part) / len(part)


def _not_utf8(open_bytes: Opener) -> bytes | None:
    """None when all of the file is UTF-8, else lines of it that hold more than ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes() as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                lines = [line for line in chunk.splitlines() if not line.isascii()]
                return b"\n".join(lines)[:_MOST_EVIDENCE] or b"\xff"
            if not chunk:
                return None


def _guess(evidence: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    matches = from_bytes(evidence, cp_isolation=_GUESSABLE)
    best = matches.best()
    if best is None:
        raise DataError(f"{name} is not UTF-8 and its encoding cannot be told: set encoding, for instance to 'cp1252'")
    # Among readings that look equally orderly, the most widespread one is the likeliest.
    equal = [match.encoding for match in matches if match.chaos <= best.chaos and match.encoding == "cp1252"]
    return str(codecs.lookup(equal[0] if equal else best.encoding).name)
