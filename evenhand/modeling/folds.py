"""Cross-validation folds, encoded once and kept on disk for every trial and every worker."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from evenhand.exceptions import DataError, shorten
from evenhand.modeling.fit import Resample, resample_rows
from evenhand.modeling.preprocessing import make_preprocessor

__all__ = ["FoldData", "encode_folds", "fold_files", "load_fold", "make_folds"]

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoldData:
    """One fold as a classifier takes it: matrices, class codes and training weights."""

    X_train: Floats
    y_train: npt.NDArray[np.intp]
    weights: Floats | None
    X_test: Floats
    y_test: npt.NDArray[np.intp]


def make_folds(
    codes: npt.NDArray[np.intp], folds: int, *, groups: npt.ArrayLike | None = None, seed: int = 0
) -> list[tuple[Rows, Rows]]:
    """Training and test rows of each fold, stratified by class.

    Parameters
    ----------
    codes
        Class codes, shape (n,).
    folds
        How many; at least 2.
    groups
        What must not straddle a fold (a person, a household), shape (n,), or None.
    seed
        Seed of the shuffle.

    Raises
    ------
    DataError
        Fewer than 2 folds, or a class (or the groups) with fewer members than folds.
    """
    smallest = int(np.bincount(codes).min())
    if folds < 2:
        raise DataError(f"folds is {folds}: cross-validation needs at least 2")
    if smallest < folds:
        raise DataError(f"the smallest class has {smallest} rows, fewer than {folds} folds: merge classes or use fewer")
    if groups is None:
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(codes)), codes))
    people = pd.factorize(np.asarray(groups, dtype=object), use_na_sentinel=False)[0]
    if len(people) != len(codes):
        raise DataError(f"groups has {len(people)} rows and the data {len(codes)}: give one group a row")
    if people.max() + 1 < folds:
        raise DataError(f"there are {people.max() + 1} groups, fewer than {folds} folds: use fewer folds")
    grouped = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    parts = list(grouped.split(np.zeros(len(codes)), codes, people))
    for train, test in parts:
        _check_classes(codes, train, test)
    return parts


def _check_classes(codes: npt.NDArray[np.intp], train: Rows, test: Rows) -> None:
    n_classes = codes.max() + 1
    if min(len(np.unique(codes[train])), len(np.unique(codes[test]))) < n_classes:
        raise DataError("a fold misses a class, since its rows are in too few groups: merge classes or use fewer folds")


def encode_folds(
    directory: Path,
    X: pd.DataFrame,
    codes: npt.NDArray[np.intp],
    parts: list[tuple[Rows, Rows]],
    *,
    scales: set[bool],
    sample_weight: Floats | None = None,
    resample: Resample | None = None,
    seed: int = 0,
) -> None:
    """Fit the preprocessing on each fold's training rows and leave the matrices under `directory`.

    On disk they are shared by all workers without a copy, and only the folds in use take memory.

    Parameters
    ----------
    directory
        An empty folder.
    X, codes
        Raw features, shape (n, f), and class codes, shape (n,).
    parts
        From :func:`make_folds`.
    scales
        Which encodings the candidates need: with standardised numbers (True), without (False).
    sample_weight, resample, seed
        Training weights, shape (n,); balancing of the training rows, and its seed.
    """
    for number, (train, test) in enumerate(parts):
        chosen = resample_rows(codes[train], resample, seed)
        rows = train if chosen is None else train[chosen]
        np.save(directory / f"{number}-y_train.npy", codes[rows])
        np.save(directory / f"{number}-y_test.npy", codes[test])
        if sample_weight is not None:
            np.save(directory / f"{number}-weights.npy", sample_weight[rows])
        _encode_fold(directory, number, X, rows, test, scales)


def _encode_fold(directory: Path, number: int, X: pd.DataFrame, train: Rows, test: Rows, scales: set[bool]) -> None:
    preprocessor = make_preprocessor(X, scale=False)
    parts = {"train": preprocessor.fit_transform(X.iloc[train]), "test": preprocessor.transform(X.iloc[test])}
    if False in scales:
        for part, matrix in parts.items():
            np.save(directory / f"{number}-X_{part}-False.npy", np.ascontiguousarray(matrix))
    if True not in scales:
        return
    # Numbers and their indicators come first; scaling them here equals a preprocessor with scale=True, fitted anew.
    numbers = preprocessor.output_indices_.get("numeric", slice(0, 0))
    scaler = StandardScaler()
    for part, matrix in parts.items():
        if numbers.stop > numbers.start:
            block = matrix[:, numbers]
            matrix[:, numbers] = scaler.fit_transform(block) if part == "train" else scaler.transform(block)
        np.save(directory / f"{number}-X_{part}-True.npy", np.ascontiguousarray(matrix))


def load_fold(directory: Path, number: int, *, scale: bool) -> FoldData:
    """The fold as :func:`encode_folds` left it; the matrices are mapped, not read."""
    weights = None
    with contextlib.suppress(FileNotFoundError):
        weights = np.load(directory / f"{number}-weights.npy")
    return FoldData(
        X_train=np.load(directory / f"{number}-X_train-{scale}.npy", mmap_mode="r"),
        y_train=np.load(directory / f"{number}-y_train.npy"),
        weights=weights,
        X_test=np.load(directory / f"{number}-X_test-{scale}.npy", mmap_mode="r"),
        y_test=np.load(directory / f"{number}-y_test.npy"),
    )


def fold_files(directory: Path, number: int, *, scale: bool) -> list[Path]:
    """The files that :func:`load_fold` opens for one fold in one encoding."""
    names = [f"{number}-X_{part}-{scale}.npy" for part in ("train", "test")]
    names += [f"{number}-{name}.npy" for name in ("y_train", "y_test", "weights")]
    return [directory / name for name in names if (directory / name).is_file()]


def encode_labels(labels: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.intp], list[object]]:
    """Class codes, shape (n,), and the sorted classes that they count.

    Examples
    --------
    >>> import numpy as np
    >>> codes, classes = encode_labels(np.array(["no", "yes", "no"], dtype=object))
    >>> codes.tolist(), classes
    ([0, 1, 0], ['no', 'yes'])
    """
    try:
        codes, classes = pd.factorize(labels, sort=True)
    except TypeError as error:
        raise DataError(f"the target mixes kinds of labels: {shorten(str(error))}") from error
    return np.asarray(codes, dtype=np.intp), [c.item() if isinstance(c, np.generic) else c for c in classes]
