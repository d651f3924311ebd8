"""Score statistics of two proportions under a hypothesised difference or ratio.

The nuisance parameter is replaced by its maximum likelihood estimate under the hypothesis, which has
a closed form: a cubic for the difference and a quadratic for the ratio. Miettinen and Nurminen (1985),
Statistics in Medicine 4:213-226; the difference in the arrangement of Farrington and Manning (1990),
Statistics in Medicine 9:1447-1454.
"""

from __future__ import annotations

import numpy as np

from evenhand.fairness.statistics._numeric import Array


def difference_moments(k1: Array, n1: Array, k2: Array, n2: Array, delta: Array) -> tuple[Array, Array]:
    """Distance of the observed difference from ``delta`` and its standard error under ``delta``."""
    p1, p2 = k1 / n1, k2 / n2
    q1 = _restricted_rate(p1, p2, n2 / n1, delta)
    q2 = np.clip(q1 - delta, 0.0, 1.0)
    variance = q1 * (1 - q1) / n1 + q2 * (1 - q2) / n2
    total = n1 + n2
    # Miettinen and Nurminen's factor makes the variance unbiased at equality.
    return p1 - p2 - delta, np.sqrt(variance * total / (total - 1))


def _restricted_rate(p1: Array, p2: Array, theta: Array, delta: Array) -> Array:
    """Maximum likelihood estimate of the first rate when the rates differ by exactly ``delta``."""
    a = 1 + theta
    b = -(1 + theta + p1 + theta * p2 + delta * (theta + 2))
    c = delta**2 + delta * (2 * p1 + theta + 1) + p1 + theta * p2
    d = -p1 * delta * (1 + delta)
    shift = b / (3 * a)
    v = shift**3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.copysign(np.sqrt(np.maximum(shift**2 - c / (3 * a), 0.0)), v)
    cube = u**3
    cosine = np.divide(v, cube, out=np.ones_like(v), where=cube != 0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    rate: Array = np.clip(2 * u * np.cos(angle) - shift, np.maximum(0.0, delta), np.minimum(1.0, 1 + delta))
    return rate


def ratio_moments(k1: Array, n1: Array, k2: Array, n2: Array, t: Array) -> tuple[Array, Array]:
    """Distance of the observed ratio from ``t / (1 - t)`` and its standard error, both times ``1 - t``.

    The bounded parameter t = ratio / (1 + ratio) keeps a ratio of infinity an ordinary point.
    """
    s = 1 - t
    total = k1 + k2
    b = n1 * t + k1 * s + n2 * s + k2 * t
    root = np.sqrt(np.maximum(b**2 - 4 * (n1 + n2) * t * total * s, 0.0))
    # The smaller root in the form that does not cancel.
    q2 = np.divide(2 * total * s, b + root, out=np.zeros_like(b), where=b + root > 0)
    q1 = np.divide(2 * total * t, b + root, out=np.zeros_like(b), where=b + root > 0)
    q1, q2 = np.clip(q1, 0.0, 1.0), np.clip(q2, 0.0, 1.0)
    variance = s**2 * q1 * (1 - q1) / n1 + t**2 * q2 * (1 - q2) / n2
    return s * k1 / n1 - t * k2 / n2, np.sqrt(variance)


def difference_z(k1: Array, n1: Array, k2: Array, n2: Array, delta: Array) -> Array:
    """Score statistic of the difference against ``delta``; large when the difference lies above."""
    return _standardise(*difference_moments(k1, n1, k2, n2, delta))


def corrected_difference_z(k1: Array, n1: Array, k2: Array, n2: Array, delta: Array) -> Array:
    """:func:`difference_z` less what the skewness of the difference does to its normal score.

    Gart and Nam (1990), Biometrics 46:637-643, with the first terms of Cornish and Fisher's expansion. Counts can be
    confirmed by exact tests instead; effective counts cannot. Far out, where the expansion no longer holds and
    every level is passed, the correction stays what it is at three standard errors.
    """
    z = difference_z(k1, n1, k2, n2, delta)
    q1 = _restricted_rate(k1 / n1, k2 / n2, n2 / n1, delta)
    q2 = np.clip(q1 - delta, 0.0, 1.0)
    v1, v2 = q1 * (1 - q1) / n1, q2 * (1 - q2) / n2
    third = v1 * (1 - 2 * q1) / n1 - v2 * (1 - 2 * q2) / n2
    skewness = np.clip(third / np.maximum(v1 + v2, 1e-12) ** 1.5, -1.0, 1.0)
    return np.asarray(z - skewness * (np.minimum(z**2, 9.0) - 1) / 6)


def ratio_z(k1: Array, n1: Array, k2: Array, n2: Array, ratio: Array) -> Array:
    """Score statistic of the ratio against ``ratio``, a finite positive number."""
    return _standardise(*ratio_moments(k1, n1, k2, n2, ratio / (1 + ratio)))


def _standardise(distance: Array, error: Array) -> Array:
    """Quotient that is 0 for 0/0: two empty counts lean to neither side."""
    flat = error <= 1e-12
    away = np.where(np.abs(distance) <= 1e-12, 0.0, np.copysign(np.inf, distance))
    return np.asarray(np.where(flat, away, distance / np.where(flat, 1.0, error)))
