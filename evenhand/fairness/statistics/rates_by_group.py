"""One rate counted by group, and the comparisons of pairs that a rule about it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import DataError
from evenhand.fairness.statistics._numeric import Array, as_counts, divide
from evenhand.fairness.statistics.exact import Kind

# 2**9 - 1 subsets of ten classes; every further class doubles them.
_MOST_CLASSES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """What is to be known of a figure that is no share of rows and is told as effective counts.

    Its test is that of a share with the same variance, and no exact test can confirm it: where few effective
    successes or failures are expected it decides nothing.

    Attributes
    ----------
    rows
        Rows of each group, shape (groups,), to tell effective counts in rows.
    growth
        How many times its rows a group needs before it is tested at all, shape (groups,); 1 where it has enough.
    slack
        How far the value can be from the exact one, shape (groups,).
    span
        Width of its range: 1, or 2 for a figure from -1 to 1, which is told as a share of that range.
    too_few
        What a group with ``growth`` above 1 is short of.
    """

    rows: Array
    growth: Array
    slack: Array
    span: float = 1.0
    too_few: str = ""

    def take(self, keep: Sequence[int]) -> Figure:
        """Of the groups at these positions."""
        at = np.asarray(keep, dtype=np.intp)
        return Figure(self.rows[at], self.growth[at], self.slack[at], self.span, self.too_few)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Counts of one rate by group.

    Parameters
    ----------
    k
        Successes, shape (groups,) or (groups, events) when several events share one denominator.
    n
        Rows that the rate is taken over, shape (groups,).
    names
        Names of the groups.
    name
        Name of the rate, for messages.
    undefined
        Reason given for a group without rows.
    effective
        True for effective counts of a weighted audit: fractional, without exact tests.
    figure
        What else is to be known where the counts stand for a figure that is no share; else None.

    Examples
    --------
    >>> rates = Rates([30, 20], [50, 50], ["a", "b"], name="selection_rate")
    >>> rates.values.ravel().tolist()
    [0.6, 0.4]
    """

    k: Array
    n: Array
    names: tuple[str, ...]
    name: str = "rate"
    undefined: str = "no rows that this rate is taken over"
    effective: bool = False
    figure: Figure | None = None

    def __post_init__(self) -> None:
        n = np.asarray(self.n, dtype=np.float64)
        k = np.asarray(self.k, dtype=np.float64)
        k = k[:, None] if k.ndim == 1 else k
        if n.ndim != 1 or k.ndim != 2 or len(k) != len(n) or len(self.names) != len(n):
            raise DataError(
                f"{self.name}: k {k.shape}, n {n.shape} and {len(self.names)} names must count the same groups"
            )
        as_counts(k, n[:, None])
        object.__setattr__(self, "k", k)
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))

    @classmethod
    def from_classes(cls, table: npt.ArrayLike, names: Sequence[str], *, name: str = "rate") -> Rates:
        """Events whose largest gap is the total variation between two groups' distributions.

        Total variation is the largest difference in the probability of any set of classes, so the
        events are the sets of classes, one of each complementary pair. Two classes give one event.

        Parameters
        ----------
        table
            Counts, shape (groups, classes), at most 10 classes.

        Examples
        --------
        >>> rates = Rates.from_classes([[2, 1, 1], [1, 2, 1]], ["a", "b"])
        >>> float(np.abs(rates.values[0] - rates.values[1]).max())
        0.25
        """
        counts = np.asarray(table, dtype=np.float64)
        classes = counts.shape[1]
        if classes > _MOST_CLASSES:
            raise DataError(
                f"{name}: total variation is compared over all sets of classes, possible up to {_MOST_CLASSES} "
                f"classes; got {classes}: merge rare classes"
            )
        events = event_sets(classes).astype(np.float64)
        return cls(counts @ events, counts.sum(axis=1), tuple(names), name=name)

    @property
    def values(self) -> Array:
        """Rates, shape (groups, events), NaN for a group without rows."""
        return divide(self.k, np.broadcast_to(self.n[:, None], self.k.shape))

    def reasons(self) -> dict[str, str]:
        """Groups for which the rate is undefined, and why."""
        return {name: self.undefined for name, n in zip(self.names, self.n, strict=True) if n == 0}

    def without(self, names: Sequence[str]) -> Rates:
        """The same rate over the other groups."""
        keep = [at for at, name in enumerate(self.names) if name not in set(names)]
        kept = tuple(self.names[at] for at in keep)
        figure = None if self.figure is None else self.figure.take(keep)
        return Rates(self.k[keep], self.n[keep], kept, self.name, self.undefined, self.effective, figure)

    def scaled(self, sizes: Array) -> Rates:
        """The same rates at other group sizes, as effective counts."""
        k = np.nan_to_num(self.values) * sizes[:, None]
        figure = self.figure
        if figure is not None:
            growth = np.maximum(figure.growth * np.nan_to_num(divide(self.n, sizes)), 1.0)
            figure = replace(figure, growth=np.where(growth < 1 + 1e-9, 1.0, growth))
        return Rates(k, sizes, self.names, self.name, self.undefined, effective=True, figure=figure)


