"""The rules of the gate: each looks at one piece of evidence and says whether it is kept, and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from types import MappingProxyType
from typing import Any, Literal

from evenhand.decision.comparison import Comparison
from evenhand.decision.spending import LookLevel

__all__ = ["RuleResult", "Status", "about_budget", "about_card", "about_comparison", "about_groups",
           "about_looks", "about_other_rows", "about_policies", "missing", "not_applicable"]  # fmt: skip

Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "MISSING", "HOLD", "NOT APPLICABLE"]


@dataclass(frozen=True)
class RuleResult:
    """What one rule says.

    Attributes
    ----------
    rule
        ``floor``, ``non-inferiority``, ``group loss``, ``fairness``, ``latency``, ``size``, ``robustness``, ``card``,
        ``change plan``, ``champion``.
    subject
        What it is about: a figure, a policy's rule and attribute.
    status
        PASS: kept. FAIL: shown to be broken. INCONCLUSIVE: neither is shown. MISSING: the evidence that it asks for is
        not there or undefined. HOLD: a person must answer. NOT APPLICABLE: it asks for nothing here.
    reason
        Why, as a sentence.
    """

    rule: str
    subject: str
    status: Status
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def not_applicable(rule: str, reason: str, subject: str = "") -> RuleResult:
    """A rule that asks for nothing here."""
    return RuleResult(rule, subject, "NOT APPLICABLE", reason)


def missing(rule: str, reason: str, subject: str = "") -> RuleResult:
    """A rule whose evidence is not there."""
    return RuleResult(rule, subject, "MISSING", reason)


def about_other_rows() -> RuleResult:
    """A first model that is judged on other test rows than its forerunners: the count of looks began anew."""
    reason = "an earlier look at this model was at another test set, so the count of looks began anew: a person decides"
    return RuleResult("change plan", "", "HOLD", reason)


def about_comparison(found: Comparison, *, margin: float, minimum_rows: int) -> RuleResult:
    """Whether the challenger is not worse than the champion by more than a margin.

    Parameters
    ----------
    found
        The comparison.
    margin
        By how much it may be worse.
    minimum_rows
        Fewer rows are too few.
    """
    rule, name, gap = "non-inferiority", found.metric, found.difference
    if found.n < minimum_rows:
        said = f"{found.n} test rows that the champion has not learned from are fewer than {minimum_rows}"
        return missing(rule, said, name)
    if gap.reason:
        return missing(rule, f"the difference of {name} is undefined: {gap.reason}", name)
    status: Status = "PASS" if gap.low > -margin else "FAIL" if gap.high < -margin else "INCONCLUSIVE"
    said = {
        "PASS": f"is not worse by more than {margin:g}",
        "FAIL": f"is worse by more than {margin:g}",
        "INCONCLUSIVE": f"may or may not be worse by more than {margin:g}",
    }[status]
    shown = f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}) on {found.n:,} rows"
    return RuleResult(rule, name, status, f"{name} {said}: {shown}", gap.to_dict() | {"margin": margin})


def about_groups(found: Comparison, *, loss: float, minimum_rows: int) -> RuleResult:
    """Whether no group and no intersection is worse off than under the champion by more than a stated amount.

    Parameters
    ----------
    found
        The comparison.
    loss
        By how much a group's rate may fall.
    minimum_rows
        Fewer rows are too few.
    """
    rule = "group loss"
    if found.n < minimum_rows:
        return missing(rule, f"{found.n} rows are fewer than {minimum_rows}")
    judged = [group for group in found.groups if not group.aside]
    if not judged:
        without = (
            "there is no group, or `gate.group_metrics` names only rates of a favorable label, and none is declared"
        )
        return missing(rule, "no group has enough rows" if found.groups else without)
    worse = [g for g in judged if g.change.high < -loss]
    if worse:
        worst = min(worse, key=lambda g: g.change.value)
        return RuleResult(rule, _named(worst), "FAIL", f"{_told(worst)}: more than {loss:g} worse")
    undefined = [g for g in judged if g.change.reason]
    if undefined:  # before what is open: gate.inconclusive may let that pass, and evidence that is missing never does
        return missing(rule, f"{_named(undefined[0])} is undefined: {undefined[0].change.reason}", _named(undefined[0]))
    open_ = [g for g in judged if not g.change.low > -loss]
    if open_:
        worst = min(open_, key=lambda g: g.change.low)
        return RuleResult(rule, _named(worst), "INCONCLUSIVE", f"{_told(worst)}: may be more than {loss:g} worse")
    few = {(group.attribute, group.group) for group in found.groups if group.aside}
    beside = f"; {_sets(len(few))} no part, for few rows or a value that is unknown" if few else ""
    return RuleResult(rule, "", "PASS", f"no rate of {len(judged)} fell by more than {loss:g}{beside}")


def _sets(number: int) -> str:
    return "1 group or intersection takes" if number == 1 else f"{number} groups and intersections take"


def _named(group: Any) -> str:
    return f"{group.metric} of {group.attribute} {group.group}"


def _told(group: Any) -> str:
    change = group.change
    return f"{_named(group)} {change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f}, {change.n:,} rows)"


def about_policies(
    judged: Sequence[Mapping[str, Any]],
    *,
    look: int,
    share: float,
    few: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterable[RuleResult]:
    """Every verdict of the declared policies; one that rests on an undefined rate is missing evidence.

    Parameters
    ----------
    judged
        ``to_dict()`` of :class:`~evenhand.fairness.judging.JudgedPolicy`, judged at that share.
    look, share
        The number of this look at the test set, and the share of alpha that it may spend; 0 when the budget is
        exhausted.
    few
        By attribute the groups of so few people that a figure about them tells what happened to each: a verdict on them
        is told without its figure.
    """
    limits = 0
    for policy in judged:
        name = policy["policy"]["name"]
        for rule in policy["rules"]:
            limits += 1
            subject = f"{name}: {rule['metric']} by {rule['attribute']}"
            yield _about_rule(rule, subject, look, share, few.get(rule["attribute"], ()))
    if not limits:
        yield not_applicable("fairness", "no policy with a limit is declared")


def about_looks(judged: Iterable[RuleResult], *, look: int, share: float) -> Iterable[RuleResult]:
    """That a person decides once the error is spent, also where `gate.inconclusive` lets pass what nothing shows.

    Parameters
    ----------
    judged
        What the rules said so far.
    look, share
        As for :func:`about_policies`.
    """
    if share <= 0 and any(rule.rule in _SPENDING and rule.status == "INCONCLUSIVE" for rule in judged):
        yield RuleResult("looks", "", "HOLD", f"the error of this test set is spent at look {look}: {_RENEW}")


_SPENDING = ("fairness", "floor", "robustness")
"""Rules that spend of the error and need no champion, without whom what is missing holds."""


def _about_rule(rule: Mapping[str, Any], subject: str, look: int, share: float, few: Collection[str]) -> RuleResult:
    if share <= 0:
        return RuleResult("fairness", subject, "INCONCLUSIVE", LookLevel(look, 0.0).said)
    shown, hidden = "", [group for group in rule.get("pair") or () if group in few]
    if hidden:
        shown = f" withheld, since it rests on {' and '.join(hidden)}, too few rows to tell"
    elif rule.get("value") is not None:
        shown = f" {rule['value']:.3f} ({rule['low']:.3f} to {rule['high']:.3f})"
    reason = (
        f"{rule['metric']} by {rule['attribute']}{shown}: {rule['reason']}; look {look} at level {rule['alpha']:.3g}"
    )
    told = ("limit", "alpha") if hidden else ("value", "low", "high", "limit", "alpha")
    figures = {name: rule.get(name) for name in told}
    if rule["verdict"] != "INCONCLUSIVE":
        return RuleResult("fairness", subject, rule["verdict"], reason, figures)
    undefined = rule.get("undefined") or {}
    if undefined and "undefined" not in rule["reason"]:
        reason += f"; the rate is undefined for {', '.join(undefined)}"
    unseen = bool(undefined) or rule.get("value") is None
    return RuleResult("fairness", subject, "MISSING" if unseen else "INCONCLUSIVE", reason, figures)


_RENEW = "renew the test set, by another `split.salt` (where the split is stratified, another `seed`)"


def about_budget(rule: str, value: float | None, limit: float, unit: str, what: str) -> RuleResult:
    """A cost against its budget.

    Examples
    --------
    >>> about_budget("size", 2.5, 2.0, "MB", "the model file").reason
    'the model file: 2.5 MB, over 2 MB'
    """
    if value is None or isnan(value):
        return missing(rule, f"{what} was not measured", rule)
    status: Status = "PASS" if value <= limit else "FAIL"
    word = "within" if status == "PASS" else "over"
    return RuleResult(rule, rule, status, f"{what}: {value:.3g} {unit}, {word} {limit:g} {unit}")


def about_card(statements: Sequence[str]) -> RuleResult:
    """Whether people have said on the card what only they can say.

    Examples
    --------
    >>> about_card(["risk_acceptance"]).status
    'MISSING'
    """
    if not statements:
        return RuleResult("card", "", "PASS", "every statement that only a person can make is there")
    named = ", ".join(name.replace("_", " ") for name in statements)
    return missing("card", f"nobody has stated {named}: fill them in under `card`", ", ".join(statements))
