"""Columns that seem to name people who have several rows each."""

import re

import pandas as pd

from evenhand.data.frames import column_kind

__all__ = ["names_people", "snake"]

_WHO = (
    "person|people|patient|customer|applicant|client|user|member|employee|student|borrower|subject|citizen|household|"
    "account|policyholder|candidate|worker|donor|respondent|participant|tenant|debtor|claimant|defendant|beneficiary"
)
_NAMES = r"(?:id|key|uuid|guid|nr|no|num|number|code|ref|hash)"
_PERSON = re.compile(rf"(?:^|[^a-z])(?:{_WHO})(?:[^a-z]*{_NAMES})?[^a-z]*$")
_ID = re.compile(r"(?:^|[^a-z])(?:id|uuid|guid)$")
_FEWEST = 20
_LEAST_SHARE, _LEAST_SHARE_OF_ID = 0.01, 0.1  # an id of few values may be a branch or a product


def snake(name: str) -> str:
    """The name in lower case, with the humps of camelCase apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def names_people(column: pd.Series) -> bool:
    """Whether a column could name people of whom some have several rows: by its name, and many values that repeat.

    Examples
    --------
    >>> rows = pd.Series([k % 40 for k in range(100)])
    >>> [names_people(rows.rename(name)) for name in ("patientId", "user", "applicant_income", "households")]
    [True, True, False, False]
    """
    name = snake(str(column.name))
    by_person = _PERSON.search(name) is not None
    if not (by_person or _ID.search(name)):
        return False
    present = column.dropna()
    kind = column_kind(present)
    if kind not in ("integer", "text") and not (kind == "number" and bool((present % 1 == 0).all())):
        return False
    least = _LEAST_SHARE if by_person else _LEAST_SHARE_OF_ID
    return max(_FEWEST, least * len(present)) <= int(present.nunique()) < len(present)
