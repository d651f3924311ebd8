"""What tells one test set from another: what selects its rows, however the configuration is spelled."""

from collections.abc import Mapping
from typing import Any

from evenhand.data.dataset import favorable_labels

__all__ = ["counted_by", "judged_as", "renewed_by", "selected_by"]

_TARGET = ("target", "target_above")
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
    found = {"method": method, "test": round(float(split["test"]), 6)}  # .2000000001 draws the rows of .2
    found |= {name: data.get(name) for name in _DRAWN_BY[method]}
    if method in ("hash", "group"):
        found["salt"] = split["salt"]
    elif method == "stratified":
        found["seed"] = config["seed"]
    return found


def counted_by(config: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """What looks are counted by: the rows that are looked at, and the target.

    Parameters
    ----------
    config
        The whole configuration as JSON values.
    rows
        What tells one set of rows from another, such as :func:`selected_by`.
    """
    return {"rows": rows, "target": {name: config["data"].get(name) for name in _TARGET}}


def renewed_by(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the configuration by which one test set is another one, at which looks are counted anew.

    Parameters
    ----------
    before, after
        The champion's whole configuration as JSON values, and the challenger's.

    Examples
    --------
    >>> before = {"split": {"method": "stratified", "test": 0.2, "salt": "a"}, "data": {"target": "y"}, "seed": 0}
    >>> renewed_by(before, before | {"seed": 1}), renewed_by(before, before | {"data": {"target": "y", "key": "n"}})
    (('seed',), ())
    """
    sets = [counted_by(config, selected_by(config)) for config in (before, after)]
    old, new = ({**each["rows"], **each["target"]} for each in sets)
    found = [name for name in old if name in new and old[name] != new[name]]  # another method names other columns
    return tuple(_PATHS.get(name, f"data.{name}") for name in found)


_PATHS = {"method": "split.method", "test": "split.test", "salt": "split.salt", "seed": "seed"}


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
