"""The change plan: what an automatic retrain may change against the champion, as declared with the champion."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.decision.rule_files import RuleFiles, changed_files
from evenhand.decision.rules import RuleResult, not_applicable
from evenhand.modeling.figure_names import LOSSES

__all__ = ["about_plan", "changed_paths"]

_FREE = ("card", "record", "monitor", "score")
"""Sections that do not change what the model is or how it is judged."""
_WHOLE = ("gate.floors",)
"""Paths that are compared as one value."""
_JUDGED = ("data.exclude",)
"""Paths whose change shows in the features, which have a rule of their own."""

_TIGHTEST = {"data.contract": "enforce"}
"""What holds the rows to most: a run that renewed the contract is followed by ones that keep to it."""


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two configurations, as path to (before, after); card and records do not count.

    Examples
    --------
    >>> changed_paths({"search": {"trials": 30}, "card": {}}, {"search": {"trials": 50}, "card": {"title": "x"}})
    {'search.trials': (30, 50)}
    >>> changed_paths({"data": {"source": {"path": "a.csv"}}}, {"data": {"source": {"path": "b.csv"}}})
    {'data.source.path': ('a.csv', 'b.csv')}
    """
    old, new = ({p: v for p, v in _flat(c).items() if p.partition(".")[0] not in _FREE} for c in (before, after))
    found = {path: (old.get(path), new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)}
    # A section that is empty or null on one side: what it holds on the other side says more than that it is there.
    return {path: pair for path, pair in found.items() if not any(other.startswith(f"{path}.") for other in found)}


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Every value by its path, down to the leaf; floors have a rule of their own and stay whole."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        path = f"{above}{name}"
        if isinstance(each, Mapping) and each and path not in _WHOLE:
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
    files: tuple[RuleFiles | None, RuleFiles] = ({}, {}),
    renewed: Sequence[str] = (),
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
    files
        The digests of the policies and approvers that are files, of champion and challenger, as
        :func:`~evenhand.decision.rule_files.rule_files` gives them; None for a champion that was recorded without.
    renewed
        The paths by which the test set is another one than the champion's, as
        :func:`~evenhand.decision.selection.renewed_by` gives them. No plan lets that pass: whoever may draw another
        test set at each retrain may look as often as it takes, each time with all of the error.

    Examples
    --------
    >>> plan = {"may_change": ["search.trials"]}
    >>> same = {"features": (["a"], ["a"]), "rows": (10, 12), "candidate": "logistic"}
    >>> about_plan(plan, {"search": {"trials": 30}}, {"search": {"trials": 50}}, **same).status
    'PASS'
    >>> about_plan(plan, {"seed": 0}, {"seed": 1}, **same).reason
    'outside the change plan: seed went from 0 to 1'
    """
    allowed, changes = dict(plan or {}), changed_paths(before, after)
    outside = [
        *_outside_configuration(allowed, changes),
        *_outside_bounds(allowed.get("within") or {}, before, after),
        *(told for path, told in changed_files(*files, renamed=tuple(changes)) if not _may_change(allowed, path)),
        *_outside_features(allowed.get("features", "fixed"), *features),
        *_outside_rows(allowed.get("rows") or (), *rows),
    ]
    candidates = allowed.get("candidates") or ()
    if candidates and candidate not in candidates:
        outside.append(f"the selected candidate {candidate} is not among {', '.join(candidates)}")
    if renewed:
        outside.append(
            f"{' and '.join(renewed)} made this another test set than the champion's, at which the error of looks is "
            "counted anew: a person decides, whatever the plan allows"
        )
    if outside:
        where = "outside the change plan" if plan is not None else "changed without a change plan"
        return RuleResult("change plan", "", "HOLD", f"{where}: {'; '.join(outside)}")
    if plan is None:
        return not_applicable("change plan", "the configuration is the champion's")
    return RuleResult("change plan", "", "PASS", "what changed is inside the plan that the champion declared")


def _outside_configuration(plan: Mapping[str, Any], changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    outside = []
    for path, (old, new) in changes.items():
        if path in _JUDGED or new == _TIGHTEST.get(path):
            continue
        if path == "gate.floors":
            outside += _outside_floors(str(plan.get("floors", "stricter")), old or {}, new or {})
        elif not _may_change(plan, path):
            outside.append(f"{path} went from {' to '.join(_shown(old, new))}")
    return outside


def _outside_bounds(
    within: Mapping[str, Sequence[float]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """What changed to something that is not inside its bounds, be it a number, a list, a range or a floor."""
    outside = []
    for path, (low, high) in within.items():
        old, new = _at(before, path), _at(after, path)
        if old != new and not _inside(new, low, high):
            outside.append(f"{path} is {_cut(repr(new), 0)}, not within {low:g} to {high:g}")
    return outside


def _at(configuration: Mapping[str, Any], path: str) -> Any:
    """The value at a path; None when there is none."""
    value: Any = configuration
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _inside(value: Any, low: float, high: float) -> bool:
    """Whether all numbers of a value lie in the bounds; of a range its ends count, and what is no number never does.

    Examples
    --------
    >>> [_inside(value, 0.1, 1) for value in (0.5, [0.1, 1.0], {"low": 0.1, "high": 0.9, "log": True}, {"f1": 0.7})]
    [True, True, True, True]
    >>> [_inside(value, 0.1, 1) for value in (2, [0.1, 2], {"low": 0.01, "high": 0.9}, {}, "0.5", None, True)]
    [False, False, False, False, False, False, False]
    """
    if isinstance(value, Mapping):
        value = [value["low"], value["high"]] if {"low", "high"} <= value.keys() else list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return bool(value) and all(_inside(each, low, high) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _may_change(plan: Mapping[str, Any], path: str) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in plan.get("may_change") or ())


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


def _shown(old: Any, new: Any) -> tuple[str, str]:
    """Both values so that it shows where they differ, however long they are.

    Examples
    --------
    >>> _shown("a" * 70 + "b", "a" * 70 + "c")
    ("...aaaaaaaaaab'", "...aaaaaaaaaac'")
    """
    one, other = repr(old), repr(new)
    same = next(
        (i for i, pair in enumerate(zip(one, other, strict=False)) if len({*pair}) > 1), min(len(one), len(other))
    )
    start = max(same - 10, 0) if same > 40 else 0
    return _cut(one, start), _cut(other, start)


def _cut(text: str, start: int) -> str:
    shown = text[start:] if len(text) - start <= 60 else f"{text[start : start + 57]}..."
    return f"...{shown}" if start else shown
