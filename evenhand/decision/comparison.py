"""The challenger beside the champion on rows that neither has learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset, are_favorable
from evenhand.data.digest import key_digests
from evenhand.data.frames import as_numbers, column_kind, is_text
from evenhand.data.splits import content_identities
from evenhand.decision.group_changes import GroupChange, PairedHits, group_changes
from evenhand.decision.paired import Decisions, Paired, paired_difference
from evenhand.exceptions import DataError, nearest, shorten

__all__ = ["GROUP_METRICS", "Comparison", "compare", "unseen_rows"]

Mask = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

GROUP_METRICS = ("selection_rate", "true_positive_rate", "accuracy")


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

    A row is known by its key, without one by its moment (`data.time`) and what it contains apart from the target, of
    the features that both models know; a person (`data.group`) who was learned from is known in all rows. Where one of
    the two has a column of
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
        When one has a key or a person's column and another has not, neither a key nor a feature is shared, or too many
        rows without a key are alike: those that are left would be the unusual ones.

    Examples
    --------
    >>> rows = Dataset(pd.DataFrame({"a": [1, 2]}), pd.Series([0, 1]), pd.DataFrame({"sex": ["f", "m"]}))
    >>> unseen_rows(rows, [rows.take([0])]).tolist()
    [False, True]
    """
    unseen, persons = np.ones(len(test), dtype=bool), np.zeros(len(test), dtype=bool)
    contents: list[tuple[Hashes, Hashes]] = []
    for part in learned:
        for role in ("key", "group"):
            if (getattr(test, role) is None) != (getattr(part, role) is None):
                raise DataError(f"the champion's rows and these do not both have a {role}: rows cannot be told apart")
        rows, known = _alike(test, part), _alike(part, test)
        if test.group is not None:
            persons |= np.isin(_by_person(rows), _by_person(known))
        mine, theirs = _by_content(rows, known) if test.key is None else (_by_key(rows), _by_key(known))
        unseen &= ~(np.isin(mine, theirs) | persons)
        contents.append((mine, theirs))
    if test.key is None and contents:
        _refuse_alike(contents[0][0], np.concatenate([theirs for _, theirs in contents]), ~persons)
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


def _by_content(rows: Dataset, known: Dataset) -> tuple[Hashes, Hashes]:
    """What rows without a key are known by: what both hold, and their moment where both have one of a kind."""
    # A feature that only one of the models knows would make every row a new one.
    shared = [name for name in rows.X.columns if name in known.X.columns]
    if not shared:
        raise DataError("the champion's rows and these share no feature and have no key: rows cannot be told apart")
    dated = rows.time is not None and known.time is not None and column_kind(rows.time) == column_kind(known.time)
    if not dated:
        return content_identities(rows, shared), content_identities(known, shared)
    moment = "evenhand moment"  # beside the features, among which the same column may stand
    parts = [part.X[shared].assign(**{moment: part.time}) for part in (rows, known)]
    mine, theirs = (replace(part, X=X, digest="") for part, X in zip((rows, known), parts, strict=True))
    return content_identities(mine, [*shared, moment]), content_identities(theirs, [*shared, moment])


def _refuse_alike(mine: Hashes, theirs: Hashes, counted: Mask) -> None:
    """Rows without a key that share what they are known by: those left out would leave the unusual ones."""
    _, place, times = np.unique(mine, return_inverse=True, return_counts=True)
    values, learned = np.unique(theirs, return_counts=True)
    if not values.size:
        return
    at = np.minimum(np.searchsorted(values, mine), values.size - 1)
    known = np.where(values[at] == mine, learned[at], 0)
    doubtful = int((counted & (known > 0) & ((known > 1) | (times[place] > 1))).sum())
    if doubtful > _DOUBTFUL * mine.size:
        raise DataError(
            f"{doubtful:,} of {mine.size:,} test rows have no key and are like several rows, so that nobody can tell "
            "which of them it has learned from: name a column as data.key"
        )


_DOUBTFUL = 0.05
"""Of the test rows: more of them, left out, would bias what is left."""


def _by_key(part: Dataset) -> Hashes:
    assert part.key is not None
    return key_digests(part.key, "key")


def _by_person(part: Dataset) -> Hashes:
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
    known: pd.DataFrame | None = None,
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
    known
        The sensitive columns of the champion's own test rows, shape (k, b). Of a group that had enough rows there and
        has none now the evidence is missing, too.

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
    hits = {rate: _hits(rate, y, champion, challenger, favorable) for rate in rates}
    return Comparison(
        metric,
        paired_difference(metric, y, champion, challenger, favorable=favorable, alpha=alpha),
        group_changes(
            hits, sensitive_features, everybody, known, depth=depth, minimum_group=minimum_group, alpha=alpha
        ),
        y.size,
        len(everybody) - y.size,
        alpha,
    )


def _hits(rate: str, y: npt.NDArray[Any], champion: Decisions, challenger: Decisions, favorable: Any) -> PairedHits:
    """The rows that a rate is taken over, and those that each model gives it."""
    if rate == "accuracy":
        return np.ones(y.size, dtype=bool), champion.predicted == y, challenger.predicted == y
    base = are_favorable(y, favorable) if rate == "true_positive_rate" else np.ones(y.size, dtype=bool)
    return base, are_favorable(champion.predicted, favorable), are_favorable(challenger.predicted, favorable)
