"""What tells one test set from another: what selects its rows, however the configuration is spelled."""

from collections.abc import Mapping
from typing import Any

from evenhand.data.dataset import favorable_labels

__all__ = ["judged_as", "selected_by"]

_DRAWN_BY = {"hash": ("key",), "group": ("group",), "time": ("time",), "stratified": ()}


def selected_by(config: Mapping[str, Any]) -> dict[str, Any]:
    """What selects the rows of the test part, as far as the method of the split uses it.

    The shares of the other parts select no row of the test part. Features and attributes that rows without a key are
    known by do not count: another spelling of them must not make a test set that was looked at a new one.

    Parameters
    ----------
    config
        The whole configuration as JSON values.

    Examples
    --------
    >>> split = {"method": "time", "train": 0.6, "validation": 0.2, "test": 0.2, "salt": "evenhand"}
    >>> selected_by({"split": split, "data": {"time": "day", "key": "number"}, "seed": 1})
    {'method': 'time', 'test': 0.2, 'time': 'day'}
    """
    split, data = config["split"], config["data"]
    method = split["method"]
    found = {"method": method, "test": float(split["test"])}
    found |= {name: data.get(name) for name in _DRAWN_BY[method]}
    if method in ("hash", "group"):
        found["salt"] = split["salt"]
    elif method == "stratified":
        found["seed"] = config["seed"]
    return found


def judged_as(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the groups and the outcome are that decisions are judged by, with every default said aloud.

    Parameters
    ----------
    data
        The section `data` of the configuration as JSON values.

    Examples
    --------
    >>> judged_as({"favorable_label": 1, "sensitive": {"region": {"column": None}}})
    {'favorable_label': ['1'], 'sensitive': {'region': {'column': 'region'}}}
    """
    sensitive = {
        name: each if each.get("indicators") else {**each, "column": each.get("column") or name}
        for name, each in data.get("sensitive", {}).items()
    }
    good = [str(label) for label in favorable_labels(data.get("favorable_label"))]
    return {"favorable_label": good, "sensitive": sensitive}
