"""A data contract: what the first training data looked like, and what every later data set has to keep."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenhand.data._promises import ColumnPromise, GroupPromise, promise_of
from evenhand.data.dataset import Dataset
from evenhand.data.digest import content_digest
from evenhand.data.frames import Decimal, column_kind, distinct_texts, require_columns
from evenhand.exceptions import ContractError, DataError, Problem, alike, shorten

if TYPE_CHECKING:
    import pandera.pandas as pa

__all__ = ["ColumnPromise", "Contract", "GroupPromise", "check_key", "contract_of", "infer_contract"]

_FORMAT = 1
_READ_APART = ("columns", "groups", "codes", "decimal")


@dataclass(frozen=True)
class Contract:
    """What the columns of a data set promise.

    Attributes
    ----------
    target
        The column whose classes must all be there.
    key
        The column without duplicates, or None.
    columns
        What each column promises: its kind, whether values may be missing, its range or its categories.
    groups
        The values of the target and of each sensitive attribute of which none may be empty.
    rows
        The number of rows that the contract was inferred from.
    tolerance
        How far a number may lie beyond the range that was seen, in widths of that range.
    codes
        Whether codes such as 007 were text in a CSV file that it was inferred from; earlier versions read numbers.
    decimal
        What stood before the decimals in that CSV file, where it was one.
    """

    target: str
    key: str | None
    columns: tuple[ColumnPromise, ...]
    groups: tuple[GroupPromise, ...]
    rows: int
    tolerance: float
    codes: bool = True
    decimal: Decimal | None = None

    def problems(self, frame: pd.DataFrame | Dataset) -> tuple[Problem, ...]:
        """Every violation with its count, and without any row's values."""
        from pandera.errors import SchemaErrors

        table = frame.to_frame() if isinstance(frame, Dataset) else frame
        try:
            self.schema().validate(table, lazy=True, inplace=True)
        except SchemaErrors as errors:
            return tuple(self._problem(error, table) for error in errors.schema_errors)
        return ()

    def check(self, frame: pd.DataFrame | Dataset, *, left_out: Collection[str] = ()) -> None:
        """Compare data with the contract.

        Parameters
        ----------
        frame
            A data set, or the columns that :meth:`Dataset.to_frame` gives.
        left_out
            Columns that the data have and the configuration does not take.

        Raises
        ------
        ContractError
            One error that lists every violation.
        """
        here = "the column is in the data, and the configuration takes it no longer"
        problems = [
            replace(each, message=here, remedy="keep it, or make a new contract without it")
            if each.message == _MISSING and each.where in left_out
            else each
            for each in self.problems(frame)
        ]
        if problems:
            noun = "violation" if len(problems) == 1 else "violations"
            raise ContractError(
                f"the data break their contract ({len(problems)} {noun}); correct the data, "
                "or accept what changed by a new contract: --set data.contract=renew, on one run",
                problems,
            )

    def as_promised(self, rows: Dataset) -> Dataset:
        """The same rows, with yes and no as 1 and 0 where a gap in the first data made numbers of them.

        So a column stays one and the same for the models before and after it, whether a value is missing or not.

        Parameters
        ----------
        rows
            A data set; its digest is taken anew when that changes it.
        """
        flags = [promise.name for promise in self.columns if promise.is_flag and promise.name in rows.X.columns]
        numbers = {name: rows.X[name].astype("float64") for name in flags if column_kind(rows.X[name]) == "boolean"}
        if not numbers:
            return rows
        found = replace(rows, X=rows.X.assign(**numbers))
        return replace(found, digest=content_digest(found.to_frame()) if rows.digest else "")

    def schema(self) -> "pa.DataFrameSchema":
        """The contract as a pandera schema, whose checks answer for a column as a whole and so hold no row."""
        import pandera.pandas as pa

        def check(promise: ColumnPromise, rule: str) -> pa.Check:
            return pa.Check(lambda series: promise.count(rule, series) == 0, name=rule, ignore_na=False)

        columns = {
            promise.name: pa.Column(None, [check(promise, rule) for rule in promise.rules], nullable=True)
            for promise in self.columns
        }
        whole = [
            pa.Check(
                lambda table, promise=promise: not promise.absent(table), name=f"absent/{promise.name}", ignore_na=False
            )
            for promise in self.groups
        ]
        return pa.DataFrameSchema(columns, checks=whole, strict=True)

    def _problem(self, error: Any, table: pd.DataFrame) -> Problem:
        rule = error.check.name if hasattr(error.check, "name") else str(error.check)
        if rule == "column_in_dataframe":
            name = str(error.failure_cases)
            # Without a near one, the columns that are new need no list: each is a violation of its own.
            return Problem(name, _MISSING, _asked(name, self._extra(table)))
        if rule == "column_in_schema":
            name = str(error.failure_cases)
            lost = [promise.name for promise in self.columns if promise.name not in table.columns]
            return Problem(name, "the column is not in the contract", _asked(name, lost) or "leave it out")
        if rule.startswith("absent/"):
            promise = next(each for each in self.groups if f"absent/{each.name}" == rule)
            return promise.problem(table)
        promised = next(each for each in self.columns if each.name == error.schema.name)
        return promised.problem(rule, table[promised.name])

    def _extra(self, table: pd.DataFrame) -> list[str]:
        known = {promise.name for promise in self.columns}
        return [str(name) for name in table.columns if name not in known]

    @property
    def digest(self) -> str:
        """The SHA-256 of the contract's content, in hex."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The contract as JSON-able values; :meth:`from_dict` is the way back."""
        return {"format": _FORMAT, **_jsonable(asdict(self))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Contract":
        """The contract that :meth:`to_dict` wrote.

        Raises
        ------
        DataError
            When it has another format or lacks something.
        """
        if values.get("format") != _FORMAT:
            raise DataError(
                f"the contract has format {shorten(values.get('format'))}, and this version reads {_FORMAT}"
            )
        try:
            promises = tuple(ColumnPromise.from_dict(each) for each in values["columns"])
            groups = tuple(GroupPromise(each["name"], tuple(each["values"])) for each in values["groups"])
            others = [field.name for field in fields(cls) if field.name not in _READ_APART]
            rest = {name: values[name] for name in others}
        except (KeyError, TypeError) as error:
            raise DataError("the contract is incomplete: infer a new one") from error
        codes, decimal = bool(values.get("codes", False)), values.get("decimal")
        return cls(columns=promises, groups=groups, codes=codes, decimal=decimal, **rest)


_MISSING = "the column is missing"


def _asked(name: str, options: Sequence[str]) -> str:
    near = alike(name, options)
    return "" if near is None else f"did you mean {near!r}?"


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(each) for name, each in value.items()}
    return [_jsonable(each) for each in value] if isinstance(value, tuple | list) else value


