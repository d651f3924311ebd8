"""What was noticed in the data and is no error: one thing, its column and its measure."""

import math
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Finding", "FindingKind"]

FindingKind = Literal[
    "alike_labels",
    "all_missing",
    "constant",
    "converted",
    "dropped_rows",
    "identifier",
    "leakage",
    "repeated_people",
    "restates_sensitive",
    "shared_people",
    "text_date",
    "text_number",
    "unnamed_people",
]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know about a column.

    Attributes
    ----------
    kind
        What was found.
    column
        The column of the source or the feature.
    message
        A sentence for people, without a row's content.
    value
        The measure behind it: an AUC, a share or a count, as the message says.

    Examples
    --------
    >>> Finding("constant", "country", "has one value in all 3 rows", 1).to_dict()["kind"]
    'constant'
    """

    kind: FindingKind
    column: str
    message: str
    value: float

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-able values; an undefined measure is None."""
        value = None if math.isnan(self.value) else float(self.value)
        return {"kind": self.kind, "column": self.column, "message": self.message, "value": value}
