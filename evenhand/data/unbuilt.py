"""Rows that no data set can be built of, as a contract sees them: what else is wrong with them is told at once."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from evenhand.data.build import convert_features
from evenhand.data.contract import Contract
from evenhand.data.frames import plain_frame
from evenhand.data.sensitive import Sensitive, derive_sensitive
from evenhand.exceptions import ContractError, DataError

__all__ = ["refuse_with_contract"]


def refuse_with_contract(error: DataError, contract: Contract, frame: pd.DataFrame, **roles: Any) -> None:
    """Raise one error for rows that cannot be used: why, and every violation of their contract.

    Parameters
    ----------
    error
        Why no data set could be built.
    contract
        What the rows were to keep.
    frame
        The rows as a source returned them.
    roles
        As :func:`~evenhand.data.build.build_dataset` took them.

    Raises
    ------
    ContractError
        When the rows break the contract too.
    DataError
        `error` itself, when they do not.
    """
    problems = contract.problems(_table(contract, frame, **roles))
    if not problems:
        raise error
    noun = "violation" if len(problems) == 1 else "violations"
    raise ContractError(
        f"the data cannot be used: {error}\nand they break their contract ({len(problems)} {noun})", problems
    ) from error


def _table(
    contract: Contract,
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Mapping[str, Sensitive],
    features: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    drop_missing_target: bool = False,
    **named: Any,
) -> pd.DataFrame:
    """The columns that a data set of these rows would have, as far as they are there."""
    plain = plain_frame(frame)
    if drop_missing_target and target in plain:
        plain = plain.loc[plain[target].notna()].reset_index(drop=True)
    roles = {target, *(column for role in ("key", "time", "group") if (column := named.get(role)) is not None)}
    sources = {column for how in sensitive.values() for column in how.columns}
    used = [column for column in plain.columns if column not in {*exclude, *sources} - roles]
    if features is not None:
        used = [column for column in used if column in {*features, *roles}]
    known = {promise.name for promise in contract.columns}
    used = [column for column in used if column in known or plain[column].notna().any()]
    table = plain[used]
    table = table.assign(**convert_features(table[[column for column in used if column not in roles]]))
    for name, how in sensitive.items():
        if not set(how.columns) <= set(plain.columns):
            continue  # the contract calls it missing
        with suppress(DataError):  # nor can it be derived of another kind
            table = table.assign(**{name: derive_sensitive(plain, {name: how})[name]})
    return table