def infer_contract(
    frame: pd.DataFrame,
    *,
    target: str,
    key: str | None = None,
    sensitive: Sequence[str] = (),
    open_columns: Sequence[str] = (),
    schema: pd.DataFrame | None = None,
    tolerance: float = 1.0,
) -> Contract:
    """The contract that data keep, inferred from what they are.

    Parameters
    ----------
    frame
        The rows to train on: the ranges come from here.
    target, key, sensitive
        The column of classes, the column that names a row, and the columns of groups.
    open_columns
        Columns that only keep their kind, such as the time: new values are their nature.
    schema
        All rows of the first data set, by default `frame`. What a column *is* (its kind, its categories, whether values
        may be missing) comes from here, and the range reaches its extremes, so that the first data keep their contract.
    tolerance
        How far a number may lie beyond the range that was seen, in widths of that range.

    Raises
    ------
    DataError
        When a named column is not there, or there are no rows.

    Examples
    --------
    >>> first = pd.DataFrame({"age": [20, 60], "paid": ["yes", "no"]})
    >>> contract = infer_contract(first, target="paid")
    >>> contract.problems(pd.DataFrame({"age": [20, 900], "paid": ["yes", "no"]}))[0].message
    '1 of 2 values lie outside 0 to 100'
    """
    whole = frame if schema is None else schema
    if not len(frame):
        raise DataError("a contract needs rows: there are none")
    roles = [("target", target), *(("sensitive attribute", name) for name in sensitive)]
    roles += [("open column", name) for name in open_columns] + ([("key", key)] if key is not None else [])
    require_columns(whole, roles)
    require_columns(frame, [("column", str(name)) for name in whole.columns])
    if key is not None:
        check_key(whole[key])
    grouped = (target, *sensitive)
    columns = []
    for name in map(str, whole.columns):
        promise = promise_of(frame[name], whole[name], tolerance=tolerance, closed=name in grouped)
        if name in open_columns or name == key:
            promise = replace(promise, values=None, low=None, high=None, unique=name == key)
        columns.append(promise)
    groups = tuple(GroupPromise(name, tuple(distinct_texts(whole[name]))) for name in grouped)
    return Contract(target, key, tuple(columns), groups, len(frame), float(tolerance))


def check_key(key: pd.Series) -> None:
    """Refuse a key that does not tell rows apart: later rows would break the promise that these do not keep.

    Raises
    ------
    DataError
        With the number of rows that share theirs.
    """
    shared = int(key.duplicated(keep=False).sum())
    if shared:
        raise DataError(
            f"key {shorten(key.name)}: {shared} of {len(key)} rows share their key with another row: name a column "
            "that is different in every row, or none, and data.group for whose row it is"
        )


def contract_of(train: Dataset, *, schema: Dataset | None = None, tolerance: float = 1.0) -> Contract:
    """The contract of a data set: :func:`infer_contract` with the roles that the data set knows.

    Parameters
    ----------
    train
        The rows to train on.
    schema
        The whole data set that they were taken from; by default `train`.
    tolerance
        As in :func:`infer_contract`.
    """
    table = train.to_frame()
    names = [
        part.name if part.name is not None else role
        for role in ("time", "group")
        if (part := getattr(train, role)) is not None
    ]
    key = None if train.key is None else (str(train.key.name) if train.key.name is not None else "key")
    return infer_contract(
        table,
        target=str(train.y.name) if train.y.name is not None else "target",
        key=key,
        sensitive=[str(name) for name in train.sensitive_features.columns],
        open_columns=[str(name) for name in names if str(name) in table.columns],
        schema=None if schema is None else schema.to_frame(),
        tolerance=tolerance,
    )
