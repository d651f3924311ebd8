"""How accurate decisions stay when the mixture of groups shifts, or when labels were wrong: from counts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics import Estimated, Limits, wilson

__all__ = ["Hits", "after_label_noise", "worst_mixture", "worst_mixture_accuracy"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """Right decisions and rows of each group of an attribute, shape (g,)."""

    right: npt.NDArray[np.int64]
    n: npt.NDArray[np.int64]


def worst_mixture(values: npt.ArrayLike, shares: npt.ArrayLike, factor: float) -> FloatArray:
    """The shares of groups with the lowest mean value, no share having changed by more than a factor.

    Parameters
    ----------
    values
        Of each group, shape (g,).
    shares
        Of each group now, shape (g,), adding up to 1.
    factor
        At least 1: a share may grow to `factor` times itself or shrink to that part of itself.

    Returns
    -------
    ndarray of shape (g,)
        Shares that add up to 1. It is the solution of a linear program over a box cut by one plane, which is filled
        from the lowest value on. Bounded shifts of groups are those of Duchi, Hashimoto and Namkoong (2019),
        "Distributionally robust losses against mixture covariate shifts".

    Examples
    --------
    >>> worst_mixture([0.9, 0.5], [0.75, 0.25], 2).tolist()
    [0.5, 0.5]
    """
    worth, now = np.asarray(values, dtype=float), np.asarray(shares, dtype=float)
    least = now / factor
    room, left = now * factor - least, 1.0 - least.sum()
    order = np.argsort(worth, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(room[order])[:-1]])
    least[order] += np.clip(left - before, 0.0, room[order])
    return np.asarray(least)


def worst_mixture_accuracy(
    attributes: Mapping[str, Hits], *, factor: float, least: int, confidence: float, limits: Limits = wilson
) -> tuple[Estimated, str]:
    """The lowest accuracy over the shifted mixtures of any attribute's groups, and that attribute.

    The limits hold for the worst mixture and not for a mixture that was picked after seeing the rows: each
    group's at a level shared among all groups of all attributes (Bonferroni), each put into the same minimum.

    Parameters
    ----------
    attributes
        The groups' counts.
    factor
        As for :func:`worst_mixture`.
    least
        Groups with fewer rows take no part.
    confidence
        Of the interval.
    limits
        Of each group's accuracy.

    Examples
    --------
    >>> hits = {"sex": Hits(np.array([50, 270]), np.array([100, 300]))}
    >>> found, attribute = worst_mixture_accuracy(hits, factor=2, least=10, confidence=0.95)
    >>> round(found.value, 2), attribute
    (0.7, 'sex')
    """
    kept = {name: Hits(hits.right[hits.n >= least], hits.n[hits.n >= least]) for name, hits in attributes.items()}
    kept = {name: hits for name, hits in kept.items() if len(hits.n) > 1}
    if not kept:
        nan = float("nan")
        return Estimated(nan, nan, nan, 0, f"no attribute has two groups of at least {least} rows"), ""
    level = 1 - (1 - confidence) / sum(len(hits.n) for hits in kept.values())
    lowest = {name: _minima(hits, factor, level, limits) for name, hits in kept.items()}
    worst = min(lowest, key=lambda name: lowest[name][0])
    value, low, high = (float(min(found[k] for found in lowest.values())) for k in range(3))
    return Estimated(value, low, high, int(kept[worst].n.sum())), worst


def _minima(hits: Hits, factor: float, level: float, limits: Limits) -> Sequence[float]:
    """The minimum over the mixtures of the estimates, of their lower and of their upper limits."""
    rates = (hits.right / hits.n, *limits(hits.right, hits.n, level))
    shares = hits.n / hits.n.sum()
    return [float(worst_mixture(rate, shares, factor) @ rate) for rate in rates]


def after_label_noise(accuracy: Estimated, *, share: float, classes: int) -> Estimated:
    """The accuracy that is to be expected on the same rows when a share of the labels is replaced at random.

    A replaced label is any of the others with equal probability (symmetric noise; Angluin and Laird 1988, "Learning
    from noisy examples", Machine Learning 2:343-370). A right decision then counts as right with probability 1 - share,
    a wrong one with share / (classes - 1); the limits follow the same line.

    Examples
    --------
    >>> round(after_label_noise(Estimated(0.9, 0.85, 0.95, 100), share=0.1, classes=2).value, 3)
    0.82
    """
    hit, miss = 1 - share, share / (classes - 1)

    def shown(value: float) -> float:
        return value * hit + (1 - value) * miss

    low, high = sorted((shown(accuracy.low), shown(accuracy.high)))
    return Estimated(shown(accuracy.value), low, high, accuracy.n, accuracy.reason)
