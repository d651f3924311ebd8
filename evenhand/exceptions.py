"""The errors of Evenhand: each names the bad value and what would be right, and never a person's row.

Every error derives from :class:`EvenhandError` and carries the exit code that the command line ends with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

__all__ = [
    "AlteredError",
    "ConfigError",
    "ContractError",
    "DataError",
    "EvenhandError",
    "MissingExtraError",
    "ModelError",
    "Problem",
    "SearchError",
    "ServiceError",
    "StoreError",
    "alike",
    "nearest",
    "shorten",
    "without_origin",
]


class EvenhandError(Exception):
    """Base of every error that Evenhand raises on purpose.

    The exit codes are 1 for a defect of ours, 2 for wrong input or configuration and 5 for a service that cannot
    be reached.
    """

    exit_code: ClassVar[int] = 1


class DataError(EvenhandError):
    """The data cannot be read or used: the message names the file or column and the remedy."""

    exit_code = 2


class ModelError(EvenhandError):
    """A model cannot do what was asked of it, or is not what was registered."""

    exit_code = 2


class SearchError(EvenhandError):
    """The search has no trial that it could select."""

    exit_code = 2


class MissingExtraError(EvenhandError):
    """An optional package is needed and not installed; the message names the extra."""

    exit_code = 2


class StoreError(EvenhandError):
    """What a step left on disk is missing, half-written or altered."""


class AlteredError(StoreError):
    """What a step left on disk does not match its checksums."""


class ServiceError(EvenhandError):
    """Prefect's or MLflow's server, or a database, does not answer."""

    exit_code = 5


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, and the remedy.

    Attributes
    ----------
    where
        The path in the configuration (``search.trials``) or the column of the data.
    message
        What is wrong, with the bad value, never with a person's row.
    remedy
        What would be right; empty where the message says it.
    """

    where: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class _ProblemsError(EvenhandError):
    """Several problems, told at once."""

    exit_code = 2

    def __init__(self, summary: str, problems: Sequence[Problem] = ()) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        super().__init__("\n".join([summary, *(f"  - {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.summary, self.problems)


class ConfigError(_ProblemsError):
    """The configuration is wrong; every problem is listed."""


class ContractError(_ProblemsError):
    """The data breaks its contract; every violation is listed with counts."""


def without_origin(error: EvenhandError) -> None:
    """Part an error from what it arose from, where that could hold a password: logs print all of the chain.

    An error of ours leaves secrets out of its words. What a library says of an address has them in, and a user and
    password stand before an ``@`` in every kind of address.

    Examples
    --------
    >>> try:
    ...     try:
    ...         raise OSError("s3://ann:secret@models/x is no bucket")
    ...     except OSError as cause:
    ...         raise ServiceError("the store does not answer") from cause
    ... except ServiceError as error:
    ...     without_origin(error)
    ...     print(error.__cause__, error.__context__)
    None None
    """
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if "@" in str(cause):
            error.__cause__ = error.__context__ = None
            return
        cause = cause.__cause__ or cause.__context__


def alike(name: str, options: Iterable[str]) -> str | None:
    """The option that a misspelled name is nearest to, or None where none is near.

    Examples
    --------
    >>> alike("balnced", ["none", "balanced"]), alike("SEX", ["six", "sex "]), alike("x", ["none"])
    ('balanced', 'sex ', None)
    """
    choices = sorted(options)
    plain = name.strip().casefold()
    same = [choice for choice in choices if choice.strip().casefold() == plain]
    return next(iter(same or get_close_matches(name, choices, n=1, cutoff=0.6)), None)


def nearest(name: object, options: Iterable[object]) -> str:
    """The remedy for a misspelled name: the same in another type, the nearest option, or all of them.

    Examples
    --------
    >>> nearest("balnced", ["none", "balanced"])
    "did you mean 'balanced'?"
    >>> nearest("x", ["none", "balanced"])
    "choose one of 'balanced', 'none'"
    >>> nearest("1", [0, 1])
    'did you mean 1 (int, not str)?'
    """
    known = list(options)
    twin = next((option for option in known if str(option) == str(name) and type(option) is not type(name)), None)
    if twin is not None:
        return f"did you mean {twin!r} ({type(twin).__name__}, not {type(name).__name__})?"
    choices = sorted(str(option) for option in known)
    close = alike(str(name), choices)
    if close is not None:
        return f"did you mean {close!r}?"
    shown = ", ".join(repr(choice) for choice in choices[:20])
    return f"choose one of {shown}" + (", ..." if len(choices) > 20 else "") if choices else "there is none"


def shorten(value: object, limit: int = 60) -> str:
    """A value as it may stand in a message: its repr, cut to `limit` characters.

    Examples
    --------
    >>> shorten("a" * 100, limit=12)
    "'aaaaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
