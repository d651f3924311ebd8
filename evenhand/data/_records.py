"""Counting the fields of every record of a large CSV file without parsing it."""

from collections.abc import Callable
from typing import IO

import numpy as np

_CHUNK = 1 << 22
_QUOTE, _NEWLINE, _RETURN = 34, 10, 13


def count_fields_fast(open_bytes: Callable[[], IO[bytes]], delimiter: str) -> set[int]:
    """The numbers of fields that the records of a file have, blank lines left out.

    A delimiter or a line's end between an odd and an even quotation mark belongs to a cell, which is exact for files in
    which a quotation mark inside a cell is doubled. For others the answer may be wrong, so a surprising one is to be
    checked by a real parser.

    Parameters
    ----------
    open_bytes
        Opens the file, in an encoding in which ASCII stands for itself.
    delimiter
        One ASCII character.
    """
    widths: set[int] = set()
    pending, length, is_quoted = 0, 0, False
    with open_bytes() as file:
        while chunk := file.read(_CHUNK):
            codes = np.frombuffer(chunk, dtype=np.uint8)
            places = np.flatnonzero((codes == _NEWLINE) | (codes == ord(delimiter)))
            if is_quoted or _QUOTE in chunk:
                inside = np.bitwise_xor.accumulate(codes == _QUOTE) ^ is_quoted
                is_quoted = bool(inside[-1])
                places = places[~inside[places]]
            at_end = np.flatnonzero(codes[places] == _NEWLINE)
            if not len(at_end):
                pending, length = pending + len(places), length + len(codes)
                continue
            ends = places[at_end]
            counts = np.diff(at_end, prepend=-1) - 1
            lengths = np.diff(ends, prepend=-1) - 1
            counts[0] += pending
            lengths[0] += length
            returns = (codes[np.maximum(ends - 1, 0)] == _RETURN) & (lengths > 0)
            widths |= set(np.unique(counts[lengths - returns > 0] + 1).tolist())
            pending, length = len(places) - int(at_end[-1]) - 1, len(codes) - int(ends[-1]) - 1
    if length:
        widths.add(pending + 1)
    return widths
