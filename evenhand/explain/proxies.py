"""Proxies: how well the features tell the groups of a sensitive attribute, which the model itself never sees."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.explain.bands import fit_bands

__all__ = ["Proxy", "ProxyReport", "find_proxies"]

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[Any]

_FOLDS = 5
_BANDS = 10
# With 19 shuffles the largest of them is the 5% level of a permutation test (Phipson and Smyth 2010).
_SHUFFLES = 19


@dataclass(frozen=True)
class Proxy:
    """How well one feature, or all together, tell the groups of one attribute.

    Attributes
    ----------
    feature
        The feature's name, or None for all features together.
    auc, low, high
        Out-of-fold ROC-AUC with its interval: .5 is chance and 1 gives the group away. With more than two groups the
        mean of each group against the rest, weighted by its rows.
    reference
        The largest AUC of 19 shuffles of the groups; None for all features together.
    above_chance
        Whether the interval's lower end is above .5 and the AUC, of a single feature, above its reference.
    """

    feature: str | None
    auc: float
    low: float
    high: float
    reference: float | None
    above_chance: bool


@dataclass(frozen=True)
class ProxyReport:
    """The proxies of one sensitive attribute.

    Attributes
    ----------
    attribute
        The sensitive column.
    groups
        Rows of each group that was told apart.
    rows, unknown, left_out
        Rows used; rows whose group is unknown; rows of groups too small to be learned. The last two are not used.
    majority
        Share of the largest group: the accuracy of answering it for everyone.
    accuracy
        Out-of-fold accuracy of all features together.
    together
        All features together.
    features
        Each feature alone, the strongest first.
    reason
        Why there is no figure, or None.
    """

    attribute: str
    groups: dict[str, int]
    rows: int
    unknown: int
    left_out: int
    majority: float | None
    accuracy: float | None
    together: Proxy | None
    features: tuple[Proxy, ...]
    reason: str | None = None


def find_proxies(
    X: pd.DataFrame, sensitive: pd.Series, *, min_cell: int = 10, confidence: float = 0.95, seed: int = 0
) -> ProxyReport:
    """How well each feature of X, and all together, predict a sensitive attribute, by 5-fold cross-validation.

    A single feature is cut into deciles or categories and predicts each group's share in its band (smoothed by the
    overall share); all together are given to histogram gradient boosting.

    Parameters
    ----------
    X
        Features, shape (n, f).
    sensitive
        Groups as text, shape (n,), ``unknown`` where missing.
    min_cell
        Groups with fewer rows (and at least fewer than the folds) are left out, counted together.
    """
    names = sensitive.astype(str).reset_index(drop=True)
    counts = names[names != UNKNOWN].value_counts().sort_index()
    groups = [str(group) for group, count in counts.items() if count >= max(min_cell, _FOLDS)]
    keep = names.isin(groups).to_numpy()
    unknown = int((names == UNKNOWN).sum())
    sizes = {group: int(counts[group]) for group in groups}
    left_out = len(names) - int(keep.sum()) - unknown
    if len(groups) < 2:
        reason = f"fewer than two groups have {max(min_cell, _FOLDS)} rows"
        return ProxyReport(str(sensitive.name), sizes, int(keep.sum()), unknown, left_out, None, None, None, (), reason)
    rows = X.iloc[np.flatnonzero(keep)].reset_index(drop=True)
    y = names[keep].map({group: code for code, group in enumerate(groups)}).to_numpy(dtype=np.intp)
    folds = _folds(y, seed)
    features = [_single(rows[name], y, folds, confidence, seed) for name in rows.columns]
    together, accuracy = _together(rows, y, folds, confidence, seed)
    return ProxyReport(
        str(sensitive.name),
        sizes,
        len(rows),
        unknown,
        left_out,
        float(np.bincount(y).max() / len(y)),
        accuracy,
        together,
        tuple(sorted(features, key=lambda proxy: -proxy.auc)),
    )


def _folds(y: Codes, seed: int) -> Codes:
    """A fold for each row, every group spread evenly."""
    rng = np.random.default_rng(seed)
    folds = np.empty(len(y), dtype=np.intp)
    for group in np.unique(y):
        inside = np.flatnonzero(y == group)
        folds[inside] = rng.permutation(len(inside)) % _FOLDS
    return folds


def _single(column: pd.Series, y: Codes, folds: Codes, confidence: float, seed: int) -> Proxy:
    bands = fit_bands(column, bands=_BANDS, min_cell=2)
    codes, width = bands.codes(column), len(bands.labels)
    auc, low, high = _weighted_auc(y, _shares(codes, y, folds, width), confidence)
    rng = np.random.default_rng(seed)
    shuffled = (rng.permutation(y) for _ in range(_SHUFFLES))
    reference = max(_area(z, _shares(codes, z, _folds(z, seed), width)) for z in shuffled)
    return Proxy(str(column.name), auc, low, high, reference, auc > reference and low > 0.5)


def _shares(codes: Codes, y: Codes, folds: Codes, width: int) -> FloatArray:
    """Out-of-fold share of each group in each row's band, shape (n, groups)."""
    k = int(y.max()) + 1
    counts = np.bincount((folds * width + codes) * k + y, minlength=_FOLDS * width * k).reshape(_FOLDS, width, k)
    others = counts.sum(axis=0) - counts
    prior = others.sum(axis=1, keepdims=True) / others.sum(axis=(1, 2), keepdims=True)
    shares = (others + prior) / (others.sum(axis=2, keepdims=True) + 1.0)
    # Against its own fold's prior, or the folds' slightly different priors would pull the pooled AUC below .5.
    return np.asarray((shares / prior)[folds, codes])


