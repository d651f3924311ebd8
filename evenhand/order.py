"""The order in which groups of people are shown: bands by their numbers, names by the alphabet."""

import re

__all__ = ["JOINT", "group_order"]

_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"
_BAND = re.compile(rf"under {_NUMBER}|{_NUMBER}(?: to under -?[0-9]+(?:\.[0-9]+)?| and over)?")
_INTERVAL = re.compile(r"[\[(](-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|-inf), \S+[\])]")
JOINT = " & "
"""What joins the names of attributes and groups in an intersection: ``race & sex``, ``black & female``."""


def group_order(group: str) -> tuple[tuple[int, float, str], ...]:
    """What sorts groups by name, intersections too: bands and numbers first, by where they begin, then names.

    Each group has its place whatever the others are, so that parts of a table and the whole have one order.

    Parameters
    ----------
    group
        The group as an audit names it.

    Examples
    --------
    >>> sorted(["unknown", "under 40", "62 and over", "100 and over", "40 to under 62"], key=group_order)
    ['under 40', '40 to under 62', '62 and over', '100 and over', 'unknown']
    >>> sorted(["10", "9", "b", "a & 10", "a & 9"], key=group_order)
    ['9', '10', 'a & 9', 'a & 10', 'b']
    >>> sorted(["(10, 60]", "(5, 10]", "(1.2.3, x]", "(-inf, 5]"], key=group_order)
    ['(-inf, 5]', '(5, 10]', '(10, 60]', '(1.2.3, x]']
    """
    return tuple(_place(part) for part in group.split(JOINT))


def _place(label: str) -> tuple[int, float, str]:
    interval = _INTERVAL.fullmatch(label)  # as pandas.cut writes it
    if interval is not None:
        return 0, float(interval[1]), label
    found = _BAND.fullmatch(label)
    if found is None:
        return 1, 0.0, label
    below, start = found.groups()
    return 0, float("-inf") if below else float(start), label
