"""What a mitigation changed for each group, and whether it closed a gap by taking from everybody."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenhand.data.dataset import UNKNOWN, Dataset, are_favorable
from evenhand.fairness.groups import joined
from evenhand.fairness.mitigation_limits import attributes_of
from evenhand.order import JOINT, group_order

__all__ = ["GroupChange", "group_changes", "is_favorable", "levelled_down", "paired_difference"]

Flags = npt.NDArray[np.bool_]

_RIGHT = ("accuracy",)
_GIVEN_TRUTH = (
    "equal_opportunity",
    "equalized_odds",
    "predictive_equality",
    "true_positive_rate",
    "false_negative_rate",
    "false_positive_rate",
    "true_negative_rate",
)


@dataclass(frozen=True)
class GroupChange:
    """A group's rate before and after, on the same rows.

    Attributes
    ----------
    attribute, group, n
        The group and the rows that the rate rests on.
    metric
        ``selection_rate``, ``true_positive_rate`` (both of the favorable label) or ``accuracy``.
    before, after, change
        The rates and their difference; None where there is no row.
    low, high
        Interval of the change for paired rows.
    """

    attribute: str
    group: str
    n: int
    metric: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return asdict(self)


def paired_difference(before: Flags, after: Flags, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the change of a rate on the same rows (Bonett and Price 2012, adjusted Wald).

    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data", Journal of
    Educational and Behavioral Statistics 37(4): one row is added to each of the two discordant counts.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = paired_difference(np.array([True, False] * 20), np.array([True, True] * 20))
    >>> round(low, 2), round(high, 2)
    (0.31, 0.64)
    """
    n = len(before)
    lost = (float((before & ~after).sum()) + 1) / (n + 2)
    won = (float((~before & after).sum()) + 1) / (n + 2)
    width = float(stats.norm.ppf(0.5 + confidence / 2)) * sqrt((won + lost - (won - lost) ** 2) / (n + 2))
    return max(-1.0, won - lost - width), min(1.0, won - lost + width)


def is_favorable(labels: Any, dataset: Dataset) -> Flags:
    """Which labels are the favorable one, or one of several, shape (n,)."""
    return are_favorable(np.asarray(labels, dtype=object), dataset.favorable_label)


def group_changes(
    test: Dataset,
    before: npt.NDArray[Any],
    after: npt.NDArray[Any],
    attributes: Sequence[str],
    confidence: float = 0.95,
) -> tuple[GroupChange, ...]:
    """The change of every group's rates: those of the favorable label where one is declared, and accuracy.

    Parameters
    ----------
    test, before, after
        The rows and what both models say of them, shape (n,).
    attributes
        Sensitive attributes, and intersections as an audit names them.
    confidence
        Level of the intervals.
    """
    truth = np.asarray(test.y, dtype=object)
    everybody = np.ones(len(truth), dtype=bool)
    rates: list[tuple[str, Flags, Flags, Flags]] = []
    if test.favorable_label is not None:
        good_before, good_after = is_favorable(before, test), is_favorable(after, test)
        rates = [("selection_rate", everybody, good_before, good_after)]
        rates += [("true_positive_rate", is_favorable(truth, test), good_before, good_after)]
    rates.append(("accuracy", everybody, before == truth, after == truth))
    changes, known = [], test.sensitive_features.columns
    for attribute in attributes:
        parts = [test.sensitive_features[name].astype(str) for name in attributes_of(attribute, known)]
        column = np.array([joined(names) for names in zip(*parts, strict=True)], dtype=object)
        for group in sorted(set(column.tolist()), key=lambda group: group_order(str(group))):
            for metric, event, first, second in rates:
                rows = np.asarray((column == group) & event, dtype=bool)
                changes.append(_change(attribute, str(group), metric, first[rows], second[rows], confidence))
    return tuple(changes)


def _change(attribute: str, group: str, metric: str, before: Any, after: Any, confidence: float) -> GroupChange:
    first, second = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    if not len(first):
        return GroupChange(attribute, group, 0, metric, None, None, None, None, None)
    low, high = paired_difference(first, second, confidence)
    old, new = float(first.mean()), float(second.mean())
    return GroupChange(attribute, group, len(first), metric, old, new, new - old, low, high)


def benefit_of(metric: str, favorable_label: Any) -> str:
    """The rate by which a group is better off where a disparity is limited.

    Accuracy where the disparity is about being judged rightly or no label is favorable, recall where it conditions on
    the truth, else selection.

    Examples
    --------
    >>> [benefit_of(f"{name}_difference", 1) for name in ("accuracy_equality", "equalized_odds", "demographic_parity")]
    ['accuracy', 'true_positive_rate', 'selection_rate']
    """
    if favorable_label is None or metric.startswith(_RIGHT):
        return "accuracy"
    return "true_positive_rate" if metric.startswith(_GIVEN_TRUTH) else "selection_rate"


def levelled_down(changes: Sequence[GroupChange], attribute: str, benefit: str, *, minimum_group: int = 20) -> bool:
    """Whether no group of the attribute is better off and at least one is worse off.

    A rise does not outweigh a fall where its interval reaches 0 and it is, at the most that the rows leave possible, no
    larger than the fall is at the least: then nobody was shown to be better off, and the fall is what closed the gap.
    Groups of an unknown value and of fewer rows than `minimum_group`, which are no part of the gap, outweigh it only
    where they surely rose: few rows leave everything possible.

    Examples
    --------
    >>> rise = GroupChange("sex", "f", 500, "selection_rate", .5, .502, .002, -.01, .014)
    >>> fall = GroupChange("sex", "m", 500, "selection_rate", .7, .5, -.2, -.24, -.16)
    >>> levelled_down([rise, fall], "sex", "selection_rate")
    True
    """
    own = [c for c in changes if c.attribute == attribute and c.metric == benefit and c.change is not None]
    falls = [c for c in own if c.change is not None and c.change < 0]
    rises = [c for c in own if c.change is not None and c.change > 0]
    if not falls or not rises:
        return bool(falls)
    least = max(-c.high for c in falls if c.high is not None)
    return least > 0 and not any(_outweighs(rise, least, minimum_group) for rise in rises)


def _outweighs(rise: GroupChange, fall: float, minimum_group: int) -> bool:
    assert rise.low is not None
    assert rise.high is not None
    counted = UNKNOWN not in rise.group.split(JOINT) and rise.n >= minimum_group
    return rise.low > 0 or (counted and rise.high > fall)