def event_sets(classes: int) -> npt.NDArray[np.bool_]:
    """Sets of classes, one of each complementary pair, shape (classes, sets).

    >>> event_sets(3).astype(int).tolist()
    [[0, 0, 0], [1, 0, 1], [0, 1, 1]]
    """
    codes = np.arange(1, 2 ** (classes - 1))
    return np.asarray((2 * codes[None, :] >> np.arange(classes)[:, None]) & 1 == 1)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Comparisons of two groups on one event, flattened over rates, pairs and events.

    ``slack`` and ``growth`` are those of a :class:`Figure`, the sum and the larger of the two groups', and None where
    rates of rows are compared.
    """

    k1: Array
    n1: Array
    k2: Array
    n2: Array
    first: tuple[str, ...]
    second: tuple[str, ...]
    rate: tuple[str, ...]
    exactable: npt.NDArray[np.bool_]
    slack: Array | None = None
    growth: Array | None = None

    def __len__(self) -> int:
        return self.k1.size

    def take(self, at: npt.NDArray[np.bool_]) -> Pairs:
        """The comparisons at the positions where ``at`` is true."""
        chosen = np.flatnonzero(at)
        first, second, rate = (tuple(column[i] for i in chosen) for column in (self.first, self.second, self.rate))
        slack, growth = (None if column is None else column[at] for column in (self.slack, self.growth))
        counts = self.k1[at], self.n1[at], self.k2[at], self.n2[at]
        return Pairs(*counts, first, second, rate, self.exactable[at], slack, growth)

    def gaps(self, kind: Kind) -> Array:
        """Absolute difference, or the smaller over the larger rate (NaN for 0/0)."""
        p1, p2 = self.k1 / self.n1, self.k2 / self.n2
        if kind == "difference":
            return np.asarray(np.abs(p1 - p2))
        return divide(np.minimum(p1, p2), np.maximum(p1, p2))


def pairs_of(rates: Sequence[Rates]) -> Pairs:
    """Every pair of groups in which a rate is defined, for each rate and event."""
    parts: list[tuple[Array, ...]] = []
    first: list[str] = []
    second: list[str] = []
    names: list[str] = []
    for rate in rates:
        at = np.flatnonzero(rate.n > 0)
        upper = np.triu_indices(at.size, 1)
        a, b = at[upper[0]], at[upper[1]]
        events = rate.k.shape[1]
        sizes = [np.repeat(rate.n[side], events) for side in (a, b)]
        exactable = np.full(a.size * events, not rate.effective, dtype=np.float64)
        none = np.zeros(rate.n.size)
        slack, growth = (none, none + 1) if rate.figure is None else (rate.figure.slack, rate.figure.growth)
        doubts = [np.repeat(slack[a] + slack[b], events), np.repeat(np.maximum(growth[a], growth[b]), events)]
        parts.append((rate.k[a].ravel(), sizes[0], rate.k[b].ravel(), sizes[1], exactable, *doubts))
        first += [rate.names[i] for i in np.repeat(a, events)]
        second += [rate.names[i] for i in np.repeat(b, events)]
        names += [rate.name] * (a.size * events)
    k1, n1, k2, n2, exactable, slack, growth = (np.concatenate(column) for column in zip(*parts, strict=True))
    pairs = Pairs(k1, n1, k2, n2, tuple(first), tuple(second), tuple(names), exactable > 0)
    return pairs if any(rate.figure is None for rate in rates) else replace(pairs, slack=slack, growth=growth)
