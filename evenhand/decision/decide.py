"""All rules together: promote, hold or block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evenhand.decision.rules import RuleResult

__all__ = ["Decision", "Outcome", "decide"]

Outcome = Literal["promote", "hold", "block"]

_BESIDE = ("card", "size", "latency", "change plan")
"""Rules that say nothing about how good or how fair the model's decisions are."""

_WORST: tuple[Outcome, ...] = ("block", "hold", "promote")


@dataclass(frozen=True)
class Decision:
    """What becomes of the model, and why.

    Attributes
    ----------
    outcome
        ``promote``: it goes live. ``hold``: a person must answer. ``block``: it does not.
    reasons
        Sentences: what decided, the worst first; where all is kept, that.
    rules
        What every rule said.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    rules: tuple[RuleResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "outcome": self.outcome,
            "reasons": list(self.reasons),
            "rules": [rule.to_dict() for rule in self.rules],
        }


def decide(
    rules: Sequence[RuleResult],
    *,
    first: bool,
    first_may_promote: bool = False,
    fail: Literal["block", "hold"] = "block",
    inconclusive: Outcome = "hold",
) -> Decision:
    """The decision that follows from the rules; without evidence nothing is promoted.

    Parameters
    ----------
    rules
        What they said.
    first
        Whether the model has no champion yet.
    first_may_promote
        Whether a first model that keeps all rules goes live without a person.
    fail, inconclusive
        What FAIL and INCONCLUSIVE lead to. MISSING and HOLD lead to ``hold`` whatever is configured.

    Examples
    --------
    >>> kept = RuleResult("floor", "accuracy", "PASS", "high enough")
    >>> decide([kept], first=False).outcome, decide([kept], first=True).outcome, decide([], first=False).outcome
    ('promote', 'hold', 'hold')
    """
    leads: dict[str, Outcome] = {
        "PASS": "promote",
        "FAIL": fail,
        "INCONCLUSIVE": inconclusive,
        "MISSING": "hold",
        "HOLD": "hold",
    }
    asked = [rule for rule in rules if rule.status != "NOT APPLICABLE"]
    said: list[tuple[Outcome, str]] = [(leads[rule.status], f"{rule.rule}: {rule.reason}") for rule in asked]
    if first and not first_may_promote:
        said.append(("hold", "first model: there is no champion to compare with, so a person decides (gate.first)"))
    if not any(rule.status == "PASS" and rule.rule not in _BESIDE for rule in rules) and all(
        lead == "promote" for lead, _ in said
    ):
        said.append(("hold", "no rule is shown to be kept: nothing speaks for the model"))
    outcome: Outcome = min((lead for lead, _ in said), key=_WORST.index)
    against = sorted((each for each in said if each[0] != "promote"), key=lambda each: _WORST.index(each[0]))
    reasons = tuple(reason for _, reason in against) or _why_promoted(asked)
    return Decision(outcome, reasons, tuple(rules))


def _why_promoted(asked: Sequence[RuleResult]) -> tuple[str, ...]:
    """That all is kept, or what is not shown to be and leads to ``promote`` as configured."""
    open_ = [f"{rule.rule}: {rule.reason}" for rule in asked if rule.status != "PASS"]
    if open_:
        kept = f"{len(asked) - len(open_)} of {len(asked)} rules are kept"
        return (f"{kept}, and `gate.inconclusive: promote` lets the others pass", *open_)
    if len(asked) == 1:
        return (f"the one rule that applies is kept: {asked[0].rule}: {asked[0].reason}",)
    return (f"all {len(asked)} rules that apply are kept",)
