"""The change plan: what an automatic retrain may change against the champion, as declared with the champion."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.decision.rules import RuleResult, not_applicable
from evenhand.modeling.figure_names import LOSSES

__all__ = ["about_plan", "changed_paths"]

_FREE = ("card", "record", "monitor", "score")
"""Sections that do not change what the model is or how it is judged."""
_JUDGED = ("data.exclude",)
"""Paths whose change shows in the features, which have a rule of their own."""


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two configurations, as path to (before, after); card and records do not count.

    Examples
    --------
    >>> changed_paths({"search": {"trials": 30}, "card": {}}, {"search": {"trials": 50}, "card": {"title": "x"}})
    {'search.trials': (30, 50)}
    """
    old, new = ({p: v for p, v in _flat(c).items() if p.partition(".")[0] not in _FREE} for c in (before, after))
    return {path: (old.get(path), new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)}


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Sections and their keys; what lies deeper is one value, except for the plan and the source."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        path = f"{above}{name}"
        if isinstance(each, Mapping) and not above:
            found |= _flat(each, f"{path}.")
        else:
            found[path] = each
    return found


def about_plan(
    plan: Mapping[str, Any] | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    features: tuple[Sequence[str], Sequence[str]],
    rows: tuple[int, int],
    candidate: str,
) -> RuleResult:
    """Whether all that changed against the champion is inside the plan that was declared with it.

    Parameters
    ----------
    plan
        The champion's ``gate.plan``; None when it has none: then nothing of the configuration may change.
    before, after
        The champion's configuration, and the challenger's.
    features, rows
        Names of the features, and numbers of rows, of champion and challenger.
    candidate
        The candidate that the search selected.

    Examples
    --------
    >>> plan = {"may_change": ["search.trials"]}
    >>> same = {"features": (["a"], ["a"]), "rows": (10, 12), "candidate": "logistic"}
    >>> about_plan(plan, {"search": {"trials": 30}}, {"search": {"trials": 50}}, **same).status
    'PASS'
    >>> about_plan(plan, {"seed": 0}, {"seed": 1}, **same).reason
    'outside the change plan: seed went from 0 to 1'
    """
    allowed = dict(plan or {})
    outside = [
        *_outside_configuration(allowed, changed_paths(before, after)),
        *_outside_features(allowed.get("features", "fixed"), *features),
        *_outside_rows(allowed.get("rows") or (), *rows),
    ]
    candidates = allowed.get("candidates") or ()
    if candidates and candidate not in candidates:
        outside.append(f"the selected candidate {candidate} is not among {', '.join(candidates)}")
    if outside:
        where = "outside the change plan" if plan is not None else "changed without a change plan"
        return RuleResult("change plan", "", "HOLD", f"{where}: {'; '.join(outside)}")
    if plan is None:
        return not_applicable("change plan", "the configuration is the champion's")
    return RuleResult("change plan", "", "PASS", "what changed is inside the plan that the champion declared")


def _outside_configuration(plan: Mapping[str, Any], changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    outside = []
    for path, (old, new) in changes.items():
        if path in _JUDGED:
            continue
        if path == "gate.floors":
            outside += _outside_floors(str(plan.get("floors", "stricter")), old or {}, new or {})
        elif not any(path == each or path.startswith(f"{each}.") for each in plan.get("may_change") or ()):
            outside.append(f"{path} went from {_short(old)} to {_short(new)}")
        elif path in (plan.get("within") or {}):
            low, high = plan["within"][path]
            if not (isinstance(new, int | float) and low <= new <= high):
                outside.append(f"{path} is {_short(new)}, not within {low:g} to {high:g}")
    return outside


def _outside_floors(allowed: str, old: Mapping[str, float], new: Mapping[str, float]) -> list[str]:
    if allowed == "any" or old == new:
        return []
    if allowed == "fixed":
        return ["gate.floors changed"]
    loosened = [
        name for name, floor in old.items()
        if name not in new or (new[name] > floor if name in LOSSES else new[name] < floor)
    ]  # fmt: skip
    return [f"gate.floors loosened {', '.join(loosened)}"] if loosened else []


def _outside_features(allowed: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    gone, come = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    outside = [f"features gone: {', '.join(gone)}"] if gone and allowed == "fixed" else []
    return [*outside, f"features new: {', '.join(come)}"] if come and allowed != "any" else outside


def _outside_rows(allowed: Sequence[float], before: int, after: int) -> list[str]:
    if not allowed or before == 0:
        return []
    low, high = allowed
    if low * before <= after <= high * before:
        return []
    return [f"{after:,} rows are not {low:g} to {high:g} times the champion's {before:,}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
