"""CSV files as they come from spreadsheets and databases: what cannot be told for sure is an error that says so."""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import IO

import pandas as pd

from evenhand.data._codes import holds_codes, number_columns, wide_columns
from evenhand.data._encoding import detect_encoding, is_ascii_compatible
from evenhand.data._records import scan_records
from evenhand.data._written import PLAIN, as_written, decimals_shown, is_number
from evenhand.data.frames import Decimal, Known, ReadAs, check_unique_names, is_text, plain_frame, require_columns
from evenhand.exceptions import DataError, shorten

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 200

Opener = Callable[[], IO[bytes]]


def read_csv(
    open_bytes: Opener,
    name: str,
    *,
    head: bytes,
    encoding: str | None,
    delimiter: str | None,
    decimal: Decimal | None,
    asked: Mapping[str, ReadAs],
    known: Known,
) -> pd.DataFrame:
    """Read a CSV file.

    A column that reads as numbers throughout is one of numbers, also as they are printed (``$1,234.50``), but for
    codes: where some cell of the whole file is a whole number with a leading zero, or loses digits as a float, all
    cells stay the text that they are.

    Parameters
    ----------
    open_bytes
        Opens the file from its start.
    name
        What errors call it.
    head
        Its first bytes.
    encoding, delimiter, decimal
        Found out when None.
    asked
        What somebody wants certain columns to be read as; each must be there.
    known
        What columns are known to be, as far as nobody asked otherwise; they need not be there. And what stands before
        the decimals, where the file does not show it.

    Returns
    -------
    pandas.DataFrame
        A plain frame; ``attrs`` holds what was found out. Missing values are what pandas takes for one: an empty
        cell, ``NA``, ``NaN``, ``None``, ``null`` ...

    Raises
    ------
    DataError
        When it is no regular table.
    """
    encoding = detect_encoding(open_bytes, name, head=head, encoding=encoding)
    sample = _sample(head, encoding, name)
    delimiter = _checked_delimiter(sample, delimiter, name) if delimiter else _sniffed(sample, name)
    records = _records(_lines_of(sample), delimiter, name, spaced=_is_spaced(sample, delimiter))
    names = _header(records, name)
    spaced = _is_spaced(sample, delimiter)
    padded = _check_widths(open_bytes, len(names), encoding, delimiter, name, spaced=spaced)
    decimal = decimal or _decimal(records[1:], known.decimal)
    options = {"sep": delimiter, "skipinitialspace": spaced, "decimal": decimal or "."}
    require_columns(pd.DataFrame(columns=names), [(f"{kind} column", column) for column, kind in asked.items()])
    kinds = {column: kind for column, kind in {**known.kinds, **asked}.items() if column in names}
    parse = partial(_parsed, open_bytes, names, encoding, name, options)
    cells = _with_codes(parse, kinds, None if padded is None else {names[place] for place in padded})
    frame = plain_frame(_with_numbers(cells, kinds, decimal))
    _check_numbers(frame, asked, name)
    frame.attrs.update(encoding=encoding, delimiter=delimiter, decimal=decimal)
    return frame


def _with_codes(
    parse: Callable[..., pd.DataFrame], kinds: Mapping[str, ReadAs], padded: Collection[str] | None
) -> pd.DataFrame:
    """The cells, those of codes as text.

    `kinds` decides where it knows a column, elsewhere what stands in the file: `padded` are the columns with leading
    zeros, None where that is not known yet.
    """
    text = {column for column, kind in kinds.items() if kind == "text"} | set(padded or ()).difference(kinds)
    frame = parse(sorted(text))
    unsure = number_columns(frame) if padded is None else wide_columns(frame)
    unsure = [column for column in unsure if column not in kinds]
    if not unsure:
        return frame
    # Another parse, as costly as the first: only of columns that could lose something.
    texts = parse(unsure, only=unsure)
    codes = {column: texts[column] for column in unsure if holds_codes(texts[column])}
    return frame.assign(**codes) if codes else frame


def _with_numbers(frame: pd.DataFrame, kinds: Mapping[str, ReadAs], decimal: Decimal | None) -> pd.DataFrame:
    """The cells, those that are printed for people as the numbers that they are."""
    texts = [name for name in frame.columns if is_text(frame[name]) and kinds.get(name) != "text"]
    read = {name: as_written(frame[name], decimal, asked=name in kinds) for name in texts}
    numbers = {name: column for name, column in read.items() if column is not None}
    return frame.assign(**numbers) if numbers else frame


