"""Demographic parity where no label is favorable: of which class a ratio is, and the shares that it comes from."""

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from evenhand.card.text import plain

__all__ = ["class_of_ratio", "parity_detail", "share_of"]

_SHARE = "selection_rate/"
_RATIO = "demographic_parity_ratio"


def share_of(label: str) -> str:
    """The name of the metric that is the share of a group which is given a class."""
    return f"{_SHARE}{label}"


def class_of_ratio(audited: Mapping[str, Any], few: AbstractSet[str]) -> str | None:
    """The class whose shares differ most in ratio, where the ratio of demographic parity is that of no favorable label.

    Parameters
    ----------
    audited
        An attribute or intersection.
    few
        Groups of so few rows that their shares are withheld: a ratio that rests on one names no class.

    Examples
    --------
    >>> shares = {"f": {"a": 0.45, "b": 0.1}, "m": {"a": 0.5, "b": 0.2}}
    >>> groups = [
    ...     {"group": group, "metrics": {share_of(label): {"value": value} for label, value in by_class.items()}}
    ...     for group, by_class in shares.items()
    ... ]
    >>> gaps = {"demographic_parity_ratio": {"value": 0.5, "between": ["f", "m"]}}
    >>> class_of_ratio({"groups": groups, "disparities": gaps}, set())
    'b'
    """
    ratio = (audited.get("disparities") or {}).get(_RATIO) or {}
    between = list(map(str, ratio.get("between") or ()))
    if ratio.get("value") is None or len(between) != 2 or few & set(between):
        return None
    found = {str(group["group"]): group["metrics"] for group in audited.get("groups") or ()}
    first, second = (found.get(group, {}) for group in between)
    if "selection_rate" in first:
        return None  # a label is favorable, and the ratio is of that
    for name in first:
        one, other = ((group.get(name) or {}).get("value") for group in (first, second))
        if not name.startswith(_SHARE) or one is None or other is None or not one + other:
            continue
        if math.isclose(min(one, other) / max(one, other), ratio["value"], abs_tol=1e-12):
            return str(name.removeprefix(_SHARE))
    return None


def parity_detail(name: str, audited: Mapping[str, Any], few: AbstractSet[str]) -> str:
    """What a disparity of demographic parity is about where no label is favorable; "" for any other."""
    label = class_of_ratio(audited, few)
    if label is None:
        return ""
    if name == _RATIO:
        return f"of the shares given class {plain(label)}, the smallest of any class"
    return "total variation over all classes" if name == "demographic_parity_difference" else ""
