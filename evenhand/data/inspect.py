"""A first look at a table: what its columns hold, and what they might be for."""

import re
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from evenhand.data._persons import names_people, snake
from evenhand.data._single import SUSPICIOUS, sample_rows, single_feature_auc
from evenhand.data.frames import Kind, column_kind, distinct_texts, padded, plain_frame, require_columns, value_text

__all__ = ["ColumnInspection", "Inspection", "inspect_frame"]

_SENSITIVE = re.compile(
    r"(?:^|[^a-z])(?:sex|gender|male|female|race|racial|ethnic\w*|black|white|hispan\w*|latin[oax]\w*|asian|native|age|"
    r"birth\w*|dob|religio\w*|faith|nationality|citizen\w*|foreign\w*|immigra\w*|origin|disab\w*|handicap\w*|marital\w*|"
    r"married|pregnan\w*|orientation|veteran|language|skin|caste)(?:$|[^a-z])"
)
_KEY = re.compile(r"(?:^|[^a-z])(?:id|key|uuid|guid|nr|no|number|index|rownames?)(?:$|[^a-z])")
_MOST_SHOWN = 20
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class ColumnInspection:
    """What one column holds.

    Attributes
    ----------
    name, kind
        The column and what it holds.
    missing, distinct
        Counts of missing and of different values.
    examples
        The most frequent values as text, only of columns with few values that many rows share; so of no single person.
    codes
        Whether it is text in which whole numbers have leading zeros.
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    examples: tuple[str, ...]
    codes: bool = False


@dataclass(frozen=True)
class Inspection:
    """What a look at a table suggests; a person decides.

    Attributes
    ----------
    rows
        The number of rows.
    columns
        Each column.
    keys
        Columns that could name a row: all different and never missing; likely names first.
    sensitive
        Columns whose names or values suggest a sensitive attribute.
    targets
        Columns that could be the target: two to ten values; likely names first. Only the given one when it was given.
    suspects
        Columns that alone predict the given target almost perfectly.
    constants
        Columns with one value.
    people
        Columns that could name people of whom some have several rows.
    classes
        The values of the given target. Which of them is favorable only a person can say.
    """

    rows: int
    columns: tuple[ColumnInspection, ...]
    keys: tuple[str, ...]
    sensitive: tuple[str, ...]
    targets: tuple[str, ...]
    suspects: tuple[str, ...]
    constants: tuple[str, ...]
    classes: tuple[str, ...]
    people: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The inspection as JSON-able values."""
        values = asdict(self)
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {**listed, "columns": [{**each, "examples": list(each["examples"])} for each in values["columns"]]}


def inspect_frame(frame: pd.DataFrame, target: str | None = None) -> Inspection:
    """Look at a table and suggest roles for its columns.

    Parameters
    ----------
    frame
        The rows as a source returned them.
    target
        The column to predict, when it is known: then columns that restate it are looked for.

    Raises
    ------
    DataError
        When the target is no column, or a column holds what no table of features has.

    Examples
    --------
    >>> table = pd.DataFrame({"Person ID": range(40), "Sex": ["f", "m"] * 20, "paid": [1, 0, 0, 1] * 10})
    >>> seen = inspect_frame(table, target="paid")
    >>> seen.keys, seen.sensitive, seen.classes
    (('Person ID',), ('Sex',), ('0', '1'))
    """
    plain = plain_frame(frame)
    if target is not None:
        require_columns(plain, [("target", target)])
    columns = tuple(_look(plain[name]) for name in plain.columns)
    n = len(plain)
    constant = tuple(each.name for each in columns if each.distinct + (each.missing > 0) <= 1)
    return Inspection(
        rows=n,
        columns=columns,
        keys=_keys(columns, n, target),
        sensitive=tuple(each.name for each in columns if each.name != target and _SENSITIVE.search(snake(each.name))),
        targets=(target,) if target is not None else _targets(columns),
        suspects=() if target is None else _suspects(plain, target),
        constants=constant,
        classes=() if target is None else tuple(distinct_texts(plain[target])[:_MOST_SHOWN]),
        people=tuple(name for name in plain.columns if name != target and names_people(plain[name])),
    )


def _look(column: pd.Series) -> ColumnInspection:
    distinct = int(column.nunique())
    examples: tuple[str, ...] = ()
    if 0 < distinct <= _MOST_SHOWN:
        counts = column.value_counts()
        if int(counts.min()) >= 5:
            examples = tuple(value_text(value) for value in counts.index)
    missing, codes = int(column.isna().sum()), padded(column)
    return ColumnInspection(str(column.name), column_kind(column), missing, distinct, examples, codes)


def _keys(columns: tuple[ColumnInspection, ...], n: int, target: str | None) -> tuple[str, ...]:
    able = [
        each.name
        for each in columns
        if n > 1 and each.distinct == n and each.kind in ("integer", "text") and each.name != target
    ]
    return tuple(sorted(able, key=lambda name: not _KEY.search(snake(name))))


def _targets(columns: tuple[ColumnInspection, ...]) -> tuple[str, ...]:
    likely = re.compile(
        r"(?:^|[^a-z])(?:target|label|class|y|outcome|approv\w*|default\w*|income|decision|result|status)(?:$|[^a-z])"
    )
    able = [each.name for each in columns if 2 <= each.distinct <= 10 and each.kind != "number"]
    return tuple(sorted(able, key=lambda name: not likely.search(snake(name))))


def _suspects(frame: pd.DataFrame, target: str) -> tuple[str, ...]:
    labelled = frame.loc[frame[target].notna()]
    codes, classes = pd.factorize(labelled[target], sort=True)
    if not 2 <= len(classes) <= 100:
        return ()
    rows = sample_rows(codes, _MOST_ROWS, 0)
    found = []
    for name in labelled.columns:
        column = labelled[name].iloc[rows]
        if name == target or column_kind(column) in ("empty", "mixed"):
            continue
        feature = column.astype("int64").where(column.notna()) if column_kind(column) == "datetime" else column
        if single_feature_auc(feature, codes[rows], seed=0)[0] >= SUSPICIOUS:
            found.append(str(name))
    return tuple(found)
