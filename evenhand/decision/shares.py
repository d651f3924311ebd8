"""A share of rows with its interval, as everything that compares two models gives it."""

from dataclasses import dataclass
from math import nan

from evenhand.fairness.statistics import wilson

__all__ = ["Share", "share"]


@dataclass(frozen=True)
class Share:
    """A share of rows with Wilson's interval.

    Attributes
    ----------
    value, low, high
        Between 0 and 1; NaN where undefined or withheld.
    n
        The rows it is a share of.
    reason
        Why there is no value; else "".
    """

    value: float
    low: float
    high: float
    n: int
    reason: str = ""


def share(k: float, n: int, *, confidence: float = 0.95, least: int = 0, reason: str = "") -> Share:
    """A share of `n` rows with Wilson's interval.

    Parameters
    ----------
    k
        How many of the rows; or the sum of values in [0, 1], whose interval is then too wide rather than too narrow,
        since such values have at most the variance of a proportion with their mean.
    n
        The rows.
    confidence
        Of the interval.
    least
        A share of fewer rows is withheld.
    reason
        Why the share is undefined, when it is.

    Examples
    --------
    >>> found = share(81, 263)
    >>> f"{found.value:.3f} {found.low:.4f} {found.high:.4f}"
    '0.308 0.2553 0.3662'
    >>> share(3, 4, least=10)
    Share(value=nan, low=nan, high=nan, n=4, reason='fewer than 10 rows')
    """
    if n < least:
        return Share(nan, nan, nan, n, f"fewer than {least} rows")
    if reason or n == 0:
        return Share(nan, nan, nan, n, reason or "there is no row")
    low, high = wilson(k, n, confidence)
    return Share(float(k / n), float(low), float(high), n)
