"""From a plain table and a description of its columns to a :class:`Dataset`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.data.digest import content_digest
from evenhand.data.finding import Finding
from evenhand.data.frames import column_kind, plain_frame, require_columns, value_text
from evenhand.data.sensitive import Sensitive, derive_sensitive
from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["Sensitive", "build_dataset", "convert_features"]

_MOST_CLASSES = 100


def build_dataset(
    frame: pd.DataFrame,
    *,
    target: str,
    favorable_label: Any = None,
    sensitive: Mapping[str, Sensitive] | None = None,
    features: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    key: str | None = None,
    time: str | None = None,
    group: str | None = None,
    name: str = "data",
    drop_missing_target: bool = False,
) -> Dataset:
    """Features, target and sensitive attributes of a table, checked and kept apart.

    Parameters
    ----------
    frame
        The rows as a source returned them.
    target
        The column to predict; whole numbers, booleans or text.
    favorable_label
        The label that is good for the person; ``"1"`` finds the label 1.
    sensitive
        How each sensitive attribute follows from the columns; these columns never become features.
    features
        The features; by default every column without another role. All-missing columns are then left out.
    exclude
        Columns to leave out.
    key, time, group
        The columns that name a row, order it in time, and tell whose row it is.
    name
        What people call the data.
    drop_missing_target
        Leave out the rows without a target (counted in the result's ``findings``) instead of refusing them.

    Returns
    -------
    Dataset
        With its content digest, and in ``findings`` what was converted, left out or dropped on the way.

    Raises
    ------
    DataError
        For a column that is not there, a target of one class or with missing values, infinities, and whatever else
        makes a training run meaningless; with the column, the count and the remedy.

    Examples
    --------
    >>> frame = pd.DataFrame({"income": [1, 2, 3], "male": [1, 0, None], "paid": [0, 1, 1]})
    >>> data = build_dataset(frame, target="paid", favorable_label=1,
    ...                      sensitive={"sex": Sensitive(column="male", labels={1: "male", 0: "female"})})
    >>> list(data.X.columns), data.sensitive_features["sex"].tolist()
    (['income'], ['male', 'female', 'unknown'])
    """
    attributes = dict(sensitive or {})
    if not len(frame):
        raise DataError(f"{shorten(name)} has no rows: give it at least a few hundred")
    plain = plain_frame(frame, unused=lambda column: column in exclude)
    _check_roles(plain, target, attributes, features, exclude, {"key": key, "time": time, "group": group})
    plain, findings = _with_target(plain, target, drop=drop_missing_target)
    y = _target(plain[target])
    X, feature_findings = _features(plain, target, attributes, features, exclude, [key, time, group])
    data = Dataset(
        X=X,
        y=y,
        sensitive_features=derive_sensitive(plain, attributes),
        favorable_label=tuple(_favorable(label, y) for label in favorable_labels(favorable_label)),
        key=None if key is None else plain[key],
        time=None if time is None else plain[time],
        group=None if group is None else plain[group],
        name=name,
        findings=(*findings, *feature_findings),
    )
    return replace(data, digest=content_digest(data.to_frame()))


def _check_roles(
    frame: pd.DataFrame,
    target: str,
    sensitive: Mapping[str, Sensitive],
    features: Sequence[str] | None,
    exclude: Sequence[str],
    roles: Mapping[str, str | None],
) -> None:
    wanted = [("target", target), *((role, column) for role, column in roles.items() if column is not None)]
    wanted += [("feature", column) for column in features or ()] + [("excluded column", column) for column in exclude]
    wanted += [
        (f"sensitive attribute {shorten(attribute)}: column", column)
        for attribute, how in sensitive.items()
        for column in how.columns
    ]
    require_columns(frame, wanted)
    for attribute, how in sensitive.items():
        if target in how.columns or attribute == target:
            raise DataError(f"sensitive attribute {shorten(attribute)} is the target: derive it from another column")
    taken = {target: "the target"} | {c: "sensitive" for how in sensitive.values() for c in how.columns}
    taken |= {column: f"the {role}" for role, column in roles.items() if column is not None and role == "key"}
    clash = [column for column in features or () if column in taken]
    if clash:
        shown = ", ".join(f"{shorten(column)} ({taken[column]})" for column in clash)
        raise DataError(f"these cannot be features: {shown}: take them out of the features")


def _with_target(frame: pd.DataFrame, target: str, *, drop: bool) -> tuple[pd.DataFrame, list[Finding]]:
    missing = frame[target].isna().to_numpy()
    count = int(missing.sum())
    if not count:
        return frame, []
    if count == len(frame):
        raise DataError(f"target {shorten(target)} is missing in all {count} rows: name the column that holds it")
    if not drop:
        raise DataError(
            f"target {shorten(target)} is missing in {count} of {len(frame)} rows: "
            "complete them, or set drop_missing_target to leave them out"
        )
    kept = frame.loc[~missing].reset_index(drop=True)
    message = f"{count} of {len(frame)} rows have no target and were left out"
    return kept, [Finding("dropped_rows", target, message, float(count))]


def _target(y: pd.Series) -> pd.Series:
    kind = column_kind(y)
    if kind == "number":
        if not np.isfinite(y).all():
            raise DataError(
                f"target {shorten(y.name)} has {int((~np.isfinite(y)).sum())} infinite values: correct them"
            )
        if not (y == y.round()).all():
            raise DataError(
                f"target {shorten(y.name)} holds fractions: Evenhand trains classifiers, so cut it into two classes "
                "by data.target_above, or into more before"
            )
        y = y.astype("int64")
    elif kind == "datetime":
        raise DataError(f"target {shorten(y.name)} holds dates: Evenhand trains classifiers, name a column of classes")
    elif kind == "boolean":
        y = y.astype("bool")
    return _check_classes(y)


def _check_classes(y: pd.Series) -> pd.Series:
    n = int(y.nunique())
    if n < 2:
        raise DataError(
            f"target {shorten(y.name)} has one class in all {len(y)} rows: a classifier needs at least two; "
            "check the filter that made the data"
        )
    if n > _MOST_CLASSES:
        raise DataError(
            f"target {shorten(y.name)} has {n} different values in {len(y)} rows: it looks like a quantity or a name, "
            f"not like classes; cut a quantity into two by data.target_above, or into at most {_MOST_CLASSES} classes "
            "before"
        )
    return y


def _features(
    frame: pd.DataFrame,
    target: str,
    sensitive: Mapping[str, Sensitive],
    features: Sequence[str] | None,
    exclude: Sequence[str],
    roles: Sequence[str | None],
) -> tuple[pd.DataFrame, list[Finding]]:
    findings: list[Finding] = []
    if features is None:
        taken = {target, *exclude, *(role for role in roles if role is not None)}
        taken |= {column for how in sensitive.values() for column in how.columns}
        chosen = [column for column in frame.columns if column not in taken]
        empty = [column for column in chosen if not frame[column].notna().any()]
        findings = [
            Finding(
                "all_missing", column, f"has no value in any of {len(frame)} rows and is left out", float(len(frame))
            )
            for column in empty
        ]
        chosen = [column for column in chosen if column not in set(empty)]
    else:
        chosen = [column for column in dict.fromkeys(features) if column not in set(exclude)]
    _check_features(frame, chosen, sensitive)
    X = frame[chosen]
    converted = convert_features(X)
    findings += [
        Finding("converted", column, "holds dates and becomes days since 1970-01-01", float(X[column].notna().sum()))
        for column in converted
        if column_kind(X[column]) == "datetime"
    ]
    return X.assign(**converted) if converted else X, findings


def convert_features(X: pd.DataFrame) -> dict[str, pd.Series]:
    """The columns of a plain frame that become numbers as features: dates their days, booleans with gaps 0 and 1.

    Examples
    --------
    >>> frame = pd.DataFrame({"day": pd.to_datetime(["1970-01-03"]), "a": [1]})
    >>> {name: column.tolist() for name, column in convert_features(frame).items()}
    {'day': [2.0]}
    """
    return {column: _feature(X[column]) for column in X.columns if _needs_conversion(X[column])}


def _needs_conversion(series: pd.Series) -> bool:
    return column_kind(series) == "datetime" or (column_kind(series) == "boolean" and series.dtype == object)


def _feature(series: pd.Series) -> pd.Series:
    if column_kind(series) == "datetime":
        return (series - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return series.astype("float64")


def _check_features(frame: pd.DataFrame, chosen: Sequence[str], sensitive: Mapping[str, Sensitive]) -> None:
    if not chosen:
        raise DataError("no feature is left: every column is the target, sensitive, excluded, empty or a key")
    empty = [column for column in chosen if not frame[column].notna().any()]
    if empty:
        raise DataError(f"features without any value: {', '.join(map(shorten, empty))}: take them out of the features")
    clash = [attribute for attribute in sensitive if attribute in set(chosen)]
    if clash:
        raise DataError(
            f"a feature has the name of a sensitive attribute: {', '.join(map(shorten, clash))}: "
            "exclude the column, or give the attribute another name"
        )
    infinite = {column: int(np.isinf(frame[column]).sum()) for column in chosen if frame[column].dtype.kind == "f"}
    bad = [f"{shorten(column)} ({count} rows)" for column, count in infinite.items() if count]
    if bad:
        raise DataError(f"infinite values in {', '.join(bad)}: replace them by a number or by a missing value")


def _favorable(label: Any, y: pd.Series) -> Any:
    classes = pd.unique(y).tolist()
    exact = [each for each in classes if type(each) is type(label) and each == label]
    alike = exact or [each for each in classes if value_text(each).casefold() == value_text(label).casefold()]
    if len(alike) != 1:
        shown = [value_text(each) for each in classes]
        raise DataError(
            f"favorable_label {shorten(label)} is not a label of the target {shorten(y.name)}: "
            f"{nearest(value_text(label), shown)}"
        )
    return alike[0]
