"""Sensitive attributes: from the columns of a source to groups with names, ``unknown`` among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.data.frames import column_kind, value_text, value_texts
from evenhand.exceptions import DataError, shorten

__all__ = ["Sensitive", "derive_sensitive"]

_LEAST_NAMED = 5  # a value that fewer rows share could tell who they are: only its count is told


@dataclass(frozen=True)
class Sensitive:
    """How one sensitive attribute follows from the columns of the source.

    Exactly one of `column` and `indicators` is given.

    Attributes
    ----------
    column
        The column that holds the attribute.
    labels
        What its values mean: ``{1: "male", 0: "female"}``. Values are compared as text, so ``"1"`` finds 1.0 too.
    indicators
        A 0/1 column for each group: ``{"black": "black", "hispanic": "hispan"}``.
    otherwise
        The group of the rows that no label or indicator names; without it they are an error (labels) or ``unknown``
        (indicators).
    bins
        Increasing edges that cut a number into bands, each with its lower edge: ``(25, 45)`` gives three.
    band_names
        Names of the bands, one more than there are edges; made from the edges by default.
    """

    column: str | None = None
    labels: Mapping[Any, str] | None = None
    indicators: Mapping[str, str] | None = None
    otherwise: str | None = None
    bins: Sequence[float] | None = None
    band_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.indicators is None):
            raise DataError("a sensitive attribute is described by either a column or by indicators: give one of them")
        if self.indicators is not None and (self.labels is not None or self.bins is not None):
            raise DataError("labels and bins belong to a column, not to indicators: take them out")
        if self.indicators is not None and not self.indicators:
            raise DataError("indicators is empty: name a 0/1 column for at least one group")
        if self.labels is not None and self.bins is not None:
            raise DataError("labels and bins exclude each other: name the bands with band_names")
        if self.bins is not None:
            self._check_bins(self.bins)

    def _check_bins(self, bins: Sequence[float]) -> None:
        if not bins or not np.isfinite(bins).all() or (np.diff(np.asarray(bins, dtype=float)) <= 0).any():
            raise DataError(f"bins {shorten(list(bins))} are no increasing numbers: give edges such as [25, 45, 65]")
        if self.band_names is not None and len(self.band_names) != len(bins) + 1:
            raise DataError(
                f"{len(bins)} bins make {len(bins) + 1} bands and band_names has {len(self.band_names)}: name each once"
            )

    @classmethod
    def described(cls, name: str, **how: Any) -> "Sensitive":
        """From a description in which what does not apply is empty; a bare name is the column of that name.

        Examples
        --------
        >>> Sensitive.described("sex", column=None, labels={}, indicators={}, bins=[]).column
        'sex'
        """
        given = {key: value or None for key, value in how.items()}
        if given.get("indicators") is None and given.get("column") is None:
            given["column"] = name
        return cls(**given)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the source that the attribute is derived from."""
        return (self.column,) if self.column is not None else tuple((self.indicators or {}).values())


def derive_sensitive(frame: pd.DataFrame, sensitive: Mapping[str, Sensitive]) -> pd.DataFrame:
    """The groups of each row, a string column an attribute, shape (n, a); missing or blank is ``unknown``.

    Raises
    ------
    DataError
        When a value has no label, an indicator is not 0/1, a row has two groups, or bands are cut from text.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [20, 45, None]})
    >>> derive_sensitive(frame, {"age band": Sensitive(column="age", bins=[30])})["age band"].tolist()
    ['under 30', '30 and over', 'unknown']
    """
    groups = {name: _derive(frame, name, how) for name, how in sensitive.items()}
    return pd.DataFrame(groups, index=frame.index, columns=list(sensitive), dtype="str")


def _derive(frame: pd.DataFrame, name: str, how: Sensitive) -> pd.Series:
    if how.indicators is not None:
        groups = _from_indicators(frame, name, how)
    elif how.bins is not None:
        groups = _from_bins(frame, name, how)
    else:
        groups = _from_column(frame, name, how)
    return groups.where(groups.notna() & (groups.astype("str").str.strip() != ""), UNKNOWN).astype("str")


def _from_column(frame: pd.DataFrame, name: str, how: Sensitive) -> pd.Series:
    texts = value_texts(frame[how.column])
    if how.labels is None:
        return texts
    labels = {value_text(value): str(label) for value, label in how.labels.items()}
    mapped = texts.map(labels).astype("str")
    stray = texts.notna() & (texts != "") & mapped.isna()
    if how.otherwise is not None:
        return mapped.where(~stray, how.otherwise)
    if stray.any():
        raise DataError(_stray_message(name, how, texts[stray], list(labels)))
    return mapped


def _stray_message(name: str, how: Sensitive, stray: pd.Series, known: Sequence[str]) -> str:
    counts = stray.value_counts()
    named = [f"{shorten(value)} ({count} rows)" for value, count in counts.items() if count >= _LEAST_NAMED][:10]
    shown = f", among them {', '.join(named)}" if named else ""
    options = ", ".join(repr(label) for label in known[:20])
    return (
        f"sensitive attribute {shorten(name)}: {int(counts.sum())} rows of column {shorten(how.column)} hold "
        f"{len(counts)} values without a label{shown}: add them to the labels ({options}), or set otherwise"
    )


def _from_bins(frame: pd.DataFrame, name: str, how: Sensitive) -> pd.Series:
    values = frame[how.column]
    if column_kind(values) not in ("integer", "number", "empty"):
        raise DataError(
            f"sensitive attribute {shorten(name)}: bins need numbers and column {shorten(how.column)} holds "
            f"{column_kind(values)}: give labels instead"
        )
    edges = list(how.bins or ())
    bands = np.array([*(how.band_names or _band_names(edges)), None], dtype=object)
    numbers = values.to_numpy(dtype=float)
    places = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, side="right"))
    return pd.Series(bands[places], index=frame.index, dtype="str")


def _band_names(edges: Sequence[float]) -> list[str]:
    texts = [value_text(float(edge)) for edge in edges]
    between = [f"{low} to under {high}" for low, high in pairwise(texts)]
    return [f"under {texts[0]}", *between, f"{texts[-1]} and over"]


def _from_indicators(frame: pd.DataFrame, name: str, how: Sensitive) -> pd.Series:
    indicators = how.indicators or {}
    flags = np.column_stack([_flag(frame[column], name) for column in indicators.values()])
    marked = np.nansum(flags, axis=1)
    double = int((marked > 1).sum())
    if double:
        raise DataError(
            f"sensitive attribute {shorten(name)}: {double} rows are marked in more than one of "
            f"{', '.join(map(shorten, indicators.values()))}: a row has one group, so correct them"
        )
    labels = np.array([*indicators, how.otherwise, None], dtype=object)
    unmarked = np.where(np.isnan(flags).any(axis=1), len(labels) - 1, len(labels) - 2)
    places = np.where(marked == 1, np.nanargmax(np.nan_to_num(flags), axis=1), unmarked)
    return pd.Series(labels[places], index=frame.index, dtype="str")


def _flag(series: pd.Series, name: str) -> npt.NDArray[np.float64]:
    texts = value_texts(series).str.casefold()
    known = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0}
    stray = int((texts.notna() & ~texts.isin(list(known))).sum())
    if stray:
        raise DataError(
            f"sensitive attribute {shorten(name)}: indicator {shorten(series.name)} is neither 0 nor 1 in "
            f"{stray} rows: use a column with labels instead"
        )
    return np.asarray(texts.map(known), dtype=np.float64)
