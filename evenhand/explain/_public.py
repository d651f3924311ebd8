"""Results as what JSON can hold."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

__all__ = ["public"]


def public(value: Any, digits: int = 5) -> Any:
    """Dataclasses, arrays and mappings as dicts and lists; NaN as None; numbers to `digits` significant digits.

    A field that a dataclass keeps out of its ``repr`` is restricted and stays out of here too. The rounding is part of
    the protection: an attribution with sixteen digits of a linear model is a value in disguise.

    Examples
    --------
    >>> import numpy as np
    >>> public({"a": np.array([1.23456789, np.nan]), "n": np.int64(3)})
    {'a': [1.2346, None], 'n': 3}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: public(getattr(value, entry.name), digits) for entry in fields(value) if entry.repr}
    if isinstance(value, Mapping):
        return {str(key): public(item, digits) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [public(item, digits) for item in value]
    return _scalar(value, digits)


def _scalar(value: Any, digits: int) -> bool | int | float | str | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{digits}g}") if isfinite(value) else None
    return None if value is None else str(value)
