"""A contract's promises kept over rows that come in parts: counted part by part, told once."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from evenhand.data.contract import ColumnPromise
from evenhand.data.frames import Kind, column_kind
from evenhand.exceptions import ContractError, Problem, nearest

__all__ = ["ContractTally"]

_MOST_STRAYS = 10_000
"""Different new values of one column that are told apart; of the rest only the count is kept."""


class ContractTally:
    """How often each promise is broken, over all parts.

    Parameters
    ----------
    promises
        Of the columns that are looked at; that a key is unique cannot be counted in parts and is passed over.

    Examples
    --------
    >>> tally = ContractTally([ColumnPromise("age", "integer", nullable=False, low=0.0, high=120.0)])
    >>> for ages in ([20, 900], [30, 1000]):
    ...     tally.add(pd.DataFrame({"age": ages}))
    >>> tally.problems()[0].message
    '2 of 4 values lie outside 0 to 120'
    """

    def __init__(self, promises: Sequence[ColumnPromise]) -> None:
        self._promises = {promise.name: promise for promise in promises}
        self._broken: Counter[tuple[str, str]] = Counter()
        self._strays: dict[str, Counter[str]] = {name: Counter() for name in self._promises}
        self._kinds: dict[str, Kind] = {}
        self.rows = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Count the next rows; the frame has every column that is promised."""
        self.rows += len(frame)
        for name, promise in self._promises.items():
            series = frame[name]
            for rule in promise.rules:
                if rule == "unique":
                    continue
                count = promise.count(rule, series)
                self._broken[name, rule] += count
                if count and rule == "kind":
                    self._kinds.setdefault(name, column_kind(series))
                if count and rule == "category" and len(self._strays[name]) < _MOST_STRAYS:
                    self._strays[name] += promise.strays(series)

    def problems(self) -> tuple[Problem, ...]:
        """Every violation with its count over all rows, and without any row's values."""
        found = []
        for (name, rule), count in self._broken.items():
            if count:
                kind = self._kinds.get(name, "mixed")
                found.append(self._promises[name].describe(rule, count, self.rows, kind, self._strays[name]))
        return tuple(found)

    def check(self, missing: Sequence[str] = (), present: Sequence[str] = ()) -> None:
        """Raise when a promise is broken.

        Parameters
        ----------
        missing
            Columns that the rows do not have at all.
        present
            The columns that they have, to suggest a name.

        Raises
        ------
        ContractError
            One error that lists every violation.
        """
        # All columns are listed a single time, with the first that is near none.
        hints = [nearest(name, present) for name in missing]
        absent = [
            Problem(name, "the column is missing", hint if hint not in hints[:place] else "")
            for place, (name, hint) in enumerate(zip(missing, hints, strict=True))
        ]
        problems = [*absent, *self.problems()]
        if problems:
            noun = "violation" if len(problems) == 1 else "violations"
            raise ContractError(
                f"the rows break the model's data contract ({len(problems)} {noun}); correct the rows", problems
            )
