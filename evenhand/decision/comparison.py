"""The challenger beside the champion on rows that neither has learned from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset, are_favorable
from evenhand.data.digest import key_digests
from evenhand.data.frames import as_numbers, is_text
from evenhand.data.splits import content_identities
from evenhand.decision.paired import Decisions, Paired, paired_difference, paired_rate
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.assess import is_unknown
from evenhand.fairness.counts import CountTable
from evenhand.fairness.groups import Coded, encode_groups, encode_values, views
from evenhand.fairness.rows import count_rows

__all__ = ["GROUP_METRICS", "Comparison", "GroupChange", "compare", "unseen_rows"]

Mask = npt.NDArray[np.bool_]

GROUP_METRICS = ("selection_rate", "true_positive_rate", "accuracy")


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
class Comparison:
    """The challenger against the champion.

    Attributes
    ----------
    metric, difference
        The figure of the rule, and how much better the challenger is by it.
    groups
        Every group's rates, and every intersection's.
    n, left_out
        Rows that count, and test rows that do not because the champion learned from them.
    alpha
        Level of each limit.
    """

    metric: str
    difference: Paired
    groups: tuple[GroupChange, ...]
    n: int
    left_out: int
    alpha: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "difference": self.difference.to_dict(),
            "groups": [group.to_dict() for group in self.groups],
        }


def unseen_rows(test: Dataset, learned: Sequence[Dataset]) -> Mask:
    """Test rows that a model did not learn from, shape (n,).

    A row is known by its key, without one by what it contains apart from the target, of the features that both models
    know; a person (`data.group`) who was learned from is known in all rows. Where one of the two has a column of
    numbers and the other text, as after a contract was renewed, 007 and 7 are one value: rather a row too few counts
    than one that was learned from.

    Parameters
    ----------
    test
        The challenger's test rows.
    learned
        What the champion trained, tuned or calibrated on.

    Raises
    ------
    DataError
        When one has a key or a person's column and another has not, or neither a key nor a feature is shared.

    Examples
    --------
    >>> rows = Dataset(pd.DataFrame({"a": [1, 2]}), pd.Series([0, 1]), pd.DataFrame({"sex": ["f", "m"]}))
    >>> unseen_rows(rows, [rows.take([0])]).tolist()
    [False, True]
    """
    unseen = np.ones(len(test), dtype=bool)
    for part in learned:
        for role in ("key", "group"):
            if (getattr(test, role) is None) != (getattr(part, role) is None):
                raise DataError(f"the champion's rows and these do not both have a {role}: rows cannot be told apart")
        rows, known = _alike(test, part), _alike(part, test)
        for identify in _identities(test, part):
            unseen &= ~np.isin(identify(rows), identify(known))
    return unseen


def _alike(rows: Dataset, others: Dataset) -> Dataset:
    """The same rows, with numbers for text that reads as a number in the columns that hold numbers in the other."""
    changed: dict[str, Any] = {}
    for role in ("key", "group"):
        mine, theirs = getattr(rows, role), getattr(others, role)
        if mine is not None and theirs is not None and is_text(mine) and not is_text(theirs):
            changed[role] = as_numbers(mine)
    shared = [name for name in rows.X.columns if name in others.X.columns]
    numbers = {name: as_numbers(rows.X[name]) for name in shared if is_text(rows.X[name]) > is_text(others.X[name])}
    return replace(rows, X=rows.X.assign(**numbers), **changed) if numbers or changed else rows


def _identities(test: Dataset, part: Dataset) -> list[Callable[[Dataset], npt.NDArray[np.uint64]]]:
    """What a row of both is known by."""
    found: list[Callable[[Dataset], npt.NDArray[np.uint64]]] = [_by_key]
    if test.key is None:
        # A feature that only one of the models knows would make every row a new one.
        shared = [name for name in test.X.columns if name in part.X.columns]
        if not shared:
            raise DataError("the champion's rows and these share no feature and have no key: rows cannot be told apart")
        found = [lambda rows: content_identities(rows, shared)]
    return [*found, _by_person] if test.group is not None else found


def _by_key(part: Dataset) -> npt.NDArray[np.uint64]:
    assert part.key is not None
    return key_digests(part.key, "key")


def _by_person(part: Dataset) -> npt.NDArray[np.uint64]:
    assert part.group is not None
    return key_digests(part.group, "group")


def compare(
    y_true: npt.ArrayLike,
    champion: Decisions,
    challenger: Decisions,
    sensitive_features: pd.DataFrame,
    *,
    metric: str = "balanced_accuracy",
    group_metrics: Sequence[str] = ("selection_rate", "accuracy"),
    favorable: Any = None,
    depth: int = 2,
    minimum_group: int = 20,
    alpha: float = 0.05,
    everybody: pd.DataFrame | None = None,
) -> Comparison:
    """Compare two models on the same rows, as a whole, for each group and for each intersection.

    Parameters
    ----------
    y_true
        Labels, shape (n,).
    champion, challenger
        What the models made of the rows.
    sensitive_features
        Shape (n, a).
    metric
        The figure; see :func:`~evenhand.decision.paired.paired_difference`.
    group_metrics
        Rates of groups; those about a favorable label are left out where there is none.
    favorable
        The favorable label, or several: a group's rates are of these together, as in its audit.
    depth
        How many attributes an intersection crosses at most, as in the audit; 1 for single attributes alone.
    minimum_group
        Smaller groups, and `unknown`, are shown and set aside.
    alpha
        Level of each limit.
    everybody
        The sensitive columns of all test rows, where those that the champion learned from are left out here; shape
        (m, a). How large a group is counts among them: of one whose rows are gone the evidence is missing.

    Raises
    ------
    DataError
        When a rate is not known, or a column holds no groups, as :func:`~evenhand.fairness.groups.encode_groups` has
        it.

    Examples
    --------
    >>> y = np.array([0, 1] * 50)
    >>> made = Decisions(y, np.full((100, 2), 0.5), (0, 1))
    >>> found = compare(y, made, made, pd.DataFrame({"sex": ["f", "m"] * 50}), favorable=1)
    >>> found.difference.value, len(found.groups)
    (0.0, 4)
    """
    y = np.asarray(y_true)
    for name in group_metrics:
        if name not in GROUP_METRICS:
            raise DataError(f"groups are not compared by {shorten(name)}: {nearest(name, GROUP_METRICS)}")
    rates = [name for name in group_metrics if name == "accuracy" or favorable is not None]
    everybody = sensitive_features if everybody is None else everybody
    counted = list(_count_changes(y, champion, challenger, (sensitive_features, everybody), rates, favorable, depth))
    asides = [_aside(each, minimum_group) for each in counted]
    judged = max(sum(not aside for aside in asides), 1)
    return Comparison(
        metric,
        paired_difference(metric, y, champion, challenger, favorable=favorable, alpha=alpha),
        tuple(
            GroupChange(each.attribute, each.group, each.rate, _limits(each, alpha, judged), aside)
            for each, aside in zip(counted, asides, strict=True)
        ),
        y.size,
        len(everybody) - y.size,
        alpha,
    )


@dataclass(frozen=True)
class _Counted:
    """Test rows of a group, those of a rate's base that count, and of these the ones that one model alone gives it."""

    attribute: str
    group: str
    rate: str
    unknown: bool
    size: int
    n: int
    gained: int
    lost: int


