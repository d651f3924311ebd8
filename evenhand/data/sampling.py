"""A sample of data that does not fit in memory: every class and group in its share, the same rows next time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data._parts import Parts
from evenhand.data.digest import key_digests, mix, row_digests, text_key
from evenhand.data.frames import require_columns, value_texts
from evenhand.data.sensitive import Sensitive, derive_sensitive
from evenhand.data.sources import open_source
from evenhand.data.target import cut_target
from evenhand.exceptions import DataError, shorten

__all__ = ["Sample", "allocate", "read_sample"]

Hashes = npt.NDArray[np.uint64]

_MOST_STRATA = 5_000


@dataclass(frozen=True)
class Sample:
    """How a sample came about.

    Attributes
    ----------
    rows, of
        Rows taken, and rows of the source that have a target.
    by
        What the sample is stratified by: the target and the sensitive attributes.
    strata
        How many combinations of them there are; each has at least one row in the sample.
    without_target
        Rows of the source without a target, which were not drawn from.

    Examples
    --------
    >>> Sample(50_000, 3_000_000, ("granted", "sex"), 4).complete
    False
    """

    rows: int
    of: int
    by: tuple[str, ...]
    strata: int
    without_target: int = 0

    @property
    def complete(self) -> bool:
        """Whether every row was taken, so that it is no sample."""
        return self.rows == self.of

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**asdict(self), "by": list(self.by)}


def read_sample(
    rows: int,
    *,
    source: Mapping[str, Any],
    target: str,
    sensitive: Mapping[str, Sensitive],
    target_above: float | None = None,
    key: str | None = None,
    content: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    salt: str = "evenhand",
    drop_missing_target: bool = False,
) -> tuple[pd.DataFrame, Sample]:
    """Draw rows of a source so that every class and group keeps its share.

    The rows of each stratum (a class and a combination of groups) are ordered by a hash of their key or content, and
    the first ones are taken. So the order of the source changes nothing, and when rows are added or removed, a sample
    of the new data keeps most rows of the old one.

    Parquet is read twice, a part of about 32 MB at a time: memory holds a part, eight bytes for at most a few times
    `rows` rows, and the sample itself. Any other source is read whole before rows are drawn.

    Parameters
    ----------
    rows
        Size of the sample; all rows are taken when there are no more.
    source
        The arguments of :func:`evenhand.data.sources.read_source`.
    target, target_above
        The column to predict, and where it is cut into classes; see :func:`evenhand.data.target.cut_target`.
    sensitive
        How each sensitive attribute follows from the columns.
    key
        The column that names a row for good; without one a row is named by its content.
    content, exclude
        The columns that are a row's content, by default all; and those that are not.
    salt
        Names the draw: another salt draws other rows.
    drop_missing_target
        Pass over rows without a target instead of refusing the data.

    Returns
    -------
    tuple of pandas.DataFrame and Sample
        The rows as :func:`evenhand.data.sources.read_source` would have returned them, and how they were drawn.

    Raises
    ------
    DataError
        No such source or column, a target that is missing, or fewer rows than strata.

    Examples
    --------
    >>> frame, sample = read_sample(30, source={"package": "sklearn", "dataset": "iris"}, target="target", sensitive={})
    >>> sorted(frame["target"].value_counts().tolist()), sample.of
    ([10, 10, 10], 150)
    """
    if rows < 1:
        raise DataError(f"a sample of {rows} rows: ask for at least one")
    with open_source(**source) as parts:
        _require(parts.columns, target, sensitive, key, [*(content or ()), *exclude])
        named = [name for name in dict.fromkeys(content or parts.columns) if name not in set(exclude)]
        needed = {target, *(column for how in sensitive.values() for column in how.columns)}
        # The columns of strata and names together: with a key, few of a wide table.
        columns = [name for name in parts.columns if name in needed | ({key} if key is not None else set(named))]
        draw = _Draw(target, target_above, dict(sensitive), key, tuple(named), text_key(f"sample/{salt}"))
        strata = _count(parts, columns, draw, rows)
        if strata.without_target and not drop_missing_target:
            raise DataError(
                f"target {shorten(target)} is missing in {strata.without_target} of {parts.rows} rows: "
                "complete them, or set drop_missing_target to leave them out"
            )
        frame = parts.take(_choose(parts, columns, draw, strata.limits(rows)))
    by = (target, *sensitive)
    return frame, Sample(len(frame), strata.total, by, len(strata.found), strata.without_target)


def _require(
    columns: Sequence[str], target: str, sensitive: Mapping[str, Sensitive], key: str | None, named: Sequence[str]
) -> None:
    wanted = [("target", target), *((f"sensitive attribute {shorten(n)}: column", c) for n, h in sensitive.items()
              for c in h.columns)]  # fmt: skip
    wanted += [("key", key)] if key is not None else []
    require_columns(pd.DataFrame(columns=list(columns)), [*wanted, *(("column", name) for name in named)])


@dataclass(frozen=True)
class _Draw:
    """What gives each row its stratum and its place in it."""

    target: str
    target_above: float | None
    sensitive: Mapping[str, Sensitive]
    key: str | None
    content: tuple[str, ...]
    salt: np.uint64

    def __call__(self, part: pd.DataFrame) -> tuple[Hashes, Hashes, npt.NDArray[np.intp]]:
        """Strata and places of the rows that have a target, and their positions."""
        names = row_digests(part[list(self.content)]) if self.key is None else key_digests(part[self.key], self.key)
        if self.target_above is not None:
            part = cut_target(part, target=self.target, above=self.target_above)
        labels = value_texts(part[self.target])
        known = np.flatnonzero(labels.notna().to_numpy())
        groups = derive_sensitive(part, self.sensitive)
        groups.insert(0, "", labels)
        strata = row_digests(groups)
        # Another hash than the split's, so that a sample has every part of the split in its share.
        return strata[known], mix(names[known] ^ self.salt), known


@dataclass
class _Stratum:
    """The rows of one class and combination of groups: their number, and the hashes that come first."""

    rows: int = 0
    first: Hashes = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    def add(self, hashes: Hashes, limit: int) -> None:
        self.rows += len(hashes)
        self.first = np.concatenate([self.first, hashes])
        if len(self.first) > 2 * limit:
            self.first = np.partition(self.first, limit - 1)[:limit]


@dataclass
class _Strata:
    """All strata of a table."""

    found: dict[int, _Stratum] = field(default_factory=dict)
    total: int = 0
    without_target: int = 0

    def add(self, strata: Hashes, places: Hashes, rows: int, to_come: int) -> None:
        """Count a part's rows, when so many rows are still to be read."""
        self.total += len(strata)
        ids, which = np.unique(strata, return_inverse=True)
        order = np.argsort(which, kind="stable")
        blocks = np.split(places[order], np.searchsorted(which[order], np.arange(1, len(ids))))
        for name, hashes in zip(ids.tolist(), blocks, strict=True):
            stratum = self.found.setdefault(name, _Stratum())
            # Were all rows to come of this stratum, the sample would take so many of it; never more.
            share = (stratum.rows + len(hashes) + to_come) / (self.total + to_come)
            stratum.add(hashes, min(rows, int(np.ceil(rows * share)) + 1))
        if len(self.found) > _MOST_STRATA:
            raise DataError(
                f"the target and the sensitive attributes have more than {_MOST_STRATA:,} combinations: a sample "
                "cannot keep all their shares; cut the target into classes, or numbers into bands"
            )

    def limits(self, rows: int) -> dict[int, tuple[np.uint64, int]]:
        """For each stratum the hash up to which rows are taken, and how many that have exactly this one."""
        names = sorted(self.found)
        sizes = allocate(np.array([self.found[name].rows for name in names]), rows)
        limits = {}
        for name, size in zip(names, sizes.tolist(), strict=True):
            first = np.sort(self.found[name].first)
            last = first[size - 1]
            limits[name] = (last, size - int(np.searchsorted(first, last)))
        return limits


