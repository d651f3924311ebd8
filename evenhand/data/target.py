"""What a target needs before it can be predicted: classes, and the label that is good for the person."""

import pandas as pd

from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.exceptions import ConfigError, DataError, Problem, nearest, shorten

__all__ = ["cut_target", "require_favorable_label"]


def cut_target(frame: pd.DataFrame, *, target: str, above: float) -> pd.DataFrame:
    """The frame with the target replaced by 1 where it is above a limit, else 0; missing values stay missing.

    Parameters
    ----------
    frame
        Rows, shape (n, c); it is not changed.
    target
        A numeric column.
    above
        The limit; a value at the limit is not above it.

    Raises
    ------
    DataError
        When there is no such column or it is not a number.

    Examples
    --------
    >>> import pandas as pd
    >>> cut_target(pd.DataFrame({"pay": [10.0, 20.0, 30.0, None]}), target="pay", above=20)["pay"].tolist()
    [0, 0, 1, <NA>]
    """
    if target not in frame.columns:
        raise DataError(f"the target {shorten(target)} is no column of the data: {nearest(target, frame.columns)}")
    column = frame[target]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        raise DataError(f"target_above needs a numeric target, and {shorten(target)} holds {column.dtype}")
    labels = (column > above).astype("Int64").mask(column.isna())
    if not column.isna().any():
        labels = labels.astype("int64")
    return frame.assign(**{target: labels})


def require_favorable_label(dataset: Dataset) -> None:
    """Refuse a binary target of which nobody said what is good for the person: ratios change when labels are swapped.

    Raises
    ------
    ConfigError
        With the labels to choose from.

    Examples
    --------
    >>> data = Dataset(pd.DataFrame({"a": [1, 2]}), pd.Series(["no", "yes"]), pd.DataFrame(index=[0, 1]))
    >>> require_favorable_label(data)
    Traceback (most recent call last):
    ...
    evenhand.exceptions.ConfigError: the configuration leaves a question open that only a person can answer
      - data.favorable_label: is empty (write the label that is good for the person: 'no' or 'yes')
    """
    if len(favorable_labels(dataset.favorable_label)) == 1 or dataset.task != "binary":
        return
    choice = " or ".join(shorten(label) for label in dataset.classes)
    what = "is empty" if dataset.favorable_label is None else "names both labels of the target"
    problem = Problem("data.favorable_label", what, f"write the label that is good for the person: {choice}")
    raise ConfigError("the configuration leaves a question open that only a person can answer", [problem])
