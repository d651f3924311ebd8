"""What is not told, since so few people stand behind it that it would tell of each."""

from collections.abc import Mapping
from typing import Any

__all__ = ["rests_on_few"]


def rests_on_few(metric: Mapping[str, Any], least: int) -> bool:
    """Whether a defined figure rests on fewer rows than `least`.

    Parameters
    ----------
    metric
        A figure as a report's dict has it: ``value`` and ``n``.
    least
        The fewest rows that are told about.

    Examples
    --------
    >>> rests_on_few({"value": 1.0, "n": 3}, 10), rests_on_few({"value": None, "n": 0}, 10)
    (True, False)
    """
    return metric.get("value") is not None and (metric.get("n") or 0) < least