def _count(parts: Parts, columns: Sequence[str], draw: _Draw, rows: int) -> _Strata:
    strata, seen = _Strata(), 0
    for part in parts.frames(columns):
        seen += len(part)
        ids, places, known = draw(part)
        strata.without_target += len(part) - len(known)
        strata.add(ids, places, rows, parts.rows - seen)
    if not strata.total:
        raise DataError(f"target {shorten(draw.target)} is missing in all {seen} rows: name the column that holds it")
    return strata


def _choose(
    parts: Parts, columns: Sequence[str], draw: _Draw, limits: Mapping[int, tuple[np.uint64, int]]
) -> npt.NDArray[np.intp]:
    """The positions of the sample's rows in the source."""
    left = {name: ties for name, (_, ties) in limits.items()}
    chosen, seen = [], 0
    for part in parts.frames(columns):
        ids, places, known = draw(part)
        names, which = np.unique(ids, return_inverse=True)
        last = np.array([limits[name][0] for name in names.tolist()], dtype=np.uint64)[which]
        keep = places < last
        for at in np.flatnonzero(places == last):  # one a stratum, or rows of equal content
            name = int(ids[at])
            if left[name]:
                left[name] -= 1
                keep[at] = True
        chosen.append(known[keep] + seen)
        seen += len(part)
    return np.concatenate(chosen)


def allocate(counts: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.int64]:
    """How many rows of each stratum a sample has: its share, rounded so that they add up, and at least one.

    Parameters
    ----------
    counts
        Rows of each stratum, shape (s,), all above 0.
    rows
        Size of the sample.

    Examples
    --------
    >>> allocate(np.array([600, 300, 99, 1]), 100).tolist()
    [60, 30, 9, 1]
    """
    if rows >= counts.sum():
        return counts
    if rows < len(counts):
        raise DataError(
            f"a sample of {rows} rows is smaller than the {len(counts)} combinations of classes and groups: take more"
        )
    exact = counts * (rows / counts.sum())
    sizes: npt.NDArray[np.int64] = np.maximum(np.floor(exact).astype(np.int64), 1)
    while (missing := rows - int(sizes.sum())) > 0:
        # Those that lost most by rounding, the first of equals.
        owed = np.where(sizes < counts, exact - sizes, -np.inf)
        sizes[np.argsort(-owed, kind="stable")[:missing]] += 1
    while (surplus := int(sizes.sum()) - rows) > 0:
        gained = np.where(sizes > 1, sizes - exact, -np.inf)
        sizes[np.argsort(-gained, kind="stable")[: min(surplus, int((sizes > 1).sum()))]] -= 1
    return sizes
