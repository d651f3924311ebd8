"""Train, validation and test parts: by hash, stratified, by time or by person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.data.digest import key_digests, mix, row_digests, text_key
from evenhand.exceptions import ConfigError, DataError, Problem, nearest, shorten

__all__ = ["PARTS", "Split", "SplitMethod", "content_identities", "split_dataset"]

SplitMethod = Literal["hash", "stratified", "time", "group"]
Shares = tuple[float, float, float]

PARTS = ("train", "validation", "test")
_METHODS = ("hash", "stratified", "time", "group")


@dataclass(frozen=True, eq=False)
class Split:
    """Which part each row belongs to.

    Attributes
    ----------
    part
        ``train``, ``validation`` or ``test`` for each row, shape (n,).
    method
        How the rows were divided.
    """

    part: npt.NDArray[np.str_]
    method: SplitMethod

    def rows(self, part: str) -> npt.NDArray[np.intp]:
        """The positions of the rows of a part, increasing.

        Raises
        ------
        DataError
            When there is no such part.
        """
        if part not in PARTS:
            raise DataError(f"{shorten(part)} is no part of a split: {nearest(part, PARTS)}")
        return np.flatnonzero(self.part == part)

    def counts(self) -> dict[str, int]:
        """The number of rows of each part."""
        return {part: int((self.part == part).sum()) for part in PARTS}

    def table(self, dataset: Dataset) -> pd.DataFrame:
        """How each part represents each class and each sensitive group, in counts and shares.

        One row for each part and each value of the target and of every sensitive attribute. Columns: ``part``,
        ``attribute``, ``value``, ``target`` (whether the attribute is the target), ``n``, ``share`` of the part's rows.
        """
        target = str(dataset.y.name) if dataset.y.name is not None else "target"
        columns = [(target, True, dataset.y)]
        columns += [(str(name), False, dataset.sensitive_features[name]) for name in dataset.sensitive_features]
        places = {part: self.part == part for part in PARTS}
        rows = []
        for attribute, is_target, values in columns:
            codes, names = pd.factorize(values, sort=True)
            counts = {part: np.bincount(codes[places[part]], minlength=len(names)) for part in PARTS}
            rows += [
                (part, attribute, str(value), is_target, int(counts[part][code]), _share(counts[part], code))
                for code, value in enumerate(names)
                for part in PARTS
            ]
        return pd.DataFrame(rows, columns=["part", "attribute", "value", "target", "n", "share"])

    def to_dict(self) -> dict[str, Any]:
        """The method and the size of each part as JSON-able values."""
        return {"method": self.method, "rows": self.counts()}


def _share(counts: npt.NDArray[np.intp], code: int) -> float:
    total = int(counts.sum())
    return float(counts[code] / total) if total else np.nan


def split_dataset(
    dataset: Dataset,
    *,
    method: SplitMethod = "hash",
    train: float = 0.6,
    validation: float = 0.2,
    test: float = 0.2,
    salt: str = "evenhand",
    seed: int = 0,
) -> Split:
    """Divide the rows into train, validation and test.

    Parameters
    ----------
    dataset
        The rows.
    method
        ``hash``: by the row key, or by the content of features and sensitive attributes (not of the target, so that a
        corrected label moves no row) when there is none; a row keeps its part however the data grow, and equal rows
        share one. ``group``: likewise by the person, so nobody is on both sides. ``time``: the latest rows are the
        test, rows of the same moment stay together. ``stratified``: each class is divided in proportion, and within it
        each sensitive group as nearly as whole rows allow.
    train, validation, test
        Shares, each above 0, that add up to 1. ``hash`` and ``group`` meet them on average, ``time`` up to ties.
    salt
        Changes the draw of ``hash`` and ``group``.
    seed
        Changes the draw of ``stratified``.

    Raises
    ------
    ConfigError
        When the method or the shares make no sense.
    DataError
        When the rows have no time or group, or a part would lack a class.

    Examples
    --------
    >>> data = Dataset(pd.DataFrame({"a": range(100)}), pd.Series([0, 1] * 50), pd.DataFrame({"sex": ["f", "m"] * 50}))
    >>> split_dataset(data, method="stratified").counts()
    {'train': 60, 'validation': 20, 'test': 20}
    """
    shares = _check_options(method, (train, validation, test))
    if not len(dataset):
        raise DataError("there are no rows to split")
    if method == "time":
        codes = _by_time(dataset, shares)
    elif method == "stratified":
        codes = _stratified(dataset, shares, seed)
    else:
        codes = _by_hash(dataset, shares, by=method, salt=salt)
    return _checked(codes, dataset, method)


def _check_options(method: str, shares: Shares) -> Shares:
    problems = []
    if method not in _METHODS:
        problems.append(Problem("split.method", shorten(method), nearest(method, _METHODS)))
    if any(not 0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        shown = ", ".join(f"{part} {share:g}" for part, share in zip(PARTS, shares, strict=True))
        problems.append(Problem("split", shown, "give each part a share above 0, together 1"))
    if problems:
        raise ConfigError("the split is wrong", problems)
    return shares


def _checked(codes: npt.NDArray[np.intp], dataset: Dataset, method: SplitMethod) -> Split:
    split = Split(part=np.array(PARTS)[codes], method=method)
    labels, names = pd.factorize(dataset.y, sort=True)
    found = np.bincount(codes * len(names) + labels, minlength=len(PARTS) * len(names)).reshape(len(PARTS), -1)
    values = names.tolist()
    lacking = [f"{PARTS[part]} has no row of class {shorten(values[label])}" for part, label in np.argwhere(found == 0)]
    if lacking:
        totals = zip(values, found.sum(axis=0), strict=True)
        shown = ", ".join(f"{shorten(label)}: {total}" for label, total in totals)
        remedy = "get more rows or merge rare classes"
        if method == "hash":  # rows of one person stay together, and later ones come later, whatever else
            remedy += ", or use split.method 'stratified'"
        raise DataError(
            f"the {method} split leaves a part without a class: {'; '.join(lacking[:10])} "
            f"(rows of each class: {shown}): {remedy}"
        )
    return split


def _by_hash(dataset: Dataset, shares: Shares, *, by: str, salt: str) -> npt.NDArray[np.intp]:
    if by == "group":
        hashes = key_digests(_named(dataset.group, "group"), "group")
    elif dataset.key is not None:
        hashes = key_digests(_named(dataset.key, "key"), "key")
    else:
        hashes = content_identities(dataset, list(dataset.X.columns))
    uniform = mix(hashes ^ text_key(f"split/{salt}")).astype(np.float64) / 2.0**64
    # The test part takes the lowest values, so that changing only the validation's share leaves it as it was.
    _, validation, test = shares
    return np.where(uniform < test, 2, np.where(uniform < test + validation, 1, 0)).astype(np.intp)


def content_identities(dataset: Dataset, features: Sequence[Any]) -> npt.NDArray[np.uint64]:
    """What a row without a key is known by, shape (n,): its features and sensitive attributes, not its target.

    Parameters
    ----------
    dataset
        The rows.
    features
        The features that count.
    """
    content = {f"X/{name}": dataset.X[name] for name in features}
    content |= {f"s/{name}": dataset.sensitive_features[name] for name in dataset.sensitive_features.columns}
    return row_digests(pd.DataFrame(content))


def _named(part: pd.Series | None, role: str) -> pd.Series:
    if part is None:
        raise DataError(f"the split by {role} needs a column: name it under data.{role}, or use another split.method")
    missing = int(part.isna().sum())
    if missing:
        raise DataError(
            f"{role} {shorten(part.name)} is missing in {missing} of {len(part)} rows: complete it, "
            "or use another split.method"
        )
    return part


def _by_time(dataset: Dataset, shares: Shares) -> npt.NDArray[np.intp]:
    moments = _moments(_named(dataset.time, "time"))
    _, inverse, counts = np.unique(moments, return_inverse=True, return_counts=True)
    if len(counts) < len(PARTS):
        raise DataError(f"time has {len(counts)} different moments and a split needs three: use another split.method")
    ends = np.cumsum(counts) / len(moments)
    first = int(np.clip(np.abs(ends[:-2] - shares[0]).argmin(), 0, len(counts) - 3))
    second = int(np.abs(ends[:-1] - (shares[0] + shares[1])).argmin())
    second = max(second, first + 1)
    return np.where(inverse <= first, 0, np.where(inverse <= second, 1, 2)).astype(np.intp)


def _moments(time: pd.Series) -> npt.NDArray[Any]:
    if time.dtype.kind in "iufM":
        return time.to_numpy()
    parsed = pd.to_datetime(time.astype(str), errors="coerce", format="ISO8601", utc=True)
    unread = int(parsed.isna().sum())
    if unread:
        raise DataError(
            f"time {shorten(time.name)} is no date in {unread} of {len(time)} rows: write dates as 2026-01-31, "
            "with the time after it as in 2026-01-31T12:30, or give numbers"
        )
    return parsed.dt.tz_localize(None).to_numpy()


def _stratified(dataset: Dataset, shares: Shares, seed: int) -> npt.NDArray[np.intp]:
    classes = pd.factorize(dataset.y, sort=True)[0]
    names = list(dataset.sensitive_features.columns)
    strata = row_digests(dataset.sensitive_features.astype(str)) if names else np.zeros(len(dataset), dtype=np.uint64)
    salt = text_key(f"stratified/{seed}")
    strata = mix(strata ^ salt)  # the seed orders the groups too: a tiny one's part is drawn, not fixed
    # Rows are told apart by their content, so that their order in the file changes nothing.
    within = mix(row_digests(dataset.to_frame()) ^ salt)
    order = np.argsort(within)
    distinct, ranks = np.unique(strata, return_inverse=True)
    blocks = classes * len(distinct) + ranks
    order = order[np.argsort(blocks[order], kind="stable")]
    codes = np.empty(len(dataset), dtype=np.intp)
    for label in range(int(classes.max()) + 1):
        rows = order[classes[order] == label]
        codes[rows] = _interleaved(_sizes(len(rows), shares))
    return codes


def _sizes(n: int, shares: Shares) -> list[int]:
    """Whole numbers that add up to n, nearest to the shares, and none 0 where n allows."""
    exact = np.array(shares) * n
    sizes = np.floor(exact).astype(int)
    for place in np.argsort(-(exact - sizes), kind="stable")[: n - int(sizes.sum())]:
        sizes[place] += 1
    while n >= len(PARTS) and (sizes == 0).any():
        sizes[int(sizes.argmax())] -= 1
        sizes[int((sizes == 0).argmax())] += 1
    return cast("list[int]", sizes.tolist())


def _interleaved(sizes: list[int]) -> npt.NDArray[np.intp]:
    """Each part's code as often as its size, spread evenly, so that any run of neighbours is divided in proportion."""
    places = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes if size])
    codes = np.concatenate([np.full(size, code) for code, size in enumerate(sizes)])
    return codes[np.argsort(places, kind="stable")].astype(np.intp)
