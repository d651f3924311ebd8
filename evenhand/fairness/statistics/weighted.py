"""Rates of a weighted sample as effective counts, so that every interval and verdict here serves them too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import ConfigError, DataError
from evenhand.fairness.statistics._numeric import Array, divide


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveRates:
    """Weighted rates with the counts of a simple random sample of the same precision.

    Attributes
    ----------
    value
        Weighted rates, NaN where no row counts.
    k, n
        Effective successes and trials, fractional.
    design_effect
        Variance of the weighted rate over that of as many equally weighted rows; NaN where no row counts.
    """

    value: Array
    k: Array
    n: Array
    design_effect: Array


def effective_rates(
    n: npt.ArrayLike,
    hit_weights: npt.ArrayLike,
    hit_squares: npt.ArrayLike,
    all_weights: npt.ArrayLike,
    all_squares: npt.ArrayLike,
    *,
    clusters: object = None,
    strata: object = None,
) -> EffectiveRates:
    """Effective counts of a rate under sampling weights.

    Parameters
    ----------
    n
        Rows that the rate is taken over, unweighted.
    hit_weights, hit_squares
        Sum of the weights, and of their squares, over the successes.
    all_weights, all_squares
        The same over all rows of the rate.
    clusters, strata
        Must stay None: a survey's design needs the variance between clusters within strata, which sums
        by cell do not hold.

    Returns
    -------
    EffectiveRates
        Of the shape that the inputs broadcast to.

    Raises
    ------
    ConfigError
        If clusters or strata are given.
    DataError
        If sums are negative or the successes outweigh all rows.

    Notes
    -----
    The variance of the ratio sum(w z) / sum(w) is Taylor's linearisation for unequal weights and
    independent rows: sum(w^2 (z - p)^2) / sum(w)^2 (Woodruff 1971, JASA 66:411-414). Effective sizes are
    p (1 - p) over that variance and never above n (Korn and Graubard 1998, Survey Methodology
    24:193-201). Nor are they above Kish's sum(w)^2 / sum(w^2) (1965, "Survey Sampling"): where few rows carry the
    weight, the variance that they give is small by accident just when the rate is far off, and verdicts would be wrong
    several times too often. At p = 0 and 1, where the variance would be 0, the size is Kish's.

    Examples
    --------
    Equal weights change nothing:

    >>> found = effective_rates(100, 60.0, 120.0, 200.0, 400.0)
    >>> float(found.value), float(found.n.round(6)), float(found.design_effect.round(6))
    (0.3, 100.0, 1.0)
    """
    for name, given in (("clusters", clusters), ("strata", strata)):
        if given is not None:
            raise ConfigError(
                f"{name} of a survey are not supported: intervals would be too short; leave {name} out only if "
                "rows were sampled independently, otherwise analyse with survey software"
            )
    rows, hits, hits2, total, total2 = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (n, hit_weights, hit_squares, all_weights, all_squares))
    )
    if (np.minimum(np.minimum(hits, hits2), np.minimum(total, total2)) < 0).any() or (
        (hits > total * (1 + 1e-9)).any() or (hits2 > total2 * (1 + 1e-9)).any()
    ):
        raise DataError("sums of weights must be >= 0 and those of the successes no larger than those of all rows")
    p = np.clip(divide(hits, total), 0.0, 1.0)
    variance = divide(hits2 * (1 - p) ** 2 + np.maximum(total2 - hits2, 0.0) * p**2, total**2)
    kish = divide(total**2, total2)
    simple = p * (1 - p)
    inner = (hits > 0) & (hits < total) & (variance > 0)
    size = np.where(inner, simple / np.where(inner, variance, 1.0), kish)
    # Weights whose squares a float64 rounds to 0 tell no size: that is none.
    size = np.minimum(np.minimum(np.nan_to_num(size), np.nan_to_num(kish)), rows)
    effective = np.where(total > 0, size, 0.0)
    return EffectiveRates(p, np.nan_to_num(p) * effective, effective, divide(rows, effective))
