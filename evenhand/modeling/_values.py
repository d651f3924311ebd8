"""Values as JSON knows them, and labels as a model spells them; shared by the modules of evaluation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from evenhand.exceptions import ModelError, nearest, shorten

__all__ = ["check_positive_label", "plain", "plain_label"]


def plain(value: Any) -> Any:
    """A value as JSON knows it: numpy scalars become Python's, NaN and infinities become None, dataclasses dicts.

    Examples
    --------
    >>> plain({"a": np.float64("nan"), "b": np.arange(2), 3: (True, np.int64(7))})
    {'a': None, 'b': [0, 1], '3': [True, 7]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def plain_label(label: Any) -> Any:
    """A label without numpy's wrapping, so that it can be an estimator's parameter and a JSON value.

    Examples
    --------
    >>> plain_label(np.str_("yes")), plain_label(np.int64(1))
    ('yes', 1)
    """
    return label.item() if isinstance(label, np.generic) else label


def check_positive_label(favorable_label: Any, classes: Iterable[Any]) -> Any:
    """The label that metrics call positive: the favorable one, or the last class when none is declared.

    Raises
    ------
    ModelError
        When the favorable label is not one of `classes`.
    """
    labels = [plain_label(label) for label in classes]
    if favorable_label is None:
        return labels[-1]
    if favorable_label not in labels:
        raise ModelError(
            f"favorable_label {shorten(favorable_label)} is not a class of the model: "
            f"{nearest(favorable_label, labels)}"
        )
    return plain_label(favorable_label)