def _parsed(
    open_bytes: Opener,
    names: Sequence[str],
    encoding: str,
    name: str,
    options: dict[str, object],
    text: Sequence[str],
    *,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The cells, those of the columns `text` as they are written; `only` leaves out all other columns."""
    read = {"header": 0, "names": list(names), "index_col": False, "usecols": only, "low_memory": False}
    try:
        with open_bytes() as file, warnings.catch_warnings():
            # Stray quotation marks can be read in two ways; where pandas' is not ours, nobody knows which is meant.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(  # type: ignore[call-overload]
                file, encoding=encoding, dtype=dict.fromkeys(text, "str"), **read, **options
            )
    except pd.errors.ParserError as error:
        if "EOF inside string" in str(error):
            raise DataError(f"{name}: a quotation mark is opened and never closed: double it inside a cell") from None
        raise DataError(f"{name} cannot be parsed as CSV: check quotes and delimiters") from None
    except pd.errors.ParserWarning:
        raise DataError(f"{name} has stray quotation marks: quote whole cells, and double the marks inside") from None
    except UnicodeDecodeError:
        raise DataError(f"{name} is not written in {encoding} throughout: set encoding to what wrote it") from None
    if not len(frame):
        raise DataError(f"{name} has a header and no rows: give at least one, for a training a few hundred")
    return frame


def _sample(head: bytes, encoding: str, name: str) -> str:
    try:
        text = io.TextIOWrapper(io.BytesIO(head), encoding=encoding, errors="ignore", newline="").read()
    except LookupError:  # pragma: no cover - detect_encoding has looked it up
        raise DataError(f"{name}: encoding {encoding} is unknown") from None
    lines = _lines_of(text)
    # The last line may be cut off in the middle, and so may a quoted cell that goes over several lines.
    return "".join(lines[: min(_SAMPLE, max(1, len(lines) - 1 if len(head) >= 1 << 20 else len(lines)))])


def _lines_of(text: str) -> list[str]:
    """The lines with their ends; unlike ``str.splitlines`` only where a CSV file has them."""
    return list(io.StringIO(text, newline=""))


def _records(lines: Sequence[str] | Iterator[str], delimiter: str, name: str, *, spaced: bool) -> list[list[str]]:
    try:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
        return [record for record in reader if record and any(cell.strip() for cell in record)]
    except csv.Error:
        raise DataError(
            f"{name} has a cell of more than {csv.field_size_limit()} characters: "
            "a quotation mark is probably opened and never closed"
        ) from None


def _is_spaced(sample: str, delimiter: str) -> bool:
    """Whether the first line has a space after every delimiter, as in ``a, b, c``."""
    first = next((line for line in _lines_of(sample) if line.strip()), "")
    found = first.count(delimiter)
    return delimiter != "\t" and found > 0 and first.count(delimiter + " ") == found


def _sniffed(sample: str, name: str) -> str:
    lines = _lines_of(sample)
    widths = {}
    for delimiter in DELIMITERS:
        records = _records(lines, delimiter, name, spaced=_is_spaced(sample, delimiter))
        widths[delimiter] = [len(record) for record in records]
    able = [delimiter for delimiter, found in widths.items() if found and found[0] > 1]
    regular = [delimiter for delimiter in able if len(set(widths[delimiter])) == 1]
    if len(regular) == 1:
        return regular[0]
    if len(regular) > 1:
        raise DataError(
            f"{name} reads as a table with any of the delimiters {', '.join(map(repr, regular))}: set delimiter"
        )
    if not able:
        # A title line above the table has no delimiter, though the lines below it have.
        able = [delimiter for delimiter, found in widths.items() if found and max(found) > 1]
    if not able:
        raise DataError(
            f"{name} has one column with each of the delimiters {', '.join(map(repr, DELIMITERS))}: set delimiter, "
            "or give a table of two columns and more"
        )
    return max(able, key=lambda delimiter: Counter(widths[delimiter]).most_common(1)[0][1] * (widths[delimiter][0] > 1))


def _checked_delimiter(sample: str, delimiter: str, name: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(f"delimiter {shorten(delimiter)} is not one character: give ',', ';', '|' or a tab")
    first = next((line for line in _lines_of(sample) if line.strip()), "")
    if delimiter in first:
        return delimiter
    others = [other for other in DELIMITERS if other in first]
    remedy = f"set delimiter to {others[0]!r}" if others else "leave delimiter out to find it out"
    raise DataError(f"delimiter {delimiter!r} does not occur in the header of {name}: {remedy}")


def _header(records: Sequence[Sequence[str]], name: str) -> list[str]:
    cells = [cell.strip() for cell in records[0]]
    if records[0] in records[1:]:
        again = 2 + list(records[1:]).index(records[0])
        raise DataError(f"{name} has its header again in record {again}: it looks like files put together; take it out")
    if _looks_like_data(records):
        # Before any message shows column names: here they would be somebody's row.
        raise DataError(f"{name} has no header: its first line looks like a row; write the column names above it")
    names = [cell or f"unnamed_{place}" for place, cell in enumerate(cells, start=1)]
    try:
        check_unique_names(names)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    return names


def _looks_like_data(records: Sequence[Sequence[str]]) -> bool:
    """Whether two cells of the first line are no names: numbers, or values that come again in their own column.

    Evenly rising numbers (0, 1, 2 or years) may be names, and so may a single odd cell.
    """
    first, rows = records[0], [record for record in records[1:] if len(record) == len(records[0])]
    numbers = [float(cell) for cell in first if PLAIN.fullmatch(cell)]
    steps = {round(after - before, 9) for before, after in pairwise(numbers)}
    is_series = len(steps) == 1 and steps.pop() > 0
    recurring = sum(any(row[at] == cell for row in rows) for at, cell in enumerate(first) if not PLAIN.fullmatch(cell))
    odd = (0 if is_series else len(numbers)) + recurring
    return odd >= 2 or (odd > 0 and odd == len(first))


def _decimal(records: Sequence[Sequence[str]], usual: Decimal | None) -> Decimal | None:
    """What the file shows to stand before the decimals, else what is usual; None where columns are at odds."""
    whole = [record for record in records if len(record) == len(records[0])]
    shown = decimals_shown(zip(*whole, strict=True))
    return shown.pop() if len(shown) == 1 else None if shown else usual


def _check_numbers(frame: pd.DataFrame, asked: Mapping[str, ReadAs], name: str) -> None:
    """Refuse a column that somebody calls numbers and that has other cells: nothing else would say so."""
    for column in (column for column, kind in asked.items() if kind == "number" and is_text(frame[column])):
        odd = sum(not is_number(cell) for cell in frame[column].dropna())
        told = f"{odd:,} of its cells are no numbers" if odd else "its cells can be read as several numbers"
        remedy = "correct them, or read it as text" if odd else "say in decimal what stands before the decimals"
        raise DataError(f"{name}: column {shorten(column)} is to be read as numbers, and {told}: {remedy}")


def _check_widths(
    open_bytes: Opener, width: int, encoding: str, delimiter: str, name: str, *, spaced: bool
) -> set[int] | None:
    """Refuse a ragged table; the positions of columns with leading zeros, None where they cannot be told so fast."""
    if is_ascii_compatible(encoding) and delimiter.isascii():
        seen = scan_records(open_bytes, delimiter)
        if seen.widths == {width}:
            return seen.padded
    with open_bytes() as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=spaced)
        try:
            ragged, n = _ragged(reader, width, name)
        except csv.Error:
            raise DataError(
                f"{name} has a cell of more than {csv.field_size_limit()} characters: "
                "a quotation mark is probably opened and never closed"
            ) from None
        except UnicodeDecodeError:
            raise DataError(f"{name} is not written in {encoding} throughout: set encoding to what wrote it") from None
    if ragged:
        shown = ", ".join(f"line {line} has {found}" for line, found in ragged[:5])
        raise DataError(
            f"{name} is ragged: its header has {_fields(width)} and {_lines(n)} another number ({shown}): "
            "correct these lines, quote cells that hold the delimiter, or set delimiter"
        )
    return None


def _fields(n: int) -> str:
    return "1 field" if n == 1 else f"{n} fields"


def _lines(n: int) -> str:
    return "1 line has" if n == 1 else f"{n} lines have"


def _ragged(reader: Iterator[list[str]], width: int, name: str) -> tuple[list[tuple[int, int]], int]:
    found: list[tuple[int, int]] = []
    count, start = 0, 1
    record: list[str] = []
    for record in reader:
        if record and len(record) != width:
            count += 1
            last_start = start
            if len(found) < 5:
                found.append((reader.line_num, len(record)))  # type: ignore[attr-defined]
        start = reader.line_num + 1  # type: ignore[attr-defined]
    if count and len(record) != width and record and "\n" in record[-1]:
        raise DataError(
            f"{name}: a quotation mark in line {last_start} or after it is opened and never closed: "
            "close it, and double the marks inside a cell"
        )
    return found, count
