"""How each group's rates differ between two models on the same rows, and which groups nothing can be said about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.decision.paired import Paired, paired_limits
from evenhand.fairness.assess import is_unknown
from evenhand.fairness.counts import CountTable
from evenhand.fairness.groups import Coded, encode_groups, encode_values, views
from evenhand.fairness.rows import count_rows

__all__ = ["GroupChange", "PairedHits", "group_changes"]

Mask = npt.NDArray[np.bool_]
PairedHits = tuple[Mask, Mask, Mask]
"""The rows that a rate is taken over, and those that champion and challenger give it; shape (n,) each."""


@dataclass(frozen=True)
class GroupChange:
    """How one rate of one group differs between the models.

    Attributes
    ----------
    attribute, group, metric
        Whose rate it is; an intersection is called as in the audit, `race & sex` and `black & f`.
    change
        Challenger less champion. Its upper limit is corrected for the number of groups and rates (Bonferroni), since
        one of them below the tolerated loss is enough; its lower limit is not, since all have to lie above it.
    aside
        Why the group takes no part in the rule, otherwise an empty string.
    """

    attribute: str
    group: str
    metric: str
    change: Paired
    aside: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**vars(self), "change": self.change.to_dict()}


@dataclass(frozen=True)
class _Group:
    """A group or an intersection, by the names of the audit, and its rows."""

    view: tuple[str, ...]
    values: tuple[str, ...]
    attribute: str
    label: str
    size: int

    def aside(self, minimum: int) -> str:
        """Why it takes no part, otherwise an empty string."""
        if is_unknown(self.values):
            return "rows without a value"
        return f"{self.size} rows are fewer than {minimum}" if self.size < minimum else ""


def group_changes(
    hits: Mapping[str, PairedHits],
    counted: pd.DataFrame,
    everybody: pd.DataFrame,
    known: pd.DataFrame | None,
    *,
    depth: int,
    minimum_group: int,
    alpha: float,
) -> tuple[GroupChange, ...]:
    """The changes of every group and intersection, in the audit's order.

    Parameters
    ----------
    hits
        By rate.
    counted
        The sensitive columns of the rows that count, shape (n, a).
    everybody
        Those of all test rows, shape (m, a): how large a group is.
    known
        Those of the champion's own test rows, shape (k, b): a group that had enough rows there and has none now is
        undefined. None to ask for no others.
    depth, minimum_group, alpha
        As :func:`~evenhand.decision.comparison.compare` has them.

    Examples
    --------
    >>> none = np.zeros(40, dtype=bool)
    >>> sex = pd.DataFrame({"sex": ["f", "m"] * 20})
    >>> found = group_changes(
    ...     {"accuracy": (~none, none, none)}, sex, sex, None, depth=2, minimum_group=20, alpha=0.05
    ... )
    >>> [(each.group, each.change.value) for each in found]
    [('f', 0.0), ('m', 0.0)]
    """
    groups = list(_groups(everybody, depth))
    judged = max(sum(not group.aside(minimum_group) for group in groups) * len(hits), 1)
    each = [(group, rate) for group in groups for rate in hits]
    gained, lost, n = _counts(each, hits, counted)
    lows, _ = paired_limits(gained, lost, n, alpha=alpha)
    _, highs = paired_limits(gained, lost, n, alpha=alpha / judged)
    changes = [
        GroupChange(group.attribute, group.label, rate, change, group.aside(minimum_group))
        for (group, rate), change in zip(each, _paired(gained, lost, n, lows, highs), strict=True)
    ]
    return (*changes, *_gone(groups, known, list(hits), depth, minimum_group))


def _groups(people: pd.DataFrame, depth: int) -> Iterator[_Group]:
    rows = np.ones(len(people), dtype=bool)
    if not rows.size or not people.shape[1]:
        return
    coded = encode_groups(people, part=True)
    whole = _table(coded, (rows, rows, rows))
    assert whole is not None
    for view in views(list(coded), depth):
        found = whole.marginal(view)
        for values, label, size in zip(found.groups, found.labels, found.n.tolist(), strict=True):
            yield _Group(tuple(view), values, found.name, label, size)


def _counts(
    each: Sequence[tuple[_Group, str]], hits: Mapping[str, PairedHits], counted: pd.DataFrame
) -> npt.NDArray[np.int64]:
    """Rows that only the challenger has, that only the champion has, and all of a rate's base; shape (3, k)."""
    if not each:
        return np.zeros((3, 0), dtype=np.int64)
    coded = encode_groups(counted, part=True)
    tables = {rate: _table(coded, masks) for rate, masks in hits.items()}
    asked = {(group.view, rate) for group, rate in each}
    found = {(view, rate): _by_group(tables[rate], view) for view, rate in asked}
    return np.array([found[group.view, rate].get(group.values, (0, 0, 0)) for group, rate in each], dtype=np.int64).T


def _table(coded: Mapping[str, Coded], hits: PairedHits) -> CountTable | None:
    """How often both models, one or none of them gives a row of the base the rate, by cell; None without such rows."""
    base, old, new = hits
    if not base.any():
        return None
    groups = {name: Coded(each.codes[base], each.labels) for name, each in coded.items()}
    first, second = (encode_values(given[base], name="hits") for given in (old, new))
    return count_rows(groups, first, second)


def _by_group(table: CountTable | None, view: Sequence[str]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Rows gained, lost, and of the base, by group."""
    if table is None:
        return {}
    found = table.marginal(view)
    return {
        group: (int(cells[0, 1]), int(cells[1, 0]), int(cells.sum()))
        for group, cells in zip(found.groups, found.counts, strict=True)
    }


def _paired(*of_each: npt.NDArray[Any]) -> Iterator[Paired]:
    for gained, lost, n, low, high in zip(*(values.tolist() for values in of_each), strict=True):
        value = (gained - lost) / n if n else nan
        reason = "" if n else "there are no such rows that the champion has not learned from"
        yield Paired(value, low, high, n, reason)


def _gone(
    groups: Sequence[_Group], known: pd.DataFrame | None, rates: Sequence[str], depth: int, minimum: int
) -> Iterator[GroupChange]:
    """The groups that the champion's test rows had enough of, and these have none of."""
    present = {(group.attribute, group.label) for group in groups}
    for group in () if known is None else _groups(known, depth):
        if not group.aside(minimum) and (group.attribute, group.label) not in present:
            reason = f"no test row is of it, and {group.size:,} were when the champion was assessed"
            for rate in rates:
                yield GroupChange(group.attribute, group.label, rate, Paired(nan, nan, nan, 0, reason))
