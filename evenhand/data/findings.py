"""What a person should look at before training: leaks, columns without information, names, dates as text."""

import numpy as np
import pandas as pd

from evenhand.data._single import SUSPICIOUS, Codes, sample_rows, single_feature_auc
from evenhand.data._written import is_number
from evenhand.data.dataset import Dataset
from evenhand.data.finding import Finding
from evenhand.data.frames import padded
from evenhand.exceptions import shorten

__all__ = [
    "Finding",
    "find_all",
    "find_constant",
    "find_identifiers",
    "find_leakage",
    "find_restated",
    "find_text_dates",
    "find_text_numbers",
]

_DATE = (
    r"\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[ -][A-Za-z]{3,9}[ -,]+\d{2,4}|"
    r"[A-Za-z]{3,9} \d{1,2}, ?\d{4})(?:[T ]\d{1,2}:\d{2}.*)?\s*"
)


def find_leakage(
    dataset: Dataset, *, seed: int = 0, threshold: float = SUSPICIOUS, most_rows: int = 20_000
) -> tuple[Finding, ...]:
    """Features that alone predict the target almost perfectly, so that they probably restate it.

    Each feature is used alone, by the class shares of its categories or, for numbers of many values, of its quantile
    bins, and scored out of fold; whether a value is missing counts as a value. With more than two classes, a feature is
    suspected when it tells any one class from the rest.

    Parameters
    ----------
    dataset
        The rows to train on.
    seed
        Draws the sample and the folds.
    threshold
        The cross-validated AUC from which on a feature is suspected.
    most_rows
        A sample of at most so many rows is looked at.

    Examples
    --------
    >>> X = pd.DataFrame({"hint": [0, 1] * 50, "noise": range(100)})
    >>> data = Dataset(X, pd.Series([0, 1] * 50), pd.DataFrame({"sex": ["f"] * 100}))
    >>> [finding.column for finding in find_leakage(data, seed=0)]
    ['hint']
    """
    names = [shorten(label) for label in dataset.classes]
    codes = np.asarray(pd.Categorical(dataset.y, categories=dataset.classes).codes, dtype=np.intp)
    found = _suspects(dataset.X, codes, seed=seed, threshold=threshold, most_rows=most_rows)
    return tuple(
        Finding("leakage", column, f"alone predicts {_which(names, label)} with an AUC of {auc:.4f}", auc)
        for column, auc, label in found
    )


def find_restated(
    dataset: Dataset, *, seed: int = 0, threshold: float = SUSPICIOUS, most_rows: int = 20_000
) -> tuple[Finding, ...]:
    """Features that alone tell a group of a sensitive attribute almost perfectly: they put it back among the features.

    Parameters are those of :func:`find_leakage`.
    """
    findings = []
    for attribute in dataset.sensitive_features.columns:
        groups, names = pd.factorize(dataset.sensitive_features[attribute], sort=True)
        found = _suspects(dataset.X, groups, seed=seed, threshold=threshold, most_rows=most_rows)
        findings += [
            Finding(
                "restates_sensitive",
                str(column),
                f"alone tells the group {shorten(names[label])} of {shorten(attribute)} with an AUC of {auc:.4f}",
                auc,
            )
            for column, auc, label in found
        ]
    return tuple(findings)


def _which(names: list[str], label: int) -> str:
    return "the target" if len(names) <= 2 else f"class {names[label]} of the target"


def _suspects(
    X: pd.DataFrame, codes: Codes, *, seed: int, threshold: float, most_rows: int
) -> list[tuple[str, float, int]]:
    if not len(codes) or codes.max() < 1:
        return []
    rows = sample_rows(codes, most_rows, seed)
    labels = codes[rows]
    if labels.max() < 1:
        return []
    scored = [(str(name), *single_feature_auc(X[name].iloc[rows], labels, seed=seed)) for name in X.columns]
    return sorted(((n, auc, k) for n, auc, k in scored if auc >= threshold), key=lambda each: -each[1])


def find_constant(dataset: Dataset) -> tuple[Finding, ...]:
    """Features that have one value in all rows; whether a value is missing counts as a value."""
    found = []
    for name in dataset.X.columns:
        column = dataset.X[name]
        if _is_constant(column):
            message = f"has one value in all {len(column)} rows"
            if not column.notna().any():
                message = f"has no value in any of {len(column)} rows"
            found.append(Finding("constant", str(name), message, 1.0))
    return tuple(found)


