"""What columns are known to be, so that a file is read by that and not by what its rows happen to look like."""

from collections.abc import Mapping

import pandas as pd

from evenhand.data.contract import Contract
from evenhand.data.frames import Known, ReadAs, padded, value_text
from evenhand.data.sensitive import Sensitive

__all__ = ["known_kinds"]

_PROMISED: dict[str, ReadAs] = {"text": "text", "integer": "number", "number": "number"}


def known_kinds(contract: Contract | None, sensitive: Mapping[str, Sensitive], *, number: str | None = None) -> Known:
    """How the columns of a model's data are read in every CSV file: as its contract and its description say.

    So codes stay text in a batch of which none has a leading zero; and what an earlier version of Evenhand took for
    numbers stays a number for the models that have learned from it.

    Parameters
    ----------
    contract
        What the model's first data promised; None before there is one.
    sensitive
        How each sensitive attribute follows from the columns: the contract knows its groups only.
    number
        A column that is to be cut: the target, when it is a number.

    Examples
    --------
    >>> from evenhand.data.contract import infer_contract
    >>> first = pd.DataFrame({"zip": ["01002", "10115"], "age": [20, 60], "paid": ["yes", "no"]})
    >>> known_kinds(infer_contract(first, target="paid"), {"age": Sensitive(column="age", bins=[30])})
    Known(kinds={'age': 'number', 'zip': 'text', 'paid': 'text'}, decimal=None)
    """
    promised = {} if contract is None else {each.name: each for each in contract.columns}
    kinds: dict[str, ReadAs] = {}
    for name, how in sensitive.items():
        groups = promised[name].values if name in promised else None
        kind = "number" if contract is not None and not contract.codes else _of_groups(how, groups or ())
        kinds |= dict.fromkeys(how.columns, kind) if kind is not None else {}
    of_columns = {name: _PROMISED.get(each.kind) for name, each in promised.items() if name not in sensitive}
    kinds |= {name: kind for name, kind in of_columns.items() if kind is not None}
    decimal = None if contract is None else contract.decimal
    return Known(kinds if number is None else kinds | {number: "number"}, decimal)


def _of_groups(how: Sensitive, groups: tuple[str, ...]) -> ReadAs | None:
    """How the columns of an attribute are read: bands and marks are of numbers, and codes are written as such."""
    if how.bins is not None or how.indicators is not None:
        return "number"
    named = [value_text(value) for value in how.labels] if how.labels is not None else groups
    return "text" if padded(pd.Series(list(named), dtype="str")) else None