def _aside(counted: _Counted, minimum: int) -> str:
    if counted.unknown:
        return "rows without a value"
    return f"{counted.size} rows are fewer than {minimum}" if counted.size < minimum else ""


def _limits(counted: _Counted, alpha: float, judged: int) -> Paired:
    gained, lost, n = counted.gained, counted.lost, counted.n
    plain, strict = (paired_rate(gained, lost, n, alpha=level) for level in (alpha, alpha / judged))
    reason = f"{plain.reason} that the champion has not learned from" if plain.reason else ""
    return Paired(plain.value, plain.low, strict.high, n, reason)


def _count_changes(
    y: npt.NDArray[Any],
    champion: Decisions,
    challenger: Decisions,
    people: tuple[pd.DataFrame, pd.DataFrame],
    rates: Sequence[str],
    favorable: Any,
    depth: int,
) -> Iterator[_Counted]:
    """Changes of every group and intersection of all test rows, in the audit's order and by its names.

    `people` are the sensitive columns of the rows that count, and of all test rows; rows are read once a rate.
    """
    everybody = np.ones(len(people[1]), dtype=bool)
    if not everybody.size or not people[1].shape[1]:
        return
    coded, all_coded = (encode_groups(each, part=True) for each in people)
    tables = {rate: _paired_table(coded, *_hits(rate, y, champion, challenger, favorable)) for rate in rates}
    whole = _paired_table(all_coded, everybody, everybody, everybody)
    assert whole is not None
    for view in views(list(coded), depth):
        present = whole.marginal(view)
        changes = {rate: _by_group(table, view) for rate, table in tables.items()}
        for group, label, size in zip(present.groups, present.labels, present.n.tolist(), strict=True):
            for rate in rates:
                counts = changes[rate].get(group, (0, 0, 0))
                yield _Counted(present.name, label, rate, is_unknown(group), size, *counts)


def _paired_table(coded: Mapping[str, Coded], base: Mask, old: Mask, new: Mask) -> CountTable | None:
    """How often both models, one or none of them gives a row of the base the rate, by cell; None without such rows."""
    if not base.any():
        return None
    groups = {name: Coded(each.codes[base], each.labels) for name, each in coded.items()}
    first, second = (encode_values(hits[base], name="hits") for hits in (old, new))
    return count_rows(groups, first, second)


def _by_group(table: CountTable | None, view: Sequence[str]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Rows of the base, gained and lost, by group."""
    if table is None:
        return {}
    found = table.marginal(view)
    return {
        group: (int(cells.sum()), int(cells[0, 1]), int(cells[1, 0]))
        for group, cells in zip(found.groups, found.counts, strict=True)
    }


def _hits(
    rate: str, y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, favorable: Any
) -> tuple[Mask, Mask, Mask]:
    """The rows that a rate is taken over, and those that each model gives it."""
    if rate == "accuracy":
        return np.ones(y.size, dtype=bool), champion.predicted == y, challenger.predicted == y
    base = are_favorable(y, favorable) if rate == "true_positive_rate" else np.ones(y.size, dtype=bool)
    return base, are_favorable(champion.predicted, favorable), are_favorable(challenger.predicted, favorable)
