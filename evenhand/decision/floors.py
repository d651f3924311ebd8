"""Floors of the gate: figures on the test part, and of the robustness checks, against what they have to keep."""

from collections.abc import Collection, Iterable, Mapping
from math import inf
from typing import Any

from evenhand.decision.rules import RuleResult, Status, missing
from evenhand.decision.spending import LookLevel
from evenhand.modeling.figure_names import LOSSES

__all__ = ["about_floors", "about_robustness"]

_SEVERITY = ("FAIL", "MISSING", "INCONCLUSIVE", "PASS", "NOT APPLICABLE")


def about_floors(
    floors: Mapping[str, float],
    metrics: Mapping[str, Mapping[str, Any]],
    *,
    by_interval: bool = True,
    level: LookLevel | None = None,
) -> Iterable[RuleResult]:
    """Figures on the test part against their floors; of losses against their ceilings.

    Parameters
    ----------
    floors
        By figure.
    metrics
        ``value``, ``low``, ``high`` and ``reason`` by figure, with limits at that level.
    by_interval
        Whether the whole interval has to keep the floor; a figure that is taken as it is spends no error.
    level
        Of the look; None outside of a count of looks.

    Examples
    --------
    >>> found = {"accuracy": {"value": 0.85, "low": 0.78, "high": 0.9}}
    >>> [(each.status, each.reason) for each in about_floors({"accuracy": 0.8}, found, level=LookLevel(1, 0.025))]
    [('INCONCLUSIVE', 'accuracy 0.85 (0.78 to 0.9) neither shows nor excludes at least 0.8; look 1 at level 0.025')]
    """
    for name, floor in floors.items():
        found = metrics.get(name) or {}
        if found.get("value") is None:
            why = found.get("reason") or f"the evaluation has no figure {name!r}"
            yield missing("floor", f"{name} is undefined: {why}", name)
        elif by_interval:
            yield _by_interval("floor", name, found, floor, level, at_most=name in LOSSES)
        else:
            value = float(found["value"])
            yield _bounded("floor", name, (value, value, value), floor, at_most=name in LOSSES)


def _by_interval(
    rule: str, name: str, found: Mapping[str, Any], limit: float, level: LookLevel | None, *, at_most: bool = False
) -> RuleResult:
    """A figure against a limit by its interval; without an upper limit, by the lower one."""
    if level is not None and level.spent:
        return RuleResult(rule, name, "INCONCLUSIVE", level.said)
    low, high = found.get("low"), found.get("high")
    if low is None:
        beside = f": {found['reason']}" if found.get("reason") else ""
        by_value = ", a floor by value would take it as it is" if rule == "floor" else ""
        return missing(rule, f"{name} has no interval{beside}{by_value}", name)
    limits = (float(found["value"]), float(low), inf if high is None else float(high))
    return _bounded(rule, name, limits, limit, at_most=at_most, level=level)


def _bounded(
    rule: str,
    name: str,
    found: tuple[float, float, float],
    limit: float,
    *,
    at_most: bool = False,
    level: LookLevel | None = None,
) -> RuleResult:
    """A figure's value and both limits against what it has to keep."""
    value, low, high = found
    kept, broken = (high <= limit, low > limit) if at_most else (low >= limit, high < limit)
    status: Status = "PASS" if kept else "FAIL" if broken else "INCONCLUSIVE"
    side = "at most" if at_most else "at least"
    upper = "and above" if high == inf else f"to {high:.4g}"
    shown = f"{name} {value:.4g}" + (f" ({low:.4g} {upper})" if (low, high) != (value, value) else "")
    word = {"PASS": "keeps", "FAIL": "breaks", "INCONCLUSIVE": "neither shows nor excludes"}[status]
    reason = f"{shown} {word} {side} {limit:g}" + (f"; {level.said}" if level else "")
    figures = {"value": value, "low": low, "high": None if high == inf else high, "limit": limit}
    return RuleResult(rule, name, status, reason, figures | ({"alpha": level.alpha} if level else {}))


def about_robustness(
    floors: Mapping[str, float],
    found: Mapping[str, Any],
    *,
    least: int = 10,
    level: LookLevel | None = None,
) -> Iterable[RuleResult]:
    """Figures of the robustness checks against their floors, overall and in every group that has rows enough.

    Parameters
    ----------
    floors
        By figure.
    found
        Every figure of the step `stress`, with limits at that level: ``value``, ``low``, ``high``, ``n``, ``reason``
        and ``groups`` by attribute and group, each the same.
    least
        Groups with fewer rows of the test part take no part; what is undefined of a larger one is missing.
    level
        Of the look; None outside of a count of looks.

    Examples
    --------
    >>> sure = {"value": 0.95, "low": 0.93, "high": 0.97, "n": 80}
    >>> few = {"value": None, "low": None, "high": None, "n": 4, "reason": "only 4 rows"}
    >>> figures = {"flip_possible_share": sure | {"groups": {"sex": {"f": few}}},
    ...            "shift_accuracy": sure | {"groups": {"sex": {"f": sure}}}}
    >>> [result.status for result in about_robustness({"flip_possible_share": 0.9}, figures)]
    ['MISSING']
    """
    due = _groups_due(found, least)
    for name, floor in floors.items():
        figure = found.get(name)
        if not figure or figure.get("value") is None:
            why = (figure or {}).get("reason") or "the step `stress` has no such figure at this look"
            yield missing("robustness", f"{name} is undefined: {why}", name)
        else:
            yield _worst_part(name, figure, floor, due, level)


def _groups_due(found: Mapping[str, Any], least: int) -> set[tuple[str, str]]:
    """The groups of so many rows of the test part: of figures about fewer rows the largest number counts."""
    return {
        (attribute, group)
        for figure in found.values()
        for attribute, groups in (figure.get("groups") or {}).items()
        for group, each in groups.items()
        if each.get("n", 0) >= least
    }


def _worst_part(
    name: str, figure: Mapping[str, Any], floor: float, due: Collection[tuple[str, str]], level: LookLevel | None
) -> RuleResult:
    """What a floor says where it is kept the least: of everybody, of a group, or of a group without a figure."""
    known = {(a, g): each for a, groups in (figure.get("groups") or {}).items() for g, each in groups.items()}
    results = [_by_interval("robustness", name, figure, floor, level)]
    for attribute, group in sorted({*known, *due}):
        each, subject = known.get((attribute, group), {}), f"{name} of {attribute} {group}"
        if each.get("value") is not None:
            results.append(_by_interval("robustness", subject, each, floor, level))
        elif (attribute, group) in due:
            why = each.get("reason") or "none of its rows was drawn, more `robustness.rows` draw them"
            results.append(missing("robustness", f"{subject} is undefined: {why}", subject))
    return min(results, key=lambda result: _SEVERITY.index(result.status))
