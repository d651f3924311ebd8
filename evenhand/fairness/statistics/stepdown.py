"""Holm's correction, for levels of one policy that may differ from rule to rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evenhand.fairness.statistics._numeric import Array

__all__ = ["holm", "holm_shares"]


def holm(p_values: npt.ArrayLike) -> Array:
    """Holm's adjusted p-values, in the order given.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    return np.minimum(1.0, _step_down(np.asarray(p_values, dtype=np.float64)))


def _step_down(p: Array) -> Array:
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return adjusted


def holm_shares(scaled: Sequence[Array]) -> tuple[list[float], list[float]]:
    """For each claim the share of alpha its best comparison has to reach, and that comparison's adjusted value.

    ``scaled`` are p-values as multiples of their alpha, so that rules of different levels share one order.
    """
    joined = np.concatenate(scaled) if scaled else np.zeros(0)
    owner = np.repeat(np.arange(len(scaled)), [part.size for part in scaled])
    adjusted = _step_down(joined)
    shares, best = [], []
    for at, part in enumerate(scaled):
        smallest = part.min(initial=np.inf)
        earlier = int(((adjusted <= 1) & (owner != at) & (joined < smallest)).sum())
        shares.append(1.0 / max(joined.size - earlier, 1))
        best.append(float(adjusted[owner == at].min(initial=np.inf)))
    return shares, best
