"""What a card is made from: the results of the steps as plain mappings, and the statements of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evenhand.card.blocks import Picture, Text
from evenhand.card.text import is_placeholder, plain

__all__ = ["HUMAN_FIELDS", "HumanField", "Inputs", "missing_statements"]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class HumanField:
    """Something that only a person can say.

    Attributes
    ----------
    label
        What it is called where it is missing.
    question
        What is asked for.
    required
        Whether a card without it is incomplete.
    """

    label: str
    question: str
    required: bool = True


HUMAN_FIELDS: Mapping[str, HumanField] = {
    "overview": HumanField("Overview", "What does the model do, in one paragraph?"),
    "owners": HumanField("Owners", "Who answers for the model?"),
    "license": HumanField("Licence", "Under which licence may it be used?"),
    "intended_use": HumanField("Intended use", "What is it for, and who uses it?"),
    "out_of_scope": HumanField("Out-of-scope use", "What must it not be used for?"),
    "affected_people": HumanField("Affected people", "Whom do its decisions affect?"),
    "human_oversight": HumanField("Human oversight", "Who can overrule a decision, and how?"),
    "risk_acceptance": HumanField("Risk acceptance", "Who accepted which residual risk, and when?"),
    "ethical_considerations": HumanField("Ethical considerations", "Which harms were considered, with what result?"),
    "data_collection": HumanField("Data collection", "How was the data collected and labelled, on what legal ground?"),
    "contact": HumanField("Contact", "Where can an affected person ask or object?"),
    "limitations": HumanField("Further limitations", "Which limitations does the evidence not show?", required=False),
    "references": HumanField("References", "Which documents stand behind the model?", required=False),
    "citation": HumanField("Citation", "How is the model cited?", required=False),
    "instructions": HumanField("Instructions for use", "How is it used, through which interface?", required=False),
    "deployment": HumanField("Deployment", "Where and with which other systems does it run?", required=False),
    "metric_choice": HumanField("Choice of metrics", "Why are these figures the right ones here?", required=False),
    "security": HumanField("Cybersecurity", "Which measures protect it?", required=False),
    "risk_management": HumanField("Risk management system", "How are risks found and treated?", required=False),
    "monitoring": HumanField("Post-market monitoring", "How is it watched once it is live?", required=False),
    "changes": HumanField("Planned changes", "What may change without a new assessment?", required=False),
    "standards": HumanField("Standards", "Which harmonised standards were applied?", required=False),
    "conformity": HumanField("Declaration of conformity", "Where is the declaration, if one is due?", required=False),
}
"""Every field of the configuration's section ``card`` that a person fills, and what it answers."""


@dataclass(frozen=True)
class Inputs:
    """Everything that a section may read; an absent result is an empty mapping."""

    model: Values
    human: Values
    data: Values = field(default_factory=dict)
    search: Values = field(default_factory=dict)
    evaluation: Values = field(default_factory=dict)
    costs: Values = field(default_factory=dict)
    audit: Values = field(default_factory=dict)
    explanation: Values = field(default_factory=dict)
    robustness: Values = field(default_factory=dict)
    calibration: Values = field(default_factory=dict)
    threshold: Values = field(default_factory=dict)
    mitigation: Values = field(default_factory=dict)
    run: Values = field(default_factory=dict)
    decision: Values = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    min_cell: int = 10

    @property
    def title(self) -> str:
        """The card's heading."""
        return plain(self.human.get("title") or self.model.get("name") or "Unnamed model")

    @property
    def metrics(self) -> Mapping[str, Values]:
        """The evaluation's metrics by name."""
        found: Mapping[str, Values] = self.evaluation.get("metrics") or {}
        return found

    @property
    def look(self) -> Values:
        """The look at the test set that the verdicts are of: its ``number`` and the ``share`` that it may spend."""
        found: Values = self.audit.get("look") or {}
        return found

    def audits(self, kind: str = "attributes") -> Mapping[str, Values]:
        """The audit of each attribute, or of each intersection."""
        found: Mapping[str, Values] = self.audit.get(kind) or {}
        return found

    def said(self, name: str) -> tuple[str, ...]:
        """What a person said in a field: a paragraph or item each; empty when nothing was said.

        What only keeps a place, such as FILL IN or TODO, says nothing.
        """
        value = self.human.get(name)
        listed = [" ".join(part.split()) for part in value.split("\n\n")] if isinstance(value, str) else value or ()
        return tuple(part for part in map(plain, listed) if not is_placeholder(part))

    def statement(self, name: str) -> tuple[Text, ...]:
        """A field's paragraphs, or the visible gap where they should stand."""
        paragraphs = self.said(name)
        if paragraphs:
            return tuple(Text(part, field=name) for part in paragraphs)
        asked = HUMAN_FIELDS[name]
        if asked.required:
            return (Text(f"{asked.label} is missing. {asked.question}", tone="missing", field=name),)
        return (Text(f"Not stated. {asked.question}", tone="muted", field=name),)

    def missing(self) -> tuple[str, ...]:
        """Required fields that nobody has filled."""
        return tuple(name for name, asked in HUMAN_FIELDS.items() if asked.required and not self.said(name))

    def drawn(self, names: Sequence[str]) -> tuple[Picture, ...]:
        """The pictures among these names."""
        return tuple(self.pictures[name] for name in names if name in self.pictures)


def missing_statements(human: Mapping[str, Any]) -> tuple[str, ...]:
    """The required statements of people that are not there.

    Parameters
    ----------
    human
        The configuration's section ``card``.

    Examples
    --------
    >>> "license" in missing_statements({"license": "MIT"}), "license" in missing_statements({})
    (False, True)
    """
    return Inputs(model={}, human=human).missing()