def _together(rows: pd.DataFrame, y: Codes, folds: Codes, confidence: float, seed: int) -> tuple[Proxy, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    Z = _matrix(rows)
    chances = np.empty((len(y), int(y.max()) + 1))
    for fold in range(_FOLDS):
        model: Any = HistGradientBoostingClassifier(
            max_iter=25,
            learning_rate=0.2,
            max_leaf_nodes=8,
            min_samples_leaf=10,
            early_stopping=False,
            random_state=seed,
        )
        chances[folds == fold] = model.fit(Z[folds != fold], y[folds != fold]).predict_proba(Z[folds == fold])
    auc, low, high = _weighted_auc(y, chances, confidence)
    return Proxy(None, auc, low, high, None, low > 0.5), float((chances.argmax(axis=1) == y).mean())


def _matrix(rows: pd.DataFrame) -> FloatArray:
    """Encoded features, shape (n, c); the encoder sees no group, so fitting it once leaks nothing."""
    from evenhand.modeling.preprocessing import make_preprocessor

    return np.asarray(make_preprocessor(rows, scale=False).fit_transform(rows), dtype=np.float64)


def _weighted_auc(y: Codes, scores: FloatArray, confidence: float) -> tuple[float, float, float]:
    """One-against-the-rest AUC weighted by the groups' rows, with the weighted mean of their DeLong intervals.

    The mean of the limits is conservative: the mean's own variance is largest when the groups' areas move together.
    """
    from evenhand.fairness.statistics.auc import auc_delong

    found = [auc_delong(y == group, scores[:, group], confidence=confidence) for group in range(scores.shape[1])]
    weights = np.bincount(y, minlength=scores.shape[1]) / len(y)
    limits = np.array([[one.value, one.low, one.high] for one in found])
    auc, low, high = (float(value) for value in weights @ limits)
    return auc, low, high


def _area(y: Codes, scores: FloatArray) -> float:
    """The value of :func:`_weighted_auc` alone, by mid-ranks (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    sizes = np.bincount(y, minlength=scores.shape[1])
    ranks = rankdata(scores, axis=0)
    sums = np.array([ranks[y == group, group].sum() for group in range(len(sizes))])
    areas = (sums - sizes * (sizes + 1) / 2) / (sizes * (len(y) - sizes))
    return float(sizes @ areas / len(y))
