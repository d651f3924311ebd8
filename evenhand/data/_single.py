"""How well one feature alone tells the classes of a label apart, by cross-validation."""

import numpy as np
import numpy.typing as npt
import pandas as pd

_FOLDS = 3
_LEAST_BINS, _MOST_BINS, _ROWS_A_BIN = 16, 256, 20

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


def sample_rows(labels: Codes, most: int, seed: int) -> Codes:
    """At most `most` positions, in proportion to the classes as drawn, sorted."""
    if len(labels) <= most:
        return np.arange(len(labels))
    return np.sort(np.random.default_rng(seed).choice(len(labels), size=most, replace=False))


SUSPICIOUS = 0.99
"""The AUC from which on one feature that predicts a target alone is suspected to restate it. Bins and folds cost some
thousandths: the time until an event, with the event as the target, has .992 where its exact order has .996."""


def single_feature_auc(feature: pd.Series, labels: Codes, *, seed: int, least: int = 10) -> tuple[float, int]:
    """The largest one-versus-rest AUC of a feature used alone, and the class that it tells apart.

    Parameters
    ----------
    feature
        One raw feature, shape (n,); missing values are information too.
    labels
        Class codes 0..k-1, shape (n,).
    seed
        Draws the folds.
    least
        Classes with fewer rows are not judged.

    Returns
    -------
    tuple
        The AUC, NaN when no class has enough rows, and the code of its class.
    """
    from scipy.stats import rankdata

    k = int(labels.max()) + 1
    folds = np.random.default_rng(seed).permutation(len(labels)) % _FOLDS
    scores = _out_of_fold(feature, labels, folds, k)
    best, best_class = np.nan, -1
    for label in range(k if k > 2 else 1):
        positive = labels == label
        n1, n0 = int(positive.sum()), int((~positive).sum())
        if min(n1, n0) < least:
            continue
        # The Mann-Whitney statistic with mid-ranks for ties is the area under the curve.
        ranks = rankdata(scores[:, label])
        auc = float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
        if np.isnan(best) or auc > best:
            best, best_class = auc, label
    return best, best_class


def _out_of_fold(feature: pd.Series, labels: Codes, folds: Codes, k: int) -> Floats:
    scores = np.zeros((len(labels), k))
    codes = _codes(feature)
    for fold in range(_FOLDS):
        test = folds == fold
        if (~test).any() and test.any():
            scores[test] = _lookup(codes[~test], labels[~test], codes[test], k)
    return scores


def _codes(feature: pd.Series) -> Codes:
    """Categories, or bins of as many rows each when a number has too many values; missing is a value like others."""
    codes, uniques = pd.factorize(feature, use_na_sentinel=False)
    bins = min(_MOST_BINS, max(_LEAST_BINS, len(feature) // _ROWS_A_BIN))
    if feature.dtype.kind not in "iuf" or len(uniques) <= bins:
        return np.asarray(codes, dtype=np.intp)
    from scipy.stats import rankdata

    values = feature.to_numpy(dtype=float)
    present = ~np.isnan(values)
    binned = np.full(len(values), bins, dtype=np.intp)
    ranks = rankdata(values[present], method="min") - 1  # equal values share a rank, and so a bin
    binned[present] = (ranks * bins // len(ranks)).astype(np.intp)
    return binned


def _lookup(train: Codes, labels: Codes, test: Codes, k: int) -> Floats:
    """Class shares of each category, drawn to the overall shares as if one more row had them."""
    size = int(max(train.max(), test.max())) + 1
    counts = np.bincount(train * k + labels, minlength=size * k).reshape(size, k)
    overall = np.bincount(labels, minlength=k) / len(labels)
    shares = (counts + overall) / (counts.sum(axis=1, keepdims=True) + 1.0)
    return np.asarray(shares[test], dtype=np.float64)
