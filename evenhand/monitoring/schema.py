"""A table in parts held to its contract: violations are counted, and add up."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from evenhand.data._promises import ColumnPromise
from evenhand.data.contract import Contract
from evenhand.data.frames import column_kind, value_text
from evenhand.exceptions import Problem, nearest, shorten
from evenhand.modeling.preprocessing import LARGEST
from evenhand.monitoring.decidable import beyond_numbers

__all__ = ["SchemaCheck"]

_MOST_NAMED = 10
_BROKEN_SHARE = 0.05


class SchemaCheck:
    """Counts the violations of a contract part by part; only counts leave it, and values that many rows share.

    Parameters
    ----------
    contract
        What the model's data promised.
    columns
        Those of its columns that new data must have: the features.
    least_named
        An unseen category is named when so many rows share it.

    Examples
    --------
    >>> from evenhand.data.contract import infer_contract
    >>> contract = infer_contract(pd.DataFrame({"age": [20, 60], "paid": ["yes", "no"]}), target="paid")
    >>> check = SchemaCheck(contract, ["age"])
    >>> check.add(pd.DataFrame({"age": [20, 900]}))
    >>> check.add(pd.DataFrame({"age": [-5, 30]}))
    >>> [str(problem) for problem in check.problems()]
    ['age: 2 of 4 values lie outside 0 to 100']
    """

    def __init__(self, contract: Contract, columns: Iterable[str], *, least_named: int = 10) -> None:
        wanted = set(columns)
        self._promises = [promise for promise in contract.columns if promise.name in wanted]
        self._counts: Counter[tuple[str, str]] = Counter()
        self._rows: Counter[str] = Counter()
        self._strays: dict[str, Counter[str]] = {}
        self._kinds: dict[str, str] = {}
        self._absent: dict[str, Sequence[str]] = {}
        self._least = least_named

    def add(self, part: pd.DataFrame, sent: pd.DataFrame | None = None) -> None:
        """Count the violations of a part; text may be coded as categories.

        Parameters
        ----------
        part
            Rows as training would have had them: dates as days, what is no value left out.
        sent
            The same rows as they came, which say what a column holds; by default `part`.
        """
        came = part if sent is None else sent
        for promise in self._promises:
            if promise.name in part.columns:
                self._rows[promise.name] += len(part)
                self._column(promise, part[promise.name], came[promise.name])
            else:
                self._absent[promise.name] = list(map(str, part.columns))

    def problems(self) -> tuple[Problem, ...]:
        """Every violation with its count."""
        found = [Problem(name, "the column is missing", nearest(name, has)) for name, has in self._absent.items()]
        for promise in self._promises:
            for rule in (*promise.rules, "infinite"):
                count = self._counts[promise.name, rule]
                if count:
                    found.append(Problem(promise.name, self._message(promise, rule, count)))
        return tuple(found)

    def broken(self) -> tuple[Problem, ...]:
        """The violations that are no noise: a column is missing, of another kind or infinite, or 5% of its rows break.

        A few values beyond the range that was seen, or a rare new category, come with every batch.
        """
        return tuple(problem for problem in self.problems() if self._is_broken(problem.where))

    def _is_broken(self, name: str) -> bool:
        if name in self._absent or self._counts[name, "kind"] or self._counts[name, "infinite"]:
            return True
        rows = self._rows[name]
        return any(self._counts[name, rule] >= _BROKEN_SHARE * rows for rule in ("null", "category", "range"))

    def _column(self, promise: ColumnPromise, values: pd.Series, sent: pd.Series) -> None:
        unread = not values.notna().any() and sent.notna().any()
        if unread or not _fits(promise, _told(values)):
            self._counts[promise.name, "kind"] += len(values)
            self._kinds[promise.name] = column_kind(_told(sent))
            return
        coded = isinstance(values.dtype, pd.CategoricalDtype)
        if not promise.nullable:
            self._counts[promise.name, "null"] += int(values.isna().sum())
        if promise.values is not None:
            self._stray(promise, values)
        if promise.low is not None and not coded:
            numbers = values.to_numpy()
            outside = np.count_nonzero(numbers < promise.low) + np.count_nonzero(numbers > promise.high)
            beyond = np.count_nonzero(beyond_numbers(numbers))
            self._counts[promise.name, "infinite"] += int(beyond)
            self._counts[promise.name, "range"] += int(outside - beyond)

    def _stray(self, promise: ColumnPromise, values: pd.Series) -> None:
        known = set(promise.values or ())
        for value, count in values.value_counts().items():
            text = value_text(value)
            if count and text not in known:
                self._counts[promise.name, "category"] += int(count)
                self._strays.setdefault(promise.name, Counter())[text] += int(count)

    def _message(self, promise: ColumnPromise, rule: str, count: int) -> str:
        n = self._rows[promise.name]
        if rule == "kind":
            return f"holds {self._kinds[promise.name]} and the contract says {promise.kind}"
        if rule == "null":
            return f"{count} of {n} values are missing and none was before"
        if rule == "infinite":
            return f"{count} of {n} values are infinite or beyond {LARGEST:g}, which no training takes"
        if rule == "range":
            return f"{count} of {n} values lie outside {value_text(promise.low)} to {value_text(promise.high)}"
        counts = self._strays[promise.name]
        named = [f"{shorten(text, 40)} ({times} rows)" for text, times in counts.most_common() if times >= self._least]
        shown = f": {', '.join(named[:_MOST_NAMED])}" if named else ""
        noun = "category" if len(counts) == 1 else "categories"
        return f"{count} of {n} rows hold {len(counts)} unseen {noun}{shown}"


def _told(values: pd.Series) -> pd.Series:
    """What the kind of a column shows in: of codes their categories."""
    return pd.Series(values.cat.categories) if isinstance(values.dtype, pd.CategoricalDtype) else values


def _fits(promise: ColumnPromise, values: pd.Series) -> bool:
    """Whether a part has the promised kind; numbers in fewer bytes and single parts without values have it too."""
    kind = column_kind(values)
    if kind in ("empty", promise.kind) or promise.kind == "empty":
        return True
    if promise.kind == "number":
        return kind in ("integer", "boolean")
    if promise.kind == "integer" and kind == "number":
        return bool((values.dropna() % 1 == 0).all())
    return False