def _is_constant(column: pd.Series) -> bool:
    # Most columns show two values at once; only the rest is read to its end.
    if len(pd.unique(column.iloc[:1000])) > 1:
        return False
    return len(pd.unique(column)) <= 1


def find_identifiers(dataset: Dataset, *, share: float = 0.95) -> tuple[Finding, ...]:
    """Text and whole numbers that are different in nearly every row, so that they name a row and describe nothing.

    Parameters
    ----------
    dataset
        The rows.
    share
        The share of different values among the present ones from which on a column is named. Whole numbers must
        all be different and without gaps larger than the number of rows, as counters are.
    """
    found = []
    for name in dataset.X.columns:
        column = dataset.X[name].dropna()
        if (
            len(column) < 20
            or column.dtype.kind in "fbM"
            or column.iloc[:1000].nunique() < 0.9 * min(1000, len(column))
        ):
            continue
        distinct = column.nunique() / len(column)
        if distinct < (1.0 if column.dtype.kind == "i" else share) or not _counts_rows(column):
            continue
        found.append(
            Finding("identifier", str(name), f"has a value of its own in {distinct:.1%} of the rows", distinct)
        )
    return tuple(found)


def _counts_rows(column: pd.Series) -> bool:
    return column.dtype.kind != "i" or int(column.max()) - int(column.min()) < 2 * len(column)


def find_text_dates(dataset: Dataset, *, share: float = 0.95, most_rows: int = 1000) -> tuple[Finding, ...]:
    """Text columns that hold dates: as text, each date is a category of its own.

    Parameters
    ----------
    dataset
        The rows.
    share
        The share of the present values that look like a date.
    most_rows
        So many of the first present values are looked at.
    """
    found = []
    for name in dataset.X.columns:
        column = dataset.X[name]
        if column.dtype.kind in "iufbM":
            continue
        texts = column.dropna().iloc[:most_rows].astype(str)
        if len(texts) and (part := float(texts.str.fullmatch(_DATE).mean())) >= share:
            message = "holds dates as text, each a category of its own: store numbers such as days, or exclude it"
            found.append(Finding("text_date", str(name), message, part))
    return tuple(found)


def find_text_numbers(dataset: Dataset, *, share: float = 0.8, most_rows: int = 1000) -> tuple[Finding, ...]:
    """Text columns that hold numbers, but for a few words (``unknown``) or as printed, or codes with leading zeros.

    As text, each of them is a category of its own: what codes are meant to be, and numbers are not.

    Parameters
    ----------
    dataset
        The rows.
    share
        The share of the present values that read as a number.
    most_rows
        So many of the first present values are looked at.
    """
    found = []
    for name in dataset.X.columns:
        if not isinstance(dataset.X[name].dtype, pd.StringDtype):
            continue
        texts = dataset.X[name].dropna().iloc[:most_rows]
        part = float(np.mean([is_number(text) for text in texts])) if len(texts) else 0.0
        if part >= share:
            found.append(Finding("text_number", str(name), _about_numbers(dataset.X[name], part), part))
    return tuple(found)


def _about_numbers(column: pd.Series, part: float) -> str:
    if padded(column):
        return (
            "holds codes with leading zeros: text, each a category of its own; if they are numbers, store them "
            "as such, or name the column in data.source.numbers (CSV)"
        )
    if part == 1:
        return (
            "holds numbers as they are printed, each a category of its own: store plain numbers, or (CSV) name the "
            "column in data.source.numbers, and in data.source.decimal what stands before the decimals"
        )
    told = f"{part:.0%}" if part < 0.995 else "nearly all"
    return f"holds numbers as text ({told}), each a category of its own: correct the others, or exclude it"


def find_all(dataset: Dataset, *, seed: int = 0) -> tuple[Finding, ...]:
    """Everything that the functions of this module find, and what was noticed when the data set was built."""
    return (
        *dataset.findings,
        *find_leakage(dataset, seed=seed),
        *find_restated(dataset, seed=seed),
        *find_constant(dataset),
        *find_identifiers(dataset),
        *find_text_dates(dataset),
        *find_text_numbers(dataset),
    )
