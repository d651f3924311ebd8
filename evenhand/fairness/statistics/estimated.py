"""A figure about rows with its interval and their number, or the reason why there is none."""

from dataclasses import dataclass
from math import ceil, nan

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenhand.fairness.statistics.rates import Limits, wilson

__all__ = ["Estimated", "median", "share"]


@dataclass(frozen=True)
class Estimated:
    """A figure with its interval.

    Attributes
    ----------
    value, low, high
        NaN where undefined or withheld.
    n
        The rows that it rests on.
    reason
        Why there is no value, or what a reader must know about it; else "".
    """

    value: float
    low: float
    high: float
    n: int
    reason: str = ""


def share(
    k: float, n: int, *, confidence: float = 0.95, least: int = 0, reason: str = "", limits: Limits = wilson
) -> Estimated:
    """A share of `n` rows with its interval, Wilson's unless others are asked for.

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
    limits
        Such as :func:`~evenhand.fairness.statistics.wilson`.

    Examples
    --------
    >>> found = share(81, 263)
    >>> f"{found.value:.3f} {found.low:.4f} {found.high:.4f}"
    '0.308 0.2553 0.3662'
    >>> share(3, 4, least=10)
    Estimated(value=nan, low=nan, high=nan, n=4, reason='fewer than 10 rows')
    """
    why = reason or (f"fewer than {least} rows" if n < least else "" if n else "there is no row")
    if why:
        return Estimated(nan, nan, nan, n, why)
    low, high = limits(k, n, confidence)
    return Estimated(float(k / n), float(low), float(high), n)


def median(values: npt.ArrayLike, *, confidence: float = 0.95, least: int = 0) -> Estimated:
    """The lower median with the interval between two order statistics, which holds for any distribution.

    Parameters
    ----------
    values
        Shape (n,), at least 0; infinite where nothing was reached.
    confidence
        Of the interval: Thompson (1936), Annals of Mathematical Statistics 7:122-128. Where so few values cannot bound
        the median from below, the limit is 0.
    least
        A median of fewer values is withheld.

    Examples
    --------
    >>> median([5.0, 1.0, 3.0, 2.0, 4.0, 6.0, 7.0, 8.0])
    Estimated(value=4.0, low=1.0, high=8.0, n=8, reason='')
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    if n < max(least, 1):
        return Estimated(nan, nan, nan, n, f"fewer than {least} rows" if n < least else "there is no row")
    rank = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))
    low = float(ordered[rank - 1]) if rank else 0.0
    high = float(ordered[n - rank]) if rank else float("inf")
    return Estimated(float(ordered[ceil(n / 2) - 1]), low, high, n)
