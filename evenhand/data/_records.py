"""One look at all records of a large CSV file without parsing it: how many fields they have, and where codes are."""

from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

_CHUNK = 1 << 22
_QUOTE, _NEWLINE, _RETURN, _ZERO, _SPACE = 34, 10, 13, 48, 32

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]


class Records:
    """What is seen of the records of a file, block by block.

    Attributes
    ----------
    widths
        The numbers of fields that they have, blank lines left out.
    padded
        The positions, from 0, of the fields that hold a whole number with a leading zero somewhere below the header. A
        field of words may be among them without one.
    """

    def __init__(self, delimiter: str) -> None:
        self.widths: set[int] = set()
        self.padded: set[int] = set()
        self._delimiter = ord(delimiter)
        self._edge = np.zeros(256, dtype=bool)
        self._edge[[_QUOTE, _NEWLINE, _RETURN, _SPACE, self._delimiter]] = True
        # Of the record that the last block left open: the delimiters and bytes so far, and whether in a quoted cell.
        self._pending, self._length, self._is_quoted = 0, 0, False
        self._below_header = False

    def add(self, block: bytes) -> None:
        """Look at the next whole lines."""
        codes = np.frombuffer(block, dtype=np.uint8)
        is_inside = self._is_quoted
        places = np.flatnonzero((codes == _NEWLINE) | (codes == self._delimiter))
        if is_inside or _QUOTE in block:
            inside = np.bitwise_xor.accumulate(codes == _QUOTE) ^ is_inside
            self._is_quoted = bool(inside[-1])
            places = places[~inside[places]]
        at_end = np.flatnonzero(codes[places] == _NEWLINE)
        first = (0 if is_inside else -1) if self._below_header else self._end_of_header(block, places, at_end)
        if first is not None:
            self._below_header = True
            self._find_padded(block, places, at_end, first)
        self._count(codes, places, at_end)

    def _end_of_header(self, block: bytes, places: Places, at_end: Places) -> int | None:
        """Which place ends the first record that is no blank line."""
        start = 0
        for end in at_end:
            if self._length or block[start : places[end]].strip():
                return int(end)
            start = int(places[end]) + 1
        return None

    def _find_padded(self, block: bytes, places: Places, at_end: Places, first: int) -> None:
        """Look at the cells that begin behind a place from `first` on; -1 stands for the start of the block."""
        codes = np.frombuffer(block + b"\n\n", dtype=np.uint8)
        at = places[first:] + 1 if first >= 0 else np.concatenate([[0], places + 1])
        begin = codes[at]
        likely = np.flatnonzero((begin == _ZERO) | (begin == _SPACE) | (begin == _QUOTE))
        at, behind = at[likely], likely + first
        while (blank := (codes[at] == _SPACE) | (codes[at] == _QUOTE)).any():
            at = at + blank
        kept = (codes[at] == _ZERO) & _is_digit(codes[at + 1])
        at, behind, hits = at[kept] + 2, behind[kept], []
        while len(at):
            at_edge, goes_on = self._edge[codes[at]], _is_digit(codes[at])
            hits.append(behind[at_edge])
            at, behind = at[goes_on] + 1, behind[goes_on]
        if hits:
            found = np.concatenate(hits)
            which = np.searchsorted(at_end, found, side="right") - 1
            before = np.where(which < 0, -1 - self._pending, at_end[which] if len(at_end) else 0)
            self.padded |= set(np.unique(found - before).tolist())

    def _count(self, codes: Bytes, places: Places, at_end: Places) -> None:
        if not len(at_end):
            self._pending, self._length = self._pending + len(places), self._length + len(codes)
            return
        ends = places[at_end]
        counts = np.diff(at_end, prepend=-1) - 1
        lengths = np.diff(ends, prepend=-1) - 1
        counts[0] += self._pending
        lengths[0] += self._length
        returns = (codes[np.maximum(ends - 1, 0)] == _RETURN) & (lengths > 0)
        self.widths |= set(np.unique(counts[lengths - returns > 0] + 1).tolist())
        self._pending, self._length = len(places) - int(at_end[-1]) - 1, len(codes) - int(ends[-1]) - 1

    def close(self) -> None:
        """Count the last record, which no line's end may follow."""
        if self._length:
            self.widths.add(self._pending + 1)


def _is_digit(codes: Bytes) -> npt.NDArray[np.bool_]:
    return (codes >= _ZERO) & (codes < _ZERO + 10)


def scan_records(open_bytes: Callable[[], IO[bytes]], delimiter: str) -> Records:
    """Count the fields of every record, and find the fields with leading zeros.

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
    records = Records(delimiter)
    for block in _blocks(open_bytes):
        records.add(block)
    records.close()
    return records


def _blocks(open_bytes: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    """The file in blocks of whole lines, so that no cell is cut."""
    rest: list[bytes] = []
    with open_bytes() as file:
        while chunk := file.read(_CHUNK):
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield b"".join([*rest, chunk[:cut]])
                rest = []
            rest.append(chunk[cut:])
    if last := b"".join(rest):
        yield last
