"""Proxies: how well the features tell the groups of a sensitive attribute, which the model itself never sees."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN
from evenhand.explain.bands import fit_bands
from evenhand.order import group_order

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
    counts = names[names != UNKNOWN].value_counts()
    large = counts[counts >= max(min_cell, _FOLDS)]
    groups = sorted(map(str, large.index), key=group_order)
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
    labellings = _labellings(y, folds, seed)
    features = [_single(rows[name], labellings, folds, confidence) for name in rows.columns]
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


def _single(column: pd.Series, labellings: Codes, folds: Codes, confidence: float) -> Proxy:
    """One feature; the first labelling is the true one, the others are shuffles."""
    bands = fit_bands(column, bands=_BANDS, min_cell=2)
    counts = _counts(bands.codes(column), labellings, folds, len(bands.labels))
    shares = _shares(counts)
    auc, low, high = _weighted_auc(labellings[0], shares[0][folds, bands.codes(column)], confidence)
    reference = float(_areas(counts[1:], shares[1:]).max())
    return Proxy(str(column.name), auc, low, high, reference, auc > reference and low > 0.5)


def _labellings(y: Codes, folds: Codes, seed: int) -> Codes:
    """The groups and 19 shuffles of them, each within the folds, shape (20, n)."""
    rng = np.random.default_rng(seed)
    made = np.repeat(y[None, :], _SHUFFLES + 1, axis=0)
    for fold in range(_FOLDS):
        inside = np.flatnonzero(folds == fold)
        made[1:, inside] = rng.permuted(made[1:, inside], axis=1)
    return made


def _counts(codes: Codes, labellings: Codes, folds: Codes, width: int) -> Codes:
    """Rows by labelling, fold, band and group, shape (s, folds, width, k)."""
    s, k = len(labellings), int(labellings.max()) + 1
    cells = (np.arange(s)[:, None] * _FOLDS + folds) * width + codes
    return np.bincount((cells * k + labellings).ravel(), minlength=s * _FOLDS * width * k).reshape(s, _FOLDS, width, k)


def _shares(counts: Codes) -> FloatArray:
    """Out-of-fold share of each group in each band, smoothed by its prior and relative to it, shape as `counts`.

    Relative, since the folds' slightly different priors would otherwise pull the pooled AUC below .5.
    """
    others = counts.sum(axis=1, keepdims=True) - counts
    prior = others.sum(axis=2, keepdims=True) / others.sum(axis=(2, 3), keepdims=True)
    return np.asarray((others + prior) / (others.sum(axis=3, keepdims=True) + 1.0) / prior)


def _areas(counts: Codes, scores: FloatArray) -> FloatArray:
    """AUC of each labelling, (s,): each group against the rest, weighted by its rows; cells of equal score tie."""
    s, k = len(counts), counts.shape[-1]
    flat, score = counts.reshape(s, -1, k).astype(np.float64), scores.reshape(s, -1, k)
    sizes = flat.sum(axis=1)
    total = sizes.sum(axis=1)
    areas = np.zeros(s)
    for group in range(k):
        value = score[:, :, group]
        wins = (value[:, :, None] > value[:, None, :]) + 0.5 * (value[:, :, None] == value[:, None, :])
        beaten = (wins @ (flat.sum(axis=2) - flat[:, :, group])[:, :, None])[:, :, 0]
        pairs = sizes[:, group] * (total - sizes[:, group])
        areas += sizes[:, group] / total * (flat[:, :, group] * beaten).sum(axis=1) / pairs
    return areas


def _together(rows: pd.DataFrame, y: Codes, folds: Codes, confidence: float, seed: int) -> tuple[Proxy, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    Z = _matrix(rows)
    chances = np.empty((len(y), int(y.max()) + 1))
    # On so few rows threads wait for one another more than they work.
    with threadpool_limits(1):
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
